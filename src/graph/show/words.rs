//! For a person: waves in order, what is held and by which means, what rules wait for and do, and what comes after what.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::places::Places;
use crate::diagnostic::{Sources, Span};
use crate::graph::model::{Branch, Edge, Graph, Node, Reason};
use crate::rulebook::AppName;

/// Objects of a wave that are named; of more, the kinds are counted.
const NAMED_MAX: usize = 3;

/// Kinds that are counted by name.
const KINDS_MAX: usize = 5;

/// The graph as text.
#[must_use]
pub fn text(graph: &Graph, sources: &Sources) -> String {
    let mut words = Words { graph, places: Places::of(sources), out: String::new() };
    words.applications();
    words.rules();
    words.order();
    words.out
}

struct Words<'g> {
    graph: &'g Graph,
    places: Places<'g>,
    out: String,
}

impl<'g> Words<'g> {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn place(&self, place: Option<Span>) -> String {
        let place = place.and_then(|span| self.places.find(span));
        place.map_or_else(String::new, |place| format!("  ({}:{})", place.file, place.line))
    }

    fn edges(&self, node: NodeIndex, direction: Direction, reasons: &[Reason]) -> Vec<(NodeIndex, &'g Edge)> {
        let other = |e: &petgraph::graph::EdgeReference<'g, Edge>| {
            if direction == Direction::Incoming { e.source() } else { e.target() }
        };
        let edges = self.graph.dag.edges_directed(node, direction).filter(|e| reasons.contains(&e.weight().reason));
        let mut edges: Vec<_> = edges.map(|e| (other(&e), e.weight())).collect();
        edges.sort_by(|a, b| (self.graph.dag.node_weight(a.0), a.1).cmp(&(self.graph.dag.node_weight(b.0), b.1)));
        edges
    }

    fn applications(&mut self) {
        let mut before: Option<&Option<AppName>> = None;
        let graph = self.graph;
        for (node, index) in graph.nodes() {
            let Node::Wave { application, phase, wave } = node else { continue };
            let members = self.edges(index, Direction::Outgoing, &[Reason::InWave]);
            let held = self.edges(index, Direction::Incoming, &[Reason::Block, Reason::BlockAnnotation]);
            if before != Some(application) {
                self.heading(application);
                before = Some(application);
            }
            let summary = self.summary(&members.iter().map(|(node, _)| *node).collect::<Vec<_>>());
            let phase = if phase.name() == "Sync" { String::new() } else { format!("{} ", phase.name()) };
            self.line(&format!("  {:<18}{summary}", format!("{phase}wave {wave}")));
            for (gate, edge) in held {
                self.held(gate, edge);
            }
            for (member, _) in members {
                self.member(member);
            }
        }
    }

    fn heading(&mut self, application: &Option<AppName>) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let own = |node: &Node| matches!(node, Node::Wave { application: a, .. } if a == application);
        let waves = self.graph.nodes().filter(|(node, _)| own(node)).count();
        let objects =
            self.graph.about.values().filter(|about| about.rendered && about.application == *application).count();
        let name = application
            .as_ref()
            .map_or_else(|| "no application".to_owned(), |app| format!("application {}/{}", app.namespace, app.name));
        let size = if objects == 0 { String::new() } else { format!(": {objects} objects, {waves} waves") };
        self.line(&format!("{name}{size}"));
    }

    /// `job train`, or `14 objects: 12 × notebook, 2 × Service`.
    fn summary(&self, members: &[NodeIndex]) -> String {
        if members.len() <= NAMED_MAX {
            return members.iter().map(|node| self.graph.say(*node)).collect::<Vec<_>>().join(", ");
        }
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for node in members {
            if let Some(Node::Resource(resource)) = self.graph.dag.node_weight(*node) {
                *kinds.entry(&resource.word).or_default() += 1;
            }
        }
        let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let rest = kinds.split_off(kinds.len().min(KINDS_MAX));
        let mut words: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        if !rest.is_empty() {
            words.push(format!("{} of {} other kinds", rest.iter().map(|(_, count)| count).sum::<usize>(), rest.len()));
        }
        if words.len() == 1 { words.concat() } else { format!("{} objects: {}", members.len(), words.join(", ")) }
    }

    fn held(&mut self, gate: NodeIndex, edge: &Edge) {
        let Some(Node::Gate { rule, application, wave }) = self.graph.dag.node_weight(gate) else { return };
        let means =
            self.graph.blocks.iter().find(|b| b.rule == *rule && b.application == *application && b.wave == *wave);
        let until = self.when(rule, gate);
        let by = means.map_or_else(String::new, |means| format!(", by {}", means.text()));
        let word = if edge.waits { "held until" } else { "CANNOT be held until" };
        let by = if edge.waits { by } else { by.replace(", by nothing: ", ": ").replace("; nothing: ", "; ") };
        let line = format!("    {word} {until}{by}; rule {rule}{}", self.place(edge.place));
        self.line(&line);
    }

    /// What a resource is to rules, if anything.
    fn member(&mut self, node: NodeIndex) {
        let mut notes = Vec::new();
        for (action, edge) in
            self.edges(node, Direction::Outgoing, &[Reason::Condition, Reason::Trigger, Reason::Owner])
        {
            match self.graph.dag.node_weight(action) {
                Some(Node::Action { text, rule, branch: Branch::Then, .. }) => {
                    let said =
                        if edge.reason == Reason::Trigger { "annotation".to_owned() } else { format!("rule {rule}") };
                    notes.push(format!("then {}; {said}{}", self.graph.short(text), self.place(edge.place)));
                }
                Some(Node::Selection { rule, text }) if edge.reason == Reason::Owner => {
                    let text = self.graph.short(text);
                    notes.push(format!("makes runs: {text}; rule {rule}{}", self.place(edge.place)));
                }
                Some(Node::Choice { rule, .. }) => {
                    notes.push(format!("one side of `or` in rule {rule}{}", self.place(edge.place)))
                }
                _ => {}
            }
        }
        for (action, edge) in self.edges(node, Direction::Incoming, &[Reason::Effect]) {
            notes.push(format!("target of {}{}", self.graph.say(action), self.place(edge.place)));
        }
        for (earlier, edge) in self.edges(node, Direction::Incoming, &[Reason::After]) {
            notes.push(format!("after {}{}", self.graph.say(earlier), self.place(edge.place)));
        }
        if let Some(about) = self.graph.about.get(&node).filter(|about| about.wave_wanted != about.wave) {
            notes.push(format!("belongs in wave {}", about.wave_wanted));
        }
        if notes.is_empty() {
            return;
        }
        let name = self.graph.say(node);
        self.line(&format!("    {name}"));
        for note in notes {
            self.line(&format!("      {note}"));
        }
    }

    /// A rule's condition, and how many objects of the manifests its selections mean.
    fn when(&self, rule: &Arc<str>, node: NodeIndex) -> String {
        let when = self.graph.rules.get(rule).map_or_else(String::new, |note| self.graph.short(&note.when));
        let mut sources: Vec<NodeIndex> = vec![node];
        let mut counts = Vec::new();
        while let Some(at) = sources.pop() {
            for (from, _) in self.edges(at, Direction::Incoming, &[Reason::Condition]) {
                match self.graph.dag.node_weight(from) {
                    Some(Node::Choice { .. }) => sources.push(from),
                    Some(Node::Selection { .. }) => {
                        counts.push(self.edges(from, Direction::Incoming, &[Reason::Member]).len())
                    }
                    _ => {}
                }
            }
        }
        counts.retain(|count| *count > 0);
        let counts: Vec<String> = counts.iter().rev().map(usize::to_string).collect();
        if counts.is_empty() { when } else { format!("{when} [{} in the manifests]", counts.join(" and ")) }
    }

    fn rules(&mut self) {
        let mut rules: BTreeMap<Arc<str>, Vec<NodeIndex>> = BTreeMap::new();
        for (node, index) in self.graph.nodes() {
            if let Node::Gate { rule, .. } | Node::Action { rule, .. } = node {
                rules.entry(rule.clone()).or_default().push(index);
            }
        }
        if rules.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line("rules");
        for (rule, nodes) in rules {
            let title = self
                .graph
                .rules
                .get(&rule)
                .and_then(|note| note.title.clone())
                .map(|t| format!(": {t}"))
                .unwrap_or_default();
            self.line(&format!("  {rule}{title}"));
            let when = nodes.first().map(|node| self.when(&rule, *node)).unwrap_or_default();
            let place = self.place(self.graph.rules.get(&rule).map(|note| note.place));
            self.line(&format!("    when  {when}{place}"));
            for (branch, word) in [(Branch::Then, "then"), (Branch::Else, "else")] {
                for node in &nodes {
                    if let Some(Node::Action { text, branch: b, .. }) = self.graph.dag.node_weight(*node)
                        && *b == branch
                    {
                        let place = self.place(self.graph.places.get(node).copied());
                        let text = self.graph.short(text);
                        self.line(&format!("    {word}  {text}{place}"));
                    }
                }
            }
            for node in &nodes {
                if let Some(Node::Gate { application, wave, .. }) = self.graph.dag.node_weight(*node) {
                    let means = self
                        .graph
                        .blocks
                        .iter()
                        .find(|b| b.rule == rule && b.application == *application && b.wave == *wave);
                    let of = application
                        .as_ref()
                        .map(|app| format!(" of {}/{}", app.namespace, app.name))
                        .unwrap_or_default();
                    let by = means.map_or_else(String::new, |means| {
                        format!(" by {}{}", means.text(), self.place(Some(means.place)))
                    });
                    self.line(&format!("    holds wave {wave}{of}{by}"));
                }
            }
        }
    }

    /// `after` lines and the steps of models.
    fn order(&mut self) {
        let mut lines = Vec::new();
        for (_, later) in self.graph.nodes() {
            for (earlier, edge) in self.edges(later, Direction::Incoming, &[Reason::After, Reason::ModelStep]) {
                let why = if edge.reason == Reason::After { String::new() } else { format!(", {}", edge.text) };
                lines.push(format!(
                    "  {} after {}{why}{}",
                    self.graph.say(later),
                    self.graph.say(earlier),
                    self.place(edge.place)
                ));
            }
        }
        if lines.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line("order");
        for line in lines {
            self.line(&line);
        }
    }
}
