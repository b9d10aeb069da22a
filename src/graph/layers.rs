//! The waves that `after` asks for, and the layers of the whole graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::graph::{EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use super::model::{About, Graph, Reason};
use crate::diagnostic::{Code, Diagnostic, Span};

/// `later after earlier`, both rendered, in one application.
struct Pair {
    earlier: NodeIndex,
    later: NodeIndex,
    edge: EdgeIndex,
    place: Span,
}

/// Gives each resource the wave that the order asks for: its own where that is late enough, else one above all that it comes after. What contradicts the
/// waves of the manifests is `TG301`; where a wave is earlier than what it comes after, the edge stops to be a wait.
pub(super) fn waves(graph: &mut Graph) {
    let mut pairs = Vec::new();
    for edge in graph.dag.edge_references().filter(|e| e.weight().reason == Reason::After) {
        let (Some(place), Some(a), Some(b)) =
            (edge.weight().place, graph.about.get(&edge.source()), graph.about.get(&edge.target()))
        else {
            continue;
        };
        if a.rendered && b.rendered {
            pairs.push(Pair { earlier: edge.source(), later: edge.target(), edge: edge.id(), place });
        }
    }
    let (pairs, apart): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(|pair| {
        let of = |node| graph.about.get(node).and_then(|about| about.application.clone());
        of(&pair.earlier) == of(&pair.later)
    });
    for pair in apart {
        let (earlier, later) = (graph.say(pair.earlier), graph.say(pair.later));
        let message = format!(
            "nothing holds {later} until {earlier} is done: they are of different applications, and waves order one"
        );
        let found = Diagnostic::warning(Code::WAVE_ORDER, pair.place, message);
        graph
            .diagnostics
            .push(found.help(format!("let a rule say it: `when {earlier} … block wave N of application …`")));
    }
    let circling = wanted(graph, &pairs);
    // What `after` alone orders in a circle is reported as a cycle.
    for pair in pairs.iter().filter(|pair| !(circling.contains(&pair.earlier) && circling.contains(&pair.later))) {
        check(graph, pair);
    }
}

/// Fills `wave_wanted`, in the order of `after`. What runs in a circle, or comes after such, keeps its wave and comes back.
fn wanted(graph: &mut Graph, pairs: &[Pair]) -> BTreeSet<NodeIndex> {
    let mut missing: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    let mut next: BTreeMap<NodeIndex, Vec<NodeIndex>> = BTreeMap::new();
    for pair in pairs {
        missing.entry(pair.earlier).or_default();
        *missing.entry(pair.later).or_default() += 1;
        next.entry(pair.earlier).or_default().push(pair.later);
    }
    let mut ready: VecDeque<NodeIndex> = missing.iter().filter(|(_, n)| **n == 0).map(|(node, _)| *node).collect();
    while let Some(node) = ready.pop_front() {
        let Some((phase, wave)) = graph.about.get(&node).map(|a| (a.phase, a.wave_wanted)) else { continue };
        for later in next.get(&node).into_iter().flatten() {
            if let Some(about) = graph.about.get_mut(later).filter(|about| about.phase == phase) {
                about.wave_wanted = about.wave_wanted.max(wave.saturating_add(1));
            }
            if let Some(n) = missing.get_mut(later) {
                *n = n.saturating_sub(1);
                if *n == 0 {
                    ready.push_back(*later);
                }
            }
        }
    }
    missing.into_iter().filter(|(_, n)| *n > 0).map(|(node, _)| node).collect()
}

fn check(graph: &mut Graph, pair: &Pair) {
    let (Some(a), Some(b)) = (graph.about.get(&pair.earlier).cloned(), graph.about.get(&pair.later).cloned()) else {
        return;
    };
    let (earlier, later) = (graph.say(pair.earlier), graph.say(pair.later));
    if a.phase.is_none() || b.phase.is_none() {
        return;
    }
    let late_enough = (b.phase, b.wave) > (a.phase, a.wave) && b.wave >= b.wave_wanted;
    if late_enough || (b.phase == a.phase && !b.wave_given && b.wave >= a.wave) || b.phase > a.phase {
        return;
    }
    let contradicts = (b.phase, b.wave) < (a.phase, a.wave);
    let of = |about: &About| {
        format!(
            "{}wave {}",
            about.phase.filter(|p| p.name() != "Sync").map_or(String::new(), |p| format!("{} ", p.name())),
            about.wave
        )
    };
    let message = if contradicts {
        format!("{later} is applied before {earlier}, which it comes after")
    } else if b.wave == a.wave {
        format!("{later} is applied together with {earlier}, which it comes after")
    } else {
        format!(
            "{later} is in wave {}, and all that it comes after ends in wave {}",
            b.wave,
            b.wave_wanted.saturating_sub(1)
        )
    };
    let help = if a.phase == b.phase {
        format!("put {later} in wave {}: `argocd.argoproj.io/sync-wave: \"{}\"`", b.wave_wanted, b.wave_wanted)
    } else {
        format!("{earlier} runs in a later phase than {later}; no wave changes that")
    };
    let found = if contradicts {
        Diagnostic::error(Code::WAVE_ORDER, pair.place, message)
    } else {
        Diagnostic::warning(Code::WAVE_ORDER, pair.place, message)
    };
    let mut found = found.help(help);
    for (about, name) in [(&b, &later), (&a, &earlier)] {
        if let Some(place) = about.wave_place {
            found = found.related(
                if about.wave_place != about.place { place } else { head(place) },
                format!("{name} is in {}", of(about)),
            );
        }
    }
    graph.diagnostics.push(found);
    if contradicts && let Some(edge) = graph.dag.edge_weight_mut(pair.edge) {
        edge.waits = false;
    }
}

fn head(place: Span) -> Span {
    Span { end: place.start, ..place }
}

/// The longest way to each node over edges that wait, by node index; empty if there is a cycle.
pub(super) fn layers(graph: &Graph) -> Vec<usize> {
    let count = graph.dag.node_count();
    let mut missing = vec![0usize; count];
    for edge in graph.dag.edge_references().filter(|e| e.weight().waits) {
        if let Some(n) = missing.get_mut(edge.target().index()) {
            *n += 1;
        }
    }
    let mut layers = vec![0usize; count];
    let mut ready: VecDeque<NodeIndex> =
        graph.dag.node_indices().filter(|n| missing.get(n.index()) == Some(&0)).collect();
    let mut done = 0;
    while let Some(node) = ready.pop_front() {
        done += 1;
        let own = layers.get(node.index()).copied().unwrap_or_default();
        for edge in graph.dag.edges(node).filter(|e| e.weight().waits) {
            let target = edge.target().index();
            if let (Some(layer), Some(n)) = (layers.get_mut(target), missing.get_mut(target)) {
                *layer = (*layer).max(own + 1);
                *n = n.saturating_sub(1);
                if *n == 0 {
                    ready.push_back(edge.target());
                }
            }
        }
    }
    if done == count { layers } else { Vec::new() }
}
