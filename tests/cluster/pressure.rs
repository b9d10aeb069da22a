//! What slows the controller down or holds it up, and what it does not: conflicts, refusals, annotations of others, news all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::rehearse::apiserver::{AuditRecord, Fault};

use super::faults;
use super::stage::{SENTENCE, Stage, seconds};

/// What the server says no to with 409 though nobody changed the object, as webhooks do, is tried again with pauses and given up at last.
#[tokio::test(start_paused = true)]
async fn a_409_that_is_not_about_versions_is_no_storm() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    faults(&stage.server, |r| if r.verb == "patch" && r.name == "fraud" { Fault::Error(409) } else { Fault::None });
    stage.succeed("train-fraud");
    stage.server.take_audit();
    seconds(60).await;
    let tries = |records: Vec<AuditRecord>| records.iter().filter(|r| r.request.name == "fraud").count();
    let first = tries(stage.server.take_audit());
    assert!((2..=16).contains(&first), "{first} requests in a minute");
    assert_eq!(stage.marks("fraud"), 0);
    seconds(25 * 3600).await;
    let events = stage.events("team");
    assert!(events.iter().any(|event| event.ends_with("ActionGivenUp")), "{events:?}");
    replica.stop().await;
}

/// An object that another writes before every write of tidegate is not written to for ever without a pause either.
#[tokio::test(start_paused = true)]
async fn conflicts_in_a_row_are_answered_with_pauses() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let server = stage.server.clone();
    let count = Arc::new(AtomicU32::new(0));
    faults(&stage.server, move |r| {
        if r.verb == "patch" && r.name == "fraud" {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let change = json!({"metadata": {"labels": {"n": n.to_string()}}});
            server.patch("serving.kserve.io/v1beta1", "InferenceService", "team", "fraud", change).unwrap();
        }
        Fault::None
    });
    stage.succeed("train-fraud");
    stage.server.take_audit();
    seconds(60).await;
    let records = stage.server.take_audit();
    let tries = records.iter().filter(|r| r.request.name == "fraud" && r.request.verb == "patch").count();
    assert!((4..=40).contains(&tries), "{tries}");
    stage.server.set_faults(None);
    seconds(300).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

/// A kind that may not be read holds up only what is about it.
#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_read_holds_up_nothing_else() {
    let stage = Stage::new();
    stage.isvc("other");
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "team"}});
    stage.server.put(application).unwrap();
    let trigger = "- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: other, action: restart}";
    let notebook = json!({"apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob", "spec": {}, "metadata":
        {"name": "n", "namespace": "team", "annotations": {"mlops.dev/on-success-trigger": trigger}}});
    stage.server.put(notebook).unwrap();
    faults(&stage.server, |r| if r.resource == "pods" { Fault::Error(403) } else { Fault::None });
    let rules = "application team/platform\nwhen notebook n succeeds then restart isvc fraud; block wave 4\n\
        when pod p is missing then restart isvc fraud\nreport every notebook to application team/platform\n";
    let replica = stage.start("a", rules);
    seconds(60).await;
    let status = json!({"phase": "Succeeded", "completionTime": stage.now()});
    stage.server.patch_status("mlops.mlops.dev/v1alpha1", "NotebookValidationJob", "team", "n", status).unwrap();
    seconds(60).await;
    assert_eq!((stage.marks("fraud"), stage.marks("other")), (1, 1));
    let events = stage.events("team");
    assert!(events.contains(&"NotebookValidationJob n ValidationSucceeded".to_owned()), "{events:?}");
    let application = stage.server.get("argoproj.io/v1alpha1", "Application", "team", "platform").unwrap();
    let said = &application["metadata"]["annotations"];
    assert_eq!(said["mlops.dev/notebook-summary"], "1/1 succeeded (100.0% success rate)");
    assert!(said["tidegate.dev/gates.default"].as_str().unwrap().contains("\"open\":true"), "{said}");
    replica.stop().await;
}

/// However many annotations hold waves and jobs fail: what an Application says of them is bounded, and is not written again and again.
#[tokio::test(start_paused = true)]
async fn what_an_application_says_is_bounded() {
    let stage = Stage::new();
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "team"}});
    stage.server.put(application).unwrap();
    for n in 0..600 {
        let name = format!("job-{n:03}-{}", "x".repeat(200));
        stage.job_with(&name, &json!({"mlops.dev/block-wave": "4"}));
        let failed = json!({"type": "Failed", "status": "True", "lastTransitionTime": stage.now()});
        stage.server.patch_status("batch/v1", "Job", "team", &name, json!({"conditions": [failed]})).unwrap();
    }
    let rules = "application team/platform\nreport every job to application team/platform\n";
    let replica = stage.start("a", rules);
    seconds(30).await;
    let application = stage.server.get("argoproj.io/v1alpha1", "Application", "team", "platform").unwrap();
    let said = &application["metadata"]["annotations"];
    let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("no {key}")).to_owned();
    let (status, gates) = (text("mlops.dev/notebook-status"), text("tidegate.dev/gates.default"));
    assert!(status.len() < 20_000 && gates.len() < 20_000, "{} {}", status.len(), gates.len());
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["failed"], 600);
    let gates: Vec<Value> = serde_json::from_str(&gates).unwrap();
    assert_eq!(gates.last().unwrap()["more"].as_u64().unwrap() + gates.len() as u64 - 1, 600);
    stage.writes();
    seconds(60).await;
    let writes: Vec<String> = stage.writes().into_iter().filter(|w| w.contains("applications")).collect();
    assert_eq!(writes, Vec::<String>::new());
    replica.stop().await;
}

/// The loop looks around regularly though something comes in all the time: it sees since when a wave is held.
#[tokio::test(start_paused = true)]
async fn news_all_the_time_starve_nothing() {
    let stage = Stage::new();
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "team"}});
    stage.server.put(application).unwrap();
    let replica = stage.start("a", &format!("application team/platform\n{SENTENCE}"));
    for n in 0..300 {
        let change = json!({"metadata": {"labels": {"n": n.to_string()}}});
        stage.server.patch("batch/v1", "Job", "team", "train-fraud", change).unwrap();
        seconds(1).await;
    }
    let held: f64 = replica.metric("tidegate_gate_held_seconds").await.parse().unwrap();
    assert!(held >= 260.0, "{held}");
    replica.stop().await;
}

/// Waves that annotations hold share one series: whoever may annotate a job makes no new ones.
#[tokio::test(start_paused = true)]
async fn annotations_make_no_series_of_their_own() {
    let stage = Stage::new();
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "team"}});
    stage.server.put(application).unwrap();
    for n in 0..20 {
        stage.job_with(&format!("job-{n}"), &json!({"mlops.dev/block-wave": n.to_string()}));
    }
    let replica = stage.start("a", "application team/platform\nreport every job to application team/platform\n");
    seconds(100).await;
    let held: f64 = replica.metric("tidegate_gate_held_seconds{rule=\"annotation\"").await.parse().unwrap();
    assert!(held >= 60.0, "{held}");
    replica.stop().await;
}

const ISVCS: &str = "tidegate_objects{kind=\"InferenceService\"";

/// The answer to a write that comes after the object's deletion was told does not bring the object back.
#[tokio::test(start_paused = true)]
async fn a_late_answer_brings_nothing_back() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let late = |r: &tidegate::rehearse::apiserver::RequestInfo| r.verb == "patch" && r.name == "fraud";
    faults(&stage.server, move |r| if late(r) { Fault::AnswerLate(Duration::from_secs(3)) } else { Fault::None });
    stage.succeed("train-fraud");
    seconds(1).await;
    assert_eq!(stage.marks("fraud"), 1);
    stage.server.delete("serving.kserve.io/v1beta1", "InferenceService", "team", "fraud").unwrap();
    seconds(1).await;
    assert_eq!(replica.metric(ISVCS).await, "0.0");
    seconds(4).await;
    assert_eq!(replica.metric(ISVCS).await, "0.0");
    replica.stop().await;
}

/// A 404 that comes after a new object of the name was told does not take that away.
#[tokio::test(start_paused = true)]
async fn a_late_404_takes_nothing_away() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let server = stage.server.clone();
    faults(&stage.server, move |r| {
        if r.verb != "patch" || r.name != "fraud" {
            return Fault::None;
        }
        let _ = server.delete("serving.kserve.io/v1beta1", "InferenceService", "team", "fraud");
        Fault::AnswerLate(Duration::from_secs(3))
    });
    stage.succeed("train-fraud");
    seconds(1).await;
    stage.server.set_faults(None);
    stage.isvc("fraud");
    seconds(1).await;
    assert_eq!(replica.metric(ISVCS).await, "1.0");
    seconds(4).await;
    assert_eq!(replica.metric(ISVCS).await, "1.0");
    replica.stop().await;
}

/// Notifications on one Application go one after the other, at most one a second, so that whoever is told of them sees each.
#[tokio::test(start_paused = true)]
async fn notifications_on_an_application_keep_their_pace() {
    let stage = Stage::new();
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "team"}});
    stage.server.put(application).unwrap();
    let rules = "when any job fails; then notify failed \"{job.metadata.name}\" on application team/platform\n";
    let replica = stage.start("a", &format!("rule page {{ {} }}\n", rules.trim()));
    for n in 0..8 {
        stage.job(&format!("job-{n}"));
    }
    seconds(5).await;
    for n in 0..8 {
        let failed = json!({"type": "Failed", "status": "True", "lastTransitionTime": stage.now()});
        let name = format!("job-{n}");
        stage.server.patch_status("batch/v1", "Job", "team", &name, json!({"conditions": [failed]})).unwrap();
    }
    stage.server.take_audit();
    seconds(30).await;
    let records = stage.server.take_audit();
    let patches: Vec<&AuditRecord> =
        records.iter().filter(|r| r.request.verb == "patch" && r.request.name == "platform").collect();
    assert_eq!(patches.len(), 8);
    assert!(patches.iter().all(|patch| patch.changed));
    for pair in patches.windows(2) {
        assert!(pair[1].at.duration_since(pair[0].at).as_millis() >= 990, "{} {}", pair[0].at, pair[1].at);
    }
    replica.stop().await;
}
