//! Kinds: what they stand for and how their health is read.

use std::collections::BTreeSet;

use super::Side;
use super::lines::{differ, ordered, single};
use super::model::{Change, Line, Part, What};
use super::rules::place;
use crate::rulebook::{Kind, Rulebook};
use crate::syntax::tree::KindLine;
use crate::syntax::{health_word, print_expr, print_text};

/// Every kind that somebody declared and that came, went or differs. Built-in ones are those of this program on both sides.
pub(super) fn parts(old: Side<'_>, new: Side<'_>) -> Vec<Part> {
    let declared = |rulebook: &'_ Rulebook| -> Vec<String> {
        rulebook.kinds.iter().filter(|kind| !kind.builtin).map(|kind| kind.short.to_string()).collect()
    };
    let shorts: BTreeSet<String> = declared(old.rulebook).into_iter().chain(declared(new.rulebook)).collect();
    shorts.iter().filter_map(|short| part(old, new, short)).collect()
}

fn part(old: Side<'_>, new: Side<'_>, short: &str) -> Option<Part> {
    let find = |rulebook: &'_ Rulebook| rulebook.kind_by_short(short);
    let before = find(old.rulebook).and_then(|ix| old.rulebook.kind(ix));
    let now = find(new.rulebook).and_then(|ix| new.rulebook.kind(ix));
    let (said_before, said_now) = (before.map(Said::of).unwrap_or_default(), now.map(Said::of).unwrap_or_default());
    let mut lines: Vec<Line> = single(What::Kind, before.map(header), now.map(header)).into_iter().collect();
    lines.extend(ordered(What::Health, &said_before.lets, &said_now.lets));
    lines.extend(ordered(What::Health, &said_before.health, &said_now.health));
    lines.extend(single(What::Health, said_before.completion.clone(), said_now.completion.clone()));
    if !differ(&lines) {
        return None;
    }
    let change = match (before, now) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    };
    let statuses = if change == Change::Changed { statuses(&lines) } else { Vec::new() };
    let shown = match now {
        Some(kind) => Some(kind).filter(|kind| !kind.builtin).and_then(|kind| place(new.sources, kind.span)),
        None => before.and_then(|kind| place(old.sources, kind.span)),
    };
    Some(Part { name: short.to_owned(), change, was: None, title: None, model: None, statuses, place: shown, lines })
}

/// `kind notebook = mlops.mlops.dev/v1alpha1 NotebookValidationJob (notebookvalidationjobs) runs to completion`
fn header(kind: &Kind) -> String {
    let group = if kind.group.is_empty() { String::new() } else { format!("{}/", kind.group) };
    let scope = if kind.namespaced { "" } else { " cluster-scoped" };
    let runs = if kind.runs { " runs to completion" } else { "" };
    let Kind { short, version, kind: name, plural, .. } = kind;
    format!("kind {short} = {group}{version} {name} ({plural}){scope}{runs}")
}

#[derive(Default)]
struct Said {
    lets: Vec<String>,
    health: Vec<String>,
    completion: Option<String>,
}

impl Said {
    fn of(kind: &Kind) -> Said {
        let mut said = Said::default();
        for line in &kind.decl.lines {
            match line {
                KindLine::Let(name, expr) => said.lets.push(format!("let {} = {}", name.node, print_expr(expr))),
                KindLine::Completion(expr) => said.completion = Some(format!("completion {}", print_expr(expr))),
                KindLine::Health { status, message, when, since, .. } => {
                    let when =
                        when.as_ref().map_or("otherwise".to_owned(), |when| format!("when {}", print_expr(when)));
                    let since = since.as_ref().map(|since| format!(" since {}", print_expr(since))).unwrap_or_default();
                    said.health.push(format!("{} {} {when}{since}", health_word(status.node), print_text(message)));
                }
            }
        }
        if said.health.is_empty() {
            said.health.push("health as kstatus reads it".to_owned());
        }
        // A `let` stands for its expression wherever it is used.
        said.lets.sort();
        said
    }
}

const STATUSES: &[&str] = &["healthy", "progressing", "degraded", "suspended", "unknown"];

/// The statuses of lines that differ, or that use a `let` that does. After a line that differs, the later lines may get what it gave before: those are meant by
/// its own status.
fn statuses(lines: &[Line]) -> Vec<String> {
    let mut changed: BTreeSet<&str> = BTreeSet::new();
    let lets: Vec<&Line> = lines.iter().filter(|line| line.text.starts_with("let ")).collect();
    let name = |line: &Line| line.text.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut names: BTreeSet<String> = lets.iter().filter(|line| line.change != Change::Same).map(|l| name(l)).collect();
    loop {
        let more: Vec<String> =
            lets.iter().filter(|line| names.iter().any(|n| uses(&line.text, n))).map(|l| name(l)).collect();
        let before = names.len();
        names.extend(more);
        if names.len() == before {
            break;
        }
    }
    for line in lines.iter().filter(|line| line.what == What::Health) {
        let touched = line.change != Change::Same || names.iter().any(|name| uses(&line.text, name));
        let status = STATUSES.iter().find(|status| line.text.split(' ').next() == Some(**status));
        changed.extend(status.filter(|_| touched));
    }
    STATUSES.iter().filter(|status| changed.contains(**status)).map(|status| (*status).to_owned()).collect()
}

/// Whether a word stands in a text.
fn uses(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}
