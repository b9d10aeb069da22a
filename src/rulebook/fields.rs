//! What facts must keep of each kind, so that every rule reads the same from a projected object as from the whole one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Filter, HealthRule, Honour, KindIx, Rule, Rulebook, Selection, Test, VarFrom, Verb};
use crate::expr::{PathStep, Projection, ReadPath};
use crate::facts::KindFields;

/// Rules on live objects. Source: jupyter-notebook-validator-operator, `internal/controller/argocd`.
const ON_SUCCESS_TRIGGER: &str = "mlops.dev/on-success-trigger";
/// As above.
const BLOCK_WAVE: &str = "mlops.dev/block-wave";

/// Annotations that are read of every kind: whether it is a hook. Waves and tracking-ids become fields of the row.
const ALWAYS: &[&str] = &["argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy", "helm.sh/hook"];

/// Annotations of objects that run to completion: rules, the record of waves, and the mark that the job's own operator acts on them.
const OF_RUNS: &[&str] =
    &[ON_SUCCESS_TRIGGER, BLOCK_WAVE, "mlops.dev/wave-complete", "mlops.dev/wave-failed", "mlops.dev/completion-time"];

/// Annotations of an Application.
const OF_APPLICATIONS: &[&str] = &[
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/refresh-timestamp",
    "mlops.dev/notebook-status",
    "mlops.dev/notebook-summary",
];

/// Fields of every object: age and deletion, and what kstatus reads.
const OF_ALL: &[&[&str]] = &[&["metadata", "deletionTimestamp"]];
const OF_KSTATUS: &[&[&str]] = &[&["metadata", "generation"], &["status", "observedGeneration"]];
/// What kstatus reads of conditions, and where a run without a completion says when it ended.
const OF_CONDITIONS: &[&str] = &["type", "status", "message"];
/// As above.
const OF_RUN_CONDITIONS: &[&str] = &["type", "status", "lastTransitionTime"];
/// Where it matters since when an object is in its state: whether it changed while nobody looked.
const OF_EPISODES: &[&str] = &["lastTransitionTime"];
/// What an Event about a notebook says.
const OF_NOTEBOOKS: &[&[&str]] =
    &[&["status", "message"], &["status", "retryCount"], &["status", "buildStatus", "message"]];
/// What a sync needs to know.
const OF_SYNCS: &[&[&str]] = &[
    &["status", "health", "status"],
    &["status", "sync", "status"],
    &["status", "reconciledAt"],
    &["status", "operationState", "phase"],
    &["status", "operationState", "finishedAt"],
    &["status", "operationState", "syncResult", "revision"],
    &["spec", "syncPolicy"],
];
/// What tells a sync that failed because of a hook, or because the admission policy refused something (the message): it is done again when
/// the wave that held it opens.
const OF_FAILED_SYNCS: &[&[&str]] = &[
    &["status", "operationState", "startedAt"],
    &["status", "operationState", "message"],
    &["status", "operationState", "syncResult", "revisions"],
];
/// As above, of each resource of the sync.
const OF_HOOKS: &[&str] = &["hookType", "hookPhase"];
/// What an Application says of each of its resources, where a rule asks for all members of a wave or an application.
const OF_LISTED: &[&str] = &["group", "kind", "namespace", "name", "syncWave", "hook", "requiresPruning"];
/// How the pods of a Deployment or StatefulSet are found.
const OF_PODS: &[&[&str]] = &[&["spec", "selector"]];

/// Per kind that the rules use.
pub(super) fn fields(rulebook: &Rulebook) -> BTreeMap<KindIx, KindFields> {
    let mut fields = Fields { rulebook, kinds: BTreeMap::new() };
    for rule in &rulebook.rules {
        fields.rule(rule);
    }
    for model in &rulebook.models {
        let objects = model.steps.iter().map(|(_, step)| step).chain([&model.served_by]);
        objects.for_each(|object| {
            fields.kind(object.kind);
        });
    }
    for report in &rulebook.reports {
        fields.selection(&report.source);
        fields.type_named("argoproj.io", "Application");
    }
    fields.annotated();
    if rulebook.rules.iter().any(|rule| !rule.blocks.is_empty()) {
        fields.type_named("argoproj.io", "Application");
        if let Some(kind) = rulebook.kind_by_type("argoproj.io", "Application") {
            let projection = &mut fields.kind(kind).projection;
            add(projection, OF_FAILED_SYNCS);
            add_each(projection, &["status", "operationState", "syncResult", "resources"], OF_HOOKS);
        }
    }
    fields.kinds
}

struct Fields<'r> {
    rulebook: &'r Rulebook,
    kinds: BTreeMap<KindIx, KindFields>,
}

impl Fields<'_> {
    /// The fields of a kind, with what is always kept of it.
    fn kind(&mut self, ix: KindIx) -> &mut KindFields {
        let rulebook = self.rulebook;
        self.kinds.entry(ix).or_insert_with(|| basics(rulebook, ix))
    }

    fn type_named(&mut self, group: &str, kind: &str) {
        if let Some(ix) = self.rulebook.kind_by_type(group, kind) {
            self.kind(ix);
        }
    }

    /// Annotations may be rules on any notebook, and on the other kinds that run to completion which the rules use anyway; what they
    /// may restart, sync or refresh is then read too.
    fn annotated(&mut self) {
        if self.rulebook.honour == Honour::Never {
            return;
        }
        self.type_named("mlops.mlops.dev", "NotebookValidationJob");
        for (group, kind) in super::annotations::TARGETS {
            self.type_named(group, kind);
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let alone = rule.alternatives.iter().any(|alternative| alternative.events.is_empty());
        for term in &rule.terms {
            self.selection(&term.source);
            if alone || term.lasting.is_some() {
                add_each(&mut self.kind(term.source.kind).projection, &["status", "conditions"], OF_EPISODES);
            }
        }
        let slots: Vec<Option<KindIx>> = rule
            .vars
            .iter()
            .map(|var| match &var.from {
                VarFrom::Term(term) => rule.terms.get(*term).map(|term| term.source.kind),
                VarFrom::Target(object) => Some(object.kind),
            })
            .collect();
        self.test(&rule.when, &slots);
        for action in rule.then.iter().chain(&rule.otherwise) {
            self.verb(&action.verb, &slots);
        }
    }

    fn selection(&mut self, selection: &Selection) {
        let fields = self.kind(selection.kind);
        for filter in &selection.filters {
            match filter {
                Filter::Label(key, _) | Filter::Series(key, _) => {
                    fields.labels.insert(key.clone());
                }
                Filter::Where(program, _) => program.paths().iter().for_each(|path| fields.projection.add(path)),
                Filter::Wave(_) | Filter::Application(_) | Filter::Owner(..) => {}
            }
        }
        let application = self.rulebook.kind_by_type("argoproj.io", "Application");
        if let Some(kind) = application.filter(|_| selection.is_listed()) {
            add_each(&mut self.kind(kind).projection, &["status", "resources"], OF_LISTED);
        }
    }

    fn test(&mut self, test: &Test, slots: &[Option<KindIx>]) {
        match test {
            Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|t| self.test(t, slots)),
            Test::Not(inner) => self.test(inner, slots),
            Test::Expr(expr) => self.paths(&expr.program.paths(), slots),
            Test::Term(_) | Test::Later(..) => {}
        }
    }

    fn paths(&mut self, paths: &[ReadPath], slots: &[Option<KindIx>]) {
        for path in paths {
            if let Some(kind) = slots.get(path.slot).copied().flatten() {
                self.kind(kind).projection.add(path);
            }
        }
    }

    fn verb(&mut self, verb: &Verb, slots: &[Option<KindIx>]) {
        let key_of = |kind: &Arc<str>| Arc::from(format!("tidegate.dev/notification.{kind}"));
        let (target, key, text) = match verb {
            Verb::Restart { target, by_deleting_pods } => {
                let fields = self.kind(target.kind);
                if *by_deleting_pods {
                    add(&mut fields.projection, OF_PODS);
                }
                return;
            }
            Verb::Sync { application } => (Some(application), None, None),
            Verb::Refresh { target, .. } => (Some(target), None, None),
            Verb::Annotate { target, key, value } => (Some(target), Some(key.clone()), Some(value)),
            Verb::Label { target, key, value } => {
                self.kind(target.kind).labels.insert(key.clone());
                (Some(target), None, Some(value))
            }
            Verb::Notify { kind, text, application } => (application.as_ref(), Some(key_of(kind)), Some(text)),
        };
        if let Some(target) = target {
            self.kind(target.kind).annotations.extend(key);
        }
        for program in text.into_iter().flat_map(|text| text.programs()) {
            self.paths(&program.paths(), slots);
        }
    }
}

/// What is kept of a kind whatever the rules ask.
fn basics(rulebook: &Rulebook, ix: KindIx) -> KindFields {
    let (path, key) = rulebook.record_of(ix);
    let own_path = path != ["metadata", "annotations"];
    let mut fields = KindFields {
        record_path: own_path.then(|| path.iter().map(|step| Arc::from(step.as_str())).collect()),
        record_key: Arc::from(key),
        annotations: keys(ALWAYS),
        ..KindFields::default()
    };
    add(&mut fields.projection, OF_ALL);
    let Some(kind) = rulebook.kind(ix) else {
        return fields;
    };
    fields.group = kind.group.clone();
    fields.kind = kind.kind.clone();
    match &kind.health {
        HealthRule::Kstatus => {
            add(&mut fields.projection, OF_KSTATUS);
            add_conditions(&mut fields.projection, OF_CONDITIONS);
        }
        HealthRule::Lines(lines) => {
            let of_lines = lines.iter().flat_map(|l| l.when.iter().chain(&l.since).chain(l.message.programs()));
            let programs = of_lines.chain(&kind.completion);
            programs.flat_map(|p| p.paths()).for_each(|path| fields.projection.add(&path));
        }
    }
    if kind.runs {
        fields.annotations.extend(keys(OF_RUNS));
        add_conditions(&mut fields.projection, OF_RUN_CONDITIONS);
        add(&mut fields.projection, &[&["status", "observedGeneration"]]);
    }
    match (&*kind.group, &*kind.kind) {
        ("mlops.mlops.dev", "NotebookValidationJob") => add(&mut fields.projection, OF_NOTEBOOKS),
        ("argoproj.io", "Application") => {
            fields.annotations.extend(keys(OF_APPLICATIONS));
            fields.annotations.insert(Arc::from(format!("tidegate.dev/gates.{}", rulebook.id)));
            add(&mut fields.projection, OF_SYNCS);
            // Whether an operation is there; what is in it does not matter.
            let steps = vec![PathStep::Field(Arc::from("operation"))];
            fields.projection.add(&ReadPath { slot: 0, steps, whole: false });
        }
        _ => {}
    }
    fields
}

fn add(projection: &mut Projection, paths: &[&[&str]]) {
    paths.iter().for_each(|path| projection.add_fields(path.iter().copied()));
}

fn add_conditions(projection: &mut Projection, fields: &[&str]) {
    add_each(projection, &["status", "conditions"], fields);
}

/// These fields of each element of a list.
fn add_each(projection: &mut Projection, list: &[&str], fields: &[&str]) {
    let step = |name: &str| PathStep::Field(Arc::from(name));
    for field in fields {
        let steps = list.iter().map(|name| step(name)).chain([PathStep::Each, step(field)]).collect();
        projection.add(&ReadPath { slot: 0, steps, whole: true });
    }
}

fn keys(keys: &[&str]) -> BTreeSet<Arc<str>> {
    keys.iter().map(|key| Arc::from(*key)).collect()
}
