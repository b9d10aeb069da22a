//! The verb `health`: what it prints, and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value as Json, json};

use crate::kinds::{book, engine, kind_of, verdict};
use crate::{corpus, skip};

const RULES: &str = r#"kind widget = example.org/v1 Widget (widgets) {
  let phase = self.?status.?phase.orValue("")
  suspended   "off"                        when !self.spec.enabled
  healthy     "as wanted"                  when phase == "Ready"
  degraded    "{self.status.message}"      when phase == "Failed"
  progressing "{phase}"                    otherwise
}
"#;

const OBJECTS: &str = "\
apiVersion: example.org/v2
kind: Widget
metadata: {name: a, namespace: team}
spec: {enabled: true}
status: {phase: Failed, message: no disk}
---
apiVersion: example.org/v1
kind: Widget
metadata: {name: b, deletionTimestamp: '2026-03-01T08:00:00Z'}
---
apiVersion: example.org/v1
kind: Gadget
metadata: {name: c}
";

fn tidegate(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate")).current_dir(folder).arg("health").args(args).output().unwrap()
}

/// A folder with `widget.tide`, `objects.yaml`, and cases in `cases/`.
fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("widget.tide", RULES);
    write("objects.yaml", OBJECTS);
    std::fs::create_dir_all(folder.path().join("cases/testdata")).unwrap();
    let object = |status: &str| {
        format!("apiVersion: example.org/v1\nkind: Widget\nspec: {{enabled: true}}\nstatus: {{{status}}}\n")
    };
    write("cases/testdata/ready.yaml", &object("phase: Ready"));
    write("cases/testdata/failed.yaml", &object("phase: Failed, message: why"));
    write("cases/testdata/gadget.yaml", "apiVersion: example.org/v1\nkind: Gadget\n");
    write(
        "cases/health_test.yaml",
        "tests:\n\
         - {healthStatus: {status: Healthy, message: as wanted}, inputPath: testdata/ready.yaml}\n\
         - {healthStatus: {status: Degraded, message: other}, inputpath: testdata/failed.yaml}\n\
         - {healthStatus: {status: Suspended}, inputPath: testdata/failed.yaml}\n\
         - {healthStatus: {status: Healthy}, inputPath: testdata/gadget.yaml}\n",
    );
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn objects_are_told_with_the_line_that_decided_and_what_it_looked_at() {
    let folder = stage();
    let found = tidegate(folder.path(), &["objects.yaml", "widget.tide", "--format", "human"]);
    let wanted = "\
widget team/a  Degraded: no disk
  widget.tide:5  degraded \"{self.status.message}\" when phase == \"Failed\"
    phase is \"Failed\"
    self.status.message is \"no disk\"
widget b  Progressing: Pending deletion
  it is being deleted; otherwise this line would decide:
  widget.tide:6  progressing \"{phase}\" otherwise
    self.spec.enabled is absent: spec.enabled
    phase is \"\"
  widget.tide:3  does not hold: absent: spec.enabled
example.org/v1 Gadget c  no kind says how to read it
  objects.yaml:11:1
";
    assert_eq!(text(&found.stdout), wanted, "{}", text(&found.stderr));
    assert_eq!(found.status.code(), Some(1), "an object has no kind");
    // A folder gives its rules and its manifests.
    let plain = tidegate(folder.path(), &[".", "--format", "plain"]);
    let plain = text(&plain.stdout);
    assert!(plain.contains("objects.yaml:1:1: widget team/a: Degraded: no disk (./widget.tide:5)\n"), "{plain}");
    let json: Json =
        serde_json::from_slice(&tidegate(folder.path(), &["objects.yaml", "widget.tide", "--format", "json"]).stdout)
            .unwrap();
    assert_eq!(json["objects"][0]["line"], "widget.tide:5");
    assert_eq!(json["objects"][1]["passed"][0], json!({"line": "widget.tide:3", "holds": "absent: spec.enabled"}));
    assert_eq!(json["objects"][2]["status"], Json::Null);
}

#[test]
fn cases_are_counted_and_those_that_differ_are_explained() {
    let folder = stage();
    let found = tidegate(folder.path(), &["--test", "cases", "widget.tide", "--format", "human"]);
    let wanted = "\
cases/testdata/failed.yaml  another message
  expected  Degraded: other
  got       Degraded: why
  widget.tide:5  degraded \"{self.status.message}\" when phase == \"Failed\"
    phase is \"Failed\"
    self.status.message is \"why\"

cases/testdata/failed.yaml  differs
  expected  Suspended
  got       Degraded: why
  widget.tide:5  degraded \"{self.status.message}\" when phase == \"Failed\"
    phase is \"Failed\"
    self.status.message is \"why\"

4 cases: 1 exact, 1 in status only, 1 differing, 1 without a kind
";
    assert_eq!(text(&found.stdout), wanted, "{}", text(&found.stderr));
    assert_eq!(found.status.code(), Some(1));
    let json: Json = serde_json::from_slice(
        &tidegate(folder.path(), &["--test", "cases", "widget.tide", "--format", "json"]).stdout,
    )
    .unwrap();
    for (key, wanted) in [("cases", 4), ("exact", 1), ("status_only", 1), ("differing", 1), ("without_kind", 1)] {
        assert_eq!(json[key], wanted, "{key}");
    }
    assert_eq!(json["results"][1]["outcome"], "status_only");
    assert_eq!(json["results"][1]["got"], json!({"status": "Degraded", "message": "why"}));
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = stage();
    let cases: &[(&[&str], &str)] = &[
        (&["widget.tide"], "no object is given"),
        (&["absent.yaml"], "cannot read `absent.yaml`"),
        (&["--test", "cases", "objects.yaml"], "`objects.yaml` is not a .tide file"),
        (&["--test", "cases/testdata"], "no health_test.yaml with cases in `cases/testdata`"),
    ];
    for (args, wanted) in cases {
        let found = tidegate(folder.path(), args);
        assert_eq!(found.status.code(), Some(2), "{args:?}");
        assert!(text(&found.stderr).contains(wanted), "{args:?}: {}", text(&found.stderr));
    }
}

/// The verb and this test read the cases each by themselves, and count the same.
#[test]
fn the_verb_counts_as_the_test_does() {
    let Some(corpus) = skip::corpus("the_verb_counts_as_the_test_does") else { return };
    let book = book();
    let (mut cases, mut exact, mut without_kind) = (0, 0, 0);
    for case in corpus::cases(&corpus) {
        cases += 1;
        match kind_of(&book, &case.object) {
            Some(kind) => exact += usize::from(verdict(&engine(kind, &case.object)) == case.wanted),
            None => without_kind += 1,
        }
    }
    let folder = corpus.join("health");
    let mut args = vec!["--format", "json", "--test", folder.to_str().unwrap()];
    let community = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/community");
    if community.exists() {
        args.push(community.to_str().unwrap());
    }
    let found = tidegate(&corpus, &args);
    let json: Json = serde_json::from_slice(&found.stdout).unwrap_or_else(|_| panic!("{}", text(&found.stderr)));
    assert_eq!([&json["cases"], &json["exact"], &json["without_kind"]], [cases, exact, without_kind]);
    assert_eq!(json["results"].as_array().unwrap().len(), cases);
}
