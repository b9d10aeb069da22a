//! A rulebook and manifests to a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::graph::NodeIndex;

use super::model::{About, Edge, Graph, Node, Reason, Resource};
use super::order::Waves;
use super::{cycles, layers, loops};
use crate::diagnostic::{self, Span};
use crate::manifests::{App, Object, Platform};
use crate::rulebook::{AppName, ObjectRef, Rulebook};

/// Makes the graph. Without a platform no object has a wave, and blocks hold waves that may not exist. The same rules and objects in any order give the same
/// graph. What is wrong is in [`Graph::diagnostics`], whose spans point into the texts of both.
#[must_use]
pub fn build(rulebook: &Rulebook, platform: Option<&Platform>) -> Graph {
    let mut builder = Builder::over(rulebook, platform);
    builder.platform();
    builder.rules();
    builder.annotations();
    builder.afters();
    builder.models();
    builder.applications();
    loops::check(&mut builder);
    let mut graph = builder.graph;
    layers::waves(&mut graph);
    cycles::check(&mut graph);
    graph.layers = layers::layers(&graph);
    graph.blocks.sort_by(|a, b| a.key().cmp(&b.key()));
    diagnostic::sort(&mut graph.diagnostics);
    graph
}

/// A graph on its way.
pub(super) struct Builder<'b> {
    pub rulebook: &'b Rulebook,
    pub platform: Option<&'b Platform>,
    pub graph: Graph,
    pub waves: Waves,
    /// Places in [`Platform::objects`] by group and Kind.
    pub kinds: BTreeMap<(Arc<str>, Arc<str>), Vec<usize>>,
}

/// The rulebook's form of a name in manifests.
pub(super) fn app_name(rulebook: &Rulebook, app: &App) -> AppName {
    let home = rulebook.application.as_ref().filter(|home| app.namespace.is_empty() && home.name == app.name);
    let namespace = home.map_or_else(|| app.namespace.clone(), |home| home.namespace.clone());
    AppName { namespace, name: app.name.clone() }
}

impl<'b> Builder<'b> {
    pub fn over(rulebook: &'b Rulebook, platform: Option<&'b Platform>) -> Self {
        let mut kinds: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, object) in platform.iter().flat_map(|p| &p.objects).enumerate() {
            kinds.entry((object.group.clone(), object.kind.clone())).or_default().push(at);
        }
        let graph = Graph { namespace: rulebook.namespace.clone(), ..Graph::default() };
        Builder { rulebook, platform, graph, waves: Waves::default(), kinds }
    }

    /// The object of the manifests behind a reference.
    pub fn object(&self, object: &ObjectRef) -> Option<&'b Object> {
        let kind = self.rulebook.kind(object.kind)?;
        self.platform?.find(&kind.group, &kind.kind, &object.namespace, &object.name)
    }

    /// The node of an object of the manifests.
    pub fn rendered(&mut self, object: &Object) -> NodeIndex {
        let kind = self.rulebook.kind_by_type(&object.group, &object.kind);
        let word =
            kind.and_then(|kind| self.rulebook.kind(kind)).map_or_else(|| object.kind.clone(), |k| k.short.clone());
        let resource = Resource {
            word,
            group: object.group.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        };
        let node = self.graph.node(Node::Resource(resource));
        let application = object.application.as_ref().map(|app| app_name(self.rulebook, app));
        self.graph.about.entry(node).or_insert_with(|| About {
            kind,
            application,
            rendered: true,
            phase: object.phase(),
            wave: object.wave,
            wave_given: object.wave_given,
            hook: object.hook.hook,
            wave_wanted: object.wave,
            place: Some(object.place),
            wave_place: Some(object.wave_place),
        });
        node
    }

    /// The node of an object that rules name, whether it is among the manifests or not.
    pub fn named(&mut self, object: &ObjectRef, place: Span) -> NodeIndex {
        if let Some(rendered) = self.object(object) {
            return self.rendered(rendered);
        }
        let kind = self.rulebook.kind(object.kind);
        let text = |of: fn(&crate::rulebook::Kind) -> &Arc<str>| kind.map_or_else(|| Arc::from("?"), |k| of(k).clone());
        let resource = Resource {
            word: text(|k| &k.short),
            group: text(|k| &k.group),
            kind: text(|k| &k.kind),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        };
        let node = self.graph.node(Node::Resource(resource));
        let about = About { kind: Some(object.kind), place: Some(place), ..About::default() };
        self.graph.about.entry(node).or_insert(about);
        node
    }

    pub fn link(&mut self, from: NodeIndex, to: NodeIndex, reason: Reason, text: &str, place: Option<Span>) {
        self.graph.edge(from, to, Edge { reason, waits: true, text: text.into(), place });
    }

    /// An edge that orders nothing by force.
    pub fn hint(&mut self, from: NodeIndex, to: NodeIndex, reason: Reason, text: &str, place: Option<Span>) {
        self.graph.edge(from, to, Edge { reason, waits: false, text: text.into(), place });
    }
}
