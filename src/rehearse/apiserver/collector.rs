//! What the controller manager of a real cluster does about deletions: dependents of what is gone, the finalizers of the
//! propagation policies, and namespaces that are to go. It runs only when it is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::json::{Object, at, edit_meta, finalizers, meta_text, put};
use super::kinds::{Resource, StorageKey};
use super::removal::DeleteOptions;
use super::state::{Key, State};
use super::verbs::{Source, Target, WriteOptions};
use super::{ApiError, ApiServer};

/// A stored object and how it is reached.
struct Row {
    target: Target,
    object: Arc<Object>,
}

impl Row {
    fn uid(&self) -> &str {
        meta_text(&self.object, "uid")
    }

    fn ends(&self) -> bool {
        !meta_text(&self.object, "deletionTimestamp").is_empty()
    }

    fn owners(&self) -> Vec<&str> {
        let owners = at(&self.object, &["metadata", "ownerReferences"]).and_then(Value::as_array);
        owners.into_iter().flatten().filter_map(|owner| owner.get("uid")).filter_map(Value::as_str).collect()
    }
}

impl ApiServer {
    /// Collects until nothing is left to do; gives the number of changes. Objects go whose owners are all gone; `orphan` and
    /// `foregroundDeletion` are carried out and taken away; a terminating namespace is emptied, and goes once it is empty.
    ///
    /// A simulator calls this when the controller manager would have had its turn.
    pub fn collect_garbage(&self) -> usize {
        let mut state = self.shared.state();
        let mut changes = 0;
        loop {
            let before = state.revision;
            let rows = rows(&mut state);
            changes +=
                rows.iter().map(|row| usize::from(step(&mut state, row, &rows).is_ok_and(|done| done))).sum::<usize>();
            if state.revision == before {
                return changes;
            }
        }
    }
}

fn rows(state: &mut State) -> Vec<Row> {
    let mut seen: BTreeSet<StorageKey> = BTreeSet::new();
    let resources: Vec<Arc<Resource>> =
        state.registry.all().filter(|resource| seen.insert(resource.storage.clone())).cloned().collect();
    let mut rows = Vec::new();
    for resource in resources {
        for (Key { namespace, name }, object) in &state.collection(&resource.storage).objects {
            let (namespace, name) = (namespace.clone(), name.clone());
            let target = Target { resource: Arc::clone(&resource), namespace, name, status: false };
            rows.push(Row { target, object: Arc::clone(object) });
        }
    }
    rows
}

/// What is to be done about one object. True when something was.
fn step(state: &mut State, row: &Row, rows: &[Row]) -> Result<bool, ApiError> {
    let resource = &row.target.resource;
    if row.ends() && resource.plural == "namespaces" && !resource.custom {
        let inside: Vec<&Row> = rows.iter().filter(|other| other.target.namespace == row.target.name).collect();
        if inside.is_empty() {
            state.remove(&resource.storage, &row.target.key());
            return Ok(true);
        }
        return delete_all(state, &inside);
    }
    let dependents = || rows.iter().filter(|other| other.owners().contains(&row.uid())).collect::<Vec<&Row>>();
    let held = finalizers(&row.object);
    if row.ends() && held.iter().any(|f| f == "orphan") {
        for dependent in dependents() {
            disown(state, dependent, row.uid())?;
        }
        return release(state, row, "orphan");
    }
    if row.ends() && held.iter().any(|f| f == "foregroundDeletion") {
        let dependents = dependents();
        return match dependents.is_empty() {
            true => release(state, row, "foregroundDeletion"),
            false => delete_all(state, &dependents),
        };
    }
    let owners = row.owners();
    let gone = |uid: &&str| !rows.iter().any(|other| other.uid() == *uid);
    if !owners.is_empty() && owners.iter().all(gone) { delete_all(state, &[row]) } else { Ok(false) }
}

fn delete_all(state: &mut State, rows: &[&Row]) -> Result<bool, ApiError> {
    let mut done = false;
    for row in rows.iter().filter(|row| !row.ends()) {
        let options = DeleteOptions {
            uid: Some(row.uid().to_owned()),
            propagation: Some("Background".to_owned()),
            ..DeleteOptions::default()
        };
        done |= state.delete(&row.target, &options).is_ok();
    }
    Ok(done)
}

fn disown(state: &mut State, row: &Row, uid: &str) -> Result<bool, ApiError> {
    let owners = at(&row.object, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    let kept: Vec<&Value> =
        owners.into_iter().flatten().filter(|owner| owner.get("uid").and_then(Value::as_str) != Some(uid)).collect();
    set(state, row, "ownerReferences", json!(kept))
}

fn release(state: &mut State, row: &Row, finalizer: &str) -> Result<bool, ApiError> {
    let kept: Vec<String> = finalizers(&row.object).into_iter().filter(|held| held != finalizer).collect();
    set(state, row, "finalizers", json!(kept))
}

fn set(state: &mut State, row: &Row, field: &str, value: Value) -> Result<bool, ApiError> {
    let options = WriteOptions { manager: "kube-controller-manager".to_owned(), ..WriteOptions::default() };
    let before = state.revision;
    state.update(&row.target, &options, Source::Patch, |mut live| {
        edit_meta(&mut live, |meta| put(meta, field, Some(value)));
        Ok(live)
    })?;
    Ok(state.revision != before)
}
