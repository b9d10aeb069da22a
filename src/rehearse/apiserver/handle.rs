//! The server from the Rust side: for simulators that play the rest of a cluster, and for tests. These calls go through
//! the same steps as requests do, and are neither in the audit log nor subject to faults.

use std::sync::Arc;

use serde_json::Value;

use super::ApiServer;
use super::failure::ApiError;
use super::json::{Object, meta_text, text};
use super::kinds::Resource;
use super::list::ListOptions;
use super::patch;
use super::removal::DeleteOptions;
use super::state::State;
use super::verbs::{Source, Target, WriteOptions};

const SIMULATOR: &str = "simulator";

impl ApiServer {
    /// Serves one more resource, in place of one of the same group, version and plural.
    pub fn register(&self, resource: Resource) {
        let mut state = self.shared.state();
        let storage = resource.storage.clone();
        state.registry.add(resource);
        state.begin(&storage);
    }

    /// Whether objects of this apiVersion and kind are served.
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.shared.state().registry.find_kind(api_version, kind).is_some()
    }

    /// The resource that serves an apiVersion and kind.
    pub fn resource(&self, api_version: &str, kind: &str) -> Option<Resource> {
        self.shared.state().registry.find_kind(api_version, kind).map(|resource| (*resource).clone())
    }

    /// Makes a namespace unless it is there.
    ///
    /// # Errors
    /// 422 when the name is not one for a namespace.
    pub fn ensure_namespace(&self, name: &str) -> Result<(), ApiError> {
        let mut state = self.shared.state();
        if state.namespace_phase(name).is_some() {
            return Ok(());
        }
        let object = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        put(&mut state, object).map(|_| ())
    }

    /// Reads an object.
    ///
    /// # Errors
    /// 404 when the kind is not served or the object is absent.
    pub fn get(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, ApiError> {
        let state = self.shared.state();
        let target = target(&state, api_version, kind, namespace, name)?;
        state.get(&target).map(Value::Object)
    }

    /// Creates an object, or replaces the live one whatever its resourceVersion. A `status` in it is stored too; without
    /// one the live status stays.
    ///
    /// # Errors
    /// As a create or a PUT would be refused.
    pub fn put(&self, object: Value) -> Result<Value, ApiError> {
        put(&mut self.shared.state(), object)
    }

    /// Merges a patch into an object; its status only where that is no subresource.
    ///
    /// # Errors
    /// As a PATCH would be refused.
    pub fn patch(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        merge: Value,
    ) -> Result<Value, ApiError> {
        self.merge(api_version, kind, namespace, name, merge, false)
    }

    /// Merges a patch into the status of an object: `status` is what stands under `status:`.
    ///
    /// # Errors
    /// As a PATCH would be refused.
    pub fn patch_status(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        status: Value,
    ) -> Result<Value, ApiError> {
        self.merge(api_version, kind, namespace, name, serde_json::json!({"status": status}), true)
    }

    fn merge(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        merge: Value,
        on_status: bool,
    ) -> Result<Value, ApiError> {
        let mut state = self.shared.state();
        let mut target = target(&state, api_version, kind, namespace, name)?;
        target.status = on_status && target.resource.status;
        let written = state.update(&target, &options(), Source::Patch, |live| {
            let mut value = Value::Object(live);
            patch::merge(&mut value, merge);
            object(value)
        })?;
        Ok(Value::Object(written.object))
    }

    /// Deletes an object (background propagation); one with finalizers is only marked.
    ///
    /// # Errors
    /// 404 when the kind is not served or the object is absent.
    pub fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, ApiError> {
        let mut state = self.shared.state();
        let target = target(&state, api_version, kind, namespace, name)?;
        let options = DeleteOptions { propagation: Some("Background".to_owned()), ..DeleteOptions::default() };
        state.delete(&target, &options).map(|deleted| Value::Object(deleted.object()))
    }

    /// All objects of a kind, of one namespace or of all, by namespace and name.
    ///
    /// # Errors
    /// 404 when the kind is not served.
    pub fn list(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>, ApiError> {
        let mut state = self.shared.state();
        let resource = find(&state, api_version, kind)?;
        let page = state.list(&resource, namespace, &ListOptions::default())?;
        Ok(page.items.into_iter().map(Value::Object).collect())
    }

    /// The revision of the last change.
    pub fn revision(&self) -> u64 {
        self.shared.state().revision
    }

    /// Forgets the history of changes: watches and lists of an earlier resourceVersion get `410 Expired` from now on.
    pub fn forget_history(&self) {
        self.shared.state().forget_history();
    }

    /// Ends all running watches cleanly, as a restart of the real server does.
    pub fn end_watches(&self) {
        self.shared.closing.send_modify(|count| *count += 1);
    }
}

fn options() -> WriteOptions {
    WriteOptions { manager: SIMULATOR.to_owned(), with_status: false, dry_run: false }
}

fn object(value: Value) -> Result<Object, ApiError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::bad_request("not an object")),
    }
}

fn find(state: &State, api_version: &str, kind: &str) -> Result<Arc<Resource>, ApiError> {
    state.registry.find_kind(api_version, kind).ok_or_else(|| {
        let message =
            format!("no resource serves kind `{kind}` of `{api_version}`: register it or create its definition");
        ApiError::new(404, "NotFound", message, None)
    })
}

fn target(state: &State, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Target, ApiError> {
    let resource = find(state, api_version, kind)?;
    let namespace = if resource.namespaced { namespace.to_owned() } else { String::new() };
    Ok(Target { resource, namespace, name: name.to_owned(), status: false })
}

fn put(state: &mut State, value: Value) -> Result<Value, ApiError> {
    let mut given = object(value)?;
    let (version, kind) = (text(&given, &["apiVersion"]), text(&given, &["kind"]));
    let target = target(state, version, kind, meta_text(&given, "namespace"), meta_text(&given, "name"))?;
    let options = WriteOptions { with_status: true, ..options() };
    let written = match state.stored(&target) {
        Err(_) => {
            super::json::edit_meta(&mut given, |meta| meta.remove("resourceVersion"));
            state.create(&target, given, &options)?
        }
        Ok(live) => state.update(&target, &options, Source::Patch, |_| {
            let version = meta_text(&live, "resourceVersion").to_owned();
            super::json::edit_meta(&mut given, |meta| {
                meta.remove("uid");
                meta.insert("resourceVersion".to_owned(), Value::from(version));
            });
            Ok(given)
        })?,
    };
    Ok(Value::Object(written.object))
}
