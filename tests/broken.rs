//! Broken rules: each mistake in `tests/broken/*.md` gives exactly the diagnostics written below it.
//!
//! `TIDEGATE_BLESS=1 cargo test --test broken` writes what was found into the pages; read the difference before it is committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::fmt::Write as _;
use std::path::Path;

use tidegate::diagnostic::{Diagnostic, Severity, Sources, Span, sort};

/// A mistake: its title, the text, and what is said about it.
struct Case {
    title: String,
    rules: String,
    expected: String,
}

/// Reads a page: `## title`, a `tide` block, a `text` block. Anything else is for readers.
fn cases(page: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut title = String::new();
    let mut rules = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("## ") {
            title = words.to_owned();
        } else if line == "```tide" || line == "```text" {
            let block: String = lines.by_ref().take_while(|l| *l != "```").flat_map(|l| [l, "\n"]).collect();
            if line == "```tide" {
                rules = block;
            } else {
                cases.push(Case {
                    title: std::mem::take(&mut title),
                    rules: std::mem::take(&mut rules),
                    expected: block,
                });
            }
        }
    }
    cases
}

/// What `check` says about a text, one diagnostic after the other, with code, place, underlined words, message, label, help.
fn found(rules: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("rules.tide", rules);
    let mut diagnostics = Vec::new();
    let _tree = tidegate::syntax::parse(&sources, file, &mut diagnostics);
    sort(&mut diagnostics);
    let mut out = String::new();
    for d in &diagnostics {
        write_one(&sources, d, &mut out);
    }
    out
}

fn write_one(sources: &Sources, d: &Diagnostic, out: &mut String) {
    let place = |span: Span| {
        let (line, column) = sources.position(span);
        let words = sources.words(span).replace('\n', "⏎");
        let file = sources.get(span.file).map(|s| &*s.name).filter(|name| *name != "rules.tide");
        let file = file.map(|name| format!("{name}:")).unwrap_or_default();
        format!("{file}{line}:{column} `{words}`")
    };
    let severity = match d.severity {
        Severity::Error => "",
        Severity::Warning => " warning",
        Severity::Note => " note",
    };
    writeln!(out, "{}{severity} {}\n  {}", d.code, place(d.span), d.message).unwrap();
    if !d.label.is_empty() {
        writeln!(out, "  label: {}", d.label).unwrap();
    }
    for (span, text) in &d.related {
        writeln!(out, "  see {}: {text}", place(*span)).unwrap();
    }
    if !d.help.is_empty() {
        writeln!(out, "  help: {}", d.help).unwrap();
    }
}

/// What `check` says about whole rules. A line `#--- NAME` begins another file.
fn found_in_rules(rules: &str) -> String {
    let mut files = vec![("rules.tide".to_owned(), String::new())];
    for line in rules.split_inclusive('\n') {
        match line.strip_prefix("#--- ") {
            Some(name) => files.push((name.trim().to_owned(), String::new())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    let compiled = tidegate::rulebook::load(files, &tidegate::rulebook::Options::default());
    let mut out = String::new();
    for d in &compiled.diagnostics {
        write_one(&compiled.sources, d, &mut out);
    }
    let errors = compiled.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(compiled.rulebook.is_none(), errors, "a rulebook in spite of errors, or none without:\n{rules}");
    out
}

fn check(page: &str, found: fn(&str) -> String) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let cases = cases(&text);
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    let mut wrong = 0;
    let mut blessed = text.clone();
    for case in &cases {
        let found = found(&case.rules);
        if found == case.expected {
            continue;
        }
        if bless {
            let old = format!("```tide\n{}```\n```text\n{}```", case.rules, case.expected);
            let new = format!("```tide\n{}```\n```text\n{found}```", case.rules);
            assert!(blessed.contains(&old), "{}: keep the two blocks next to each other", case.title);
            blessed = blessed.replace(&old, &new);
        } else {
            wrong += 1;
            println!("## {}\n{}--- expected\n{}--- found\n{found}", case.title, case.rules, case.expected);
        }
    }
    if bless {
        std::fs::write(path, blessed).unwrap();
    }
    assert_eq!(wrong, 0, "{wrong} cases of {page} differ");
    // A mistake that nobody notices is no case.
    let silent: Vec<&str> =
        cases.iter().filter(|c| c.expected.is_empty() && !bless).map(|c| c.title.as_str()).collect();
    assert!(silent.is_empty(), "no diagnostics for {silent:?}");
    cases.len()
}

#[test]
fn syntax() {
    assert!(check("syntax.md", found) >= 70);
}

#[test]
fn rules() {
    assert!(check("rules.md", found_in_rules) >= 90);
}
