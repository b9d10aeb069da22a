//! The resources that are served, and how each behaves where behaviours differ.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What increases `metadata.generation` of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// The kind has none.
    Absent,
    /// A change of `spec`.
    Spec,
    /// A change of `spec` or of the annotations (Deployments).
    SpecOrAnnotations,
    /// Any change but of metadata, and of status where that is a subresource (custom resources).
    AllButStatus,
}

/// One served resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group.
    pub version: String,
    /// Plural name, as in paths.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Kind of the objects.
    pub kind: String,
    /// Short names for discovery.
    pub short_names: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether status is a subresource of its own.
    pub status: bool,
    /// Not typed: a custom resource.
    pub(super) custom: bool,
    pub(super) generation: Generation,
    /// A PUT without resourceVersion replaces whatever is there.
    pub(super) unconditional_update: bool,
    /// A PUT on an absent name creates.
    pub(super) create_on_update: bool,
    /// Group and plural under which objects are stored (Events are served by two groups).
    pub(super) storage: StorageKey,
}

/// Where the objects of a resource are stored, whatever version they are asked for in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StorageKey {
    pub group: String,
    pub plural: String,
}

impl Resource {
    /// A custom resource, served without a definition of its own. The plural must be lower case.
    ///
    /// `status`: whether `/status` is a subresource; Argo CD's Application, for one, has none.
    pub fn custom(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool, status: bool) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
            short_names: Vec::new(),
            namespaced,
            status,
            custom: true,
            generation: Generation::AllButStatus,
            unconditional_update: false,
            create_on_update: false,
            storage: StorageKey { group: group.to_owned(), plural: plural.to_owned() },
        }
    }

    /// `v1` or `group/version`.
    pub fn api_version(&self) -> String {
        join(&self.group, &self.version)
    }

    /// `plural` or `plural.group`, as errors name it.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Kind` or `Kind.group`, as errors name it.
    pub(super) fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// The verbs in discovery, in the order in which the real server lists them.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        if self.custom {
            &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
        } else if self.plural == "namespaces" {
            &["create", "delete", "get", "list", "patch", "update", "watch"]
        } else {
            &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        }
    }
}

/// `version` or `group/version`.
pub(super) fn join(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// `group` and `version` of an apiVersion.
pub(super) fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// All that is served.
#[derive(Default)]
pub(super) struct Registry {
    served: BTreeMap<(String, String, String), Arc<Resource>>,
}

impl Registry {
    /// The built-in resources.
    pub fn builtin() -> Self {
        let mut registry = Self::default();
        BUILTIN.iter().for_each(|row| registry.add(row.resource()));
        registry
    }

    /// Serves a resource, in place of one of the same group, version and plural.
    pub fn add(&mut self, resource: Resource) {
        let key = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.served.insert(key, Arc::new(resource));
    }

    /// Stops serving all versions of a resource.
    pub fn remove(&mut self, group: &str, plural: &str) {
        self.served.retain(|(g, _, p), _| g != group || p != plural);
    }

    /// By path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.served.get(&(group.to_owned(), version.to_owned(), plural.to_owned())).cloned()
    }

    /// By what an object says of itself.
    pub fn find_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let (group, version) = split(api_version);
        self.all().find(|r| r.group == group && r.version == version && r.kind == kind).cloned()
    }

    /// Every served resource, by group, version and plural.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.served.values()
    }

    /// Whether a group holds built-in kinds; those answer unknown resources with a Status, others with bare text.
    pub fn is_builtin_group(&self, group: &str) -> bool {
        self.all().any(|r| r.group == group && !r.custom)
    }
}

/// A built-in resource in one line.
struct Row {
    api: (&'static str, &'static str),
    names: (&'static str, &'static str, &'static str),
    short: &'static str,
    namespaced: bool,
    status: bool,
    generation: Generation,
    /// `cas`: a PUT needs a resourceVersion; `upsert`: a PUT on an absent name creates.
    put: &'static [&'static str],
}

impl Row {
    fn resource(&self) -> Resource {
        let (plural, singular, kind) = self.names;
        let storage = if plural == "events" { "" } else { self.api.0 };
        let short_names = Some(self.short).filter(|s| !s.is_empty()).map(str::to_owned);
        Resource {
            group: self.api.0.to_owned(),
            version: self.api.1.to_owned(),
            plural: plural.to_owned(),
            singular: singular.to_owned(),
            kind: kind.to_owned(),
            short_names: short_names.into_iter().collect(),
            namespaced: self.namespaced,
            status: self.status,
            custom: false,
            generation: self.generation,
            unconditional_update: !self.put.contains(&"cas"),
            create_on_update: self.put.contains(&"upsert"),
            storage: StorageKey { group: storage.to_owned(), plural: plural.to_owned() },
        }
    }
}

const fn row(
    api: (&'static str, &'static str),
    names: (&'static str, &'static str, &'static str),
    short: &'static str,
    status: bool,
    generation: Generation,
) -> Row {
    Row { api, names, short, namespaced: true, status, generation, put: &[] }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");

use Generation::{Absent, Spec, SpecOrAnnotations};

#[rustfmt::skip]
const BUILTIN: &[Row] = &[
    row(CORE, ("configmaps", "configmap", "ConfigMap"), "cm", false, Absent),
    row(CORE, ("secrets", "secret", "Secret"), "", false, Absent),
    row(CORE, ("serviceaccounts", "serviceaccount", "ServiceAccount"), "sa", false, Absent),
    row(CORE, ("services", "service", "Service"), "svc", true, Absent),
    row(CORE, ("persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim"), "pvc", true, Absent),
    row(CORE, ("pods", "pod", "Pod"), "po", true, Spec),
    Row { put: &["upsert"], ..row(CORE, ("events", "event", "Event"), "ev", false, Absent) },
    Row { put: &["upsert"], ..row(("events.k8s.io", "v1"), ("events", "event", "Event"), "ev", false, Absent) },
    Row { namespaced: false, ..row(CORE, ("namespaces", "namespace", "Namespace"), "ns", true, Absent) },
    row(APPS, ("deployments", "deployment", "Deployment"), "deploy", true, SpecOrAnnotations),
    row(APPS, ("statefulsets", "statefulset", "StatefulSet"), "sts", true, Spec),
    row(APPS, ("daemonsets", "daemonset", "DaemonSet"), "ds", true, Spec),
    row(APPS, ("replicasets", "replicaset", "ReplicaSet"), "rs", true, Spec),
    row(BATCH, ("jobs", "job", "Job"), "", true, Spec),
    row(BATCH, ("cronjobs", "cronjob", "CronJob"), "cj", true, Spec),
    Row { put: &["cas", "upsert"],
        ..row(("coordination.k8s.io", "v1"), ("leases", "lease", "Lease"), "", false, Absent) },
    Row { namespaced: false, put: &["cas"],
        ..row(("apiextensions.k8s.io", "v1"),
            ("customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition"), "crd", true, Spec) },
];
