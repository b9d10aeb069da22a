//! Lint: each case of `tests/lint/*.md` gives exactly the findings written below it; a case without findings is one that must stay
//! silent. What is shipped has no findings.
//!
//! `TIDEGATE_BLESS=1 cargo test --test lint` writes what was found into the pages; read the difference before it is committed.
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
use std::path::{Path, PathBuf};

use tidegate::diagnostic::{Diagnostic, Severity, Sources};
use tidegate::lint::{kind, lint};
use tidegate::rulebook::{Options, load};

fn shown(sources: &Sources, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in found {
        let severity = if d.severity == Severity::Error { "" } else { " warning" };
        let (line, column) = sources.position(d.span);
        writeln!(out, "{}{severity} {line}:{column} `{}`\n  {}", d.code, sources.words(d.span), d.message).unwrap();
        for (span, text) in &d.related {
            let (line, column) = sources.position(*span);
            writeln!(out, "  see {line}:{column} `{}`: {text}", sources.words(*span)).unwrap();
        }
        writeln!(out, "  help: {}", d.help).unwrap();
    }
    out
}

/// What lint says about rules that compile.
fn found(rules: &str) -> String {
    let compiled = load([("rules.tide".to_owned(), rules.to_owned())], &Options::default());
    let rulebook = compiled.rulebook.unwrap_or_else(|| panic!("{rules}\n{:?}", compiled.diagnostics));
    shown(&compiled.sources, &lint(&rulebook, &compiled.trees))
}

/// The cases of a page: `## title`, a `tide` block, a `text` block.
fn check(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut blessed = String::new();
    let (mut rules, mut cases, mut silent) = (String::new(), 0, 0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        blessed += &format!("{line}\n");
        if line != "```tide" && line != "```text" {
            continue;
        }
        let block: String = lines.by_ref().take_while(|l| *l != "```").flat_map(|l| [l, "\n"]).collect();
        let block = if line == "```tide" {
            rules.clone_from(&block);
            block
        } else {
            cases += 1;
            let found = found(&rules);
            silent += usize::from(found.is_empty());
            found
        };
        blessed += &format!("{block}```\n");
    }
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(path, &blessed).unwrap();
    }
    let differences = similar::TextDiff::from_lines(&text, &blessed).unified_diff().to_string();
    assert!(differences.is_empty() || std::env::var_os("TIDEGATE_BLESS").is_some(), "{page}:\n{differences}");
    assert!(cases >= 6 && silent * 4 >= cases, "{page}: {cases} cases, {silent} silent");
}

#[test]
fn kinds() {
    check("kinds.md");
}

#[test]
fn rules() {
    check("rules.md");
}

/// A kind of the library says what Argo CD's own check says, word for word; where that is a status to wait on, so it is here.
const BUILTIN: &[(&str, &str)] = &[
    ("analysisrun", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
    ("application", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
    ("pod", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
    ("pvc", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
    ("workflow", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
    ("workload", "TG213: Argo CD waits for ever on a resource whose status is `unknown`"),
];

#[test]
fn the_library_has_no_findings_but_these() {
    let compiled = load([], &Options::default());
    let rulebook = compiled.rulebook.unwrap();
    let mut said = Vec::new();
    for builtin in &rulebook.kinds {
        said.extend(kind(builtin).iter().map(|d| (builtin.short.to_string(), format!("{}: {}", d.code, d.message))));
    }
    let expected: Vec<(String, String)> = BUILTIN.iter().map(|(k, m)| ((*k).to_owned(), (*m).to_owned())).collect();
    assert_eq!(said, expected);
    assert!(rulebook.kinds.len() >= 10);
}

fn tide_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tide_files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "tide") {
            into.push(path);
        }
    }
}

#[test]
fn the_examples_have_no_findings() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(examples).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let mut seen = 0;
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let mut files = Vec::new();
        tide_files(folder, &mut files);
        let read = |path: &PathBuf| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
        let compiled = load(files.iter().map(read), &Options::default());
        let Some(rulebook) = compiled.rulebook else { continue };
        seen += 1;
        assert_eq!(shown(&compiled.sources, &lint(&rulebook, &compiled.trees)), "", "{}", folder.display());
    }
    assert!(seen >= 5, "{seen} examples");
}

/// What Lua cannot say is refused by `check` too, not only when the Lua is emitted; a warning alone is no failure.
#[test]
fn check_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("self.?status.?url.orValue(\"\").matches(\"x\")", "error[TG204]", 1),
        ("!has(self.status.phase)", "warning[TG210]", 0),
    ];
    for (when, said, status) in cases {
        let file = folder.path().join("kind.tide");
        let text = format!(
            "kind k = example.org/v1 K (ks) {{\n  healthy \"\" when {when}\n  progressing \"\" otherwise\n}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["check", "--format", "plain"])
            .arg(&file)
            .output()
            .unwrap();
        let out = String::from_utf8(ran.stdout).unwrap();
        assert!(out.contains(said), "{when}: {out}");
        assert_eq!(ran.status.code(), Some(status), "{when}");
    }
}
