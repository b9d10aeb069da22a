//! The program as a user meets it: exit statuses, standard output against standard error, pipes, missing and empty things.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod program;

use std::io::Read;
use std::process::{Command, Stdio};

use program::{tidegate, tidegate_in, tidegate_with};

const GOOD: &str =
    "application argocd/ml\nnamespace ml\n\nwhen job train succeeds\n  then restart isvc fraud;\n       block wave 4\n";
const OBJECTS: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: train, annotations: {argocd.argoproj.io/sync-wave: \"3\"}}\n---\n\
    apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: fraud, annotations: {argocd.argoproj.io/sync-wave: \"4\"}}\n";

/// A folder with files, each name and text; a text of `/` makes a folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *text == "/" {
            std::fs::create_dir_all(path).unwrap();
        } else {
            std::fs::write(path, text).unwrap();
        }
    }
    folder
}

/// Each case: arguments, exit status, what standard output and standard error hold (`""`: nothing at all; `*`: anything).
fn check(files: &[(&str, &str)], cases: &[(&str, i32, &str, &str)]) {
    let folder = folder(files);
    for (args, status, stdout, stderr) in cases {
        let words: Vec<&str> = args.split_whitespace().collect();
        let ran = tidegate(folder.path(), &words);
        let holds = |got: &str, wanted: &str| match wanted {
            "" => got.is_empty(),
            "*" => true,
            wanted => got.contains(wanted),
        };
        assert_eq!(ran.code, *status, "status of `{args}`\n{}{}", ran.out, ran.err);
        assert!(holds(&ran.out, stdout), "standard output of `{args}`: {}", ran.out);
        assert!(holds(&ran.err, stderr), "standard error of `{args}`: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "`{args}` panicked: {}", ran.err);
    }
}

#[test]
fn usage() {
    check(
        &[("good.tide", GOOD)],
        &[
            ("--help", 0, "Usage: tidegate", ""),
            ("--version", 0, "tidegate 0.", ""),
            ("check --help", 0, "RULES", ""),
            ("", 2, "", "Usage: tidegate"),
            ("chekc good.tide", 2, "", "a similar subcommand exists: 'check'"),
            ("check", 2, "", "<RULES>"),
            ("check --format xml good.tide", 2, "", "human, plain, json"),
            ("emit flux --help", 0, "Form of the findings, on standard error", ""),
            ("emit flux good.tide --kustomization A_b", 2, "", "'A_b' for '--kustomization <NAME>': lower-case"),
            ("emit flux good.tide --helmrelease A_b", 2, "", "'--helmrelease <NAME>': lower-case"),
            ("emit flux good.tide --kustomization a --namespace a.b", 2, "", "'--namespace <NAMESPACE>': lower-case"),
            ("emit flux good.tide --kustomization a.b --namespace a", 0, "name: a.b", ""),
            ("emit argocd-cr good.tide --name A", 2, "", "'--name <NAME>': lower-case"),
            ("emit argocd-cr good.tide --namespace A", 2, "", "'--namespace <NAMESPACE>': lower-case"),
            ("graph good.tide --format png", 2, "", "text, dot, mermaid, svg, json"),
            ("check --rulebook NOT_A_NAME good.tide", 1, "NOT_A_NAME", ""),
        ],
    );
}

#[test]
fn files_that_cannot_be_read() {
    check(
        &[
            ("good.tide", GOOD),
            ("empty", "/"),
            ("hidden/.git/x.tide", "nonsense"),
            ("hidden/good.tide", GOOD),
            ("m.yaml", OBJECTS),
        ],
        &[
            ("check good.tide", 0, "", ""),
            ("check nowhere.tide", 2, "", "tidegate: cannot read `nowhere.tide`: No such file"),
            ("check good.tide nowhere.tide", 2, "", "cannot read `nowhere.tide`"),
            ("check empty", 2, "", "no `.tide` file in `empty`"),
            ("check hidden", 0, "", ""),
            ("compile empty", 2, "", "no `.tide` file in `empty`"),
            ("fmt nowhere.tide", 2, "", "cannot read `nowhere.tide`"),
            ("graph good.tide --manifests empty", 2, "", "no `.yaml` or `.yml` or `.json` file in `empty`"),
            ("graph good.tide --manifests nowhere.yaml", 2, "", "cannot read `nowhere.yaml`"),
            ("graph good.tide --manifests m.yaml", 0, "wave 4", ""),
            ("plan good.tide --manifests nowhere.yaml", 2, "", "cannot read `nowhere.yaml`"),
        ],
    );
}

#[test]
fn what_is_wrong_with_rules() {
    check(
        &[
            ("bad.tide", "when job a\n\nwhen jbo b succeeds then restart isvc c\n"),
            ("other.tide", "namespace UPPER\n"),
            ("good.tide", GOOD),
        ],
        &[
            ("check bad.tide other.tide", 1, "other.tide:1:11: error[TG119]", ""),
            ("check bad.tide other.tide", 1, "bad.tide:1:", ""),
            ("check --format plain bad.tide", 1, "bad.tide:3:6: error[TG100]", ""),
            ("check --format json bad.tide", 1, "\"TG100\"", ""),
            ("check --format json good.tide", 0, "[]", ""),
            ("check --format human bad.tide", 1, "", "2 errors"),
            ("check --format human good.tide", 0, "", "1 rule, no errors"),
            // Beside the output of another verb, findings go to standard error.
            ("compile bad.tide", 1, "", "error[TG100]"),
            ("graph bad.tide", 1, "", "error[TG100]"),
            ("graph --format json bad.tide", 1, "", "error[TG100]"),
            ("fmt --check bad.tide", 1, "", "error[TG001]"),
            ("check .", 1, "TG119", ""),
        ],
    );
}

#[test]
fn what_is_wrong_with_manifests() {
    let above = OBJECTS.replace("\"3\"", "\"5\"");
    check(
        &[
            ("good.tide", GOOD),
            ("broken.yaml", &format!("{OBJECTS}---\na: [1\n")),
            ("values.yaml", &format!("{OBJECTS}---\nreplicas: 2\n")),
            ("above.yaml", &above),
        ],
        &[
            (
                "graph good.tide --manifests broken.yaml",
                1,
                "held until job train succeeds",
                "broken.yaml:9:4: error[TG400]",
            ),
            (
                "graph good.tide --manifests values.yaml",
                0,
                "held until job train succeeds",
                "values.yaml:9:1: note[TG401]",
            ),
            ("graph good.tide --manifests above.yaml", 1, "CANNOT be held", "error[TG111]"),
            ("graph good.tide --manifests above.yaml --format json", 1, "\"TG111\"", "error[TG111]"),
        ],
    );
}

#[test]
fn a_file_that_is_not_utf8() {
    let folder = folder(&[]);
    std::fs::write(folder.path().join("latin.tide"), b"# caf\xe9\nnamespace ml\n").unwrap();
    for (args, stdout) in
        [(&["check", "latin.tide"][..], true), (&["fmt", "latin.tide"], false), (&["compile", "latin.tide"], false)]
    {
        let ran = tidegate(folder.path(), args);
        assert_eq!(ran.code, 1);
        let said = if stdout { &ran.out } else { &ran.err };
        assert!(said.contains("latin.tide:1:6: error[TG006]"), "{args:?}: {said}");
    }
    assert_eq!(std::fs::read(folder.path().join("latin.tide")).unwrap(), b"# caf\xe9\nnamespace ml\n");
}

#[test]
fn standard_input() {
    let folder = folder(&[("good.tide", GOOD)]);
    let ran = tidegate_with(folder.path(), &["graph", "good.tide", "--manifests", "-", "--format", "json"], OBJECTS);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let graph: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(graph["version"], 1);
    assert!(ran.out.contains("<stdin>"));
    let ran = tidegate_with(folder.path(), &["check", "-"], "when job a succeeds then restart isvc b\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let ran = tidegate_with(folder.path(), &["fmt", "-"], "namespace    ml\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "namespace ml\n"));
}

#[test]
fn fmt_lays_out_and_leaves_alone() {
    let folder =
        folder(&[("a.tide", "namespace    ml\n"), ("b.tide", "namespace ml\n"), ("broken.tide", "when   nothing\n")]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let ran = tidegate(folder.path(), &["fmt", "--check", "a.tide", "b.tide"]);
    assert_eq!((ran.code, ran.out.as_str(), read("a.tide").as_str()), (1, "a.tide\n", "namespace    ml\n"));
    let ran = tidegate(folder.path(), &["fmt", "."]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("./a.tide: laid out") && ran.err.contains("./broken.tide:1:8: error[TG001]"),
        "{}",
        ran.err
    );
    assert_eq!((read("a.tide").as_str(), read("broken.tide").as_str()), ("namespace ml\n", "when   nothing\n"));
    let ran = tidegate(folder.path(), &["fmt", "--check", "a.tide", "b.tide"]);
    assert_eq!((ran.code, ran.out, ran.err), (0, String::new(), String::new()));
}

/// The same rules in any order, twice or once, by file or by folder, compile to the same bytes.
#[test]
fn compile_is_the_same_for_any_order() {
    let folder = folder(&[
        ("r/a.tide", GOOD),
        ("r/b.tide", "namespace ml\nrule r { when job x fails\n then notify broken \"x\" }\n"),
    ]);
    let first = tidegate(folder.path(), &["compile", "r/a.tide", "r/b.tide"]);
    assert_eq!(first.code, 0);
    assert!(first.out.ends_with("}\n"));
    for args in
        [&["compile", "r/b.tide", "r/a.tide"][..], &["compile", "r"], &["compile", "r", "r/a.tide", "./r/b.tide"]]
    {
        assert_eq!(tidegate(folder.path(), args).out, first.out, "{args:?}");
    }
}

/// `tidegate graph … | head -c 1`: the reader goes away long before the end. No panic, no message, the verb's own status.
#[test]
fn a_reader_that_goes_away() {
    let mut rules = String::from("namespace ml\n");
    for n in 0..2_000 {
        rules.push_str(&format!("job j{n} after job j{}\n", n + 1));
    }
    let folder = folder(&[("many.tide", &rules)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["graph", "many.tide", "--format", "json"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut one = [0];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut one).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

/// A full disk is not a success.
#[test]
fn output_that_cannot_be_written() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let folder = folder(&[("good.tide", GOOD)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = command
        .args(["compile", "good.tide"])
        .current_dir(folder.path())
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot write to standard output"));
}

/// A ConfigMap's folder: the files are links into `..data`, which is a link into a dated folder; each is read once.
#[cfg(unix)]
#[test]
fn a_mounted_configmap_is_read_once() {
    let folder = folder(&[("..2026_03_01/a.tide", GOOD)]);
    std::os::unix::fs::symlink("..2026_03_01", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/a.tide", folder.path().join("a.tide")).unwrap();
    let ran = tidegate(folder.path(), &["check", "--format", "human", "."]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "1 rule, no errors\n"));
}

/// The same findings for a person, for a log and for a program: a place that a terminal can open, underlines, the fix.
#[test]
fn findings_in_each_form() {
    let rules = "application argocd/ml\nnamespace ml\n\n\
        when job train suceeds then restart isvc fraud\n\
        when job träin-2 succeeds then restart isvc fraud; cooldown 10 minutes\n\n\
        rule again {\n  when application argocd/ml is healthy\n  then sync application argocd/ml\n}\n\n\
        rule again {\n  when notebok train succeeds\n  then notify done \"{train.nmae}\"\n}\n";
    let folder = folder(&[
        ("rules/a.tide", rules),
        ("rules/b.tide", "kind job = batch/v1 Job (jobs)\nkind x = a/v1 X (xs) {\n  healthy \"\" when true\n}\n"),
    ]);
    for format in ["human", "plain", "json"] {
        let ran = tidegate(folder.path(), &["check", "rules", "--format", format]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        insta::assert_snapshot!(format!("findings-{format}"), format!("{}{}", ran.out, ran.err));
    }
}

#[test]
fn a_pipe_that_carries_nothing() {
    let folder = folder(&[("good.tide", GOOD), ("m.yaml", OBJECTS)]);
    let told = "standard input holds no document; did the command before the pipe fail?";
    for args in [
        "lint --manifests -",
        "lint good.tide --manifests m.yaml --manifests -",
        "plan good.tide --manifests -",
        "graph good.tide --manifests -",
        "annotate good.tide --manifests -",
        "annotate good.tide --print --manifests -",
        "annotate good.tide --krm",
    ] {
        for input in ["", "\n", "---\n# Source: chart/templates/a.yaml\n---\n"] {
            let words: Vec<&str> = args.split_whitespace().collect();
            let ran = tidegate_with(folder.path(), &words, input);
            assert_eq!(ran.code, 2, "`{args}` of {input:?}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(told) && ran.out.is_empty(), "`{args}` of {input:?}: {}{}", ran.out, ran.err);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_is_passed_over() {
    let folder = folder(&[("m/a/good.yaml", OBJECTS), ("other/late.yaml", "# nothing\n")]);
    std::os::unix::fs::symlink(".", folder.path().join("m/self")).unwrap();
    std::os::unix::fs::symlink("../..", folder.path().join("m/a/up")).unwrap();
    let ran = tidegate(folder.path(), &["lint", "--manifests", "m", "--format", "human"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "2 objects, nothing found\n"), "{}{}", ran.out, ran.err);
}

/// `web` of `prod` needs an account that names no namespace and comes later.
const HOMELESS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: prod}\n\
    spec: {template: {spec: {serviceAccountName: web, containers: [{name: a, image: a}]}}}\n---\n\
    apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: \"2\"}}\n";

#[test]
fn objects_without_a_namespace_are_where_most_others_are() {
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: NS}\n";
    let twin = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: prod}\n";
    let files = [
        ("one.yaml", HOMELESS.to_owned()),
        // Of equals the first by name.
        ("dev.yaml", format!("{HOMELESS}{}", other.replace("NS", "dev"))),
        ("qa.yaml", format!("{HOMELESS}{}", other.replace("NS", "qa"))),
        // An account of its own is there already.
        ("twin.yaml", format!("{HOMELESS}{twin}")),
        ("good.tide", "when job train succeeds then notify \"done\"\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let needs = "TG601]: deployment `web` in wave 0 needs ServiceAccount `web`";
    check(
        &files,
        &[
            ("lint --format plain --manifests one.yaml", 1, needs, ""),
            ("lint --format plain --manifests dev.yaml", 0, "", ""),
            ("lint --format plain --manifests qa.yaml", 1, needs, ""),
            ("lint --format plain --manifests twin.yaml", 0, "", ""),
            ("lint --format plain --manifests one.yaml --default-namespace prod", 1, needs, ""),
            ("lint --format plain --manifests one.yaml --default-namespace dev", 0, "", ""),
            ("lint --format human --manifests one.yaml", 1, "", "1 error\n"),
        ],
    );
    let ran = tidegate(folder(&files).path(), &["lint", "good.tide", "--format", "plain", "--manifests", "one.yaml"]);
    assert!(!ran.out.contains("TG601"), "rules without a namespace speak of `default`: {}", ran.out);
}

#[test]
fn a_line_break_in_an_annotation_stays_in_one_line_and_notes_are_counted() {
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    argocd.argoproj.io/sync-wave: \"x\\ny\"\n";
    let moved = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ml}\n---\napiVersion: v1\nkind: ConfigMap\n\
        metadata: {name: a, namespace: ml, annotations: {argocd.argoproj.io/sync-wave: \"-1\"}}\n";
    let null = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {x: null, argocd.argoproj.io/sync-wave: \"3\"}}\n";
    check(
        &[("broken.yaml", broken), ("moved.yaml", moved), ("null.yaml", null)],
        &[
            (
                "lint --format plain --manifests broken.yaml",
                1,
                "[TG404]: `x y` is not a wave; Argo CD passes over it",
                "",
            ),
            ("lint --format human --manifests moved.yaml", 0, "", "\n1 note\n"),
            // An annotation without a value is an empty text to the API server.
            ("lint --format plain --manifests null.yaml", 0, "", ""),
        ],
    );
}

#[test]
fn annotate_says_what_it_cannot_order() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    check(
        &[("after.tide", "configmap zz after configmap a\n"), ("m.yaml", object)],
        &[("annotate after.tide --manifests m.yaml --print", 0, object, "note[TG642]: no manifest makes configmap zz")],
    );
}

/// A server that does not answer is named: which cluster was meant is the first question then.
#[test]
fn a_cluster_that_does_not_answer() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\nusers: [{{name: u, user: {{}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
    );
    let folder = folder(&[("good.tide", GOOD), ("config", &config)]);
    let path = folder.path().join("config");
    for arguments in [
        &["plan", "good.tide", "--live"][..],
        &["explain", "job", "train", "good.tide"],
        &["check", "good.tide", "--live"],
    ] {
        let ran = tidegate_in(folder.path(), arguments, &[("KUBECONFIG", path.to_str().unwrap())]);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(&format!("cannot read the cluster at {server}")), "{arguments:?}: {}", ran.err);
    }
}
