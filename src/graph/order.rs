//! What Argo CD does by itself: resources in waves, waves in phases, phases in an application, applications in applications.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use super::build::Builder;
use super::model::{Edge, Node, Reason};
use crate::diagnostic::Span;
use crate::manifests::Phase;
use crate::rulebook::AppName;

/// Application, phase, wave.
type Key = (Option<AppName>, Phase, i64);

/// A wave's objects: each with the line of its wave.
type Members = Vec<(NodeIndex, Span)>;

/// Every wave of every application. Objects of no application are in waves of their own only where no object has one.
#[derive(Debug, Default)]
pub(super) struct Waves {
    pub all: BTreeMap<Key, Members>,
}

impl Waves {
    /// The waves of an application's sync in their order; SyncFail is not part of it.
    pub fn of<'w>(&'w self, application: &Option<AppName>) -> impl Iterator<Item = (Phase, i64, &'w Members)> {
        let first = (application.clone(), Phase::PreSync, i64::MIN);
        let last = (application.clone(), Phase::SyncFail, i64::MIN);
        self.all.range(first..last).map(|((_, phase, wave), members)| (*phase, *wave, members))
    }

    /// The first wave that a block of this wave holds: a Sync-phase hook in the wave before holds every later Sync wave, and all of PostSync.
    pub fn held(&self, application: &Option<AppName>, wave: i32) -> Option<(Phase, i64)> {
        let from = (Phase::Sync, i64::from(wave));
        self.of(application).map(|(phase, wave, _)| (phase, wave)).find(|at| *at >= from)
    }
}

impl Builder<'_> {
    /// Nodes and edges of the manifests.
    pub fn platform(&mut self) {
        let Some(platform) = self.platform else { return };
        let owned = platform.objects.iter().any(|o| o.application.is_some());
        for object in &platform.objects {
            let node = self.rendered(object);
            let application = self.graph.about.get(&node).and_then(|about| about.application.clone());
            if let Some(phase) = object.phase()
                && (application.is_some() || !owned)
            {
                let key = (application, phase, object.wave);
                self.waves.all.entry(key).or_default().push((node, object.wave_place));
            }
        }
        let waves = std::mem::take(&mut self.waves);
        let mut before: Option<(&Key, &Members, NodeIndex)> = None;
        for (key, members) in &waves.all {
            let (application, phase, wave) = key.clone();
            let begins = self.graph.node(Node::Wave { application, phase, wave });
            for (node, place) in members {
                self.add(begins, *node, Reason::InWave, Some(*place));
            }
            if let Some((last, ends, began)) = before.as_ref().filter(|(last, ..)| follows(last, key)) {
                let reason = if last.1 == key.1 { Reason::WaveOrder } else { Reason::Phase };
                let first = members.first().map(|(_, place)| *place);
                self.add(*began, begins, reason, first);
                for (node, place) in *ends {
                    if !self.is_application(*node) {
                        self.add(*node, begins, reason, Some(*place));
                    }
                }
            }
            before = Some((key, members, begins));
        }
        self.waves = waves;
    }

    /// Adds without looking for the same edge: each of these is made once.
    fn add(&mut self, from: NodeIndex, to: NodeIndex, reason: Reason, place: Option<Span>) {
        self.graph.dag.add_edge(from, to, Edge { reason, waits: true, text: "".into(), place });
    }

    fn is_application(&self, node: NodeIndex) -> bool {
        self.application_of(node).is_some()
    }

    /// The name of the Application that a node is.
    fn application_of(&self, node: NodeIndex) -> Option<AppName> {
        match self.graph.dag.node_weight(node) {
            Some(Node::Resource(r)) if &*r.group == "argoproj.io" && &*r.kind == "Application" => {
                Some(AppName { namespace: r.namespace.clone(), name: r.name.clone() })
            }
            _ => None,
        }
    }

    /// Ties Applications to what they apply: their waves begin when they are applied, and they are healthy when their last wave is.
    pub fn applications(&mut self) {
        let nodes: Vec<NodeIndex> =
            self.graph.nodes().map(|(_, node)| node).filter(|n| self.is_application(*n)).collect();
        for node in nodes {
            let Some(app) = self.application_of(node) else { continue };
            let own: Vec<(Phase, i64, Members)> =
                self.waves.of(&Some(app.clone())).map(|(p, w, m)| (p, w, m.clone())).collect();
            let (Some((first, number, _)), Some((last, end, members))) = (own.first(), own.last()) else { continue };
            let about = self.graph.about.get(&node).cloned().unwrap_or_default();
            let begins = self.graph.node(Node::Wave { application: Some(app.clone()), phase: *first, wave: *number });
            if let Some(phase) = about.phase
                && about.application.as_ref() != Some(&app)
                && let Some(parent) =
                    self.graph.find(&Node::Wave { application: about.application.clone(), phase, wave: about.wave })
            {
                self.link(parent, begins, Reason::Application, "", about.place);
            }
            let ends = self.graph.node(Node::Wave { application: Some(app), phase: *last, wave: *end });
            self.link(ends, node, Reason::Application, "", about.place);
            for (member, place) in members.iter().filter(|(member, _)| *member != node) {
                self.link(*member, node, Reason::Application, "", Some(*place));
            }
        }
    }
}

/// One application's next wave; SyncFail follows nothing.
fn follows(last: &Key, next: &Key) -> bool {
    last.0 == next.0 && (next.1 != Phase::SyncFail || last.1 == Phase::SyncFail)
}
