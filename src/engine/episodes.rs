//! Since when objects are in their states, across a change of leaders: late, never early.
//!
//! What is remembered is what the last leader saw. An object may have left its state since and come back to it: then this is another
//! episode. The replica that takes over knows so if it saw the object leave, or if a condition of the object changed while nobody looked.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::condition::episode_key;
use super::world::{EPISODES_MAX, plus};
use super::{Entry, Mark, World};
use crate::expr::Value;
use crate::facts::Row;
use crate::rulebook::{HealthStatus, KindIx};

/// A condition that changed so shortly after the state was first seen is what made it so, by another clock.
const SAME_CHANGE: SignedDuration = SignedDuration::from_secs(30);

/// What this replica has seen itself.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// When objects left states.
    left: BTreeMap<Mark, Timestamp>,
    /// States that this process has watched since then without a gap.
    since: BTreeMap<Mark, Timestamp>,
}

impl World {
    /// Takes over what the world before it saw itself: what is remembered from before an object left its state is over.
    pub fn take_over(&mut self, old: &World) {
        self.watched = Watched { left: old.watched.left.clone(), since: old.state.episodes.clone() };
        for (key, left) in &self.watched.left {
            if self.state.episodes.get(key).is_some_and(|began| began < left) {
                match old.state.episodes.get(key) {
                    Some(own) => self.state.episodes.insert(*key, *own),
                    None => self.state.episodes.remove(key),
                };
                self.state_changes += 1;
            }
        }
    }

    /// When an object came to a state: as remembered, else now.
    pub(super) fn began(&mut self, kind: KindIx, row: &Row, status: HealthStatus, now: Timestamp) -> Timestamp {
        let key = episode_key(&row.uid, status);
        let remembered = self.state.episodes.get(&key).copied();
        if !self.episodic.contains(&kind) {
            return remembered.unwrap_or(now);
        }
        let changed =
            remembered.zip(latest_change(row)).filter(|(began, changed)| *changed > plus(*began, SAME_CHANGE));
        if let Some((_, changed)) = changed
            && self.watched.since.get(&key).is_none_or(|watched| *watched > changed)
        {
            self.state.episodes.remove(&key);
            return self.begin(key, changed.min(now));
        }
        self.begin(key, now)
    }

    pub(super) fn ended(&mut self, entry: &Entry, now: Timestamp) {
        let key = episode_key(&entry.row.uid, entry.health.status);
        if self.state.episodes.remove(&key).is_some() {
            self.state_changes += 1;
            if self.watched.left.len() >= EPISODES_MAX {
                let oldest = self.watched.left.iter().min_by_key(|(_, left)| **left).map(|(key, _)| *key);
                oldest.and_then(|oldest| self.watched.left.remove(&oldest));
            }
            self.watched.left.insert(key, now);
        }
    }
}

/// When a condition of an object last changed.
fn latest_change(row: &Row) -> Option<Timestamp> {
    let Some(Value::List(conditions)) = row.fields.at(["status", "conditions"]) else {
        return None;
    };
    let times = conditions.iter().filter_map(|condition| condition.get("lastTransitionTime")?.as_str()?.parse().ok());
    times.max()
}
