//! `docs/platform.md` says of each code how often lint finds it on the platform of the corpus, without rules and with those of `examples/platform`.

use std::collections::BTreeMap;

use tidegate::diagnostic::{Diagnostic, Severity};
use tidegate::lint::{Allows, Subject, allowed, manifests};
use tidegate::manifests::{self as files, App, Defaults, Platform};
use tidegate::rulebook::{Options, load};

#[path = "../support/skip.rs"]
mod skip;

/// Code and severity, with how often.
fn counted(found: &[Diagnostic]) -> BTreeMap<(String, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for finding in found {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        *counts.entry((finding.code.to_string(), severity)).or_default() += 1;
    }
    counts
}

fn lint(rules: Option<&str>, corpus: &std::path::Path) -> Vec<Diagnostic> {
    let files = rules.map(|rules| ("rules.tide".to_owned(), rules.to_owned()));
    let compiled = load(files, &Options::default());
    let (rulebook, mut sources) = (compiled.rulebook.unwrap(), compiled.sources);
    let own: Vec<_> = sources.iter().map(|(file, _)| file).collect();
    let paths = ["rendered.yaml", "application.yaml"].map(|name| corpus.join("platform").join(name));
    let read = files::read(&paths, &mut sources).unwrap();
    let application =
        rulebook.application.as_ref().map(|a| App { namespace: a.namespace.clone(), name: a.name.clone() });
    let platform = Platform::new(read, &Defaults { application, namespace: rulebook.namespace.clone() }, &sources);
    let graph = tidegate::graph::build(&rulebook, Some(&platform));
    let subject = Subject { platform: &platform, rulebook: &rulebook, graph: &graph, sources: &sources };
    allowed(manifests(&subject), Allows::read(&sources, &own, Some(&platform)), Some(&platform), &rulebook)
}

#[test]
fn the_page_of_the_platform_says_what_lint_finds() {
    let Some(corpus) = skip::corpus("the_page_of_the_platform_says_what_lint_finds") else { return };
    let root = super::root();
    let rules = std::fs::read_to_string(root.join("examples/platform/rules.tide")).unwrap();
    let (alone, with) = (counted(&lint(None, &corpus)), counted(&lint(Some(&rules), &corpus)));
    let keys: std::collections::BTreeSet<_> = alone.keys().chain(with.keys()).collect();
    let count = |counts: &BTreeMap<(String, &'static str), usize>, key| counts.get(key).copied().unwrap_or_default();
    let found: Vec<String> = keys
        .into_iter()
        .map(|key| format!("{} {} {} {}", key.0, key.1, count(&alone, key), count(&with, key)))
        .collect();
    let page = std::fs::read_to_string(root.join("docs/platform.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| [TG"));
    let said: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let code = cells[1].trim_start_matches('[').split(']').next().unwrap();
            let file = cells[1].split('(').nth(1).unwrap().trim_end_matches(')');
            assert!(root.join("docs").join(file).exists(), "{file}");
            assert!(page.contains(&format!("\n**{code}.**")), "{code} is not explained");
            format!("{code} {} {} {}", cells[2], cells[3], cells[4])
        })
        .collect();
    assert_eq!(said, found, "the table of docs/platform.md, and what lint finds");
}
