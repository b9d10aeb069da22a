//! Causes: finished runs and episodes of states, and whether a rule has used them.

use std::sync::Arc;

use jiff::Timestamp;

use super::decide::EPISODE;
use super::judge::branches;
use super::mark::recorded;
use super::reopen::REOPEN;
use super::world::{CLOCK_SKEW, plus};
use super::{Branch, Cause, How, Mark, World};
use crate::rulebook::{Action, KindIx, ObjectRef, Origin, Outcome, Rule, Rulebook, Term, Verb};

/// The identity of a finished run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    /// The object's uid.
    pub uid: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// What makes this run differ from the next of the same object; may be empty.
    pub completion: Arc<str>,
    /// When it ended, if the object tells; a time that is still to come tells nothing.
    pub ended: Option<Timestamp>,
    /// When its object was created.
    pub created: Option<Timestamp>,
    /// What stood for the completion before that was written, if that is something else.
    pub before: Option<Arc<str>>,
}

impl RunId {
    /// `uid/succeeded/completion`
    #[must_use]
    pub fn id(&self) -> String {
        self.id_with(&self.completion)
    }

    fn id_with(&self, completion: &str) -> String {
        let outcome = match self.outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
        };
        format!("{}/{outcome}/{completion}", self.uid)
    }

    /// The identities that the same run may have had before its object told all: a phase can be written before the completion.
    #[must_use]
    pub fn earlier_ids(&self) -> Vec<String> {
        let nothing = (!self.completion.is_empty()).then_some("");
        self.before.as_deref().into_iter().chain(nothing).map(|completion| self.id_with(completion)).collect()
    }

    /// Hash of the identity.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::of(&["run", &self.id()])
    }

    /// Hashes of the identities that it may have had before, if it had ended by a time.
    #[must_use]
    pub fn earlier_marks(&self, known: Timestamp) -> Vec<Mark> {
        let ids = if had_ended(self.ended, known) { self.earlier_ids() } else { Vec::new() };
        ids.iter().map(|id| Mark::of(&["run", id])).collect()
    }
}

/// Whether what was known at a time can have been this run: not when it ended later, clocks aside.
fn had_ended(ended: Option<Timestamp>, known: Timestamp) -> bool {
    ended.is_none_or(|ended| ended <= plus(known, CLOCK_SKEW))
}

/// The hash under which an event of a rule has its baseline. All rules of annotations on one kind share one: they come and go
/// with their objects, and a run that began and ended while the controller was away must still count.
#[must_use]
pub fn event_item(rulebook: &Rulebook, rule: &Rule, term_text: &str) -> Mark {
    if let Origin::Annotation(object) = &rule.origin {
        return annotations_item(rulebook, object.kind);
    }
    let term = rule.terms.iter().find(|term| *term.text == *term_text);
    let kind = term.map(|term| type_name(rulebook, term.source.kind)).unwrap_or_default();
    Mark::of(&["event", &rulebook.id, &rule.name, term_text, &kind])
}

/// The hash under which an action of a rule has its baseline.
#[must_use]
pub fn action_item(rulebook: &Rulebook, rule: &Rule, branch: Branch, action: &Action) -> Mark {
    if let Origin::Annotation(object) = &rule.origin {
        return annotations_item(rulebook, object.kind);
    }
    Mark::of(&["action", &rulebook.id, &rule.name, branch_word(branch), &action.text])
}

/// The item of all rules of annotations on objects of one kind.
#[must_use]
pub fn annotations_item(rulebook: &Rulebook, kind: KindIx) -> Mark {
    Mark::of(&["annotations", &rulebook.id, &type_name(rulebook, kind)])
}

/// `batch/Job`: what a short name stands for may change, and then its runs are others.
fn type_name(rulebook: &Rulebook, kind: KindIx) -> String {
    rulebook.kind(kind).map(|kind| format!("{}/{}", kind.group, kind.kind)).unwrap_or_default()
}

/// What of a rule has a baseline of its own: what had ended before it was first loaded does not fire it, unless the rule says `catch up`.
#[derive(Clone, Copy, Debug)]
pub enum Item<'r> {
    /// An event of its condition.
    Event(&'r Term),
    /// Episodes of its states, where it asks for states alone.
    Episodes,
    /// Its blocks, which sync again a revision that failed while they held it.
    Reopening,
    /// An action.
    Action(Branch, &'r Action),
}

/// Everything of a rule that has a baseline, each with the hash that it is known by: one that is in a rulebook and was not in the one
/// before it starts anew.
pub fn baseline_items<'a>(rulebook: &'a Rulebook, rule: &'a Rule) -> impl Iterator<Item = (Mark, Item<'a>)> + 'a {
    let events = rule.alternatives.iter().flat_map(|a| &a.events).filter_map(|event| rule.terms.get(event.term));
    let events = events.map(|term| (event_item(rulebook, rule, &term.text), Item::Event(term)));
    let alone = rule.alternatives.iter().any(|a| a.events.is_empty());
    let episode = alone.then(|| (event_item(rulebook, rule, EPISODE), Item::Episodes));
    let reopen = (!rule.blocks.is_empty()).then(|| (event_item(rulebook, rule, REOPEN), Item::Reopening));
    let action = |(branch, action)| (action_item(rulebook, rule, branch, action), Item::Action(branch, action));
    events.chain(episode).chain(reopen).chain(branches(rule).map(action))
}

/// All items of a rule.
pub fn items<'a>(rulebook: &'a Rulebook, rule: &'a Rule) -> impl Iterator<Item = Mark> + 'a {
    baseline_items(rulebook, rule).map(|(mark, _)| mark)
}

/// How many items a rulebook has at most: what is remembered of it grows with them.
#[must_use]
pub fn item_count(rulebook: &Rulebook) -> usize {
    let rules: usize = rulebook.rules.iter().map(|rule| items(rulebook, rule).count()).sum();
    rules + rulebook.fields().len() + 1
}

fn branch_word(branch: Branch) -> &'static str {
    match branch {
        Branch::Then => "then",
        Branch::Else => "else",
    }
}

/// The mark of one cause, by its identity, for one action.
#[must_use]
pub fn action_mark(rulebook: &Rulebook, rule: &Rule, branch: Branch, action: &Action, id: &str) -> Mark {
    Mark::of(&["mark", &rulebook.id, &rule.name, branch_word(branch), &action.text, id])
}

/// The mark that a rule without any action (a block alone), or a rule that gave up before its first action, uses a cause up with.
#[must_use]
pub fn rule_mark(rulebook: &Rulebook, rule: &Rule, cause: &Cause) -> Mark {
    rule_mark_of(rulebook, rule, &cause.id)
}

fn rule_mark_of(rulebook: &Rulebook, rule: &Rule, id: &str) -> Mark {
    Mark::of(&["rule", &rulebook.id, &rule.name, id])
}

/// How a rule as a whole has used a cause up, under any of its identities.
#[must_use]
pub fn rule_settled(rulebook: &Rulebook, world: &World, rule: &Rule, cause: &Cause) -> Option<How> {
    let settled = |id: &str| world.state.settled.get(&rule_mark_of(rulebook, rule, id));
    let earlier =
        || cause.earlier.iter().filter_map(|id| settled(id)).find(|settled| had_ended(cause.ended(), settled.at));
    settled(&cause.id).or_else(earlier).map(|settled| settled.how)
}

/// The object whose record annotation holds an action's marks.
#[must_use]
pub fn record_holder(verb: &Verb) -> Option<&ObjectRef> {
    match verb {
        Verb::Restart { by_deleting_pods: true, .. } | Verb::Notify { .. } => None,
        Verb::Restart { target, .. } | Verb::Refresh { target, .. } => Some(target),
        Verb::Annotate { target, .. } | Verb::Label { target, .. } => Some(target),
        Verb::Sync { application } => Some(application),
    }
}

/// What became of one cause for one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Nothing yet.
    Fresh,
    /// Done, and the target's record says so; not settled yet.
    Recorded,
    /// Dealt with.
    Settled(How),
}

/// Looks for an action's mark in the settled marks and in the target's record.
#[must_use]
fn usage(world: &World, verb: &Verb, mark: Mark) -> Usage {
    if let Some(settled) = world.state.settled.get(&mark) {
        return Usage::Settled(settled.how);
    }
    let record = record_holder(verb).and_then(|holder| world.get(holder)).and_then(|entry| entry.row.record.as_deref());
    if recorded(record, mark) { Usage::Recorded } else { Usage::Fresh }
}

/// What became of one cause for one action, under any of its identities, and the mark that says so: else the one that will.
#[must_use]
pub fn used(
    rulebook: &Rulebook,
    world: &World,
    rule: &Rule,
    branch: Branch,
    action: &Action,
    cause: &Cause,
) -> (Mark, Usage) {
    let look = |id: &str| {
        let mark = action_mark(rulebook, rule, branch, action, id);
        (mark, usage(world, &action.verb, mark))
    };
    let own = look(&cause.id);
    if own.1 != Usage::Fresh {
        return own;
    }
    let same = |mark: &Mark| world.state.settled.get(mark).is_none_or(|settled| had_ended(cause.ended(), settled.at));
    let earlier = cause.earlier.iter().map(|id| look(id));
    earlier.into_iter().find(|(mark, usage)| *usage != Usage::Fresh && same(mark)).unwrap_or(own)
}
