//! Whether a document is an object, and what it is if it is none.

use serde_json::Value;

use crate::diagnostic::Severity;

/// What is wrong with a document.
#[derive(Debug)]
pub(super) struct Wrong {
    pub severity: Severity,
    pub message: String,
    pub help: &'static str,
    /// The field that it is about; empty: the document.
    pub path: &'static [&'static str],
}

impl Wrong {
    fn error(message: impl Into<String>, path: &'static [&'static str]) -> Option<Self> {
        Some(Wrong { severity: Severity::Error, message: message.into(), help: "", path })
    }

    fn note(message: &str, help: &'static str) -> Option<Self> {
        Some(Wrong { severity: Severity::Note, message: message.to_owned(), help, path: &[] })
    }
}

/// Why a document is not read.
pub(super) fn not_an_object(value: &Value) -> Option<Wrong> {
    let Some(fields) = value.as_object() else {
        return Wrong::error("a document must be an object with `apiVersion` and `kind`", &[]);
    };
    if is_encrypted(value) && ["apiVersion", "kind"].iter().any(|key| value.get(key).is_some_and(is_cipher)) {
        return Wrong::note(
            "not read: SOPS has encrypted its `apiVersion` and `kind`",
            "encrypt the data alone, for example with `encrypted_regex: ^(data|stringData)$` in .sops.yaml",
        );
    }
    for (key, path) in [("apiVersion", &["apiVersion"]), ("kind", &["kind"])] {
        if let Some(value) = fields.get(key).filter(|value| !value.is_string() && !value.is_null()) {
            return Wrong::error(format!("not read: `{key}` is {}, not a text", what(value)), path);
        }
    }
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion").is_empty() || text("kind").is_empty() {
        if ["apiVersion", "kind", "metadata"].iter().any(|key| fields.contains_key(*key)) {
            return Some(Wrong {
                severity: Severity::Warning,
                message: "not read: a document without `apiVersion` and `kind`".to_owned(),
                help: "",
                path: &[],
            });
        }
        // Values files and the like stand beside manifests.
        return Wrong::note("not an object: it has no `apiVersion`, `kind` or `metadata`", "");
    }
    if text("kind").ends_with("List")
        && let Some(items) = fields.get("items").filter(|items| !items.is_array() && !items.is_null())
    {
        return Wrong::error(format!("not read: `items` is {}, not a list", what(items)), &["items"]);
    }
    let metadata = fields.get("metadata").filter(|metadata| !metadata.is_object() && !metadata.is_null());
    metadata
        .and_then(|value| Wrong::error(format!("not read: `metadata` is {}, not a map", what(value)), &["metadata"]))
}

/// What the API server refuses in an object that can be read nevertheless.
pub(super) fn misshapen(object: &Value) -> Vec<Wrong> {
    const MAPS: [&[&str]; 3] = [&["metadata", "annotations"], &["metadata", "labels"], &["spec"]];
    let wrong = MAPS.into_iter().filter_map(|path| {
        let value = path.iter().try_fold(object, |value, key| value.get(*key))?;
        let wrong = !value.is_object() && !value.is_null() && !is_cipher(value);
        let message = || format!("`{}` is {}, not a map", path.join("."), what(value));
        wrong.then(|| Wrong::error(message(), path)).flatten()
    });
    wrong.collect()
}

/// Whether SOPS has encrypted some of a document: it adds a map `sops` with a message authentication code over all values, so that no value can
/// be changed without its key.
#[must_use]
pub fn is_encrypted(object: &Value) -> bool {
    object.get("sops").is_some_and(|sops| sops.get("mac").is_some() || sops.get("lastmodified").is_some())
}

/// A value that SOPS has encrypted.
#[must_use]
pub fn is_cipher(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("ENC[") && text.ends_with(']'))
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
        Value::Null => "nothing",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
    }
}
