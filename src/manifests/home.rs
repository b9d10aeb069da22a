//! The namespace of objects that name none, when nothing but the other objects tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::Manifests;
use super::application::is_of_argo_cd;
use super::platform::{at, text};
use super::scope::Scopes;
use super::shape::is_cipher;

/// The namespace that most of the namespaced objects name (of equals the first by name). None when no object names one, when none leaves it
/// out, or when an object would then stand twice: one of a base, say, and the same of an overlay.
#[must_use]
pub fn usual_namespace(manifests: &Manifests) -> Option<Arc<str>> {
    let scopes = Scopes::of(manifests.documents.iter().map(|document| &document.object));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for object in manifests.documents.iter().map(|document| &document.object) {
        let (group, kind, name) = key(object);
        if !scopes.is_namespaced(group, kind) || is_of_argo_cd(object) {
            continue;
        }
        match at(object, "/metadata/namespace") {
            Some(Value::String(own)) if own.is_empty() => _ = without.insert((group, kind, name)),
            Some(own) if is_cipher(own) => {}
            Some(Value::String(own)) => *counts.entry(own).or_default() += 1,
            _ => _ = without.insert((group, kind, name)),
        }
    }
    // The last of the greatest: reversed, so that of equals it is the first by name.
    let (most, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    let twice = |object: &Value| text(object, "/metadata/namespace") == most && without.contains(&key(object));
    let fits = !without.is_empty() && !manifests.documents.iter().any(|document| twice(&document.object));
    fits.then(|| most.into())
}

/// Group, kind and name.
fn key(object: &Value) -> (&str, &str, &str) {
    let group = text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    (group, text(object, "/kind"), text(object, "/metadata/name"))
}
