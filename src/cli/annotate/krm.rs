//! A KRM function: kustomize and kpt give a ResourceList on standard input and take one from standard output.
//!
//! The form is that of kustomize's and kpt's functions specification, `config.kubernetes.io/v1`: `items`, `functionConfig`, `results`.

use serde_json::{Map, Value, json};

use super::super::report::severity;
use super::proposal::Proposal;
use crate::diagnostic::Diagnostic;
use crate::graph::Move;
use crate::manifests::{Object, SYNC_WAVE, parse_yaml};

/// What stands on standard input.
pub(super) struct ResourceList {
    value: Value,
}

impl ResourceList {
    /// None for anything else.
    pub fn of(text: &str) -> Option<ResourceList> {
        if !text.contains("ResourceList") {
            return None;
        }
        let value = parse_yaml(text).ok()?;
        let field = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let known = field("kind") == "ResourceList" && field("apiVersion").starts_with("config.kubernetes.io/");
        known.then_some(ResourceList { value })
    }

    /// The rules of its configuration: of a ConfigMap the entries `rules` and `*.tide` of `data`, else `spec.rules`, a text or several by name.
    pub fn rules(&self) -> anyhow::Result<Vec<(String, String)>> {
        let Some(config) = self.value.get("functionConfig").filter(|config| !config.is_null()) else {
            return Ok(Vec::new());
        };
        let map = config.get("kind").and_then(Value::as_str) == Some("ConfigMap");
        let (place, rules) = if map {
            let data = config.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
            let named = |key: &String| key == "rules" || key.ends_with(".tide");
            ("data", Value::Object(data.into_iter().filter(|(key, _)| named(key)).collect()))
        } else {
            ("spec.rules", config.pointer("/spec/rules").cloned().unwrap_or_default())
        };
        let text = |name: String, value: &Value| match value.as_str() {
            Some(text) => Ok((name, text.to_owned())),
            None => Err(anyhow::anyhow!("`{name}` of the function's configuration is not a text")),
        };
        match &rules {
            Value::Null => Ok(Vec::new()),
            Value::Object(map) => {
                map.iter().map(|(key, value)| text(format!("functionConfig {place}.{key}"), value)).collect()
            }
            other => Ok(vec![text(format!("functionConfig {place}"), other)?]),
        }
    }

    /// The list with its items as they are now and the results of this function. Comments and order stay where the list is written in block style.
    pub fn finish(&self, text: &str, results: Vec<Value>) -> String {
        let Ok(mut value) = parse_yaml(text) else { return text.to_owned() };
        if results.is_empty() {
            return text.to_owned();
        }
        let before = value.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let fresh = before.is_empty() && value.get("results").is_none();
        let mut appended = text.trim_end_matches(['\n', '\r', ' ']).to_owned();
        appended.push_str("\nresults:\n");
        for result in &results {
            appended.push_str(&format!("- {result}\n"));
        }
        let all: Vec<Value> = before.into_iter().chain(results).collect();
        if let Some(map) = value.as_object_mut() {
            map.insert("results".to_owned(), Value::from(all));
        }
        // What is trimmed may have been part of a block scalar, and a list in flow style has no next line.
        if fresh && parse_yaml(&appended).is_ok_and(|read| read == value) {
            return appended;
        }
        format!("{value:#}\n")
    }
}

/// What was done and what was found, as results.
pub(super) fn results(proposal: &Proposal, found: &[Diagnostic]) -> Vec<Value> {
    let moves = proposal.waves.moves.iter().enumerate();
    let mut results: Vec<Value> = moves
        .filter(|(number, _)| !proposal.refused.contains_key(number))
        .filter_map(|(_, one)| Some(moved(one, proposal.object(one)?)))
        .collect();
    for one in found {
        let mut result = Map::new();
        let text = if one.help.is_empty() { one.message.clone() } else { format!("{}; {}", one.message, one.help) };
        result.insert("message".to_owned(), Value::from(format!("{}: {text}", one.code)));
        let word = severity(one.severity);
        result.insert("severity".to_owned(), Value::from(if word == "note" { "info" } else { word }));
        let object = proposal.platform.objects.iter().find(|object| {
            object.place.file == one.span.file && (object.place.start..=object.place.end).contains(&one.span.start)
        });
        if let Some(object) = object.filter(|_| one.span.file.0 > 0 || proposal.texts.len() == 1) {
            result.insert("resourceRef".to_owned(), reference(object));
        }
        results.push(Value::Object(result));
    }
    results
}

fn moved(one: &Move, object: &Object) -> Value {
    let was = one.from.map_or_else(|| "none".to_owned(), |wave| wave.to_string());
    let mut result = json!({
        "message": format!("wave {was} -> {}: {}", one.to, one.because.join("; ")),
        "severity": "info",
        "resourceRef": reference(object),
        "field": {
            "path": format!("metadata.annotations[{SYNC_WAVE}]"),
            "currentValue": one.from.map(|wave| wave.to_string()),
            "proposedValue": one.to.to_string(),
        },
    });
    let annotation = |key: &str| {
        let own = object.annotation(&format!("internal.config.kubernetes.io/{key}"));
        own.or_else(|| object.annotation(&format!("config.kubernetes.io/{key}")))
    };
    if let (Some(path), Some(map)) = (annotation("path"), result.as_object_mut()) {
        let index = annotation("index").and_then(|index| index.parse::<u64>().ok()).unwrap_or_default();
        map.insert("file".to_owned(), json!({"path": path, "index": index}));
    }
    result
}

fn reference(object: &Object) -> Value {
    let version = if object.group.is_empty() {
        object.version.to_string()
    } else {
        format!("{}/{}", object.group, object.version)
    };
    let mut reference = json!({"apiVersion": version, "kind": &*object.kind, "name": &*object.name});
    if let Some(map) = reference.as_object_mut().filter(|_| !object.namespace.is_empty()) {
        map.insert("namespace".to_owned(), Value::from(&*object.namespace));
    }
    reference
}
