//! Create, update, apply: the steps in the order in which the real server takes them, so that the same refusal comes first.

use std::sync::Arc;

use serde_json::Value;

use super::apply::{Apply, Owners};
use super::builtin;
use super::failure::{ApiError, Cause};
use super::json::{Object, edit_meta, finalizers, meta_text, put, revision_of};
use super::kinds::Resource;
use super::state::{Key, State};
use super::{crd, validate};

/// What a request acts on. `status`: on the status subresource.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub resource: Arc<Resource>,
    pub namespace: String,
    pub name: String,
    pub status: bool,
}

impl Target {
    pub fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

/// How a write is meant.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteOptions {
    /// The field manager.
    pub manager: String,
    /// Everything is checked and nothing kept.
    pub dry_run: bool,
    /// Status is taken from the object as given: for simulators, which set both in one step.
    pub with_status: bool,
}

/// A written object as it is served.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub object: Object,
    pub created: bool,
}

/// How an update came about.
pub(super) enum Source {
    Put,
    Patch,
    /// A server-side apply, with the owners of fields after it.
    Apply(Owners),
}

impl State {
    /// The object of a target, as it is served.
    pub fn get(&self, target: &Target) -> Result<Object, ApiError> {
        let stored = self.stored(target)?;
        Ok(builtin::to_served(&target.resource, &stored))
    }

    pub(super) fn stored(&self, target: &Target) -> Result<Arc<Object>, ApiError> {
        let found = self.find(&target.resource.storage, &target.key());
        found.ok_or_else(|| ApiError::not_found(&target.resource, &target.name))
    }

    /// Creates an object. `target.name` is not looked at: the object says its name, or lets one be made.
    pub fn create(&mut self, target: &Target, object: Object, options: &WriteOptions) -> Result<Written, ApiError> {
        let manifest = object.clone();
        self.create_owned(target, object, options, |resource, new| {
            Owners::default().updated(resource, &options.manager, &Object::new(), &reduced(&manifest, new))
        })
    }

    fn create_owned(
        &mut self,
        target: &Target,
        mut object: Object,
        options: &WriteOptions,
        owners: impl FnOnce(&Resource, &Object) -> Owners,
    ) -> Result<Written, ApiError> {
        let resource = &target.resource;
        check_type(resource, &mut object)?;
        if !resource.namespaced {
            edit_meta(&mut object, |meta| meta.remove("namespace"));
        }
        check_namespace(target, &object)?;
        let generated = self.check_new(target, &mut object)?;
        let given_status = object.get("status").cloned();
        let mut object = builtin::to_storage(resource, object);
        let (uid, now) = (self.next_uid(), self.now());
        edit_meta(&mut object, |meta| {
            for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"] {
                meta.remove(field);
            }
            meta.insert("uid".to_owned(), Value::from(uid));
            meta.insert("creationTimestamp".to_owned(), Value::from(now));
            put(meta, "namespace", Some(Value::from(target.namespace.as_str())).filter(|_| resource.namespaced));
        });
        builtin::prepare_create(resource, &mut object);
        if options.with_status && given_status.is_some() {
            put(&mut object, "status", given_status);
        }
        crd::prepare(resource, &mut object);
        check_valid(resource, &object, generated, true)?;
        let name = meta_text(&object, "name").to_owned();
        let key = Key { namespace: target.namespace.clone(), name: name.clone() };
        if self.find(&resource.storage, &key).is_some() {
            return Err(ApiError::already_exists(resource, &name));
        }
        if options.dry_run {
            return Ok(Written { object: builtin::to_served(resource, &object), created: true });
        }
        let owners = owners(resource, &object);
        let stored = self.store(&resource.storage, &key, object, owners);
        crd::written(self, resource, &key);
        Ok(Written { object: builtin::to_served(resource, &stored), created: true })
    }

    /// What is checked of a new object before its fields are; makes its name. True when the name was left to be made.
    fn check_new(&mut self, target: &Target, object: &mut Object) -> Result<bool, ApiError> {
        let resource = &target.resource;
        if !matches!(meta_text(object, "resourceVersion"), "" | "0") {
            return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created", None));
        }
        let prefix: String = meta_text(object, "generateName").chars().take(58).collect();
        let generated = meta_text(object, "name").is_empty() && !prefix.is_empty();
        if generated {
            let name = format!("{prefix}{}", self.next_suffix());
            edit_meta(object, |meta| meta.insert("name".to_owned(), Value::from(name)));
        }
        if !resource.namespaced {
            return Ok(generated);
        }
        let namespace = &target.namespace;
        match self.namespace_phase(namespace).as_deref() {
            Some("Active") => Ok(generated),
            Some(_) => {
                let name = meta_text(object, "name");
                let message = format!(
                    "{} {name:?} is forbidden: unable to create new content in namespace {namespace} because it is \
                     being terminated",
                    resource.qualified()
                );
                let mut details = serde_json::json!({"name": name, "kind": resource.plural, "causes": [{
                    "reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"),
                    "field": "metadata.namespace",
                }]});
                if let Some(details) = details.as_object_mut().filter(|_| !resource.group.is_empty()) {
                    details.insert("group".to_owned(), Value::from(resource.group.as_str()));
                }
                Err(ApiError::new(403, "Forbidden", message, Some(details)))
            }
            None => {
                let details = serde_json::json!({"name": namespace, "kind": "namespaces"});
                let message = format!("namespaces {namespace:?} not found");
                Err(ApiError::new(404, "NotFound", message, Some(details)))
            }
        }
    }

    /// Replaces an object with what `change` makes of it; creates it where its kind allows a PUT to.
    pub fn update(
        &mut self,
        target: &Target,
        options: &WriteOptions,
        source: Source,
        change: impl FnOnce(Object) -> Result<Object, ApiError>,
    ) -> Result<Written, ApiError> {
        let resource = &target.resource;
        let key = target.key();
        let Some(current) = self.find(&resource.storage, &key) else {
            if matches!(source, Source::Put) && resource.create_on_update && !target.status {
                let mut object = change(Object::new())?;
                edit_meta(&mut object, |meta| meta.remove("resourceVersion"));
                return self.create(target, object, options);
            }
            return Err(ApiError::not_found(resource, &target.name));
        };
        let mut new = change(builtin::to_served(resource, &current))?;
        check_type(resource, &mut new)?;
        check_namespace(target, &new)?;
        check_version(target, &current, &new, &source)?;
        let given_status = new.get("status").cloned();
        let mut new = builtin::to_storage(resource, new);
        builtin::prepare_update(resource, &current, &mut new, target.status);
        if options.with_status && given_status.is_some() {
            put(&mut new, "status", given_status);
        }
        builtin::keep_system_fields(resource, &current, &mut new, target.status);
        crd::prepare(resource, &mut new);
        check_valid(resource, &new, false, false)?;
        check_finalizers(resource, &current, &new)?;
        let owners = self.owners(&resource.storage, &key);
        let after = match source {
            Source::Apply(after) => after,
            _ if new == *current => owners.clone(),
            _ => owners.clone().updated(resource, &options.manager, &current, &new),
        };
        if (new == *current && after == owners) || options.dry_run {
            return Ok(Written { object: builtin::to_served(resource, &new), created: false });
        }
        let ends = !meta_text(&new, "deletionTimestamp").is_empty() && finalizers(&new).is_empty();
        if ends && !keeps_itself(resource) {
            self.remove(&resource.storage, &key);
            crd::removed(self, resource, &current);
            return Ok(Written { object: builtin::to_served(resource, &new), created: false });
        }
        let stored = self.store(&resource.storage, &key, new, after);
        crd::written(self, resource, &key);
        Ok(Written { object: builtin::to_served(resource, &stored), created: false })
    }

    /// Applies a manifest: creates the object, or merges and takes over fields.
    pub fn apply(
        &mut self,
        target: &Target,
        mut manifest: Object,
        force: bool,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let resource = Arc::clone(&target.resource);
        let (given, kind) = (super::json::text(&manifest, &["apiVersion"]), super::json::text(&manifest, &["kind"]));
        if given != resource.api_version() || kind != resource.kind {
            let (group, version) = super::kinds::split(given);
            let shown = format!("{group}/{version}, Kind={kind}");
            return Err(ApiError::bad_request(format!("invalid object type: {shown}")));
        }
        check_name(target, &manifest)?;
        let in_scope = |key: &String| match (target.status, key.as_str()) {
            (_, "apiVersion" | "kind" | "metadata") => true,
            (on_status, "status") => on_status || !resource.status,
            (on_status, _) => !on_status,
        };
        manifest.retain(|key, _| in_scope(key));
        let apply = Apply { resource: &resource, manager: &options.manager, force };
        let Some(current) = self.find(&resource.storage, &target.key()) else {
            if target.status {
                return Err(ApiError::not_found(&resource, &target.name));
            }
            edit_meta(&mut manifest, |meta| {
                meta.remove("resourceVersion");
                meta.insert("name".to_owned(), Value::from(target.name.as_str()));
            });
            let (_, owners) = Owners::default().applied(&apply, &Object::new(), &manifest)?;
            return self.create_owned(target, manifest, options, |_, _| owners);
        };
        let live = builtin::to_served(&resource, &current);
        let owners = self.owners(&resource.storage, &target.key());
        let (merged, owners) = owners.applied(&apply, &live, &manifest)?;
        self.update(target, options, Source::Apply(owners), |_| Ok(merged))
    }
}

/// Kinds that stay after their last finalizer went: another part of the cluster ends them.
pub(super) fn keeps_itself(resource: &Resource) -> bool {
    !resource.custom && resource.plural == "namespaces"
}

/// Only the fields of `new` that `given` names, so that defaults belong to nobody.
fn reduced(given: &Object, new: &Object) -> Object {
    new.iter().filter(|(key, _)| given.contains_key(*key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Whether the object is of the kind that the path names, where it says so.
fn check_type(resource: &Resource, object: &mut Object) -> Result<(), ApiError> {
    let (version, kind) = (super::json::text(object, &["apiVersion"]), super::json::text(object, &["kind"]));
    if !version.is_empty() && version != resource.api_version() {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({})",
            resource.api_version()
        )));
    }
    if !kind.is_empty() && kind != resource.kind {
        if resource.custom {
            let cause = Cause::invalid("kind", &format!("{kind:?}"), &format!("must be {}", resource.kind));
            return Err(ApiError::invalid_as(&resource.group, kind, meta_text(object, "name"), &[cause]));
        }
        return Err(ApiError::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {}: converting ({version}.{kind}) to (core.{}): unknown \
             conversion",
            resource.version, resource.kind, resource.kind
        )));
    }
    object.insert("apiVersion".to_owned(), Value::from(resource.api_version()));
    object.insert("kind".to_owned(), Value::from(resource.kind.as_str()));
    edit_meta(object, |_| ());
    Ok(())
}

fn check_namespace(target: &Target, object: &Object) -> Result<(), ApiError> {
    let namespace = meta_text(object, "namespace");
    if target.resource.namespaced && !namespace.is_empty() && namespace != target.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

fn check_name(target: &Target, object: &Object) -> Result<(), ApiError> {
    let name = meta_text(object, "name");
    if !name.is_empty() && name != target.name {
        let url = &target.name;
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({url})"
        )));
    }
    Ok(())
}

/// Compare-and-swap: the resourceVersion and uid that the new object names, against the live one.
fn check_version(target: &Target, current: &Object, new: &Object, source: &Source) -> Result<(), ApiError> {
    let (resource, name) = (&target.resource, &target.name);
    let given = meta_text(new, "resourceVersion");
    let version: u64 = if given.is_empty() {
        0
    } else {
        let why = || format!("strconv.ParseUint: parsing {given:?}: invalid syntax");
        given.parse().map_err(|_| ApiError::new(500, "", why(), None))?
    };
    if version == 0 && !resource.unconditional_update {
        let cause = Cause::invalid("metadata.resourceVersion", "0", "must be specified for an update");
        return Err(ApiError::invalid_as(&resource.group, &resource.plural, name, &[cause]));
    }
    if version != 0 && version != revision_of(current) {
        return Err(ApiError::modified(resource, name));
    }
    let (uid, live) = (meta_text(new, "uid"), meta_text(current, "uid"));
    if uid.is_empty() || uid == live {
        return Ok(());
    }
    if matches!(source, Source::Put) {
        let path = format!("/registry/{}/{}/{name}", resource.plural, target.namespace);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {uid}, UID in object meta: {live}"
        );
        return Err(ApiError::conflict(resource, name, &why));
    }
    let cause = Cause::invalid("metadata.uid", &format!("{uid:?}"), "field is immutable");
    Err(ApiError::invalid(resource, name, &[cause]))
}

fn check_valid(resource: &Resource, object: &Object, generated: bool, creating: bool) -> Result<(), ApiError> {
    let name = meta_text(object, "name");
    if let Some(fault) = builtin::type_fault(resource, object) {
        if creating {
            return Err(ApiError::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: {fault}",
                resource.kind, resource.version, resource.kind
            )));
        }
        let shown = format!("{:?}", Value::Object(object.clone()).to_string());
        return Err(ApiError::invalid_as("", "", "", &[Cause::invalid("patch", &shown, &fault)]));
    }
    let mut causes = validate::metadata(resource, object, generated);
    causes.extend(crd::faults(resource, object));
    causes.extend(builtin::faults(resource, object, creating));
    if causes.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid_as(&resource.storage.group, &resource.kind, name, &causes))
}

/// An object that is being deleted may lose finalizers, and gain none.
fn check_finalizers(resource: &Resource, current: &Object, new: &Object) -> Result<(), ApiError> {
    if meta_text(current, "deletionTimestamp").is_empty() {
        return Ok(());
    }
    let old = finalizers(current);
    let added: Vec<String> = finalizers(new).into_iter().filter(|f| !old.contains(f)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let list = added.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
    );
    let cause = Cause::forbidden("metadata.finalizers", &detail);
    Err(ApiError::invalid(resource, meta_text(new, "name"), &[cause]))
}
