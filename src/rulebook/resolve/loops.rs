//! Loops: a rule whose effect can bring about its own cause, directly or through other rules, as far as rules alone tell.
//!
//! An effect changes the state of its target (a restarted isvc becomes progressing, then healthy or degraded again), and of the
//! Application that the rule's file names as theirs; a sync may change whatever belongs to its Application in this way. A rule without events takes each new episode of such a state as a cause.
//! Runs are not brought about by any action here; which hooks a sync runs again only manifests tell, and `graph` looks there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::context::Resolver;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::rulebook::{AppName, KindIx, ObjectRef, Rule, Test, Verb};
use crate::syntax::tree::Predicate;

/// A rule, and the Application that its file names.
pub(super) struct Placed {
    /// The rule.
    pub rule: Arc<Rule>,
    /// `application …` of its file.
    pub application: Option<AppName>,
}

/// What a node of the graph stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Rule(usize),
    Object(ObjectRef),
    /// Whatever a selection of this kind, and perhaps namespace, may match.
    Some(KindIx, Option<Arc<str>>),
    /// The states that rules of an Application's files take as causes: a sync of it may change them.
    Within(AppName),
}

#[derive(Default)]
struct Effects {
    graph: DiGraph<Step, Span>,
    nodes: HashMap<Step, NodeIndex>,
}

impl Effects {
    fn node(&mut self, step: Step) -> NodeIndex {
        let graph = &mut self.graph;
        *self.nodes.entry(step.clone()).or_insert_with(|| graph.add_node(step))
    }
}

impl Resolver<'_> {
    /// Reports every loop that no `at most N per D` breaks; one error for each set of rules that bring each other about.
    pub fn check_loops(&mut self, rules: &[Placed]) {
        let loose = |p: &Placed| p.rule.modifiers.per.is_none() && !p.rule.modifiers.observe;
        let mut effects = Effects::default();
        for (index, placed) in rules.iter().enumerate().filter(|(_, p)| loose(p)) {
            self.add_causes(&mut effects, index, placed);
        }
        if effects.nodes.is_empty() {
            return;
        }
        for (index, placed) in rules.iter().enumerate().filter(|(_, p)| loose(p)) {
            self.add_effects(&mut effects, index, placed);
        }
        let mut loops: BTreeMap<usize, Vec<NodeIndex>> = BTreeMap::new();
        for component in tarjan_scc(&effects.graph).into_iter().filter(|c| c.len() > 1) {
            let rule = |node: &NodeIndex| match effects.graph.node_weight(*node) {
                Some(Step::Rule(index)) => Some(*index),
                _ => None,
            };
            if let Some(first) = component.iter().filter_map(rule).min_by_key(|i| rules.get(*i).map(|p| &p.rule.name)) {
                loops.insert(first, component);
            }
        }
        for (first, component) in loops {
            self.report_loop(rules, &effects, first, &component);
        }
    }

    fn add_causes(&mut self, effects: &mut Effects, index: usize, placed: &Placed) {
        let rule = &placed.rule;
        for alternative in rule.alternatives.iter().filter(|a| a.events.is_empty()) {
            let mut terms = Vec::new();
            positive(&alternative.rest, &mut terms);
            for term in terms.into_iter().filter_map(|term| rule.terms.get(term)) {
                if !matches!(term.predicate, Predicate::Healthy | Predicate::Progressing | Predicate::Degraded) {
                    continue;
                }
                let step = match &term.source.object {
                    Some(object) => Step::Object(object.clone()),
                    None => Step::Some(term.source.kind, term.source.namespace.clone()),
                };
                let (cause, rule) = (effects.node(step), effects.node(Step::Rule(index)));
                effects.graph.add_edge(cause, rule, term.span);
                if let Some(application) =
                    placed.application.as_ref().filter(|_| !self.is_application(term.source.kind))
                {
                    let within = effects.node(Step::Within(application.clone()));
                    effects.graph.add_edge(within, cause, term.span);
                }
            }
        }
    }

    fn add_effects(&mut self, effects: &mut Effects, index: usize, placed: &Placed) {
        for action in placed.rule.then.iter().chain(&placed.rule.otherwise) {
            let target = match &action.verb {
                Verb::Restart { target, .. } => target,
                Verb::Sync { application } => application,
                // What is written on an InferenceService reaches its pods.
                Verb::Annotate { target, .. } | Verb::Label { target, .. }
                    if self.is_type(target.kind, "serving.kserve.io", "InferenceService") =>
                {
                    target
                }
                _ => continue,
            };
            let application = self.kinds_application().zip(placed.application.as_ref());
            let whole = application.map(|(kind, app)| ObjectRef {
                kind,
                namespace: app.namespace.clone(),
                name: app.name.clone(),
            });
            let within = matches!(action.verb, Verb::Sync { .. })
                .then(|| Step::Within(AppName { namespace: target.namespace.clone(), name: target.name.clone() }));
            let changed = [Some(target.clone()), whole].into_iter().flatten();
            let seen = changed.flat_map(|changed| {
                let namespace = Some(changed.namespace.clone());
                [Step::Some(changed.kind, None), Step::Some(changed.kind, namespace), Step::Object(changed)]
            });
            for step in seen.chain(within) {
                // Only what some rule takes as a cause is a node already.
                if let Some(cause) = effects.nodes.get(&step).copied() {
                    let rule = effects.node(Step::Rule(index));
                    effects.graph.add_edge(rule, cause, action.span);
                }
            }
        }
    }

    fn report_loop(&mut self, rules: &[Placed], effects: &Effects, first: usize, component: &[NodeIndex]) {
        let Some(start) = effects.nodes.get(&Step::Rule(first)).copied() else { return };
        let Some(placed) = rules.get(first) else { return };
        let path = cycle(effects, start, component);
        let through =
            path.iter().filter(|(node, _)| matches!(effects.graph.node_weight(*node), Some(Step::Rule(_)))).count();
        let message = if through > 1 {
            format!("rule `{}` can bring about its own cause, through {} more", placed.rule.name, through - 1)
        } else {
            format!("rule `{}` can bring about its own cause", placed.rule.name)
        };
        let help = "limit it with `at most N per D`, such as `at most 3 per 1d`, or wait for an event such as `job NAME succeeds`";
        let mut found = Diagnostic::error(Code::LOOP, placed.rule.span, message).help(help);
        let mut after_within = false;
        for (node, span) in path {
            let step = effects.graph.node_weight(node);
            let text = match step {
                Some(Step::Rule(index)) => {
                    format!("which is a cause of rule `{}`", rules.get(*index).map_or("?", |p| &p.rule.name))
                }
                Some(Step::Object(object)) if after_within => format!("such as {}, as the file says", self.say(object)),
                Some(Step::Some(kind, _)) if after_within => {
                    format!("such as {} objects, as the file says", self.short(*kind))
                }
                Some(Step::Object(object)) => format!("this changes the state of {}", self.say(object)),
                Some(Step::Some(kind, _)) => {
                    format!("this changes the state of what may be such a {}", self.short(*kind))
                }
                Some(Step::Within(app)) => {
                    format!("this may change the state of what belongs to application {}/{}", app.namespace, app.name)
                }
                None => continue,
            };
            after_within = matches!(step, Some(Step::Within(_)));
            found = found.related(span, text);
        }
        self.report(found);
    }

    /// The kind of Applications, if there is one.
    pub fn kinds_application(&self) -> Option<KindIx> {
        let place = self.kinds.iter().position(|k| &*k.group == "argoproj.io" && &*k.kind == "Application")?;
        u16::try_from(place).ok().map(KindIx)
    }
}

/// The terms that hold when a test does.
fn positive(test: &Test, terms: &mut Vec<usize>) {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|t| positive(t, terms)),
        Test::Term(term) => terms.push(*term),
        Test::Not(_) | Test::Later(..) | Test::Expr(_) => {}
    }
}

/// A shortest way from a node back to itself within its component: each node reached, and the span of the edge to it.
fn cycle(effects: &Effects, start: NodeIndex, component: &[NodeIndex]) -> Vec<(NodeIndex, Span)> {
    use petgraph::visit::EdgeRef;
    let mut came: HashMap<NodeIndex, (NodeIndex, Span)> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let mut edges: Vec<_> = effects.graph.edges(node).map(|e| (e.target(), *e.weight())).collect();
        edges.sort();
        for (next, span) in edges.into_iter().filter(|(next, _)| component.contains(next)) {
            if came.contains_key(&next) {
                continue;
            }
            came.insert(next, (node, span));
            if next != start {
                queue.push_back(next);
                continue;
            }
            let mut path = Vec::new();
            let mut at = start;
            while let Some((before, span)) = came.get(&at) {
                path.push((at, *span));
                at = *before;
                if at == start {
                    break;
                }
            }
            path.reverse();
            return path;
        }
    }
    Vec::new()
}
