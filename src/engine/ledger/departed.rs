//! Members that go away: `every` is never fulfilled by the absence of what had not finished.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Ledger;
use crate::engine::Mark;
use crate::engine::cause::event_item;
use crate::engine::condition::matches;
use crate::rulebook::ObjectRef;
use crate::syntax::tree::Quantifier;

impl Ledger {
    /// The events with `every` of which an object is a member, by what each is remembered by; and whether it has finished as asked.
    fn memberships(&self, object: &ObjectRef) -> BTreeMap<Mark, bool> {
        let Some(entry) = self.world.get(object) else { return BTreeMap::new() };
        let outcome = entry.run.as_ref().map(|run| run.outcome);
        let mut found = BTreeMap::new();
        for (number, position) in self.index.every(object.kind, &entry.row) {
            let Some(rule) = self.rulebook.rules.get(number) else { continue };
            let Some(term) = rule.terms.get(position) else { continue };
            if term.source.quantifier == Quantifier::Every && matches(&self.rulebook, &term.source, &entry.row) {
                let events = rule.alternatives.iter().flat_map(|alternative| &alternative.events);
                let finished = events.filter(|e| e.term == position).all(|e| outcome == Some(e.outcome));
                found.insert(event_item(&self.rulebook, rule, &term.text), finished);
            }
        }
        found
    }

    /// The events that an object keeps from being complete.
    pub(super) fn unfinished_in(&self, object: &ObjectRef) -> Vec<Mark> {
        self.memberships(object).into_iter().filter(|(_, finished)| !finished).map(|(item, _)| item).collect()
    }

    /// Notes which of these events an object is not a member of any more: only a run that ends later fires them. Later than those that had
    /// ended by then, as the objects tell it: their clock is not the controller's.
    pub(super) fn note_members(&mut self, object: &ObjectRef, before: Vec<Mark>, now: Timestamp) {
        let after = self.memberships(object);
        let entry = self.world.get(object);
        let ended = entry.and_then(|entry| entry.run.as_ref().and_then(|run| run.ended).or(entry.since));
        for item in after.iter().filter(|(_, finished)| **finished).map(|(item, _)| *item) {
            let last = self.world.finished_last.entry(item).or_insert(Timestamp::MIN);
            *last = ended.unwrap_or(Timestamp::MIN).max(*last);
        }
        for item in before.into_iter().filter(|item| !after.contains_key(item)) {
            let Some(last) = self.world.finished_last.get(&item).map(|last| now.min(*last)) else { continue };
            if self.world.state.note_departed(item, last) {
                self.world.touch_state();
            }
        }
    }
}
