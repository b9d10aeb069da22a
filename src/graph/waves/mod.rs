//! The waves that manifests should carry.
//!
//! What must come before what is a set of differences: `A after B` asks that A's wave is at least B's and one more, a job that `block wave N` waits for must lie below N.
//! Of the waves that manifests carry as many stay as can stay together; every other object lands as near to its own wave as the order allows, those without a wave
//! from 0 on. So objects that carry no wave get the layers of the graph.

mod antichain;
mod order;
mod solve;

use std::sync::Arc;

use petgraph::graph::NodeIndex;

use self::order::{Before, Order};
use self::solve::Problem;
use super::model::{Graph, Node, Resource};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::manifests::Platform;
use crate::rulebook::{AppName, Filter, Rulebook};

/// An object whose wave is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The object.
    pub resource: Resource,
    /// As a person would say it: `secret model-credentials`.
    pub name: String,
    /// Its application.
    pub application: Option<AppName>,
    /// The wave that its manifest carries; none where none is given (then Argo CD reads 0).
    pub from: Option<i64>,
    /// The wave that it should carry.
    pub to: i64,
    /// What asks for it: `after namespace ml-serving (wave 0)`. Sorted, never empty.
    pub because: Vec<String>,
    /// Where that is written.
    pub places: Vec<Span>,
}

/// The waves of some manifests against an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waves {
    /// What changes, by application, new wave and object.
    pub moves: Vec<Move>,
    /// Objects that the order is about and that stay in the wave that their manifests carry.
    pub kept: usize,
    /// Selections (`in wave N`) that mean other objects afterwards.
    pub diagnostics: Vec<Diagnostic>,
}

/// Waves by which everything that `after`, blocks and models order comes in its order. Objects that run in a circle (`TG300`) stay where they are, and so does what
/// another phase or another application orders. Objects that nothing orders are not looked at.
#[must_use]
pub fn waves(rulebook: &Rulebook, platform: &Platform, graph: &Graph) -> Waves {
    let order = Order::of(graph);
    let about = |node: &NodeIndex| graph.about.get(node);
    let nodes: &[NodeIndex] = &order.nodes;
    let problem = Problem {
        wave: nodes.iter().map(|node| about(node).map_or(0, |about| about.wave)).collect(),
        given: nodes.iter().map(|node| about(node).is_some_and(|about| about.wave_given)).collect(),
        most: order.most.iter().map(|most| most.as_ref().map(|(wave, _, _)| *wave)).collect(),
        next: order.next.iter().map(|next| next.iter().map(|before| (before.later, before.apart)).collect()).collect(),
    };
    let solved = problem.solve();
    let mut waves = Waves::default();
    for (at, ((node, to), was)) in nodes.iter().zip(&solved).zip(&problem.wave).enumerate() {
        let (Some(Node::Resource(resource)), Some(about)) = (graph.dag.node_weight(*node), graph.about.get(node))
        else {
            continue;
        };
        if to == was {
            waves.kept += usize::from(about.wave_given);
            continue;
        }
        let mut because = because(graph, &order, &solved, at, to > was);
        because.sort();
        because.dedup();
        waves.moves.push(Move {
            resource: resource.clone(),
            name: graph.say(*node),
            application: about.application.clone(),
            from: about.wave_given.then_some(*was),
            to: *to,
            because: because.iter().map(|(text, _)| text.clone()).collect(),
            places: because.into_iter().map(|(_, place)| place).collect(),
        });
    }
    waves.moves.sort_by(|a, b| (&a.application, a.to, &a.resource).cmp(&(&b.application, b.to, &b.resource)));
    waves.diagnostics = selections(rulebook, platform, &waves.moves);
    waves
}

/// What holds an object in its new wave: the constraints that leave no room.
fn because(graph: &Graph, order: &Order, solved: &[i64], at: usize, raised: bool) -> Vec<(String, Span)> {
    let own = solved.get(at).copied().unwrap_or_default();
    let wave = |at: usize| solved.get(at).copied().unwrap_or_default();
    let say = |at: usize| order.nodes.get(at).map_or_else(String::new, |node| graph.say(*node));
    let mut found = Vec::new();
    if raised {
        let before = order.next.iter().enumerate().flat_map(|(earlier, next)| next.iter().map(move |b| (earlier, b)));
        for (earlier, Before { apart, why, place, .. }) in before.filter(|(_, b)| b.later == at) {
            if wave(earlier).saturating_add(*apart) >= own {
                found.push((format!("{why} {} (wave {})", say(earlier), wave(earlier)), *place));
            }
        }
        return found;
    }
    if let Some((most, why, place)) = order.most.get(at).and_then(Option::as_ref)
        && *most <= own
    {
        found.push((why.clone(), *place));
    }
    for Before { later, apart, place, .. } in order.next.get(at).into_iter().flatten() {
        if wave(*later).saturating_sub(*apart) <= own {
            found.push((format!("before {} (wave {})", say(*later), wave(*later)), *place));
        }
    }
    found
}

/// `every notebook in wave 3`, when a notebook comes to wave 3 or leaves it.
fn selections(rulebook: &Rulebook, platform: &Platform, moves: &[Move]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for term in rulebook.rules.iter().flat_map(|rule| &rule.terms) {
        let Some(kind) = rulebook.kind(term.source.kind) else { continue };
        for filter in &term.source.filters {
            let Filter::Wave(wave) = filter else { continue };
            let wave = i64::from(*wave);
            let meant = |m: &&Move| {
                (m.resource.group == kind.group && m.resource.kind == kind.kind)
                    && (m.to == wave || m.from.unwrap_or_default() == wave)
            };
            for one in moves.iter().filter(meant) {
                let Resource { group, kind, namespace, name, .. } = &one.resource;
                let place = platform.find(group, kind, namespace, name).map(|object| object.wave_place);
                let way = if one.to == wave { "comes to" } else { "leaves" };
                let message = format!("{} {way} wave {wave}, so `{}` means other objects", one.name, term.text);
                let diagnostic = Diagnostic::warning(Code::WAVE_ORDER, term.span, message);
                found.push(match place {
                    Some(place) => diagnostic.related(place, format!("to be in wave {}", one.to)),
                    None => diagnostic,
                });
            }
        }
    }
    crate::diagnostic::sort(&mut found);
    found
}

/// A text that many constraints share.
type Why = Arc<str>;
