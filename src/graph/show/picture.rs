//! The graph as DOT and Mermaid. Objects that no rule is about are counted in their wave, not drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::graph::model::{Edge, Graph, Node, Reason};
use crate::manifests::Phase;
use crate::rulebook::AppName;

/// Edges from the members of a selection are drawn up to here; more are counted.
const MEMBERS_MAX: usize = 5;

/// What is drawn.
struct Picture<'g> {
    graph: &'g Graph,
    /// Ids of the nodes that are drawn: places in the order of output.
    ids: BTreeMap<NodeIndex, String>,
    /// Each wave, in order, with the objects that are drawn in it and how many are not.
    waves: Vec<(NodeIndex, Vec<NodeIndex>, usize)>,
    /// Drawn outside of waves.
    loose: Vec<NodeIndex>,
    edges: Vec<(NodeIndex, NodeIndex, &'g Edge)>,
}

/// Argo CD's own edges; the chain of waves says them all.
fn implied(edge: &Edge) -> bool {
    matches!(edge.reason, Reason::InWave | Reason::WaveOrder | Reason::Phase | Reason::Application)
}

/// An application and its waves.
type Group<'p> = (Option<&'p AppName>, Vec<&'p (NodeIndex, Vec<NodeIndex>, usize)>);

/// How many objects of the manifests a selection means.
fn members(graph: &Graph, selection: NodeIndex) -> usize {
    let edges = graph.dag.edges_directed(selection, petgraph::Direction::Incoming);
    edges.filter(|e| e.weight().reason == Reason::Member).count()
}

impl<'g> Picture<'g> {
    fn of(graph: &'g Graph) -> Self {
        let wave = |node: NodeIndex| matches!(graph.dag.node_weight(node), Some(Node::Wave { .. }));
        let drawn = |e: &petgraph::graph::EdgeReference<'g, Edge>| match e.weight().reason {
            Reason::Member => members(graph, e.target()) <= MEMBERS_MAX,
            _ => !implied(e.weight()) || (wave(e.source()) && wave(e.target())),
        };
        let mut edges: Vec<_> = graph.dag.edge_references().filter(drawn).collect();
        let weight = |index: NodeIndex| graph.dag.node_weight(index);
        edges.sort_by(|a, b| {
            (weight(a.source()), weight(a.target()), a.weight()).cmp(&(
                weight(b.source()),
                weight(b.target()),
                b.weight(),
            ))
        });
        let asked: BTreeSet<NodeIndex> = edges.iter().flat_map(|e| [e.source(), e.target()]).collect();
        let mut picture =
            Picture { graph, ids: BTreeMap::new(), waves: Vec::new(), loose: Vec::new(), edges: Vec::new() };
        let mut within = BTreeSet::new();
        for (place, (node, index)) in graph.nodes().enumerate() {
            let mut inside = Vec::new();
            let mut hidden = 0;
            if matches!(node, Node::Wave { .. }) {
                for edge in graph.dag.edges(index).filter(|e| e.weight().reason == Reason::InWave) {
                    if asked.contains(&edge.target()) {
                        inside.push(edge.target());
                    } else {
                        hidden += 1;
                    }
                }
                inside.sort_by_key(|node| weight(*node));
                within.extend(inside.iter().copied());
                picture.waves.push((index, inside, hidden));
            } else if !asked.contains(&index) {
                continue;
            }
            picture.ids.insert(index, format!("n{place}"));
        }
        let loose = graph.nodes().map(|(_, index)| index);
        picture.loose = loose.filter(|n| picture.ids.contains_key(n) && !within.contains(n) && !wave(*n)).collect();
        picture.edges = edges.into_iter().map(|e| (e.source(), e.target(), e.weight())).collect();
        picture
    }

    fn id(&self, node: NodeIndex) -> &str {
        self.ids.get(&node).map_or("", String::as_str)
    }

    fn label(&self, node: NodeIndex) -> String {
        match self.graph.dag.node_weight(node) {
            Some(Node::Wave { phase, wave, .. }) if *phase == Phase::Sync => format!("wave {wave}"),
            Some(Node::Wave { phase, wave, .. }) => format!("{} wave {wave}", phase.name()),
            Some(Node::Choice { .. }) => "or".to_owned(),
            Some(Node::Gate { wave, .. }) => format!("block wave {wave}"),
            Some(Node::Action { text, .. }) => self.graph.short(text),
            Some(Node::Selection { .. }) => match members(self.graph, node) {
                n if n > MEMBERS_MAX => format!("{} ({n} objects)", self.graph.say(node)),
                _ => self.graph.say(node),
            },
            _ => self.graph.say(node),
        }
    }

    fn wave_label(&self, node: NodeIndex, drawn: usize, hidden: usize) -> String {
        let count = match (drawn, hidden) {
            (_, 0) => String::new(),
            (0, 1) => " (1 object)".to_owned(),
            (0, n) => format!(" ({n} objects)"),
            (_, n) => format!(" ({n} more)"),
        };
        format!("{}{count}", self.label(node))
    }

    /// What is written at an edge.
    fn edge_label(&self, edge: &Edge) -> String {
        match edge.reason {
            Reason::Condition => {
                edge.text.to_string().rsplit_once(' ').map_or(String::new(), |(_, word)| word.to_owned())
            }
            Reason::Trigger | Reason::BlockAnnotation => "annotation".to_owned(),
            Reason::Block if !edge.waits => "cannot hold".to_owned(),
            Reason::Block => "holds".to_owned(),
            Reason::After => "then".to_owned(),
            Reason::ModelStep => edge.text.to_string(),
            Reason::Effect => "acts on".to_owned(),
            Reason::Owner => "makes".to_owned(),
            Reason::InWave
            | Reason::WaveOrder
            | Reason::Phase
            | Reason::Member
            | Reason::Sequence
            | Reason::Application => String::new(),
        }
    }

    fn application(&self, node: NodeIndex) -> Option<&AppName> {
        match self.graph.dag.node_weight(node) {
            Some(Node::Wave { application, .. }) => application.as_ref(),
            _ => None,
        }
    }

    /// Waves by application, in order.
    fn by_application(&self) -> Vec<Group<'_>> {
        let mut out: Vec<Group<'_>> = Vec::new();
        for wave in &self.waves {
            let application = self.application(wave.0);
            match out.last_mut().filter(|(last, _)| *last == application) {
                Some((_, waves)) => waves.push(wave),
                None => out.push((application, vec![wave])),
            }
        }
        out
    }
}

/// The graph in Graphviz' language.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let picture = Picture::of(graph);
    let mut out = "digraph tidegate {\n  compound=true;\n  node [fontname=\"sans-serif\", fontsize=11];\n  \
        edge [fontname=\"sans-serif\", fontsize=9];\n"
        .to_owned();
    for (number, (application, waves)) in picture.by_application().into_iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_app{number} {{");
        let name = application
            .map_or_else(|| "no application".to_owned(), |app| format!("application {}/{}", app.namespace, app.name));
        let _ = writeln!(out, "    label={}; fontname=\"sans-serif\"; style=dashed; color=gray50;", dot_text(&name));
        for (wave, inside, hidden) in waves {
            let label = dot_text(&picture.wave_label(*wave, inside.len(), *hidden));
            let id = picture.id(*wave);
            if inside.is_empty() {
                let _ = writeln!(out, "    {id} [shape=box, style=rounded, label={label}];");
                continue;
            }
            let _ = writeln!(
                out,
                "    subgraph cluster_{id} {{\n      label={label}; style=rounded; color=gray30; fontsize=11;"
            );
            let _ = writeln!(out, "      {id} [shape=point, style=invis];");
            for node in inside {
                let _ = writeln!(out, "      {} [{}];", picture.id(*node), dot_shape(&picture, *node));
            }
            out.push_str("    }\n");
        }
        out.push_str("  }\n");
    }
    for node in &picture.loose {
        let _ = writeln!(out, "  {} [{}];", picture.id(*node), dot_shape(&picture, *node));
    }
    let boxed: BTreeSet<NodeIndex> =
        picture.waves.iter().filter(|(_, inside, _)| !inside.is_empty()).map(|(wave, ..)| *wave).collect();
    for (from, to, edge) in &picture.edges {
        let (a, b) = (picture.id(*from), picture.id(*to));
        let mut style = vec![format!("label={}", dot_text(&picture.edge_label(edge)))];
        if boxed.contains(from) {
            style.push(format!("ltail=cluster_{a}"));
        }
        if boxed.contains(to) {
            style.push(format!("lhead=cluster_{b}"));
        }
        if !edge.waits {
            style.push("style=dashed".to_owned());
        }
        if matches!(edge.reason, Reason::WaveOrder | Reason::Phase) {
            style.push("color=gray60, weight=10".to_owned());
        }
        if edge.reason == Reason::Effect {
            style.push("constraint=false".to_owned());
        }
        let _ = writeln!(out, "  {a} -> {b} [{}];", style.join(", "));
    }
    out.push_str("}\n");
    out
}

fn dot_shape(picture: &Picture<'_>, node: NodeIndex) -> String {
    let look = match picture.graph.dag.node_weight(node) {
        Some(Node::Gate { .. }) => "shape=hexagon, style=filled, fillcolor=\"#ffd7d7\"",
        Some(Node::Action { .. }) => "shape=cds, style=filled, fillcolor=\"#d7e8ff\"",
        Some(Node::Choice { .. }) => "shape=diamond",
        Some(Node::Selection { .. }) => "shape=box, style=\"dashed,rounded\"",
        _ => "shape=box, style=filled, fillcolor=\"#f4f4f4\"",
    };
    format!("{look}, label={}", dot_text(&picture.label(node)))
}

fn dot_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The graph in Mermaid's language.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let picture = Picture::of(graph);
    let mut out = "flowchart TB\n".to_owned();
    for (number, (application, waves)) in picture.by_application().into_iter().enumerate() {
        let name = application
            .map_or_else(|| "no application".to_owned(), |app| format!("application {}/{}", app.namespace, app.name));
        let _ = writeln!(out, "  subgraph app{number}[{}]", mermaid_text(&name));
        for (wave, inside, hidden) in waves {
            let label = mermaid_text(&picture.wave_label(*wave, inside.len(), *hidden));
            if inside.is_empty() {
                let _ = writeln!(out, "    {}([{label}])", picture.id(*wave));
                continue;
            }
            let _ = writeln!(out, "    subgraph {}[{label}]", picture.id(*wave));
            for node in inside {
                let _ = writeln!(out, "      {}", mermaid_shape(&picture, *node));
            }
            out.push_str("    end\n");
        }
        out.push_str("  end\n");
    }
    for node in &picture.loose {
        let _ = writeln!(out, "  {}", mermaid_shape(&picture, *node));
    }
    for (from, to, edge) in &picture.edges {
        let arrow = if edge.waits { "-->" } else { "-.->" };
        let label = picture.edge_label(edge);
        let label = if label.is_empty() { String::new() } else { format!("|{}|", mermaid_text(&label)) };
        let _ = writeln!(out, "  {} {arrow}{label} {}", picture.id(*from), picture.id(*to));
    }
    out
}

fn mermaid_shape(picture: &Picture<'_>, node: NodeIndex) -> String {
    let (id, label) = (picture.id(node), mermaid_text(&picture.label(node)));
    match picture.graph.dag.node_weight(node) {
        Some(Node::Gate { .. }) => format!("{id}{{{{{label}}}}}"),
        Some(Node::Action { .. }) => format!("{id}[/{label}/]"),
        Some(Node::Choice { .. }) => format!("{id}{{{label}}}"),
        Some(Node::Selection { .. }) => format!("{id}[[{label}]]"),
        _ => format!("{id}[{label}]"),
    }
}

/// Quoted; what is not plain goes by its code point, so that no name can end the label or start markup.
fn mermaid_text(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        if c.is_alphanumeric() || " ._/:;,=+-()".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out.push('"');
    out
}
