//! What operators write into a status when something becomes of an object. Shapes and texts as of the real ones: the notebook
//! operator, KServe, and Kubernetes' own controllers.

use serde_json::{Value as Json, json};

use crate::rulebook::{Health, HealthStatus};
use crate::syntax::tree::Predicate;

/// The built-in knowledge of a status: what is merged into it. None where there is none, so that `with {…}` must say it.
pub fn known(group: &str, kind: &str, predicate: Predicate, object: &Json, now: &str) -> Option<Json> {
    use Predicate::{Degraded, Fails, HasFailed, HasSucceeded, Healthy, Progressing, Succeeds, Suspended};
    Some(match (group, kind, predicate) {
        ("mlops.mlops.dev", "NotebookValidationJob", Succeeds | HasSucceeded | Healthy) => json!({
            "phase": "Succeeded", "completionTime": now, "message": "Validation completed successfully",
            "conditions": [condition("ValidationComplete", "True", "ValidationSucceeded", now)],
        }),
        ("mlops.mlops.dev", "NotebookValidationJob", Fails | HasFailed | Degraded) => json!({
            "phase": "Failed", "completionTime": now, "message": "Validation failed",
            "conditions": [condition("ValidationComplete", "True", "ValidationFailed", now)],
        }),
        ("mlops.mlops.dev", "NotebookValidationJob", Progressing) => json!({
            "phase": "ValidationRunning", "completionTime": null, "message": null, "conditions": null,
        }),
        ("batch", "Job", Succeeds | HasSucceeded | Healthy) => json!({
            "active": null, "succeeded": 1, "completionTime": now,
            "conditions": [condition("SuccessCriteriaMet", "True", "CompletionsReached", now), condition("Complete", "True", "CompletionsReached", now)],
        }),
        ("batch", "Job", Fails | HasFailed | Degraded) => json!({
            "active": null, "failed": 1,
            "conditions": [said("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)],
        }),
        ("batch", "Job", Progressing) => json!({"active": 1, "startTime": now}),
        ("batch", "Job", Suspended) => json!({
            "active": null, "conditions": [said("Suspended", "True", "JobSuspended", "Job suspended", now)],
        }),
        ("serving.kserve.io", "InferenceService", Healthy) => inference_ready(object, now),
        ("serving.kserve.io", "InferenceService", Progressing) => inference_rolling(object, now),
        ("serving.kserve.io", "InferenceService", Degraded) => json!({
            "conditions": inference_conditions("False", now),
            "modelStatus": {
                "transitionStatus": "BlockedByFailedLoad",
                "states": {"activeModelState": "", "targetModelState": "FailedToLoad"},
                "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "the model could not be loaded", "exitCode": 1},
            },
        }),
        ("serving.kserve.io", "InferenceService", Suspended) => json!({
            "conditions": [condition("Stopped", "True", "Stopped", now)],
        }),
        ("apps", "Deployment", Healthy) => deployment(object, true, now),
        ("apps", "Deployment", Progressing) => deployment(object, false, now),
        ("apps", "Deployment", Degraded) => json!({
            "conditions": [said("Progressing", "False", "ProgressDeadlineExceeded", "ReplicaSet has timed out progressing.", now)],
        }),
        ("apps", "StatefulSet", Healthy) => stateful_set(object, true),
        ("apps", "StatefulSet", Progressing) => stateful_set(object, false),
        ("apps", "DaemonSet", Healthy) => daemon_set(object, true),
        ("apps", "DaemonSet", Progressing) => daemon_set(object, false),
        ("", "PersistentVolumeClaim", Healthy) => json!({"phase": "Bound"}),
        ("", "PersistentVolumeClaim", Progressing) => json!({"phase": "Pending"}),
        ("", "PersistentVolumeClaim", Degraded) => json!({"phase": "Lost"}),
        ("", "Pod", Healthy) => json!({"phase": "Running", "conditions": [condition("Ready", "True", "", now)]}),
        ("", "Pod", Progressing) => json!({"phase": "Pending", "conditions": [condition("Ready", "False", "", now)]}),
        ("", "Pod", Degraded) => {
            json!({"phase": "Failed", "conditions": [condition("Ready", "False", "PodFailed", now)]})
        }
        ("argoproj.io", "Application", Healthy | Progressing | Degraded | Suspended) => {
            json!({"health": {"status": wanted(predicate)?.to_string(), "lastTransitionTime": now}})
        }
        _ => return None,
    })
}

/// The health that a predicate asks for; none for what no status can say.
pub fn wanted(predicate: Predicate) -> Option<HealthStatus> {
    Some(match predicate {
        Predicate::Succeeds | Predicate::HasSucceeded | Predicate::Healthy => HealthStatus::Healthy,
        Predicate::Fails | Predicate::HasFailed | Predicate::Degraded => HealthStatus::Degraded,
        Predicate::Progressing => HealthStatus::Progressing,
        Predicate::Suspended => HealthStatus::Suspended,
        Predicate::Missing | Predicate::Stale => return None,
    })
}

/// What became of an object, in the past tense.
pub fn words(predicate: Predicate) -> &'static str {
    match predicate {
        Predicate::Succeeds | Predicate::HasSucceeded => "succeeded",
        Predicate::Fails | Predicate::HasFailed => "failed",
        Predicate::Healthy => "is healthy",
        Predicate::Progressing => "is progressing",
        Predicate::Degraded => "is degraded",
        Predicate::Suspended => "is suspended",
        Predicate::Missing => "is missing",
        Predicate::Stale => "is stale",
    }
}

/// `Progressing: Validating notebook...`
pub fn health_text(health: &Health) -> String {
    if health.message.is_empty() { health.status.to_string() } else { format!("{}: {}", health.status, health.message) }
}

/// RFC 7396, into a value.
pub fn merge(held: &mut Json, patch: &Json) {
    let (Json::Object(map), Json::Object(changes)) = (&mut *held, patch) else {
        held.clone_from(patch);
        return;
    };
    for (key, value) in changes {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert_with(|| json!({})), value);
        }
    }
}

fn condition(name: &str, status: &str, reason: &str, now: &str) -> Json {
    json!({"type": name, "status": status, "reason": reason, "lastTransitionTime": now})
}

fn said(name: &str, status: &str, reason: &str, message: &str, now: &str) -> Json {
    json!({"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": now})
}

fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or(1)
}

fn inference_conditions(status: &str, now: &str) -> Json {
    let reason = if status == "True" { "" } else { "PredictorNotReady" };
    let ingress = condition("IngressReady", status, "", now);
    json!([ingress, condition("PredictorReady", status, reason, now), condition("Ready", status, reason, now)])
}

fn inference_ready(object: &Json, now: &str) -> Json {
    let name = object.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
    let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default();
    json!({
        "observedGeneration": number(object, "/metadata/generation"),
        "url": format!("http://{name}-predictor.{namespace}.svc.cluster.local"),
        "conditions": inference_conditions("True", now),
        "modelStatus": {
            "transitionStatus": "UpToDate",
            "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
            "copies": {"failedCopies": 0, "totalCopies": 1},
            "lastFailureInfo": null,
        },
    })
}

/// While its pods roll, the old ones go on serving: Ready stays as it was, and the model is in transition.
fn inference_rolling(object: &Json, now: &str) -> Json {
    let served = object.pointer("/status/url").is_some();
    let rolling = json!({
        "observedGeneration": number(object, "/metadata/generation"),
        "modelStatus": {"transitionStatus": "InProgress", "states": {"targetModelState": "Loading"}},
    });
    let mut status = if served { json!({}) } else { json!({"conditions": inference_conditions("False", now)}) };
    merge(&mut status, &rolling);
    status
}

fn deployment(object: &Json, done: bool, now: &str) -> Json {
    let (all, new) = (number(object, "/spec/replicas"), if done { number(object, "/spec/replicas") } else { 0 });
    let reason = if done { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
    json!({
        "observedGeneration": number(object, "/metadata/generation"),
        "replicas": all, "updatedReplicas": new, "readyReplicas": all, "availableReplicas": all,
        "conditions": [condition("Available", "True", "MinimumReplicasAvailable", now), condition("Progressing", "True", reason, now)],
    })
}

fn stateful_set(object: &Json, done: bool) -> Json {
    let (all, new) = (number(object, "/spec/replicas"), if done { number(object, "/spec/replicas") } else { 0 });
    let revision = format!("revision-{}", number(object, "/metadata/generation"));
    let mut status = json!({
        "observedGeneration": number(object, "/metadata/generation"),
        "replicas": all, "updatedReplicas": new, "currentReplicas": new, "readyReplicas": new, "updateRevision": revision,
    });
    if done {
        merge(&mut status, &json!({"currentRevision": revision}));
    }
    status
}

fn daemon_set(object: &Json, done: bool) -> Json {
    let new = i64::from(done);
    json!({
        "observedGeneration": number(object, "/metadata/generation"),
        "desiredNumberScheduled": 1, "currentNumberScheduled": 1, "updatedNumberScheduled": new, "numberAvailable": new, "numberReady": new,
    })
}
