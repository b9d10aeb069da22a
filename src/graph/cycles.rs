//! What can never happen, and the cycles behind it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use super::model::{Graph, Node, Reason};
use crate::diagnostic::{Code, Diagnostic, Span};

/// Cycles that are reported, at most: the shortest.
const CYCLES_MAX: usize = 10;

/// Edges from which cycles are looked for, at most; each costs a walk through the graph.
const STARTS_MAX: usize = 200;

/// One step of a cycle, in the direction of waiting.
struct Step {
    later: NodeIndex,
    earlier: NodeIndex,
    edge: EdgeIndex,
}

/// Reports cycles over edges that wait. Where a choice is decided by its other sides, edges from sides that come later stop to be waits, so that what remains is
/// acyclic.
pub(super) fn check(graph: &mut Graph) {
    if settle(graph, false).1.is_empty() {
        return;
    }
    let (order, stuck) = settle(graph, true);
    if stuck.is_empty() {
        let late = |edge: &EdgeIndex| {
            graph.dag.edge_endpoints(*edge).is_some_and(|(from, to)| order.get(from.index()) > order.get(to.index()))
        };
        let late: Vec<EdgeIndex> = graph.dag.edge_indices().filter(|e| waits(graph, *e)).filter(late).collect();
        for edge in late {
            if let Some(weight) = graph.dag.edge_weight_mut(edge) {
                weight.waits = false;
            }
        }
        return;
    }
    let mut cycles: Vec<Vec<Step>> = cycles(graph, &stuck);
    cycles.sort_by_cached_key(|steps| {
        (steps.len(), steps.iter().map(|s| graph.dag.node_weight(s.later).cloned()).collect::<Vec<_>>())
    });
    let more = cycles.len().saturating_sub(CYCLES_MAX);
    for steps in cycles.iter().take(CYCLES_MAX) {
        let mut found = report(graph, &collapse(graph, steps));
        if more > 0 {
            found = found.help(format!("{more} longer cycles are not shown"));
        }
        graph.diagnostics.push(found);
    }
}

fn waits(graph: &Graph, edge: EdgeIndex) -> bool {
    graph.dag.edge_weight(edge).is_some_and(|e| e.waits)
}

/// Kahn's algorithm: the place of each node in an order in which everything can happen, and the nodes that never can. With `choose`, a choice is ready when
/// one side is.
fn settle(graph: &Graph, choose: bool) -> (Vec<usize>, BTreeSet<NodeIndex>) {
    let count = graph.dag.node_count();
    let mut missing = vec![0usize; count];
    for edge in graph.dag.edge_references().filter(|e| e.weight().waits) {
        if let Some(n) = missing.get_mut(edge.target().index()) {
            *n += 1;
        }
    }
    let choice = |node: NodeIndex| choose && matches!(graph.dag.node_weight(node), Some(Node::Choice { .. }));
    let mut order = vec![usize::MAX; count];
    let mut ready: VecDeque<NodeIndex> =
        graph.dag.node_indices().filter(|n| missing.get(n.index()) == Some(&0)).collect();
    let mut done = 0;
    while let Some(node) = ready.pop_front() {
        let Some(place) = order.get_mut(node.index()).filter(|place| **place == usize::MAX) else { continue };
        *place = done;
        done += 1;
        for edge in graph.dag.edges(node).filter(|e| e.weight().waits) {
            let target = edge.target();
            if let Some(n) = missing.get_mut(target.index()) {
                *n = n.saturating_sub(1);
                if *n == 0 || choice(target) {
                    ready.push_back(target);
                }
            }
        }
    }
    let stuck = graph.dag.node_indices().filter(|n| order.get(n.index()) == Some(&usize::MAX)).collect();
    (order, stuck)
}

/// Cycles among the nodes that never happen: for each edge that a rule or annotation asks for, the shortest one through it.
fn cycles(graph: &Graph, stuck: &BTreeSet<NodeIndex>) -> Vec<Vec<Step>> {
    // Ranks are places in the order of output: they make the search independent of the order of building.
    let ranks: BTreeMap<NodeIndex, usize> =
        graph.nodes().map(|(_, node)| node).enumerate().map(|(rank, node)| (node, rank)).collect();
    let mut part: DiGraph<NodeIndex, EdgeIndex> = DiGraph::new();
    let mut places: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    for (_, node) in graph.nodes().filter(|(_, node)| stuck.contains(node)) {
        places.insert(node, part.add_node(node));
    }
    let mut edges: Vec<_> = graph.dag.edge_references().filter(|e| e.weight().waits).collect();
    edges.sort_by_key(|e| (ranks.get(&e.source()), ranks.get(&e.target()), e.weight().reason, e.weight().place));
    for edge in edges.iter().rev() {
        if let (Some(from), Some(to)) = (places.get(&edge.source()), places.get(&edge.target())) {
            part.add_edge(*from, *to, edge.id());
        }
    }
    let mut component = vec![usize::MAX; part.node_count()];
    for (number, members) in tarjan_scc(&part).iter().enumerate() {
        for member in members {
            if let Some(place) = component.get_mut(member.index()) {
                *place = number;
            }
        }
    }
    let inside = |a: NodeIndex, b: NodeIndex| component.get(a.index()) == component.get(b.index());
    let mut starts: Vec<_> =
        part.edge_references().filter(|e| inside(e.source(), e.target()) && asked(graph, *e.weight())).collect();
    starts.sort_by_key(|e| (e.source(), e.target(), *e.weight()));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in starts.iter().take(STARTS_MAX) {
        let Some(mut path) = shortest(&part, start.target(), start.source(), &inside) else { continue };
        path.push(start.id());
        let steps = rotated(&part, &path);
        if seen.insert(steps.iter().map(|s| s.later).collect::<Vec<_>>()) {
            found.push(steps);
        }
    }
    found
}

/// Somebody wrote it; every cycle has such an edge, since waves alone run one way.
fn asked(graph: &Graph, edge: EdgeIndex) -> bool {
    let reason = graph.dag.edge_weight(edge).map(|e| e.reason);
    !matches!(
        reason,
        Some(Reason::InWave | Reason::WaveOrder | Reason::Phase | Reason::Sequence | Reason::Member | Reason::Owner)
            | None
    )
}

/// The edges of a shortest way.
fn shortest(
    part: &DiGraph<NodeIndex, EdgeIndex>,
    from: NodeIndex,
    to: NodeIndex,
    inside: &impl Fn(NodeIndex, NodeIndex) -> bool,
) -> Option<Vec<EdgeIndex>> {
    let mut came: Vec<Option<EdgeIndex>> = vec![None; part.node_count()];
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node == to {
            let mut path = Vec::new();
            let mut at = to;
            while at != from {
                let edge = came.get(at.index()).copied().flatten()?;
                path.push(edge);
                at = part.edge_endpoints(edge)?.0;
            }
            path.reverse();
            return Some(path);
        }
        for edge in part.edges_directed(node, Direction::Outgoing) {
            let next = edge.target();
            if let Some(place) = came.get_mut(next.index()).filter(|place| place.is_none())
                && next != from
                && inside(from, next)
            {
                *place = Some(edge.id());
                queue.push_back(next);
            }
        }
    }
    None
}

/// The path as steps of waiting, beginning at its first node in the order of output that is no wave.
fn rotated(part: &DiGraph<NodeIndex, EdgeIndex>, path: &[EdgeIndex]) -> Vec<Step> {
    let mut steps: Vec<(NodeIndex, Step)> = path
        .iter()
        .rev()
        .filter_map(|edge| {
            let (from, to) = part.edge_endpoints(*edge)?;
            let step = Step {
                later: *part.node_weight(to)?,
                earlier: *part.node_weight(from)?,
                edge: *part.edge_weight(*edge)?,
            };
            Some((to, step))
        })
        .collect();
    let first = steps.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map_or(0, |(at, _)| at);
    steps.rotate_left(first);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// Waves that only follow each other are one step.
fn collapse(graph: &Graph, steps: &[Step]) -> Vec<Step> {
    let chain = |step: &Step| {
        let reason = graph.dag.edge_weight(step.edge).map(|e| e.reason);
        let wave = |node| matches!(graph.dag.node_weight(node), Some(Node::Wave { .. }));
        matches!(reason, Some(Reason::WaveOrder | Reason::Phase)) && wave(step.earlier) && wave(step.later)
    };
    let mut out: Vec<Step> = Vec::new();
    for step in steps {
        let joined = out.last_mut().filter(|last| chain(last) && chain(step));
        match joined {
            Some(last) => last.earlier = step.earlier,
            None => out.push(Step { later: step.later, earlier: step.earlier, edge: step.edge }),
        }
    }
    out
}

fn report(graph: &Graph, steps: &[Step]) -> Diagnostic {
    let mut message = "a cycle".to_owned();
    for (n, step) in steps.iter().enumerate() {
        let (later, earlier) = (graph.say(step.later), graph.say(step.earlier));
        message.push_str(&if n == 0 {
            format!(": {later} waits for {earlier}")
        } else {
            format!(", which waits for {earlier}")
        });
    }
    let place = |step: &Step| graph.dag.edge_weight(step.edge).and_then(|e| e.place);
    let nowhere = Span { file: crate::diagnostic::FileId(0), start: 0, end: 0 };
    let span = steps
        .iter()
        .filter(|s| asked(graph, s.edge))
        .find_map(place)
        .or_else(|| steps.iter().find_map(place))
        .unwrap_or(nowhere);
    let mut found = Diagnostic::error(Code::CYCLE, span, message);
    for step in steps {
        let Some(edge) = graph.dag.edge_weight(step.edge) else { continue };
        let text = format!("{} waits for {}: {}", graph.say(step.later), graph.say(step.earlier), edge.why());
        found = found.related(edge.place.unwrap_or(span), text);
    }
    found
}
