//! Compilation: rule files to the rulebook.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::path::Path;

use proptest::prelude::*;
use tidegate::rulebook::{Compiled, Options, Origin, load, load_condition, to_json};

fn compile(text: &str) -> Compiled {
    load([("rules.tide".to_owned(), text.to_owned())], &Options::default())
}

/// The JSON of rules that compile without any finding.
fn json(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let compiled = load(files, &Options::default());
    assert_eq!(compiled.diagnostics, []);
    serde_json::to_string_pretty(&to_json(&compiled.rulebook.unwrap())).unwrap()
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile").join(format!("{name}.tide"));
    std::fs::read_to_string(path).unwrap()
}

/// Every file in `tests/compile` against its snapshot.
#[test]
fn compiled_files() {
    for name in ["sentence", "platform", "alternatives", "kinds"] {
        insta::assert_snapshot!(name, json(&[("rules.tide", &page(name))]));
    }
}

#[test]
fn the_sentence() {
    let compiled = compile("when job train-fraud succeeds then restart isvc fraud; block wave 4\n");
    assert_eq!(compiled.diagnostics, []);
    let book = compiled.rulebook.unwrap();
    let rule = &book.rules[0];
    assert_eq!(rule.text, "job default/train-fraud succeeds");
    assert_eq!(rule.then[0].text, "restart isvc default/fraud");
    assert_eq!(rule.blocks[0].wave, 4);
}

/// The platform's statements, one to a piece, so that they can be dealt out to files. Each piece says its own namespace.
fn pieces() -> Vec<String> {
    let text = page("platform");
    let (head, rest) = text.split_once("\n\n").unwrap();
    let mut pieces: Vec<String> = Vec::new();
    for piece in rest.split("\n\n") {
        if piece.starts_with("isvc ") {
            pieces.extend(piece.lines().map(|line| format!("{head}\n{line}\n")));
        } else {
            pieces.push(format!("{head}\n{piece}\n"));
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Invariant 9: neither the order in which files are given, nor their names, nor how statements are dealt out to them matters.
    #[test]
    fn order_and_names_of_files_do_not_matter(order in Just((0..pieces().len()).collect::<Vec<_>>()).prop_shuffle()) {
        let pieces = pieces();
        let whole = json(&[("platform.tide", &page("platform"))]);
        let named: Vec<(String, &str)> =
            order.iter().enumerate().map(|(place, piece)| (format!("{place}.tide"), pieces[*piece].as_str())).collect();
        let mut files: Vec<(&str, &str)> = named.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        files.reverse();
        prop_assert_eq!(json(&files), whole);
    }
}

#[test]
fn layout_and_defaults_do_not_matter() {
    let short = "namespace ml\nwhen job a succeeds and notebook b is healthy for 90s then restart isvc c\n";
    let long = "# the same\n\n  when   job ml/a succeeds   and notebook ml/b is healthy for 1m30s\n   then restart isvc ml/c # here\n";
    let rules = |text: &str| {
        let compiled = compile(text);
        let json = to_json(&compiled.rulebook.unwrap());
        json["rules"].to_string()
    };
    assert_eq!(rules(short), rules(long));
    let given = Options { default_namespace: Some("ml".to_owned()), ..Options::default() };
    let file = ("x.tide".to_owned(), short.trim_start_matches("namespace ml\n").to_owned());
    let compiled = load([file], &given);
    assert_eq!(to_json(&compiled.rulebook.unwrap())["rules"].to_string(), rules(short));
}

#[test]
fn one_line_rules_are_named_by_what_they_ask_and_do() {
    let name = |text: &str| compile(text).rulebook.unwrap().rules[0].name.to_string();
    let plain = name("when job a succeeds then restart isvc b\n");
    assert!(plain.starts_with("when-") && plain.len() == "when-".len() + 12, "{plain}");
    assert_eq!(plain, name("when job default/a succeeds then restart isvc b; cooldown 5m; block wave 4\n"));
    assert_ne!(plain, name("when job a fails then restart isvc b\n"));
    assert_ne!(plain, name("when job a succeeds then restart isvc c\n"));
    assert_ne!(plain, name("namespace ml\nwhen job a succeeds then restart isvc b\n"));
}

#[test]
fn a_files_namespace_and_application_are_its_own() {
    let one = "namespace one\napplication gitops/app-one\nwhen job a succeeds then sync application x; block wave 1\n";
    let two = "when job a succeeds then sync application x; block wave 2\nnamespace two\n";
    let three = "when job a succeeds then sync application x; block wave 3\n";
    for files in [[("1", one), ("2", two), ("3", three)], [("c", one), ("b", two), ("a", three)]] {
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let book = load(files, &Options::default()).rulebook.unwrap();
        let mut said: Vec<String> = book
            .rules
            .iter()
            .map(|rule| {
                let app = rule.blocks[0].application.as_ref().map(|app| format!(" of {}/{}", app.namespace, app.name));
                format!("{} then {}{}", rule.text, rule.then[0].text, app.unwrap_or_default())
            })
            .collect();
        said.sort();
        assert_eq!(
            said,
            [
                "job default/a succeeds then sync application argocd/x",
                "job one/a succeeds then sync application gitops/x of gitops/app-one",
                "job two/a succeeds then sync application argocd/x",
            ]
        );
        assert_eq!(&*book.namespace, "one");
        assert_eq!(book.application.unwrap().name, "app-one".into());
    }
}

#[test]
fn a_model_that_reloads_is_a_rule() {
    let book = compile(&page("platform")).rulebook.unwrap();
    let rule = book.rules.iter().find(|rule| &*rule.name == "model-fraud-reload").unwrap();
    assert_eq!(rule.origin, Origin::Model("fraud".into()));
    assert_eq!(
        rule.text,
        "notebook self-healing-platform/train-fraud has succeeded and then job self-healing-platform/copy-to-rwx succeeds"
    );
    assert_eq!(rule.then[0].text, "restart isvc self-healing-platform/fraud");
}

#[test]
fn a_condition_alone() {
    let files = || [("rules.tide".to_owned(), page("platform"))];
    let compiled =
        load_condition(files(), "notebook train-fraud succeeds and isvc fraud is stale", &Options::default());
    assert_eq!(compiled.diagnostics, []);
    let book = compiled.rulebook.unwrap();
    assert_eq!(book.rules.len(), 1);
    assert_eq!(&*book.rules[0].name, "wait");
    let text = "notebook self-healing-platform/train-fraud succeeds and isvc self-healing-platform/fraud is stale";
    assert_eq!(book.rules[0].text, text);
    let wrong = load_condition(files(), "notebok x succeeds", &Options::default());
    assert!(wrong.rulebook.is_none());
    assert_eq!(wrong.diagnostics[0].help, "did you mean `notebook`?");
    let wrong = load_condition(files(), "notebook x", &Options::default());
    assert!(wrong.rulebook.is_none() && !wrong.diagnostics.is_empty());
}

#[test]
fn an_id_that_no_annotation_can_carry() {
    let options = Options { id: "Two Words".to_owned(), ..Options::default() };
    let compiled = load([("rules.tide".to_owned(), String::new())], &options);
    assert!(compiled.rulebook.is_none());
    assert_eq!(compiled.diagnostics[0].message, "`Two Words` is not an id for a rulebook");
}

#[test]
fn too_many_alternatives() {
    let sides: Vec<String> = (0..3)
        .map(|group| {
            let jobs: Vec<String> = (0..5).map(|job| format!("job g{group}-{job} succeeds")).collect();
            format!("({})", jobs.join(" or "))
        })
        .collect();
    let compiled = compile(&format!("when {} then restart isvc a\n", sides.join(" and ")));
    assert!(compiled.rulebook.is_none());
    assert_eq!(compiled.diagnostics[0].message, "the condition has more than 64 alternatives (combinations of `or`)");
}

#[test]
fn ten_thousand_rules() {
    let text: String = (0..10_000)
        .map(|i| format!("when job train-{i} succeeds then restart isvc model-{i}; block wave 4\n"))
        .collect();
    let compiled = compile(&text);
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(compiled.rulebook.unwrap().rules.len(), 10_000);
}
