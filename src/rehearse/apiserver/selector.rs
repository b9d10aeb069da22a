//! Label and field selectors of list, watch and deletecollection.

use serde_json::Value;

use super::failure::ApiError;
use super::json::{Object, at, meta_map};
use super::kinds::Resource;

/// Both selectors of a request. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

/// One requirement on labels.
#[derive(Clone, Debug, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Parses both; empty text selects everything.
    pub fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, ApiError> {
        let labels = Parser::new(labels).requirements().map_err(ApiError::bad_request)?;
        Ok(Self { labels, fields: parse_fields(resource, fields)? })
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether a stored object is selected.
    pub fn matches(&self, object: &Object) -> bool {
        let labels = meta_map(object, "labels");
        let label = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
        let holds = |requirement: &Requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|v| values.iter().all(|w| w != v)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        };
        self.labels.iter().all(holds)
            && self.fields.iter().all(|(path, equal, value)| (field(object, path) == *value) == *equal)
    }
}

/// A field as text; an absent one is empty.
fn field(object: &Object, path: &str) -> String {
    let keys: Vec<&str> = path.split('.').collect();
    match at(object, &keys) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// The field selectors that the real server knows for a kind, beside name and namespace. Events are stored as core
/// Events, so their `events.k8s.io` names are mapped.
fn known_fields(resource: &Resource) -> &'static [(&'static str, &'static str)] {
    match (resource.custom, resource.plural.as_str()) {
        (false, "pods") => &[
            ("spec.nodeName", "spec.nodeName"),
            ("spec.restartPolicy", "spec.restartPolicy"),
            ("spec.serviceAccountName", "spec.serviceAccountName"),
            ("spec.schedulerName", "spec.schedulerName"),
            ("status.phase", "status.phase"),
        ],
        (false, "events") => &[
            ("involvedObject.kind", "involvedObject.kind"),
            ("involvedObject.namespace", "involvedObject.namespace"),
            ("involvedObject.name", "involvedObject.name"),
            ("involvedObject.uid", "involvedObject.uid"),
            ("regarding.kind", "involvedObject.kind"),
            ("regarding.namespace", "involvedObject.namespace"),
            ("regarding.name", "involvedObject.name"),
            ("regarding.uid", "involvedObject.uid"),
            ("reason", "reason"),
            ("reportingComponent", "reportingComponent"),
            ("reportingController", "reportingComponent"),
            ("type", "type"),
        ],
        (false, "jobs") => &[("status.successful", "status.succeeded")],
        (false, "namespaces") => &[("status.phase", "status.phase")],
        (false, "secrets") => &[("type", "type")],
        _ => &[],
    }
}

fn parse_fields(resource: &Resource, text: &str) -> Result<Vec<(String, bool, String)>, ApiError> {
    let mut fields = Vec::new();
    for term in text.split(',').filter(|term| !term.is_empty()) {
        let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (path, true, value)
        } else {
            return Err(ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{term}'")));
        };
        let known = known_fields(resource);
        let stored = match path {
            "metadata.name" | "metadata.namespace" => path,
            _ => known.iter().find(|(name, _)| *name == path).map(|(_, stored)| *stored).ok_or_else(|| {
                ApiError::bad_request(if resource.custom || !known.is_empty() {
                    format!("field label not supported: {path}")
                } else {
                    format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
                })
            })?,
        };
        fields.push((stored.to_owned(), equal, value.to_owned()));
    }
    Ok(fields)
}

/// Reads label selectors: words, and the marks `, ( ) ! = == != in notin`.
struct Parser {
    tokens: Vec<String>,
    next: usize,
}

impl Parser {
    fn new(text: &str) -> Self {
        let mut tokens: Vec<String> = Vec::new();
        let mut word = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let mark = matches!(c, ',' | '(' | ')' | '!' | '=' | '<' | '>');
            if !mark && !c.is_whitespace() {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if mark {
                let mut token = String::from(c);
                if matches!(c, '!' | '=') && chars.next_if_eq(&'=').is_some() {
                    token.push('=');
                }
                tokens.push(token);
            }
        }
        if !word.is_empty() {
            tokens.push(word);
        }
        Self { tokens, next: 0 }
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.next).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        let token = self.peek().to_owned();
        self.next += 1;
        token
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut all = Vec::new();
        if self.tokens.is_empty() {
            return Ok(all);
        }
        loop {
            all.push(self.requirement().map_err(|e| format!("unable to parse requirement: {e}"))?);
            match self.take().as_str() {
                "" => return Ok(all),
                "," if is_word(self.peek()) || self.peek() == "!" => {}
                "," => return Err(format!("found '{}', expected: identifier after ','", self.peek())),
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        if self.peek() == "!" {
            self.take();
            return self.key().map(Requirement::Absent);
        }
        let key = self.key()?;
        match self.peek() {
            "" | "," => Ok(Requirement::Exists(key)),
            "=" | "==" | "!=" => {
                let equal = self.take() != "!=";
                let value = if is_word(self.peek()) { self.take() } else { String::new() };
                Ok(if equal { Requirement::In(key, vec![value]) } else { Requirement::NotIn(key, vec![value]) })
            }
            "in" | "notin" => {
                let within = self.take() == "in";
                let values = self.values()?;
                Ok(if within { Requirement::In(key, values) } else { Requirement::NotIn(key, values) })
            }
            other => Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    fn key(&mut self) -> Result<String, String> {
        let key = self.take();
        if is_word(&key) { Ok(key) } else { Err(format!("found '{key}', expected: identifier")) }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.take();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            let value = self.take();
            match value.as_str() {
                ")" => break,
                "," => {}
                "" => return Err("found '', expected: ',' or ')'".to_owned()),
                _ => values.push(value),
            }
        }
        if values.is_empty() {
            values.push(String::new());
        }
        Ok(values)
    }
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !matches!(token, "," | "(" | ")" | "!" | "=" | "==" | "!=" | "<" | ">")
}
