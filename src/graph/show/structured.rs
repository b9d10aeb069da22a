//! The graph as JSON; the schema is in `docs/graph.md`.

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use serde_json::{Map, Value, json};

use super::places::Places;
use crate::diagnostic::{Diagnostic, Severity, Sources, Span};
use crate::graph::means::{EdgeMeans, Means};
use crate::graph::model::{Branch, Graph, Node, Resource};
use crate::rulebook::AppName;

/// Version of the schema. It changes when a field is taken away or changes its meaning, not when one is added.
pub const GRAPH_VERSION: u32 = 1;

/// The graph as JSON, ending in a newline. The same graph gives the same bytes.
#[must_use]
pub fn json(graph: &Graph, sources: &Sources) -> String {
    let places = &Places::of(sources);
    let nodes: Vec<Value> = graph.nodes().map(|(node, index)| node_json(graph, places, node, index)).collect();
    let mut edges: Vec<_> = graph.dag.edge_references().collect();
    let weight = |index: NodeIndex| graph.dag.node_weight(index);
    edges.sort_by(|a, b| {
        (weight(a.source()), weight(a.target()), a.weight()).cmp(&(weight(b.source()), weight(b.target()), b.weight()))
    });
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let mut value = json!({
                "from": weight(edge.source()).map(id),
                "to": weight(edge.target()).map(id),
                "reason": edge.weight().reason.word(),
                "waits": edge.weight().waits,
            });
            set(&mut value, "text", (!edge.weight().text.is_empty()).then(|| json!(edge.weight().text)));
            set(&mut value, "place", edge.weight().place.map(|span| place(places, span)));
            value
        })
        .collect();
    let blocks: Vec<Value> = graph
        .blocks
        .iter()
        .map(|block| {
            let mut value = json!({
                "rule": block.rule,
                "application": block.application.as_ref().map(app),
                "wave": block.wave,
                "place": place(places, block.place),
                "edges": block.edges.iter().map(|edge| means(places, edge)).collect::<Vec<_>>(),
            });
            set(&mut value, "hookWave", block.hook_wave().map(Value::from));
            set(&mut value, "hook", block.hook.as_ref().map(|hook| Value::from(&*hook.name)));
            value
        })
        .collect();
    let rules: Vec<Value> = graph
        .rules
        .iter()
        .map(|(name, rule)| {
            let mut value = json!({ "name": name, "when": rule.when, "annotated": rule.annotated, "place": place(places, rule.place) });
            set(&mut value, "title", rule.title.as_ref().map(|title| json!(title)));
            value
        })
        .collect();
    let findings: Vec<Value> = graph.diagnostics.iter().map(|d| finding(places, d)).collect();
    let value = json!({ "version": GRAPH_VERSION, "nodes": nodes, "edges": edges, "rules": rules, "blocks": blocks, "findings": findings });
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn set(value: &mut Value, key: &str, field: Option<Value>) {
    if let (Some(map), Some(field)) = (value.as_object_mut(), field) {
        map.insert(key.to_owned(), field);
    }
}

fn app(app: &AppName) -> String {
    format!("{}/{}", app.namespace, app.name)
}

fn place(places: &Places<'_>, span: Span) -> Value {
    places.find(span).map_or(Value::Null, |p| json!({ "file": p.file, "line": p.line, "column": p.column }))
}

/// The identity of a node, the same in every run over the same input.
pub(super) fn id(node: &Node) -> String {
    let of = |application: &Option<AppName>| application.as_ref().map(app).unwrap_or_default();
    match node {
        Node::Wave { application, phase, wave } => format!("wave/{}/{}/{wave}", of(application), phase.name()),
        Node::Resource(Resource { group, kind, namespace, name, .. }) => {
            format!("resource/{group}/{kind}/{namespace}/{name}")
        }
        Node::Selection { text, rule } => format!("selection/{rule}/{text}"),
        Node::Choice { rule, index } => format!("choice/{rule}/{index}"),
        Node::Gate { rule, application, wave } => format!("gate/{rule}/{}/{wave}", of(application)),
        Node::Action { rule, branch, index, .. } => {
            format!("action/{rule}/{}/{index}", if *branch == Branch::Then { "then" } else { "else" })
        }
    }
}

fn node_json(graph: &Graph, places: &Places<'_>, node: &Node, index: NodeIndex) -> Value {
    let mut value = json!({ "id": id(node), "text": graph.say(index) });
    set(&mut value, "layer", graph.layers.get(index.index()).map(|layer| json!(layer)));
    let own = match node {
        Node::Wave { application, phase, wave } => {
            json!({ "type": "wave", "application": application.as_ref().map(app), "phase": phase.name(), "wave": wave })
        }
        Node::Resource(resource) => resource_json(graph, places, resource, index),
        Node::Selection { rule, text } => json!({ "type": "selection", "rule": rule, "selection": text }),
        Node::Choice { rule, .. } => json!({ "type": "choice", "rule": rule }),
        Node::Gate { rule, application, wave } => {
            json!({ "type": "gate", "rule": rule, "application": application.as_ref().map(app), "wave": wave })
        }
        Node::Action { rule, branch, index, text } => {
            let branch = if *branch == Branch::Then { "then" } else { "else" };
            json!({ "type": "action", "rule": rule, "branch": branch, "index": index, "action": text })
        }
    };
    let Value::Object(fields) = own else { return value };
    for (key, field) in fields {
        set(&mut value, &key, Some(field));
    }
    value
}

fn resource_json(graph: &Graph, places: &Places<'_>, resource: &Resource, index: NodeIndex) -> Value {
    let about = graph.about.get(&index).cloned().unwrap_or_default();
    let mut value = json!({
        "type": "resource",
        "group": resource.group,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        "rendered": about.rendered,
    });
    set(&mut value, "place", about.place.map(|span| place(places, span)));
    if about.rendered {
        set(&mut value, "application", about.application.as_ref().map(|a| json!(app(a))));
        set(&mut value, "phase", about.phase.map(|phase| json!(phase.name())));
        set(&mut value, "wave", Some(json!(about.wave)));
        set(&mut value, "waveGiven", Some(json!(about.wave_given)));
        set(&mut value, "waveWanted", Some(json!(about.wave_wanted)));
        set(&mut value, "hook", Some(json!(about.hook)));
    }
    value
}

fn means(places: &Places<'_>, edge: &EdgeMeans) -> Value {
    let mut value = Map::new();
    value.insert("what".to_owned(), json!(edge.what));
    value.insert("place".to_owned(), place(places, edge.place));
    if let Some(object) = &edge.object {
        value.insert("object".to_owned(), json!(object));
    }
    let (word, why) = match &edge.means {
        Means::Health { .. } => ("health", None),
        Means::Hook { why } => ("hook", Some(why)),
        Means::Unknown => ("unknown", None),
        Means::Impossible { why, .. } => ("impossible", Some(why)),
    };
    value.insert("means".to_owned(), json!(word));
    if let Some(why) = why {
        value.insert("why".to_owned(), json!(why));
    }
    Value::Object(value)
}

fn finding(places: &Places<'_>, d: &Diagnostic) -> Value {
    let severity = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let related: Vec<Value> =
        d.related.iter().map(|(span, text)| json!({ "place": place(places, *span), "text": text })).collect();
    let mut value = json!({ "code": d.code.to_string(), "severity": severity, "message": d.message, "place": place(places, d.span) });
    set(&mut value, "help", (!d.help.is_empty()).then(|| json!(d.help)));
    set(&mut value, "related", (!related.is_empty()).then_some(Value::Array(related)));
    value
}
