//! TG610: a Namespace or a CustomResourceDefinition whose wave counts for nothing.
//!
//! Argo CD moves both in front of the first object that needs them, into its phase and wave, whatever their own says. Source: gitops-engine
//! `pkg/sync/sync_tasks.go`, `adjustDeps`.

use std::collections::BTreeMap;

use super::needed::wave_place;
use super::view::{Placed, View};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::text;
use crate::manifests::App;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let is_crd = |placed: &Placed<'_>| &*placed.object.kind == "CustomResourceDefinition";
    let is_namespace = |placed: &Placed<'_>| placed.object.group.is_empty() && &*placed.object.kind == "Namespace";
    if !view.placed.iter().any(|placed| is_crd(placed) || is_namespace(placed)) {
        return;
    }
    let mut in_namespace: BTreeMap<(Option<&App>, &str), &Placed<'_>> = BTreeMap::new();
    let mut of_kind: BTreeMap<(Option<&App>, &str, &str), &Placed<'_>> = BTreeMap::new();
    for placed in &view.placed {
        let app = placed.object.application.as_ref();
        let known = in_namespace.entry((app, &*placed.object.namespace)).or_insert(placed);
        if placed.step < known.step {
            *known = placed;
        }
        let key = (app, &*placed.object.group, &*placed.object.kind);
        let known = of_kind.entry(key).or_insert(placed);
        if placed.step < known.step {
            *known = placed;
        }
    }
    for placed in &view.placed {
        let object = placed.object;
        let app = object.application.as_ref();
        let first = if is_namespace(placed) {
            in_namespace.get(&(app, &*object.name))
        } else if is_crd(placed) {
            of_kind.get(&(app, text(object, &["spec", "group"]), text(object, &["spec", "names", "kind"])))
        } else {
            None
        };
        // What is moved into another phase keeps no wave that could be written: `sync-wave` counts in an object's own phase.
        if let Some(first) = first.filter(|first| first.step.0 == placed.step.0 && first.step.1 < placed.step.1) {
            found.push(tell(view, placed, first));
        }
    }
}

fn tell(view: &View<'_>, placed: &Placed<'_>, first: &Placed<'_>) -> Diagnostic {
    let say = view.subject.say(placed.object);
    let (here, there) = (View::words(placed.step), View::words(first.step));
    let needs = view.subject.say(first.object);
    let message =
        format!("{say} is not applied in {here}: Argo CD moves it to {there}, in front of {needs}, which needs it");
    let help = format!("write the wave that it has: `argocd.argoproj.io/sync-wave: \"{}\"`", first.step.1);
    Diagnostic::note(Code::WAVE_MOVED, wave_place(placed.object), message)
        .help(help)
        .related(wave_place(first.object), format!("{needs} is in {there}"))
}
