//! The steps of a dry run as lines of a plan, stage by stage: alike sources together, and what needs several sources told once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::lines;
use super::model::{Effect, Step, Waiting, Wave};
use crate::engine::{self, DryRun, Stage, Supposition};
use crate::manifests::{Object, Phase, Platform};
use crate::rulebook::{ObjectRef, Outcome, Rulebook};
use crate::syntax::tree::Quantifier;

/// Runs with generated names come at their own time.
pub const AFTER_THE_SYNC: Stage = Stage { phase: 4, wave: 0 };

/// When a sync applies an object.
pub fn stage(object: &Object) -> Stage {
    let phase = match object.phase() {
        Some(Phase::PreSync) => 0,
        Some(Phase::Sync) | None => SYNC,
        Some(Phase::PostSync) => 2,
        Some(Phase::SyncFail) => 3,
    };
    Stage { phase, wave: i32::try_from(object.wave).unwrap_or(0) }
}

const SYNC: u8 = 1;

fn phase_name(stage: Stage) -> &'static str {
    match stage.phase {
        0 => Phase::PreSync.name(),
        SYNC => Phase::Sync.name(),
        2 => Phase::PostSync.name(),
        3 => Phase::SyncFail.name(),
        _ => "Runs",
    }
}

/// The stages in which something is supposed or held, in order.
pub fn waves(rulebook: &Rulebook, platform: &Platform, run: &DryRun) -> Vec<Wave> {
    let mut sizes: BTreeMap<Stage, usize> = BTreeMap::new();
    platform.objects.iter().for_each(|object| *sizes.entry(stage(object)).or_insert(0) += 1);
    let held = run.gates.iter().map(|gate| Stage { phase: SYNC, wave: gate.wave });
    let all: BTreeSet<Stage> = run.steps.iter().map(|step| step.stage).chain(held).collect();
    let wave = |stage: Stage| {
        let steps: Vec<&engine::Step> = run.steps.iter().filter(|step| step.stage == stage).collect();
        let named: BTreeSet<String> = steps.iter().map(|step| rulebook.say(&step.source)).collect();
        Wave {
            phase: phase_name(stage),
            wave: stage.wave,
            objects: sizes.get(&stage).copied().unwrap_or(0),
            named: named.into_iter().collect(),
            steps: grouped(rulebook, &steps),
        }
    };
    all.into_iter().map(wave).collect()
}

/// Steps that lead to the same for several sources are told once; so is what follows only when several have ended.
fn grouped(rulebook: &Rulebook, steps: &[&engine::Step]) -> Vec<Step> {
    let mut together: BTreeMap<(BTreeSet<ObjectRef>, String), (Step, BTreeSet<String>)> = BTreeMap::new();
    let mut groups: Vec<(String, Step)> = Vec::new();
    for step in steps {
        let mut alone = empty(rulebook, step);
        let mut marks = Vec::new();
        for effected in &step.effects {
            let needed = sources_of(effected, &step.source);
            let (line, mark) = (effect_line(rulebook, step, effected), signature(effected));
            if needed.len() < 2 {
                alone.effects.push(line);
                marks.push(mark);
                continue;
            }
            let (joint, seen) = joint(&mut together, rulebook, step, needed);
            if seen.insert(mark) {
                joint.effects.push(line);
            }
        }
        for gate in &step.opens {
            let needed = openers(rulebook, steps, step, gate);
            let opens = if needed.len() < 2 {
                &mut alone.opens
            } else {
                &mut joint(&mut together, rulebook, step, needed).0.opens
            };
            if !opens.contains(&gate.wave) {
                opens.push(gate.wave);
            }
        }
        if !is_empty(&alone) {
            join(&mut groups, alone, &marks);
        }
    }
    let mut lines: Vec<Step> = groups.into_iter().map(|(_, step)| step).collect();
    lines.extend(together.into_values().map(|(step, _)| step));
    lines.sort_by(|a, b| (a.together, &a.sources).cmp(&(b.together, &b.sources)));
    lines
}

/// Adds a step to the one that leads to the same, if there is one.
fn join(groups: &mut Vec<(String, Step)>, line: Step, marks: &[String]) {
    let waits: Vec<&str> = line.waits.iter().map(|wait| wait.rule.as_str()).collect();
    let (opens, holds) = (&line.opens, &line.holds);
    let key = format!("{} {:?} {:?} {marks:?} {opens:?} {holds:?} {waits:?}", line.supposed, line.checks, line.checked);
    match groups.iter_mut().find(|(other, _)| *other == key) {
        Some((_, group)) => {
            group.sources.extend(line.sources);
            group.effects.extend(line.effects.into_iter().filter(|effect| effect.rules.is_empty()));
        }
        None => groups.push((key, line)),
    }
}

type Together = BTreeMap<(BTreeSet<ObjectRef>, String), (Step, BTreeSet<String>)>;

/// The line of what follows once all of some sources have ended.
fn joint<'t>(
    together: &'t mut Together,
    rulebook: &Rulebook,
    step: &engine::Step,
    needed: BTreeSet<ObjectRef>,
) -> &'t mut (Step, BTreeSet<String>) {
    let key = format!("{:?}", step.supposition);
    let sources = needed.iter().map(|object| rulebook.say(object)).collect();
    together.entry((needed, key)).or_insert_with(|| {
        let line = Step { sources, together: true, waits: Vec::new(), holds: Vec::new(), ..empty(rulebook, step) };
        (line, BTreeSet::new())
    })
}

/// The objects whose runs an effect needs.
fn sources_of(effected: &engine::Effected, source: &ObjectRef) -> BTreeSet<ObjectRef> {
    let causes = effected.intent.firings.iter().flat_map(|firing| &firing.causes).map(|cause| cause.object.clone());
    let mut needed: BTreeSet<ObjectRef> = causes.collect();
    needed.insert(source.clone());
    if effected.intent.firings.is_empty() || effected.after > Duration::ZERO { BTreeSet::new() } else { needed }
}

/// The sources that all have to end for a gate to open: several, unless the rule has `or` or `any`.
fn openers(
    rulebook: &Rulebook,
    steps: &[&engine::Step],
    step: &engine::Step,
    gate: &engine::Gate,
) -> BTreeSet<ObjectRef> {
    let rule = rulebook.rules.iter().find(|rule| rule.name == gate.rule);
    let all = rule.is_some_and(|rule| {
        let any = rule.terms.iter().any(|term| term.source.quantifier == Quantifier::Any);
        rule.alternatives.len() < 2 && !any
    });
    if !all {
        return BTreeSet::new();
    }
    let opens = |other: &&&engine::Step| {
        other.supposition == step.supposition
            && other.opens.iter().any(|g| (&g.rule, g.wave) == (&gate.rule, gate.wave))
    };
    steps.iter().filter(opens).map(|other| other.source.clone()).collect()
}

fn is_empty(step: &Step) -> bool {
    step.effects.is_empty() && step.waits.is_empty() && step.opens.is_empty() && step.holds.is_empty()
}

/// A step's line without what is done.
fn empty(rulebook: &Rulebook, step: &engine::Step) -> Step {
    let (supposed, checks) = match &step.supposition {
        Supposition::Ends(Outcome::Succeeded, checks) => ("succeeds".to_owned(), checks.as_ref()),
        Supposition::Ends(Outcome::Failed, checks) => ("fails".to_owned(), checks.as_ref()),
        Supposition::Becomes(status) => (format!("is {}", status.to_string().to_lowercase()), None),
    };
    let holds: BTreeSet<i32> = step.holds.iter().map(|gate| gate.wave).collect();
    let waits = step.waiting.iter().map(|(rule, waits_for)| Waiting {
        rule: rule.to_string(),
        waits_for: waits_for.clone(),
        deadline: None,
    });
    Step {
        sources: vec![rulebook.say(&step.source)],
        together: false,
        supposed,
        checks: checks.map(|checks| checks.hold),
        checked: checks.map(|checks| checks.what.iter().cloned().collect()).unwrap_or_default(),
        effects: Vec::new(),
        waits: waits.collect(),
        opens: Vec::new(),
        holds: holds.into_iter().collect(),
    }
}

fn effect_line(rulebook: &Rulebook, step: &engine::Step, effected: &engine::Effected) -> Effect {
    let mut line = lines::effect(rulebook, &effected.intent, &effected.writes, false);
    let restart = matches!(effected.intent.effect, engine::Effect::RollingRestart | engine::Effect::DeletePods { .. });
    if let Some(stage) = effected.target_stage.filter(|stage| restart && *stage > step.stage) {
        line.note = Some(format!("not on the first sync: wave {} creates it after this", stage.wave));
    }
    line.after_seconds = effected.after.as_secs();
    line
}

/// What must be equal for two effects to be told as one: everything but names.
fn signature(effected: &engine::Effected) -> String {
    let firings = effected.intent.firings.iter().map(|f| format!("{}/{:?}/{}", f.rule, f.branch, f.text));
    let own =
        effected.intent.firings.is_empty().then(|| format!("{:?}", std::mem::discriminant(&effected.intent.effect)));
    format!("{:?} {own:?} {:?}", firings.collect::<Vec<_>>(), effected.after)
}
