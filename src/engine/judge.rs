//! Judging causes: which finished runs an event has, and whether its rule has used them.

use std::sync::Arc;

use jiff::Timestamp;

use super::cause::{RunId, Usage, action_item, action_mark, event_item, items, rule_settled, used};
use super::condition::{Context, members, state_text};
use super::decide::EPISODE;
use super::listed::{absent, unlisted};
use super::{Branch, Cause, Entry, How, Listing, MEMBERS_MAX, Mark, Reason};
use crate::expr::Truth;
use crate::rulebook::{Action, Event, Filter, ObjectRef, Outcome, Rule, Term};
use crate::syntax::tree::Quantifier;

/// What a rule has done with a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not used.
    Fresh,
    /// This branch has begun on it.
    Begun(Branch),
    /// Used up: why.
    Over(&'static str),
}

/// An event of an alternative and its causes.
#[derive(Debug, Default)]
pub struct EventState {
    /// Each finished run of the asked outcome, and what the rule has done with it.
    pub causes: Vec<(Cause, Judgement)>,
    /// For `every`: all members have finished as asked. For one object: it has.
    pub complete: bool,
    /// Why, for people.
    pub why: String,
}

impl EventState {
    /// The causes that the rule has not used.
    pub fn fresh(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|(_, judgement)| *judgement == Judgement::Fresh).map(|(cause, _)| cause)
    }

    /// The causes on which a branch has begun.
    pub fn begun(&self, branch: Branch) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(move |(_, judgement)| *judgement == Judgement::Begun(branch)).map(|(cause, _)| cause)
    }

    /// The event as a part of the condition.
    #[must_use]
    pub fn reason(&self, term: &Term, listing: Listing) -> Reason {
        let truth = match (listing, self.complete && self.fresh().next().is_some()) {
            (Listing::Pending, _) => Truth::Unknown,
            (_, holds) => Truth::from(holds),
        };
        Reason { what: term.text.clone(), truth, why: self.why.clone() }
    }
}

impl Context<'_> {
    /// The causes of an event.
    #[must_use]
    pub fn event(&self, event: &Event) -> EventState {
        let Some(term) = self.rule.terms.get(event.term) else {
            return EventState::default();
        };
        match self.world.listing(term.source.kind) {
            Listing::Pending => return waiting("these objects have not been listed yet"),
            Listing::Absent => return waiting("the cluster has no such kind"),
            Listing::Listed => {}
        }
        if term.source.quantifier == Quantifier::Every {
            if unlisted(self.rulebook, self.world, &term.source) {
                return waiting("Applications have not been listed yet");
            }
            return self.every_event(term, event.outcome);
        }
        let Some(object) = self.object(term) else {
            return EventState::default();
        };
        let Some(entry) = self.world.get(object) else {
            return waiting("it does not exist yet");
        };
        let Some(run) = entry.run.as_ref().filter(|run| run.outcome == event.outcome) else {
            return waiting(&state_text(entry));
        };
        let cause = self.cause(object, entry, run);
        let judgement = self.judge(term, &cause, run);
        let why = format!("{}, {}", state_text(entry), judged_text(judgement));
        EventState { causes: vec![(cause, judgement)], complete: true, why }
    }

    fn every_event(&self, term: &Term, outcome: Outcome) -> EventState {
        let mut state = EventState { complete: true, ..EventState::default() };
        let (mut count, mut first_open) = (0_usize, None);
        for (object, entry) in members(self.rulebook, self.world, &term.source) {
            count += 1;
            match entry.run.as_ref().filter(|run| run.outcome == outcome) {
                Some(run) => {
                    let cause = self.cause(&object, entry, run);
                    let judgement = self.judge(term, &cause, run);
                    state.causes.push((cause, judgement));
                }
                None => {
                    state.complete = false;
                    first_open.get_or_insert_with(|| format!("; {}: {}", object.name, state_text(entry)));
                }
            }
        }
        for member in absent(self.rulebook, self.world, &term.source) {
            count += 1;
            state.complete = false;
            first_open.get_or_insert_with(|| format!("; {}: {}", member.object.name, member.why));
        }
        state.complete &= (1..=MEMBERS_MAX).contains(&count);
        state.why = match count {
            0 => "nothing matches".to_owned(),
            n if n > MEMBERS_MAX => format!("{n} members are more than the {MEMBERS_MAX} that `every` can hold"),
            n => format!("{} of {n}{}", state.causes.len(), first_open.unwrap_or_default()),
        };
        let departed = self.world.state.departed.get(&event_item(self.rulebook, self.rule, &term.text));
        if let Some(departed) = departed.filter(|_| state.complete) {
            // Going away is not finishing: something has to finish after it.
            let later = state.fresh().any(|cause| cause.time.is_some_and(|time| time > *departed));
            if !later && state.fresh().next().is_some() {
                state.complete = false;
                state.why.push_str("; one went away unfinished, and none has finished since");
            }
        }
        state
    }

    fn cause(&self, object: &ObjectRef, entry: &Entry, run: &RunId) -> Cause {
        let verb = match run.outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
        };
        Cause {
            object: object.clone(),
            uid: run.uid.clone(),
            id: run.id(),
            text: format!("{} {verb}", self.rulebook.say(object)),
            time: run.ended.or(entry.since),
            timeless: run.ended.is_none(),
            outcome: Some(run.outcome),
            earlier: run.earlier_ids(),
        }
    }

    fn judge(&self, term: &Term, cause: &Cause, run: &RunId) -> Judgement {
        let state = &self.world.state;
        let item = event_item(self.rulebook, self.rule, &term.text);
        if state.is_over(item, run) {
            return Judgement::Over("long dealt with");
        }
        if let Some(how) = rule_settled(self.rulebook, self.world, self.rule, cause) {
            return Judgement::Over(how_text(how));
        }
        if state.owes(&self.rule.name, &cause.id) {
            return Judgement::Over("this rule still acts on it, with a cause that has gone away");
        }
        let begun = branches(self.rule).find(|(branch, action)| {
            used(self.rulebook, self.world, self.rule, *branch, action, cause).1 != Usage::Fresh
        });
        if let Some((branch, _)) = begun {
            return Judgement::Begun(branch);
        }
        let catch_up = self.rule.modifiers.catch_up;
        if !catch_up && state.is_baseline(item, run) {
            return Judgement::Over("before this rule was loaded: `catch up` would use it");
        }
        if self.is_superseded(term, cause, run) {
            return Judgement::Over("a later run took its place");
        }
        Judgement::Fresh
    }

    /// Whether a later run of the same series ended in the same way.
    fn is_superseded(&self, term: &Term, cause: &Cause, run: &RunId) -> bool {
        let series = |filter: &&Filter| matches!(filter, Filter::Owner(..) | Filter::Series(..));
        if term.source.quantifier != Quantifier::Any || !term.source.filters.iter().any(|f| series(&f)) {
            return false;
        }
        members(self.rulebook, self.world, &term.source).any(|(object, entry)| {
            let later =
                |other: &RunId| other.outcome == run.outcome && (other.ended, &other.uid) > (run.ended, &run.uid);
            object != cause.object && entry.run.as_ref().is_some_and(later)
        })
    }

    /// Whether an action is new since the cause: then the cause is its baseline.
    #[must_use]
    pub fn is_action_baseline(&self, branch: Branch, action: &Action, cause: &Cause) -> bool {
        if self.rule.modifiers.catch_up {
            return false;
        }
        let item = action_item(self.rulebook, self.rule, branch, action);
        match cause.outcome {
            Some(outcome) => {
                let completion = cause.id.splitn(3, '/').nth(2).unwrap_or("");
                let before =
                    cause.earlier.iter().find_map(|id| id.splitn(3, '/').nth(2)).filter(|text| !text.is_empty());
                let run = RunId {
                    uid: cause.uid.clone(),
                    outcome,
                    completion: Arc::from(completion),
                    ended: cause.ended(),
                    created: self.world.get(&cause.object).and_then(|entry| entry.row.created),
                    before: before.map(Arc::from),
                };
                self.world.state.is_baseline(item, &run)
            }
            None => cause.time.is_none_or(|began| self.is_new_in_episode(item, began)),
        }
    }
}

impl Context<'_> {
    /// Whether an action is newer than its rule, and came while this episode went on.
    fn is_new_in_episode(&self, action: Mark, began: Timestamp) -> bool {
        let state = &self.world.state;
        let rule = state.loaded(event_item(self.rulebook, self.rule, EPISODE));
        let newer = state.loaded(action).zip(rule).is_none_or(|(action, rule)| rule < action && began <= action);
        newer || state.is_baseline_episode(action, began)
    }

    /// When the rule could first act on a cause: when it happened, or when the rule was loaded if that was later.
    #[must_use]
    pub fn actionable(&self, cause: Timestamp) -> Timestamp {
        let loaded = items(self.rulebook, self.rule).filter_map(|item| self.world.state.loaded(item)).min();
        loaded.map_or(cause, |loaded| loaded.max(cause))
    }
}

/// Every action of a rule with its branch.
pub fn branches(rule: &Rule) -> impl Iterator<Item = (Branch, &Action)> {
    let then = rule.then.iter().map(|action| (Branch::Then, action));
    then.chain(rule.otherwise.iter().map(|action| (Branch::Else, action)))
}

/// The marks of causes for an action.
#[must_use]
pub fn marks(ctx: &Context<'_>, branch: Branch, action: &Action, causes: &[Cause]) -> Vec<Mark> {
    causes.iter().map(|cause| action_mark(ctx.rulebook, ctx.rule, branch, action, &cause.id)).collect()
}

fn waiting(why: &str) -> EventState {
    EventState { why: why.to_owned(), ..EventState::default() }
}

fn judged_text(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Fresh => "not used yet",
        Judgement::Begun(_) => "this rule has acted on it",
        Judgement::Over(why) => why,
    }
}

fn how_text(how: How) -> &'static str {
    match how {
        How::Done => "this rule has acted on it",
        How::CreatedAfter => "the target was created after it",
        How::Expired => "its time ran out",
        How::Refused | How::Skipped => "an action on it was refused",
        How::Superseded => "a later run took its place",
        How::Observed => "observed only",
        How::Left => "left to the job's own operator",
        How::Said => "it was said",
        How::Gone => "it went away",
    }
}
