//! What several checks ask: which Application applies an object, where it says so, which objects run to completion and train.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Span;
use crate::lint::Subject;
use crate::lint::subject::{field, text};
use crate::manifests::{App, Application, Object};
use crate::rulebook::AppName;

/// Places that one finding names beside its own.
pub(super) const PLACES_MAX: usize = 4;

/// The first byte of an object: a whole document is too much to underline.
pub(super) fn head(object: &Object) -> Span {
    Span { end: object.place.start, ..object.place }
}

/// The Application that applies an object, if it is among the manifests.
pub(super) fn application<'s>(subject: &Subject<'s>, object: &Object) -> Option<&'s Application> {
    let app = object.application.as_ref()?;
    let all = &subject.platform.applications;
    [false, true].into_iter().find_map(|generated| {
        let at = all.binary_search_by(|a| (a.generated, &a.app).cmp(&(generated, app))).ok()?;
        all.get(at)
    })
}

/// The Application of a name, where an absent namespace fits any.
pub(super) fn named<'s>(subject: &Subject<'s>, name: &AppName) -> Option<&'s Application> {
    let fits = |app: &App| {
        let namespaces = app.namespace.is_empty() || name.namespace.is_empty() || app.namespace == name.namespace;
        app.name == name.name && namespaces
    };
    subject.platform.applications.iter().find(|a| fits(&a.app))
}

/// The place of a field of an Application's `spec`.
pub(super) fn spec_at(subject: &Subject<'_>, application: &Application, path: &[&str]) -> Span {
    let object = subject.platform.objects.iter().find(|object| object.place == application.place);
    let path = [application.spec_path(), path].concat();
    object.map_or(Span { end: application.place.start, ..application.place }, |object| subject.at(object, &path))
}

/// The place of a word of `spec.syncPolicy.syncOptions`.
pub(super) fn option_at(subject: &Subject<'_>, application: &Application, option: &str) -> Span {
    let at = application.sync_options.iter().position(|own| &**own == option).unwrap_or_default().to_string();
    spec_at(subject, application, &["syncPolicy", "syncOptions", &at])
}

/// The objects of each Application among the manifests that a sync applies.
pub(super) fn members<'s>(subject: &Subject<'s>) -> BTreeMap<&'s App, Vec<&'s Object>> {
    let mut members: BTreeMap<&App, Vec<&Object>> = BTreeMap::new();
    for object in subject.platform.objects.iter().filter(|object| object.phase().is_some()) {
        if let Some(app) = &object.application {
            members.entry(app).or_default().push(object);
        }
    }
    members
}

pub(super) fn is(object: &Object, group: &str, kind: &str) -> bool {
    &*object.kind == kind && &*object.group == group
}

/// Why a run is a training, as far as the manifests tell, with the place that says so; none for migrations, smoke tests and whatever else is rightly run at
/// every sync.
pub(super) fn training(subject: &Subject<'_>, object: &Object) -> Option<(String, Option<Span>)> {
    const TRAINERS: [(&str, &str); 11] = [
        ("mlops.mlops.dev", "NotebookValidationJob"),
        ("trainer.kubeflow.org", "TrainJob"),
        ("kubeflow.org", "PyTorchJob"),
        ("kubeflow.org", "TFJob"),
        ("kubeflow.org", "MPIJob"),
        ("kubeflow.org", "XGBoostJob"),
        ("kubeflow.org", "JAXJob"),
        ("kubeflow.org", "PaddleJob"),
        ("kubeflow.org", "Experiment"),
        ("ray.io", "RayJob"),
        ("kubeflow.org", "MXJob"),
    ];
    const TRIGGER: &str = "mlops.dev/on-success-trigger";
    if TRAINERS.iter().any(|(group, kind)| is(object, group, kind)) {
        return Some((format!("a {} trains or validates a model", object.kind), None));
    }
    if object.annotation(TRIGGER).is_some() {
        return Some(("its success triggers a restart".to_owned(), Some(subject.annotation(object, TRIGGER))));
    }
    if let Some(found) = in_rules(subject, object) {
        return Some(found);
    }
    let resource = gpu(&object.value)?;
    Some((format!("it asks for `{resource}`"), None))
}

/// A model's training, or what restarts something whenever it succeeds.
fn in_rules(subject: &Subject<'_>, object: &Object) -> Option<(String, Option<Span>)> {
    let rulebook = subject.rulebook;
    let kind = rulebook.kind_by_type(&object.group, &object.kind)?;
    let same = |other: &crate::rulebook::ObjectRef| {
        other.kind == kind && other.name == object.name && other.namespace == object.namespace
    };
    let trained = |model: &&crate::rulebook::Model| model.steps.first().is_some_and(|(_, step)| same(step));
    if let Some(model) = rulebook.models.iter().find(trained) {
        return Some((format!("it trains model `{}`", model.name), Some(model.span)));
    }
    rulebook.rules.iter().find_map(|rule| {
        let restarts = rule.then.iter().find(|action| matches!(action.verb, crate::rulebook::Verb::Restart { .. }))?;
        // With a second event, the rule acts only when that is new as well.
        let alone = rule.alternatives.iter().filter_map(|alternative| match alternative.events.as_slice() {
            [event] => rule.terms.get(event.term),
            _ => None,
        });
        let mut alone = alone.filter_map(|term| term.source.object.as_ref());
        alone.any(same).then(|| (format!("each success makes `{}`", restarts.text), Some(restarts.span)))
    })
}

/// The first accelerator that a pod template within an object asks for.
fn gpu(value: &Value) -> Option<&str> {
    match value {
        Value::Object(map) => {
            for key in ["limits", "requests"] {
                let asked = map.get(key).and_then(Value::as_object).into_iter().flatten();
                let found = asked.map(|(name, _)| name.as_str()).find(|name| is_accelerator(name));
                if found.is_some() {
                    return found;
                }
            }
            map.values().find_map(gpu)
        }
        Value::Array(list) => list.iter().find_map(gpu),
        _ => None,
    }
}

/// Extended resources of accelerators: `nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`, `amd.com/gpu`, `google.com/tpu`, `aws.amazon.com/neuron`, `habana.ai/gaudi`.
fn is_accelerator(resource: &str) -> bool {
    let Some((vendor, what)) = resource.split_once('/') else { return false };
    vendor == "nvidia.com"
        || ["gpu", "tpu", "gaudi"].iter().any(|word| what.starts_with(word))
        || what.starts_with("neuron")
}

/// Seconds after its end in which an object is deleted, with the field that says so.
///
/// Sources: Kubernetes `batch/v1` Job; training-operator `common.CleanupJob` (deletes the job itself); Argo Workflows `ttlStrategy`.
pub(super) fn ttl(object: &Object) -> Option<(u64, Vec<&'static str>)> {
    let paths: &[&[&'static str]] = match (&*object.group, &*object.kind) {
        ("batch", "Job") => &[&["spec", "ttlSecondsAfterFinished"]],
        ("kubeflow.org", _) => &[&["spec", "runPolicy", "ttlSecondsAfterFinished"]],
        ("argoproj.io", "Workflow") => {
            &[&["spec", "ttlStrategy", "secondsAfterCompletion"], &["spec", "ttlStrategy", "secondsAfterSuccess"]]
        }
        _ => &[],
    };
    paths.iter().find_map(|path| Some((field(object, path).and_then(Value::as_u64)?, path.to_vec())))
}

/// A batch Job or a NotebookValidationJob under a name that nothing generates.
pub(super) fn is_job(object: &Object) -> bool {
    is(object, "batch", "Job")
}

/// `3600` as `1h`.
pub(super) fn seconds(seconds: u64) -> String {
    match seconds {
        s if s >= 3600 && s % 3600 == 0 => format!("{}h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// The last word of a name, where it looks like a hash of contents or a version.
pub(super) fn is_versioned(object: &Object) -> bool {
    let name = text(object, &["metadata", "name"]);
    let last = name.rsplit_once('-').map_or("", |(_, last)| last);
    let digits = last.bytes().any(|b| b.is_ascii_digit());
    let version =
        last.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    version || (digits && last.len() >= 5 && last.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()))
}
