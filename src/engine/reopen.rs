//! A wave that opens after the sync that it held has failed: that revision is synced once more.
//!
//! `tidegate wait` ends with an error when its condition cannot hold any more, and with its hook the whole sync fails. Argo CD does not try
//! that revision again by itself, so when the block opens later, tidegate does, once for each failed sync. Where Argo CD waits for
//! health alone, nothing is synced: its own retries and the next sync go on from there. A sync also fails when the policy of `emit admission`
//! refuses to create what belongs to a held wave, and Argo CD's retries are soon used up: it is done again in the same way, by each rule
//! that the refusal names.
//!
//! All of it is read from the Application as it is now: a later sync, whoever asked for it, replaces the one that failed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::act::{Next, sync_again};
use super::cause::event_item;
use super::condition::{Context, belongs, members};
use super::gate::{gates, matches_of};
use super::record::application_object;
use super::types::later;
use super::{Cause, Gate, Reason, Standing, Unit, Verdict, World};
use crate::expr::{Truth, Value};
use crate::facts::Row;
use crate::rulebook::{Action, AppName, ExprTest, Filter, Rule, Rulebook, Term, Test, VarFrom, Verb};
use crate::syntax::tree::{Predicate, Quantifier};

/// The item under which blocks that open have their baseline.
pub const REOPEN: &str = "reopen";

/// A sync that was refused something may have begun so long after the wave opened: until the policy knows of it.
const POLICY_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// A sync that failed because one of its hooks did, or because the admission policy refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FailedSync {
    /// Of each source; one, as a rule.
    revisions: Vec<Arc<str>>,
    started: Timestamp,
    finished: Timestamp,
    /// The admission policy's message, if it refused something: it names the rules that hold.
    refused: Option<Arc<str>>,
}

impl FailedSync {
    /// When a block must have opened, at the earliest, for this failure to be its own.
    fn before(&self) -> Timestamp {
        let delay = if self.refused.is_some() { POLICY_DELAY } else { SignedDuration::ZERO };
        self.started.checked_sub(delay).unwrap_or(self.started)
    }
}

/// Whether an Application's last sync failed with a hook of the Sync phase, or at the admission policy.
#[must_use]
pub fn has_failed(rulebook: &Rulebook, row: &Row) -> bool {
    failed_sync(rulebook, &row.fields).is_some()
}

/// Source: Argo CD `pkg/apis/application/v1alpha1/types.go` (`OperationState`, `ResourceResult`: only hooks have a `hookType`).
fn failed_sync(rulebook: &Rulebook, application: &Value) -> Option<FailedSync> {
    let operation = application.at(["status", "operationState"])?;
    let text = |path: &[&str]| operation.at(path.iter().copied()).and_then(Value::as_str).filter(|t| !t.is_empty());
    if !matches!(text(&["phase"]), Some("Failed" | "Error")) || application.get("operation").is_some() {
        return None;
    }
    let refused = text(&["message"]).filter(|message| message.contains(&policy(rulebook))).map(Arc::from);
    let Some(Value::List(results)) = operation.at(["syncResult", "resources"]) else { return None };
    let failed = |result: &Value| {
        let is = |key: &str, words: &[&str]| {
            result.get(key).and_then(Value::as_str).is_some_and(|value| words.contains(&value))
        };
        is("hookType", &["Sync"]) && is("hookPhase", &["Failed", "Error"])
    };
    if refused.is_none() && !results.iter().any(failed) {
        return None;
    }
    let revisions: Vec<Arc<str>> = match operation.at(["syncResult", "revisions"]) {
        Some(Value::List(several)) => several.iter().filter_map(Value::as_str).map(Arc::from).collect(),
        _ => text(&["syncResult", "revision"]).map(Arc::from).into_iter().collect(),
    };
    let finished: Timestamp = text(&["finishedAt"])?.parse().ok()?;
    let started = text(&["startedAt"]).and_then(|started| started.parse().ok()).unwrap_or(finished);
    (!revisions.is_empty()).then_some(FailedSync { revisions, started, finished, refused })
}

/// How the API server names the policy of `emit admission` in a refusal; the controller's namespace follows.
fn policy(rulebook: &Rulebook) -> String {
    format!("ValidatingAdmissionPolicy 'tidegate-{}.", rulebook.id)
}

/// Whether the policy's message says that this rule holds. Source: `cluster/admission.rs`, which writes the words.
fn names(message: &str, rule: &Rule) -> bool {
    message.contains(&format!(" by rule {}, which waits for ", rule.name))
}

/// Decides for one block of a rule whether its Application is synced again.
#[must_use]
pub fn decide_again(ctx: &Context<'_>, unit: &Unit, rule: Arc<Rule>, block: usize) -> Option<Verdict> {
    let (found, rulebook, world) = (rule.blocks.get(block)?, ctx.rulebook, ctx.world);
    let mut verdict = Verdict {
        unit: unit.clone(),
        rule: rule.clone(),
        truth: Truth::False,
        reasons: Vec::new(),
        standing: Standing::Quiet,
        causes: Vec::new(),
        deadline: None,
        wake: None,
        intents: Vec::new(),
        settle: Vec::new(),
        branch: None,
    };
    let app = super::gate::application_of(rulebook, world, &rule, found);
    let object = app.as_ref().and_then(|app| application_object(rulebook, app));
    let (Some(app), Some(object)) = (app, object) else { return Some(verdict) };
    let entry = world.get(&object);
    let Some((entry, failed)) = entry.and_then(|entry| Some((entry, failed_sync(rulebook, &entry.row.fields)?))) else {
        return Some(verdict);
    };
    let (all, wake) = gates(rulebook, world, &rule, ctx.now);
    let Some(gate) = all.into_iter().nth(block) else { return Some(verdict) };
    verdict.wake = wake;
    let (truth, reasons) = (gate.open, gate.reasons.clone());
    (verdict.truth, verdict.reasons) = (truth, reasons);
    let held = Held { rulebook, world, rule: &rule, app: &app, now: ctx.now };
    let by_this = match &failed.refused {
        Some(message) => names(message, &rule),
        None => held.by_hook(&rule.when, true),
    };
    if truth != Truth::True || !by_this || !held.opened_after(failed.before()) {
        return Some(verdict);
    }
    let opened = held.opened().filter(|time| *time >= failed.started);
    if is_baseline(ctx, opened.unwrap_or(failed.finished)) {
        return Some(verdict);
    }
    let cause = cause(rulebook, &gate, &object, &entry.row, &failed, opened);
    let text = format!("sync {} again", rulebook.say(&object));
    let action = Action { verb: Verb::Sync { application: object }, text, span: found.span };
    let causes = vec![cause];
    let Next { standing, intents, settle } = sync_again(ctx, unit, &action, &causes, failed.revisions);
    verdict.wake = [wake, ctx.wake()].into_iter().flatten().min();
    (verdict.standing, verdict.intents, verdict.settle, verdict.causes) = (standing, intents, settle, causes);
    Some(verdict)
}

/// A wave that was open when the rule was first loaded has opened for something else.
fn is_baseline(ctx: &Context<'_>, opened: Timestamp) -> bool {
    let loaded = ctx.world.state.loaded(event_item(ctx.rulebook, ctx.rule, REOPEN));
    !ctx.rule.modifiers.catch_up && loaded.is_none_or(|loaded| opened <= loaded)
}

fn cause(
    rulebook: &Rulebook,
    gate: &Gate,
    object: &crate::rulebook::ObjectRef,
    row: &Row,
    failed: &FailedSync,
    opened: Option<Timestamp>,
) -> Cause {
    let revision = failed.revisions.join(",");
    Cause {
        object: object.clone(),
        uid: row.uid.clone(),
        id: format!("{REOPEN}/{}/{revision}/{}", row.uid, failed.finished),
        text: format!(
            "wave {} opened after the sync of {} to {} had failed",
            gate.wave,
            rulebook.say(object),
            revision.chars().take(40).collect::<String>()
        ),
        time: opened,
        timeless: opened.is_none(),
        outcome: None,
        earlier: Vec::new(),
    }
}

/// A block that is open now: by what it was held, and since when it is open.
struct Held<'a> {
    rulebook: &'a Rulebook,
    world: &'a World,
    rule: &'a Rule,
    app: &'a AppName,
    now: Timestamp,
}

impl Held<'_> {
    /// Whether more than health must have held it: the same question that `graph` answers from manifests, asked of live objects.
    fn by_hook(&self, test: &Test, must: bool) -> bool {
        match test {
            Test::All(parts) => parts.iter().any(|part| self.by_hook(part, must)),
            Test::Any(_) | Test::Not(_) | Test::Later(..) | Test::Expr(_) => true,
            Test::Term(index) => self.rule.terms.get(*index).is_none_or(|term| self.term_by_hook(term) || !must),
        }
    }

    fn term_by_hook(&self, term: &Term) -> bool {
        let plain = matches!(term.predicate, Predicate::Succeeds | Predicate::HasSucceeded | Predicate::Healthy);
        let runs_of_its_own = |filter: &Filter| matches!(filter, Filter::Owner(..) | Filter::Series(..));
        let kind = self.rulebook.kind(term.source.kind);
        let application = kind.is_some_and(|kind| &*kind.group == "argoproj.io" && &*kind.kind == "Application");
        if !plain || term.lasting.is_some() || application || term.source.filters.iter().any(runs_of_its_own) {
            return true;
        }
        let foreign = |row: &Row| !belongs(row, self.app);
        match &term.source.object {
            Some(object) => self.world.get(object).is_none_or(|entry| foreign(&entry.row)),
            None => members(self.rulebook, self.world, &term.source).any(|(_, entry)| foreign(&entry.row)),
        }
    }

    /// For each match of `any` for which the condition holds, or for the rule as a whole.
    fn holding(&self) -> Vec<Option<crate::rulebook::ObjectRef>> {
        let any = self.rule.terms.iter().find(|term| term.source.quantifier == Quantifier::Any);
        let Some(any) = any else { return vec![None] };
        let all = matches_of(self.rulebook, self.world, any).into_iter().map(Some);
        all.filter(|member| self.context(member.as_ref()).test(&self.rule.when, &mut Vec::new()) == Truth::True)
            .collect()
    }

    fn context<'c>(&'c self, member: Option<&'c crate::rulebook::ObjectRef>) -> Context<'c> {
        Context::new(self.rulebook, self.world, self.rule, member, self.now)
    }

    /// Whether it may have opened after a time; what has no time may have.
    fn opened_after(&self, time: Timestamp) -> bool {
        self.holding().iter().all(|member| {
            let ctx = self.context(member.as_ref());
            came_after(&ctx, &self.rule.when, time)
        })
    }

    /// When the last of what it asks for came about, as far as that is known.
    fn opened(&self) -> Option<Timestamp> {
        let times = self.holding().into_iter().filter_map(|member| {
            let ctx = self.context(member.as_ref());
            let terms = self.rule.terms.iter().filter(|term| ctx.term(term).truth == Truth::True);
            terms.filter_map(|term| since(&ctx, term)).max()
        });
        times.min()
    }
}

/// Times have whole seconds: what came about in the second in which the sync began may have come after.
fn came_after(ctx: &Context<'_>, test: &Test, time: Timestamp) -> bool {
    match test {
        Test::All(parts) => parts.iter().any(|part| came_after(ctx, part, time)),
        Test::Any(parts) => {
            let mut holding = parts.iter().filter(|part| ctx.test(part, &mut Vec::<Reason>::new()) == Truth::True);
            holding.all(|part| came_after(ctx, part, time))
        }
        Test::Not(_) => true,
        Test::Term(index) => {
            let began = ctx.rule.terms.get(*index).and_then(|term| since(ctx, term));
            began.is_none_or(|began| began >= time)
        }
        Test::Later(_, second) => {
            let ended = ctx.rule.terms.get(*second).and_then(|term| since(ctx, term));
            ended.is_none_or(|ended| ended >= time)
        }
        Test::Expr(expr) => expr_came_after(ctx, expr, time),
    }
}

/// What is read of a run that has ended has been so since then; of anything else it is not known.
fn expr_came_after(ctx: &Context<'_>, expr: &ExprTest, time: Timestamp) -> bool {
    let ended = |slot: usize| {
        let VarFrom::Term(index) = &ctx.rule.vars.get(slot)?.from else { return None };
        let object = ctx.rule.terms.get(*index).and_then(|term| ctx.object(term))?;
        ctx.world.get(object)?.run.as_ref()?.ended
    };
    expr.program.paths().iter().any(|path| ended(path.slot).is_none_or(|ended| ended >= time))
}

/// Since when a term that holds does so.
fn since(ctx: &Context<'_>, term: &Term) -> Option<Timestamp> {
    let event = matches!(
        term.predicate,
        Predicate::Succeeds | Predicate::HasSucceeded | Predicate::Fails | Predicate::HasFailed
    );
    if term.source.quantifier == Quantifier::Every {
        let all = members(ctx.rulebook, ctx.world, &term.source);
        return all.map(|(_, entry)| if event { entry.run.as_ref()?.ended } else { entry.since }).max().flatten();
    }
    let object = ctx.object(term)?;
    let began = match ctx.world.get(object) {
        Some(entry) if event => entry.run.as_ref()?.ended,
        _ => ctx.term(term).episode.and_then(|(_, _, began)| began),
    };
    began.map(|began| later(began, term.lasting.unwrap_or_default()))
}
