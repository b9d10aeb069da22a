//! The edges of the graph that waves can keep.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Why;
use crate::diagnostic::Span;
use crate::graph::model::{About, Edge, Graph, Node, Reason};
use crate::manifests::Phase;

/// An object that comes later.
#[derive(Clone, Debug)]
pub(super) struct Before {
    /// Its place in [`Order::nodes`].
    pub later: usize,
    /// Waves between, at least.
    pub apart: i64,
    /// `after`, `model fraud: copied after`
    pub why: Why,
    /// Where that is written.
    pub place: Span,
}

/// What is ordered. No circles.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The objects, in the order of output.
    pub nodes: Vec<NodeIndex>,
    /// For each what comes later.
    pub next: Vec<Vec<Before>>,
    /// For each the highest wave that a block allows, why, and where that is written.
    pub most: Vec<Option<(i64, String, Span)>>,
}

/// Waves order these: both among the manifests, in one phase of one application.
fn together(a: &About, b: &About) -> bool {
    a.rendered && b.rendered && a.phase.is_some() && a.phase == b.phase && a.application == b.application
}

impl Order {
    pub fn of(graph: &Graph) -> Order {
        let pairs = pairs(graph);
        let bounds = bounds(graph);
        let named: BTreeSet<NodeIndex> =
            pairs.iter().flat_map(|(a, b, ..)| [*a, *b]).chain(bounds.keys().copied()).collect();
        let nodes: Vec<NodeIndex> = graph.nodes().map(|(_, node)| node).filter(|node| named.contains(node)).collect();
        let places: BTreeMap<NodeIndex, usize> = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let mut order = Order { next: vec![Vec::new(); nodes.len()], most: vec![None; nodes.len()], nodes };
        for (earlier, later, apart, why, place) in pairs {
            if let (Some(from), Some(later)) = (places.get(&earlier), places.get(&later))
                && let Some(next) = order.next.get_mut(*from)
            {
                next.push(Before { later: *later, apart, why, place });
            }
        }
        for (node, bound) in bounds {
            if let Some(most) = places.get(&node).and_then(|at| order.most.get_mut(*at)) {
                *most = Some(bound);
            }
        }
        order
    }
}

type Pair = (NodeIndex, NodeIndex, i64, Why, Span);

/// `after`, and the steps of models, without what runs in a circle.
fn pairs(graph: &Graph) -> Vec<Pair> {
    let mut pairs: Vec<(bool, Pair)> = Vec::new();
    for edge in graph.dag.edge_references() {
        let (Some(a), Some(b)) = (graph.about.get(&edge.source()), graph.about.get(&edge.target())) else { continue };
        let Some(place) = edge.weight().place.filter(|_| together(a, b) && edge.source() != edge.target()) else {
            continue;
        };
        if let Some(apart) = apart(edge.weight(), b) {
            let hint = edge.weight().reason == Reason::ModelStep;
            let why = if hint { format!("{} after", edge.weight().text).into() } else { "after".into() };
            pairs.push((hint, (edge.source(), edge.target(), apart, why, place)));
        }
    }
    // A model orders what nothing else orders: a circle that it closes is none, one of `after` is reported by the graph.
    let after: Vec<Pair> = pairs.iter().filter(|(hint, _)| !hint).map(|(_, pair)| pair.clone()).collect();
    let after = acyclic(after);
    let hinted: Vec<Pair> = pairs.into_iter().filter(|(hint, _)| *hint).map(|(_, pair)| pair).collect();
    let both: Vec<Pair> = after.iter().cloned().chain(hinted).collect();
    let rings = rings(&both);
    let inside = |pair: &Pair| rings.get(&pair.0).is_some_and(|ring| rings.get(&pair.1) == Some(ring));
    let count = after.len();
    let mut kept: Vec<Pair> =
        both.into_iter().enumerate().filter(|(at, pair)| *at < count || !inside(pair)).map(|(_, pair)| pair).collect();
    kept.sort_by(|a, b| (a.0, a.1, a.2, &a.3, a.4).cmp(&(b.0, b.1, b.2, &b.3, b.4)));
    kept
}

/// How many waves must lie between two objects; none where the edge asks for none.
///
/// A model says in which order runs count, and its job steps are one after the other on a first sync. Where manifests carry waves, equal ones are no contradiction (the
/// graph does not call it one), and what serves may be in any: it may serve what was trained before.
fn apart(edge: &Edge, later: &About) -> Option<i64> {
    match edge.reason {
        Reason::After => Some(1),
        Reason::ModelStep if !later.wave_given => Some(1),
        Reason::ModelStep if edge.text.ends_with(": served") => None,
        Reason::ModelStep => Some(0),
        _ => None,
    }
}

fn acyclic(pairs: Vec<Pair>) -> Vec<Pair> {
    let rings = rings(&pairs);
    pairs.into_iter().filter(|pair| rings.get(&pair.0).is_none_or(|ring| rings.get(&pair.1) != Some(ring))).collect()
}

/// The circle that each node is in; nodes in none are left out.
fn rings(pairs: &[Pair]) -> BTreeMap<NodeIndex, usize> {
    let mut part: DiGraph<NodeIndex, ()> = DiGraph::new();
    let mut places: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    for (from, to, ..) in pairs {
        let mut place = |node: NodeIndex| *places.entry(node).or_insert_with(|| part.add_node(node));
        let (from, to) = (place(*from), place(*to));
        part.add_edge(from, to, ());
    }
    let mut rings = BTreeMap::new();
    for (number, members) in tarjan_scc(&part).into_iter().enumerate().filter(|(_, members)| members.len() > 1) {
        rings.extend(members.iter().filter_map(|member| part.node_weight(*member)).map(|node| (*node, number)));
    }
    rings
}

/// The highest wave of each object that a block of its own application waits for.
///
/// What a block waits for must be there in a wave that it does not hold: below N, and not above the hook that waits for it. Sources on one side of an `or` need not.
fn bounds(graph: &Graph) -> BTreeMap<NodeIndex, (i64, String, Span)> {
    let mut bounds: BTreeMap<NodeIndex, (i64, String, Span)> = BTreeMap::new();
    for (node, gate) in graph.nodes() {
        let Node::Gate { rule, application, wave } = node else { continue };
        let block = graph
            .blocks
            .iter()
            .find(|block| block.rule == *rule && block.application == *application && block.wave == *wave);
        let held = i64::from(*wave) - 1;
        let most = block.and_then(|block| block.hook.as_ref()).map_or(held, |hook| held.min(hook.wave));
        let place = graph.places.get(&gate).copied();
        for source in sources(graph, gate) {
            let Some((about, place)) = graph.about.get(&source).zip(place) else { continue };
            if !about.rendered || about.application != *application || about.phase != Some(Phase::Sync) {
                continue;
            }
            let bound = (most, format!("below wave {wave}, which rule {rule} holds for it"), place);
            match bounds.get_mut(&source) {
                Some(known) if *known <= bound => {}
                Some(known) => *known = bound,
                None => drop(bounds.insert(source, bound)),
            }
        }
    }
    bounds
}

/// The objects that must all be done for a gate to open.
fn sources(graph: &Graph, gate: NodeIndex) -> Vec<NodeIndex> {
    let mut found = Vec::new();
    let mut open = vec![gate];
    while let Some(node) = open.pop() {
        for edge in graph.dag.edges_directed(node, Direction::Incoming).filter(|edge| edge.weight().waits) {
            match graph.dag.node_weight(edge.source()) {
                Some(Node::Resource(_)) => found.push(edge.source()),
                Some(Node::Selection { .. }) => open.push(edge.source()),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
