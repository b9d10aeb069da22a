//! What an edit means for runs that have ended: what starts anew, and what may fire for the past.
//!
//! What has a baseline, and under which hash, is the engine's own.

use std::collections::BTreeSet;

use super::model::{Past, PastWhy};
use super::pairs::{Pair, is_one_line};
use super::rules::sides;
use crate::engine::{Branch, Item, Mark, baseline_items};
use crate::rulebook::{Rule, Rulebook};

/// In the order of the rules.
pub(super) fn past(old: &Rulebook, new: &Rulebook, pairs: &[Pair<'_>]) -> Vec<Past> {
    let known: BTreeSet<Mark> =
        old.rules.iter().flat_map(|rule| baseline_items(old, rule).map(|(mark, _)| mark)).collect();
    let mut found = Vec::new();
    for pair in pairs {
        let Some(rule) = pair.new else { continue };
        let items: Vec<(Mark, Item<'_>)> = baseline_items(new, rule).collect();
        let fresh: Vec<&Item<'_>> =
            items.iter().filter(|(mark, _)| !known.contains(mark)).map(|(_, item)| item).collect();
        let say = |why, fires, of| Past {
            rule: rule.name.to_string(),
            was: pair.old.filter(|_| pair.renamed()).map(|rule| rule.name.to_string()),
            why,
            fires,
            of,
        };
        if rule.modifiers.catch_up {
            found.extend(catches_up(pair, rule, !fresh.is_empty()).map(|why| say(why, true, None)));
        } else if fresh.len() == items.len() && !items.is_empty() {
            found.push(say(why_new(pair, rule), false, None));
        } else {
            found.extend(fresh.iter().map(|item| {
                let (why, of) = told(item);
                say(why, false, of)
            }));
        }
        if let Some(before) = pair.old.filter(|before| before.name == rule.name)
            && !rule.modifiers.catch_up
            && may_newly_hold(before, rule, &items, &known)
        {
            found.push(say(PastWhy::OtherCondition, true, None));
        }
    }
    found
}

fn why_new(pair: &Pair<'_>, rule: &Rule) -> PastWhy {
    match pair.old {
        None => PastWhy::NewRule,
        Some(before) if is_one_line(before) && is_one_line(rule) && pair.renamed() => PastWhy::OtherWords,
        Some(_) if pair.renamed() => PastWhy::Renamed,
        // The same name, and every event and action is another one.
        Some(_) => PastWhy::NewRule,
    }
}

/// Whether `catch up` now counts what it did not count before.
fn catches_up(pair: &Pair<'_>, rule: &Rule, fresh: bool) -> Option<PastWhy> {
    match pair.old {
        Some(before) if before.name != rule.name => Some(PastWhy::CatchesUpAgain),
        Some(before) if before.modifiers.catch_up && !fresh => None,
        _ => Some(PastWhy::CatchesUp),
    }
}

fn told(item: &Item<'_>) -> (PastWhy, Option<String>) {
    match item {
        Item::Event(term) => (PastWhy::NewEvent, Some(term.text.clone())),
        Item::Episodes => (PastWhy::NewEpisodes, None),
        Item::Reopening => (PastWhy::NewBlock, None),
        Item::Action(Branch::Then, action) => (PastWhy::NewAction, Some(format!("then {}", action.text))),
        Item::Action(Branch::Else, action) => (PastWhy::NewAction, Some(format!("else {}", action.text))),
    }
}

/// Whether a side of the condition, over events that the rule had before, can hold where the old condition did not: not if it is one of the old sides, or
/// asks for all that one of them asks for and more.
fn may_newly_hold(before: &Rule, rule: &Rule, items: &[(Mark, Item<'_>)], known: &BTreeSet<Mark>) -> bool {
    let old = sides(before);
    let mut new = rule.alternatives.iter().zip(sides(rule)).filter(|(side, _)| !side.events.is_empty());
    let is_known = |text: &str| {
        items.iter().any(|(mark, item)| matches!(item, Item::Event(term) if term.text == text) && known.contains(mark))
    };
    new.any(|(side, parts)| {
        let mut events = side.events.iter().filter_map(|event| rule.terms.get(event.term));
        events.all(|term| is_known(&term.text)) && !old.iter().any(|other| other.is_subset(&parts))
    })
}
