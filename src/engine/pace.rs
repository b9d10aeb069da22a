//! Pace: `cooldown`, `at most N at a time`, `at most N per D`. They delay and merge, they never drop.
//!
//! What is due or on its way counts as done, else a burst would pass before the first of it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::act::Step;
use super::condition::Context;
use super::index::{target, targets};
use super::missing::full_name;
use super::{Cause, DEADLINE_DEFAULT, Effect, Firing, Intent, Mark, Unit, Verdict, World, later};
use crate::rulebook::{HealthStatus, ObjectRef, Rule, Rulebook, Verb};

/// A target that was acted on so recently is not yet looked at: its controller may not have seen the write.
const SETTLING: Duration = Duration::from_secs(10);
/// A target that is not healthy this long after its action no longer holds up `at most N at a time`.
pub(super) const BUSY_MAX: Duration = Duration::from_secs(60 * 60);

/// What a firing counts for; nothing if its rule has no pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Key of the last write of the rule to this target: for `cooldown` and `at most N at a time`.
    pub acted: Option<Mark>,
    /// For `at most N per D`: key of the rule's firings, and N.
    pub fired: Option<(Mark, u32)>,
}

impl Pace {
    /// Of one action: the first of a branch is what a firing counts by.
    #[must_use]
    pub(super) fn of(ctx: &Context<'_>, verb: &Verb, number: usize, causes: &[Cause]) -> Pace {
        let modifiers = &ctx.rule.modifiers;
        let paced = modifiers.cooldown.is_some() || modifiers.at_a_time.is_some();
        let on = paced_object(verb, causes).filter(|_| paced);
        let fired = modifiers.per.filter(|_| number == 0);
        Pace {
            acted: on.map(|on| acted_key(ctx, on)),
            fired: fired.map(|(most, _)| (fired_mark(ctx.rulebook, &ctx.rule.name), most)),
        }
    }

    fn keys(&self) -> impl Iterator<Item = Mark> {
        self.acted.into_iter().chain(self.fired.map(|(key, _)| key))
    }
}

/// The object whose pace counts: the target; of a notification that goes to no Application, the source.
fn paced_object<'a>(verb: &'a Verb, causes: &'a [Cause]) -> Option<&'a ObjectRef> {
    target(verb).or(causes.last().map(|cause| &cause.object))
}

fn acted_key(ctx: &Context<'_>, target: &ObjectRef) -> Mark {
    Mark::of(&["acted", &ctx.rulebook.id, &ctx.rule.name, &full_name(ctx.rulebook, target)])
}

fn fired_mark(rulebook: &Rulebook, rule: &str) -> Mark {
    Mark::of(&["fired", &rulebook.id, rule])
}

/// Whether a rule says anything of its pace.
#[must_use]
pub fn is_paced(rule: &Rule) -> bool {
    let modifiers = &rule.modifiers;
    modifiers.cooldown.is_some() || modifiers.at_a_time.is_some() || modifiers.per.is_some()
}

/// How long a cause may wait for the rest of its rule.
#[must_use]
pub fn patience(rule: &Rule) -> Duration {
    let lasting = rule.terms.iter().filter_map(|term| term.lasting).max().unwrap_or_default();
    DEADLINE_DEFAULT.max(rule.within.unwrap_or_default()).saturating_add(lasting)
}

/// How long it may wait for an action: what the rule itself delays it by comes on top.
#[must_use]
pub fn patience_to_act(rule: &Rule) -> Duration {
    let delays = [rule.modifiers.cooldown, rule.modifiers.per.map(|(_, per)| per)];
    delays.into_iter().flatten().fold(patience(rule), Duration::saturating_add)
}

/// A write that is due or on its way.
#[derive(Clone, Debug)]
struct Held {
    unit: Unit,
    target: ObjectRef,
    effect: Effect,
    sent: bool,
}

impl Held {
    /// Whether the write can still take this effect along.
    fn takes(&self, on: &ObjectRef, effect: &Effect) -> bool {
        !self.sent && self.is_write(on, effect)
    }

    fn is_write(&self, on: &ObjectRef, effect: &Effect) -> bool {
        self.target == *on && self.effect.joins(effect)
    }
}

/// Writes that are due or on their way, by what they count for.
#[derive(Clone, Debug, Default)]
pub struct Reserved(BTreeMap<Mark, Vec<Held>>);

impl Reserved {
    /// A verdict wants these writes.
    pub fn take(&mut self, verdict: &Verdict) {
        for intent in &verdict.intents {
            self.add(intent, false);
        }
    }

    /// A verdict is void: what it wanted and was not sent is not wanted any more. Says whether anything was.
    pub fn release(&mut self, verdict: &Verdict) -> bool {
        let keys: BTreeSet<Mark> =
            verdict.intents.iter().flat_map(|intent| &intent.firings).flat_map(|firing| firing.pace.keys()).collect();
        keys.iter().fold(false, |any, key| self.drop(*key, |held| !held.sent && held.unit == verdict.unit) | any)
    }

    /// An intent is being written.
    pub fn sent(&mut self, intent: &Intent) {
        self.add(intent, true);
    }

    /// It has been, or not.
    pub fn ended(&mut self, intent: &Intent) {
        for firing in &intent.firings {
            for key in firing.pace.keys() {
                self.drop(key, |held| held.sent && held.unit == firing.unit && held.target == intent.target);
            }
        }
    }

    fn add(&mut self, intent: &Intent, sent: bool) {
        for firing in &intent.firings {
            for key in firing.pace.keys() {
                let (unit, target, effect) = (firing.unit.clone(), intent.target.clone(), intent.effect.clone());
                self.0.entry(key).or_default().push(Held { unit, target, effect, sent });
            }
        }
    }

    fn drop(&mut self, key: Mark, over: impl Fn(&Held) -> bool) -> bool {
        let Some(held) = self.0.get_mut(&key) else { return false };
        let before = held.len();
        held.retain(|held| !over(held));
        let dropped = held.len() < before;
        if held.is_empty() {
            self.0.remove(&key);
        }
        dropped
    }

    fn others(&self, key: Mark, unit: &Unit) -> impl Iterator<Item = &Held> {
        self.0.get(&key).into_iter().flatten().filter(move |held| held.unit != *unit)
    }

    /// The writes among them, and whether one of them can take this effect along.
    fn writes(&self, key: Mark, unit: &Unit, on: &ObjectRef, effect: &Effect) -> (usize, bool) {
        let mut writes: Vec<&Held> = Vec::new();
        for held in self.others(key, unit) {
            if held.takes(on, effect) {
                return (0, true);
            }
            if !writes.iter().any(|write| write.sent == held.sent && write.is_write(&held.target, &held.effect)) {
                writes.push(held);
            }
        }
        (writes.len(), false)
    }
}

impl Effect {
    /// Whether one write does both: two restarts of one object are one.
    #[must_use]
    pub fn joins(&self, other: &Effect) -> bool {
        match (self, other) {
            (Effect::Notify(..), _) => false,
            (Effect::RefreshApplication { hard, .. }, Effect::RefreshApplication { hard: other, .. }) => hard == other,
            _ => self == other,
        }
    }
}

impl Step<'_> {
    /// Whether the rule's pace allows this effect now; else what it waits for.
    pub(super) fn pace(&self, firing: &Firing, on: &ObjectRef, effect: &Effect) -> Result<(), String> {
        self.cooldown(firing, on, effect)?;
        self.per(firing, on, effect)?;
        match (self.ctx.rule.modifiers.at_a_time, paced_object(&self.action.verb, &firing.causes)) {
            (Some(most), Some(paced)) => self.room(most, paced),
            _ => Ok(()),
        }
    }

    fn cooldown(&self, firing: &Firing, on: &ObjectRef, effect: &Effect) -> Result<(), String> {
        let (ctx, world) = (self.ctx, self.ctx.world);
        let Some((cooldown, key)) = ctx.rule.modifiers.cooldown.zip(firing.pace.acted) else { return Ok(()) };
        if let Some(last) = world.state.acted.get(&key) {
            let until = later(*last, cooldown);
            if until > ctx.now {
                ctx.wake_at(until);
                return Err(format!("cooldown until {until}"));
            }
        }
        match world.reserved.others(key, self.unit).any(|held| !held.takes(on, effect)) {
            true => Err("cooldown: another write is on its way".to_owned()),
            false => Ok(()),
        }
    }

    fn per(&self, firing: &Firing, on: &ObjectRef, effect: &Effect) -> Result<(), String> {
        let (ctx, world) = (self.ctx, self.ctx.world);
        let Some(((most, per), (key, _))) = ctx.rule.modifiers.per.zip(firing.pace.fired) else { return Ok(()) };
        let (under_way, rides_along) = world.reserved.writes(key, self.unit, on, effect);
        if rides_along {
            return Ok(());
        }
        let fired = world.state.fired.get(&key).map(Vec::as_slice).unwrap_or_default();
        let recent: Vec<Timestamp> = fired.iter().map(|time| later(*time, per)).filter(|end| *end > ctx.now).collect();
        if recent.len() + under_way < usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(());
        }
        match recent.into_iter().min() {
            Some(until) => {
                ctx.wake_at(until);
                Err(format!("at most {most} in this time: again at {until}"))
            }
            None => Err(format!("at most {most} in this time: {under_way} on their way")),
        }
    }

    fn room(&self, most: u32, on: &ObjectRef) -> Result<(), String> {
        let ctx = self.ctx;
        let others: BTreeSet<&ObjectRef> = targets(ctx.rule).filter(|target| *target != on).collect();
        let busy = |target: &&&ObjectRef| {
            let key = acted_key(ctx, target);
            if ctx.world.reserved.others(key, self.unit).next().is_some() {
                return true;
            }
            let Some(acted) = ctx.world.state.acted.get(&key) else { return false };
            let (settled, over) = (later(*acted, SETTLING), later(*acted, BUSY_MAX));
            ctx.wake_at(settled);
            ctx.wake_at(over);
            let healthy = ctx.world.get(target).is_some_and(|entry| entry.health.status == HealthStatus::Healthy);
            ctx.now < settled || (!healthy && ctx.now < over)
        };
        let busy: Vec<String> = others.iter().filter(busy).map(|target| ctx.rulebook.say(target)).collect();
        if busy.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(format!("at most {most} at a time: {} not healthy yet", busy.join(", ")));
        }
        Ok(())
    }
}

impl World {
    /// A write was done.
    pub(super) fn count(&mut self, pace: &Pace, now: Timestamp) {
        if let Some(acted) = pace.acted {
            self.state.note_acted(acted, now);
        }
        if let Some((key, most)) = pace.fired {
            self.state.note_fired(key, most, now);
        }
    }
}
