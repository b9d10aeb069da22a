//! The state of one rulebook: what records cannot hold. Kept in one small ConfigMap; losing it makes now the baseline.
//!
//! INVARIANT: everything in it has a hard limit, and all at their limits still fit into [`STATE_BYTES_MAX`].

mod prune;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Mark;
use super::cause::RunId;
use super::owed::Owed;
pub use prune::Keep;
pub use stored::STATE_BYTES_MAX;

use super::world::{CLOCK_SKEW, plus};

/// Runs named one by one in all baselines together, at most.
pub const BASELINE_RUNS_MAX: usize = 4_000;
/// Baselines, at most: the two oldest become one.
pub const LOADS_MAX: usize = 100;
/// (rule, action) and (rule, event) items, at most. Rules with more are refused by the controller.
pub const ITEMS_MAX: usize = 20_000;
/// Settled marks of causes that tell their time, at most: what is older is then given up, and said to be.
pub const SETTLED_MAX: usize = 6_000;
/// Settled marks are kept this long at least, and twice the longest that a rule may wait.
pub const SETTLED_KEEP: Duration = Duration::from_secs(48 * 60 * 60);
/// Settled marks of causes that do not tell their time, at most: the oldest go first, and then objects of their age count as dealt with.
pub const TIMELESS_MAX: usize = 1_500;
/// Marks of what is said once, at most: the oldest go first, and then it may be said again.
pub const NOTES_MAX: usize = 500;
/// Last writes by rule and target, at most: the oldest go first, and with them a cooldown.
pub const ACTED_MAX: usize = 500;
/// Times of firings of all rules with `at most N per D`, at most: the oldest go first.
pub const FIRED_MAX: usize = 500;
/// Events with `every` of which departures are remembered, at most: the oldest go first.
pub const DEPARTED_MAX: usize = 500;

/// How a firing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The write was done.
    Done,
    /// The target was created after the cause.
    CreatedAfter,
    /// The time ran out.
    Expired,
    /// Refused, and the retries are used up.
    Refused,
    /// An earlier action of the rule was refused.
    Skipped,
    /// A later run of the same source took its place.
    Superseded,
    /// Would have been done: `observe`.
    Observed,
    /// The object's own operator acts on it.
    Left,
    /// No firing: an Event that is said once.
    Said,
    /// Its cause went away before the rest held.
    Gone,
}

/// A mark that is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// When, in whole seconds.
    pub at: Timestamp,
    /// How it ended.
    pub how: How,
    /// The cause has no time, so the mark stays as long as there is room.
    pub timeless: bool,
}

/// The moment when rules, actions or events were first loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Runs that ended by then are baseline, whether they were there or not. [`CLOCK_SKEW`] before the load, so that those that ended
    /// around it are named; later when there were too many to name.
    pub until: Option<Timestamp>,
    /// When it was.
    pub at: Timestamp,
    /// Later runs that were there already, one by one; those that an earlier load names are not named again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "stored::marks")]
    pub runs: BTreeSet<Mark>,
    /// Runs that do not tell when they ended are baseline if their object was created by then: there were too many to name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Episodes that had begun are baseline too: the state had been lost, so what they had brought about is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub episodes: bool,
}

impl Load {
    /// Whether a run is older than this, by its times alone.
    fn is_older(&self, run: &RunId) -> bool {
        match run.ended {
            Some(ended) => self.until.is_some_and(|until| ended <= until.min(plus(self.at, CLOCK_SKEW))),
            None => run.created.zip(self.created).is_some_and(|(created, bound)| created <= bound),
        }
    }
}

/// What one rulebook remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Loads, oldest first.
    pub loads: Vec<Load>,
    /// (rule, action) and (rule, event) items, by hash: index of the load that first had them.
    #[serde(with = "stored::items")]
    pub items: BTreeMap<Mark, usize>,
    /// Firings that are dealt with.
    pub settled: BTreeMap<Mark, Settled>,
    /// When a state of an object was first seen, by hash of (uid, state); when it was first seen to be missing, by that of its name.
    pub episodes: BTreeMap<Mark, Timestamp>,
    /// Last write, by hash of (rule, target): for `cooldown` and `at most N at a time`.
    pub acted: BTreeMap<Mark, Timestamp>,
    /// Causes up to this time are dealt with, though their marks are no longer kept.
    pub dealt_until: Option<Timestamp>,
    /// The same for runs that do not tell when they ended: those of objects that were created by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dealt_created: Option<Timestamp>,
    /// Recent firings of rules with `at most N per D`, by hash of the rule.
    pub fired: BTreeMap<Mark, Vec<Timestamp>>,
    /// When the last had finished of those that had when a member went away that had not, by (rule, event with `every`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub departed: BTreeMap<Mark, Timestamp>,
    /// Firings that go on though a cause of theirs has gone away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<Mark, Owed>,
    /// Items that were there when a lost state began anew and whose kinds had not been listed yet: they share its baseline.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "stored::marks")]
    pub early: BTreeSet<Mark>,
    /// No state was lost: nothing has ever run here.
    #[serde(skip)]
    fresh: bool,
}

impl State {
    /// The state of a rulebook that has never been in use. [`State::default`] is that of one whose state is gone.
    #[must_use]
    pub fn fresh() -> State {
        State { fresh: true, ..State::default() }
    }

    /// Whether a run was there when an item was first loaded. An item that was never loaded has no baseline yet: everything is.
    #[must_use]
    pub fn is_baseline(&self, item: Mark, run: &RunId) -> bool {
        let index = self.items.get(&item).copied();
        let Some((index, load)) = index.and_then(|index| Some((index, self.loads.get(index)?))) else {
            return true;
        };
        load.is_older(run) || self.is_named(run, index)
    }

    /// Whether a run was there at a load or an earlier one.
    fn is_named(&self, run: &RunId, index: usize) -> bool {
        let (mut loads, mark) = (self.loads.iter().take(index + 1), run.mark());
        loads.any(|load| {
            let earlier = || run.earlier_marks(load.at).into_iter().any(|mark| load.runs.contains(&mark));
            load.runs.contains(&mark) || (!load.runs.is_empty() && earlier())
        })
    }

    /// When an item was first loaded.
    #[must_use]
    pub fn loaded(&self, item: Mark) -> Option<Timestamp> {
        self.items.get(&item).and_then(|index| self.loads.get(*index)).map(|load| load.at)
    }

    /// Whether an episode is part of an item's baseline. One that goes on while its rule is first loaded is not: that it is so has not been
    /// acted on. Only when the state had been lost it is.
    #[must_use]
    pub fn is_baseline_episode(&self, item: Mark, began: Timestamp) -> bool {
        let load = self.items.get(&item).and_then(|index| self.loads.get(*index));
        load.is_none_or(|load| load.episodes && began <= load.at)
    }

    /// Makes now the baseline of items that are new. `finished` are the runs in the world that have ended, `all` the items of the whole
    /// rulebook, loaded or not.
    pub fn load(&mut self, items: &BTreeSet<Mark>, all: &BTreeSet<Mark>, finished: &[RunId], now: Timestamp) {
        let new: BTreeSet<Mark> = items.iter().filter(|item| !self.items.contains_key(item)).copied().collect();
        if new.is_empty() {
            return;
        }
        if self.items.is_empty() && !self.fresh {
            self.early = all.iter().copied().take(ITEMS_MAX).collect();
        }
        if self.items.len() + self.early.len() + new.len() > ITEMS_MAX {
            self.keep_items(all);
        }
        let (early, later): (Vec<Mark>, Vec<Mark>) = new.into_iter().partition(|item| self.early.contains(item));
        for item in &early {
            self.early.remove(item);
        }
        let mut load = self.baseline(finished, now);
        for (new, episodes) in [(early, true), (later, false)] {
            if !new.is_empty() {
                let index = self.loads.len();
                // What the first of the two names needs no name in the second.
                self.loads.push(Load { episodes, runs: std::mem::take(&mut load.runs), ..load.clone() });
                let room = ITEMS_MAX.saturating_sub(self.items.len() + self.early.len());
                self.items.extend(new.into_iter().take(room).map(|item| (item, index)));
            }
        }
        self.merge_loads();
    }

    /// The runs that have ended, as a baseline: the old ones by their time, the others by name as far as there is room.
    fn baseline(&self, finished: &[RunId], now: Timestamp) -> Load {
        let old = minus(now, CLOCK_SKEW);
        let known = |run: &RunId| self.loads.iter().any(|load| load.runs.contains(&run.mark()));
        let recent = finished.iter().filter(|run| run.ended.is_none_or(|ended| ended > old) && !known(run));
        let (mut timed, mut timeless): (Vec<&RunId>, Vec<&RunId>) = recent.partition(|run| run.ended.is_some());
        let room = BASELINE_RUNS_MAX.saturating_sub(self.named());
        let mut load = Load { until: Some(old), at: now, ..Load::default() };
        if timed.len() + timeless.len() > room {
            load.created = timeless.iter().filter_map(|run| run.created).max();
            timeless.clear();
        }
        timed.sort_by_key(|run| std::cmp::Reverse(run.ended));
        load.until = timed.get(room).and_then(|run| run.ended).or(load.until);
        timed.truncate(room);
        load.runs = timed.into_iter().chain(timeless).map(RunId::mark).collect();
        load
    }

    /// Whether a run is so old that it is over, whatever marks are there: those of an item that was loaded since are all kept.
    #[must_use]
    pub fn is_over(&self, item: Mark, run: &RunId) -> bool {
        match run.ended {
            Some(_) => self.is_dealt_with(item, run.ended),
            None => self.is_before(item, run.created, self.dealt_created),
        }
    }

    /// Whether a cause is so old that it is over, whatever marks are there: those of an item that was loaded since are all kept.
    #[must_use]
    pub fn is_dealt_with(&self, item: Mark, cause: Option<Timestamp>) -> bool {
        self.is_before(item, cause, self.dealt_until)
    }

    fn is_before(&self, item: Mark, time: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        let before = |time: Timestamp, until: Timestamp| time < until && self.loaded(item).is_none_or(|at| at < until);
        time.zip(until).is_some_and(|(time, until)| before(time, until))
    }
}

pub(super) fn minus(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}
