//! A plan over manifests: a dry run, and what no object among them can fulfil.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{Never, PLAN_VERSION, Plan};
use super::{lines, steps, supposed};
use crate::diagnostic::suggest::nearest;
use crate::engine::{self, Change, World, dry_run};
use crate::expr::Interner;
use crate::facts::{KindFields, Row};
use crate::graph::{BlockMeans, Graph, Means};
use crate::manifests::Platform;
use crate::rulebook::{Filter, KindIx, ObjectRef, Rule, Rulebook, Term};

/// Makes the plan.
pub fn plan(rulebook: &Arc<Rulebook>, platform: &Platform, graph: &Graph) -> Plan {
    let mut world = world(rulebook, platform);
    let supposed = supposed::add(rulebook, platform, &mut world);
    let never = never(rulebook, &world);
    let untold = untold(rulebook, &world);
    let run = dry_run(rulebook, world, &stages(rulebook, platform, &supposed));
    Plan {
        version: PLAN_VERSION,
        from: "manifests",
        rulebook: rulebook.id.to_string(),
        application: rulebook.application.as_ref().map(lines::app_text),
        namespace: rulebook.namespace.to_string(),
        objects: platform.objects.len(),
        assumed: supposed.iter().map(|object| rulebook.say(object)).collect(),
        gates: run.gates.iter().map(|gate| held(rulebook, gate, graph)).collect(),
        waves: steps::waves(rulebook, platform, &run),
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
fn held(rulebook: &Rulebook, gate: &engine::Gate, graph: &Graph) -> super::model::Gate {
    let means = graph.blocks.iter().find(|block| block.rule == gate.rule && block.wave == gate.wave);
    let needs = means.map(|means| checks_needed(rulebook, means)).filter(|kinds| !kinds.is_empty());
    let needs = needs.map(|kinds| {
        format!(
            "Argo CD has no health check for {}: without that of `tidegate emit argocd-cm` the wave passes",
            kinds.join(", ")
        )
    });
    super::model::Gate { means: means.map(BlockMeans::text), needs, ..lines::gate(gate) }
}

/// Kinds by whose health a block is held and that Argo CD has no health check for.
fn checks_needed(rulebook: &Rulebook, means: &BlockMeans) -> Vec<String> {
    let kinds = means.edges.iter().filter_map(|edge| match &edge.means {
        Means::Health { kind } => rulebook.kind_by_short(kind).and_then(|kind| rulebook.kind(kind)),
        _ => None,
    });
    let without = kinds.filter(|kind| !crate::emit::has_check(&kind.group, &kind.kind));
    without.map(|kind| kind.kind.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// When each object is applied.
fn stages(rulebook: &Rulebook, platform: &Platform, supposed: &[ObjectRef]) -> BTreeMap<ObjectRef, engine::Stage> {
    let applied = platform.objects.iter().filter_map(|object| {
        let kind = rulebook.kind_by_type(&object.group, &object.kind)?;
        let named = ObjectRef { kind, namespace: object.namespace.clone(), name: object.name.clone() };
        Some((named, steps::stage(object)))
    });
    let runs = supposed.iter().filter(|object| !is_application(rulebook, object.kind));
    applied.chain(runs.map(|object| (object.clone(), steps::AFTER_THE_SYNC))).collect()
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
