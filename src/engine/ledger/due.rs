//! What is due, gathered: at most one write to an object at a time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Ledger, STATUS_INTERVAL};
use crate::engine::record::{status, wave_record};
use crate::engine::{Gate, Intent, Listing, Mark};
use crate::rulebook::AppName;

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
            let due = self.world.attempts.get(&intent.key()).is_none_or(|attempt| {
                if attempt.not_before > now {
                    *wake = Some(wake.map_or(attempt.not_before, |w| w.min(attempt.not_before)));
                }
                attempt.not_before <= now
            });
            due && taken.insert(intent.lane())
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

    fn status_intents(&mut self, now: Timestamp, wake: &mut Option<Timestamp>) -> Vec<Intent> {
        let mut intents = Vec::new();
        if self.dirty_apps.is_empty() {
            return intents;
        }
        let known =
            !self.adopted.is_empty() && self.kinds.iter().all(|kind| self.world.listing(*kind) != Listing::Pending);
        let again =
            |app: &AppName| self.status_written.get(app).and_then(|last| last.saturating_add(STATUS_INTERVAL).ok());
        // What has to wait is not even counted: in a second, much may happen.
        let (held, due): (Vec<AppName>, Vec<AppName>) = std::mem::take(&mut self.dirty_apps)
            .into_iter()
            .partition(|app| !known || again(app).is_some_and(|again| again > now));
        for again in held.iter().filter_map(again).filter(|again| known && *again > now) {
            *wake = Some(wake.map_or(again, |wake| wake.min(again)));
        }
        let mut open: BTreeSet<AppName> = held.into_iter().collect();
        if due.is_empty() {
            self.dirty_apps = open;
            return intents;
        }
        let gates: Vec<Gate> = self.gates.values().flatten().cloned().collect();
        for app in due {
            let Some(intent) = status(&self.rulebook, &self.world, &app, &gates, now) else { continue };
            intents.push(intent);
            open.insert(app);
        }
        self.dirty_apps = open;
        intents
    }
}
