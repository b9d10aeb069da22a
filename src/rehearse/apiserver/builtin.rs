//! Where kinds differ: the forms of Events, defaults at creation, what a write on `status` may touch, generations, and
//! the few validations of built-in kinds that a controller can run into.

use serde_json::{Value, json};

use super::failure::Cause;
use super::json::{Object, at, drop_nulls, edit_meta, meta_text, put, text, whole_numbers};
use super::kinds::{Generation, Resource};
use super::validate::{data_key_fault, key_faults};

/// All data of a ConfigMap or Secret together, in bytes.
const DATA_BYTES_MAX: usize = 1024 * 1024;
const EVENT_NOTE_BYTES_MAX: usize = 1024;
const EVENT_NAME_BYTES_MAX: usize = 128;

/// Fields of an Event: in the core group, and in `events.k8s.io`.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn is_event(resource: &Resource) -> bool {
    !resource.custom && resource.plural == "events"
}

/// An object as it is stored: Events in the core form, nothing that typed kinds drop.
pub(super) fn to_storage(resource: &Resource, object: Object) -> Object {
    let mut value = Value::Object(object);
    whole_numbers(&mut value);
    if !resource.custom {
        drop_nulls(&mut value);
    }
    let Value::Object(mut object) = value else { return Object::new() };
    edit_meta(&mut object, |meta| {
        meta.remove("managedFields");
        meta.remove("selfLink");
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        meta.retain(|_, value| !empty(value));
    });
    object.insert("kind".to_owned(), Value::from(resource.kind.as_str()));
    if is_event(resource) {
        if resource.group == "events.k8s.io" {
            rename(&mut object, |(core, new)| (new, core));
        }
        object.insert("apiVersion".to_owned(), Value::from("v1"));
        for (field, default) in [
            ("source", json!({})),
            ("involvedObject", json!({})),
            ("firstTimestamp", Value::Null),
            ("lastTimestamp", Value::Null),
            ("eventTime", Value::Null),
            ("reportingComponent", json!("")),
            ("reportingInstance", json!("")),
        ] {
            object.entry(field).or_insert(default);
        }
        return object;
    }
    object.insert("apiVersion".to_owned(), Value::from(resource.api_version()));
    if matches!(resource.plural.as_str(), "configmaps" | "secrets") && !resource.custom {
        object.retain(|key, value| key == "metadata" || value.as_object().is_none_or(|map| !map.is_empty()));
    }
    object
}

/// A stored object in the version that is asked for.
pub(super) fn to_served(resource: &Resource, stored: &Object) -> Object {
    let mut object = stored.clone();
    object.insert("apiVersion".to_owned(), Value::from(resource.api_version()));
    if is_event(resource) && resource.group == "events.k8s.io" {
        rename(&mut object, |(core, new)| (core, new));
        object.retain(|key, value| {
            !matches!(key.as_str(), "reportingController" | "reportingInstance") || value.as_str() != Some("")
        });
    }
    object
}

fn rename(object: &mut Object, direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    for (from, to) in EVENT_FIELDS.iter().copied().map(direction) {
        if let Some(value) = object.remove(from) {
            object.insert(to.to_owned(), value);
        }
    }
}

/// Sets what the server sets on a new object; takes away a status that is written apart.
pub(super) fn prepare_create(resource: &Resource, object: &mut Object) {
    let status = match resource.plural.as_str() {
        _ if resource.custom => None,
        "namespaces" => Some(json!({"phase": "Active"})),
        "pods" | "persistentvolumeclaims" => Some(json!({"phase": "Pending"})),
        _ => Some(json!({})),
    };
    if resource.status {
        put(object, "status", status);
    }
    if resource.plural == "namespaces" && !resource.custom {
        let name = meta_text(object, "name").to_owned();
        edit_meta(object, |meta| {
            super::json::edit(meta, "labels", |labels| {
                labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
            });
        });
        object.insert("spec".to_owned(), json!({"finalizers": ["kubernetes"]}));
    }
    // Kinds without generations keep whatever number they are given.
    if resource.generation != Generation::Absent {
        edit_meta(object, |meta| put(meta, "generation", Some(json!(1))));
    }
}

/// Undoes what this kind of write may not change: status on the object itself, all but status on `/status`.
pub(super) fn prepare_update(resource: &Resource, old: &Object, new: &mut Object, on_status: bool) {
    if !on_status {
        if resource.status {
            put(new, "status", old.get("status").cloned());
        }
        return;
    }
    let status = new.get("status").cloned();
    let metadata = new.get("metadata").cloned();
    *new = old.clone();
    put(new, "status", status);
    if resource.custom {
        return;
    }
    // Built-in kinds let a status write change labels and annotations too; a Deployment keeps its labels.
    put(new, "metadata", metadata);
    if resource.plural == "deployments" {
        let labels = at(old, &["metadata", "labels"]).cloned();
        edit_meta(new, |meta| put(meta, "labels", labels));
    }
}

/// Keeps what only the server may set, then moves the generation when the change is one of those that count.
pub(super) fn keep_system_fields(resource: &Resource, old: &Object, new: &mut Object, on_status: bool) {
    const KEPT: [&str; 7] = [
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ];
    for field in KEPT {
        let value = at(old, &["metadata", field]).cloned();
        edit_meta(new, |meta| put(meta, field, value));
    }
    if !on_status && counts(resource, old, new) {
        bump_generation(new);
    }
}

/// One more generation, for kinds that have one.
pub(super) fn bump_generation(object: &mut Object) {
    let Some(generation) = at(object, &["metadata", "generation"]).and_then(Value::as_u64) else { return };
    edit_meta(object, |meta| put(meta, "generation", Some(json!(generation + 1))));
}

fn counts(resource: &Resource, old: &Object, new: &Object) -> bool {
    let spec = || old.get("spec") != new.get("spec");
    match resource.generation {
        Generation::Absent => false,
        Generation::Spec => spec(),
        Generation::SpecOrAnnotations => {
            spec() || at(old, &["metadata", "annotations"]) != at(new, &["metadata", "annotations"])
        }
        Generation::AllButStatus => {
            let counted = |key: &&String| *key != "metadata" && !(resource.status && *key == "status");
            let keys = old.keys().chain(new.keys()).filter(counted);
            keys.into_iter().any(|key| old.get(key) != new.get(key))
        }
    }
}

/// Maps of texts that hold something else: what the real server refuses already when it reads the object.
pub(super) fn type_fault(resource: &Resource, object: &Object) -> Option<String> {
    let mut maps = vec![("ObjectMeta.metadata.labels", at(object, &["metadata", "labels"]))];
    maps.push(("ObjectMeta.metadata.annotations", at(object, &["metadata", "annotations"])));
    if resource.plural == "configmaps" && !resource.custom {
        maps.push(("data", object.get("data")));
    }
    maps.into_iter().find_map(|(field, value)| {
        let value = value.filter(|value| !value.is_null())?;
        let bad = match value {
            Value::Object(map) => map.values().find(|inner| !inner.is_string() && !inner.is_null())?,
            other => other,
        };
        let found = match bad {
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            _ => "string",
        };
        let expected = if value.is_object() { "string" } else { "map[string]string" };
        Some(format!(
            "json: cannot unmarshal {found} into Go struct field {}.{field} of type {expected}",
            resource.kind
        ))
    })
}

/// What is wrong with the rest of a stored object, metadata apart.
pub(super) fn faults(resource: &Resource, object: &Object, creating: bool) -> Vec<Cause> {
    match resource.plural.as_str() {
        _ if resource.custom => Vec::new(),
        "configmaps" | "secrets" => data_faults(object),
        "events" if creating => event_faults(resource, object),
        _ => Vec::new(),
    }
}

fn data_faults(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut bytes = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in object.get(field).and_then(Value::as_object).into_iter().flatten() {
            bytes += value.as_str().unwrap_or_default().len();
            causes.extend(data_key_fault(field, key));
        }
    }
    if bytes > DATA_BYTES_MAX {
        causes.push(Cause::too_long("[]", DATA_BYTES_MAX));
    }
    causes
}

fn event_faults(resource: &Resource, event: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (own, regarding) = (meta_text(event, "namespace"), text(event, &["involvedObject", "namespace"]));
    let timed = event.get("eventTime").is_some_and(|time| !time.is_null());
    // New-style Events (those with an eventTime) may regard an object of another namespace; a cluster-wide object has its
    // Events in these namespaces only.
    let matches = match (regarding, timed) {
        ("", true) => matches!(own, "default" | "kube-system"),
        ("", false) => own == "default",
        (regarding, _) => timed || own == regarding,
    };
    if !matches {
        let value = format!("{regarding:?}");
        causes.push(Cause::invalid("involvedObject.namespace", &value, "does not match event.namespace"));
    }
    if timed {
        let new_style = resource.group == "events.k8s.io";
        let controller = if new_style { "reportingController" } else { "reportingComponent" };
        let name = text(event, &["reportingComponent"]);
        causes.extend(required_text(event, "reportingComponent", controller, usize::MAX));
        causes.extend(key_faults(controller, name, name));
        for (stored, field, bytes_max) in [
            ("reportingInstance", "reportingInstance", EVENT_NAME_BYTES_MAX),
            ("action", "action", EVENT_NAME_BYTES_MAX),
            ("reason", "reason", EVENT_NAME_BYTES_MAX),
        ] {
            causes.extend(required_text(event, stored, field, bytes_max));
        }
        if text(event, &["message"]).len() > EVENT_NOTE_BYTES_MAX {
            let detail = format!("can have at most {EVENT_NOTE_BYTES_MAX} characters");
            causes.push(Cause::invalid("message", "\"\"", &detail));
        }
    }
    if resource.group == "events.k8s.io" {
        if !timed {
            causes.push(Cause::required("eventTime", ""));
        }
        let kind = text(event, &["type"]);
        if !matches!(kind, "Normal" | "Warning") {
            causes.push(Cause::invalid("type", &format!("{kind:?}"), &format!("has invalid value: {kind}")));
        }
    }
    causes
}

fn required_text(event: &Object, stored: &str, field: &str, bytes_max: usize) -> Option<Cause> {
    let value = text(event, &[stored]);
    if value.is_empty() {
        return Some(Cause::required(field, ""));
    }
    let detail = format!("can have at most {bytes_max} characters");
    (value.len() > bytes_max).then(|| Cause::invalid(field, "\"\"", &detail))
}
