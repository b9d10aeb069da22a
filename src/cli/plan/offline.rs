//! A plan over manifests: a dry run, and what no object among them can fulfil.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::model::{Effect, Never, PLAN_VERSION, Plan, Step, Wave};
use super::{lines, supposed};
use crate::diagnostic::suggest::nearest;
use crate::engine::{self, Change, DryRun, Supposition, World, dry_run};
use crate::expr::Interner;
use crate::facts::{KindFields, Row};
use crate::graph::{BlockMeans, Graph};
use crate::manifests::Platform;
use crate::rulebook::{Filter, KindIx, ObjectRef, Outcome, Rule, Rulebook, Term};

/// Makes the plan.
pub fn plan(rulebook: &Arc<Rulebook>, platform: &Platform, graph: &Graph) -> Plan {
    let mut world = world(rulebook, platform);
    let supposed = supposed::add(rulebook, platform, &mut world);
    let never = never(rulebook, &world);
    let untold = untold(rulebook, &world);
    let waves = wave_sizes(platform);
    let run = dry_run(rulebook, world);
    Plan {
        version: PLAN_VERSION,
        from: "manifests",
        rulebook: rulebook.id.to_string(),
        application: rulebook.application.as_ref().map(lines::app_text),
        namespace: rulebook.namespace.to_string(),
        objects: platform.objects.len(),
        assumed: supposed.iter().map(|object| rulebook.say(object)).collect(),
        gates: run.gates.iter().map(|gate| held(gate, graph)).collect(),
        waves: plan_waves(rulebook, &run, &waves),
        never,
        untold,
        ..Plan::default()
    }
}

/// The manifests' objects of the kinds that the rules know, as rows without history.
pub fn world(rulebook: &Rulebook, platform: &Platform) -> World {
    let fields = rulebook.fields();
    let mut interner = Interner::default();
    let mut world = World::default();
    for object in &platform.objects {
        let Some(kind) = rulebook.kind_by_type(&object.group, &object.kind) else { continue };
        let Some(keep) = fields.get(&kind) else { continue };
        let Some(row) = row(keep, object, &mut interner) else { continue };
        world.apply(rulebook, Change::Upsert(kind, Box::new(row)), jiff::Timestamp::UNIX_EPOCH);
    }
    world
}

fn row(keep: &KindFields, object: &crate::manifests::Object, interner: &mut Interner) -> Option<Row> {
    let mut row = Row::from_json(&object.value, keep, interner)?;
    row.uid = Arc::from(format!("{}/{}/{}", object.kind, row.namespace, row.name));
    row.wave = i32::try_from(object.wave).unwrap_or(row.wave);
    let app = object.application.as_ref();
    let namespace = app.map(|app| app.namespace.clone()).filter(|namespace| !namespace.is_empty());
    row.application = app.map(|app| (namespace, app.name.clone()));
    Some(row)
}

/// A gate with its means, as the graph of rules and manifests knows them.
fn held(gate: &engine::Gate, graph: &Graph) -> super::model::Gate {
    let means = graph.blocks.iter().find(|block| block.rule == gate.rule && block.wave == gate.wave);
    super::model::Gate { means: means.map(BlockMeans::text), ..lines::gate(gate) }
}

fn wave_sizes(platform: &Platform) -> BTreeMap<i32, usize> {
    let mut waves = BTreeMap::new();
    for object in &platform.objects {
        *waves.entry(i32::try_from(object.wave).unwrap_or(0)).or_insert(0) += 1;
    }
    waves
}

fn plan_waves(rulebook: &Rulebook, run: &DryRun, sizes: &BTreeMap<i32, usize>) -> Vec<Wave> {
    let held = run.gates.iter().map(|gate| gate.wave);
    let numbers: BTreeSet<i32> = run.steps.iter().map(|step| step.wave).chain(held).collect();
    let wave = |wave: i32| {
        let steps: Vec<&engine::Step> = run.steps.iter().filter(|step| step.wave == wave).collect();
        let named: BTreeSet<String> = steps.iter().map(|step| rulebook.say(&step.source)).collect();
        Wave {
            wave,
            objects: sizes.get(&wave).copied().unwrap_or(0),
            named: named.into_iter().collect(),
            steps: grouped(rulebook, &steps),
        }
    };
    numbers.into_iter().map(wave).collect()
}

/// Steps that lead to the same for several sources are told once.
fn grouped(rulebook: &Rulebook, steps: &[&engine::Step]) -> Vec<Step> {
    let mut groups: Vec<(String, Step)> = Vec::new();
    for step in steps {
        let line = step_line(rulebook, step);
        let key = signature(&line, step);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => {
                group.sources.extend(line.sources);
                group.effects.extend(line.effects.into_iter().filter(|effect| effect.rules.is_empty()));
            }
            None => groups.push((key, line)),
        }
    }
    groups.sort_by(|(_, a), (_, b)| a.sources.cmp(&b.sources));
    groups.into_iter().map(|(_, step)| step).collect()
}

fn step_line(rulebook: &Rulebook, step: &engine::Step) -> Step {
    let (supposed, checks) = match &step.supposition {
        Supposition::Ends(Outcome::Succeeded, checks) => ("succeeds".to_owned(), *checks),
        Supposition::Ends(Outcome::Failed, checks) => ("fails".to_owned(), *checks),
        Supposition::Becomes(status) => (format!("is {}", status.to_string().to_lowercase()), None),
    };
    let sorted =
        |gates: &[engine::Gate]| gates.iter().map(|gate| gate.wave).collect::<BTreeSet<i32>>().into_iter().collect();
    let waits = step.waiting.iter().map(|(rule, waits_for)| super::model::Waiting {
        rule: rule.to_string(),
        waits_for: waits_for.clone(),
        deadline: None,
    });
    Step {
        sources: vec![rulebook.say(&step.source)],
        supposed,
        checks,
        effects: step.effects.iter().map(|effected| effect_line(rulebook, step, effected)).collect(),
        waits: waits.collect(),
        opens: sorted(&step.opens),
        holds: sorted(&step.holds),
    }
}

fn effect_line(rulebook: &Rulebook, step: &engine::Step, effected: &engine::Effected) -> Effect {
    let mut line = lines::effect(rulebook, &effected.intent, &effected.writes, false);
    let restart = matches!(effected.intent.effect, engine::Effect::RollingRestart | engine::Effect::DeletePods { .. });
    if let Some(wave) = effected.target_wave.filter(|wave| restart && *wave > step.wave) {
        line.note = Some(format!("not on the first sync: wave {wave} creates it after this"));
    }
    line.after_seconds = effected.after.max(Duration::ZERO).as_secs();
    line
}

/// What must be equal for two sources to be told as one: everything but their names.
fn signature(line: &Step, step: &engine::Step) -> String {
    let effects = step.effects.iter().map(|effected| {
        let firings = effected.intent.firings.iter().map(|f| format!("{}/{:?}/{}", f.rule, f.branch, f.text));
        let own = effected
            .intent
            .firings
            .is_empty()
            .then(|| format!("{:?}", std::mem::discriminant(&effected.intent.effect)));
        format!("{:?} {:?} {:?}", firings.collect::<Vec<_>>(), own, effected.after)
    });
    let waits: Vec<&str> = line.waits.iter().map(|wait| wait.rule.as_str()).collect();
    format!(
        "{} {:?} {:?} {:?} {:?} {waits:?}",
        line.supposed,
        line.checks,
        effects.collect::<Vec<_>>(),
        line.opens,
        line.holds
    )
}

/// What a rule asks about or writes to and no manifest has.
fn never(rulebook: &Rulebook, world: &World) -> Vec<Never> {
    let mut never = BTreeSet::new();
    for rule in &rulebook.rules {
        for term in &rule.terms {
            never.extend(term_never(rulebook, world, rule, term));
        }
        for target in engine::targets(rule) {
            if world.get(target).is_none() && !is_application(rulebook, target.kind) {
                never.insert(absent(rulebook, world, rule, target));
            }
        }
    }
    never.into_iter().collect()
}

fn is_application(rulebook: &Rulebook, kind: KindIx) -> bool {
    rulebook.kind(kind).is_some_and(|kind| &*kind.kind == "Application")
}

fn term_never(rulebook: &Rulebook, world: &World, rule: &Rule, term: &Term) -> Option<Never> {
    if let Some(object) = &term.source.object {
        let known = world.get(object).is_some() || is_application(rulebook, object.kind);
        return (!known).then(|| absent(rulebook, world, rule, object));
    }
    let none = engine::members(rulebook, world, &term.source).next().is_none();
    let generated = |filter: &Filter| matches!(filter, Filter::Owner(..) | Filter::Series(..));
    let asked = |filter: &Filter| matches!(filter, Filter::Where(..));
    let filters = &term.source.filters;
    if !none || (filters.iter().any(generated) && filters.iter().any(asked)) {
        return None;
    }
    let what = match filters.iter().any(generated) {
        true => format!("`{}`: what makes these runs is not among the manifests", term.text),
        false => format!("`{}`: no object among the manifests matches", term.text),
    };
    Some(Never { rule: rule.name.to_string(), what, help: None })
}

/// Rules that only a run can fulfil whose `where` no manifest answers.
fn untold(rulebook: &Rulebook, world: &World) -> Vec<Never> {
    let open = |term: &&Term| {
        let filters = &term.source.filters;
        let generated = filters.iter().any(|f| matches!(f, Filter::Owner(..) | Filter::Series(..)));
        let asked = filters.iter().any(|f| matches!(f, Filter::Where(..)));
        generated && asked && engine::members(rulebook, world, &term.source).next().is_none()
    };
    let of = |rule: &Arc<Rule>| {
        let line = |term: &Term| Never {
            rule: rule.name.to_string(),
            what: format!("`{}`: only a run itself tells what `where` asks", term.text),
            help: None,
        };
        rule.terms.iter().filter(open).map(line).collect::<Vec<_>>()
    };
    rulebook.rules.iter().flat_map(of).collect()
}

fn absent(rulebook: &Rulebook, world: &World, rule: &Rule, object: &ObjectRef) -> Never {
    let here: Vec<Arc<str>> = world.rows(object.kind).map(|entry| entry.row.name.clone()).collect();
    let elsewhere = world.rows(object.kind).find(|entry| entry.row.name == object.name);
    let help = match elsewhere {
        Some(entry) => Some(format!("there is one in namespace `{}`", entry.row.namespace)),
        None => nearest(&object.name, here.iter().map(|name| &**name)).map(|name| format!("did you mean `{name}`?")),
    };
    let what = format!("`{}` is not among the manifests", rulebook.say(object));
    Never { rule: rule.name.to_string(), what, help }
}
