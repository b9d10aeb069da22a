//! A leader's time: the state is loaded before anything is decided, and stored as it changes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::controller::{Controller, Flight};
use super::metrics::Id;
use super::store::{Store, Stored};
use super::writer::Outcome;
use crate::engine::{Ledger, Mark, State};

/// A state that cannot be read, or not be stored, is tried again so often.
const AGAIN_SECONDS: u64 = 5;

/// A leader that has no answer to its first questions gives the lease to another after so many lengths of the lease; twice as long each
/// time, up to the second number.
const GIVE_UP_LEASES: (u32, u32) = (2, 64);

/// How far this replica is with leading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not lead.
    #[default]
    Following,
    /// It asks for the state.
    Reading,
    /// The state could not be read, or is not to be used; it is read again at this time.
    Waiting(Instant),
    /// The state is loaded.
    Loaded,
}

/// A leader's time, and the state in it.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    pub(super) phase: Phase,
    term: u64,
    /// What is wrong with the state: it cannot be read, used or stored.
    pub(super) trouble: Option<String>,
    /// The text that is stored, and the change of the ledger's state that it is.
    stored: Option<(String, u64)>,
    /// A write of the state is in flight.
    writing: bool,
    /// After a failure: not before this.
    not_before: Option<Instant>,
    /// The state began anew, which is said once the object is there.
    began: bool,
    /// The refusal of rules that was said last.
    pub(super) said: Option<String>,
    /// This process has had a state already: one that is missing now was lost.
    used: bool,
    /// The state is there and cannot be used: so it is for every replica.
    malformed: bool,
    /// Since when it leads, until it has its first answers.
    since: Option<Instant>,
    /// How often it has given the lease up.
    gave_up: u32,
}

impl Tenure {
    /// The next, with what outlives a tenure.
    fn next(&mut self) -> Tenure {
        Tenure { said: self.said.take(), used: self.used, gave_up: self.gave_up, ..Tenure::default() }
    }

    /// The ledger is a new one, whose changes are counted anew: what is stored is to be compared with what it holds.
    pub(super) fn compare(&mut self) {
        if let Some((_, changes)) = &mut self.stored {
            *changes = u64::MAX;
        }
    }

    /// The state is loaded, so decisions can be made.
    pub(super) fn is_loaded(&self) -> bool {
        self.phase == Phase::Loaded
    }
}

impl Controller {
    /// Leadership has changed, or was renewed.
    pub(super) fn stood(&mut self) {
        let standing = self.standing.borrow().clone();
        let leads = standing.until.is_some_and(|until| until > Instant::now());
        self.metrics.set(Id::Leader, &[], f64::from(u8::from(leads)));
        if !leads {
            if self.tenure.phase != Phase::Following {
                tracing::warn!(holder = %standing.holder, "no longer the leader");
                self.tenure = self.tenure.next();
            }
        } else if self.tenure.phase == Phase::Following || self.tenure.term != standing.term {
            self.tenure = Tenure { term: standing.term, ..self.tenure.next() };
            self.tenure.phase = Phase::Waiting(Instant::now());
            self.tenure.since = Some(Instant::now());
        }
    }

    /// Whether a leader cannot do its work since answers do not come: about its state, or about a kind. What hangs for it may not hang for
    /// another. A kind that is refused has its answer; a state that is there and cannot be used is so for every replica.
    fn hangs(&self) -> bool {
        (!self.tenure.is_loaded() && !self.tenure.malformed) || self.kinds.waits_for_an_answer()
    }

    fn gives_up_at(&self) -> Option<Instant> {
        let leases = (GIVE_UP_LEASES.0 << self.tenure.gave_up.min(8)).min(GIVE_UP_LEASES.1);
        self.tenure.since.filter(|_| self.hangs()).map(|since| since + self.options.times.lease * leases)
    }

    /// Gives the lease up if it is time for that.
    pub(super) fn look_at_lease(&mut self) {
        if self.tenure.since.is_some() && !self.hangs() {
            (self.tenure.since, self.tenure.gave_up) = (None, 0);
        }
        if self.gives_up_at().is_none_or(|at| at > Instant::now()) {
            return;
        }
        tracing::error!(
            "this replica leads, and has no answer about the state or a kind: the lease is given to another"
        );
        (self.tenure.since, self.tenure.gave_up) = (None, self.tenure.gave_up + 1);
        self.step_down.notify_one();
    }

    /// Begins to read the state when it is time for that. What is in flight from an earlier term ends first.
    pub(super) fn look_at_tenure(&mut self) {
        let due = matches!(self.tenure.phase, Phase::Waiting(at) if at <= Instant::now());
        if !due || !self.flights.is_empty() || self.ledger.is_none() {
            return;
        }
        self.tenure.phase = Phase::Reading;
        let (client, place, term) = (self.env.client.clone(), self.store.place().clone(), self.tenure.term);
        let (reads, deadline) = (self.reads.clone(), self.options.write_deadline);
        tokio::spawn(async move {
            let object = Store::read(&client, &place, deadline).await;
            let _ = reads.send((term, object)).await;
        });
    }

    /// When the tenure wants to be looked at again.
    pub(super) fn tenure_look(&self) -> Option<Instant> {
        [self.phase_look(), self.gives_up_at()].into_iter().flatten().min()
    }

    fn phase_look(&self) -> Option<Instant> {
        match self.tenure.phase {
            Phase::Waiting(at) if self.flights.is_empty() => Some(at),
            Phase::Loaded if self.wants_to_store() && !self.tenure.writing && self.has_time() => {
                Some(self.store.not_before().max(self.tenure.not_before).unwrap_or_else(Instant::now))
            }
            _ => None,
        }
    }

    /// The state was read.
    pub(super) fn read(&mut self, term: u64, object: Result<Option<Json>, String>) {
        if term != self.tenure.term || self.tenure.phase != Phase::Reading {
            return;
        }
        match object {
            Ok(object) => {
                let stored = self.store.found(object.as_ref());
                self.use_state(stored);
            }
            Err(why) => {
                self.tenure.malformed = false;
                self.state_trouble(format!("the state cannot be read: {why}"), None);
            }
        }
    }

    /// Puts a stored state to use. One that cannot be used is left as it is: an operator decides what is to become of it.
    fn use_state(&mut self, stored: Stored) {
        let name = self.store.place().name.clone();
        let (state, text) = match stored {
            Stored::Missing if self.standing.borrow().first && !self.tenure.used => (State::fresh(), None),
            Stored::Missing => (State::default(), None),
            Stored::Found(text) => match State::from_json(&text) {
                Ok(state) => (state, Some(text)),
                Err(why) => return self.malformed(&why),
            },
            Stored::Malformed(why) => return self.malformed(&why),
        };
        let Some(rulebook) = self.ledger.as_ref().map(|ledger| ledger.rulebook().clone()) else { return };
        let began = text.is_none();
        if began {
            tracing::warn!(object = %name, "there is no state: now is the baseline, and nothing that finished before is acted on");
        } else {
            tracing::info!(object = %name, marks = state.settled.len(), "state loaded");
        }
        let now = self.env.clock.now();
        let mut ledger = Ledger::new(rulebook, state);
        if let Some(old) = &self.ledger {
            ledger.world_mut().take_over(old.world());
        }
        self.rebuild(ledger, now);
        (self.tenure.phase, self.tenure.trouble, self.tenure.began) = (Phase::Loaded, None, began);
        self.tenure.malformed = false;
        self.tenure.used = true;
        self.tenure.stored = text.map(|text| (text, u64::MAX));
        self.tell_refusal();
    }

    fn malformed(&mut self, why: &str) {
        let name = self.store.place().name.clone();
        let message = format!(
            "the state in ConfigMap {name} cannot be used: {why}. Nothing is decided until it can. Put back what was there, or \
             delete the ConfigMap to make now the baseline"
        );
        self.state_trouble(message.clone(), Some("StateUnreadable"));
        self.tenure.malformed = true;
    }

    /// Says what is wrong with the state, once, and tries again later.
    fn state_trouble(&mut self, message: String, reason: Option<&str>) {
        self.tenure.phase = Phase::Waiting(Instant::now() + Duration::from_secs(AGAIN_SECONDS));
        if self.tenure.trouble.as_ref() == Some(&message) {
            return;
        }
        tracing::error!("{message}");
        if let Some(reason) = reason {
            self.tell(reason, &message);
        }
        self.tenure.trouble = Some(message);
    }

    /// An Event on the state object. Replicas that say the same make it once.
    fn tell(&mut self, reason: &str, message: &str) {
        if self.options.observe {
            return;
        }
        let now = self.env.clock.now();
        let key = Mark::of(&["controller", &self.options.rulebook, reason, message, self.store.uid()]).to_string();
        let order = self.store.event(&key, reason, message, now);
        self.send(order, Flight::Event);
    }

    /// Rules that were refused are said on the state object, by the leader.
    pub(super) fn tell_refusal(&mut self) {
        let text = self.refused.join("; ");
        if text.is_empty() {
            self.tenure.said = None;
        } else if self.tenure.is_loaded() && self.tenure.said.as_ref() != Some(&text) {
            self.tell("RulesRefused", &format!("the last good rules stay in use: {text}"));
            self.tenure.said = Some(text);
        }
    }

    fn has_time(&self) -> bool {
        self.standing.borrow().leads_for(self.options.write_deadline)
    }

    fn wants_to_store(&self) -> bool {
        let changes = self.ledger.as_ref().map(|ledger| ledger.world().state_changes());
        changes.is_some_and(|changes| self.tenure.stored.as_ref().is_none_or(|(_, stored)| *stored != changes))
    }

    /// Stores the state if it has changed: at most once a second, at once if `last`. True if a write is in flight.
    pub(super) fn store_state(&mut self, last: bool) -> bool {
        if self.tenure.writing || !self.tenure.is_loaded() || !self.wants_to_store() {
            return self.tenure.writing;
        }
        let early = self.store.not_before().max(self.tenure.not_before).is_some_and(|at| at > Instant::now());
        if (early && !last) || !self.has_time() {
            return false;
        }
        let Some(ledger) = &self.ledger else { return false };
        let changes = ledger.world().state_changes();
        let (state, marks) = ledger.world().storable();
        let text = match state.to_json() {
            Ok(text) => text,
            Err(error) => return self.not_stored(&error.to_string()),
        };
        if self.tenure.stored.as_ref().is_some_and(|(stored, _)| *stored == text) {
            self.stored(text, &marks, changes);
            return false;
        }
        match self.store.order(&text) {
            Ok(order) => {
                self.tenure.writing = self.send(order, Flight::State(text, marks, changes));
                self.tenure.writing
            }
            Err(why) => self.not_stored(&why),
        }
    }

    fn stored(&mut self, text: String, marks: &BTreeSet<Mark>, changes: u64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.world_mut().saved(marks);
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a MiB")]
        self.metrics.set(Id::StateBytes, &[], text.len() as f64);
        self.tenure.stored = Some((text, changes));
        (self.tenure.trouble, self.tenure.not_before) = (None, None);
        if std::mem::take(&mut self.tenure.began) {
            let since = self.env.clock.now();
            self.tell("NewBaseline", &format!("there was no state: what finished before {since:.0} is not acted on"));
        }
    }

    /// False: nothing is in flight.
    fn not_stored(&mut self, why: &str) -> bool {
        self.metrics.count(Id::StateWrites, &["failed"]);
        let message = format!("the state cannot be stored: {why}");
        if self.tenure.trouble.as_ref() != Some(&message) {
            tracing::error!("{message}");
            self.tenure.trouble = Some(message);
        }
        self.tenure.not_before = Some(Instant::now() + Duration::from_secs(AGAIN_SECONDS));
        false
    }

    /// A write of the state has ended.
    pub(super) fn state_ended(&mut self, text: &str, marks: &BTreeSet<Mark>, changes: u64, outcome: Outcome) {
        self.tenure.writing = false;
        if !self.tenure.is_loaded() {
            return;
        }
        let (live, why) = match outcome {
            Outcome::Done(live) => (live, String::new()),
            Outcome::Conflict(live) => (live, "it had changed".to_owned()),
            Outcome::Uncertain(live, why) => (live, why),
            Outcome::Refused(_, why) | Outcome::Later(why, _) => {
                self.not_stored(&why);
                return;
            }
            Outcome::NotLeader => return,
        };
        let before = self.tenure.stored.as_ref().map(|(stored, _)| stored.clone());
        match self.store.written(&live) {
            Some(Stored::Found(found)) if found == text => {
                self.metrics.count(Id::StateWrites, &["done"]);
                self.stored(found, marks, changes);
            }
            // Someone deleted it while it is in use: it is made again from what is remembered.
            Some(Stored::Missing) if before.is_some() => {
                self.tenure.stored = None;
                tracing::warn!("the state object is gone; it is made again");
            }
            // Another leader wrote between: what it wrote counts, and what this one did since is on the records of its targets.
            Some(Stored::Found(found)) if before.as_ref() != Some(&found) => {
                tracing::warn!("the state was written by another; it is loaded again");
                self.tenure.phase = Phase::Waiting(Instant::now());
            }
            Some(Stored::Malformed(found)) => self.malformed(&found),
            Some(Stored::Found(_) | Stored::Missing) | None => {
                self.not_stored(&why);
            }
        }
    }
}
