//! What keeps the state small: what no decision needs any more goes, and everything has a limit.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    ACTED_MAX, BASELINE_RUNS_MAX, DEPARTED_MAX, FIRED_MAX, How, LOADS_MAX, Load, Mark, NOTES_MAX, SETTLED_MAX, Settled,
    State, TIMELESS_MAX, minus,
};
use crate::engine::world::CLOCK_SKEW;

/// What is still needed.
#[derive(Debug)]
pub struct Keep<'a> {
    /// The items of the whole rulebook.
    pub items: &'a BTreeSet<Mark>,
    /// Causes before this are over; none while it is not known whether they are.
    pub horizon: Option<Timestamp>,
    /// Writes and firings before this hold nothing up any more.
    pub pace: Timestamp,
    /// The finished runs in the world, if all of them are known and room is needed.
    pub runs: Option<&'a BTreeSet<Mark>>,
}

impl State {
    /// Marks firings as dealt with; a mark that is settled stays as it is. `timeless`: their cause has no time of its own.
    pub fn settle(&mut self, marks: impl IntoIterator<Item = Mark>, how: How, timeless: bool, now: Timestamp) {
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        for mark in marks {
            self.settled.entry(mark).or_insert(Settled { at, how, timeless });
        }
        match (how, timeless) {
            (How::Said, _) => {
                self.drop_oldest(NOTES_MAX, |settled| settled.how == How::Said);
            }
            (_, true) => {
                let dropped = self.drop_oldest(TIMELESS_MAX, |settled| settled.timeless && settled.how != How::Said);
                self.dealt_created = self.dealt_created.max(dropped);
            }
            // A full one is the ledger's to deal with: it says what it gives up.
            (_, false) => {}
        }
    }

    /// If there are more than `max` of these, the oldest quarter goes. Gives the time of the newest that went.
    fn drop_oldest(&mut self, max: usize, of: impl Fn(&Settled) -> bool) -> Option<Timestamp> {
        if self.settled.len() <= max {
            return None;
        }
        let marks = self.settled.iter().filter(|(_, settled)| of(settled));
        let mut marks: Vec<(Timestamp, Mark)> = marks.map(|(mark, settled)| (settled.at, *mark)).collect();
        if marks.len() <= max {
            return None;
        }
        marks.sort_unstable();
        marks.truncate(marks.len() - max / 4 * 3);
        for (_, mark) in &marks {
            self.settled.remove(mark);
        }
        marks.last().map(|(at, _)| *at)
    }

    /// If there are too many marks of causes that tell their time: the time before which the oldest quarter was settled.
    #[must_use]
    pub fn is_full(&self) -> Option<Timestamp> {
        if self.settled.len() <= SETTLED_MAX {
            return None;
        }
        let timed = self.settled.values().filter(|settled| is_timed(settled));
        let mut times: Vec<Timestamp> = timed.map(|settled| settled.at).collect();
        if times.len() <= SETTLED_MAX {
            return None;
        }
        times.sort_unstable();
        let last = times.get(times.len() - SETTLED_MAX / 4 * 3)?;
        // The next second, so that something goes though all of it came in one.
        last.checked_add(SignedDuration::from_secs(1)).ok()
    }

    /// Drops the marks that were settled before a time; causes before it count as dealt with.
    pub fn drop_before(&mut self, time: Timestamp) {
        self.settled.retain(|_, settled| !is_timed(settled) || settled.at >= time);
        self.dealt_until = self.dealt_until.max(Some(time));
    }

    /// Drops what no decision needs any more. True if anything was. To be called only when everything has been decided, since causes before
    /// the horizon count as dealt with.
    pub fn prune(&mut self, keep: &Keep<'_>) -> bool {
        let before = self.sizes();
        self.keep_items(keep.items);
        if let Some(runs) = keep.runs {
            self.loads.iter_mut().for_each(|load| load.runs.retain(|run| runs.contains(run)));
        }
        self.acted.retain(|_, at| *at >= keep.pace);
        self.fired.values_mut().for_each(|times| times.retain(|at| *at >= keep.pace));
        self.fired.retain(|_, times| !times.is_empty());
        if let Some(horizon) = keep.horizon {
            // A cause may have come a little after the mark was made, by another clock.
            let old = minus(horizon, CLOCK_SKEW);
            let any = self.settled.len();
            self.settled.retain(|_, settled| !is_timed(settled) || settled.at >= old);
            if self.settled.len() < any {
                self.dealt_until = self.dealt_until.max(Some(horizon));
            }
        }
        self.sizes() != before
    }

    fn sizes(&self) -> [usize; 7] {
        let fired = self.fired.values().map(Vec::len).sum();
        let (items, loads) = (self.items.len() + self.early.len(), self.loads.len());
        [self.settled.len(), items, loads, self.named(), self.acted.len(), fired, self.departed.len()]
    }

    /// How many runs the baselines name.
    pub(super) fn named(&self) -> usize {
        self.loads.iter().map(|load| load.runs.len()).sum()
    }

    /// Whether runs that are gone should make room for others.
    #[must_use]
    pub fn names_many(&self) -> bool {
        self.named() > BASELINE_RUNS_MAX / 2
    }

    /// Drops items of rules that are gone, and the loads that no item has any more. What these name stays named for the loads after them.
    pub(super) fn keep_items(&mut self, items: &BTreeSet<Mark>) {
        self.items.retain(|item, _| items.contains(item));
        self.early.retain(|item| items.contains(item));
        self.departed.retain(|item, _| items.contains(item));
        let used: BTreeSet<usize> = self.items.values().copied().collect();
        let moved: BTreeMap<usize, usize> = used.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut runs = BTreeSet::new();
        for (index, mut load) in std::mem::take(&mut self.loads).into_iter().enumerate() {
            runs.append(&mut load.runs);
            if used.contains(&index) {
                self.loads.push(Load { runs: std::mem::take(&mut runs), ..load });
            }
        }
        for load in self.items.values_mut() {
            *load = moved.get(load).copied().unwrap_or(0);
        }
    }

    /// Makes one of the two oldest loads while there are too many: what was there at the later of them is the baseline of both.
    pub(super) fn merge_loads(&mut self) {
        while self.loads.len() > LOADS_MAX {
            let mut old = self.loads.remove(0);
            if let Some(next) = self.loads.first_mut() {
                next.runs.append(&mut old.runs);
                (next.until, next.created) = (next.until.max(old.until), next.created.max(old.created));
                next.episodes |= old.episodes;
            }
            self.items.values_mut().for_each(|load| *load = load.saturating_sub(1));
        }
    }

    /// A write of a rule to a target was done, for `cooldown` and `at most N at a time`.
    pub fn note_acted(&mut self, key: Mark, now: Timestamp) {
        self.acted.insert(key, seconds_up(now));
        drop_first(&mut self.acted, ACTED_MAX);
    }

    /// A rule with `at most N per D` has fired.
    pub fn note_fired(&mut self, key: Mark, most: u32, now: Timestamp) {
        let fired = self.fired.entry(key).or_default();
        fired.push(seconds_up(now));
        let over = fired.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        fired.drain(..over);
        while self.fired.values().map(Vec::len).sum::<usize>() > FIRED_MAX {
            let oldest = self.fired.iter().filter_map(|(key, times)| Some((*times.first()?, *key))).min();
            let Some((_, key)) = oldest else { return };
            if let Some(times) = self.fired.get_mut(&key) {
                times.remove(0);
            }
            self.fired.retain(|_, times| !times.is_empty());
        }
    }

    /// A member of an event with `every` went away that had not finished; the last that had did so at `last`. False if that was known.
    pub fn note_departed(&mut self, item: Mark, last: Timestamp) -> bool {
        if self.departed.get(&item).is_some_and(|known| *known >= last) {
            return false;
        }
        self.departed.insert(item, last);
        drop_first(&mut self.departed, DEPARTED_MAX);
        true
    }
}

fn is_timed(settled: &Settled) -> bool {
    !settled.timeless && settled.how != How::Said
}

/// Drops the oldest while there are too many.
fn drop_first(times: &mut BTreeMap<Mark, Timestamp>, max: usize) {
    while times.len() > max {
        let Some((_, key)) = times.iter().map(|(key, at)| (*at, *key)).min() else { return };
        times.remove(&key);
    }
}

/// Whole seconds, never early.
fn seconds_up(time: Timestamp) -> Timestamp {
    let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
    if whole < time { whole.checked_add(SignedDuration::from_secs(1)).unwrap_or(time) } else { whole }
}
