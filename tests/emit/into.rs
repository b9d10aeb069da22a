//! `emit argocd-cm --into FILE`, `emit argocd-cr --into FILE`: what is refused, and what the real Argo CD makes of it.

use std::path::Path;
use std::process::Command;

use tidegate::emit::{ArgocdCmOptions, ArgocdCrOptions, argocd_cm, argocd_cr};
use tidegate::manifests::argocd_key_problems;
use tidegate::manifests::overlay::objects;

use crate::health::book;
use crate::skip;
use crate::text::documents;
use crate::tools::Tools;

/// Strings with open libraries and without, the core group, a kind that Argo CD has a check for.
const KINDS: &str = r#"
kind odd = example.org/v1 Odd (odds) {
  healthy "odd" when self.?spec.?s.orValue("").endsWith("z")
  progressing "not yet" otherwise
}
kind mypod = v1 Pod (pods) {
  healthy "mine" otherwise
}
"#;

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `emit` in a folder that holds the rules.
fn emit(folder: &Path, args: &str) -> Ran {
    std::fs::write(folder.join("rules.tide"), KINDS).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let ran = command.current_dir(folder).arg("emit").args(args.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: ran.status.code(), stdout: text(ran.stdout), stderr: text(ran.stderr) }
}

fn folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

const CM: &str = "# ours\nkind: Namespace\napiVersion: v1\nmetadata: {name: argocd}\n---\napiVersion: v1\nkind: ConfigMap # of Argo CD\nmetadata:\n  name: argocd-cm\n\
    \x20 labels: {app.kubernetes.io/part-of: argocd}\ndata:\n  url: 'https://argocd.example.org'   # kept\n  resource.customizations.useOpenLibs.example.org_Odd: 'false' # why\n\
    \x20 resource.customizations.health.Pod: |-\n    return {status = \"Suspended\"}\n\n  # the last\n  zzz: |\n    text\n---\nkind: Secret\napiVersion: v1\n";

#[test]
fn a_config_map_keeps_what_it_has() {
    let folder = folder("cm.yaml", CM);
    let ran = emit(folder.path(), "argocd-cm rules.tide --into cm.yaml");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("argocd_cm_into", ran.stdout);
    assert_eq!(
        ran.stderr,
        "cm.yaml: replaced data resource.customizations.health.Pod\n\
         cm.yaml: added data resource.customizations.health.example.org_Odd\n\
         cm.yaml: replaced data resource.customizations.useOpenLibs.example.org_Odd\n"
    );
    assert_eq!(std::fs::read_to_string(folder.path().join("cm.yaml")).unwrap(), CM, "printed, not written");
    let written = emit(folder.path(), "argocd-cm rules.tide --into cm.yaml --write");
    assert_eq!((written.status, written.stdout.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("cm.yaml")).unwrap(), ran.stdout);
    let again = emit(folder.path(), "argocd-cm rules.tide --into cm.yaml --write");
    assert_eq!((again.status, again.stderr.as_str()), (Some(0), "cm.yaml: nothing to change\n"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    // What is emitted into its own output is that output.
    let book = book(KINDS);
    let own = argocd_cm(&book, &ArgocdCmOptions::default()).unwrap();
    std::fs::write(folder.path().join("own.yaml"), &own).unwrap();
    assert_eq!(emit(folder.path(), "argocd-cm rules.tide --into own.yaml").stdout, own);
}

#[test]
fn an_argocd_resource_keeps_what_it_has() {
    let before = "apiVersion: argoproj.io/v1beta1\nkind: ArgoCD\nmetadata: {name: mine, namespace: gitops}\nspec:\n  resourceHealthChecks: # ours\n  - group: argoproj.io\n    kind: Application\n\
        \x20   check: |\n      return {status = \"Healthy\"}\n  - kind: Pod\n    check: return {status = \"Suspended\"} # old\n  extraConfig: {admin.enabled: \"false\"}\n  server: {route: {enabled: true}}\n";
    let folder = folder("cr.yaml", before);
    let ran = emit(folder.path(), "argocd-cr rules.tide --into cr.yaml");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("argocd_cr_into", ran.stdout);
    assert_eq!(emit(folder.path(), "argocd-cr rules.tide --into cr.yaml --name other").status, Some(2));
    let own = argocd_cr(&book(KINDS), &cr_options()).unwrap();
    std::fs::write(folder.path().join("own.yaml"), &own).unwrap();
    assert_eq!(emit(folder.path(), "argocd-cr rules.tide --into own.yaml").stdout, own);
}

fn cr_options() -> ArgocdCrOptions {
    ArgocdCrOptions { name: "openshift-gitops".to_owned(), namespace: "openshift-gitops".to_owned(), all: false }
}

#[test]
fn the_argocd_resource() {
    insta::assert_snapshot!("argocd_cr", argocd_cr(&book(KINDS), &cr_options()).unwrap());
    assert!(argocd_cr(&book(""), &cr_options()).unwrap().ends_with("\nspec: {}\n"));
    let options = emit(tempfile::tempdir().unwrap().path(), "argocd-cr rules.tide --name a --namespace true");
    assert!(options.stdout.contains("\n  name: a\n  namespace: \"true\"\n"), "{}", options.stdout);
}

/// The operator's `reconcileArgoConfigMap`, as far as health goes, makes of one form the other.
#[test]
fn both_forms_say_the_same() {
    let book = book(KINDS);
    let all = ArgocdCmOptions { all: true, ..ArgocdCmOptions::default() };
    let map = documents(&argocd_cm(&book, &all).unwrap()).remove(0);
    let resource = documents(&argocd_cr(&book, &ArgocdCrOptions { all: true, ..cr_options() }).unwrap()).remove(0);
    assert_eq!((&resource["apiVersion"], &resource["kind"]), (&"argoproj.io/v1beta1".into(), &"ArgoCD".into()));
    let mut made = serde_json::Map::new();
    for check in resource["spec"]["resourceHealthChecks"].as_array().unwrap() {
        let group = check["group"].as_str().map(|group| format!("{group}_")).unwrap_or_default();
        let key = format!("resource.customizations.health.{group}{}", check["kind"].as_str().unwrap());
        made.insert(key, check["check"].clone());
    }
    made.extend(resource["spec"]["extraConfig"].as_object().unwrap().clone());
    assert_eq!(serde_json::Value::Object(made), map["data"]);
}

/// A key and its value in `data`, and the words of the refusal; `""` where it costs nothing.
const KEYS: &[(&str, &str, &str)] = &[
    ("resource.customizations.health.a_b_c", "return {}", "ends neither in `<group>_<Kind>` nor in `<Kind>`"),
    ("resource.customizations.actions.a_b_c", "x", "ends neither in"),
    ("resource.customizations.health.", "return {}", "name the kind, or remove the key"),
    ("resource.customizations.healt.batch_Job", "return {}", "`healt` is no kind of override that Argo CD knows"),
    ("resource.customizations-old.helth.batch_Job", "return {}", "`helth` is no kind of override"),
    ("resource.customizations.useOpenLibs.batch_Job", "yes", "write `\"true\"` or `\"false\"`"),
    ("resource.customizations.ignoreDifferences.batch_Job", "- a", "write a map in YAML"),
    ("resource.customizations.ignoreDifferences.batch_Job", "a: [", "write a map in YAML"),
    ("resource.customizations.ignoreResourceUpdates.all", "text", "write a map in YAML"),
    ("resource.customizations.knownTypeFields.batch_Job", "a: b", "write a list in YAML"),
    ("resource.customizations", "- a", "is not a map in YAML of kinds"),
    ("resource.customizations", "batch/Job: text", "is not a map in YAML of kinds"),
    ("resource.customizations.health", "return {}", ""),
    ("resource.customizations.health.batch_", "return {}", ""),
    ("resource.customizations.health._Job", "return {}", ""),
    ("resource.customizations.health.*.example.org_*", "return {}", ""),
    ("resource.customizations.useOpenLibs.batch_Job", "T", ""),
    ("resource.customizations.ignoreDifferences.all", "", ""),
    ("resource.customizations.ignoreDifferences.batch_Job", "jsonPointers: [/spec]", ""),
    ("resource.customizations.knownTypeFields.batch_Job", "- {field: spec, type: core/v1/PodSpec}", ""),
    ("resource.customizations", "", ""),
    ("resource.customizations", "batch/Job: {health.lua: 'return {}'}", ""),
    ("resource.custom", "x", ""),
];

fn with_key(key: &str, value: &str) -> String {
    let entry = format!("data:\n  {key}: {}\n", serde_json::Value::from(value));
    CM.split("---\n").nth(1).unwrap().replace("data:\n", &entry).replace("'false' # why", "'true'")
}

#[test]
fn keys_that_break_the_others_are_refused() {
    for (key, value, words) in KEYS {
        let text = with_key(key, value);
        let folder = folder("cm.yaml", &text);
        let ran = emit(folder.path(), "argocd-cm rules.tide --into cm.yaml --format plain");
        if words.is_empty() {
            assert_eq!(ran.status, Some(0), "{key}: {}", ran.stderr);
        } else {
            assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{key}");
            assert!(
                ran.stderr.starts_with("cm.yaml:8:3: error[TG420]: ") && ran.stderr.contains(words),
                "{}",
                ran.stderr
            );
        }
    }
}

/// Both what is refused and what is not: the real Argo CD loads no override at all, or it does.
#[test]
fn the_real_argocd_refuses_the_same_keys() {
    let test = "the_real_argocd_refuses_the_same_keys";
    let tools = match Tools::find(&["argocd"]) {
        Ok(tools) => tools,
        Err(need) => return skip::skipped(test, &need),
    };
    let scratch = tempfile::tempdir().unwrap();
    let (object, map) = (scratch.path().join("o.yaml"), scratch.path().join("cm.yaml"));
    std::fs::write(&object, "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n").unwrap();
    let ask = |text: &str| {
        std::fs::write(&map, text).unwrap();
        let mut command = Command::new(tools.program("argocd"));
        command
            .args(["admin", "settings", "resource-overrides", "health"])
            .arg(&object)
            .arg("--argocd-cm-path")
            .arg(&map);
        let output = command.env_remove("ARGOCD_BINARY_NAME").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    for (key, value, words) in KEYS {
        let said = ask(&with_key(key, value));
        assert_eq!(said.contains("STATUS: Suspended"), words.is_empty(), "{key}: {value}\n{said}");
    }
    // The older form of the same kind is passed over, its open libraries are not.
    let old = "Pod: {health.lua: 'return {status = \"Degraded\"}', health.lua.useOpenLibs: true}";
    assert!(ask(&with_key("resource.customizations", old)).contains("STATUS: Suspended"));
    let alone = with_key("resource.customizations", old).replace("health.Pod", "health.batch_Job");
    assert!(ask(&alone).contains("STATUS: Degraded"));
    let needs = "    return {status = string.lower(\"A\") == \"a\" and \"Missing\" or \"Unknown\"}";
    let libs = with_key("resource.customizations", old).replace("    return {status = \"Suspended\"}", needs);
    assert!(ask(&libs).contains("STATUS: Missing"));
}

#[test]
fn a_check_that_another_place_overrides_is_told() {
    let old =
        with_key("resource.customizations", "example.org/Odd: {health.lua: 'return {}'}\nbatch/Job: {health.lua: x}\n");
    let cases = [
        (
            old,
            0,
            "warning[TG420]: `resource.customizations` has a `health.lua` for `example.org/Odd`: Argo CD passes it over",
        ),
        (
            with_key("resource.customizations-x.health.Pod", "x"),
            1,
            "for `resource.customizations.health.Pod` too, now this one, now the other",
        ),
        (CM.replace("name: argocd-cm", "name: argocd"), 2, "`cm.yaml` holds no ConfigMap `argocd-cm`"),
        (format!("{CM}---\n{CM}"), 2, "there are several: cm.yaml:6:1 and cm.yaml:29:1; say which with `--namespace`"),
        ("a: [".to_owned(), 1, "error[TG400]"),
        (CM.replace("|-\n    return", "&a |-\n    return"), 1, "has an anchor"),
    ];
    for (text, status, words) in cases {
        let folder = folder("cm.yaml", &text);
        let ran = emit(folder.path(), "argocd-cm rules.tide --into cm.yaml --format plain");
        assert_eq!(ran.status, Some(status), "{words}\n{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words}\n{}", ran.stderr);
    }
    let resource = "apiVersion: argoproj.io/v1beta1\nkind: ArgoCD\nmetadata: {name: a}\nspec:\n";
    let cases = [
        (
            "  extraConfig:\n    resource.customizations.health.Pod: x\n",
            1,
            "writes `extraConfig` over `resourceHealthChecks`",
        ),
        ("  extraConfig:\n    resource.customizations.health.a_b_c: x\n", 1, "ends neither in"),
        (
            "  resourceHealthChecks:\n  - {group: a_b, kind: C, check: x}\n",
            1,
            "cr.yaml:6:5: error[TG420]: the operator makes `resource.customizations.health.a_b_C` of this",
        ),
        ("  resourceHealthChecks:\n  - {check: x}\n", 1, "of this"),
    ];
    for (spec, status, words) in cases {
        let folder = folder("cr.yaml", &format!("{resource}{spec}"));
        let ran = emit(folder.path(), "argocd-cr rules.tide --into cr.yaml --format plain");
        assert_eq!(ran.status, Some(status), "{words}\n{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words}\n{}", ran.stderr);
    }
    let map = with_key("resource.customizations.health.a_b_c", "x");
    assert!(argocd_key_problems(&objects(&map).unwrap()[0], &["data"], &[])[0].breaks);
}
