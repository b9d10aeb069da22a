//! Where the objects of a kind are served.

use std::sync::Arc;

use kube::core::{ApiResource, GroupVersionKind};

/// A kind as the API server names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty for core.
    pub group: Arc<str>,
    /// API version, as `v1alpha1`.
    pub version: Arc<str>,
    /// Kind, as `Job`.
    pub kind: Arc<str>,
    /// Plural resource name, as `jobs`.
    pub plural: Arc<str>,
    /// Lives in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// A resource of the core group or of one that Kubernetes brings.
    #[must_use]
    pub fn builtin(group: &str, version: &str, kind: &str, plural: &str) -> Resource {
        Resource {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: true,
        }
    }

    /// `batch/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `/apis/batch/v1`, or `/api/v1` for the core group.
    #[must_use]
    pub fn root(&self) -> String {
        let prefix = if self.group.is_empty() { "api" } else { "apis" };
        format!("/{prefix}/{}", self.api_version())
    }

    /// The path of all objects of a namespace, or of the cluster where the kind has no namespaces.
    ///
    /// # Errors
    /// When the namespace cannot stand in a path.
    pub fn collection(&self, namespace: &str) -> Result<String, String> {
        if !self.namespaced {
            return Ok(format!("{}/{}", self.root(), self.plural));
        }
        Ok(format!("{}/namespaces/{}/{}", self.root(), segment(namespace)?, self.plural))
    }

    /// The path of one object.
    ///
    /// # Errors
    /// When namespace or name cannot stand in a path.
    pub fn object(&self, namespace: &str, name: &str) -> Result<String, String> {
        Ok(format!("{}/{}", self.collection(namespace)?, segment(name)?))
    }

    /// As kube wants it.
    #[must_use]
    pub fn api_resource(&self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(&self.group, &self.version, &self.kind);
        ApiResource::from_gvk_with_plural(&gvk, &self.plural)
    }
}

/// Names reach this room from annotations on live objects too, so a name must not lead to another path. Kubernetes itself allows
/// any name without `/` and `%`; those in use are of letters, digits and a few marks that need no escaping.
fn segment(name: &str) -> Result<&str, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:@".contains(&b);
    if name.is_empty() || name == "." || name == ".." || name.len() > 253 || !name.bytes().all(plain) {
        return Err(format!("`{}` is not a name that Kubernetes can have", name.escape_debug()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let job = Resource::builtin("batch", "v1", "Job", "jobs");
        assert_eq!(job.object("team", "train").as_deref(), Ok("/apis/batch/v1/namespaces/team/jobs/train"));
        let pod = Resource::builtin("", "v1", "Pod", "pods");
        assert_eq!(pod.collection("team").as_deref(), Ok("/api/v1/namespaces/team/pods"));
        let role = Resource { namespaced: false, ..Resource::builtin("a.io", "v1", "Thing", "things") };
        assert_eq!(role.object("", "system:x").as_deref(), Ok("/apis/a.io/v1/things/system:x"));
    }

    #[test]
    fn a_hostile_name_leads_nowhere() {
        let job = Resource::builtin("batch", "v1", "Job", "jobs");
        for name in ["", ".", "..", "../../secrets/token", "a/b", "a%2fb", "a?watch=1", "a#b", "a b", "é", "\n"] {
            assert!(job.object("team", name).is_err(), "{name:?}");
            assert!(job.object(name, "train").is_err(), "{name:?}");
        }
        assert!(job.object("team", &"x".repeat(254)).is_err());
    }
}
