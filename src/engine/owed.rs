//! Firings that go on though a cause of theirs has gone away: Jobs have a time to live, and Argo CD deletes hooks.
//!
//! Only completions in the world count, and this one was there when its rule's condition held. What was decided then and could not be
//! written at once (a cooldown, an absent target, a conflict, the second of two actions) is kept in the state until it is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::{Next, next_action};
use super::condition::Context;
use super::decide::latest;
use super::pace::patience_to_act;
use super::{Branch, Cause, Mark, State, Unit, Verdict, World, later};
use crate::expr::{Scope, Truth};
use crate::rulebook::{ObjectRef, Outcome, Rule, Rulebook, Verb};

/// Bytes of all firings that are kept together, at most: what is more is told, not kept.
pub const OWED_BYTES_MAX: usize = 32 * 1024;
/// Causes of one of them, at most.
pub const OWED_CAUSES_MAX: usize = 32;
/// Bytes of a text that it writes, at most.
const OWED_TEXT_BYTES_MAX: usize = 1024;

/// A firing that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The rule's name.
    pub rule: String,
    /// Its else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub otherwise: bool,
    /// All its causes.
    pub causes: Vec<OwedCause>,
    /// What its actions write, as it read when the cause went away, by the action's text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
}

/// A cause, by names that outlive the rulebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedCause {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
    id: String,
    text: String,
    time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    timeless: bool,
    failed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

impl OwedCause {
    fn of(rulebook: &Rulebook, cause: &Cause) -> Option<OwedCause> {
        let kind = rulebook.kind(cause.object.kind)?;
        Some(OwedCause {
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            namespace: cause.object.namespace.to_string(),
            name: cause.object.name.to_string(),
            uid: cause.uid.to_string(),
            id: cause.id.clone(),
            text: cause.text.clone(),
            time: cause.time,
            timeless: cause.timeless,
            failed: cause.outcome? == Outcome::Failed,
            earlier: cause.earlier.clone(),
        })
    }

    fn cause(&self, rulebook: &Rulebook) -> Option<Cause> {
        let kind = rulebook.kind_by_type(&self.group, &self.kind)?;
        Some(Cause {
            object: ObjectRef { kind, namespace: Arc::from(&*self.namespace), name: Arc::from(&*self.name) },
            uid: Arc::from(&*self.uid),
            id: self.id.clone(),
            text: self.text.clone(),
            time: self.time,
            timeless: self.timeless,
            outcome: Some(if self.failed { Outcome::Failed } else { Outcome::Succeeded }),
            earlier: self.earlier.clone(),
        })
    }
}

impl Owed {
    /// What a verdict has decided to do, as long as its causes can still be read. None if it has not, or if that is too much to keep.
    #[must_use]
    pub fn of(rulebook: &Rulebook, world: &World, verdict: &Verdict, now: Timestamp) -> Option<Owed> {
        let (branch, rule) = (verdict.branch?, &verdict.rule);
        if verdict.causes.len() > OWED_CAUSES_MAX {
            return None;
        }
        let ctx = Context::new(rulebook, world, rule, verdict.unit.member.as_ref(), now);
        let (bindings, mut texts) = (ctx.bindings(), BTreeMap::new());
        let scope = Scope::new(&bindings);
        for action in if branch == Branch::Then { &rule.then } else { &rule.otherwise } {
            let text = match &action.verb {
                Verb::Annotate { value, .. } | Verb::Label { value, .. } => value.render(&scope),
                Verb::Notify { text, .. } => text.render(&scope),
                Verb::Restart { .. } | Verb::Refresh { .. } | Verb::Sync { .. } => continue,
            };
            if text.len() > OWED_TEXT_BYTES_MAX {
                return None;
            }
            texts.insert(action.text.clone(), text);
        }
        let causes: Option<Vec<OwedCause>> = verdict.causes.iter().map(|c| OwedCause::of(rulebook, c)).collect();
        Some(Owed { rule: rule.name.to_string(), otherwise: branch == Branch::Else, causes: causes?, texts })
    }

    /// What it is kept under.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let branch = if self.otherwise { "else" } else { "then" };
        let ids: Vec<&str> = self.causes.iter().map(|cause| &*cause.id).collect();
        Mark::of(&["owed", &self.rule, branch, &ids.join(",")])
    }
}

impl State {
    /// Keeps a firing, if there is room.
    pub fn owe(&mut self, mark: Mark, owed: Owed) -> bool {
        let size = |owed: &Owed| serde_json::to_string(owed).map_or(usize::MAX, |text| text.len());
        let held = self.owed.values().map(size).fold(0, usize::saturating_add);
        let room = held.saturating_add(size(&owed)) <= OWED_BYTES_MAX;
        if room {
            self.owed.insert(mark, owed);
        }
        room
    }

    /// Whether a firing of a rule goes on that has this cause.
    #[must_use]
    pub fn owes(&self, rule: &str, cause: &str) -> bool {
        self.owed.values().any(|owed| owed.rule == rule && owed.causes.iter().any(|c| c.id == cause))
    }
}

/// Decides a firing that goes on by itself.
#[must_use]
pub fn decide_owed(
    rulebook: &Rulebook,
    world: &World,
    unit: &Unit,
    rule: &Arc<Rule>,
    now: Timestamp,
) -> Option<Verdict> {
    let owed = world.state.owed.get(&unit.owed?)?;
    let causes: Vec<Cause> = owed.causes.iter().map(|cause| cause.cause(rulebook)).collect::<Option<_>>()?;
    let mut ctx = Context::new(rulebook, world, rule, None, now);
    ctx.texts = Some(&owed.texts);
    let branch = if owed.otherwise { Branch::Else } else { Branch::Then };
    let Next { standing, intents, settle } = next_action(&ctx, unit, branch, &causes);
    Some(Verdict {
        unit: unit.clone(),
        rule: rule.clone(),
        truth: Truth::True,
        reasons: Vec::new(),
        standing,
        deadline: latest(&causes).map(|time| later(ctx.actionable(time), patience_to_act(rule))),
        causes,
        wake: ctx.wake(),
        intents,
        settle,
        branch: Some(branch),
    })
}
