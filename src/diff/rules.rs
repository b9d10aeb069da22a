//! Rules as lines, and what of them differs.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Side;
use super::lines::{differ, ordered, single};
use super::model::{Change, Line, Part, Place, What};
use super::pairs::{Pair, is_one_line};
use crate::diagnostic::{Sources, Span};
use crate::rulebook::{Action, Alternative, AppName, Block, Origin, Outcome, Rule, Test, canonical_duration};

/// What a rule says, line by line, in the words of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub when: String,
    /// The condition whatever the order of its parts, and what depends on that order.
    pub shape: String,
    pub within: Option<String>,
    pub then: Vec<String>,
    pub otherwise: Vec<String>,
    pub blocks: Vec<(Option<AppName>, i32)>,
    pub modifiers: [Option<String>; 6],
}

/// Takes a rule apart.
pub(super) fn said(rule: &Rule) -> Said {
    let actions = |actions: &[Action]| actions.iter().map(|action| action.text.clone()).collect();
    let mut blocks: Vec<_> =
        rule.blocks.iter().map(|Block { wave, application, .. }| (application.clone(), *wave)).collect();
    blocks.sort();
    blocks.dedup();
    let m = &rule.modifiers;
    let duration = |d: std::time::Duration| canonical_duration(d.as_secs());
    Said {
        when: rule.text.clone(),
        shape: shape(rule),
        within: rule.within.map(duration),
        then: actions(&rule.then),
        otherwise: actions(&rule.otherwise),
        blocks,
        modifiers: [
            m.cooldown.map(|d| format!("cooldown {}", duration(d))),
            m.at_a_time.map(|n| format!("at most {n} at a time")),
            m.per.map(|(n, d)| format!("at most {n} per {}", duration(d))),
            m.retry.map(|(n, d)| format!("retry {n} backoff {}", duration(d))),
            m.catch_up.then(|| "catch up".to_owned()),
            m.observe.then(|| "observe".to_owned()),
        ],
    }
}

/// The condition with its parts sorted. The Application of a block is that of the first object that is named, so that counts where there is a block.
fn shape(rule: &Rule) -> String {
    let mut sides = sides(rule);
    sides.sort();
    let first = rule.terms.iter().find_map(|term| term.source.object.as_ref().map(|_| term.text.as_str()));
    let first = first.filter(|_| rule.blocks.iter().any(|block| block.application.is_none())).unwrap_or_default();
    format!("{sides:?} {} {first}", test(rule, &rule.when))
}

/// What each side of the condition asks for, part by part.
pub(super) fn sides(rule: &Rule) -> Vec<BTreeSet<String>> {
    rule.alternatives.iter().map(|side| parts_of(rule, side)).collect()
}

fn parts_of(rule: &Rule, side: &Alternative) -> BTreeSet<String> {
    let term = |index: usize| rule.terms.get(index).map_or("", |term| term.text.as_str());
    let mut parts = BTreeSet::new();
    for event in &side.events {
        let outcome = if event.outcome == Outcome::Succeeded { "succeeded" } else { "failed" };
        let after = event.after.and_then(|after| side.events.get(after)).map(|event| term(event.term));
        parts.insert(format!("event {} {outcome} {after:?}", term(event.term)));
    }
    match &side.rest {
        Test::All(rest) => parts.extend(rest.iter().map(|part| test(rule, part))),
        rest => {
            parts.insert(test(rule, rest));
        }
    }
    parts.extend(side.any.map(|any| format!("any {}", term(any))));
    parts
}

fn test(rule: &Rule, part: &Test) -> String {
    let term = |index: usize| rule.terms.get(index).map_or("", |term| term.text.as_str());
    let sorted = |word: &str, parts: &[Test]| {
        let mut parts: Vec<String> = parts.iter().map(|part| test(rule, part)).collect();
        parts.sort();
        let mut text = format!("{word}(");
        for part in parts {
            let _ = write!(text, "{part}; ");
        }
        text + ")"
    };
    match part {
        Test::All(parts) => sorted("all", parts),
        Test::Any(parts) => sorted("any", parts),
        Test::Not(part) => format!("not({})", test(rule, part)),
        Test::Term(index) => term(*index).to_owned(),
        Test::Later(first, later) => format!("later({}; {})", term(*first), term(*later)),
        Test::Expr(expr) => expr.text.clone(),
    }
}

/// The lines of a rule that is the same rule before and now, those that stay too.
fn lines(old: Option<&Said>, new: Option<&Said>) -> Vec<Line> {
    let mut lines = Vec::new();
    let when = |said: &Said| format!("when {}", said.when);
    // Another order of the same parts is the same condition.
    let same = matches!((old, new), (Some(old), Some(new)) if old.shape == new.shape);
    let old_when = if same { new.map(when) } else { old.map(when) };
    lines.extend(single(What::When, old_when, new.map(when)));
    let within = |said: &Said| said.within.as_ref().map(|within| format!("within {within}"));
    lines.extend(single(What::Within, old.and_then(within), new.and_then(within)));
    let words = |said: Option<&Said>, word: &str, of: fn(&Said) -> &Vec<String>| -> Vec<String> {
        said.map(of).into_iter().flatten().map(|action| format!("{word} {action}")).collect()
    };
    lines.extend(ordered(What::Then, &words(old, "then", |s| &s.then), &words(new, "then", |s| &s.then)));
    lines.extend(ordered(What::Else, &words(old, "else", |s| &s.otherwise), &words(new, "else", |s| &s.otherwise)));
    let none = Vec::new();
    blocks(old.map_or(&none, |s| &s.blocks), new.map_or(&none, |s| &s.blocks), &mut lines);
    for at in 0..6 {
        let modifier = |said: Option<&Said>| said.and_then(|said| said.modifiers.get(at).cloned()).flatten();
        lines.extend(single(What::Modifier, modifier(old), modifier(new)));
    }
    lines
}

/// `block wave 4 of application argocd/ml`
pub(super) fn block_text(application: Option<&AppName>, wave: i32) -> String {
    let of = application.map(|app| format!(" of application {}/{}", app.namespace, app.name)).unwrap_or_default();
    format!("block wave {wave}{of}")
}

/// Blocks of one application pair up in the order of their waves: then a block has moved.
fn blocks(old: &[(Option<AppName>, i32)], new: &[(Option<AppName>, i32)], lines: &mut Vec<Line>) {
    let mut gone: Vec<_> = old.iter().filter(|block| !new.contains(block)).collect();
    for block in new {
        let text = block_text(block.0.as_ref(), block.1);
        let (change, was) = if old.contains(block) {
            (Change::Same, None)
        } else if let Some(at) = gone.iter().position(|other| other.0 == block.0) {
            let (application, wave) = gone.remove(at);
            (Change::Changed, Some(block_text(application.as_ref(), *wave)))
        } else {
            (Change::Added, None)
        };
        lines.push(Line { what: What::Block, change, text, was });
    }
    for (application, wave) in gone {
        let text = block_text(application.as_ref(), *wave);
        lines.push(Line { what: What::Block, change: Change::Removed, text, was: None });
    }
}

/// `file:line` of a span's start.
pub(super) fn place(sources: &Sources, span: Span) -> Option<Place> {
    let source = sources.get(span.file)?;
    Some(Place { file: source.name.to_string(), line: sources.position(span).0 })
}

/// Every rule that came, went or differs.
pub(super) fn parts(old: Side<'_>, new: Side<'_>, pairs: &[Pair<'_>]) -> Vec<Part> {
    pairs.iter().filter_map(|pair| part(old, new, pair)).collect()
}

fn part(old: Side<'_>, new: Side<'_>, pair: &Pair<'_>) -> Option<Part> {
    let lines = lines(pair.old.map(|rule| said(rule)).as_ref(), pair.new.map(|rule| said(rule)).as_ref());
    let change = match (pair.old, pair.new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        // A one-line rule with other words has another name by that alone.
        (Some(before), Some(now)) if pair.renamed() && is_one_line(before) && is_one_line(now) => Change::Changed,
        _ if pair.renamed() => Change::Renamed,
        _ if differ(&lines) => Change::Changed,
        _ => return None,
    };
    let rule = pair.new.or(pair.old)?;
    let sources = if pair.new.is_some() { new.sources } else { old.sources };
    let model = match &rule.origin {
        Origin::Model(model) => Some(model.to_string()),
        _ => None,
    };
    Some(Part {
        name: rule.name.to_string(),
        change,
        was: pair.old.filter(|_| pair.renamed()).map(|rule| rule.name.to_string()),
        title: rule.title.as_ref().map(|title| title.to_string()),
        model,
        statuses: Vec::new(),
        place: place(sources, rule.span),
        lines,
    })
}

/// The lines of a rule that is known by words alone, as the graph knows those of annotations.
pub(super) fn annotated_lines(old: &[(What, String)], new: &[(What, String)]) -> Vec<Line> {
    let of = |lines: &[(What, String)], what: What| -> Vec<String> {
        lines.iter().filter(|(w, _)| *w == what).map(|(_, text)| text.clone()).collect()
    };
    let kinds = [What::When, What::Then, What::Else, What::Block];
    kinds.into_iter().flat_map(|what| ordered(what, &of(old, what), &of(new, what))).collect()
}
