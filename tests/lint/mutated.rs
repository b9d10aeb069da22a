//! Every example and case of lint, with values put in places where they do not belong: no panic, and each finding points at text that is there.

use serde_json::{Value, json};
use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::lint::{Subject, manifests};
use tidegate::manifests::{App, Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{Options, Rulebook, load};

/// Changed versions of each example.
const ROUNDS: usize = 5;

/// A number from a seed: the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(nodes).sum(),
        Value::Object(map) => map.values().map(nodes).sum(),
        _ => 0,
    }
}

/// Puts something else at the `at`th node, in the order of the text.
fn put(value: &mut Value, at: &mut usize, other: &Value) {
    if *at == 0 {
        *value = other.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if *at == usize::MAX {
            return;
        }
        put(child, at, other);
    }
}

fn lint(rulebook: &Rulebook, sources: &mut Sources, yaml: &str) -> Vec<Diagnostic> {
    let file = sources.add("m.yaml", yaml);
    let mut read = Manifests::default();
    read_text(sources, file, &mut read);
    let application =
        rulebook.application.as_ref().map(|a| App { namespace: a.namespace.clone(), name: a.name.clone() });
    let platform = Platform::new(read, &Defaults { application, namespace: rulebook.namespace.clone() }, sources);
    let graph = tidegate::graph::build(rulebook, Some(&platform));
    manifests(&Subject { platform: &platform, rulebook, graph: &graph, sources })
}

/// The rules and manifests of each section of a page.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let block = |name: &str| {
            let start = section.split_once(&format!("```{name}\n"));
            start.and_then(|(_, rest)| rest.split_once("```")).map(|(block, _)| block.to_owned())
        };
        found.extend(block("yaml").map(|yaml| (block("tide").unwrap_or_default(), yaml)));
    }
    found
}

#[test]
fn misplaced_values_break_no_check() {
    let others = [
        json!(null),
        json!(true),
        json!(-3),
        json!(1.5),
        json!(""),
        json!("x{{y}}"),
        json!([]),
        json!([[{}]]),
        json!({}),
        json!({"a": {"b": [1]}}),
        json!("ENC[AES256_GCM,data:x]"),
        json!("é\u{0}\n*"),
    ];
    let mut dice = Dice(7);
    let mut linted = 0;
    for page in super::pages("docs/lint").into_iter().chain(super::pages("tests/lint/manifests")) {
        for (rules, yaml) in sections(&std::fs::read_to_string(&page).unwrap()) {
            let files = (!rules.is_empty()).then(|| ("rules.tide".to_owned(), rules));
            let compiled = load(files, &Options::default());
            let (rulebook, mut sources) = (compiled.rulebook.unwrap(), compiled.sources);
            let file = sources.add("given.yaml", yaml);
            let mut read = Manifests::default();
            read_text(&sources, file, &mut read);
            for _ in 0..ROUNDS {
                let mut objects: Vec<Value> = read.documents.iter().map(|d| d.object.clone()).collect();
                for _ in 0..1 + dice.roll(3) {
                    let object = dice.roll(objects.len());
                    let Some(object) = objects.get_mut(object) else { continue };
                    let mut at = dice.roll(nodes(object));
                    put(object, &mut at, &others[dice.roll(others.len())]);
                }
                let texts: Vec<String> = objects.iter().map(|o| serde_yaml::to_string(o).unwrap()).collect();
                let text = texts.join("---\n");
                for finding in lint(&rulebook, &mut sources, &text) {
                    for place in finding.related.iter().map(|(place, _)| *place).chain([finding.span]) {
                        let whole = &sources.get(place.file).unwrap().text;
                        assert!(
                            whole.get(place.start as usize..place.end as usize).is_some(),
                            "{finding:?} in\n{text}"
                        );
                    }
                    assert!(!finding.message.is_empty(), "{finding:?} in\n{text}");
                }
                linted += 1;
            }
        }
    }
    assert!(linted > 500, "{linted}");
}
