//! Objects that rules ask to be missing, and since when they are: what does not exist has no field that says so.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::world::EPISODES_MAX;
use super::{Listing, Mark, World};
use crate::rulebook::{ObjectRef, Rulebook};
use crate::syntax::tree::Predicate;

/// Which objects are asked for.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// With the hash under which it is remembered since when each is missing.
    asked: BTreeMap<ObjectRef, Mark>,
    /// Something may have come or gone.
    dirty: bool,
}

impl Missing {
    /// One of the objects may have come or gone.
    pub fn changed(&mut self, object: &ObjectRef) {
        self.dirty |= self.asked.contains_key(object);
    }

    /// Any of the objects may have come or gone.
    pub fn look_again(&mut self) {
        self.dirty = true;
    }
}

impl World {
    /// Remembers from now on since when the objects are missing that rules ask to be.
    pub fn ask_missing(&mut self, rulebook: &Rulebook) {
        let terms = rulebook.rules.iter().flat_map(|rule| &rule.terms);
        let missing = terms.filter(|term| term.predicate == Predicate::Missing);
        let objects = missing.filter_map(|term| term.source.object.as_ref());
        let asked = objects.map(|object| (object.clone(), Mark::of(&["missing", &full_name(rulebook, object)])));
        self.missing = Missing { asked: asked.collect(), dirty: true };
    }

    /// Takes down which of them are not there, once their kind has been listed; `now` is when that was seen.
    pub fn note_missing(&mut self, now: Timestamp) {
        if !std::mem::take(&mut self.missing.dirty) {
            return;
        }
        let asked = std::mem::take(&mut self.missing.asked);
        for (object, key) in &asked {
            let known = self.state.episodes.contains_key(key);
            let absent = self.get(object).is_none();
            if !absent && known {
                self.state.episodes.remove(key);
                self.touch_state();
            } else if absent
                && !known
                && self.listing(object.kind) != Listing::Pending
                && self.state.episodes.len() < EPISODES_MAX
            {
                self.state.episodes.insert(*key, now);
                self.touch_state();
            }
        }
        self.missing.asked = asked;
    }

    /// Since when an object is missing, as first seen.
    #[must_use]
    pub fn missing_since(&self, object: &ObjectRef) -> Option<Timestamp> {
        self.missing.asked.get(object).and_then(|key| self.state.episodes.get(key)).copied()
    }

    /// What is remembered of objects that are missing.
    pub(super) fn missing_keys(&self) -> impl Iterator<Item = Mark> {
        self.missing.asked.values().copied()
    }
}

/// A name that stays the same when kinds are added to the rulebook.
pub fn full_name(rulebook: &Rulebook, object: &ObjectRef) -> String {
    let kind = rulebook.kind(object.kind).map(|kind| format!("{}/{}", kind.group, kind.kind)).unwrap_or_default();
    format!("{kind} {}/{}", object.namespace, object.name)
}
