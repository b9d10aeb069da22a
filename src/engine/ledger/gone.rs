//! Causes that go away: what was decided on them goes on, what still waited is told.

use std::sync::Arc;

use jiff::Timestamp;

use super::Ledger;
use crate::engine::cause::rule_mark;
use crate::engine::decide::rule_of;
use crate::engine::index::targets;
use crate::engine::owed::{OWED_CAUSES_MAX, Owed};
use crate::engine::{Cause, EventDraft, How, Mark, Pace, RuleId, Settle, Standing, Unit, Verdict};
use crate::rulebook::{ObjectRef, Rule};
use crate::syntax::tree::Quantifier;

/// A verdict that rests on a run of an object, before the object changes.
pub(super) struct Resting {
    verdict: Verdict,
    owed: Option<Owed>,
}

impl Ledger {
    /// Takes down on which objects a verdict rests, as far as it is not at rest.
    pub(super) fn note_resting(&mut self, verdict: &Verdict, rests: bool) {
        let open = matches!(verdict.standing, Standing::Waiting(_) | Standing::Due);
        if !open || verdict.unit.owed.is_some() || verdict.causes.len() > OWED_CAUSES_MAX {
            return;
        }
        for cause in verdict.causes.iter().filter(|cause| cause.outcome.is_some()) {
            let units = self.resting.entry(cause.object.clone()).or_default();
            if rests {
                units.insert(verdict.unit.clone());
            } else {
                units.remove(&verdict.unit);
            }
            if units.is_empty() {
                self.resting.remove(&cause.object);
            }
        }
    }

    /// What rests on an object that is about to change.
    pub(super) fn resting_on(&self, object: &ObjectRef, now: Timestamp) -> Vec<Resting> {
        let units = self.resting.get(object).into_iter().flatten();
        let verdicts = units.filter_map(|unit| self.verdicts.get(unit));
        let resting = verdicts.map(|verdict| Resting {
            verdict: verdict.clone(),
            owed: Owed::of(&self.rulebook, &self.world, verdict, now).filter(|_| book(&verdict.unit.rule)),
        });
        resting.collect()
    }

    /// The object has changed: what rested on a run of it that is no more goes on without, or is told.
    pub(super) fn note_gone(&mut self, object: &ObjectRef, resting: Vec<Resting>, now: Timestamp) {
        for Resting { verdict, owed } in resting {
            let gone: Vec<Cause> = verdict.causes.iter().filter(|c| c.object == *object).cloned().collect();
            let gone: Vec<Cause> = gone.into_iter().filter(|cause| !self.is_there(cause)).collect();
            if gone.is_empty() {
                continue;
            }
            let goes_on = owed.is_some_and(|owed| self.owe(owed, verdict.unit.rule.clone()));
            if !goes_on && !self.is_under_way(&verdict) && !has_every(&verdict) {
                gone.iter().for_each(|cause| self.tell_gone(&verdict, cause, now));
            }
        }
    }

    fn is_there(&self, cause: &Cause) -> bool {
        let run = self.world.get(&cause.object).and_then(|entry| entry.run.as_ref());
        run.is_some_and(|run| run.id() == cause.id || run.earlier_ids().contains(&cause.id))
    }

    fn is_under_way(&self, verdict: &Verdict) -> bool {
        !verdict.intents.is_empty() && verdict.intents.iter().all(|intent| self.in_flight.contains(&intent.lane()))
    }

    /// False if there is no room.
    fn owe(&mut self, owed: Owed, rule: RuleId) -> bool {
        let mark = owed.mark();
        if !self.world.state.owe(mark, owed) {
            return false;
        }
        self.world.touch_state();
        let unit = unit(rule, mark);
        self.owed.insert(mark, unit.clone());
        self.dirty.insert(unit);
        true
    }

    fn tell_gone(&mut self, verdict: &Verdict, cause: &Cause, now: Timestamp) {
        let rule = &verdict.rule;
        let waited = match &verdict.standing {
            Standing::Waiting(what) => what.clone(),
            _ => "it was to be written next".to_owned(),
        };
        let before = if verdict.branch.is_some() { "its actions were done" } else { "the rest held" };
        let message = format!("rule {}: {}, but it went away before {before}: {waited}", rule.name, cause.text);
        let used = rule_mark(&self.rulebook, rule, cause);
        let mark = Mark::of(&["event", "CauseGone", &used.to_string()]);
        let reason = "CauseGone".to_owned();
        let event = EventDraft { mark, notification: None, reason, message, warning: true, time: now };
        let (on, timeless, pace) = (cause.object.clone(), cause.timeless, Pace::default());
        self.settle(Settle { marks: vec![used], how: How::Gone, timeless, on, event: Some(event), pace }, now);
    }

    /// Finds the rules of what is owed, as after a start.
    pub(super) fn index_owed(&mut self) {
        let number = |name: &str| self.rulebook.rules.iter().position(|rule| *rule.name == *name);
        let found = self.world.state.owed.iter().filter_map(|(mark, owed)| Some((*mark, number(&owed.rule)?)));
        self.owed = found.map(|(mark, number)| (mark, unit(RuleId::Book(number), mark))).collect();
        if self.owed.len() < self.world.state.owed.len() {
            // Their rules are gone.
            let known = &self.owed;
            self.world.state.owed.retain(|mark, _| known.contains_key(mark));
            self.world.touch_state();
        }
        self.dirty.extend(self.owed.values().cloned());
    }

    /// What is owed to an object is decided again.
    pub(super) fn touch_owed(&mut self, object: &ObjectRef) {
        let about = |unit: &&Unit| {
            let rule: Option<Arc<Rule>> = rule_of(&self.rulebook, &self.world, &unit.rule);
            rule.is_some_and(|rule| targets(&rule).any(|target| target == object))
        };
        let units: Vec<Unit> = self.owed.values().filter(about).cloned().collect();
        self.dirty.extend(units);
    }

    /// What is owed and done, or refused for good, is forgotten.
    pub(super) fn is_paid(&mut self, verdict: Option<&Verdict>, mark: Mark) -> bool {
        let over = |v: &Verdict| matches!(v.standing, Standing::Done | Standing::Refused(_)) && v.settle.is_empty();
        let paid = verdict.is_none_or(over);
        if paid && self.world.state.owed.remove(&mark).is_some() {
            self.owed.remove(&mark);
            self.world.touch_state();
        }
        paid
    }
}

fn unit(rule: RuleId, mark: Mark) -> Unit {
    Unit { rule, alternative: usize::MAX, member: None, owed: Some(mark) }
}

/// A rule of an annotation goes away with its object.
fn book(id: &RuleId) -> bool {
    matches!(id, RuleId::Book(_))
}

/// The others of `every` are still there, and the rule waits for them.
fn has_every(verdict: &Verdict) -> bool {
    let alternative = verdict.rule.alternatives.get(verdict.unit.alternative);
    let events = alternative.into_iter().flat_map(|alternative| &alternative.events);
    let mut terms = events.filter_map(|event| verdict.rule.terms.get(event.term));
    terms.any(|term| term.source.quantifier == Quantifier::Every)
}
