//! Canonical texts: what a resolved thing is called in reasons, records and snapshots. Every name carries its namespace, so that a
//! text does not depend on defaults; selectors are sorted.

use std::fmt::Write;

use super::context::Resolver;
use crate::rulebook::{Filter, Kind, Selection};
use crate::syntax::tree::{Expr, Predicate, Quantifier, Text};

/// `any` or `every`; empty for one.
pub(super) fn quantifier(quantifier: Quantifier) -> &'static str {
    match quantifier {
        Quantifier::One => "",
        Quantifier::Any => "any",
        Quantifier::Every => "every",
    }
}

/// A condition's words.
pub(in crate::rulebook) fn predicate(predicate: Predicate) -> &'static str {
    match predicate {
        Predicate::Succeeds => "succeeds",
        Predicate::Fails => "fails",
        Predicate::HasSucceeded => "has succeeded",
        Predicate::HasFailed => "has failed",
        Predicate::Healthy => "is healthy",
        Predicate::Progressing => "is progressing",
        Predicate::Degraded => "is degraded",
        Predicate::Suspended => "is suspended",
        Predicate::Missing => "is missing",
        Predicate::Stale => "is stale",
    }
}

/// A duration in seconds as rules write it: `1h30m`, `7d`, `0s`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let mut text = String::new();
    let mut rest = seconds;
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// An expression on one line.
pub(super) fn expr(expr: &Expr) -> String {
    crate::syntax::print_expr(expr)
}

/// A text with its quotes.
pub(super) fn text(text: &Text) -> String {
    crate::syntax::print_text(text)
}

/// `restart isvc ml/fraud`
pub(super) fn action(verb: &str, object: &str) -> String {
    [verb, object].join(" ")
}

/// A selector, such as `in wave 3`; `kinds` are those of the rulebook.
#[must_use]
pub fn filter(kinds: &[Kind], filter: &Filter) -> String {
    match filter {
        Filter::Label(key, value) => format!("with label {}={}", quoted(key), quoted(value)),
        Filter::Wave(wave) => format!("in wave {wave}"),
        Filter::Application(app) => format!("of application {}/{}", app.namespace, app.name),
        Filter::Owner(kind, name) => {
            let short = kinds.get(usize::from(kind.0)).map_or("?", |kind| &kind.short);
            format!("owned by {short} {name}")
        }
        Filter::Series(_, name) => format!("of pipeline {name}"),
        Filter::Where(_, text) => format!("where ({text})"),
    }
}

/// `job ml/train` or `every notebook in namespace ml in wave 3`.
pub(super) fn selection(resolver: &Resolver<'_>, selection: &Selection) -> String {
    if let Some(object) = &selection.object {
        return resolver.say(object);
    }
    let mut text = quantifier(selection.quantifier).to_owned();
    text.push(' ');
    text.push_str(resolver.kind(selection.kind).map_or("?", |kind| &kind.short));
    if let Some(namespace) = &selection.namespace {
        text.push_str(" in namespace ");
        text.push_str(namespace);
    }
    for each in &selection.filters {
        text.push(' ');
        text.push_str(&filter(&resolver.kinds, each));
    }
    text
}

/// A value of a label: bare where that reads back, else quoted.
pub(super) fn quoted(value: &str) -> String {
    let bare = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    if bare { value.to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (seconds, text) in [(0, "0s"), (90, "1m30s"), (600, "10m"), (604_800, "7d"), (93_784, "1d2h3m4s")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
