//! Discovery: groups, versions and resources, plain and aggregated.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::{Registry, Resource, join};

/// `/version`: the release whose behaviour is imitated.
pub(super) fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
    })
}

/// `/api`.
pub(super) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// The versions of a group, in the order of registration; empty when it is not served.
fn versions(registry: &Registry, group: &str) -> Vec<String> {
    let mut versions: Vec<String> = registry.all().filter(|r| r.group == group).map(|r| r.version.clone()).collect();
    versions.dedup();
    versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    versions
}

/// Stable before beta before alpha, and the larger number first: the order in which clients prefer versions.
fn priority(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or_default();
    let parse = |text: &str| text.parse::<u32>().unwrap_or_default();
    if let Some((major, minor)) = rest.split_once("alpha") {
        (1, parse(major), parse(minor))
    } else if let Some((major, minor)) = rest.split_once("beta") {
        (2, parse(major), parse(minor))
    } else if rest.parse::<u32>().is_ok() {
        (3, parse(rest), 0)
    } else {
        (0, 0, 0)
    }
}

/// `/apis/GROUP`; `None` when the group is not served.
pub(super) fn group(registry: &Registry, name: &str) -> Option<Value> {
    let mut described = describe_group(registry, name)?;
    if let Some(fields) = described.as_object_mut() {
        fields.insert("kind".to_owned(), json!("APIGroup"));
        fields.insert("apiVersion".to_owned(), json!("v1"));
    }
    Some(described)
}

fn describe_group(registry: &Registry, name: &str) -> Option<Value> {
    let versions: Vec<Value> = versions(registry, name)
        .iter()
        .map(|version| json!({"groupVersion": join(name, version), "version": version}))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn group_names(registry: &Registry) -> Vec<String> {
    let mut names: Vec<String> = registry.all().map(|r| r.group.clone()).filter(|g| !g.is_empty()).collect();
    names.dedup();
    names
}

/// `/apis`.
pub(super) fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = group_names(registry).iter().filter_map(|name| describe_group(registry, name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn resources<'a>(registry: &'a Registry, group: &str, version: &str) -> Vec<&'a Arc<Resource>> {
    registry.all().filter(|r| r.group == group && r.version == version).collect()
}

/// `/api/v1` and `/apis/GROUP/VERSION`; `None` when it is not served.
pub(super) fn group_version(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let served = resources(registry, group, version);
    if served.is_empty() {
        return None;
    }
    let mut list = Vec::new();
    for resource in served {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": resource.verbs(),
        });
        if let Some(fields) = entry.as_object_mut().filter(|_| !resource.short_names.is_empty()) {
            fields.insert("shortNames".to_owned(), json!(resource.short_names));
        }
        list.push(entry);
        if resource.status {
            list.push(json!({
                "name": format!("{}/status", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": resource.kind, "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version = join(group, version);
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list}))
}

/// Aggregated discovery of the core group (`/api`) or of all others (`/apis`).
pub(super) fn aggregated(registry: &Registry, core: bool) -> Value {
    let names = if core { vec![String::new()] } else { group_names(registry) };
    let items: Vec<Value> = names.iter().map(|group| aggregate(registry, group)).collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    })
}

fn aggregate(registry: &Registry, group: &str) -> Value {
    let versions: Vec<Value> = versions(registry, group)
        .iter()
        .map(|version| {
            let resources: Vec<Value> =
                resources(registry, group, version).into_iter().map(|r| aggregate_resource(r)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregate_resource(resource: &Resource) -> Value {
    // The real server leaves group and version of built-in kinds empty here.
    let (group, version) =
        if resource.custom { (resource.group.as_str(), resource.version.as_str()) } else { ("", "") };
    let kind = json!({"group": group, "version": version, "kind": resource.kind});
    let mut entry = json!({
        "resource": resource.plural, "responseKind": kind, "singularResource": resource.singular,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" }, "verbs": resource.verbs(),
    });
    let Some(fields) = entry.as_object_mut() else { return entry };
    if !resource.short_names.is_empty() {
        fields.insert("shortNames".to_owned(), json!(resource.short_names));
    }
    if resource.status {
        let status = json!({"subresource": "status", "responseKind": kind, "verbs": ["get", "patch", "update"]});
        fields.insert("subresources".to_owned(), json!([status]));
    }
    entry
}
