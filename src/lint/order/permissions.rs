//! TG609: a Job that runs as a service account whose permissions come later.
//!
//! Only Jobs and Pods that name a client of the API are spoken of: others may need no permission at all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::needed::wave_place;
use super::view::{Placed, View};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::references::{How, Need};

/// The bindings of each service account, by namespace and name.
type Bindings<'v, 's> = BTreeMap<(&'v str, &'v str), Vec<&'v Placed<'s>>>;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let mut bindings: Bindings<'_, '_> = BTreeMap::new();
    for placed in view.placed.iter().filter(|placed| &*placed.object.group == "rbac.authorization.k8s.io") {
        let subjects = placed.object.value.get("subjects").and_then(Value::as_array).into_iter().flatten();
        for subject in subjects {
            let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
            if text("kind") == "ServiceAccount" {
                let namespace = Some(text("namespace")).filter(|text| !text.is_empty());
                let namespace = namespace.unwrap_or(&placed.object.namespace);
                bindings.entry((namespace, text("name"))).or_default().push(placed);
            }
        }
    }
    if bindings.is_empty() {
        return;
    }
    for placed in &view.placed {
        let runs_once = matches!((&*placed.object.group, &*placed.object.kind), ("batch", "Job") | ("", "Pod"));
        let Some(account) = placed.needs.iter().find(|need| need.how == How::Account).filter(|_| runs_once) else {
            continue;
        };
        let Some(bound) = bindings.get(&(account.namespace, account.name)) else { continue };
        // One binding in time may be all that it needs, and another application's may come at any time.
        let app = placed.object.application.as_ref();
        let late = |other: &&&Placed<'_>| other.step > placed.step && other.object.application.as_ref() == app;
        if bound.iter().all(|other| late(&other)) && account_is_there(view, placed, account) && asks(placed) {
            let first = bound.iter().min_by_key(|other| other.step);
            found.extend(first.map(|first| tell(view, placed, account, first)));
        }
    }
}

/// That the account itself comes later is TG601 or one of its kind.
fn account_is_there(view: &View<'_>, placed: &Placed<'_>, account: &Need<'_>) -> bool {
    let key = (&*account.group, account.kind, account.namespace, account.name);
    view.provided(key, placed.object.application.as_ref()).is_none_or(|from| from.step <= placed.step)
}

/// It runs a client of the API, as far as its commands and images tell.
fn asks(placed: &Placed<'_>) -> bool {
    let spec = placed.object.value.pointer("/spec/template/spec").or_else(|| placed.object.value.get("spec"));
    let containers =
        ["initContainers", "containers"].into_iter().filter_map(|list| spec?.get(list)?.as_array()).flatten();
    let mut words = containers.flat_map(|container| {
        let list = |key: &str| container.get(key).and_then(Value::as_array).into_iter().flatten();
        list("command").chain(list("args")).filter_map(Value::as_str)
    });
    words.any(|text| {
        text.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "kubectl" | "oc" | "tidegate"))
    }) || placed.object.wait_command().is_some()
}

fn tell(view: &View<'_>, placed: &Placed<'_>, account: &Need<'_>, first: &Placed<'_>) -> Diagnostic {
    let (say, binding) = (view.subject.say(placed.object), view.subject.say(first.object));
    let (here, there) = (View::words(placed.step), View::words(first.step));
    let message = format!(
        "{say} in {here} runs as service account `{}`, which gets its permissions in {there}: until then the API server refuses what it asks",
        account.name
    );
    let help = if placed.step.0 == first.step.0 {
        format!(
            "put {binding} into an earlier wave: `argocd.argoproj.io/sync-wave: \"{}\"`",
            placed.step.1.saturating_sub(1)
        )
    } else {
        let phase = placed.step.0.name();
        format!("make {binding} a {phase} hook in an earlier wave, or {say} a {} hook", first.step.0.name())
    };
    Diagnostic::warning(Code::EARLY_PERMISSION, view.subject.at(placed.object, &account.path()), message)
        .help(help)
        .related(wave_place(first.object), format!("{binding} is in {there}"))
}
