//! Refusals, worded as the real server words them (texts read off kube-apiserver 1.36; the conformance suite holds them).

use serde_json::{Value, json};

use super::kinds::Resource;

/// A refused request: what becomes a `Status` object with `status: Failure`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `Conflict`; empty where the real server gives none.
    pub reason: String,
    /// The message for people.
    pub message: String,
    /// `details` of the Status.
    pub details: Option<Value>,
    /// Answered as bare text, as the real server does for a path that no API serves.
    pub plain: bool,
}

/// One field that a validation refuses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cause {
    /// `FieldValueInvalid` and the like.
    pub reason: &'static str,
    /// Without the field.
    pub message: String,
    /// Path of the field, such as `metadata.name`.
    pub field: String,
}

impl Cause {
    /// A value that is not acceptable.
    pub fn invalid(field: &str, value: &str, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { reason: "FieldValueInvalid", message, field: field.to_owned() }
    }

    /// A value that must be given.
    pub fn required(field: &str, detail: &str) -> Self {
        let message = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { reason: "FieldValueRequired", message, field: field.to_owned() }
    }

    /// A value that may not be given here.
    pub fn forbidden(field: &str, detail: &str) -> Self {
        Self { reason: "FieldValueForbidden", message: format!("Forbidden: {detail}"), field: field.to_owned() }
    }

    /// A value with too many bytes.
    pub fn too_long(field: &str, bytes_max: usize) -> Self {
        let message = format!("Too long: may not be more than {bytes_max} bytes");
        Self { reason: "FieldValueTooLong", message, field: field.to_owned() }
    }

    /// A value outside a closed set.
    pub fn not_supported(field: &str, value: &str, supported: &str) -> Self {
        let message = format!("Unsupported value: {value:?}: supported values: {supported}");
        Self { reason: "FieldValueNotSupported", message, field: field.to_owned() }
    }
}

/// Who an error is about: the `details` of a Status.
fn about(name: &str, group: &str, kind: &str) -> Value {
    let mut details = serde_json::Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.to_owned(), Value::from(value));
        }
    }
    Value::Object(details)
}

impl ApiError {
    pub(super) fn new(code: u16, reason: &str, message: impl Into<String>, details: Option<Value>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into(), details, plain: false }
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, None)
    }

    /// 404 for an object.
    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        Self::new(404, "NotFound", message, Some(about(name, &resource.group, &resource.plural)))
    }

    /// 404 for a resource of a group that is served.
    pub(super) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource", Some(json!({})))
    }

    /// 404 as bare text, for a path that no API serves.
    pub(super) fn page_not_found() -> Self {
        Self { plain: true, ..Self::new(404, "NotFound", "404 page not found\n", None) }
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, Some(json!({})))
    }

    /// 409 for a name that is taken.
    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message, Some(about(name, &resource.group, &resource.plural)))
    }

    /// 409 for a write that names another resourceVersion than the live one.
    pub(super) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 409 with a cause of its own.
    pub(super) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(409, "Conflict", message, Some(about(name, &resource.group, &resource.plural)))
    }

    /// 409 for a deletion whose precondition does not hold; the real server names the kind there, not the resource.
    pub(super) fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified_kind());
        Self::new(409, "Conflict", message, Some(about(name, &resource.group, &resource.kind)))
    }

    /// 422 for an object of a kind.
    pub(super) fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_as(&resource.group, &resource.kind, name, causes)
    }

    /// 422 under any group and kind.
    pub(super) fn invalid_as(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let who = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let lines: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let what = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut details = about(name, group, kind);
        if let Some(details) = details.as_object_mut() {
            let list = causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}));
            details.insert("causes".to_owned(), list.collect());
        }
        Self::new(422, "Invalid", format!("{who} {name:?} is invalid: {what}"), Some(details))
    }

    /// 422 for a JSON patch that cannot be carried out.
    pub(super) fn unprocessable() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request", Some(json!({})))
    }

    /// 410: the history that was asked for is no longer kept.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message, None)
    }

    /// 504 for a resourceVersion that lies ahead.
    pub(super) fn too_large_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        Self::new(504, "Timeout", message, Some(json!({"causes": causes, "retryAfterSeconds": 1})))
    }

    /// The refusal that a test ordered: a code with the reason that goes with it.
    pub(super) fn injected(code: u16) -> Self {
        let (reason, message) = match code {
            400 => ("BadRequest", "the server rejected our request for an unknown reason"),
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden: refused by an injected fault"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => ("Conflict", "Operation cannot be fulfilled: the object has been modified"),
            410 => ("Expired", "The resourceVersion for the provided watch is too old."),
            422 => ("Invalid", "the server rejected our request due to an error in our request"),
            429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
            500 => ("InternalError", "Internal error occurred: injected fault"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "Timeout: request did not complete within the allotted timeout"),
            _ => ("", "injected fault"),
        };
        Self::new(code, reason, message, None)
    }

    /// The Status object of this refusal.
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if let Some(fields) = status.as_object_mut() {
            if !self.reason.is_empty() {
                fields.insert("reason".to_owned(), Value::from(self.reason.as_str()));
            }
            if let Some(details) = &self.details {
                fields.insert("details".to_owned(), details.clone());
            }
        }
        status
    }
}
