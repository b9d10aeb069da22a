//! Applications in waves (app of apps) where Argo CD has no health for Applications.
//!
//! Source: argo-cd `docs/operator-manual/health.md`: the check for Applications was taken out in 1.8 and has to be put into argocd-cm by those who need it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::of::{head, is};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::{App, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::APPLICATION_HEALTH], run: check };

const KEY: &str = "resource.customizations.health.argoproj.io_Application";

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let applications = subject.platform.objects.iter().filter(|o| is(o, "argoproj.io", "Application"));
    let mut families: BTreeMap<(Option<&App>, &str), Vec<&Object>> = BTreeMap::new();
    for object in applications.filter(|object| object.phase().is_some()) {
        // Without a parent among the manifests, those of one namespace have the same one.
        let namespace = if object.application.is_some() { "" } else { &object.namespace };
        families.entry((object.application.as_ref(), namespace)).or_default().push(object);
    }
    if families.values().all(|family| family.iter().all(|object| !object.wave_given)) {
        return;
    }
    let said = settings(subject);
    if said.iter().any(|object| has_check(object)) {
        return;
    }
    for ((parent, _), family) in families {
        let others = subject.platform.objects.iter().filter(|o| parent.is_some() && o.application.as_ref() == parent);
        found.extend(of_family(subject, &family, others, &said));
    }
}

fn of_family<'s>(
    subject: &Subject<'s>,
    family: &[&'s Object],
    others: impl Iterator<Item = &'s Object>,
    settings: &[&Object],
) -> Option<Diagnostic> {
    let step = |object: &Object| (object.phase(), object.wave);
    let first = family.iter().min_by_key(|object| step(object))?;
    let candidates = family.iter().copied().chain(others.filter(|object| object.phase().is_some()));
    let next = candidates.filter(|object| step(object) > step(first)).min_by_key(|object| step(object))?;
    let message = format!(
        "wave {} begins as soon as {} is applied, healthy or not: Argo CD has no health check for Applications of its own",
        next.wave,
        subject.say(first)
    );
    let help = format!("add `{KEY}` to argocd-cm; `tidegate emit argocd-cm --all RULES` prints a check");
    let place = if first.wave_given { first.wave_place } else { head(first) };
    let finding = match settings.first() {
        Some(_) => Diagnostic::warning(Code::APPLICATION_HEALTH, place, message),
        // argocd-cm is often kept elsewhere.
        None => Diagnostic::note(Code::APPLICATION_HEALTH, place, message),
    };
    let finding =
        finding.help(help).related(next.wave_place, format!("{} is in wave {}", subject.say(next), next.wave));
    Some(match settings.first() {
        Some(object) => finding.related(head(object), format!("{} has no check for it", subject.say(object))),
        None => finding,
    })
}

/// argocd-cm, or the ArgoCD resource of OpenShift GitOps, whose operator owns argocd-cm.
fn settings<'s>(subject: &Subject<'s>) -> Vec<&'s Object> {
    let argo = |object: &&Object| {
        (is(object, "", "ConfigMap") && &*object.name == "argocd-cm") || is(object, "argoproj.io", "ArgoCD")
    };
    subject.platform.objects.iter().filter(argo).collect()
}

fn has_check(settings: &Object) -> bool {
    let data = field(settings, &["data"]).or_else(|| field(settings, &["spec", "extraConfig"]));
    let keys = data.and_then(Value::as_object).into_iter().flatten();
    let by_key = keys.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).any(|(key, value)| {
        let kind = key.strip_prefix("resource.customizations.health.").unwrap_or_default();
        // With wildcards (`argoproj.io_*`) it may be meant; the old form holds all kinds in one text.
        kind == "argoproj.io_Application"
            || kind.contains('*')
            || (key == "resource.customizations" && value.contains("argoproj.io/Application"))
    });
    let checks = field(settings, &["spec", "resourceHealthChecks"]).and_then(Value::as_array).into_iter().flatten();
    let mut of_operator = checks.filter(|check| {
        check.get("group").and_then(Value::as_str) == Some("argoproj.io")
            && check.get("kind").and_then(Value::as_str) == Some("Application")
    });
    let old = field(settings, &["spec", "resourceCustomizations"]).and_then(Value::as_str).unwrap_or_default();
    by_key || of_operator.next().is_some() || old.contains("argoproj.io/Application")
}
