//! Forgetting: what no decision needs any more, and what there is no room for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Ledger;
use crate::engine::act::said;
use crate::engine::pace::{BUSY_MAX, patience_to_act};
use crate::engine::state::{Keep, SETTLED_KEEP, SETTLED_MAX};
use crate::engine::{Effect, EventDraft, Intent, Listing, Mark, RunId, Standing, Verdict};

impl Ledger {
    /// Drops what no decision needs any more. Right after [`Ledger::tick`]: false if something is still to be decided, and nothing is dropped.
    pub fn prune(&mut self, now: Timestamp) -> bool {
        if !self.dirty.is_empty() {
            return false;
        }
        let listing = |wanted: Listing| self.kinds.iter().filter(|kind| self.world.listing(**kind) == wanted).count();
        // Of a kind that has not been listed it is not known what waits.
        let known = listing(Listing::Pending) == 0;
        let all = listing(Listing::Listed) == self.kinds.len();
        let live = (all && self.world.state.names_many())
            .then(|| self.world.finished().iter().map(RunId::mark).collect::<BTreeSet<Mark>>());
        let items = self.all_items();
        let keep = Keep {
            items: &items,
            horizon: known.then(|| self.horizon(now)),
            pace: before(now, self.longest_pace()),
            runs: live.as_ref(),
        };
        if self.world.state.prune(&keep) {
            self.world.forget_marks();
        }
        if known {
            self.world.forget_episodes();
        }
        true
    }

    /// Causes before this are over: no rule waits so long, and none does.
    fn horizon(&self, now: Timestamp) -> Timestamp {
        let rules = self.rulebook.rules.iter();
        let annotated = self.world.all_annotated().flat_map(|(_, annotated)| &annotated.rules);
        let longest = rules.chain(annotated).map(|rule| patience_to_act(rule)).max().unwrap_or_default();
        let old = before(now, SETTLED_KEEP.max(longest.saturating_mul(2)));
        self.verdicts.values().filter_map(waits_since).fold(old, Timestamp::min)
    }

    fn longest_pace(&self) -> std::time::Duration {
        let modifiers = self.rulebook.rules.iter().map(|rule| &rule.modifiers);
        let longest = modifiers.flat_map(|m| m.cooldown.into_iter().chain(m.per.map(|(_, per)| per))).max();
        longest.unwrap_or_default().max(BUSY_MAX)
    }

    /// Firings came so fast that their marks do not fit: the oldest go before their time. What still waits since then is given up, and said
    /// to be.
    pub(super) fn make_room(&mut self, now: Timestamp) {
        let Some(until) = self.world.state.is_full() else { return };
        let settled = &self.world.state.settled;
        let done = |verdict: &&Verdict| {
            let mut marks = verdict.intents.iter().flat_map(Intent::marks).peekable();
            marks.peek().is_some() && marks.all(|mark| settled.contains_key(&mark))
        };
        let waiting = self.verdicts.values().filter(|verdict| !done(verdict));
        let lost = waiting.filter(|verdict| waits_since(verdict).is_some_and(|since| since < until));
        let told: Vec<(Intent, Mark)> = lost.filter_map(|verdict| given_up(verdict, now)).collect();
        for (intent, mark) in told {
            self.tell.insert(mark, (intent, Vec::new()));
        }
        let units = self.verdicts.iter().filter(|(_, verdict)| waits_since(verdict).is_some());
        self.dirty.extend(units.map(|(unit, _)| unit.clone()));
        self.world.state.drop_before(until);
        self.world.forget_marks();
    }
}

/// The oldest cause for which something is still to be done.
fn waits_since(verdict: &Verdict) -> Option<Timestamp> {
    let waits = matches!(verdict.standing, Standing::Waiting(_) | Standing::Due);
    verdict.causes.iter().filter(|cause| waits && !cause.timeless).filter_map(|cause| cause.time).min()
}

/// The Event of a rule whose cause is forgotten though it still waits.
fn given_up(verdict: &Verdict, now: Timestamp) -> Option<(Intent, Mark)> {
    let first = verdict.causes.first()?;
    let message = format!(
        "rule {}: given up after {}: more than {SETTLED_MAX} firings came since, and no more can be remembered",
        verdict.rule.name,
        said(&verdict.causes)
    );
    let mark = Mark::of(&["event", "ForgottenCause", &verdict.rule.name, &first.id]);
    let reason = "ActionGivenUp".to_owned();
    let draft = EventDraft { mark, notification: None, reason, message, warning: true, time: now };
    Some((Intent { target: first.object.clone(), effect: Effect::Event(draft), firings: Vec::new() }, mark))
}

fn before(time: Timestamp, duration: std::time::Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}
