//! What the checks of this folder share: rules with the places of their actions, and the objects behind names.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Span;
use crate::lint::Subject;
use crate::manifests::{Object, Platform};
use crate::rulebook::{Action, ObjectRef, Origin, Outcome, Rule, Test, Verb};

/// An action of a rule.
#[derive(Clone, Copy)]
pub(super) struct Deed<'s> {
    pub rule: &'s Arc<Rule>,
    pub action: &'s Action,
    /// Where it is written: in the rule file, or the annotation.
    pub place: Span,
    /// It belongs to `then`, not to `else`.
    pub then: bool,
}

/// All rules: of the files, then those that annotations mean.
pub(super) fn rules<'s>(subject: &Subject<'s>) -> impl Iterator<Item = &'s Arc<Rule>> + use<'s> {
    subject.rulebook.rules.iter().chain(&subject.graph.annotated)
}

/// All actions.
pub(super) fn deeds<'s>(subject: &Subject<'s>) -> impl Iterator<Item = Deed<'s>> + use<'s> {
    let graph = subject.graph;
    rules(subject).flat_map(move |rule| {
        let annotated = is_annotated(rule).then(|| graph.rules.get(&rule.name).map(|note| note.place)).flatten();
        let branches = rule.then.iter().map(|action| (action, true));
        branches.chain(rule.otherwise.iter().map(|action| (action, false))).map(move |(action, then)| Deed {
            rule,
            action,
            place: annotated.unwrap_or(action.span),
            then,
        })
    })
}

/// Restarts whose target is among the manifests, each with it; `by deleting pods` left out.
pub(super) fn rolls<'s>(subject: &Subject<'s>) -> impl Iterator<Item = (Deed<'s>, &'s Object)> + use<'s> {
    let subject = *subject;
    deeds(&subject).filter_map(move |deed| match &deed.action.verb {
        Verb::Restart { target, by_deleting_pods: false } => Some((deed, object(&subject, target)?)),
        _ => None,
    })
}

/// It comes from an annotation of a manifest.
pub(super) fn is_annotated(rule: &Rule) -> bool {
    matches!(rule.origin, Origin::Annotation(_))
}

/// As a sentence names it: `rule reload`, `the annotation of notebook train`.
pub(super) fn name(subject: &Subject<'_>, rule: &Rule) -> String {
    match &rule.origin {
        Origin::Annotation(object) => format!("the annotation of {}", said(subject, object)),
        Origin::Model(model) => format!("model `{model}`"),
        Origin::File => format!("rule `{}`", rule.name),
    }
}

/// `notebook train`, without the default namespace.
pub(super) fn said(subject: &Subject<'_>, object: &ObjectRef) -> String {
    subject.graph.short(&subject.rulebook.say(object))
}

/// Where a rule begins.
pub(super) fn place(subject: &Subject<'_>, rule: &Rule) -> Span {
    subject.graph.rules.get(&rule.name).map_or(rule.span, |note| note.place)
}

/// The object of the manifests behind a name.
pub(super) fn object<'s>(subject: &Subject<'s>, named: &ObjectRef) -> Option<&'s Object> {
    let kind = subject.rulebook.kind(named.kind)?;
    subject.platform.find(&kind.group, &kind.kind, &named.namespace, &named.name)
}

/// The objects of a kind, in the order of namespace and name.
pub(super) fn of_kind<'p>(platform: &'p Platform, group: &str, kind: &str) -> &'p [Object] {
    let objects = platform.objects.as_slice();
    let from = objects.partition_point(|o| (&*o.group, &*o.kind) < (group, kind));
    let rest = objects.get(from..).unwrap_or_default();
    rest.get(..rest.partition_point(|o| (&*o.group, &*o.kind) == (group, kind))).unwrap_or_default()
}

/// The Application that applies an object, if it is among the manifests.
pub(super) fn application<'s>(subject: &Subject<'s>, object: &Object) -> Option<&'s Object> {
    let app = object.application.as_ref()?;
    let named = |o: &&Object| *o.name == *app.name && (app.namespace.is_empty() || o.namespace == app.namespace);
    let all = of_kind(subject.platform, "argoproj.io", "Application");
    // An Application without `metadata.namespace` lies wherever it is applied.
    all.iter().find(named).or_else(|| all.iter().find(|o| *o.name == *app.name))
}

/// What must all hold for a rule to act, as texts; none for a condition that has `or` at its top.
pub(super) fn conjuncts(rule: &Rule) -> Option<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    collect(rule, &rule.when, &mut texts).then_some(texts)
}

fn collect(rule: &Rule, test: &Test, texts: &mut BTreeSet<String>) -> bool {
    match test {
        Test::All(parts) => return parts.iter().all(|part| collect(rule, part, texts)),
        Test::Any(_) => return false,
        Test::Term(index) => {
            let Some(term) = rule.terms.get(*index) else { return false };
            texts.insert(match term.lasting {
                Some(lasting) => format!("{} for {}s", term.text, lasting.as_secs()),
                None => term.text.clone(),
            });
        }
        Test::Expr(expr) => {
            texts.insert(expr.text.clone());
        }
        Test::Later(first, later) => {
            texts.insert(format!("later {first} {later}"));
        }
        Test::Not(part) => {
            let mut inner = BTreeSet::new();
            if !collect(rule, part, &mut inner) {
                return false;
            }
            texts.insert(format!("not ({})", inner.into_iter().collect::<Vec<_>>().join(" and ")));
        }
    }
    true
}

/// The named runs whose success, and no other outcome, makes a rule act. Empty for rules that act on a state, on failure, or on one of many.
pub(super) fn awaited_runs(rule: &Rule) -> Vec<&ObjectRef> {
    let mut runs = Vec::new();
    for event in rule.alternatives.iter().flat_map(|alternative| &alternative.events) {
        match rule.terms.get(event.term).and_then(|term| term.source.object.as_ref()) {
            Some(object) if event.outcome == Outcome::Succeeded => runs.push(object),
            _ => return Vec::new(),
        }
    }
    runs
}
