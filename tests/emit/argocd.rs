//! The emitted ConfigMap in the real Argo CD: `argocd admin settings resource-overrides health`, which needs no cluster.

use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use tidegate::emit::{ArgocdCmOptions, argocd_cm};
use tidegate::rulebook::Kind;

use crate::health::{book, engine, why_not};
use crate::objects::{Shape, words};
use crate::skip;
use crate::tools::Tools;

/// One's own kinds, beside the built-in ones: strings without and with open libraries, numbers, kstatus.
const KINDS: &str = r#"
kind odd = example.org/v1 Odd (odds) {
  healthy "{self.spec.s.split('%').join('|')} é \"{self.spec.i}\" {self.spec.d}\n{self.spec.l.map(k, k).join('')}" when self.spec.s.startsWith("é") && self.spec.s.endsWith(".")
  degraded "{size(self.spec.l)} {self.spec.i + 1}" when self.spec.l.exists(k, k >= "b") && "a" in self.spec.l
  progressing "{self.spec.nothing}" otherwise
}
kind plain = example.org/v1 Plain (plains) {
  healthy "{self.spec.l.filter(c, c.startsWith('é')).join('')}" when self.spec.l.all(c, c != "") && !self.spec.l.exists_one(c, c == "x")
  progressing "" otherwise
}
kind widget = example.org/v1 Widget (widgets)
"#;

#[test]
fn the_real_argocd_says_the_same() {
    let test = "the_real_argocd_says_the_same";
    let tools = match Tools::find(&["argocd"]) {
        Ok(tools) => tools,
        Err(need) => return skip::skipped(test, &need),
    };
    let Some(corpus) = skip::corpus(test) else { return };
    let book = book(KINDS);
    let scratch = tempfile::tempdir().unwrap();
    let map = scratch.path().join("argocd-cm.yaml");
    let options = ArgocdCmOptions { all: true, ..ArgocdCmOptions::default() };
    std::fs::write(&map, argocd_cm(&book, &options).unwrap()).unwrap();
    let mut asked = 0;
    for kind in &book.kinds {
        for mut object in objects(kind, &corpus) {
            object["apiVersion"] =
                if kind.group.is_empty() { json!("v1") } else { json!(format!("{}/{}", kind.group, kind.version)) };
            object["kind"] = json!(&*kind.kind);
            object["metadata"]["name"] = json!("x");
            let path = scratch.path().join("object.json");
            std::fs::write(&path, object.to_string()).unwrap();
            let wanted = engine(kind, &object);
            let found = ask(&tools.program("argocd"), &path, &map);
            assert_eq!(
                (found.0, why_not(&found.1)),
                (wanted.0, why_not(wanted.1.trim_end())),
                "{}: {object}",
                kind.short
            );
            asked += 1;
        }
    }
    println!("{asked} objects");
}

/// Argo CD's own cases, some by hand, a few by chance.
fn objects(kind: &Kind, corpus: &Path) -> Vec<Json> {
    let yaml = |text: &str| serde_yaml::from_str::<Json>(text).unwrap();
    let mut objects = Vec::new();
    let folder = corpus.join("health").join(format!("{}_{}", kind.group, kind.kind)).join("testdata");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    // A few: `tests/health` asks all of them, of Argo CD's own package.
    objects.extend(files.iter().step_by(2).take(3).map(|path| yaml(&std::fs::read_to_string(path).unwrap())));
    let by_hand: &[&str] = match &*kind.short {
        "notebook" => &[
            "{}",
            "status: {phase: Succeeded}",
            "status: {phase: Failed, message: 'cell 3: \"é\"'}",
            "status: {phase: Failed}",
            "status: {phase: Building}",
            "status: oops",
            "status: {phase: null}",
            "status: {phase: {a: 1}}",
        ],
        "odd" => &[
            "spec: {s: 'éa%b%%.', i: 12345678901, d: 1.0e+22, l: {c: 1, a: 1, b: 1}}",
            "spec: {l: {a: 1, c: 1}, i: 2}",
            "spec: {l: [a, b], i: 2}",
            "spec: {s: 5, l: a}",
        ],
        "plain" => {
            &["spec: {l: [éa, ê, é, f]}", "spec: {l: [x]}", "spec: {l: []}", "spec: {l: {éb: 1, éa: 2}}", "spec: {}"]
        }
        _ => &[],
    };
    objects.extend(by_hand.iter().map(|text| yaml(text)));
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let random = Shape::of(kind).objects(&words("\"Succeeded\" \"Ready\" \"Stalled\" \"Failed\""), true);
    for _ in 0..2 {
        let mut object = random.new_tree(&mut runner).unwrap().current();
        // Argo CD reads the times in metadata itself.
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|key, _| key == "generation" || key == "annotations");
        }
        objects.push(object);
    }
    objects
}

/// Status and message; the message without the line end after it.
fn ask(argocd: &Path, object: &Path, map: &Path) -> (String, String) {
    let mut command = Command::new(argocd);
    command.args(["admin", "settings", "resource-overrides", "health"]).arg(object).arg("--argocd-cm-path").arg(map);
    // The one binary takes its role from this variable.
    let output = command.env_remove("ARGOCD_BINARY_NAME").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let parts = text.strip_prefix("STATUS: ").and_then(|rest| rest.split_once("\nMESSAGE: "));
    let (status, message) = parts.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (status.to_owned(), message.trim_end().to_owned())
}
