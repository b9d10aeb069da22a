//! Lint of manifests: each example of `docs/lint/*.md` and each case of `tests/lint/manifests/*.md` gives exactly the findings written below it.
//!
//! A section (`## …`) holds at most one `tide` block, `yaml` blocks (one file), and a `text` block: what is found. A page speaks of one check: in one
//! section at least its code is found, in another one it is not. A code in backticks in a heading of a case file says which code the section is close to.
//!
//! `TIDEGATE_BLESS=1 cargo test --test lint_pages` writes what was found into the pages; read the difference before it is committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "lint/mutated.rs"]
mod mutated;
#[path = "lint/platform.rs"]
mod platform;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate::diagnostic::{CODES, Diagnostic, Severity, Sources};
use tidegate::lint::{Allows, Subject, allowed, codes, manifests};
use tidegate::manifests::{App, Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{Options, load};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shown(sources: &Sources, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in found {
        let severity = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(out, "{}: {severity}[{}]: {}", sources.place(d.span), d.code, d.message).unwrap();
        let words = sources.words(d.span).lines().next().unwrap_or_default();
        if !words.is_empty() {
            writeln!(out, "  | {words}").unwrap();
        }
        for (span, text) in &d.related {
            writeln!(out, "  see {}: {text}", sources.place(*span)).unwrap();
        }
        if !d.help.is_empty() {
            writeln!(out, "  help: {}", d.help).unwrap();
        }
    }
    out
}

/// What lint says about manifests, with rules or without.
fn found(rules: &str, yaml: &str) -> (String, Vec<Diagnostic>) {
    let files = (!rules.is_empty()).then(|| ("rules.tide".to_owned(), rules.to_owned()));
    let compiled = load(files, &Options::default());
    let rulebook = compiled.rulebook.unwrap_or_else(|| panic!("{rules}\n{:?}", compiled.diagnostics));
    let mut sources = compiled.sources;
    let own: Vec<_> = sources.iter().map(|(file, _)| file).collect();
    let file = sources.add("manifests.yaml", yaml);
    let mut read = Manifests::default();
    read_text(&sources, file, &mut read);
    let application =
        rulebook.application.as_ref().map(|a| App { namespace: a.namespace.clone(), name: a.name.clone() });
    let platform = Platform::new(read, &Defaults { application, namespace: rulebook.namespace.clone() }, &sources);
    let graph = tidegate::graph::build(&rulebook, Some(&platform));
    let subject = Subject { platform: &platform, rulebook: &rulebook, graph: &graph, sources: &sources };
    let all = manifests(&subject);
    let left = allowed(all, Allows::read(&sources, &own, Some(&platform)), Some(&platform), &rulebook);
    (shown(&sources, &left), left)
}

/// Runs the sections of a page and gives the codes found in each section with findings written below it.
fn run(path: &Path) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut blessed, mut sections) = (String::new(), Vec::new());
    let (mut title, mut rules, mut yaml) = (String::new(), String::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        blessed += &format!("{line}\n");
        if line.starts_with("## ") {
            (title, rules, yaml) = (line.to_owned(), String::new(), String::new());
        }
        if !["```tide", "```yaml", "```text"].contains(&line) {
            continue;
        }
        let mut block: String = lines.by_ref().take_while(|l| *l != "```").flat_map(|l| [l, "\n"]).collect();
        match line {
            "```tide" => rules.clone_from(&block),
            "```yaml" => yaml += &block,
            _ => {
                let (text, diagnostics) = found(&rules, &yaml);
                sections.push((title.clone(), diagnostics.iter().map(|d| d.code.to_string()).collect()));
                block = text;
            }
        }
        blessed += &format!("{block}```\n");
    }
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(path, &blessed).unwrap();
    }
    let differences = similar::TextDiff::from_lines(&text, &blessed).unified_diff().to_string();
    assert!(
        differences.is_empty() || std::env::var_os("TIDEGATE_BLESS").is_some(),
        "{}:\n{differences}",
        path.display()
    );
    sections
}

fn pages(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
    let mut pages: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    pages
}

#[test]
fn each_code_has_a_page_that_shows_it_and_its_mending() {
    let names: BTreeMap<String, &str> = CODES.iter().map(|info| (info.code.to_string(), info.name)).collect();
    let mut wrong = Vec::new();
    for code in codes().iter().map(ToString::to_string) {
        let path = root().join("docs/lint").join(format!("{}.md", names[&code]));
        if !path.exists() {
            wrong.push(format!("{code} has no page {}", path.display()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(&format!("# {code} {}\n", names[&code])),
            "{} begins with `# {code} {}`",
            path.display(),
            names[&code]
        );
        let sections = run(&path);
        let speaks = sections.iter().filter(|(_, found)| found.contains(&code)).count();
        if speaks == 0 || speaks == sections.len() {
            wrong.push(format!("{}: {speaks} of {} sections have {code}", path.display(), sections.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_index_names_each_page() {
    let index = std::fs::read_to_string(root().join("docs/lint/README.md")).unwrap();
    for page in pages("docs/lint") {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "docs/lint/README.md does not name {name}"
        );
    }
}

#[test]
fn cases() {
    let mut wrong = Vec::new();
    for page in pages("tests/lint/manifests") {
        for (title, found) in run(&page) {
            // `## TG605 …` must be found; `## not TG605 …` must not.
            let mut words = title.trim_start_matches("## ").split_whitespace();
            let (not, code) = match words.next() {
                Some("not") => (true, words.next().unwrap_or_default()),
                code => (false, code.unwrap_or_default()),
            };
            assert!(code.starts_with("TG"), "{}: `{title}` begins with `TG… ` or `not TG… `", page.display());
            if found.iter().any(|known| known == code) == not {
                wrong.push(format!("{}: {title}: {found:?}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
