//! What is due, gathered: at most one write to an object at a time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Ledger, STATUS_INTERVAL};
use crate::engine::decide::rule_of;
use crate::engine::record::{counted_kinds, status, wave_record};
use crate::engine::{Gate, Intent, Listing, Mark};
use crate::rulebook::{AppName, Honour, KindIx};

impl Ledger {
    /// What is to be written now, at most one write in a lane.
    pub(super) fn intents(&mut self, now: Timestamp, wake: &mut Option<Timestamp>) -> Vec<Intent> {
        let mut intents = self.merged();
        let waves: Vec<Intent> = self.waves.iter().filter_map(|o| wave_record(o, self.world.get(o)?)).collect();
        self.waves = waves.iter().map(|intent| intent.target.clone()).collect();
        intents.extend(waves);
        intents.extend(self.status_intents(now, wake));
        intents.extend(self.tell.values().map(|(intent, _)| intent.clone()));
        let mut taken = self.in_flight.clone();
        intents.retain(|intent| {
            let tried = self.world.attempts.get(&intent.key()).map(|attempt| attempt.not_before);
            let noted = intent.noted().and_then(|app| self.noted.get(app)?.saturating_add(STATUS_INTERVAL).ok());
            match tried.max(noted).filter(|not_before| *not_before > now) {
                Some(not_before) => {
                    *wake = Some(wake.map_or(not_before, |w| w.min(not_before)));
                    false
                }
                None => taken.insert(intent.lane()),
            }
        });
        intents
    }

    /// What the verdicts intend; firings that can ride on one write together.
    fn merged(&self) -> Vec<Intent> {
        let mut intents: Vec<Intent> = Vec::new();
        let mut lanes: BTreeMap<Mark, Vec<usize>> = BTreeMap::new();
        let due = self.acting.iter().filter_map(|unit| self.verdicts.get(unit)).flat_map(|verdict| &verdict.intents);
        for intent in due {
            let lane = lanes.entry(intent.lane()).or_default();
            match lane.iter().copied().find(|at| intents.get(*at).is_some_and(|other| other.joins(intent))) {
                Some(at) => {
                    intents.get_mut(at).into_iter().for_each(|i| i.firings.extend(intent.firings.iter().cloned()))
                }
                None => {
                    lane.push(intents.len());
                    intents.push(intent.clone());
                }
            }
        }
        intents
    }

    /// The gates of an Application; none while one of them is not known: its rule names a kind that has not been listed, or annotations of
    /// such a kind may hold waves. A kind that cannot be read and cannot hold any keeps nothing back.
    fn known_gates(&self, app: &AppName) -> Option<Vec<&Gate>> {
        let pending = |kind: KindIx| self.world.listing(kind) == Listing::Pending;
        let holds = |kind: &&KindIx| self.rulebook.kind(**kind).is_some_and(|kind| kind.runs);
        if self.rulebook.honour != Honour::Never && self.kinds.iter().filter(holds).any(|kind| pending(*kind)) {
            return None;
        }
        let mut known = Vec::new();
        for (id, gates) in &self.gates {
            let of_app = gates.iter().filter(|gate| gate.application.as_ref() == Some(app));
            let before = known.len();
            known.extend(of_app);
            let rule = rule_of(&self.rulebook, &self.world, id).filter(|_| known.len() > before);
            if rule.is_some_and(|rule| rule.terms.iter().any(|term| pending(term.source.kind))) {
                return None;
            }
        }
        Some(known)
    }

    fn status_intents(&mut self, now: Timestamp, wake: &mut Option<Timestamp>) -> Vec<Intent> {
        let mut intents = Vec::new();
        if self.dirty_apps.is_empty() {
            return intents;
        }
        let mut open = BTreeSet::new();
        for app in std::mem::take(&mut self.dirty_apps) {
            // First, since counting costs more.
            let again = self.status_written.get(&app).and_then(|last| last.saturating_add(STATUS_INTERVAL).ok());
            if let Some(again) = again.filter(|again| *again > now) {
                *wake = Some(wake.map_or(again, |w| w.min(again)));
                open.insert(app);
                continue;
            }
            let known = |kind: KindIx| !self.kinds.contains(&kind) || self.world.listing(kind) != Listing::Pending;
            let counted = counted_kinds(&self.rulebook, &app).all(known);
            let gates = self.known_gates(&app);
            let intent = status(&self.rulebook, &self.world, &app, counted, gates.as_deref(), now);
            match intent.is_some() {
                true => open.insert(app),
                // Looked at again once a kind has been listed, and not before.
                false if !counted || gates.is_none() => self.apps_held.insert(app),
                false => false,
            };
            intents.extend(intent);
        }
        self.dirty_apps = open;
        intents
    }
}
