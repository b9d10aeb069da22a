//! Conditions in three values, with the reason for each part.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::cause::RunId;
use super::listed::{absent, unlisted};
use super::missing::full_name;
use super::{Entry, Listing, MEMBERS_MAX, Mark, Reason, World, later};
use crate::expr::{Scope, Truth, Value};
use crate::facts::Row;
use crate::rulebook::{
    AppName, ExprTest, Filter, HealthStatus, KindIx, ObjectRef, Outcome, Rule, Rulebook, Selection, Term, Test, VarFrom,
};
use crate::syntax::tree::{Predicate, Quantifier};

/// What a condition is evaluated against.
pub struct Context<'a> {
    /// The rulebook.
    pub rulebook: &'a Rulebook,
    /// The world.
    pub world: &'a World,
    /// The rule.
    pub rule: &'a Rule,
    /// What `any` stands for.
    pub member: Option<&'a ObjectRef>,
    /// Now.
    pub now: Timestamp,
    /// What actions write, by their text, where what they would read has gone away.
    pub texts: Option<&'a BTreeMap<String, String>>,
    /// The earliest time at which the answer may change by itself.
    wake: RefCell<Option<Timestamp>>,
}

/// What holds of one term, and since when.
#[derive(Clone, Debug)]
pub struct TermState {
    /// Whether it holds.
    pub truth: Truth,
    /// Why.
    pub why: String,
    /// For an object: (the object, its uid, when its present state began).
    pub episode: Option<(ObjectRef, Arc<str>, Option<Timestamp>)>,
}

impl<'a> Context<'a> {
    /// A context.
    #[must_use]
    pub fn new(
        rulebook: &'a Rulebook,
        world: &'a World,
        rule: &'a Rule,
        member: Option<&'a ObjectRef>,
        now: Timestamp,
    ) -> Self {
        Context { rulebook, world, rule, member, now, texts: None, wake: RefCell::new(None) }
    }

    /// The earliest time at which the answer may change though nothing else does.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        *self.wake.borrow()
    }

    /// Asks to be evaluated again at a time.
    pub fn wake_at(&self, time: Timestamp) {
        if time > self.now {
            let mut wake = self.wake.borrow_mut();
            *wake = Some(wake.map_or(time, |w| w.min(time)));
        }
    }

    /// The object of a term with a single object: the named one, or the member.
    #[must_use]
    pub fn object<'b>(&'b self, term: &'b Term) -> Option<&'b ObjectRef> {
        match term.source.quantifier {
            Quantifier::One => term.source.object.as_ref(),
            Quantifier::Any => self.member,
            Quantifier::Every => None,
        }
    }

    /// The rule's variables, bound to what is there.
    #[must_use]
    pub fn bindings(&self) -> Vec<Option<&Value>> {
        let value = |from: &VarFrom| {
            let object = match from {
                VarFrom::Term(term) => self.rule.terms.get(*term).and_then(|term| self.object(term)),
                VarFrom::Target(object) => Some(object),
            };
            object.and_then(|o| self.world.get(o)).map(|entry| &entry.row.fields)
        };
        self.rule.vars.iter().map(|var| value(&var.from)).collect()
    }

    /// Evaluates a condition read as states, adding the reason of each part.
    pub fn test(&self, test: &Test, reasons: &mut Vec<Reason>) -> Truth {
        match test {
            Test::All(tests) => tests.iter().fold(Truth::True, |truth, test| truth.and(self.test(test, reasons))),
            Test::Any(tests) => tests.iter().fold(Truth::False, |truth, test| truth.or(self.test(test, reasons))),
            Test::Not(test) => !self.test(test, reasons),
            Test::Term(index) => {
                let Some(term) = self.rule.terms.get(*index) else {
                    return Truth::Unknown;
                };
                let state = self.term(term);
                reasons.push(Reason { what: term.text.clone(), truth: state.truth, why: state.why });
                state.truth
            }
            Test::Later(first, second) => self.later(*first, *second),
            Test::Expr(expr) => self.expr(expr, reasons),
        }
    }

    fn expr(&self, expr: &ExprTest, reasons: &mut Vec<Reason>) -> Truth {
        let (mut truth, mut why) = match expr.program.eval(&Scope::new(&self.bindings())) {
            Ok(Value::Bool(value)) => {
                (Truth::from(value), if value { String::new() } else { "it is not so".to_owned() })
            }
            Ok(_) => (Truth::Unknown, "not a yes or no".to_owned()),
            Err(error) => (Truth::Unknown, error.to_string()),
        };
        if let (Truth::Unknown, Some(assumed)) = (truth, self.world.assume) {
            truth = Truth::from(assumed);
            why = format!("assumed {assumed}: manifests do not tell");
        }
        reasons.push(Reason { what: expr.text.clone(), truth, why });
        truth
    }

    fn later(&self, first: usize, second: usize) -> Truth {
        let ended = |index: usize| {
            let object = self.rule.terms.get(index).and_then(|term| self.object(term))?;
            self.world.get(object)?.run.as_ref()?.ended
        };
        ended(first).zip(ended(second)).map_or(Truth::Unknown, |(first, second)| Truth::from(first < second))
    }

    /// Whether a term holds, read as a state.
    #[must_use]
    pub fn term(&self, term: &Term) -> TermState {
        let source = &term.source;
        if self.world.listing(source.kind) == Listing::Pending {
            return unknown(format!("{} objects have not been listed yet", self.short(source.kind)));
        }
        if source.quantifier == Quantifier::Every {
            return self.every(term);
        }
        let Some(object) = self.object(term) else {
            return unknown("no object is meant here".to_owned());
        };
        match self.world.get(object) {
            Some(entry) => self.holds(term, object, entry),
            None if term.predicate == Predicate::Missing => self.missing(term, object),
            None => {
                let absent = self.world.listing(source.kind) == Listing::Absent;
                let kind = self.short(source.kind);
                let why =
                    if absent { format!("the cluster has no kind {kind}") } else { "it does not exist".to_owned() };
                TermState { truth: Truth::False, why, episode: None }
            }
        }
    }

    /// What does not exist has no uid: its name stands for it.
    fn missing(&self, term: &Term, object: &ObjectRef) -> TermState {
        let since = self.world.missing_since(object);
        let mut why = "it does not exist".to_owned();
        let truth = term.lasting.map_or(Truth::True, |lasting| self.lasting(since, lasting, &mut why));
        let name = format!("missing {}", full_name(self.rulebook, object));
        TermState { truth, why, episode: Some((object.clone(), Arc::from(name), since)) }
    }

    fn every(&self, term: &Term) -> TermState {
        if unlisted(self.rulebook, self.world, &term.source) {
            return unknown("Applications have not been listed yet".to_owned());
        }
        let mut truth = Truth::True;
        let (mut members, mut holding) = (0_usize, 0_usize);
        let mut first_open = None;
        for (object, entry) in self.members(&term.source) {
            members += 1;
            let state = self.holds(term, &object, entry);
            truth = truth.and(state.truth);
            if state.truth == Truth::True {
                holding += 1;
            } else if first_open.is_none() {
                first_open = Some(format!("{}: {}", object.name, state.why));
            }
        }
        for member in absent(self.rulebook, self.world, &term.source) {
            members += 1;
            if term.predicate == Predicate::Missing && member.certain {
                holding += 1;
                continue;
            }
            truth = truth.and(Truth::Unknown);
            first_open.get_or_insert_with(|| format!("{}: {}", member.object.name, member.why));
        }
        if members > MEMBERS_MAX {
            return unknown(format!("{members} members are more than the {MEMBERS_MAX} that `every` can hold"));
        }
        if members == 0 {
            return TermState { truth: Truth::False, why: "nothing matches".to_owned(), episode: None };
        }
        let open = first_open.map(|o| format!("; {o}")).unwrap_or_default();
        TermState { truth, why: format!("{holding} of {members}{open}"), episode: None }
    }

    /// Whether one object fulfils a term's predicate.
    #[must_use]
    pub fn holds(&self, term: &Term, object: &ObjectRef, entry: &Entry) -> TermState {
        let outcome = |wanted: Outcome| Truth::from(entry.run.as_ref().is_some_and(|run| run.outcome == wanted));
        let health = |wanted: HealthStatus| match entry.health.status {
            HealthStatus::Unknown => Truth::Unknown,
            status => Truth::from(status == wanted),
        };
        let mut since = entry.since;
        let truth = match term.predicate {
            Predicate::Succeeds | Predicate::HasSucceeded => outcome(Outcome::Succeeded),
            Predicate::Fails | Predicate::HasFailed => outcome(Outcome::Failed),
            Predicate::Healthy => health(HealthStatus::Healthy),
            Predicate::Progressing => health(HealthStatus::Progressing),
            Predicate::Degraded => health(HealthStatus::Degraded),
            Predicate::Suspended => health(HealthStatus::Suspended),
            Predicate::Missing => Truth::False,
            Predicate::Stale => {
                let (truth, began) = self.stale(object);
                since = began;
                truth
            }
        };
        let mut why = state_text(entry);
        let success = matches!(term.predicate, Predicate::Succeeds | Predicate::HasSucceeded);
        let truth = if success && truth == Truth::True && is_outdated(entry) {
            why.push_str(", but its spec has changed since");
            Truth::False
        } else {
            truth
        };
        let truth = match (truth, term.lasting) {
            (Truth::True, Some(lasting)) => self.lasting(since, lasting, &mut why),
            (truth, _) => truth,
        };
        TermState { truth, why, episode: Some((object.clone(), entry.row.uid.clone(), since)) }
    }

    fn lasting(&self, since: Option<Timestamp>, lasting: Duration, why: &mut String) -> Truth {
        let Some(since) = since else {
            let Some(assumed) = self.world.assume else {
                why.push_str("; since when is not known");
                return Truth::Unknown;
            };
            *why = format!("assumed {assumed}: manifests do not tell for how long");
            return Truth::from(assumed);
        };
        let until = later(since, lasting);
        self.wake_at(until);
        why.push_str(&format!(" since {since}"));
        Truth::from(until <= self.now)
    }

    /// Whether the model behind an object is older than its `stale after`, and since when.
    fn stale(&self, object: &ObjectRef) -> (Truth, Option<Timestamp>) {
        let model = self
            .rulebook
            .models
            .iter()
            .find(|model| model.served_by == *object || model.steps.iter().any(|(_, step)| step == object));
        let trained = model.and_then(|m| m.steps.first()).and_then(|(_, training)| self.world.get(training));
        let run = trained.and_then(|entry| entry.run.as_ref()).filter(|run| run.outcome == Outcome::Succeeded);
        let ended = run.and_then(|run| run.ended);
        let Some((ended, after)) = ended.zip(model.and_then(|m| m.stale_after)) else {
            return (Truth::Unknown, None);
        };
        let began = later(ended, after);
        self.wake_at(began);
        (Truth::from(began <= self.now), Some(began))
    }

    /// The objects that a selection with `any` or `every` means, in order.
    pub fn members<'b>(&'b self, selection: &'b Selection) -> impl Iterator<Item = (ObjectRef, &'b Entry)> {
        members(self.rulebook, self.world, selection)
    }

    fn short(&self, kind: KindIx) -> &str {
        self.rulebook.kind(kind).map_or("?", |kind| &kind.short)
    }
}

/// The objects that a selection with `any` or `every` means, in order of namespace and name.
pub fn members<'w>(
    rulebook: &'w Rulebook,
    world: &'w World,
    selection: &'w Selection,
) -> impl Iterator<Item = (ObjectRef, &'w Entry)> {
    let in_namespace = selection.namespace.as_ref().map(|ns| world.rows_in(selection.kind, ns));
    let all = selection.namespace.is_none().then(|| world.rows(selection.kind));
    let rows = in_namespace.into_iter().flatten().chain(all.into_iter().flatten());
    rows.filter(|entry| matches(rulebook, selection, &entry.row)).map(|entry| {
        let (namespace, name) = (entry.row.namespace.clone(), entry.row.name.clone());
        (ObjectRef { kind: selection.kind, namespace, name }, entry)
    })
}

/// Whether a row is one that a selection means.
#[must_use]
pub fn matches(rulebook: &Rulebook, selection: &Selection, row: &Row) -> bool {
    selection.namespace.as_ref().is_none_or(|ns| *ns == row.namespace)
        && selection.filters.iter().all(|filter| match filter {
            Filter::Label(key, value) | Filter::Series(key, value) => row.label(key) == Some(value),
            Filter::Wave(wave) => row.wave == *wave,
            Filter::Application(app) => belongs(row, app),
            Filter::Owner(kind, name) => is_owned(rulebook, row, *kind, name),
            Filter::Where(program, _) => program.truth(&Scope::new(&[Some(&row.fields)])) == Truth::True,
        })
}

/// Whether an object's tracking-id names this Application.
#[must_use]
pub fn belongs(row: &Row, app: &AppName) -> bool {
    let given = row.application.as_ref();
    given.is_some_and(|(ns, name)| *name == app.name && ns.as_ref().is_none_or(|ns| *ns == app.namespace))
}

fn is_owned(rulebook: &Rulebook, row: &Row, kind: KindIx, name: &Arc<str>) -> bool {
    let kind = rulebook.kind(kind).map(|kind| &kind.kind);
    row.owners.iter().any(|owner| Some(&owner.kind) == kind && owner.name == *name)
}

/// Whether the status is about an earlier spec. Only kinds whose status has `observedGeneration` tell.
fn is_outdated(entry: &Entry) -> bool {
    let observed = entry.row.fields.at(["status", "observedGeneration"]);
    matches!(observed, Some(Value::Int(observed)) if *observed < entry.row.generation)
}

fn unknown(why: String) -> TermState {
    TermState { truth: Truth::Unknown, why, episode: None }
}

/// `Progressing: Validating notebook...`, or how the run ended.
#[must_use]
pub fn state_text(entry: &Entry) -> String {
    let message = if entry.health.message.is_empty() { String::new() } else { format!(": {}", entry.health.message) };
    match &entry.run {
        Some(RunId { outcome: Outcome::Succeeded, ended: Some(ended), .. }) => format!("succeeded at {ended}"),
        Some(RunId { outcome: Outcome::Succeeded, .. }) => "succeeded".to_owned(),
        Some(RunId { outcome: Outcome::Failed, ended: Some(ended), .. }) => format!("failed at {ended}{message}"),
        Some(RunId { outcome: Outcome::Failed, .. }) => format!("failed{message}"),
        None => format!("{}{message}", entry.health.status),
    }
}

/// The hash under which it is remembered when an object came to a state.
#[must_use]
pub fn episode_key(uid: &str, status: HealthStatus) -> Mark {
    Mark::of(&["episode", uid, &status.to_string()])
}
