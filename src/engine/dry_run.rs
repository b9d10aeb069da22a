//! A dry run: the same engine, stepped through the waves of a platform that is known from manifests alone.
//!
//! Each source is supposed once to succeed and once to fail, each state that a rule asks about once to come; what the engine then
//! intends is the plan. Manifests have no history: everything counts as never used, and what an expression reads of a status that is not there is
//! supposed to be good, and once more not to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::cause::RunId;
use super::{
    Branch, Effect, Gate, Intent, Ledger, Listing, RuleId, Standing, State, Unit, Verdict, World, Write, later, writes,
};
use crate::expr::Truth;
use crate::rulebook::{HealthStatus, KindIx, ObjectRef, Outcome, Rulebook};
use crate::syntax::tree::Predicate;

/// Steps at most; what is beyond is counted, not shown.
pub const STEPS_MAX: usize = 5_000;
/// Rounds of one step, at most: each does one action of each unit.
const ROUNDS_MAX: usize = 64;

/// What a step supposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supposition {
    /// The source's run ends so; with what expressions that manifests cannot tell are taken to be, if the outcome depends on them.
    Ends(Outcome, Option<Checks>),
    /// The object comes to a state and stays in it.
    Becomes(HealthStatus),
}

/// Expressions that manifests cannot tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// What they are taken to be.
    pub hold: bool,
    /// As they stand in the rules.
    pub what: BTreeSet<String>,
}

/// Where in a sync an object is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stage {
    /// The phase's place in the order of phases.
    pub phase: u8,
    /// The wave.
    pub wave: i32,
}

/// One supposition and what follows.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whose run, or whose state.
    pub source: ObjectRef,
    /// When it is applied.
    pub stage: Stage,
    /// What is supposed of it.
    pub supposition: Supposition,
    /// What is done, in order.
    pub effects: Vec<Effected>,
    /// Rules that then wait for something else: name, for what.
    pub waiting: Vec<(Arc<str>, String)>,
    /// Gates that open by it.
    pub opens: Vec<Gate>,
    /// Gates that stay held because of it.
    pub holds: Vec<Gate>,
}

/// An intent, its writes, and how long after the source it comes (`else` of a `within`).
#[derive(Clone, Debug, PartialEq)]
pub struct Effected {
    /// What and why.
    pub intent: Intent,
    /// The requests.
    pub writes: Vec<Write>,
    /// Later than the source's end by this much.
    pub after: Duration,
    /// then or else; none for tidegate's own records.
    pub branch: Option<Branch>,
    /// When the object that is written to is applied.
    pub target_stage: Option<Stage>,
}

/// What a platform's manifests lead to.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Steps in order of waves.
    pub steps: Vec<Step>,
    /// The gates before anything has run.
    pub gates: Vec<Gate>,
    /// Sources that were left out beyond [`STEPS_MAX`].
    pub left_out: usize,
}

/// Steps the engine through the stages of a sync. The world holds the manifests' objects; their kinds count as listed. An object without
/// a stage counts as one without phase and wave.
#[must_use]
pub fn dry_run(rulebook: &Arc<Rulebook>, world: World, stages: &BTreeMap<ObjectRef, Stage>) -> DryRun {
    let start = Timestamp::UNIX_EPOCH;
    let mut ledger = at_rest(rulebook, world);
    ledger.tick(start);
    let gates = ledger.gates().cloned().collect();
    let now = later(start, Duration::from_secs(3600));
    let mut run = Run { ledger, stages, now, steps: Vec::new(), left_out: 0, runs: 0 };
    let sources = run.sources();
    let all: BTreeSet<Stage> = sources.iter().map(|(stage, _)| *stage).collect();
    for stage in all {
        let here: Vec<&ObjectRef> = sources.iter().filter(|(s, _)| *s == stage).map(|(_, object)| object).collect();
        here.iter().for_each(|object| run.end(object, Some(Outcome::Succeeded)));
        here.iter().for_each(|object| run.step(object, stage));
        run.now = later(run.now, Duration::from_secs(3600));
    }
    run.states();
    DryRun { steps: run.steps, gates, left_out: run.left_out }
}

/// The engine over manifests before anything has run.
#[must_use]
pub fn at_rest(rulebook: &Arc<Rulebook>, mut world: World) -> Ledger {
    let kinds: Vec<KindIx> = rulebook.fields().into_keys().chain(world.kinds()).collect();
    for kind in kinds {
        world.set_listing(kind, Listing::Listed);
    }
    suppose_at_rest(rulebook, &mut world);
    Ledger::over(rulebook.clone(), world)
}

/// Before anything has run: runs have not ended, everything else is healthy.
fn suppose_at_rest(rulebook: &Rulebook, world: &mut World) {
    let kinds: Vec<KindIx> = world.kinds().collect();
    for kind in kinds {
        let runs = rulebook.kind(kind).is_some_and(|kind| kind.runs);
        let status = if runs { HealthStatus::Progressing } else { HealthStatus::Healthy };
        let objects: Vec<ObjectRef> = world.rows(kind).map(|entry| object_of(kind, entry)).collect();
        objects.iter().for_each(|object| world.assert(object, status, None, None));
    }
}

fn object_of(kind: KindIx, entry: &super::Entry) -> ObjectRef {
    ObjectRef { kind, namespace: entry.row.namespace.clone(), name: entry.row.name.clone() }
}

struct Run<'s> {
    ledger: Ledger,
    stages: &'s BTreeMap<ObjectRef, Stage>,
    now: Timestamp,
    steps: Vec<Step>,
    left_out: usize,
    runs: u64,
}

impl Run<'_> {
    fn stage(&self, object: &ObjectRef) -> Stage {
        self.stages.get(object).copied().unwrap_or_default()
    }

    /// Every object whose run a rule waits for or asks about, and every notebook, whose end is recorded; with its stage.
    fn sources(&self) -> BTreeSet<(Stage, ObjectRef)> {
        let (world, mut sources) = (self.ledger.world(), BTreeSet::new());
        let notebooks = super::notebook_kind(self.ledger.rulebook());
        for kind in world.kinds() {
            for entry in world.rows(kind) {
                let object = object_of(kind, entry);
                if notebooks == Some(kind) || self.ledger.is_source(&object) || self.asks_about_run(&object) {
                    sources.insert((self.stage(&object), object));
                }
            }
        }
        sources
    }

    /// Whether a rule has `X has succeeded` or `X has failed` of this object.
    fn asks_about_run(&self, object: &ObjectRef) -> bool {
        let (rulebook, world) = (self.ledger.rulebook(), self.ledger.world());
        self.ledger.units_about(object).iter().any(|unit| {
            super::rule_of(rulebook, world, &unit.rule).is_some_and(|rule| self.has_ended_in(&rule, object))
        })
    }

    fn has_ended_in(&self, rule: &crate::rulebook::Rule, object: &ObjectRef) -> bool {
        let (rulebook, world) = (self.ledger.rulebook(), self.ledger.world());
        let row = world.get(object).map(|entry| &entry.row);
        rule.terms.iter().filter(|term| term.source.kind == object.kind).any(|term| {
            matches!(term.predicate, Predicate::HasSucceeded | Predicate::HasFailed)
                && match &term.source.object {
                    Some(named) => named == object,
                    None => row.is_some_and(|row| super::matches(rulebook, &term.source, row)),
                }
        })
    }

    fn end(&mut self, object: &ObjectRef, outcome: Option<Outcome>) {
        let status = match outcome {
            Some(Outcome::Succeeded) => HealthStatus::Healthy,
            Some(Outcome::Failed) => HealthStatus::Degraded,
            None => HealthStatus::Progressing,
        };
        let uid = self.ledger.world().get(object).map(|entry| entry.row.uid.clone()).unwrap_or_default();
        // Each supposed run is another one, so that no step uses up the cause of the next.
        self.runs += 1;
        let completion = Arc::from(self.runs.to_string());
        let ended = Some(self.now);
        let run = outcome.map(|outcome| RunId { uid, outcome, completion, ended, created: None, before: None });
        self.ledger.suppose(object, status, None, run);
    }

    fn step(&mut self, source: &ObjectRef, stage: Stage) {
        if self.steps.len() >= STEPS_MAX {
            self.left_out += 1;
            return;
        }
        self.end(source, None);
        let before = self.gates();
        self.end(source, Some(Outcome::Succeeded));
        let (good, assumed) = self.play(source, Some(true));
        let bad = (!assumed.is_empty()).then(|| self.play(source, Some(false)).0).filter(|bad| !good.same(bad));
        let succeeded = |checks| Supposition::Ends(Outcome::Succeeded, checks);
        let what = |hold| bad.is_some().then(|| Checks { hold, what: assumed.clone() });
        let (holding, failing) = (what(true), what(false));
        self.push(source, stage, succeeded(holding), good, &before);
        if let Some(bad) = bad {
            self.push(source, stage, succeeded(failing), bad, &before);
        }
        self.end(source, Some(Outcome::Failed));
        let (failed, _) = self.play(source, Some(true));
        self.push(source, stage, Supposition::Ends(Outcome::Failed, None), failed, &before);
        self.end(source, Some(Outcome::Succeeded));
    }

    fn push(&mut self, source: &ObjectRef, stage: Stage, supposition: Supposition, played: Played, before: &[Gate]) {
        let was =
            |gate: &&Gate| before.iter().any(|b| b.rule == gate.rule && b.wave == gate.wave && b.open != Truth::True);
        let about = self.rules_about(source);
        let now_open = played.gates.iter().filter(|gate| gate.open == Truth::True).filter(was);
        let held = played.gates.iter().filter(|gate| gate.open != Truth::True && about.contains(&gate.rule));
        self.steps.push(Step {
            source: source.clone(),
            stage,
            opens: now_open.cloned().collect(),
            holds: held.cloned().collect(),
            supposition,
            effects: played.effects,
            waiting: played.waiting,
        });
    }

    fn rules_about(&self, object: &ObjectRef) -> BTreeSet<Arc<str>> {
        let units = self.ledger.units_about(object);
        let rules =
            units.iter().filter_map(|unit| super::rule_of(self.ledger.rulebook(), self.ledger.world(), &unit.rule));
        rules.map(|rule| rule.name.clone()).collect()
    }

    fn gates(&mut self) -> Vec<Gate> {
        self.ledger.tick(self.now);
        self.ledger.gates().cloned().collect()
    }

    /// Lets the engine act on one source until it rests, then puts everything back. Also says which expressions were assumed.
    fn play(&mut self, source: &ObjectRef, assume: Option<bool>) -> (Played, BTreeSet<String>) {
        let state = self.ledger.world().state.clone();
        self.ledger.world_mut().assume = assume;
        self.ledger.look_at(source);
        let mut played = Played::default();
        let about = self.ledger.units_about(source);
        self.ledger.tick(self.now);
        let verdicts: Vec<Verdict> = about.iter().filter_map(|unit| self.ledger.verdict(unit, self.now)).collect();
        let reasons = verdicts.iter().filter(|verdict| !verdict.causes.is_empty()).flat_map(|verdict| &verdict.reasons);
        let assumed = reasons.filter(|reason| reason.why.starts_with("assumed")).map(|reason| reason.what.clone());
        let assumed = assumed.collect();
        played.gates = self.ledger.gates().cloned().collect();
        self.rounds(source, self.now, Duration::ZERO, &mut played);
        self.lasting(source, &about, &mut played);
        played.waiting = self.waiting(&about, source);
        self.closed_windows(source, &about, &mut played);
        self.ledger.world_mut().assume = None;
        self.ledger.restore(state, source);
        (played, assumed)
    }

    fn rounds(&mut self, source: &ObjectRef, now: Timestamp, after: Duration, played: &mut Played) {
        for _ in 0..ROUNDS_MAX {
            let intents = self.ledger.tick(now).intents;
            let mut acted = false;
            for intent in intents {
                // What else is due belongs to another step.
                let mut here = intent.clone();
                here.firings.retain(|firing| self.is_caused(firing, source));
                let status = matches!(intent.effect, Effect::Status(_));
                let own = intent.firings.is_empty() && (status || intent.target == *source);
                if own || !here.firings.is_empty() {
                    self.take(&here, after, played);
                    acted = true;
                }
                self.ledger.sent(&intent);
                self.ledger.done(&intent, now);
                self.ledger.forget_intervals();
            }
            if !acted {
                break;
            }
        }
    }

    /// By the source's run, or by another's that had to wait for the source's end.
    fn is_caused(&self, firing: &super::Firing, source: &ObjectRef) -> bool {
        if firing.causes.iter().any(|cause| cause.object == *source) {
            return true;
        }
        let rule = self.ledger.rulebook().rules.iter().find(|rule| rule.name == firing.rule);
        rule.is_some_and(|rule| self.has_ended_in(rule, source))
    }

    fn take(&self, intent: &Intent, after: Duration, played: &mut Played) {
        let told = match &intent.effect {
            Effect::Event(draft) => draft.notification.is_some() || draft.reason == "DeadlineExpired",
            _ => true,
        };
        let status = matches!(intent.effect, Effect::Status(_));
        let known = played.effects.iter().any(|e| {
            e.intent.key() == intent.key()
                && (e.intent.effect == intent.effect || (status && e.intent.firings.is_empty()))
        });
        if told && !known {
            let branch = intent.firings.first().map(|firing| firing.branch);
            let writes = writes(self.ledger.rulebook(), self.ledger.world(), intent);
            let target_stage = self.stages.get(&intent.target).copied();
            played.effects.push(Effected { intent: intent.clone(), writes, after, branch, target_stage });
        }
    }

    fn waiting(&self, about: &BTreeSet<Unit>, source: &ObjectRef) -> Vec<(Arc<str>, String)> {
        let verdicts = about.iter().filter_map(|unit| self.ledger.verdict(unit, self.now));
        let caused = verdicts.filter(|verdict| verdict.causes.iter().any(|cause| cause.object == *source));
        let waits = caused.filter_map(|verdict| match &verdict.standing {
            Standing::Waiting(what) => Some((verdict.rule.name.clone(), what.clone())),
            _ => None,
        });
        waits.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What happens when a state has lasted as long as `for` asks.
    fn lasting(&mut self, source: &ObjectRef, about: &BTreeSet<Unit>, played: &mut Played) {
        let rules =
            about.iter().filter_map(|unit| super::rule_of(self.ledger.rulebook(), self.ledger.world(), &unit.rule));
        let times = rules.flat_map(|rule| rule.terms.iter().filter_map(|term| term.lasting).collect::<Vec<_>>());
        for time in times.collect::<BTreeSet<Duration>>() {
            self.rounds(source, later(self.now, time), time, played);
        }
    }

    /// What happens when a window closes before the rest has come.
    fn closed_windows(&mut self, source: &ObjectRef, about: &BTreeSet<Unit>, played: &mut Played) {
        let verdicts: Vec<Verdict> = about.iter().filter_map(|unit| self.ledger.verdict(unit, self.now)).collect();
        let windows: BTreeSet<Duration> = verdicts
            .iter()
            .filter(|verdict| matches!(verdict.standing, Standing::Waiting(_)))
            .filter(|verdict| verdict.causes.iter().any(|cause| cause.object == *source))
            .filter_map(|verdict| verdict.rule.within)
            .collect();
        for window in windows {
            self.rounds(source, later(self.now, window), window, played);
        }
    }

    /// Rules with states alone: each object that they ask about comes once to the state.
    fn states(&mut self) {
        let mut wanted: BTreeSet<(ObjectRef, HealthStatus)> = BTreeSet::new();
        for index in 0..self.ledger.rulebook().rules.len() {
            for unit in self.ledger.units_of(&RuleId::Book(index)) {
                wanted.extend(self.asked(&unit));
            }
        }
        for (object, status) in wanted {
            let Some(entry) = self.ledger.world().get(&object) else { continue };
            let was = entry.health.status;
            let stage = self.stage(&object);
            let before = self.gates();
            self.ledger.suppose(&object, status, Some(self.now), None);
            let (played, _) = self.play(&object, Some(true));
            self.push(&object, stage, Supposition::Becomes(status), played, &before);
            self.ledger.suppose(&object, was, None, None);
        }
    }

    fn asked(&self, unit: &Unit) -> Vec<(ObjectRef, HealthStatus)> {
        let rule = super::rule_of(self.ledger.rulebook(), self.ledger.world(), &unit.rule);
        let Some(rule) =
            rule.filter(|rule| rule.alternatives.get(unit.alternative).is_some_and(|a| a.events.is_empty()))
        else {
            return Vec::new();
        };
        let status = |predicate: Predicate| match predicate {
            Predicate::Degraded => Some(HealthStatus::Degraded),
            Predicate::Progressing => Some(HealthStatus::Progressing),
            Predicate::Suspended => Some(HealthStatus::Suspended),
            Predicate::Healthy => Some(HealthStatus::Healthy),
            _ => None,
        };
        let terms = rule.terms.iter();
        let object = |term: &crate::rulebook::Term| term.source.object.clone().or_else(|| unit.member.clone());
        terms.filter_map(|term| Some((object(term)?, status(term.predicate)?))).collect()
    }
}

#[derive(Default)]
struct Played {
    effects: Vec<Effected>,
    waiting: Vec<(Arc<str>, String)>,
    gates: Vec<Gate>,
}

impl Played {
    /// Whether the same follows, whatever the reasons.
    fn same(&self, other: &Played) -> bool {
        let gates = |played: &Played| played.gates.iter().map(|g| (g.rule.clone(), g.wave, g.open)).collect::<Vec<_>>();
        fn acts(played: &Played) -> impl Iterator<Item = &Effected> {
            played.effects.iter().filter(|effected| !effected.intent.firings.is_empty())
        }
        acts(self).eq(acts(other)) && self.waiting == other.waiting && gates(self) == gates(other)
    }
}

impl Ledger {
    /// Whether a rule, of a file or of an annotation, waits for this object's run.
    #[must_use]
    pub fn is_source(&self, object: &ObjectRef) -> bool {
        let Some(entry) = self.world().get(object) else { return false };
        let annotated = self.world().annotated(object).is_some_and(|annotated| !annotated.rules.is_empty());
        annotated || self.index().is_source(self.rulebook(), object, &entry.row)
    }

    /// Supposes that an object is in a state.
    fn suppose(&mut self, object: &ObjectRef, status: HealthStatus, since: Option<Timestamp>, run: Option<RunId>) {
        self.world_mut().assert(object, status, since, run);
        self.look_at(object);
    }

    /// Puts the state back as it was before a supposition.
    fn restore(&mut self, state: State, object: &ObjectRef) {
        self.world_mut().state = state;
        self.world_mut().attempts.clear();
        self.forget_told();
        self.look_at(object);
    }
}
