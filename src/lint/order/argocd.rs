//! For which kinds Argo CD has a health check: its own ones, and those that an argocd-cm or an ArgoCD resource among the manifests adds.
//!
//! Source: argo-cd v3.5.7 `util/settings/settings.go` (`appendResourceOverridesFromSplitKeys`, `convertToOverrideKey`), `util/lua/lua.go`
//! (`GetHealthScript`: the key as it is, then keys as patterns, then the built-in checks).

use serde_json::Value;

use crate::emit::has_check;
use crate::manifests::{Object, Platform, parse_yaml};

/// Who says the health of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// Argo CD itself.
    BuiltIn,
    /// A script among the manifests; what it says is not known.
    Custom,
    /// Nobody: applied is done.
    No,
}

/// What the manifests say of Argo CD's configuration.
#[derive(Debug, Default)]
pub(super) struct ArgoCd<'s> {
    /// The objects that hold it; none: its configuration is elsewhere.
    pub configured: Vec<&'s Object>,
    /// `group/Kind`, or `Kind` in the core group; may hold `*`.
    keys: Vec<String>,
}

impl<'s> ArgoCd<'s> {
    pub(super) fn of(platform: &'s Platform) -> Self {
        let mut argocd = ArgoCd::default();
        for object in &platform.objects {
            match (&*object.group, &*object.kind, &*object.name) {
                ("", "ConfigMap", "argocd-cm") => argocd.data(object, object.value.get("data")),
                ("argoproj.io", "ArgoCD", _) => {
                    argocd.data(object, object.value.pointer("/spec/extraConfig"));
                    let checks = object.value.pointer("/spec/resourceHealthChecks").and_then(Value::as_array);
                    for check in checks.into_iter().flatten() {
                        let text = |key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default();
                        argocd.keys.push(key(text("group"), text("kind")));
                    }
                }
                _ => {}
            }
        }
        argocd
    }

    fn data(&mut self, object: &'s Object, data: Option<&Value>) {
        self.configured.push(object);
        for (name, value) in data.and_then(Value::as_object).into_iter().flatten() {
            if let Some(kind) = name.strip_prefix("resource.customizations.health.") {
                let (group, kind) = kind.split_once('_').unwrap_or(("", kind));
                self.keys.push(if (group, kind) == ("", "all") { "*/*".to_owned() } else { key(group, kind) });
            } else if name == "resource.customizations"
                && let Some(Ok(all)) = value.as_str().map(parse_yaml)
            {
                // The old form: one text with a map of all.
                let all = all.as_object().into_iter().flatten();
                self.keys.extend(all.filter(|(_, of)| of.get("health.lua").is_some()).map(|(kind, _)| kind.clone()));
            }
        }
    }

    pub(super) fn checked(&self, group: &str, kind: &str) -> Checked {
        let wanted = key(group, kind);
        if self.keys.iter().any(|pattern| matches(pattern, &wanted)) {
            Checked::Custom
        } else if has_check(group, kind) {
            Checked::BuiltIn
        } else {
            Checked::No
        }
    }
}

fn key(group: &str, kind: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") }
}

/// `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| matches(after, rest.get(at..).unwrap_or_default()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let cases = [
            ("batch/Job", "batch/Job", true),
            ("batch/Job", "batch/Jobs", false),
            ("*.crossplane.io/*", "s3.aws.crossplane.io/Bucket", true),
            ("*/*", "batch/Job", true),
            ("*/*", "Pod", false),
            ("*.io/Job", "batch/Job", false),
        ];
        for (pattern, text, wanted) in cases {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
