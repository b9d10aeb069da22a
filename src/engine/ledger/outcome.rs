//! What became of writes, taken back into the ledger.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Ledger;
use crate::engine::act::done;
use crate::engine::mark::recorded;
use crate::engine::types::{BACKOFF_DEFAULT, BACKOFF_MAX, RETRIES_DEFAULT};
use crate::engine::world::Attempt;
use crate::engine::{Effect, Intent, Mark, Pace, later};
use crate::rulebook::{AppName, ObjectRef};

/// Why a write did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The server said no for a reason that time alone does not mend.
    pub refused: bool,
    /// What it said.
    pub message: String,
    /// How long the server asks to wait, if it says.
    pub wait: Option<Duration>,
}

impl Failure {
    /// One that time may mend.
    #[must_use]
    pub fn passing(message: &str) -> Failure {
        Failure { refused: false, message: message.to_owned(), wait: None }
    }
}

/// Conflicts of one intent in a row that are answered at once; then comes a pause, as after any failure.
const CONFLICTS_MAX: u32 = 3;
/// A server that asks for a longer pause is not believed.
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);

impl Ledger {
    /// An intent is being written: its target gets no other until it is done, failed or in conflict.
    pub fn sent(&mut self, intent: &Intent) {
        self.in_flight.insert(intent.lane());
        self.world.reserved.sent(intent);
    }

    /// An intent was written. The object that came back should be taken in by [`Ledger::change`] as well.
    pub fn done(&mut self, intent: &Intent, now: Timestamp) {
        self.end(intent);
        self.world.attempts.remove(&intent.key());
        let mut counted = BTreeSet::new();
        for firing in &intent.firings {
            firing.marks.first().and_then(|mark| self.world.attempts.remove(mark));
            let mut settle = done(firing, &intent.target, now);
            if matches!(intent.effect, Effect::Notify(..)) {
                // The notification is an Event itself.
                settle.event = None;
            }
            // Firings that ride on one write are one for their rule's pace.
            settle.pace.fired = settle.pace.fired.filter(|(key, _)| counted.insert(*key));
            self.settle(settle, now);
        }
        match &intent.effect {
            Effect::Event(draft) => {
                if let Some((_, marks)) = self.tell.remove(&draft.mark) {
                    self.world.told(&marks);
                }
            }
            Effect::Status(_) => {
                let app = AppName { namespace: intent.target.namespace.clone(), name: intent.target.name.clone() };
                self.status_written.insert(app, now);
            }
            Effect::Notify(_, Some(app)) => {
                self.noted.insert(app.clone(), now);
            }
            _ => {}
        }
    }

    /// Whether the target's record, as it was last read, holds all that an intent is for: then it was written, though no answer came.
    #[must_use]
    pub fn is_recorded(&self, intent: &Intent) -> bool {
        let record = self.world.get(&intent.target).and_then(|entry| entry.row.record.as_deref());
        let marks = intent.marks();
        !marks.is_empty() && marks.into_iter().all(|mark| recorded(record, mark))
    }

    /// An intent was not written.
    pub fn failed(&mut self, intent: &Intent, failure: &Failure, now: Timestamp) {
        self.end(intent);
        let entry = self.world.get(&intent.target);
        let is_source = entry.is_some_and(|entry| self.index.is_source(&self.rulebook, &intent.target, &entry.row));
        for (key, backoff) in attempt_keys(intent) {
            let attempt = self.world.attempts.entry(key).or_insert_with(|| Attempt::new(now));
            attempt.failed = attempt.failed.saturating_add(1);
            attempt.conflicts = 0;
            attempt.refused = attempt.refused.saturating_add(u32::from(failure.refused));
            let doublings = attempt.failed.saturating_sub(1).min(16);
            let pause = backoff.saturating_mul(1 << doublings).min(BACKOFF_MAX.max(backoff));
            let asked = failure.wait.unwrap_or_default().min(WAIT_MAX);
            attempt.not_before = later(now, pause.max(asked));
            attempt.message.clone_from(&failure.message);
            let given_up = attempt.refused > RETRIES_DEFAULT;
            if given_up && matches!(intent.effect, Effect::WaveRecord { .. }) && !is_source {
                // Tried again when the object changes: a rule that needs the record would be one of the rulebook's.
                self.waves.remove(&intent.target);
            }
            let untold = match &intent.effect {
                Effect::Event(draft) if given_up => self.tell.remove(&draft.mark),
                _ => None,
            };
            if let Some((_, marks)) = untold {
                self.world.told(&marks);
            }
        }
    }

    /// An intent met a newer object, which has been taken in: decide again, after a pause if this goes on.
    pub fn conflicted(&mut self, intent: &Intent, now: Timestamp) {
        let mut most = 0;
        for (key, _) in attempt_keys(intent) {
            let attempt = self.world.attempts.entry(key).or_insert_with(|| Attempt::new(now));
            attempt.conflicts = attempt.conflicts.saturating_add(1);
            most = most.max(attempt.conflicts);
        }
        match most > CONFLICTS_MAX {
            true => self.failed(intent, &Failure::passing("the object changes all the time"), now),
            false => self.end(intent),
        }
    }

    /// An intent was not sent at all.
    pub fn unsent(&mut self, intent: &Intent) {
        self.end(intent);
    }

    fn end(&mut self, intent: &Intent) {
        self.in_flight.remove(&intent.lane());
        self.world.reserved.ended(intent);
        for firing in intent.firings.iter().filter(|firing| firing.pace != Pace::default()) {
            self.loosen(&firing.unit.rule);
        }
        self.dirty.extend(intent.firings.iter().map(|firing| firing.unit.clone()));
        self.dirty.extend(self.owed.values().cloned());
    }
}

/// Under what the tries of an intent are counted, and the first pause of each.
fn attempt_keys(intent: &Intent) -> Vec<(Mark, Duration)> {
    match intent.firings.is_empty() {
        true => vec![(intent.key(), BACKOFF_DEFAULT)],
        false => intent.firings.iter().filter_map(|f| Some((*f.marks.first()?, f.retry.1))).collect(),
    }
}

impl Intent {
    /// Whether another firing can ride on the same write.
    pub(super) fn joins(&self, other: &Intent) -> bool {
        self.target == other.target && self.effect.joins(&other.effect)
    }

    /// What tells this intent from others, for counting tries.
    #[must_use]
    pub fn key(&self) -> Mark {
        let marks: Vec<String> = self.marks().iter().map(Mark::to_string).collect();
        let what = match &self.effect {
            Effect::Event(draft) | Effect::Notify(draft, _) => draft.mark.to_string(),
            Effect::Status(_) => "status".to_owned(),
            Effect::WaveRecord { .. } => "wave".to_owned(),
            _ => marks.join(","),
        };
        Mark::of(&["intent", &self.target.kind.0.to_string(), &self.target.namespace, &self.target.name, &what])
    }

    /// Writes in one lane go one after the other: those to one object, and each Event by itself.
    #[must_use]
    pub fn lane(&self) -> Mark {
        let of = |object: &ObjectRef| Mark::of(&["lane", &object.kind.0.to_string(), &object.namespace, &object.name]);
        match &self.effect {
            Effect::Notify(_, Some(application)) => of(application),
            Effect::Event(_) | Effect::Notify(_, None) => self.key(),
            _ => of(&self.target),
        }
    }

    /// The Application that a notification goes to.
    pub(super) fn noted(&self) -> Option<&ObjectRef> {
        match &self.effect {
            Effect::Notify(_, application) => application.as_ref(),
            _ => None,
        }
    }
}
