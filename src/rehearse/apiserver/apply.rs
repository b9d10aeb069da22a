//! Server-side apply in a simple form: who owns which field is kept beside the object, lists are one field each, and
//! `metadata.managedFields` is not shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::failure::ApiError;
use super::json::Object;
use super::kinds::Resource;

/// Keys from the root of the object to a field.
type Path = Vec<String>;

/// Who owns fields: the manager's name, and whether it applies (or else updates).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Manager {
    name: String,
    applies: bool,
    api_version: String,
}

/// The owners of the fields of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owners(BTreeMap<Manager, BTreeSet<Path>>);

/// An application of a manifest.
pub(super) struct Apply<'a> {
    pub resource: &'a Resource,
    pub manager: &'a str,
    pub force: bool,
}

impl Owners {
    /// After an update: what changed belongs to the updater, what went away to nobody.
    pub fn updated(mut self, resource: &Resource, manager: &str, old: &Object, new: &Object) -> Self {
        let (before, after) = (fields(old), fields(new));
        let changed = |path: &&Path| value_at(old, path) != value_at(new, path);
        let changed: BTreeSet<Path> = after.iter().filter(changed).cloned().collect();
        for owned in self.0.values_mut() {
            owned.retain(|path| !changed.contains(path) && (after.contains(path) || !before.contains(path)));
        }
        if !changed.is_empty() {
            self.of(resource, manager, false).extend(changed);
        }
        self.tidy()
    }

    fn of(&mut self, resource: &Resource, name: &str, applies: bool) -> &mut BTreeSet<Path> {
        let manager = Manager { name: name.to_owned(), applies, api_version: resource.api_version() };
        self.0.entry(manager).or_default()
    }

    fn tidy(mut self) -> Self {
        self.0.retain(|_, paths| !paths.is_empty());
        self
    }

    /// Merges a manifest into a live object. Gives the merged object and the new owners.
    ///
    /// # Errors
    /// 409 with one cause for each field that another manager owns and holds at another value, unless forced.
    pub fn applied(mut self, apply: &Apply<'_>, live: &Object, manifest: &Object) -> Result<(Object, Self), ApiError> {
        let wanted = fields(manifest);
        let own = Manager { name: apply.manager.to_owned(), applies: true, api_version: apply.resource.api_version() };
        let contested: Vec<(Manager, Path)> = (self.0.iter().filter(|(manager, _)| **manager != own))
            .flat_map(|(manager, paths)| paths.iter().map(move |path| (manager.clone(), path.clone())))
            .filter(|(_, path)| wanted.iter().any(|w| overlaps(w, path)))
            .filter(|(_, path)| value_at(live, path) != value_at(manifest, path))
            .collect();
        if !contested.is_empty() && !apply.force {
            return Err(conflicts(&contested));
        }
        for (manager, path) in &contested {
            if let Some(paths) = self.0.get_mut(manager) {
                paths.remove(path);
            }
        }
        let mut merged = Value::Object(live.clone());
        overlay(&mut merged, &Value::Object(manifest.clone()));
        let dropped = self.0.remove(&own).unwrap_or_default();
        for path in dropped.iter().filter(|path| !wanted.contains(*path)) {
            if !self.0.values().any(|paths| paths.contains(path)) && !wanted.iter().any(|w| overlaps(w, path)) {
                take_away(&mut merged, path);
            }
        }
        self.0.insert(own, wanted);
        let Value::Object(merged) = merged else { return Err(ApiError::unprocessable()) };
        Ok((merged, self.tidy()))
    }
}

fn conflicts(contested: &[(Manager, Path)]) -> ApiError {
    let who = |manager: &Manager| {
        let version = if manager.applies { String::new() } else { format!(" using {}", manager.api_version) };
        format!("{:?}{version}", manager.name)
    };
    let shown = |path: &Path| path.iter().map(|key| format!(".{key}")).collect::<String>();
    let cause = |(manager, path): &(Manager, Path)| {
        let message = format!("conflict with {}", who(manager));
        json!({"reason": "FieldManagerConflict", "message": message, "field": shown(path)})
    };
    let causes: Vec<Value> = contested.iter().map(cause).collect();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (manager, path) in contested {
        groups.entry(who(manager)).or_default().push(shown(path));
    }
    let message = match contested {
        [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {}: {}", who(manager), shown(path)),
        many => {
            let group =
                |(who, paths): (&String, &Vec<String>)| format!("conflicts with {who}:\n- {}", paths.join("\n- "));
            let groups: Vec<String> = groups.iter().map(group).collect();
            format!("Apply failed with {} conflicts: {}", many.len(), groups.join("\n"))
        }
    };
    ApiError::new(409, "Conflict", message, Some(json!({"causes": causes})))
}

/// The fields of an object that can be owned: its leaves, without what the server sets.
fn fields(object: &Object) -> BTreeSet<Path> {
    const SYSTEM: &[&str] = &[
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
        "managedFields",
        "selfLink",
    ];
    let mut found = BTreeSet::new();
    for (key, value) in object.iter().filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind")) {
        if key == "metadata" {
            let shown = value.as_object().into_iter().flatten();
            for (key, value) in shown.filter(|(key, _)| !SYSTEM.contains(&key.as_str())) {
                leaves(value, &mut vec!["metadata".to_owned(), key.clone()], &mut found);
            }
        } else {
            leaves(value, &mut vec![key.clone()], &mut found);
        }
    }
    found
}

fn leaves(value: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                path.push(key.clone());
                leaves(inner, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

fn value_at<'a>(object: &'a Object, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(first)?, |value, key| value.get(key))
}

/// Whether one path is the other, or leads to it.
fn overlaps(one: &[String], other: &[String]) -> bool {
    one.iter().zip(other).all(|(a, b)| a == b)
}

fn overlay(target: &mut Value, manifest: &Value) {
    match (target, manifest) {
        (Value::Object(target), Value::Object(manifest)) => {
            for (key, value) in manifest {
                overlay(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, manifest) => *target = manifest.clone(),
    }
}

fn take_away(target: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(&mut *target, |value, key| value.get_mut(key));
    let Some(Value::Object(map)) = parent else { return };
    map.remove(last);
    // A map that nobody wants for its own sake goes with its last field.
    if map.is_empty() && !parents.is_empty() {
        take_away(target, parents);
    }
}
