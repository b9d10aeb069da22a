//! Deciding one unit: from causes and conditions to what is due.

use std::sync::Arc;

use jiff::Timestamp;

use super::act::{Next, next_action};
use super::cause::{event_item, rule_mark, rule_settled};
use super::condition::Context;
use super::judge::EventState;
use super::owed::decide_owed;
use super::pace::{patience, patience_to_act};
use super::reopen::decide_again;
use super::{
    Branch, Cause, EventDraft, How, Mark, Pace, Reason, RuleId, Settle, Standing, Unit, Verdict, World, later,
};
use crate::expr::Truth;
use crate::rulebook::{Alternative, Rule, Rulebook, Test};

/// The item under which episodes of a rule with states alone have their baseline.
pub const EPISODE: &str = "episode";

/// The rule behind an id.
#[must_use]
pub fn rule_of(rulebook: &Rulebook, world: &World, id: &RuleId) -> Option<Arc<Rule>> {
    match id {
        RuleId::Book(index) => rulebook.rules.get(*index).cloned(),
        RuleId::Annotation(object, index) => world.annotated(object)?.rules.get(*index).cloned(),
    }
}

/// Decides one unit. `None` when its rule or member is gone.
#[must_use]
pub fn decide(rulebook: &Rulebook, world: &World, unit: &Unit, now: Timestamp) -> Option<Verdict> {
    let rule = rule_of(rulebook, world, &unit.rule)?;
    if unit.owed.is_some() {
        return decide_owed(rulebook, world, unit, &rule, now);
    }
    let Some(alternative) = rule.alternatives.get(unit.alternative) else {
        // Beyond the alternatives come the blocks.
        let block = unit.alternative.checked_sub(rule.alternatives.len())?;
        let ctx = Context::new(rulebook, world, &rule, None, now);
        return decide_again(&ctx, unit, rule.clone(), block);
    };
    if unit.member.as_ref().is_some_and(|member| world.get(member).is_none()) {
        return None;
    }
    let ctx = Context::new(rulebook, world, &rule, unit.member.as_ref(), now);
    let mut unit_decision = Decision { ctx: &ctx, unit, alternative, reasons: Vec::new(), deadline: None };
    let outcome = if alternative.events.is_empty() { unit_decision.episode() } else { unit_decision.events() };
    let Decision { reasons, deadline, .. } = unit_decision;
    let truth = reasons.iter().fold(Truth::True, |truth, reason| truth.and(reason.truth));
    let truth = outcome.truth.unwrap_or(truth);
    let wake = ctx.wake();
    let causes = outcome.causes;
    let Next { standing, intents, settle } = outcome.next;
    Some(Verdict {
        unit: unit.clone(),
        rule: rule.clone(),
        truth,
        reasons,
        standing,
        causes,
        deadline,
        wake,
        intents,
        settle,
        branch: outcome.branch,
    })
}

struct Decision<'a> {
    ctx: &'a Context<'a>,
    unit: &'a Unit,
    alternative: &'a Alternative,
    reasons: Vec<Reason>,
    deadline: Option<Timestamp>,
}

struct Outcome {
    truth: Option<Truth>,
    causes: Vec<Cause>,
    next: Next,
    branch: Option<Branch>,
}

impl Outcome {
    fn standing(truth: Truth, causes: Vec<Cause>, standing: Standing) -> Outcome {
        Outcome { truth: Some(truth), causes, next: Next::standing(standing), branch: None }
    }
}

impl Decision<'_> {
    /// A rule with events: each needs a fresh cause.
    fn events(&mut self) -> Outcome {
        let states: Vec<EventState> = self.alternative.events.iter().map(|event| self.ctx.event(event)).collect();
        for (event, state) in self.alternative.events.iter().zip(&states) {
            if let Some(term) = self.ctx.rule.terms.get(event.term) {
                self.reasons.push(state.reason(term, self.ctx.world.listing(term.source.kind)));
            }
        }
        let rest = self.rest(self.ctx);
        if self.ctx.rule.then.is_empty() && self.ctx.rule.otherwise.is_empty() {
            // A block alone: it is read as states, and uses no causes.
            return Outcome::standing(rest, Vec::new(), Standing::Quiet);
        }
        let mut stopped = None;
        for branch in [Branch::Then, Branch::Else] {
            let begun: Vec<Cause> = states.iter().flat_map(|state| state.begun(branch)).cloned().collect();
            let all = states.iter().all(|state| state.begun(branch).next().is_some());
            if !begun.is_empty() && (all || branch == Branch::Else) {
                let next = next_action(self.ctx, self.unit, branch, &begun);
                let rests = next.settle.is_empty();
                match &next.standing {
                    Standing::Done if rests => {}
                    // What was refused is used up: a later run is another matter.
                    Standing::Refused(_) if rests => {
                        stopped = Some(Outcome { truth: None, causes: begun, next, branch: Some(branch) })
                    }
                    _ => {
                        let until = |time| later(self.ctx.actionable(time), patience_to_act(self.ctx.rule));
                        self.deadline = latest(&begun).map(until);
                        return Outcome { truth: None, causes: begun, next, branch: Some(branch) };
                    }
                }
            }
        }
        let fresh: Vec<Cause> = states.iter().flat_map(EventState::fresh).cloned().collect();
        if let Some(stopped) = stopped.filter(|_| fresh.is_empty()) {
            return stopped;
        }
        if fresh.is_empty() {
            let used = states.iter().any(|state| !state.causes.is_empty());
            return Outcome::standing(Truth::False, Vec::new(), if used { Standing::Done } else { Standing::Quiet });
        }
        self.fresh(&states, fresh, rest)
    }

    /// Some causes are there that the rule has not used.
    fn fresh(&mut self, states: &[EventState], fresh: Vec<Cause>, rest: Truth) -> Outcome {
        let missing =
            states.iter().zip(&self.alternative.events).find(|(s, _)| !s.complete || s.fresh().next().is_none());
        let order = self.order(states);
        let truth = if missing.is_some() { Truth::False } else { order.and(rest) };
        let window = self.deadline_of(&fresh);
        self.deadline = Some(window);
        self.ctx.wake_at(window);
        let in_time = self.ctx.rule.within.is_none() || latest(&fresh).is_none_or(|time| time <= window);
        if truth == Truth::True && in_time && (self.ctx.now < window || self.held_at(window)) {
            let next = next_action(self.ctx, self.unit, Branch::Then, &fresh);
            return Outcome { truth: Some(truth), causes: fresh, next, branch: Some(Branch::Then) };
        }
        let has_else = !self.ctx.rule.otherwise.is_empty();
        let without_window = self.ctx.rule.within.is_none();
        if has_else && without_window && missing.is_none() && truth == Truth::False {
            let next = next_action(self.ctx, self.unit, Branch::Else, &fresh);
            return Outcome { truth: Some(truth), causes: fresh, next, branch: Some(Branch::Else) };
        }
        if self.ctx.now >= window {
            if has_else && !without_window {
                let next = next_action(self.ctx, self.unit, Branch::Else, &fresh);
                return Outcome { truth: Some(truth), causes: fresh, next, branch: Some(Branch::Else) };
            }
            return self.expired(fresh, truth);
        }
        let waits_for = self.reasons.iter().find(|reason| reason.truth != Truth::True);
        let text =
            waits_for.map_or_else(|| "the right order of runs".to_owned(), |r| format!("{} ({})", r.what, r.why));
        Outcome::standing(truth, fresh, Standing::Waiting(text))
    }

    /// `and then`: whether each later run ended after the earlier.
    fn order(&self, states: &[EventState]) -> Truth {
        let ended = |index: usize| states.get(index).and_then(|s| s.fresh().filter_map(|c| c.time).max());
        self.alternative.events.iter().enumerate().fold(Truth::True, |truth, (index, event)| match event.after {
            None => truth,
            Some(first) => {
                let times = ended(first).zip(ended(index));
                truth.and(times.map_or(Truth::Unknown, |(first, second)| Truth::from(first < second)))
            }
        })
    }

    fn rest(&mut self, ctx: &Context<'_>) -> Truth {
        let mut reasons = Vec::new();
        let truth = ctx.test(&self.alternative.rest, &mut reasons);
        self.reasons.extend(reasons);
        truth
    }

    /// Whether states with `for` had lasted long enough when the window closed: a controller that was away sees it late.
    fn held_at(&self, window: Timestamp) -> bool {
        let ctx = Context::new(self.ctx.rulebook, self.ctx.world, self.ctx.rule, self.ctx.member, window);
        ctx.test(&self.alternative.rest, &mut Vec::new()) == Truth::True
    }

    /// `within` opens at the earliest unused cause; without it the default counts.
    fn deadline_of(&self, fresh: &[Cause]) -> Timestamp {
        let earliest = fresh.iter().filter_map(|cause| cause.time).min();
        let from = |time: Timestamp| match self.ctx.rule.within {
            Some(within) => later(time, within),
            None => later(self.ctx.actionable(time), patience(self.ctx.rule)),
        };
        earliest.map_or(Timestamp::MAX, from)
    }

    fn expired(&self, causes: Vec<Cause>, truth: Truth) -> Outcome {
        let (ctx, rule) = (self.ctx, self.ctx.rule);
        let missing: Vec<String> =
            self.reasons.iter().filter(|r| r.truth != Truth::True).map(|r| format!("{} ({})", r.what, r.why)).collect();
        let said = causes.iter().map(|cause| cause.text.clone()).collect::<Vec<_>>().join(", ");
        let message = format!("rule {}: {said}, but the rest did not hold in time: {}", rule.name, missing.join("; "));
        let marks: Vec<Mark> = causes.iter().map(|cause| rule_mark(ctx.rulebook, rule, cause)).collect();
        let settle = settle(ctx, &causes, marks, How::Expired, "DeadlineExpired", message.clone(), true);
        Outcome {
            truth: Some(truth),
            causes,
            next: Next {
                standing: Standing::Expired(message),
                intents: Vec::new(),
                settle: settle.into_iter().collect(),
            },
            branch: None,
        }
    }

    /// A rule with states alone: its cause is the episode.
    fn episode(&mut self) -> Outcome {
        let truth = self.rest(self.ctx);
        if truth != Truth::True || (self.ctx.rule.then.is_empty() && self.ctx.rule.otherwise.is_empty()) {
            return Outcome::standing(truth, Vec::new(), Standing::Quiet);
        }
        let Some(cause) = self.episode_cause() else {
            return Outcome::standing(truth, Vec::new(), Standing::Waiting("since when is not known".to_owned()));
        };
        let item = event_item(self.ctx.rulebook, self.ctx.rule, EPISODE);
        let state = &self.ctx.world.state;
        let baseline = cause.time.is_none_or(|began| state.is_baseline_episode(item, began));
        let over = state.is_dealt_with(item, cause.time)
            || rule_settled(self.ctx.rulebook, self.ctx.world, self.ctx.rule, &cause).is_some();
        if over || (baseline && !self.ctx.rule.modifiers.catch_up) {
            return Outcome::standing(truth, Vec::new(), Standing::Done);
        }
        self.deadline = cause.time.map(|time| later(self.ctx.actionable(time), patience_to_act(self.ctx.rule)));
        let causes = vec![cause];
        let next = next_action(self.ctx, self.unit, Branch::Then, &causes);
        Outcome { truth: Some(truth), causes, next, branch: Some(Branch::Then) }
    }

    /// Uid and beginning of each state that the condition asks about; it began when the last of them did.
    fn episode_cause(&self) -> Option<Cause> {
        let mut parts = Vec::new();
        collect(self.ctx, &self.alternative.rest, &mut parts);
        let (object, uid, _) = parts.first().cloned()?;
        // Every part holds, so it began with the last of them; one of which that is not known might be that one.
        let began = parts.iter().map(|(_, _, began)| *began).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        let id =
            parts.iter().map(|(_, uid, began)| format!("{uid}@{}", began.map(|b| b.to_string()).unwrap_or_default()));
        let text = self.reasons.iter().map(|reason| reason.what.clone()).collect::<Vec<_>>().join(" and ");
        let id = format!("episode/{}", id.collect::<Vec<_>>().join("+"));
        Some(Cause { object, uid, id, text, time: Some(began), timeless: false, outcome: None, earlier: Vec::new() })
    }
}

/// The objects whose states a condition asks about, in order. `not` gives no cause.
fn collect(ctx: &Context<'_>, test: &Test, parts: &mut Vec<(crate::rulebook::ObjectRef, Arc<str>, Option<Timestamp>)>) {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|test| collect(ctx, test, parts)),
        Test::Term(index) => {
            let episode = ctx.rule.terms.get(*index).and_then(|term| ctx.term(term).episode);
            parts.extend(episode);
        }
        Test::Not(_) | Test::Later(..) | Test::Expr(_) => {}
    }
}

/// The time of the last cause.
#[must_use]
pub fn latest(causes: &[Cause]) -> Option<Timestamp> {
    causes.iter().filter_map(|cause| cause.time).max()
}

/// Marks to settle, with an Event on the first cause's object.
#[must_use]
pub fn settle(
    ctx: &Context<'_>,
    causes: &[Cause],
    marks: Vec<Mark>,
    how: How,
    reason: &str,
    message: String,
    warning: bool,
) -> Option<Settle> {
    let first = causes.first()?;
    let ids: Vec<String> = marks.iter().map(Mark::to_string).collect();
    let mark = Mark::of(&["event", reason, &ids.join(",")]);
    let event = EventDraft { mark, notification: None, reason: reason.to_owned(), message, warning, time: ctx.now };
    let timeless = causes.iter().any(|cause| cause.timeless);
    let (on, pace) = (first.object.clone(), Pace::default());
    Some(Settle { marks, how, timeless, on, event: Some(event), pace })
}
