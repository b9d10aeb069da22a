//! Rules that bring about their own causes by syncs: a sync runs the application's hooks again, each with a new uid, and a hook's success is a new cause.
//! The same holds for what is deleted and made again at each sync (`Force=true,Replace=true`), and for rules that annotations mean.
//!
//! What rules alone tell about loops, the rulebook has refused already.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::build::{Builder, app_name};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::manifests::Object;
use crate::rulebook::{AppName, Origin, Rule, Verb};

/// Rules as nodes; an edge to a rule whose cause the rule can bring about, with the sync and the hook.
type Causes<'o> = DiGraph<usize, (Span, &'o Object, Span)>;

pub(super) fn check(builder: &mut Builder<'_>) {
    let rules: Vec<Arc<Rule>> = builder.rulebook.rules.iter().chain(&builder.graph.annotated).cloned().collect();
    let mut graph: Causes<'_> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..rules.len()).map(|at| graph.add_node(at)).collect();
    let mut woken: BTreeMap<AppName, Vec<(NodeIndex, &Object, Span)>> = BTreeMap::new();
    for (rule, node) in rules.iter().zip(&nodes).filter(|(rule, _)| unlimited(rule)) {
        for (hook, app, span) in hooks(builder, rule) {
            woken.entry(app).or_default().push((*node, hook, span));
        }
    }
    for (rule, node) in rules.iter().zip(&nodes).filter(|(rule, _)| unlimited(rule)) {
        for action in rule.then.iter().chain(&rule.otherwise) {
            let Verb::Sync { application } = &action.verb else { continue };
            let app = AppName { namespace: application.namespace.clone(), name: application.name.clone() };
            for (other, hook, span) in woken.get(&app).into_iter().flatten() {
                graph.add_edge(*node, *other, (place(builder, rule).unwrap_or(action.span), *hook, *span));
            }
        }
    }
    let mut found = Vec::new();
    for component in tarjan_scc(&graph) {
        let closed = component.len() > 1 || component.first().is_some_and(|node| graph.contains_edge(*node, *node));
        let first = component.iter().filter_map(|n| graph.node_weight(*n)).min().and_then(|at| rules.get(*at));
        if let Some(rule) = first.filter(|_| closed) {
            found.push(report(builder, &graph, &component, rule, &rules));
        }
    }
    builder.graph.diagnostics.extend(found);
}

fn unlimited(rule: &Rule) -> bool {
    rule.modifiers.per.is_none() && !rule.modifiers.observe
}

/// Where the annotation stands that a rule comes from; none for rules of files.
fn place(builder: &Builder<'_>, rule: &Rule) -> Option<Span> {
    let annotated = matches!(rule.origin, Origin::Annotation(_));
    builder.graph.rules.get(&rule.name).filter(|_| annotated).map(|note| note.place)
}

/// A sync makes it again: a hook, or what is replaced by deleting it.
fn is_made_again(object: &Object) -> bool {
    let options = object.annotation("argocd.argoproj.io/sync-options").unwrap_or_default();
    let has = |word: &str| options.split(',').any(|option| option.trim() == word);
    object.hook.hook || (has("Replace=true") && has("Force=true"))
}

/// The hooks whose end is an event of the rule, with their application and the place of the term.
fn hooks<'b>(builder: &Builder<'b>, rule: &Rule) -> Vec<(&'b Object, AppName, Span)> {
    let events = rule.alternatives.iter().flat_map(|a| &a.events).filter_map(|event| rule.terms.get(event.term));
    let mut found = Vec::new();
    for term in events {
        for object in builder.chosen(&term.source).objects.into_iter().filter(|o| is_made_again(o)) {
            if let Some(app) = &object.application {
                found.push((object, app_name(builder.rulebook, app), place(builder, rule).unwrap_or(term.span)));
            }
        }
    }
    found
}

fn report(
    builder: &Builder<'_>,
    graph: &Causes<'_>,
    component: &[NodeIndex],
    first: &Rule,
    rules: &[Arc<Rule>],
) -> Diagnostic {
    let message = match component.len() {
        1 => format!("rule `{}` can bring about its own cause: the sync makes again what it waits for", first.name),
        n => format!(
            "rule `{}` can bring about its own cause, through {} other: each sync makes again what a rule waits for",
            first.name,
            n - 1
        ),
    };
    let help =
        "limit it with `at most N per D`, such as `at most 3 per 1d`, or wait for what a sync does not make again";
    let span = place(builder, first).unwrap_or(first.span);
    let mut found = Diagnostic::error(Code::LOOP, span, message).help(help);
    let name =
        |node: &NodeIndex| graph.node_weight(*node).and_then(|at| rules.get(*at)).map_or("?", |rule| &*rule.name);
    let mut steps: Vec<(String, Span, &Object, Span, String)> = Vec::new();
    for edge in graph.edge_indices() {
        let Some((from, to)) =
            graph.edge_endpoints(edge).filter(|(from, to)| component.contains(from) && component.contains(to))
        else {
            continue;
        };
        if let Some((action, hook, term)) = graph.edge_weight(edge) {
            steps.push((name(&from).to_owned(), *action, hook, *term, name(&to).to_owned()));
        }
    }
    steps.sort_by(|a, b| (&a.0, a.1, &a.4, a.3).cmp(&(&b.0, b.1, &b.4, b.3)));
    for (from, action, hook, term, to) in steps {
        found = found.related(action, format!("rule {from} syncs"));
        let key = if hook.hook.hook { "argocd.argoproj.io/hook" } else { "argocd.argoproj.io/sync-options" };
        let what = if hook.hook.hook { "is a hook" } else { "is replaced" };
        let text = format!("{} {} {what}: made again at each sync", hook.kind, hook.name);
        found = found.related(hook.annotation_place(key), text);
        found = found.related(term, format!("rule {to} takes its end as a cause"));
    }
    found
}
