//! CustomResourceDefinitions: what one serves, and its conditions. Schemas are stored and not enforced.

use serde_json::{Value, json};

use super::failure::Cause;
use super::json::{Object, at, edit, meta_text, text};
use super::kinds::{Resource, StorageKey};
use super::state::{Key, State};

fn is_definition(resource: &Resource) -> bool {
    !resource.custom && resource.plural == "customresourcedefinitions"
}

/// Fills in what the real server defaults.
pub(super) fn prepare(resource: &Resource, definition: &mut Object) {
    if !is_definition(resource) {
        return;
    }
    let stored = stored_version(definition);
    edit(definition, "spec", |spec| {
        spec.entry("conversion").or_insert(json!({"strategy": "None"}));
        let kind = text(spec, &["names", "kind"]).to_owned();
        edit(spec, "names", |names| {
            names.entry("listKind").or_insert(Value::from(format!("{kind}List")));
            names.entry("singular").or_insert(Value::from(kind.to_lowercase()));
        });
    });
    edit(definition, "status", |status| {
        status.entry("conditions").or_insert(Value::Null);
        status.entry("acceptedNames").or_insert(json!({"plural": "", "kind": ""}));
        status.entry("storedVersions").or_insert(json!([stored]));
    });
}

/// What is wrong with a definition.
pub(super) fn faults(resource: &Resource, definition: &Object) -> Option<Cause> {
    if !is_definition(resource) {
        return None;
    }
    let expected =
        format!("{}.{}", text(definition, &["spec", "names", "plural"]), text(definition, &["spec", "group"]));
    let name = meta_text(definition, "name");
    let detail = "must be spec.names.plural+\".\"+spec.group";
    (name != expected).then(|| Cause::invalid("metadata.name", &format!("{name:?}"), detail))
}

/// Serves what a new or changed definition defines, and establishes it.
pub(super) fn written(state: &mut State, resource: &Resource, key: &Key) {
    if !is_definition(resource) {
        return;
    }
    let Some(definition) = state.find(&resource.storage, key) else { return };
    let (storage, served) = resources(&definition);
    state.registry.remove(&storage.group, &storage.plural);
    served.into_iter().for_each(|resource| state.registry.add(resource));
    state.begin(&storage);
    if at(&definition, &["status", "conditions"]).is_some_and(|conditions| !conditions.is_null()) {
        return;
    }
    let now = state.now();
    let mut established = (*definition).clone();
    let names = at(&definition, &["spec", "names"]).cloned().unwrap_or_default();
    edit(&mut established, "status", |status| {
        status.insert("acceptedNames".to_owned(), names);
        let conditions = json!([
            {"type": "NamesAccepted", "status": "True", "lastTransitionTime": now, "reason": "NoConflicts",
             "message": "no conflicts found"},
            {"type": "Established", "status": "True", "lastTransitionTime": now, "reason": "InitialNamesAccepted",
             "message": "the initial names have been accepted"},
        ]);
        status.insert("conditions".to_owned(), conditions);
    });
    let owners = state.owners(&resource.storage, key);
    state.store(&resource.storage, key, established, owners);
}

/// Stops serving what a removed definition defined, objects and all.
pub(super) fn removed(state: &mut State, resource: &Resource, definition: &Object) {
    if !is_definition(resource) {
        return;
    }
    let (storage, _) = resources(definition);
    state.registry.remove(&storage.group, &storage.plural);
    let keys: Vec<Key> = state.collection(&storage).objects.keys().cloned().collect();
    for key in keys {
        state.remove(&storage, &key);
    }
    state.end(&storage);
}

fn stored_version(definition: &Object) -> String {
    let versions = at(definition, &["spec", "versions"]).and_then(Value::as_array);
    let stored = versions.into_iter().flatten().find(|version| version.get("storage") == Some(&json!(true)));
    stored.and_then(|version| version.get("name")).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The resources that a definition serves: one for each served version.
fn resources(definition: &Object) -> (StorageKey, Vec<Resource>) {
    let spec = |path: &[&str]| {
        let full: Vec<&str> = std::iter::once("spec").chain(path.iter().copied()).collect();
        text(definition, &full).to_owned()
    };
    let (group, plural, kind) = (spec(&["group"]), spec(&["names", "plural"]), spec(&["names", "kind"]));
    let namespaced = spec(&["scope"]) != "Cluster";
    let short_names = at(definition, &["spec", "names", "shortNames"]).and_then(Value::as_array);
    let short_names: Vec<String> =
        short_names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let versions = at(definition, &["spec", "versions"]).and_then(Value::as_array);
    let served = versions.into_iter().flatten().filter(|version| version.get("served") == Some(&json!(true)));
    let resources = served.map(|version| {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        let status = version.pointer("/subresources/status").is_some();
        Resource {
            singular: spec(&["names", "singular"]),
            short_names: short_names.clone(),
            ..Resource::custom(&group, name, &plural, &kind, namespaced, status)
        }
    });
    let resources = resources.collect();
    (StorageKey { group, plural }, resources)
}
