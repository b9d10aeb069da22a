//! Memory for many Jobs: tidegate's world against the store of kube's metadata reflector, pruned of managed fields and annotations.
//!
//! `cargo bench --bench memory` measures the resident memory that each takes in a process of its own, over the same Jobs in pages as their
//! watchers list them; docs/performance.md holds what came out. kube's is given the metadata alone, as `metadata_watcher` asks for it;
//! tidegate's the whole objects, as it must read their status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use serde_json::{Value as Json, json};
use tidegate::engine::{Change, Ledger, Listing, State};
use tidegate::expr::Interner;
use tidegate::facts::Row;
use tidegate::rulebook::{KindIx, Options, load};

const JOBS: usize = 100_000;
/// The page of tidegate's watches, and kube's default.
const PAGES: [(&str, usize); 2] = [("tidegate", 250), ("kube", 500)];
const ROUNDS: usize = 1;

/// Rules as a platform has them: named Jobs, Jobs by label with a gate and a text, runs of a CronJob.
const RULES: &str = r#"application openshift-gitops/platform
namespace ml-7
when job train-00012-fraud-detection succeeds then restart isvc fraud; block wave 4
when any job with label tier=training fails then notify validation-failure "{job.metadata.name} failed"
rule nightly {
  when any job of cronjob retrain-00021 succeeds
   and job.?status.?succeeded.orValue(0) > 0
  then restart isvc nightly
}
"#;

fn main() {
    let asked = std::env::args().nth(1);
    match PAGES.iter().find(|(side, _)| asked.as_deref() == Some(*side)) {
        Some(("tidegate", page)) => tidegate(*page),
        Some((_, page)) => kube(*page),
        None => compare(),
    }
}

/// Runs both sides in turn, each in a process of its own.
fn compare() {
    let [tidegate, kube] = PAGES.map(|(side, _)| side);
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (side, taken) in [tidegate, kube].into_iter().zip(&mut taken) {
            let output = std::process::Command::new(std::env::current_exe().unwrap()).arg(side).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            taken.push(text.trim().parse::<usize>().expect("resident memory, which only Linux tells here"));
        }
    }
    let [ours, theirs] = taken.map(|mut all| {
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    });
    let each = |bytes: usize| bytes / JOBS;
    println!("{JOBS} Jobs: tidegate {} MiB, {} bytes each", ours >> 20, each(ours));
    println!("{JOBS} Jobs: kube's reflector, metadata pruned {} MiB, {} bytes each", theirs >> 20, each(theirs));
    println!("ratio tidegate / kube: {:.2} (target at most 0.5)", ours as f64 / theirs as f64);
}

/// What the engine holds when the list of Jobs is complete and all has been decided.
fn tidegate(page: usize) {
    let before = resident();
    let compiled = load([("rules.tide".to_owned(), RULES.to_owned())], &Options::default());
    let rulebook = Arc::new(compiled.rulebook.expect("the rules compile"));
    let job = rulebook.kind_by_short("job").unwrap();
    let keep = rulebook.fields().remove(&job).unwrap();
    let kinds: Vec<KindIx> = rulebook.fields().into_keys().collect();
    let mut ledger = Ledger::new(rulebook, State::default());
    let mut interner = Interner::default();
    let now: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
    let mut listed = BTreeSet::new();
    for text in pages(page, false) {
        for object in serde_json::from_str::<Vec<Json>>(&text).unwrap() {
            let row = Row::from_json(&object, &keep, &mut interner).unwrap();
            listed.insert((row.namespace.clone(), row.name.clone()));
            ledger.change(Change::Upsert(job, Box::new(row)), now);
        }
    }
    ledger.relisted(job, &listed, now);
    drop(listed);
    kinds.into_iter().for_each(|kind| ledger.set_listing(kind, Listing::Listed));
    ledger.tick(now);
    ledger.prune(now);
    println!("{}", resident() - before);
    assert_eq!(ledger.world().rows(job).count(), JOBS);
}

fn kube(page: usize) {
    let before = resident();
    let mut writer: Writer<PartialObjectMeta<Job>> = Writer::new(());
    writer.apply_watcher_event(&Event::Init);
    for text in pages(page, true) {
        for mut object in serde_json::from_str::<Vec<PartialObjectMeta<Job>>>(&text).unwrap() {
            object.managed_fields_mut().clear();
            object.annotations_mut().clear();
            writer.apply_watcher_event(&Event::InitApply(object));
        }
    }
    writer.apply_watcher_event(&Event::InitDone);
    println!("{}", resident() - before);
    assert_eq!(writer.as_reader().len(), JOBS);
}

/// JSON lists, in the order of an API server.
fn pages(page: usize, metadata_only: bool) -> impl Iterator<Item = String> {
    (0..JOBS).step_by(page).map(move |first| {
        let jobs: Vec<Json> = (first..(first + page).min(JOBS)).map(|i| object(i, metadata_only)).collect();
        serde_json::to_string(&jobs).unwrap()
    })
}

/// A Job as a CronJob makes it and Kubernetes finishes it: most have succeeded, some failed, some run.
fn object(i: usize, metadata_only: bool) -> Json {
    let (namespace, name) = (format!("ml-{}", i * 20 / JOBS), format!("train-{i:05}-fraud-detection"));
    let uid = format!("{:08x}-7a5c-4f1e-9b7d-{:012x}", i * 2_654_435_761 % 0xffff_ffff, i * 40_503);
    let ended = format!("2026-02-{:02}T{:02}:{:02}:{:02}Z", 1 + i % 28, i % 24, i % 60, i * 7 % 60);
    let container = json!({"name": "train", "image": "registry.example.org/ml/train:1.4.2", "command": ["python", "train.py"],
        "env": [{"name": "MODEL", "value": "fraud"}], "resources": {"limits": {"cpu": "4", "memory": "16Gi"}},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"});
    let labels = json!({"app.kubernetes.io/name": "fraud-detection", "app.kubernetes.io/instance": "self-healing-platform",
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name, "controller-uid": uid, "job-name": name,
        "tier": if i.is_multiple_of(4) { "training" } else { "batch" }, "team": format!("team-{}", i % 40)});
    let spec = json!({"parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}}});
    let metadata = json!({
        "name": name, "namespace": namespace, "uid": uid, "resourceVersion": (1_000_000 + i * 3).to_string(), "generation": 1,
        "creationTimestamp": format!("2026-02-{:02}T00:00:00Z", 1 + i % 28), "labels": labels,
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": spec.to_string(),
            "argocd.argoproj.io/tracking-id": format!("self-healing-platform:batch/Job:{namespace}/{name}"),
            "argocd.argoproj.io/sync-wave": "3"},
        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": format!("retrain-{:05}", i % 500),
            "uid": format!("5f0c2b1e-0000-4f1e-9b7d-{:012x}", i % 500), "controller": true, "blockOwnerDeletion": true}],
        "managedFields": [managed("kube-controller-manager", "status", &ended), managed("argocd-controller", "", &ended)],
    });
    if metadata_only {
        return json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata});
    }
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "lastProbeTime": ended, "lastTransitionTime": ended, "reason": "CompletionsReached",
            "message": "Reached expected number of succeeded pods"})
    };
    let status = match i % 20 {
        0 => json!({"startTime": ended, "active": 1, "ready": 1, "terminating": 0, "uncountedTerminatedPods": {}}),
        1 => json!({"startTime": ended, "failed": 7, "terminating": 0, "ready": 0,
            "conditions": [condition("FailureTarget"), condition("Failed")]}),
        _ => json!({"startTime": ended, "completionTime": ended, "succeeded": 1, "terminating": 0, "ready": 0,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}),
    };
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status})
}

fn managed(manager: &str, subresource: &str, time: &str) -> Json {
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:tier": {}, "f:team": {}}, "f:annotations": {".": {}}},
        "f:spec": {"f:backoffLimit": {}, "f:completionMode": {}, "f:template": {"f:spec": {"f:containers": {}}}},
        "f:status": {"f:conditions": {}, "f:completionTime": {}, "f:succeeded": {}}});
    json!({"manager": manager, "operation": "Update", "apiVersion": "batch/v1", "time": time, "fieldsType": "FieldsV1",
        "fieldsV1": fields, "subresource": subresource})
}

/// Resident memory in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) * 1024
}
