//! TG606: a resource that never becomes healthy as it is written, in a wave that others wait behind.
//!
//! Each of these was tried with Argo CD's own check (`tests/lint_argocd.rs`): not among them are what is scaled to 0, a suspended CronJob or CronWorkflow, a
//! halted virtual machine, which are Healthy there.

use serde_json::Value;

use super::argocd::Checked;
use super::needed::wave_place;
use super::view::View;
use crate::diagnostic::{Code, Diagnostic};
use crate::manifests::Object;

/// Why a resource is never healthy.
struct Held {
    /// The field.
    path: &'static [&'static str],
    /// What Argo CD says of it.
    status: &'static str,
    /// Something beside Git usually frees it.
    freed: bool,
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for placed in &view.placed {
        let object = placed.object;
        let Some(held) = held(object).filter(|_| view.awaited(object.application.as_ref(), placed.step)) else {
            continue;
        };
        if view.argocd.checked(&object.group, &object.kind) != Checked::BuiltIn {
            continue;
        }
        let say = view.subject.say(object);
        let here = View::words(placed.step);
        let message = format!(
            "{say} is {} for Argo CD as long as it is written like this: nothing after {here} begins",
            held.status
        );
        let place = view.subject.at(object, held.path);
        let field = held.path.last().copied().unwrap_or_default();
        let help = format!("take `{field}` away, or put {say} into the last wave, which is not awaited");
        let diagnostic = if held.freed {
            Diagnostic::warning(Code::NEVER_HEALTHY, place, message)
        } else {
            Diagnostic::error(Code::NEVER_HEALTHY, place, message)
        };
        found.push(diagnostic.help(help).related(wave_place(object), format!("{say} is in {here}")));
    }
}

fn held(object: &Object) -> Option<Held> {
    let on = |pointer: &str| object.value.pointer(pointer) == Some(&Value::Bool(true));
    let noted = |key: &str| object.annotation(key).is_some_and(|value| value != "false");
    let held = |path, status, freed| Some(Held { path, status, freed });
    match (&*object.group, &*object.kind) {
        ("apps", "Deployment") if on("/spec/paused") => held(&["spec", "paused"], "Suspended", false),
        // Kueue and others resume what they have admitted.
        ("batch", "Job") if on("/spec/suspend") && !queued(object) => held(&["spec", "suspend"], "Suspended", true),
        ("argoproj.io", "Rollout") if on("/spec/paused") => held(&["spec", "paused"], "Suspended", true),
        ("argoproj.io", "Workflow") if on("/spec/suspend") => held(&["spec", "suspend"], "Progressing", true),
        ("serving.kserve.io", "InferenceService") if object.annotation(STOP) == Some("true") => {
            held(&["metadata", "annotations", STOP], "Suspended", false)
        }
        (
            "kustomize.toolkit.fluxcd.io"
            | "helm.toolkit.fluxcd.io"
            | "source.toolkit.fluxcd.io"
            | "image.toolkit.fluxcd.io"
            | "notification.toolkit.fluxcd.io",
            _,
        ) if on("/spec/suspend") => held(&["spec", "suspend"], "Suspended", false),
        ("keda.sh", "ScaledObject" | "ScaledJob") if noted(PAUSED) => {
            held(&["metadata", "annotations", PAUSED], "Suspended", false)
        }
        ("keda.sh", "ScaledObject") if object.annotation(PAUSED_REPLICAS).is_some() => {
            held(&["metadata", "annotations", PAUSED_REPLICAS], "Suspended", false)
        }
        ("apps.kruise.io", "CloneSet") if on("/spec/updateStrategy/paused") => {
            held(&["spec", "updateStrategy", "paused"], "Suspended", false)
        }
        ("apps.kruise.io", "AdvancedCronJob") if on("/spec/paused") => held(&["spec", "paused"], "Suspended", false),
        ("cluster.x-k8s.io", "Cluster") if on("/spec/paused") => held(&["spec", "paused"], "Suspended", false),
        _ => None,
    }
}

const STOP: &str = "serving.kserve.io/stop";
const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";

fn queued(object: &Object) -> bool {
    let labels = object.value.pointer("/metadata/labels");
    labels.is_some_and(|labels| labels.get("kueue.x-k8s.io/queue-name").is_some())
}
