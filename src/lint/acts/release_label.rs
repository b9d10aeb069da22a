//! TG644: a label that changes with each release stands on an InferenceService, so that each release rolls its pods.
//!
//! KServe copies an InferenceService's labels and annotations to the pod template (`components/predictor.go`, `buildObjectMeta`).

use super::deed;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use serde_json::Value;

pub(super) const CHECK: Check = Check { codes: &[Code::RELEASE_LABEL], run: check };

/// Labels that charts write with their version in it.
const CHANGING: &[&str] = &["helm.sh/chart", "app.kubernetes.io/version", "chart"];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for service in deed::of_kind(subject.platform, "serving.kserve.io", "InferenceService") {
        for map in ["labels", "annotations"] {
            let values = service.value.get("metadata").and_then(|meta| meta.get(map)).and_then(Value::as_object);
            for (key, value) in values.into_iter().flatten() {
                let version = value.as_str().is_some_and(|value| value.contains(|c: char| c.is_ascii_digit()));
                if !CHANGING.contains(&key.as_str()) || !version {
                    continue;
                }
                let message = format!(
                    "`{key}` changes with each release of the chart, and KServe copies it to the pods of {}: each release restarts the model",
                    subject.say(service)
                );
                let place = subject.at(service, &["metadata", map, key]);
                found.push(
                    Diagnostic::note(Code::RELEASE_LABEL, place, message).help("leave it out of the InferenceService"),
                );
            }
        }
    }
}
