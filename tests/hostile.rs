//! Hostile rule text: no panic, no stack overflow, no quadratic time, limits with their own errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "syntax/dump.rs"]
mod dump;

use dump::dump;
use proptest::prelude::*;
use tidegate::cli::{Format, report};
use tidegate::diagnostic::{Code, Diagnostic, Sources, sort};
use tidegate::syntax::{format, limits, parse, parse_condition, parse_expr};

/// Parses as a file, a condition, an expression; every diagnostic must point at characters that exist, and print in every form.
fn check(text: &str) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let file = sources.add("x.tide", text);
    let mut diagnostics = Vec::new();
    let _tree = parse(&sources, file, &mut diagnostics);
    let found = diagnostics.clone();
    let _condition = parse_condition(&sources, file, &mut diagnostics);
    let _expr = parse_expr(&sources, file, &mut diagnostics);
    sort(&mut diagnostics);
    for d in &diagnostics {
        for span in d.related.iter().map(|r| r.0).chain([d.span]) {
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{d:?} in {text:?}");
        }
        assert!(!d.message.is_empty() && !d.message.contains("``"), "{d:?} in {text:?}");
    }
    for form in [Format::Human, Format::Plain, Format::Json] {
        let printed = report(&sources, &diagnostics, form, false);
        assert!(!printed.contains('\u{1b}'), "{printed:?}");
    }
    found
}

fn codes(text: &str) -> Vec<Code> {
    check(text).iter().map(|d| d.code).collect()
}

#[test]
fn limits_have_their_own_errors() {
    let limit = vec![Code::LIMIT];
    let rule = |condition: String| format!("when {condition} then restart isvc b");
    let deep = |n: usize| rule(format!("{}a{}", "(".repeat(n), ")".repeat(n)));
    assert_eq!(codes(&deep(limits::NESTING_MAX)), []);
    assert_eq!(codes(&deep(limits::NESTING_MAX + 1)), limit);
    assert_eq!(codes(&deep(100_000)), limit);
    assert_eq!(codes(&rule(format!("{}a{} == 1", "[".repeat(5000), "]".repeat(5000)))), limit);
    assert_eq!(codes(&rule(format!("f({}a", "f(".repeat(5000)))), limit);
    assert_eq!(codes(&rule(vec!["a"; 250].join("+"))), []);
    for op in ["+", "&&", "||", "-", "==", "*", " in "] {
        assert_eq!(codes(&rule(vec!["a"; 20_000].join(op))).as_slice(), limit, "{op}");
    }
    assert_eq!(codes(&rule("!".repeat(20_000) + "a")).as_slice(), limit);
    assert_eq!(codes(&rule("-".repeat(20_000) + "a")).as_slice(), limit);
    assert_eq!(codes(&rule("not ".repeat(20_000) + "job a succeeds")), limit);
    assert_eq!(codes(&rule(vec!["a ? b"; 20_000].join(" : ") + " : c")).as_slice(), limit);
    assert_eq!(codes(&rule("a".to_owned() + &".b".repeat(20_000))).as_slice(), limit);
    assert_eq!(codes(&rule(vec!["job a succeeds"; 20_000].join(" and then "))), limit);
    assert_eq!(codes(&rule(vec!["job a succeeds"; 10_000].join(" and "))), []);
    let json = |n: usize| {
        format!("scenario \"s\" {{ at 1m job a succeeds with {{ \"a\": {}1{} }} }}", "[".repeat(n), "]".repeat(n))
    };
    assert_eq!(codes(&json(20)), []);
    assert_eq!(codes(&json(5000)).len(), 1);
    assert_eq!(codes(&format!("namespace {}", "n".repeat(limits::NAME_CHARS_MAX))), []);
    assert_eq!(codes(&format!("namespace {}", "n".repeat(limits::NAME_CHARS_MAX + 1))), limit);
    let text = |n: usize| format!("when job a succeeds then notify t \"{}\"", "x".repeat(n));
    assert_eq!(codes(&text(limits::TEXT_BYTES_MAX - 2)), []);
    assert_eq!(codes(&text(limits::TEXT_BYTES_MAX)), limit);
    assert_eq!(codes(&"#".repeat(limits::FILE_BYTES_MAX + 1)), limit);
    assert_eq!(codes(&"namespace a\n".repeat(limits::STATEMENTS_MAX)), []);
    assert_eq!(codes(&"namespace a\n".repeat(limits::STATEMENTS_MAX + 2)), limit);
}

#[test]
fn many_errors_are_counted() {
    let found = check(&"wen job a succeeds then restart isvc b\n".repeat(50_000));
    assert_eq!(found.len(), limits::ERRORS_MAX + 1);
    assert_eq!(found.last().unwrap().message, "49000 more errors in this file are not shown");
}

#[test]
fn every_broken_statement_gives_its_own_error() {
    let mut text = String::new();
    for i in 0..100 {
        text += &format!("when job a{i} succeeds then restart isvc b\nwhen job a{i} suceeds then restart isvc b\n");
        text +=
            &format!("rule r{i} {{\n  when job a succeeds\n  then restart isvc b\n  cooldwn 10m\n}}\n# comment\n\n");
    }
    let mut sources = Sources::default();
    let file = sources.add("x.tide", text);
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, file, &mut diagnostics);
    assert_eq!((tree.statements.len(), diagnostics.len()), (100, 200));
}

/// A long line of one kind of character, open things that are never closed.
#[test]
fn endless_lines() {
    for piece in [
        "(",
        "{",
        "[",
        "\"",
        "'",
        "\\",
        "a",
        " ",
        "\n",
        ";",
        "#",
        "when ",
        "rule a {\n",
        "\"{",
        "when (",
        "é",
        "\u{0}",
        "=",
        "{ \"a\": ",
        "and ",
        "0",
        ".",
    ] {
        let text = piece.repeat(20_000);
        for text in [
            text.clone(),
            format!("when {text}"),
            format!("when job a succeeds then notify t \"{text}"),
            format!("when a == {text}"),
        ] {
            check(&text);
        }
    }
}

/// Mutations of a file that is right: most of what people get wrong is near what is right.
fn mutated() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "",
        "(",
        ")",
        "{",
        "}",
        "[",
        "\"",
        "'",
        "\n",
        ";",
        ",",
        "#",
        "when",
        "then",
        "and",
        "or",
        "not",
        "é",
        "\u{0}",
        "\\",
        "=",
        "rule x {",
        " ",
        "any",
        "is",
        "{{",
        "10m",
        "in wave",
        "with { \"a\": ",
        "\u{1b}[31m",
        "\r",
    ]);
    prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, pieces), 1..5).prop_map(|edits| {
        let mut text: Vec<char> = include_str!("syntax/aiops.tide").chars().collect();
        for (at, cut, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

/// More in a release build, as CI runs them.
const TEXTS: u32 = if cfg!(debug_assertions) { 100 } else { 3_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: TEXTS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutations(text in mutated()) {
        check(&text);
        if let Ok(formatted) = format(&text) {
            prop_assert_eq!(dump(&text), dump(&formatted));
            prop_assert_eq!(format(&formatted).unwrap(), formatted);
        }
    }

    #[test]
    fn any_text(text in "(?s).{0,200}") {
        check(&text);
    }

    #[test]
    fn soup(words in prop::collection::vec(prop::sample::select(vec![
        "when", "then", "else", "rule", "kind", "model", "scenario", "job", "a", "succeeds", "is", "healthy", "has", "and", "or", "not", "(", ")", "{", "}", "\"x {y}\"", "1", "10m", "\n",
        ";", "=", "==", "any", "every", "restart", "block", "wave", "at", "most", "expect", "by", "after", ",", ".", "in", "with", "label", "let", "otherwise", "notify", "[", "]", "\"",
    ]), 0..40)) {
        check(&words.join(" "));
    }
}

/// Texts are parsed in chunks; where the cuts fall makes no difference.
#[test]
fn chunks_do_not_show() {
    let statement = "rule r {\n  when job a succeeds and (\nsize(job.x) > 0\n)\n  then notify t \"{job.metadata.labels[\"a)}\"]} x\"\n  block wave 4\n}\n\
        when job a succeeds\n\n# comment {\n and job b succeeds then restart isvc c;\n cooldown 10m\nisvc a after job b,\n job c\n";
    let once = dump(statement);
    let many = dump(&statement.repeat(2000));
    assert_eq!(
        many.len() - "File { statements: [] }".len(),
        2000 * (once.len() - "File { statements: [] }".len()) + 1999 * 2
    );
    let last_broken = statement.repeat(2000) + "wen";
    assert_eq!(check(&last_broken).len(), 1);
}
