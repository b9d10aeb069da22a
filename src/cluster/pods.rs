//! Which pods a restart deletes: of the right workload, and older than its cause.
//!
//! In: pages of a list as JSON. Out: queries, names and uids. It asks nothing and deletes nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

/// Pods that are read at once.
pub const PODS_PAGE_MAX: usize = 500;

/// The workload whose pods are meant. A selector alone may match the pods of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodOwner {
    /// Its kind, of the group `apps`.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its uid.
    pub uid: Arc<str>,
}

impl PodOwner {
    /// Whether a pod is controlled by this workload: itself, or for a Deployment by the ReplicaSet that it made, whose name is that of the
    /// Deployment and the pod's `pod-template-hash`.
    ///
    /// Source: Kubernetes `pkg/controller/deployment/sync.go` (`getNewReplicaSet`).
    fn controls(&self, pod: &Json) -> bool {
        let owners = pod.pointer("/metadata/ownerReferences").and_then(Json::as_array);
        let controller = owners.and_then(|owners| owners.iter().find(|owner| owner["controller"] == true));
        let Some(controller) = controller else { return false };
        if &*self.kind != "Deployment" {
            return controller["kind"] == *self.kind && controller["uid"] == *self.uid;
        }
        let hash = pod.pointer("/metadata/labels/pod-template-hash").and_then(Json::as_str).unwrap_or("");
        controller["kind"] == "ReplicaSet" && controller["name"] == format!("{}-{hash}", self.name)
    }
}

/// The query of a list of pods, from the page on that an earlier one named; why not, if the selector is none.
pub fn query(selector: &str, from: Option<&str>) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/=,! ()".contains(&b);
    if selector.is_empty() || !selector.bytes().all(plain) {
        return Err(format!("`{}` is no label selector", selector.escape_debug()));
    }
    let from = from.map(|from| format!("&continue={}", escaped(from))).unwrap_or_default();
    Ok(format!("limit={PODS_PAGE_MAX}&labelSelector={}{from}", escaped(selector)))
}

/// Percent-encoding of all but what is never special.
fn escaped(text: &str) -> String {
    let one = |b: u8| match b.is_ascii_alphanumeric() || b"-._".contains(&b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Where the next page begins; none if this is the last.
#[must_use]
pub fn next_page(list: &Json) -> Option<String> {
    let from = list.pointer("/metadata/continue").and_then(Json::as_str);
    from.filter(|from| !from.is_empty()).map(str::to_owned)
}

/// Name and uid of the pods that were created before a time, belong to the owner, and are not going away already.
#[must_use]
pub fn to_delete<'a>(list: &'a Json, before: Timestamp, owner: Option<&PodOwner>) -> Vec<(&'a str, &'a str)> {
    let items = list.get("items").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |pod: &'a Json, path: &str| pod.pointer(path).and_then(Json::as_str);
    let old = |pod: &&'a Json| {
        let created: Option<Timestamp> = text(pod, "/metadata/creationTimestamp").and_then(|time| time.parse().ok());
        created.is_some_and(|created| created < before) && text(pod, "/metadata/deletionTimestamp").is_none()
    };
    let owned = |pod: &&Json| owner.is_none_or(|owner| owner.controls(pod));
    let named = |pod: &'a Json| Some((text(pod, "/metadata/name")?, text(pod, "/metadata/uid")?));
    items.iter().filter(old).filter(owned).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, created: &str, deleted: Option<&str>, owner: (&str, &str, &str)) -> Json {
        let (kind, of, uid) = owner;
        json!({"metadata": {
            "name": name, "uid": name, "creationTimestamp": created, "deletionTimestamp": deleted, "labels": {"pod-template-hash": "5d9"},
            "ownerReferences": [{"kind": "Other", "name": "x"}, {"kind": kind, "name": of, "uid": uid, "controller": true}],
        }})
    }

    #[test]
    fn only_old_pods_that_still_run_are_deleted() {
        let of = ("StatefulSet", "s", "u");
        let list = json!({"items": [
            pod("old", "2026-03-01T08:00:00Z", None, of),
            pod("same-second", "2026-03-01T09:00:00Z", None, of),
            pod("going", "2026-03-01T08:00:00Z", Some("2026-03-01T08:59:00Z"), of),
            {"metadata": {"name": "no-time"}},
        ]});
        let before = "2026-03-01T09:00:00Z".parse().unwrap_or_default();
        assert_eq!(to_delete(&list, before, None), [("old", "old")]);
    }

    /// Two workloads whose selectors match the same pods keep their own.
    #[test]
    fn only_pods_of_the_workload_are_deleted() {
        let old = "2026-03-01T08:00:00Z";
        let list = json!({"items": [
            pod("of-set", old, None, ("StatefulSet", "s", "1")),
            pod("of-namesake", old, None, ("StatefulSet", "s", "2")),
            pod("of-deployment", old, None, ("ReplicaSet", "d-5d9", "3")),
            pod("of-other", old, None, ("ReplicaSet", "d-canary-5d9", "4")),
            {"metadata": {"name": "alone", "uid": "alone", "creationTimestamp": old}},
        ]});
        let before = "2026-03-01T09:00:00Z".parse().unwrap_or_default();
        let of = |kind: &str, name: &str, uid: &str| {
            let owner = PodOwner { kind: kind.into(), name: name.into(), uid: uid.into() };
            to_delete(&list, before, Some(&owner)).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of("StatefulSet", "s", "1"), ["of-set"]);
        assert_eq!(of("Deployment", "d", "9"), ["of-deployment"]);
        assert_eq!(to_delete(&list, before, None).len(), 5);
    }

    #[test]
    fn queries_are_escaped() {
        let query = query("app=a,tier in (x,y),!old", Some("eyJ2=&")).unwrap_or_default();
        let expected = "limit=500&labelSelector=app%3Da%2Ctier%20in%20%28x%2Cy%29%2C%21old&continue=eyJ2%3D%26";
        assert_eq!(query, expected);
        for bad in ["", "a=b&limit=1", "a=b\n"] {
            assert!(super::query(bad, None).is_err(), "{bad}");
        }
    }
}
