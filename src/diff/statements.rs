//! Models, and statements of one sentence.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::lines::{differ, ordered, single};
use super::model::{Change, Line, Part, Statement, What};
use super::rules::place;
use crate::rulebook::{AppName, Honour, Model, Report, Rulebook, canonical_duration, canonical_filter};
use crate::syntax::tree::Quantifier;

/// Every model that came, went or differs.
pub(super) fn models(old: Side<'_>, new: Side<'_>) -> Vec<Part> {
    let by_name = |rulebook: &'_ Rulebook| -> BTreeMap<String, Model> {
        rulebook.models.iter().map(|model| (model.name.to_string(), model.clone())).collect()
    };
    let (before, now) = (by_name(old.rulebook), by_name(new.rulebook));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut parts = Vec::new();
    for name in names {
        let (was, is) = (before.get(name), now.get(name));
        let steps = |rulebook: &Rulebook, model: Option<&Model>| -> Vec<String> {
            model.map(|model| steps(rulebook, model)).unwrap_or_default()
        };
        let stale = |model: Option<&Model>| {
            model
                .and_then(|m| m.stale_after)
                .map(|after| format!("stale after {}", canonical_duration(after.as_secs())))
        };
        let mut lines: Vec<Line> = ordered(What::Model, &steps(old.rulebook, was), &steps(new.rulebook, is));
        lines.extend(single(What::Model, stale(was), stale(is)));
        let change = match (was, is) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ if differ(&lines) => Change::Changed,
            _ => continue,
        };
        let place = match is {
            Some(model) => place(new.sources, model.span),
            None => was.and_then(|model| place(old.sources, model.span)),
        };
        parts.push(Part {
            name: name.clone(),
            change,
            was: None,
            title: None,
            model: None,
            statuses: Vec::new(),
            place,
            lines,
        });
    }
    parts
}

fn steps(rulebook: &Rulebook, model: &Model) -> Vec<String> {
    let step = |word: &str, object| format!("{word} by {}", rulebook.say(object));
    let mut lines: Vec<String> = model.steps.iter().map(|(word, object)| step(word, object)).collect();
    lines.push(step("served", &model.served_by));
    lines
}

/// Every other statement that came or went.
pub(super) fn statements(old: &Rulebook, new: &Rulebook) -> Vec<Statement> {
    let mut found = Vec::new();
    for (what, of) in [
        ("application", application as fn(&Rulebook) -> Option<String>),
        ("namespace", |rulebook| Some(format!("namespace {}", rulebook.namespace))),
        ("honour", honour),
    ] {
        let Some(Line { change, text, was, .. }) = single(What::Modifier, of(old), of(new)) else { continue };
        if change != Change::Same {
            found.push(Statement { what, change, text, was });
        }
    }
    for (what, of) in [("after", afters as fn(&Rulebook) -> BTreeSet<String>), ("report", reports), ("allow", allows)] {
        let (before, now) = (of(old), of(new));
        let statement = |change, text: &String| Statement { what, change, text: text.clone(), was: None };
        found.extend(before.difference(&now).map(|text| statement(Change::Removed, text)));
        found.extend(now.difference(&before).map(|text| statement(Change::Added, text)));
    }
    found
}

fn app(app: &AppName) -> String {
    format!("application {}/{}", app.namespace, app.name)
}

fn application(rulebook: &Rulebook) -> Option<String> {
    rulebook.application.as_ref().map(app)
}

fn honour(rulebook: &Rulebook) -> Option<String> {
    match rulebook.honour {
        Honour::UnlessOperatorDoes => None,
        Honour::Always => Some("honour annotations always".to_owned()),
        Honour::Never => Some("honour annotations never".to_owned()),
    }
}

/// Each pair by itself: in how many statements they are said changes nothing.
fn afters(rulebook: &Rulebook) -> BTreeSet<String> {
    let pairs =
        rulebook.afters.iter().flat_map(|after| after.after.iter().map(move |(first, _)| (&after.subject, first)));
    pairs.map(|(later, first)| format!("{} after {}", rulebook.say(later), rulebook.say(first))).collect()
}

fn reports(rulebook: &Rulebook) -> BTreeSet<String> {
    rulebook.reports.iter().map(|report| report_text(rulebook, report)).collect()
}

fn report_text(rulebook: &Rulebook, report: &Report) -> String {
    let source = &report.source;
    let what = match &source.object {
        Some(object) => rulebook.say(object),
        None => {
            let quantifier = if source.quantifier == Quantifier::Any { "any" } else { "every" };
            let short = rulebook.kind(source.kind).map_or("?", |kind| &kind.short);
            let namespace = source.namespace.as_ref().map(|ns| format!(" in namespace {ns}")).unwrap_or_default();
            let filters = source.filters.iter().map(|filter| format!(" {}", canonical_filter(&rulebook.kinds, filter)));
            format!("{quantifier} {short}{namespace}{}", filters.collect::<String>())
        }
    };
    format!("report {what} to {}", app(&report.application))
}

fn allows(rulebook: &Rulebook) -> BTreeSet<String> {
    let text = |(from, to): &(std::sync::Arc<str>, std::sync::Arc<str>)| {
        format!("allow triggers from namespace {from} to namespace {to}")
    };
    rulebook.allows.iter().map(text).collect()
}
