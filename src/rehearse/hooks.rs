//! Jobs that run `tidegate wait`: a rehearsal runs no containers, so each is asked here what the verb would ask, over the same engine,
//! and its Job ends as the verb would.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::apiserver::Stored;
use super::observer::{Observer, said};
use super::scene::{Place, Scene, Timer};
use super::status::known;
use super::timeline::Who;
use crate::engine::later;
use crate::rulebook::Rulebook;
use crate::syntax::tree::Predicate;

/// How often `tidegate wait` looks again at what time alone changes.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// A Job that waits.
pub struct WaitHook {
    /// The Job.
    pub place: Place,
    /// The condition, as the only rule.
    pub rulebook: Arc<Rulebook>,
    /// `--timeout`
    pub timeout: Duration,
}

/// A Job that waits, and what it sees.
struct Hook {
    hook: WaitHook,
    observer: Observer,
    /// The uid of the Job that a timer is set for.
    timed: String,
    /// When the timer goes off by which it looks again.
    look: Timestamp,
}

/// All of a scenario.
pub struct Hooks {
    hooks: Vec<Hook>,
    /// Something has changed since they were asked.
    stale: bool,
}

impl Hooks {
    /// Over an empty cluster.
    pub fn new(hooks: Vec<WaitHook>) -> Hooks {
        let watched = |hook: WaitHook| Hook {
            observer: Observer::new(hook.rulebook.clone()),
            hook,
            timed: String::new(),
            look: Timestamp::MIN,
        };
        Hooks { hooks: hooks.into_iter().map(watched).collect(), stale: false }
    }

    /// Something has changed in the cluster.
    pub fn hear(&mut self, change: &Stored, now: Timestamp) {
        self.stale = true;
        self.hooks.iter_mut().for_each(|hook| hook.observer.hear(change, now));
    }

    /// Time has passed.
    pub fn look(&mut self) {
        self.stale = true;
    }

    /// Asks each Job that runs. True if anything was asked.
    pub fn settle(&mut self, scene: &mut Scene) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        self.hooks.iter_mut().for_each(|hook| hook.ask(scene));
        true
    }
}

impl Hook {
    fn ask(&mut self, scene: &mut Scene) {
        let Some(job) = scene.get(&self.hook.place) else { return };
        let conditions = job.pointer("/status/conditions").and_then(Json::as_array);
        if conditions.is_some_and(|conditions| !conditions.is_empty()) {
            return;
        }
        let text = |pointer: &str| job.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (uid, now) = (text("/metadata/uid"), scene.now());
        let Ok(created) = text("/metadata/creationTimestamp").parse::<Timestamp>() else { return };
        let Some(rule) = self.hook.rulebook.rules.first().cloned() else { return };
        let (holds, reasons) = self.observer.condition(&rule, now);
        let deadline = later(created, self.hook.timeout);
        let missing = reasons.iter().find(|reason| reason.truth != crate::expr::Truth::True).map(said);
        let missing = scene.shorter(&missing.unwrap_or_default());
        if holds {
            self.end(scene, Predicate::Succeeds, "what it waits for holds");
        } else if self.observer.cannot_hold(&rule, now) {
            self.end(scene, Predicate::Fails, &missing);
        } else if now >= deadline {
            self.end(scene, Predicate::Fails, &format!("not in time: {missing}"));
        } else {
            self.wake(scene, &rule, uid, deadline);
        }
    }

    fn end(&self, scene: &mut Scene, how: Predicate, why: &str) {
        let (place, now) = (&self.hook.place, scene.now_text());
        let Some(job) = scene.get(place) else { return };
        let word = if how == Predicate::Succeeds { "succeeded" } else { "failed" };
        scene.say(Who::Operators, format!("hook {} {word}: {why}", scene.name(place)), "");
        if let Some(status) = known(place.group(), &place.kind, how, &job, &now) {
            scene.patch_status(place, status);
        }
    }

    /// Comes back when time alone may change the answer, and at the deadline.
    fn wake(&mut self, scene: &mut Scene, rule: &crate::rulebook::Rule, uid: String, deadline: Timestamp) {
        let timed = rule.terms.iter().any(|term| term.lasting.is_some() || term.predicate == Predicate::Stale);
        if timed && self.look <= scene.now() {
            self.look = later(scene.now(), LOOK_AGAIN);
            scene.after(LOOK_AGAIN, Timer::Hooks);
        }
        if self.timed != uid {
            self.timed = uid;
            let left = Duration::try_from(deadline.duration_since(scene.now())).unwrap_or_default();
            scene.after(left, Timer::Hooks);
        }
    }
}
