//! Which kinds live outside of namespaces, as far as manifests alone can tell.

use std::collections::BTreeSet;

use serde_json::Value;

/// Cluster-scoped kinds of Kubernetes itself and of what ML platforms commonly install, sorted (group, kind).
/// A CRD among the manifests tells for its own kind; everything else counts as namespaced.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("cert-manager.io", "ClusterIssuer"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("config.openshift.io", "ClusterVersion"),
    ("external-secrets.io", "ClusterExternalSecret"),
    ("external-secrets.io", "ClusterSecretStore"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("kueue.x-k8s.io", "ClusterQueue"),
    ("kueue.x-k8s.io", "ResourceFlavor"),
    ("machineconfiguration.openshift.io", "MachineConfig"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("nvidia.com", "ClusterPolicy"),
    ("oauth.openshift.io", "OAuthClient"),
    ("project.openshift.io", "Project"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("security.openshift.io", "SecurityContextConstraints"),
    ("serving.kserve.io", "ClusterServingRuntime"),
    ("serving.kserve.io", "ClusterStorageContainer"),
    ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
    ("snapshot.storage.k8s.io", "VolumeSnapshotContent"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

/// What the CRDs among some objects say about scopes.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    cluster: BTreeSet<(String, String)>,
    namespaced: BTreeSet<(String, String)>,
}

impl Scopes {
    pub(super) fn of<'a>(objects: impl Iterator<Item = &'a Value>) -> Self {
        let mut scopes = Scopes::default();
        for object in objects {
            if object.get("kind").and_then(Value::as_str) != Some("CustomResourceDefinition") {
                continue;
            }
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind = (text("/spec/group"), text("/spec/names/kind"));
            if text("/spec/scope") == "Cluster" {
                scopes.cluster.insert(kind);
            } else {
                scopes.namespaced.insert(kind);
            }
        }
        scopes
    }

    pub(super) fn is_namespaced(&self, group: &str, kind: &str) -> bool {
        if !self.namespaced.is_empty() || !self.cluster.is_empty() {
            let key = (group.to_owned(), kind.to_owned());
            if self.namespaced.contains(&key) {
                return true;
            }
            if self.cluster.contains(&key) {
                return false;
            }
        }
        CLUSTER_SCOPED.binary_search(&(group, kind)).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::CLUSTER_SCOPED;

    #[test]
    fn the_table_can_be_searched() {
        assert!(CLUSTER_SCOPED.is_sorted());
    }
}
