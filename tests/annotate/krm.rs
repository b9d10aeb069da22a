//! The KRM function.

use serde_json::Value;

use crate::run::{Ran, folder, tidegate};

const ITEMS: &str = "apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
# the volume
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: cache # stays
    annotations:
      internal.config.kubernetes.io/path: 'pvc.yaml'
      internal.config.kubernetes.io/index: '0'
- apiVersion: v1
  kind: Secret
  metadata:
    name: key
";

const RULES: &str = "application argocd/ml\nnamespace ml\npvc cache after secret key\n";

fn run(input: &str, args: &[&str]) -> Ran {
    let folder = folder(&[("r.tide", RULES)]);
    let mut words = vec!["annotate"];
    words.extend(args);
    tidegate(folder.path(), &words, input)
}

fn read(text: &str) -> Value {
    tidegate::manifests::parse_yaml(text).unwrap()
}

/// The list comes back with the wave, a result, and every other line.
fn check(input: &str, args: &[&str]) {
    let ran = run(input, args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?} {}", ran.out);
    let line = "      argocd.argoproj.io/sync-wave: '1'\n";
    let (body, results) = ran.out.split_once("results:\n").unwrap();
    assert_eq!(body.replace(line, ""), input);
    assert!(body.contains(line), "{body}");
    let result = &read(&format!("results:\n{results}"))["results"][0];
    assert_eq!(result["message"], "wave none -> 1: after secret key (wave 0)");
    assert_eq!(result["severity"], "info");
    assert_eq!(result["resourceRef"]["kind"], "PersistentVolumeClaim");
    assert_eq!(result["field"]["proposedValue"], "1");
    assert_eq!(result["file"], serde_json::json!({"path": "pvc.yaml", "index": 0}));
}

fn indented(rules: &str, by: usize) -> String {
    rules.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

#[test]
fn rules_from_a_config_map_from_a_spec_and_from_a_file() {
    let map = format!(
        "{ITEMS}functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: x}}\n  data:\n    other: x\n    a.tide: |\n{}",
        indented(RULES, 6)
    );
    let spec = format!(
        "{ITEMS}functionConfig:\n  apiVersion: tidegate.dev/v1\n  kind: Waves\n  spec:\n    rules: |\n{}",
        indented(RULES, 6)
    );
    check(&map, &["--krm"]);
    check(&spec, &["--krm"]);
    check(ITEMS, &["--krm", "r.tide"]);
    // Standard input that is one is taken for one.
    check(ITEMS, &["r.tide", "--manifests", "-"]);
}

#[test]
fn a_list_in_json_comes_back_in_json() {
    let list = serde_json::to_string(&read(ITEMS)).unwrap();
    let ran = run(&list, &["--krm", "r.tide"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let after: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(after["items"][0]["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"], "1");
    assert_eq!(after["results"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_to_change_is_as_it_came() {
    let done = ITEMS.replace("    annotations:\n", "    annotations:\n      argocd.argoproj.io/sync-wave: '4'\n");
    let ran = run(&done, &["--krm", "r.tide"]);
    assert_eq!((ran.code, ran.out), (0, done));
}

#[test]
fn what_is_refused_is_a_result_and_fails() {
    let shared = ITEMS.replace("    annotations:\n", "    annotations: &all\n") + "    labels: *all\n";
    let ran = run(&shared, &["--krm", "r.tide"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let results = read(&ran.out)["results"].clone();
    assert_eq!(results[0]["severity"], "error", "{results}");
    assert!(results[0]["message"].as_str().unwrap().contains("stands in several places"), "{results}");
    assert!(ran.out.starts_with(&shared));
    // Rules that do not compile, or none at all.
    let bad = format!("{ITEMS}functionConfig:\n  kind: ConfigMap\n  data:\n    rules: when\n");
    assert_eq!(run(&bad, &["--krm"]).code, 1);
    let none = run(ITEMS, &["--krm"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("no rules"), "{}", none.err);
}
