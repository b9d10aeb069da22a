//! `emit rbac`: what the controller may do with these rules, and nothing else.
//!
//! What it does is written in `engine/write.rs` (patches, Events, deletions of pods), `cluster/watch.rs` (lists, watches),
//! `cluster/writer.rs` (a get after a conflict), `cluster/lease.rs` and `cluster/store.rs` (the lease, the state).

mod grants;
mod print;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::grants::{Grants, Scope};
use super::used::{actions, target};
use crate::diagnostic::{Sources, Span};
use crate::graph::means;
use crate::rulebook::{AppName, Honour, KindIx, ObjectRef, Origin, Rule, Rulebook, Selection, Verb};
use crate::syntax::tree::Quantifier;

const ARGO: &str = "argoproj.io";
/// Where Argo CD lives unless the rules say.
const ARGO_NAMESPACE: &str = "argocd";
/// What triggers in annotations may be about: group and Kind. Source: the notebook operator's `on-success-trigger`.
const TRIGGER_TARGETS: &[(&str, &str)] = &[
    ("serving.kserve.io", "InferenceService"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    (ARGO, "Application"),
];

/// What the controller is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it runs: lease and state are there, and its ServiceAccount.
    pub namespace: String,
    /// Its ServiceAccount.
    pub service_account: String,
    /// `run --watch-namespace`; none: all namespaces.
    pub watch_namespaces: Vec<String>,
    /// `run --admission`: the ConfigMap of held waves too.
    pub admission: bool,
    /// Rights for triggers in annotations of live objects too, in the namespaces that the rules name.
    pub triggers: bool,
}

/// Roles and their bindings as YAML, with a comment at each right that says which line of the rules needs it. Verbs and resources are
/// named one by one; there are no wildcards and no secrets. The same bytes for the same rules.
#[must_use]
pub fn rbac(rulebook: &Rulebook, sources: &Sources, options: &Options) -> String {
    print::print(&needs(rulebook, sources, options).finish(), rulebook, options)
}

/// One right, as small as rights come: the rules of all roles taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Where it holds; none: in the whole cluster.
    pub namespace: Option<String>,
    /// API group; empty for core.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
    /// The only object; none: all of them.
    pub name: Option<String>,
    /// What may be done.
    pub verb: &'static str,
}

/// What [`rbac`] would grant, right by right.
#[must_use]
pub fn rights(rulebook: &Rulebook, sources: &Sources, options: &Options) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for (scope, grants) in needs(rulebook, sources, options).finish() {
        let namespace = match scope {
            Scope::Cluster => None,
            Scope::Namespace(namespace) => Some(namespace),
        };
        for grant in grants {
            let names: Vec<Option<String>> = match grant.names.is_empty() {
                true => vec![None],
                false => grant.names.into_iter().map(Some).collect(),
            };
            for (name, verb) in names.iter().flat_map(|name| grant.verbs.iter().map(move |verb| (name, verb))) {
                rights.insert(Right {
                    namespace: namespace.clone(),
                    group: grant.group.clone(),
                    resource: grant.plural.clone(),
                    name: name.clone(),
                    verb,
                });
            }
        }
    }
    rights
}

fn needs(rulebook: &Rulebook, sources: &Sources, options: &Options) -> Grants {
    let mut needs = Needs { rulebook, sources, options, grants: Grants::default() };
    needs.own_objects();
    needs.reads();
    needs.rules();
    needs.marks_and_status();
    needs.triggers();
    needs.grants
}

struct Needs<'r> {
    rulebook: &'r Rulebook,
    sources: &'r Sources,
    options: &'r Options,
    grants: Grants,
}

impl Needs<'_> {
    /// The lease and the state. A `create` cannot be bound to a name.
    fn own_objects(&mut self) {
        let own = Scope::Namespace(self.options.namespace.clone());
        let id = &self.rulebook.id;
        let name = format!("tidegate-{id}");
        let leases = ("coordination.k8s.io", "leases");
        self.grants.add(&own, leases, &["create"], None, "the lease, once");
        self.grants.add(&own, leases, &["get", "update"], Some(&name), "the lease, by which one replica leads");
        let state = format!("tidegate-state-{id}");
        self.grants.add(&own, ("", "configmaps"), &["create"], None, "the state, once");
        self.grants.add(&own, ("", "configmaps"), &["get", "patch"], Some(&state), "the state");
        self.grants.add(&own, ("", "events"), &["create"], None, "Events on the state");
        if self.options.admission {
            let gates = format!("tidegate-gates-{id}");
            let verbs = &["get", "list", "watch", "patch"];
            self.grants.add(&own, ("", "configmaps"), verbs, Some(&gates), "the held waves, for the admission policy");
        }
    }

    /// Where it looks: everywhere, or in the namespaces that it is told.
    fn watched(&self) -> Vec<Scope> {
        if self.options.watch_namespaces.is_empty() {
            return vec![Scope::Cluster];
        }
        let given: BTreeSet<&String> = self.options.watch_namespaces.iter().collect();
        given.into_iter().map(|ns| Scope::Namespace(ns.clone())).collect()
    }

    fn resource(&self, kind: KindIx) -> Option<(String, String)> {
        self.rulebook.kind(kind).map(|k| (k.group.to_string(), k.plural.to_string()))
    }

    fn is_namespaced(&self, kind: KindIx) -> bool {
        self.rulebook.kind(kind).is_none_or(|k| k.namespaced)
    }

    fn reads(&mut self) {
        let why = self.why_read();
        for kind in self.rulebook.fields().into_keys() {
            let scopes = if self.is_namespaced(kind) { self.watched() } else { vec![Scope::Cluster] };
            let reasons: Vec<&String> = why.iter().filter(|(of, _)| *of == kind).map(|(_, why)| why).collect();
            for scope in scopes {
                if reasons.is_empty() {
                    let why = "annotations of live objects may name it (`honour annotations never` ends that)";
                    self.grant(&scope, kind, &["get", "list", "watch"], None, why);
                }
                for why in &reasons {
                    self.grant(&scope, kind, &["get", "list", "watch"], None, why);
                }
            }
        }
    }

    /// Each kind with the places that need it.
    fn why_read(&self) -> BTreeSet<(KindIx, String)> {
        let mut why = BTreeSet::new();
        let application = self.rulebook.kind_by_type(ARGO, "Application");
        for rule in &self.rulebook.rules {
            let place = self.rule(rule);
            why.extend(rule.terms.iter().map(|term| (term.source.kind, place.clone())));
            why.extend(actions(rule).filter_map(|a| target(&a.verb)).map(|object| (object.kind, place.clone())));
            if rule.terms.iter().any(|term| term.source.is_listed()) {
                why.extend(application.map(|kind| (kind, format!("the members that {place} asks for"))));
            }
        }
        for model in &self.rulebook.models {
            let place = format!("model {} ({})", model.name, self.place(model.span));
            why.extend(model.steps.iter().map(|(_, step)| (step.kind, place.clone())));
            why.insert((model.served_by.kind, place));
        }
        for report in &self.rulebook.reports {
            let place = format!("report ({})", self.place(report.span));
            why.insert((report.source.kind, place.clone()));
            why.extend(application.map(|kind| (kind, place)));
        }
        for rule in self.rulebook.rules.iter().filter(|rule| !rule.blocks.is_empty()) {
            why.extend(application.map(|kind| (kind, format!("block of {}", self.rule(rule)))));
        }
        why
    }

    fn rules(&mut self) {
        let rules = self.rulebook.rules.clone();
        for rule in &rules {
            let place = self.rule(rule);
            for (position, term) in rule.terms.iter().enumerate() {
                let mut events = rule.alternatives.iter().flat_map(|alternative| &alternative.events);
                self.source(&term.source, events.any(|event| event.term == position), &place);
            }
            for action in actions(rule) {
                self.action(&action.verb, &format!("{} in {place}", action.text), rule.modifiers.observe);
            }
            for block in &rule.blocks {
                let app = block.application.clone().or_else(|| self.rulebook.application.clone());
                self.application(app.as_ref(), &format!("shows `block wave {}` of {place}", block.wave));
                if self.options.admission || means(self.rulebook, None, rule, block).hook_wave().is_some() {
                    // A sync that failed with the hook, or that the policy refused something, is done again when the wave opens: the same patch, and an Event.
                    let home = app.map_or_else(|| self.argo_namespace(), |app| app.namespace.to_string());
                    let why = format!("syncs again when wave {} opens, for {place}", block.wave);
                    self.events(&Scope::Namespace(home), &why);
                }
            }
        }
    }

    /// Events on a target, and what changes it; nothing does under `observe`.
    fn action(&mut self, verb: &Verb, why: &str, observe: bool) {
        let Some(object) = target(verb) else { return };
        let scope = self.scope_of(object);
        self.events(&scope, why);
        match verb {
            _ if observe => {}
            Verb::Restart { by_deleting_pods: true, .. } => {
                self.grants.add(&scope, ("", "pods"), &["delete", "list"], None, why);
            }
            _ => self.grant(&scope, object.kind, &["patch"], Some(&object.name), why),
        }
    }

    fn scope_of(&self, object: &ObjectRef) -> Scope {
        if self.is_namespaced(object.kind) { Scope::Namespace(object.namespace.to_string()) } else { Scope::Cluster }
    }

    /// Where the objects of a selection are.
    fn scopes(&self, selection: &Selection) -> Vec<Scope> {
        match (&selection.object, &selection.namespace) {
            (Some(object), _) => vec![self.scope_of(object)],
            (None, Some(namespace)) => vec![Scope::Namespace(namespace.to_string())],
            (None, None) => self.watched(),
        }
    }

    /// Events on a source, and the record of its wave if the rule waits for its end.
    fn source(&mut self, source: &Selection, ends: bool, place: &str) {
        let runs = ends && self.rulebook.kind(source.kind).is_some_and(|kind| kind.runs);
        let name = source.object.as_ref().filter(|_| source.quantifier == Quantifier::One).map(|o| o.name.clone());
        for scope in self.scopes(source) {
            if runs {
                let why = format!("records that its wave is complete, for {place}");
                self.grant(&scope, source.kind, &["patch"], name.as_deref(), &why);
            }
            self.events(&scope, place);
        }
    }

    /// Every notebook that is seen gets an Event when it ends; the Applications, their counts.
    fn marks_and_status(&mut self) {
        for report in &self.rulebook.reports {
            self.application(
                Some(&report.application),
                &format!("the counts of a report ({})", self.place(report.span)),
            );
        }
        let notebook = self.rulebook.kind_by_type("mlops.mlops.dev", "NotebookValidationJob");
        let used = notebook.filter(|kind| self.why_read().iter().any(|(of, _)| of == kind));
        if used.is_none() {
            return;
        }
        for scope in self.watched() {
            self.events(&scope, "every notebook that ends gets one");
        }
        self.application(self.rulebook.application.clone().as_ref(), "the counts of its notebooks");
    }

    /// A patch of an Application; where it is known by its objects' tracking-id alone, of all in Argo CD's namespace.
    fn application(&mut self, app: Option<&AppName>, why: &str) {
        let Some(kind) = self.rulebook.kind_by_type(ARGO, "Application") else { return };
        match app {
            Some(app) => {
                let scope = Scope::Namespace(app.namespace.to_string());
                self.grant(&scope, kind, &["patch"], Some(&app.name), why);
            }
            None => {
                let why = format!("{why}; it is found by tracking-id (say `application NAME` to name it)");
                self.grant(&Scope::Namespace(self.argo_namespace()), kind, &["patch"], None, &why);
            }
        }
    }

    fn argo_namespace(&self) -> String {
        self.rulebook.application.as_ref().map_or(ARGO_NAMESPACE.to_owned(), |app| app.namespace.to_string())
    }

    /// Whoever may annotate a job may then change these, so it is asked for: by `allow triggers`, `honour annotations always` or a flag.
    fn triggers(&mut self) {
        let honour = self.rulebook.honour;
        let asked = self.options.triggers || honour == Honour::Always || !self.rulebook.allows.is_empty();
        if honour == Honour::Never || !asked {
            return;
        }
        let mut homes: BTreeSet<String> = self.options.watch_namespaces.iter().cloned().collect();
        if homes.is_empty() {
            homes.insert(self.rulebook.namespace.to_string());
            let rules = self.rulebook.rules.iter().flat_map(|rule| &rule.terms).map(|term| &term.source);
            let named = rules.filter_map(|s| s.object.as_ref().map(|o| &o.namespace).or(s.namespace.as_ref()));
            homes.extend(named.map(|ns| ns.to_string()));
        }
        let why = "triggers in annotations of live objects";
        let annotated: BTreeSet<String> =
            homes.iter().cloned().chain(self.rulebook.allows.iter().map(|(from, _)| from.to_string())).collect();
        let kinds = self.rulebook.fields().into_keys();
        for ix in kinds.filter(|ix| self.rulebook.kind(*ix).is_some_and(|kind| kind.runs)).collect::<Vec<_>>() {
            for namespace in &annotated {
                let why = "records that the wave of an annotated job is complete";
                self.grant(&Scope::Namespace(namespace.clone()), ix, &["patch"], None, why);
            }
        }
        homes.extend(self.rulebook.allows.iter().map(|(_, to)| to.to_string()));
        for (group, kind) in TRIGGER_TARGETS {
            let Some(ix) = self.rulebook.kind_by_type(group, kind) else { continue };
            let argo = BTreeSet::from([self.argo_namespace()]);
            for namespace in if *group == ARGO { &argo } else { &homes } {
                let scope = Scope::Namespace(namespace.clone());
                self.grant(&scope, ix, &["patch"], None, why);
                self.events(&scope, why);
            }
        }
    }

    fn grant(&mut self, scope: &Scope, kind: KindIx, verbs: &[&'static str], name: Option<&str>, why: &str) {
        if let Some((group, plural)) = self.resource(kind) {
            self.grants.add(scope, (&group, &plural), verbs, name, why);
        }
    }

    fn events(&mut self, scope: &Scope, why: &str) {
        self.grants.add(scope, ("", "events"), &["create"], None, &format!("Events: {why}"));
    }

    /// `rule reload (aiops.tide:8)`, or the sentence of a rule in one line.
    fn rule(&self, rule: &Rule) -> String {
        let place = self.place(rule.span);
        match &rule.origin {
            Origin::Model(model) => format!("model {model} ({place})"),
            _ => format!("rule {} ({place})", rule.name),
        }
    }

    /// `file:line`
    fn place(&self, span: Span) -> String {
        let name: Arc<str> = self.sources.get(span.file).map_or_else(|| Arc::from("?"), |source| source.name.clone());
        // A path of the machine that emits must not make the output differ.
        let name = name.rsplit('/').next().unwrap_or("?").to_owned();
        format!("{name}:{}", self.sources.position(span).0)
    }
}
