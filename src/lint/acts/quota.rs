//! TG646: a rolling restart that needs more GPUs than a quota of the namespace allows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::deed;
use super::pods::{self, Pods, quantity};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::manifests::Object;

pub(super) const CHECK: Check = Check { codes: &[Code::RESTART_QUOTA], run: check };

/// What runs all the time and so takes from a quota.
const STEADY: &[(&str, &str)] =
    &[("apps", "Deployment"), ("apps", "StatefulSet"), ("serving.kserve.io", "InferenceService")];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for (deed, object) in deed::rolls(subject) {
        // Where an old pod may go first, the update goes on.
        for pods in pods::of(object).iter().filter(|pods| pods.surge > 0 && pods.unavailable == Some(0)) {
            for (resource, each) in pods.gpus() {
                let Some((quota, hard, key)) = quota(subject, object, resource) else { continue };
                let own = each.saturating_mul(pods.replicas.saturating_add(pods.surge));
                let others = others(subject, object, pods, resource);
                if own.saturating_add(others) <= hard {
                    continue;
                }
                let place = subject.at(quota, &["spec", "hard", &key]);
                found.push(
                    report(subject, deed, object, pods, (resource, each, others, hard)).related(place, "the quota"),
                );
            }
        }
    }
}

/// The tightest quota of the namespace for a resource. Quotas with scopes count some pods only, so they tell nothing here.
fn quota<'s>(subject: &Subject<'s>, object: &Object, resource: &str) -> Option<(&'s Object, u64, String)> {
    let key = format!("requests.{resource}");
    let quotas = deed::of_kind(subject.platform, "", "ResourceQuota").iter();
    let scoped =
        |o: &&Object| ["scopes", "scopeSelector"].iter().any(|s| o.value.pointer(&format!("/spec/{s}")).is_some());
    let own = quotas.filter(|o| o.namespace == object.namespace && !scoped(o));
    let hard = own.filter_map(|o| Some((o, quantity(o.value.get("spec")?.get("hard")?.get(&key)?)?)));
    hard.min_by_key(|(_, hard)| *hard).map(|(quota, hard)| (quota, hard, key))
}

/// What everything else of the namespace takes all the time.
fn others(subject: &Subject<'_>, target: &Object, rolled: &Pods<'_>, resource: &str) -> u64 {
    let objects = STEADY.iter().flat_map(|(group, kind)| deed::of_kind(subject.platform, group, kind));
    let here = objects.filter(|o| o.namespace == target.namespace);
    let mut sum: u64 = 0;
    for object in here {
        let itself = std::ptr::eq(object, target);
        let idle = object.value.pointer("/spec/predictor/minReplicas").and_then(Value::as_u64) == Some(0);
        for pods in pods::of(object).iter().filter(|pods| !(idle || itself && pods.component == rolled.component)) {
            let each: BTreeMap<&str, u64> = pods.gpus();
            sum = sum.saturating_add(each.get(resource).copied().unwrap_or_default().saturating_mul(pods.replicas));
        }
    }
    sum
}

fn report(
    subject: &Subject<'_>,
    deed: deed::Deed<'_>,
    object: &Object,
    pods: &Pods<'_>,
    (resource, each, others, hard): (&str, u64, u64, u64),
) -> Diagnostic {
    let what = subject.say(object);
    let running = each.saturating_mul(pods.replicas);
    let more = each.saturating_mul(pods.surge);
    let beside = if others == 0 { String::new() } else { format!(" beside the {others} of others") };
    let message = format!(
        "the rolling restart of {what} never ends: its new pod needs {more} more `{resource}` while the old ones hold {running}{beside}, \
         and the quota allows {hard}"
    );
    let strategy = match pods.component {
        "" => "`strategy: {type: Recreate}` in the Deployment's spec".to_owned(),
        component => format!("in Standard mode `deploymentStrategy: {{type: Recreate}}` in `spec.{component}`"),
    };
    let help = format!("raise the quota to {}, or write {strategy}", running + more + others);
    if others == 0 {
        Diagnostic::error(Code::RESTART_QUOTA, deed.place, message).help(help)
    } else {
        Diagnostic::warning(Code::RESTART_QUOTA, deed.place, message).help(help)
    }
}
