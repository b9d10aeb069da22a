//! Takes away what differs from server to server and from run to run, and keeps the order and identity of it: uids and
//! resourceVersions of objects become numbers within their case, smallest resourceVersion first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Longer texts are shown by their length.
const TEXT_BYTES_MAX: usize = 1500;

/// What a case has seen.
#[derive(Default)]
pub struct Normal {
    namespace: String,
    uids: Vec<String>,
    versions: BTreeSet<u64>,
    generated: BTreeMap<String, String>,
}

impl Normal {
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    /// Notes what an answer names. To be called for each answer before any is shown.
    pub fn see(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.see(item)),
            Value::Object(fields) => {
                if let Some(uid) = fields.get("uid").and_then(Value::as_str)
                    && !self.uids.iter().any(|known| known == uid)
                {
                    self.uids.push(uid.to_owned());
                }
                if let Some(version) = fields.get("resourceVersion").and_then(Value::as_str)
                    && fields.contains_key("name")
                {
                    self.versions.insert(version.parse().unwrap());
                }
                let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
                let (prefix, name) = (text("generateName"), text("name"));
                if !prefix.is_empty() && name.starts_with(prefix) && name.len() == prefix.len() + 5 {
                    self.generated.insert(name.to_owned(), format!("{prefix}<5>"));
                }
                fields.values().for_each(|inner| self.see(inner));
            }
            _ => {}
        }
    }

    fn version(&self, version: &str) -> String {
        let rank = version.parse().ok().and_then(|version: u64| self.versions.iter().position(|v| *v == version));
        rank.map_or("<rv>".to_owned(), |rank| format!("<rv {}>", rank + 1))
    }

    /// The answer in its normal form.
    pub fn show(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.show(item)).collect(),
            Value::Object(fields) => {
                let mut shown = serde_json::Map::new();
                for (key, inner) in fields.iter().filter(|(key, _)| *key != "managedFields") {
                    shown.insert(self.text(key), self.field(key, inner, fields));
                }
                if fields.get("type").is_some_and(|kind| kind == "BOOKMARK") {
                    // Typed kinds show empty fields of their own here.
                    let object = shown.get_mut("object").and_then(Value::as_object_mut).unwrap();
                    object.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));
                }
                Value::Object(shown)
            }
            other => other.clone(),
        }
    }

    fn field(&self, key: &str, value: &Value, within: &serde_json::Map<String, Value>) -> Value {
        match (key, value) {
            ("resourceVersion", Value::String(version)) if within.contains_key("name") => {
                Value::from(self.version(version))
            }
            ("resourceVersion", Value::String(_)) => Value::from("<rv>"),
            ("creationTimestamp" | "deletionTimestamp" | "lastTransitionTime", Value::String(_)) => {
                Value::from("<time>")
            }
            ("continue", Value::String(token)) if !token.is_empty() => Value::from("<token>"),
            // A validation that runs twice repeats its causes.
            ("causes", Value::Array(causes)) => {
                let mut kept: Vec<Value> = Vec::new();
                for cause in causes.iter().map(|cause| self.show(cause)) {
                    if !kept.contains(&cause) {
                        kept.push(cause);
                    }
                }
                // Conflicts of several managers come in any order.
                if kept.iter().any(|cause| cause["reason"] == "FieldManagerConflict") {
                    kept.sort_by_key(Value::to_string);
                }
                Value::Array(kept)
            }
            // Resources of custom groups are discovered in any order.
            ("resources", Value::Array(resources)) if resources.iter().all(|resource| resource["name"].is_string()) => {
                let mut shown: Vec<Value> = resources.iter().map(|resource| self.show(resource)).collect();
                shown.sort_by_key(|resource| resource["name"].to_string());
                Value::Array(shown)
            }
            ("message", Value::String(message)) => Value::from(self.message(message)),
            _ => self.show(value),
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.replace(&self.namespace, "$ns");
        for (index, uid) in self.uids.iter().enumerate() {
            text = text.replace(uid, &format!("<uid {}>", index + 1));
        }
        for (name, shown) in &self.generated {
            text = text.replace(name, shown);
        }
        if text.len() > TEXT_BYTES_MAX { format!("<{} bytes>", text.len()) } else { text }
    }

    /// Messages name revisions in brackets, and after `current:`.
    fn message(&self, message: &str) -> String {
        let mut shown = String::new();
        let mut rest = message;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (number, after) = from.split_at(end);
            let revision = (before.ends_with('(') && after.starts_with(')')) || before.ends_with("current: ");
            shown.push_str(before);
            shown.push_str(&if revision { self.version(number) } else { number.to_owned() });
            rest = after;
        }
        shown.push_str(rest);
        self.text(&shown)
    }
}

/// Only the picked fields: paths of keys joined by dots, through lists.
pub fn pick(value: &Value, paths: &[String]) -> Value {
    if paths.is_empty() {
        return value.clone();
    }
    let mut picked = Value::Null;
    for path in paths {
        let keys: Vec<&str> = path.split('.').collect();
        if let Some(found) = pick_one(value, &keys) {
            merge(&mut picked, found);
        }
    }
    picked
}

fn pick_one(value: &Value, keys: &[&str]) -> Option<Value> {
    let Some((first, rest)) = keys.split_first() else { return Some(value.clone()) };
    match value {
        Value::Array(items) => {
            Some(items.iter().map(|item| pick_one(item, keys).unwrap_or_else(|| serde_json::json!({}))).collect())
        }
        Value::Object(fields) => {
            let inner = pick_one(fields.get(*first)?, rest)?;
            Some(serde_json::json!({ *first: inner }))
        }
        _ => None,
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.iter_mut().zip(from).for_each(|(a, b)| merge(a, b)),
        (into, from) => *into = from,
    }
}
