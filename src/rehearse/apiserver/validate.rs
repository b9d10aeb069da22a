//! What the real server checks on every object: names, labels, annotations, finalizers, owners. The texts are its own.

use serde_json::Value;

use super::failure::Cause;
use super::json::{Object, at, meta_map, meta_text};
use super::kinds::Resource;

/// Keys and values of all annotations of an object together, in bytes.
pub(super) const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const KEY_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const PREFIX_HINT: &str = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";

/// Everything wrong with the metadata of a new object, or of one after an update.
pub(super) fn metadata(resource: &Resource, object: &Object, generated: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = meta_text(object, "name");
    if name.is_empty() {
        if !generated {
            causes.push(Cause::required("metadata.name", "name or generateName is required"));
        }
    } else {
        causes.extend(name_faults(resource, name));
    }
    for (key, value) in meta_map(object, "labels").into_iter().flatten() {
        causes.extend(key_faults("metadata.labels", key, key));
        causes.extend(label_value_faults("metadata.labels", value.as_str().unwrap_or_default()));
    }
    causes.extend(annotations(object));
    for finalizer in super::json::finalizers(object) {
        causes.extend(key_faults("metadata.finalizers", &finalizer, &finalizer));
    }
    causes.extend(owners(object));
    causes
}

fn annotations(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut bytes = 0;
    for (key, value) in meta_map(object, "annotations").into_iter().flatten() {
        bytes += key.len() + value.as_str().unwrap_or_default().len();
        causes.extend(key_faults("metadata.annotations", &key.to_lowercase(), key));
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        causes.push(Cause::too_long("metadata.annotations", ANNOTATIONS_BYTES_MAX));
    }
    causes
}

fn owners(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let owners = at(object, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    for owner in owners.into_iter().flatten() {
        for (field, detail) in [("apiVersion", "version must not be empty"), ("kind", ""), ("name", ""), ("uid", "")] {
            if owner.get(field).and_then(Value::as_str).unwrap_or_default().is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                let detail = if detail.is_empty() { "must not be empty" } else { detail };
                causes.push(Cause::invalid(&path, "\"\"", detail));
            }
        }
    }
    causes
}

/// What is wrong with the name of an object of this resource.
pub(super) fn name_faults(resource: &Resource, name: &str) -> Option<Cause> {
    let as_label = matches!(resource.plural.as_str(), "namespaces" | "services") && !resource.custom;
    let (good, length_max, rule) = if as_label {
        (is_dns_label(name), LABEL_BYTES_MAX, DNS_LABEL)
    } else {
        (is_subdomain(name), NAME_BYTES_MAX, SUBDOMAIN)
    };
    let long = format!("must be no more than {length_max} bytes");
    let detail = if name.len() > length_max {
        long.as_str()
    } else if as_label && name.contains('.') {
        "must not contain dots"
    } else {
        rule
    };
    (!good || name.len() > length_max).then(|| Cause::invalid("metadata.name", &format!("{name:?}"), detail))
}

/// What is wrong with a qualified key such as `example.org/name`. `shown` is how the message names it.
pub(super) fn key_faults(field: &str, key: &str, shown: &str) -> Vec<Cause> {
    let value = format!("{shown:?}");
    let parts: Vec<&str> = key.split('/').collect();
    let (prefix, name) = match parts.as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => return vec![Cause::invalid(field, &value, &format!("a valid label key {KEY_NAME}{PREFIX_HINT}"))],
    };
    let mut causes = Vec::new();
    match prefix {
        Some("") => causes.push(Cause::invalid(field, &value, "prefix part must be non-empty")),
        Some(prefix) if !is_subdomain(prefix) => {
            causes.push(Cause::invalid(field, &value, &format!("prefix part {SUBDOMAIN}")));
        }
        _ => {}
    }
    if name.is_empty() {
        causes.push(Cause::invalid(field, &value, "name part must be non-empty"));
    } else if name.len() > LABEL_BYTES_MAX {
        causes.push(Cause::invalid(field, &value, "name part must be no more than 63 bytes"));
    }
    if !is_key_name(name) {
        causes.push(Cause::invalid(field, &value, &format!("name part {KEY_NAME}")));
    }
    causes
}

fn label_value_faults(field: &str, label: &str) -> Vec<Cause> {
    let value = format!("{label:?}");
    if label.len() > LABEL_BYTES_MAX {
        return vec![Cause::invalid(field, &value, "must be no more than 63 bytes")];
    }
    if label.is_empty() || is_key_name(label) {
        return Vec::new();
    }
    vec![Cause::invalid(field, &value, LABEL_VALUE)]
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(inner)
        && text.bytes().next_back().is_some_and(inner)
        && text.bytes().all(|b| inner(b) || b == b'-')
}

/// Labels joined by dots.
fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_dns_label)
}

/// `[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?`
fn is_key_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric();
    text.bytes().next().is_some_and(inner)
        && text.bytes().next_back().is_some_and(inner)
        && text.bytes().all(|b| inner(b) || matches!(b, b'-' | b'_' | b'.'))
}

/// The key of a ConfigMap or Secret.
pub(super) fn data_key_fault(field: &str, key: &str) -> Option<Cause> {
    let good = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
        'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    (!good).then(|| Cause::invalid(&format!("{field}[{key}]"), &format!("{key:?}"), rule))
}
