//! What Argo CD reads from an object's annotations: wave, hooks, phases, delete policies.
//!
//! Read from argo-cd's gitops-engine, `pkg/sync/{hook,syncwaves,sync_phase.go}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// `argocd.argoproj.io/sync-wave`
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// `argocd.argoproj.io/hook`
pub(super) const HOOK: &str = "argocd.argoproj.io/hook";
const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
const HELM_HOOK: &str = "helm.sh/hook";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";
const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// A sync's phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before anything is applied.
    PreSync,
    /// With the application's own resources.
    Sync,
    /// After all of Sync is healthy.
    PostSync,
    /// When the sync has failed.
    SyncFail,
}

impl Phase {
    /// As it is written in the annotation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::PreSync => "PreSync",
            Phase::Sync => "Sync",
            Phase::PostSync => "PostSync",
            Phase::SyncFail => "SyncFail",
        }
    }
}

/// When a hook is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeletePolicy {
    /// Before it is made again; the default.
    BeforeHookCreation,
    /// As soon as it succeeded.
    HookSucceeded,
    /// As soon as it failed.
    HookFailed,
}

/// An object's wave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaveRead {
    /// What Argo CD sorts by.
    pub wave: i64,
    /// The annotation that says so; none: 0 by default.
    pub key: Option<&'static str>,
    /// An annotation whose value is not a number, with the value: passed over without a word.
    pub unreadable: Option<(&'static str, String)>,
}

/// Whether an object is a hook, and of which phases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookRead {
    /// It is a hook, not a resource of the application.
    pub hook: bool,
    /// `argocd.argoproj.io/hook: Skip`: never applied.
    pub skip: bool,
    /// Its phases, sorted; `Sync` for what is no hook; empty for hooks that Argo CD never runs in a sync (`Skip`, deletion hooks, Helm tests).
    pub phases: Vec<Phase>,
    /// Words that mean nothing to Argo CD, with their annotation.
    pub unreadable: Vec<(&'static str, String)>,
}

/// An object's annotations; the keys whose values are not texts on the right. One such value and Argo CD sees no annotation at all
/// (`NestedStringMap`), and the API server refuses the object.
pub(super) fn annotations(object: &Value) -> Result<BTreeMap<&str, &str>, Vec<String>> {
    let Some(map) = super::platform::at(object, "/metadata/annotations").and_then(Value::as_object) else {
        return Ok(BTreeMap::new());
    };
    let wrong: Vec<String> = map.iter().filter(|(_, v)| !v.is_string()).map(|(k, _)| k.clone()).collect();
    if wrong.is_empty() {
        Ok(map.iter().filter_map(|(k, v)| v.as_str().map(|v| (k.as_str(), v))).collect())
    } else {
        Err(wrong)
    }
}

/// Go's `strconv.Atoi`: a sign and decimal digits, no blanks, no underscores.
fn atoi(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// The wave: `argocd.argoproj.io/sync-wave` if it is a number, else `helm.sh/hook-weight` if it is one, else 0.
#[must_use]
pub fn read_wave(object: &Value) -> WaveRead {
    let annotations = annotations(object).unwrap_or_default();
    let mut unreadable = None;
    for key in [SYNC_WAVE, HELM_WEIGHT] {
        if let Some(text) = annotations.get(key) {
            match atoi(text) {
                Some(wave) => return WaveRead { wave, key: Some(key), unreadable },
                None => unreadable = unreadable.or(Some((key, (*text).to_owned()))),
            }
        }
    }
    WaveRead { wave: 0, key: None, unreadable }
}

fn words<'a>(annotations: &BTreeMap<&str, &'a str>, key: &str) -> Vec<&'a str> {
    let value = annotations.get(key).copied().unwrap_or_default();
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// Whether an object is a hook. Helm's hooks count where no word of `argocd.argoproj.io/hook` is known.
#[must_use]
pub fn read_hook(object: &Value) -> HookRead {
    let annotations = annotations(object).unwrap_or_default();
    let mut read = HookRead::default();
    let (mut skips, mut known) = (0, 0);
    for word in words(&annotations, HOOK) {
        match word {
            "PreSync" => read.phases.push(Phase::PreSync),
            "Sync" => read.phases.push(Phase::Sync),
            "PostSync" => read.phases.push(Phase::PostSync),
            "SyncFail" => read.phases.push(Phase::SyncFail),
            "Skip" => skips += 1,
            // Known to the controller, outside of syncs.
            "PreDelete" | "PostDelete" => continue,
            other => {
                read.unreadable.push((HOOK, other.to_owned()));
                continue;
            }
        }
        known += 1;
    }
    if known == 0 {
        for word in words(&annotations, HELM_HOOK) {
            match word {
                "pre-install" | "pre-upgrade" => read.phases.push(Phase::PreSync),
                "post-install" | "post-upgrade" => read.phases.push(Phase::PostSync),
                "crd-install" | "pre-delete" | "post-delete" | "pre-rollback" | "post-rollback" | "test"
                | "test-success" | "test-failure" => {}
                other => read.unreadable.push((HELM_HOOK, other.to_owned())),
            }
        }
    }
    let helm = annotations.get(HELM_HOOK).is_some_and(|value| *value != "crd-install");
    read.skip = skips == 1 && known == 1;
    read.hook = !read.skip && (annotations.contains_key(HOOK) || helm);
    if !read.hook {
        read.phases = if read.skip { Vec::new() } else { vec![Phase::Sync] };
    }
    read.phases.sort_unstable();
    read.phases.dedup();
    read
}

/// Words of the delete policies that mean nothing to Argo CD, with their annotation.
pub(super) fn unread_policies(object: &Value) -> Vec<(&'static str, String)> {
    const KNOWN: [(&str, [&str; 3]); 2] = [
        (HOOK_DELETE_POLICY, ["HookSucceeded", "HookFailed", "BeforeHookCreation"]),
        (HELM_DELETE_POLICY, ["hook-succeeded", "hook-failed", "before-hook-creation"]),
    ];
    let annotations = annotations(object).unwrap_or_default();
    let of = |(key, known): (&'static str, [&str; 3])| {
        let unread: Vec<_> = words(&annotations, key).into_iter().filter(|word| !known.contains(word)).collect();
        unread.into_iter().map(move |word| (key, word.to_owned()))
    };
    KNOWN.into_iter().flat_map(of).collect()
}

/// When a hook is deleted: both annotations together, `BeforeHookCreation` when neither says anything known.
#[must_use]
pub fn delete_policies(object: &Value) -> Vec<DeletePolicy> {
    let annotations = annotations(object).unwrap_or_default();
    let mut policies = Vec::new();
    for word in words(&annotations, HOOK_DELETE_POLICY) {
        match word {
            "BeforeHookCreation" => policies.push(DeletePolicy::BeforeHookCreation),
            "HookSucceeded" => policies.push(DeletePolicy::HookSucceeded),
            "HookFailed" => policies.push(DeletePolicy::HookFailed),
            _ => {}
        }
    }
    for word in words(&annotations, HELM_DELETE_POLICY) {
        match word {
            "before-hook-creation" => policies.push(DeletePolicy::BeforeHookCreation),
            "hook-succeeded" => policies.push(DeletePolicy::HookSucceeded),
            "hook-failed" => policies.push(DeletePolicy::HookFailed),
            _ => {}
        }
    }
    if policies.is_empty() {
        policies.push(DeletePolicy::BeforeHookCreation);
    }
    policies.sort_unstable();
    policies.dedup();
    policies
}
