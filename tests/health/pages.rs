//! `docs/kinds`: a page for each built-in kind, made of `rules/`. `TIDEGATE_BLESS=1 cargo test --test health pages` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate::diagnostic::{Sources, Span};
use tidegate::emit::{has_check, lua};
use tidegate::rulebook::{Kind, LIBRARY, Options, load};
use tidegate::syntax::tree::KindLine;

use crate::kinds::kind_of;
use crate::{corpus, skip};

/// Cases of one kind: Argo CD's and those of `tests/kinds`.
#[derive(Clone, Copy, Default)]
struct Cases {
    theirs: usize,
    own: usize,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The comment at the top of a file, as one paragraph a blank comment line.
fn comment(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    lines.collect::<Vec<_>>().join("\n")
}

/// Source text in a cell of a table.
fn cell(sources: &Sources, span: Span) -> String {
    format!("`{}`", sources.words(span).replace('|', "\\|"))
}

/// What the rows of the page's first table say.
fn facts(kind: &Kind, sources: &Sources, checked: bool, cases: Cases) -> String {
    let group = if kind.group.is_empty() { String::new() } else { format!("{}/", kind.group) };
    let mut out = format!("| short name | `{}` |\n|---|---|\n", kind.short);
    writeln!(out, "| resource | `{}` of `{group}{}`, Kind `{}` |", kind.plural, kind.version, kind.kind).unwrap();
    writeln!(out, "| scope | {} |", if kind.namespaced { "a namespace" } else { "the cluster" }).unwrap();
    let completion = kind.decl.lines.iter().find_map(|line| match line {
        KindLine::Completion(expr) => Some(cell(sources, expr.span)),
        _ => None,
    });
    let runs = match (kind.runs, completion) {
        (false, _) => "no: it is told by states, such as `is healthy`, not by `succeeds`".to_owned(),
        (true, Some(completion)) => format!("yes; when is told by {completion}"),
        (true, None) => "yes; when is told by the condition that ended it".to_owned(),
    };
    writeln!(out, "| runs to completion | {runs} |").unwrap();
    let argocd = if checked {
        "has a check of its own, so `emit argocd-cm` leaves this out unless `--all` is given"
    } else {
        "has no check: `emit argocd-cm` gives it this one"
    };
    writeln!(out, "| Argo CD | {argocd} |").unwrap();
    let open = lua::script(&kind.decl).unwrap().open_libs;
    if !open.is_empty() {
        writeln!(out, "| Lua | needs open libraries, for {} |", open.join(", ")).unwrap();
    }
    let group = if kind.group.is_empty() { String::new() } else { format!("{}_", kind.group) };
    let own = format!("{} in `tests/kinds/{group}{}`", cases.own, kind.kind);
    let cases = match (cases.theirs, cases.own) {
        (theirs, 0) => format!("{theirs} of Argo CD's"),
        (0, _) => own,
        (theirs, _) => format!("{theirs} of Argo CD's, {own}"),
    };
    writeln!(out, "| cases | {cases}; all agree in status and message |").unwrap();
    out
}

fn page(kind: &Kind, text: &str, sources: &Sources, checked: bool, cases: Cases) -> String {
    let mut out = format!("# {}\n\n{}\n\n", kind.short, comment(text));
    out += &facts(kind, sources, checked, cases);
    out += "\n## What each status means\n\nThe first line that holds decides.\n\n| status | message | when |\n|---|---|---|\n";
    for line in &kind.decl.lines {
        if let KindLine::Health { status, message, when, .. } = line {
            let when = when.as_ref().map_or("otherwise".to_owned(), |when| cell(sources, when.span));
            writeln!(out, "| {:?} | {} | {when} |", status.node, cell(sources, message.span)).unwrap();
        }
    }
    let lets: Vec<&KindLine> = kind.decl.lines.iter().filter(|line| matches!(line, KindLine::Let(..))).collect();
    if !lets.is_empty() {
        out += "\nwith\n\n";
        for line in lets {
            let KindLine::Let(name, expr) = line else { continue };
            writeln!(out, "    {} = {}", name.node, sources.words(expr.span)).unwrap();
        }
    }
    let strict = folder("rules/strict").join(format!("{}.tide", kind.short));
    if let Ok(text) = std::fs::read_to_string(strict) {
        write!(out, "\n## Stricter: `rules/strict/{}.tide`\n\n{}\n", kind.short, comment(&text)).unwrap();
    }
    writeln!(out, "\nMade of [rules/{0}.tide](../../rules/{0}.tide).", kind.short).unwrap();
    out
}

fn index(kinds: &[Kind], cases: &BTreeMap<&str, Cases>) -> String {
    let mut out = String::from(
        "# Built-in kinds\n\nEach is a file in `rules/`, written in the language itself: what a word such as `job` names, whether it runs to \
         completion, and\nwhat its health is. A file among your rules that declares a kind of the same type takes its place; `rules/strict` has \
         such files for those\nthat Argo CD reads more kindly than they deserve, `rules/community` has more kinds.\n\nThe cases are objects with the \
         health that they have, in the layout of Argo CD's `health_test.yaml`: Argo CD's own, and those of\n`tests/kinds`, made by hand from each \
         project's API types. All agree in status and message, in the engine, in the emitted Lua and in Argo CD.\n\n\
         | kind | Kind | group | runs | cases |\n|---|---|---|---|---|\n",
    );
    for kind in kinds {
        let group = if kind.group.is_empty() { "core" } else { &kind.group };
        let found = cases.get(&*kind.short).copied().unwrap_or_default();
        let count = found.theirs + found.own;
        let runs = if kind.runs { "yes" } else { "" };
        writeln!(out, "| [{0}]({0}.md) | {1} | {group} | {runs} | {count} |", kind.short, kind.kind).unwrap();
    }
    out
}

#[test]
fn pages_of_kinds_are_up_to_date() {
    let Some(theirs) = skip::corpus("pages_of_kinds_are_up_to_date") else { return };
    let compiled = load([], &Options::default());
    let book = compiled.rulebook.unwrap();
    let mut cases: BTreeMap<&str, Cases> = BTreeMap::new();
    let mut count = |found: Vec<corpus::Case>, own: bool| {
        for case in found {
            let Some(kind) = kind_of(&book, &case.object) else { continue };
            let counts = cases.entry(&kind.short).or_default();
            *if own { &mut counts.own } else { &mut counts.theirs } += 1;
        }
    };
    count(corpus::cases(&theirs), false);
    count(corpus::cases_in(&folder("tests/kinds")), true);
    let mut pages = BTreeMap::from([("README.md".to_owned(), index(&book.kinds, &cases))]);
    for kind in &book.kinds {
        let (_, text) = LIBRARY.iter().find(|(name, _)| *name == format!("rules/{}.tide", kind.short)).unwrap();
        let checked = has_check(&kind.group, &kind.kind);
        let found = cases.get(&*kind.short).copied().unwrap_or_default();
        pages.insert(format!("{}.md", kind.short), page(kind, text, &compiled.sources, checked, found));
    }
    let docs = folder("docs/kinds");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::create_dir_all(&docs).unwrap();
        pages.iter().for_each(|(name, page)| std::fs::write(docs.join(name), page).unwrap());
    }
    for (name, page) in &pages {
        let written = std::fs::read_to_string(docs.join(name)).unwrap_or_default();
        assert_eq!(&written, page, "docs/kinds/{name}: run `TIDEGATE_BLESS=1 cargo test --test health pages`");
    }
    let files = std::fs::read_dir(docs).unwrap().count();
    assert_eq!(files, pages.len(), "docs/kinds has a page of a kind that is gone");
}
