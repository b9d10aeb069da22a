//! One round of decisions: what is dirty is decided, settled and put where it will be looked for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Ledger, Would};
use crate::engine::cause::rule_mark;
use crate::engine::decide::{decide, rule_of};
use crate::engine::gate::gates;
use crate::engine::pace::is_paced;
use crate::engine::{How, Pace, RuleId, Settle, Standing, Unit, Verdict};
use crate::rulebook::Honour;

impl Ledger {
    /// Decides what is dirty.
    pub(super) fn round(&mut self, now: Timestamp) {
        let dirty = std::mem::take(&mut self.dirty);
        for unit in self.in_order(dirty, now) {
            let wanted = self.forget(&unit);
            let mut verdict = decide(&self.rulebook, &self.world, &unit, now);
            if unit.owed.is_some_and(|mark| self.is_paid(verdict.as_ref(), mark)) {
                continue;
            }
            if let Some(left) = verdict.take_if(|_| self.is_left(&unit)) {
                self.leave(&left, now);
            }
            if wanted && verdict.as_ref().is_none_or(|verdict| verdict.intents.is_empty()) {
                self.loosen(&unit.rule);
            }
            let Some(verdict) = verdict else { continue };
            for settle in &verdict.settle {
                self.settle(settle.clone(), now);
            }
            if let Standing::Would(action) = &verdict.standing {
                let causes = verdict.causes.iter().map(|cause| cause.text.clone()).collect();
                let (unit, rule) = (unit.clone(), verdict.rule.name.clone());
                self.would.push(Would { unit, rule, action: action.clone(), causes });
            }
            if !verdict.settle.is_empty() {
                self.dirty.insert(unit.clone());
            }
            if matches!(verdict.standing, Standing::Waiting(_) | Standing::Due) {
                let timeless = verdict.causes.iter().filter(|cause| cause.timeless);
                timeless.for_each(|cause| self.world.remember(&cause.object));
            }
            self.keep(unit, verdict);
        }
    }

    fn keep(&mut self, unit: Unit, verdict: Verdict) {
        if let Some(wake) = verdict.wake {
            self.wakes.insert((wake, unit.clone()));
        }
        if !verdict.intents.is_empty() {
            self.acting.insert(unit.clone());
            self.world.reserved.take(&verdict);
        }
        if !matches!(verdict.standing, Standing::Quiet | Standing::Done) || verdict.wake.is_some() {
            self.note_resting(&verdict, true);
            self.verdicts.insert(unit, verdict);
        }
    }

    /// Where rules limit their pace, the oldest cause goes first.
    fn in_order(&self, dirty: BTreeSet<Unit>, now: Timestamp) -> Vec<Unit> {
        let mut free = Vec::new();
        let mut paced = Vec::new();
        for unit in dirty {
            match rule_of(&self.rulebook, &self.world, &unit.rule).is_some_and(|rule| is_paced(&rule)) {
                true => {
                    let verdict = decide(&self.rulebook, &self.world, &unit, now);
                    let oldest = verdict.iter().flat_map(|v| &v.causes).filter_map(|cause| cause.time).min();
                    paced.push((oldest.unwrap_or(Timestamp::MAX), unit));
                }
                false => free.push(unit),
            }
        }
        paced.sort();
        free.extend(paced.into_iter().map(|(_, unit)| unit));
        free
    }

    /// The units of a rule that are held back may go on now: a write that they waited for is not wanted any more, or done.
    pub(super) fn loosen(&mut self, rule: &RuleId) {
        let first = Unit { rule: rule.clone(), alternative: 0, member: None, owed: None };
        let held = self.verdicts.range(first..).take_while(|(unit, _)| unit.rule == *rule);
        let waiting = held.filter(|(_, verdict)| matches!(verdict.standing, Standing::Waiting(_)));
        self.dirty.extend(waiting.map(|(unit, _)| unit.clone()));
    }

    /// Whether a rule of an annotation is left to the object's own operator.
    fn is_left(&self, unit: &Unit) -> bool {
        self.rulebook.honour != Honour::Always
            && matches!(&unit.rule, RuleId::Annotation(object, _) if self.world.operator_acts(object))
    }

    /// What the operator acts on is used up, so that nothing acts on it again when the operator is gone.
    fn leave(&mut self, verdict: &Verdict, now: Timestamp) {
        for cause in &verdict.causes {
            let marks = vec![rule_mark(&self.rulebook, &verdict.rule, cause)];
            let (on, pace) = (cause.object.clone(), Pace::default());
            self.settle(Settle { marks, how: How::Left, timeless: cause.timeless, on, event: None, pace }, now);
        }
    }

    /// Forgets what was decided of a unit; says whether it wanted a write that counts for its rule's pace.
    fn forget(&mut self, unit: &Unit) -> bool {
        self.acting.remove(unit);
        let Some(verdict) = self.verdicts.remove(unit) else { return false };
        if let Some(wake) = verdict.wake {
            self.wakes.remove(&(wake, unit.clone()));
        }
        self.note_resting(&verdict, false);
        self.world.reserved.release(&verdict)
    }

    /// Deals with marks, and tells of it.
    pub(super) fn settle(&mut self, settle: Settle, now: Timestamp) {
        if !self.world.settle(&settle, now) {
            return;
        }
        self.world.count(&settle.pace, now);
        self.make_room(now);
        if let Some(event) = settle.event {
            let effect = crate::engine::Effect::Event(event.clone());
            let intent = crate::engine::Intent { target: settle.on, effect, firings: Vec::new() };
            self.tell.insert(event.mark, (intent, settle.marks));
        }
    }

    /// Reads the gates of a rule anew.
    pub(super) fn note_gates(&mut self, id: RuleId, now: Timestamp) {
        if let Some(wake) = self.gate_wakes.remove(&id) {
            self.gates_due.remove(&(wake, id.clone()));
        }
        let rule = rule_of(&self.rulebook, &self.world, &id);
        let (new, wake) = rule.map(|rule| gates(&self.rulebook, &self.world, &rule, now)).unwrap_or_default();
        let old = self.gates.get(&id).map(Vec::as_slice).unwrap_or_default();
        self.dirty_apps.extend(old.iter().chain(&new).filter_map(|gate| gate.application.clone()));
        if let Some(wake) = wake {
            self.gate_wakes.insert(id.clone(), wake);
            self.gates_due.insert((wake, id.clone()));
        }
        match new.is_empty() {
            true => self.gates.remove(&id),
            false => self.gates.insert(id, new),
        };
    }

    /// Marks what is due by now as dirty.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some((_, unit)) = self.wakes.first().filter(|(time, _)| *time <= now).cloned() {
            self.wakes.pop_first();
            self.dirty.insert(unit);
        }
        while let Some((_, id)) = self.gates_due.first().filter(|(time, _)| *time <= now).cloned() {
            self.gates_due.pop_first();
            self.gate_wakes.remove(&id);
            self.dirty_rules.insert(id);
        }
    }

    /// When something is due next.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let unit = self.wakes.first().map(|(time, _)| *time);
        [unit, self.gates_due.first().map(|(time, _)| *time)].into_iter().flatten().min()
    }
}
