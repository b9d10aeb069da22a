//! Deletion of one object and of collections: preconditions, finalizers, what is answered.

use serde_json::{Value, json};

use super::builtin;
use super::crd;
use super::failure::ApiError;
use super::json::{Object, edit_meta, finalizers, meta_text, put, revision_of};
use super::kinds::Resource;
use super::selector::Selector;
use super::state::State;
use super::verbs::{Target, keeps_itself};

/// How a deletion is meant.
#[derive(Clone, Debug, Default)]
pub(super) struct DeleteOptions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    /// `Foreground`, `Background`, `Orphan`, or the kind's default.
    pub propagation: Option<String>,
    pub dry_run: bool,
}

impl DeleteOptions {
    /// From the body of a request, which may be empty.
    pub fn parse(body: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        Self {
            uid: text(body.pointer("/preconditions/uid")),
            resource_version: text(body.pointer("/preconditions/resourceVersion")),
            propagation: text(body.get("propagationPolicy")),
            dry_run: body.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty()),
        }
    }
}

/// What a deletion left.
pub(super) enum Deleted {
    /// The object is gone.
    Gone(Object),
    /// It waits for finalizers.
    Waits(Object),
}

impl Deleted {
    /// The object as it is served.
    pub fn object(self) -> Object {
        match self {
            Self::Gone(object) | Self::Waits(object) => object,
        }
    }

    /// The body of the answer: the object when it waits, and for pods; else a Status.
    pub fn body(self, resource: &Resource) -> Value {
        match self {
            Self::Waits(object) => Value::Object(object),
            Self::Gone(object) if !resource.custom && resource.plural == "pods" => Value::Object(object),
            Self::Gone(object) => {
                let mut details = json!({
                    "name": meta_text(&object, "name"), "kind": resource.plural, "uid": meta_text(&object, "uid"),
                });
                if let Some(details) = details.as_object_mut().filter(|_| !resource.group.is_empty()) {
                    details.insert("group".to_owned(), Value::from(resource.group.as_str()));
                }
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
            }
        }
    }
}

impl State {
    /// Deletes an object, or marks it when finalizers hold it.
    pub fn delete(&mut self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        let resource = &target.resource;
        let current = self.stored(target)?;
        check_preconditions(target, &current, options)?;
        let mut object = (*current).clone();
        let holders = holders(resource, &object, options);
        let marked = !meta_text(&object, "deletionTimestamp").is_empty();
        if holders.is_empty() && !keeps_itself(resource) {
            // A pod is marked before it goes, and that is a change of its own.
            if resource.plural == "pods" && !resource.custom && !marked {
                self.mark(resource, &mut object);
                if !options.dry_run {
                    let owners = self.owners(&resource.storage, &target.key());
                    object = (*self.store(&resource.storage, &target.key(), object, owners)).clone();
                }
            }
            let served = builtin::to_served(resource, &object);
            if !options.dry_run {
                self.remove(&resource.storage, &target.key());
                crd::removed(self, resource, &current);
            }
            return Ok(Deleted::Gone(served));
        }
        edit_meta(&mut object, |meta| put(meta, "finalizers", Some(json!(holders)).filter(|_| !holders.is_empty())));
        if !marked {
            self.mark(resource, &mut object);
        }
        if object != *current && !options.dry_run {
            let owners = self.owners(&resource.storage, &target.key());
            let stored = self.store(&resource.storage, &target.key(), object, owners);
            return Ok(Deleted::Waits(builtin::to_served(resource, &stored)));
        }
        Ok(Deleted::Waits(builtin::to_served(resource, &object)))
    }

    fn mark(&self, resource: &Resource, object: &mut Object) {
        let now = self.now();
        builtin::bump_generation(object);
        edit_meta(object, |meta| {
            meta.insert("deletionTimestamp".to_owned(), Value::from(now));
            if !keeps_itself(resource) {
                meta.insert("deletionGracePeriodSeconds".to_owned(), json!(0));
            }
        });
        if keeps_itself(resource) {
            super::json::edit(object, "status", |status| status.insert("phase".to_owned(), json!("Terminating")));
        }
    }

    /// Deletes every selected object of a namespace (or of all, for a cluster-wide resource). Gives them as they were.
    pub fn delete_collection(
        &mut self,
        target: &Target,
        selector: &Selector,
        options: &DeleteOptions,
    ) -> Result<Vec<Object>, ApiError> {
        let resource = &target.resource;
        let objects = &self.collection(&resource.storage).objects;
        let within = |namespace: &str| !resource.namespaced || namespace == target.namespace;
        let chosen: Vec<_> = (objects.iter())
            .filter(|(key, object)| within(&key.namespace) && selector.matches(object))
            .map(|(key, _)| key.name.clone())
            .collect();
        let mut deleted = Vec::new();
        for name in chosen {
            deleted.push(self.delete(&Target { name, ..target.clone() }, options)?.object());
        }
        Ok(deleted)
    }
}

/// The finalizers that hold the object once it is marked: its own, and that of the propagation policy.
fn holders(resource: &Resource, object: &Object, options: &DeleteOptions) -> Vec<String> {
    const GC: [&str; 2] = ["orphan", "foregroundDeletion"];
    let mut holders = finalizers(object);
    // The real server keeps dependents of Jobs unless told otherwise: a rule from the time before garbage collection.
    let orphans = !resource.custom && resource.plural == "jobs";
    let policy = match options.propagation.as_deref() {
        None if holders.iter().any(|f| GC.contains(&f.as_str())) => return holders,
        None if orphans => "Orphan",
        None => "Background",
        Some(policy) => policy,
    };
    holders.retain(|f| !GC.contains(&f.as_str()));
    match policy {
        "Orphan" => holders.push("orphan".to_owned()),
        "Foreground" => holders.push("foregroundDeletion".to_owned()),
        _ => {}
    }
    holders
}

fn check_preconditions(target: &Target, current: &Object, options: &DeleteOptions) -> Result<(), ApiError> {
    let live = meta_text(current, "uid");
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != live) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({live}). The object might have been \
             deleted and then recreated"
        );
        return Err(ApiError::precondition(&target.resource, &target.name, &why));
    }
    let live = revision_of(current).to_string();
    if let Some(version) = options.resource_version.as_deref().filter(|version| *version != live) {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({live}). \
             The object might have been modified"
        );
        return Err(ApiError::precondition(&target.resource, &target.name, &why));
    }
    Ok(())
}
