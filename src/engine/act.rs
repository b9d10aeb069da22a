//! Acting: the next action of a branch, once it has been decided.

use std::sync::Arc;

use jiff::Timestamp;

use super::cause::{Usage, used};
use super::condition::Context;
use super::decide::{latest, settle};
use super::index::target;
use super::judge::marks;
use super::pace::patience_to_act;
use super::types::BACKOFF_DEFAULT;
use super::{
    Branch, Cause, Effect, EventDraft, Firing, How, Intent, Listing, Mark, Pace, RETRIES_DEFAULT, Settle, Standing,
    Unit, later,
};
use crate::expr::{Scope, Template, Value};
use crate::rulebook::{Action, ObjectRef, Outcome, Verb};

/// Where a branch stands and what it wants.
#[derive(Debug)]
pub struct Next {
    /// Standing.
    pub standing: Standing,
    /// What to write.
    pub intents: Vec<Intent>,
    /// What to mark.
    pub settle: Vec<Settle>,
}

impl Next {
    /// Nothing to write.
    #[must_use]
    pub fn standing(standing: Standing) -> Next {
        Next { standing, intents: Vec::new(), settle: Vec::new() }
    }
}

/// The first action of a branch that is not done for all causes.
#[must_use]
pub fn next_action(ctx: &Context<'_>, unit: &Unit, branch: Branch, causes: &[Cause]) -> Next {
    let actions = match branch {
        Branch::Then => &ctx.rule.then,
        Branch::Else => &ctx.rule.otherwise,
    };
    let mut next = Next::standing(Standing::Done);
    let mut causes = causes.to_vec();
    for (number, action) in actions.iter().enumerate() {
        let step = Step { ctx, unit, branch, number, action, causes: &causes, again: None };
        let (stopped, going) = step.split();
        next.settle.extend(step.skip_rest(&stopped));
        if going.is_empty() {
            next.standing = Standing::Refused(format!("{}: refused before", action.text));
            return next;
        }
        causes = going;
        let step = Step { ctx, unit, branch, number, action, causes: &causes, again: None };
        next.settle.extend(step.seen());
        let pending = step.pending();
        if pending.is_empty() {
            continue;
        }
        let acted = step.act(&pending);
        next.standing = acted.standing;
        next.intents.extend(acted.intents);
        next.settle.extend(acted.settle);
        return next;
    }
    next
}

/// A sync of the revision that failed, which no branch of the rule names.
#[must_use]
pub fn sync_again(ctx: &Context<'_>, unit: &Unit, action: &Action, causes: &[Cause], revisions: Vec<Arc<str>>) -> Next {
    let number = usize::MAX;
    let step = Step { ctx, unit, branch: Branch::Then, number, action, causes, again: Some(revisions) };
    let seen = step.seen();
    let pending = step.pending();
    let mut next = if pending.is_empty() { Next::standing(Standing::Done) } else { step.act(&pending) };
    next.settle.extend(seen);
    next
}

pub(super) struct Step<'a> {
    pub ctx: &'a Context<'a>,
    pub unit: &'a Unit,
    branch: Branch,
    number: usize,
    pub action: &'a Action,
    causes: &'a [Cause],
    /// Only this revision is synced, of each source.
    again: Option<Vec<Arc<str>>>,
}

impl Step<'_> {
    fn usages(&self) -> impl Iterator<Item = (&Cause, Mark, Usage)> {
        let ctx = self.ctx;
        self.causes.iter().map(move |cause| {
            let (mark, usage) = used(ctx.rulebook, ctx.world, ctx.rule, self.branch, self.action, cause);
            (cause, mark, usage)
        })
    }

    /// The causes for which this action was given up, which stops the rest for them, and the others.
    fn split(&self) -> (Vec<Cause>, Vec<Cause>) {
        let (mut stopped, mut going) = (Vec::new(), Vec::new());
        for (cause, _, usage) in self.usages() {
            match usage {
                Usage::Settled(How::Refused | How::Skipped | How::Expired) => stopped.push(cause.clone()),
                _ => going.push(cause.clone()),
            }
        }
        (stopped, going)
    }

    fn skip_rest(&self, stopped: &[Cause]) -> Option<Settle> {
        let actions = match self.branch {
            Branch::Then => &self.ctx.rule.then,
            Branch::Else => &self.ctx.rule.otherwise,
        };
        let rest = actions.iter().skip(self.number + 1);
        let all: Vec<Mark> = rest.flat_map(|action| marks(self.ctx, self.branch, action, stopped)).collect();
        let open: Vec<Mark> = all.into_iter().filter(|mark| !self.ctx.world.state.settled.contains_key(mark)).collect();
        let first = stopped.first().filter(|_| !open.is_empty())?;
        let timeless = stopped.iter().any(|cause| cause.timeless);
        let (on, pace) = (first.object.clone(), Pace::default());
        Some(Settle { marks: open, how: How::Skipped, timeless, on, event: None, pace })
    }

    /// Writes whose record is on the target though they are not settled yet: a write whose answer was lost.
    fn seen(&self) -> Option<Settle> {
        let recorded: Vec<(&Cause, Mark)> =
            self.usages().filter(|(_, _, usage)| *usage == Usage::Recorded).map(|(c, m, _)| (c, m)).collect();
        let causes: Vec<Cause> = recorded.iter().map(|(cause, _)| (*cause).clone()).collect();
        let marks: Vec<Mark> = recorded.iter().map(|(_, mark)| *mark).collect();
        let firing = self.firing(&causes, marks)?;
        Some(done(&firing, target(&self.action.verb).unwrap_or(&causes.first()?.object), self.ctx.now))
    }

    fn pending(&self) -> Vec<(Cause, Mark)> {
        let fresh = self.usages().filter(|(_, _, usage)| *usage == Usage::Fresh);
        let old = |cause: &Cause| self.again.is_none() && self.ctx.is_action_baseline(self.branch, self.action, cause);
        let open = fresh.filter(|(cause, _, _)| !old(cause));
        open.map(|(cause, mark, _)| (cause.clone(), mark)).collect()
    }

    fn deadline(&self, causes: &[Cause]) -> Timestamp {
        let patience = patience_to_act(self.ctx.rule);
        latest(causes).map_or(Timestamp::MAX, |time| later(self.ctx.actionable(time), patience))
    }

    fn firing(&self, causes: &[Cause], marks: Vec<Mark>) -> Option<Firing> {
        causes.first()?;
        let (tries, backoff) = self.ctx.rule.modifiers.retry.unwrap_or((RETRIES_DEFAULT, BACKOFF_DEFAULT));
        Some(Firing {
            unit: self.unit.clone(),
            rule: self.ctx.rule.name.clone(),
            branch: self.branch,
            action: self.number,
            text: self.action.text.clone(),
            marks,
            causes: causes.to_vec(),
            retry: (tries, backoff),
            deadline: self.deadline(causes),
            due_since: causes.iter().filter_map(|c| c.time).min().unwrap_or(self.ctx.now),
            observe: self.ctx.rule.modifiers.observe || self.ctx.world.observe,
            pace: Pace::of(self.ctx, &self.action.verb, self.number, causes),
        })
    }

    fn act(&self, pending: &[(Cause, Mark)]) -> Next {
        let causes: Vec<Cause> = pending.iter().map(|(cause, _)| cause.clone()).collect();
        let marks: Vec<Mark> = pending.iter().map(|(_, mark)| *mark).collect();
        let Some(firing) = self.firing(&causes, marks) else {
            return Next::standing(Standing::Done);
        };
        if let Some(next) = self.created_after(&firing) {
            return next;
        }
        let deadline = firing.deadline;
        self.ctx.wake_at(deadline);
        let attempt = firing.marks.first().and_then(|mark| self.ctx.world.attempts.get(mark));
        if let Some(attempt) = attempt.filter(|attempt| attempt.refused > firing.retry.0) {
            return self.give_up(&firing, How::Refused, "ActionRefused", &attempt.message);
        }
        let wait = match self.effect(&firing) {
            Err(wait) => wait,
            Ok(_) if self.ctx.now >= deadline => "it was still not written".to_owned(),
            Ok(_) if attempt.is_some_and(|attempt| attempt.not_before > self.ctx.now) => {
                let attempt = attempt.map(|a| (a.not_before, a.message.clone())).unwrap_or_default();
                self.ctx.wake_at(attempt.0);
                format!("{} at {}, after: {}", "the next try", attempt.0, attempt.1)
            }
            Ok((on, _)) if firing.observe => {
                let settle = vec![done(&firing, &on, self.ctx.now)];
                return Next { standing: Standing::Would(firing.text.clone()), intents: Vec::new(), settle };
            }
            Ok((on, effect)) if let Err(wait) = self.pace(&firing, &on, &effect) => wait,
            Ok((on, effect)) => {
                let intent = Intent { target: on, effect, firings: vec![firing] };
                return Next { standing: Standing::Due, intents: vec![intent], settle: Vec::new() };
            }
        };
        if self.ctx.now >= deadline {
            return self.give_up(&firing, How::Expired, "ActionGivenUp", &wait);
        }
        Next::standing(Standing::Waiting(wait))
    }

    /// A restart target that was created after a cause counts as restarted.
    fn created_after(&self, firing: &Firing) -> Option<Next> {
        let Verb::Restart { target, .. } = &self.action.verb else {
            return None;
        };
        let created = self.ctx.world.get(target)?.row.created?;
        let younger = |cause: &Cause| cause.time.is_some_and(|time| created > time);
        let older: Vec<(&Cause, &Mark)> = firing.causes.iter().zip(&firing.marks).filter(|(c, _)| younger(c)).collect();
        let causes: Vec<Cause> = older.iter().map(|(cause, _)| (*cause).clone()).collect();
        let marks: Vec<Mark> = older.iter().map(|(_, mark)| **mark).collect();
        let message = format!(
            "rule {}: {} not needed, {} was created after {}",
            self.ctx.rule.name,
            self.action.text,
            self.ctx.rulebook.say(target),
            said(&causes)
        );
        let mut settled =
            settle(self.ctx, &causes, marks, How::CreatedAfter, "ActionNotNeeded", message.clone(), false)?;
        settled.on = target.clone();
        Some(Next { standing: Standing::Waiting(message), intents: Vec::new(), settle: vec![settled] })
    }

    fn give_up(&self, firing: &Firing, how: How, reason: &str, why: &str) -> Next {
        let message = format!("rule {}: {} given up after {}: {why}", firing.rule, firing.text, said(&firing.causes));
        let settled = settle(self.ctx, &firing.causes, firing.marks.clone(), how, reason, message.clone(), true);
        let standing = if how == How::Refused { Standing::Refused(message) } else { Standing::Expired(message) };
        Next { standing, intents: Vec::new(), settle: settled.into_iter().collect() }
    }

    /// What is written where; or what it waits for.
    fn effect(&self, firing: &Firing) -> Result<(ObjectRef, Effect), String> {
        if let Some(target) = target(&self.action.verb) {
            self.target_ready(target)?;
        }
        let bindings = self.ctx.bindings();
        let scope = Scope::new(&bindings);
        let source = firing.causes.last().map(|cause| cause.object.clone());
        match &self.action.verb {
            Verb::Restart { target, by_deleting_pods: false } => Ok((target.clone(), Effect::RollingRestart)),
            Verb::Restart { target, by_deleting_pods: true } => {
                let before = latest(&firing.causes).unwrap_or(self.ctx.now);
                Ok((target.clone(), Effect::DeletePods { selector: self.pods_of(target)?, before }))
            }
            Verb::Sync { application } => {
                let sync = self.again.clone().map_or(Effect::Sync, Effect::SyncAgain);
                self.idle(application).map(|()| (application.clone(), sync))
            }
            Verb::Refresh { target, hard } => Ok((target.clone(), self.refresh(target, *hard))),
            Verb::Annotate { target, key, value } => {
                Ok((target.clone(), Effect::Annotate { key: key.clone(), value: self.text(value, &scope) }))
            }
            Verb::Label { target, key, value } => {
                Ok((target.clone(), Effect::Label { key: key.clone(), value: self.text(value, &scope) }))
            }
            Verb::Notify { kind, text, application } => {
                let on = source.ok_or("no source")?;
                let event = self.notification(firing, kind, self.text(text, &scope));
                Ok((on, Effect::Notify(event, application.clone())))
            }
        }
    }

    fn text(&self, template: &Template, scope: &Scope<'_>) -> String {
        let kept = self.ctx.texts.and_then(|texts| texts.get(&self.action.text));
        kept.cloned().unwrap_or_else(|| template.render(scope))
    }

    fn target_ready(&self, target: &ObjectRef) -> Result<(), String> {
        let (world, name) = (self.ctx.world, self.ctx.rulebook.say(target));
        match (world.get(target), world.listing(target.kind)) {
            (Some(entry), _) if entry.row.deleting => Err(format!("{name} is being deleted")),
            (Some(_), _) => Ok(()),
            (None, Listing::Pending) => Err(format!("{name}: objects of this kind have not been listed yet")),
            (None, Listing::Absent) => Err(format!("{name}: the cluster has no such kind")),
            (None, Listing::Listed) => Err(format!("{name} does not exist yet")),
        }
    }

    /// An operation written while another runs is silently lost, so a sync waits.
    fn idle(&self, application: &ObjectRef) -> Result<(), String> {
        let fields = self.ctx.world.get(application).map(|entry| &entry.row.fields);
        let running = fields.and_then(|f| f.at(["status", "operationState", "phase"])).and_then(|p| p.as_str());
        if fields.is_some_and(|f| f.get("operation").is_some()) || matches!(running, Some("Running" | "Terminating")) {
            return Err(format!("{}: another operation is running", self.ctx.rulebook.say(application)));
        }
        Ok(())
    }

    fn refresh(&self, target: &ObjectRef, hard: bool) -> Effect {
        let kind = self.ctx.rulebook.kind(target.kind);
        match kind.is_some_and(|k| &*k.group == "argoproj.io" && &*k.kind == "Application") {
            true => Effect::RefreshApplication { hard, at: self.ctx.now },
            false => Effect::Touch,
        }
    }

    fn pods_of(&self, target: &ObjectRef) -> Result<String, String> {
        let kind = self.ctx.rulebook.kind(target.kind).ok_or("unknown kind")?;
        if &*kind.kind == "InferenceService" {
            return Ok(format!("serving.kserve.io/inferenceservice={}", target.name));
        }
        let entry = self.ctx.world.get(target).ok_or("the target does not exist yet")?;
        let why = || format!("{} has no selector to find its pods by", self.ctx.rulebook.say(target));
        entry.row.fields.at(["spec", "selector"]).and_then(selector).ok_or_else(why)
    }

    fn notification(&self, firing: &Firing, kind: &std::sync::Arc<str>, message: String) -> EventDraft {
        let failed = firing.causes.iter().any(|cause| cause.outcome == Some(Outcome::Failed));
        let reason = match &**kind {
            "validation-success" => "ValidationSucceeded".to_owned(),
            "validation-failure" => "ValidationFailed".to_owned(),
            other => camel(other),
        };
        let state = firing.causes.iter().any(|cause| cause.outcome.is_none());
        let ids: Vec<String> = firing.marks.iter().map(Mark::to_string).collect();
        EventDraft {
            mark: Mark::of(&["notify", &ids.join(",")]),
            notification: Some(kind.clone()),
            reason,
            message,
            warning: failed || state || self.branch == Branch::Else,
            time: latest(&firing.causes).unwrap_or(self.ctx.now),
        }
    }
}

/// A workload's selector as the API server's lists take it. None if it selects nothing, or in a way that is not known: then no pod is
/// deleted.
///
/// Source: Kubernetes API, `LabelSelector`.
fn selector(selector: &Value) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(Value::Map(labels)) = selector.get("matchLabels") {
        for (key, value) in labels.iter() {
            parts.push(format!("{key}={}", value.as_str()?));
        }
    }
    if let Some(Value::List(expressions)) = selector.get("matchExpressions") {
        for expression in expressions.iter() {
            let key = expression.get("key")?.as_str()?;
            let values: Vec<&str> = match expression.get("values") {
                Some(Value::List(values)) => values.iter().map(Value::as_str).collect::<Option<_>>()?,
                _ => Vec::new(),
            };
            let values = values.join(",");
            parts.push(match expression.get("operator")?.as_str()? {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.to_owned(),
                "DoesNotExist" => format!("!{key}"),
                _ => return None,
            });
        }
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// What is settled once an action is done: with an Event on its target.
#[must_use]
pub fn done(firing: &Firing, on: &ObjectRef, now: Timestamp) -> Settle {
    let ids: Vec<String> = firing.marks.iter().map(Mark::to_string).collect();
    let (how, reason, did) = match firing.observe {
        true => (How::Observed, "ActionObserved", "would be done (observe)"),
        false => (How::Done, "ActionDone", "done"),
    };
    let message = format!("rule {}: {} {did}, because {}", firing.rule, firing.text, said(&firing.causes));
    let mark = Mark::of(&["event", reason, &ids.join(",")]);
    let event = EventDraft { mark, notification: None, reason: reason.to_owned(), message, warning: false, time: now };
    let timeless = firing.causes.iter().any(|cause| cause.timeless);
    let pace = firing.pace.clone();
    Settle { marks: firing.marks.clone(), how, timeless, on: on.clone(), event: Some(event), pace }
}

/// `job a succeeded, job b succeeded and 3 more`
#[must_use]
pub fn said(causes: &[Cause]) -> String {
    let shown: Vec<&str> = causes.iter().take(5).map(|cause| cause.text.as_str()).collect();
    let more = causes.len().saturating_sub(5);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// `promotion-stalled` → `PromotionStalled`: an Event's reason is CamelCase.
fn camel(text: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    text.split(['-', '_', '.']).map(word).collect()
}
