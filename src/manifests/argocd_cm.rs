//! What Argo CD reads of argocd-cm's `resource.customizations…` keys, as far as one of them can cost the others.
//!
//! Source: argo-cd v3.5 `util/settings/settings.go`: `GetResourceOverrides`, `appendResourceOverridesFromSplitKeys`, `convertToOverrideKey`. An error
//! in one key is an error of all: no override at all is loaded then, and Applications do not get past their comparison.

use std::ops::Range;

use serde_json::Value;

use super::overlay::{Node, Object};
use super::yaml;

/// What all these keys begin with. Argo CD asks for this prefix, not for a `.` behind it.
const PREFIX: &str = "resource.customizations";

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProblem {
    /// The key, in the text.
    pub bytes: Range<usize>,
    /// What Argo CD does about it.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Argo CD loads no override at all, or one by chance; else it only passes one over.
    pub breaks: bool,
}

/// One key of argocd-cm.
struct Key<'o> {
    name: &'o str,
    value: Option<&'o str>,
    bytes: &'o Range<usize>,
}

fn keys(node: &Node) -> impl Iterator<Item = Key<'_>> {
    node.entries()
        .iter()
        .filter_map(|(key, value)| Some(Key { name: key.text()?, value: value.text(), bytes: &key.bytes }))
}

/// Looks at the keys under `path` of an object: `data` of argocd-cm, `spec.extraConfig` of an ArgoCD resource. `ours`: the ends (`<group>_<Kind>`, `<Kind>`)
/// of the keys that are about to be set.
#[must_use]
pub fn argocd_key_problems(object: &Object, path: &[&str], ours: &[&str]) -> Vec<KeyProblem> {
    let Some(node) = path.iter().try_fold(&object.node, |node, key| node.get(key)) else { return Vec::new() };
    let mut problems = Vec::new();
    for key in keys(node).filter(|key| key.name.starts_with(PREFIX)) {
        if key.name == PREFIX {
            problems.extend(old_form(&key, ours));
        } else if let Some((message, help)) = broken(&key) {
            let message = format!("{message}: Argo CD then loads no health check and no other override at all");
            problems.push(KeyProblem { bytes: key.bytes.clone(), message, help, breaks: true });
        } else {
            problems.extend(second(&key, ours));
        }
    }
    problems
}

/// Looks at an ArgoCD resource, of which the operator of OpenShift GitOps makes argocd-cm: keys of `spec.resourceHealthChecks`, then `spec.extraConfig` over
/// them. Source: argocd-operator `controllers/argocd/configmap.go`.
#[must_use]
pub fn argocd_cr_problems(object: &Object, ours: &[&str]) -> Vec<KeyProblem> {
    let mut problems = argocd_key_problems(object, &["spec", "extraConfig"], ours);
    let Some(spec) = object.node.get("spec") else { return problems };
    for key in spec.get("extraConfig").into_iter().flat_map(keys) {
        let Some(end) = key.name.strip_prefix("resource.customizations.health.").filter(|end| ours.contains(end))
        else {
            continue;
        };
        problems.push(KeyProblem {
            bytes: key.bytes.clone(),
            message: format!("the operator writes `extraConfig` over `resourceHealthChecks`, so this check of `{end}` is the one that counts"),
            help: "remove it".to_owned(),
            breaks: true,
        });
    }
    for item in spec.get("resourceHealthChecks").map(Node::items).unwrap_or_default() {
        let text = |name: &str| item.get(name).and_then(Node::text).unwrap_or_default();
        let (group, kind) = (text("group"), text("kind"));
        let end = if group.is_empty() { kind.to_owned() } else { format!("{group}_{kind}") };
        if end.is_empty() || end.matches('_').count() > 1 {
            problems.push(KeyProblem {
                bytes: item.bytes.start..item.bytes.start,
                message: format!("the operator makes `resource.customizations.health.{end}` of this: Argo CD then loads no health check and no other override at all"),
                help: "a group and a kind hold no `_`, and a kind is not empty: correct the check or remove it".to_owned(),
                breaks: true,
            });
        }
    }
    problems
}

/// Why a key, or its value, makes Argo CD refuse all of them.
fn broken(key: &Key<'_>) -> Option<(String, String)> {
    // Go's `SplitN(key, ".", 4)`; keys of fewer parts are passed over.
    let mut parts = key.name.splitn(4, '.').skip(2);
    let (of, end) = (parts.next()?, parts.next()?);
    if end.is_empty() || end.matches('_').count() > 1 {
        let message = format!("`{}` ends neither in `<group>_<Kind>` nor in `<Kind>`", key.name);
        let help = if end.is_empty() {
            "name the kind, or remove the key"
        } else {
            "one `_` divides group and Kind, and neither can hold another: correct the key or remove it; a wildcard is `*`"
        };
        return Some((message, help.to_owned()));
    }
    let text = key.value.unwrap_or_default();
    let flag =
        matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False");
    let yaml = |fits: fn(&Value) -> bool| yaml::parse(text).is_ok_and(|value| value.is_null() || fits(&value));
    let (fits, wanted) = match of {
        "health" | "actions" => (true, ""),
        "useOpenLibs" => (flag, "`\"true\"` or `\"false\"`"),
        "ignoreDifferences" | "ignoreResourceUpdates" => (yaml(Value::is_object), "a map in YAML"),
        "knownTypeFields" => (yaml(Value::is_array), "a list in YAML"),
        _ => {
            let message = format!("`{}` is no kind of override that Argo CD knows, in `{}`", of, key.name);
            let help = "there are `health`, `useOpenLibs`, `actions`, `ignoreDifferences`, `ignoreResourceUpdates` and `knownTypeFields`";
            return Some((message, help.to_owned()));
        }
    };
    (!fits).then(|| (format!("the value of `{}` is not one", key.name), format!("write {wanted}")))
}

/// A key that is not the one that will be set, and means the same: Argo CD visits them in no order.
fn second(key: &Key<'_>, ours: &[&str]) -> Option<KeyProblem> {
    let mut parts = key.name.splitn(4, '.').skip(1);
    let (second, of, end) = (parts.next()?, parts.next()?, parts.next()?);
    let clashes = second != "customizations" && matches!(of, "health" | "useOpenLibs") && ours.contains(&end);
    clashes.then(|| KeyProblem {
        bytes: key.bytes.clone(),
        message: format!("Argo CD takes `{}` for `{PREFIX}.{of}.{end}` too, now this one, now the other", key.name),
        help: "remove it".to_owned(),
        breaks: true,
    })
}

/// The older form: one YAML map of all kinds, which the keys by kind overwrite field by field.
fn old_form(key: &Key<'_>, ours: &[&str]) -> Vec<KeyProblem> {
    let text = key.value.unwrap_or_default();
    let map = match yaml::parse(text) {
        Ok(Value::Object(map)) if map.values().all(|value| value.is_object() || value.is_null()) => map,
        Ok(Value::Null) => return Vec::new(),
        _ => {
            return vec![KeyProblem {
                bytes: key.bytes.clone(),
                message: format!("`{PREFIX}` is not a map in YAML of kinds: Argo CD then loads no override at all"),
                help: "correct it, or write keys `resource.customizations.health.<group>_<Kind>`".to_owned(),
                breaks: true,
            }];
        }
    };
    let clash = |end: &&str| {
        let kind = end.replacen('_', "/", 1);
        map.get(&kind)?.get("health.lua")?.as_str().filter(|lua| !lua.is_empty())?;
        let message = format!(
            "`{PREFIX}` has a `health.lua` for `{kind}`: Argo CD passes it over, and takes the key `{PREFIX}.health.{end}`"
        );
        let help = format!("remove `{kind}` from `{PREFIX}`, or its `health.lua`");
        Some(KeyProblem { bytes: key.bytes.clone(), message, help, breaks: false })
    };
    ours.iter().filter_map(clash).collect()
}
