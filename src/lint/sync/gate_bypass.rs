//! Syncs that go round a gate.
//!
//! Source: argo-cd 3.5. `controller/sync.go`: syncs of selected resources (`sync.resources`) and the apply strategy skip hooks. `controller/appcontroller.go`, autoSync:
//! a self-heal sync is a sync of selected resources. `gitops-engine/pkg/sync/sync_context.go`, filterOutOfSyncTasks: with `ApplyOutOfSyncOnly=true` what is not
//! modified is no task, and is not waited for; hooks stay.

use std::collections::BTreeMap;

use super::of::{PLACES_MAX, application, head, named, option_at, spec_at};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{BlockMeans, Means};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::{App, Application, Phase};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::GATE_BYPASS], run: check };

/// What holds waves of one application.
#[derive(Default)]
struct Gates<'s> {
    /// Blocks that health holds, with what is waited for.
    health: Vec<(Span, String)>,
    /// Blocks and hooks that wait.
    hooks: Vec<(Span, String)>,
    application: Option<&'s Application>,
}

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    if subject.platform.applications.is_empty() {
        return;
    }
    let mut gates: BTreeMap<&App, Gates<'_>> = BTreeMap::new();
    for block in subject.graph.blocks.iter().filter(|block| block.works()) {
        let Some(application) = block.application.as_ref().and_then(|name| named(subject, name)) else { continue };
        let gates = gates.entry(&application.app).or_default();
        gates.application = Some(application);
        add(gates, block);
    }
    for object in &subject.platform.objects {
        if object.hook.hook && object.phase() == Some(Phase::Sync) && object.wait_command().is_some() {
            let Some(application) = application(subject, object) else { continue };
            let gates = gates.entry(&application.app).or_default();
            gates.application = Some(application);
            gates.hooks.push((head(object), format!("{} waits in wave {}", subject.say(object), object.wave)));
        }
    }
    for gates in gates.values() {
        let Some(application) = gates.application else { continue };
        found.extend(out_of_sync_only(subject, application, gates));
        found.extend(self_heal(subject, application, gates));
        found.extend(operation(subject, application, gates));
    }
}

fn add(gates: &mut Gates<'_>, block: &BlockMeans) {
    for edge in &block.edges {
        if let Means::Health { .. } = edge.means {
            let what = edge.object.as_deref().unwrap_or(&edge.what);
            gates.health.push((block.place, format!("`block wave {}` waits for the health of {what}", block.wave)));
        }
    }
    if let Some(hook) = &block.hook {
        gates.hooks.push((block.place, format!("`block wave {}` is held by the hook {}", block.wave, hook.name)));
    }
}

fn with_places(finding: Diagnostic, places: &[(Span, String)]) -> Diagnostic {
    let shown = places.iter().take(PLACES_MAX);
    shown.fold(finding, |finding, (place, text)| finding.related(*place, text.clone()))
}

fn out_of_sync_only(subject: &Subject<'_>, application: &Application, gates: &Gates<'_>) -> Option<Diagnostic> {
    const OPTION: &str = "ApplyOutOfSyncOnly=true";
    if !application.has_sync_option(OPTION) || gates.health.is_empty() {
        return None;
    }
    let message = format!(
        "`{OPTION}` goes round a gate: what has not changed in Git takes no part in the sync, and its health is not waited for"
    );
    let help = "leave the option away; or hold the block by a hook, which always takes part: a condition that health alone cannot hold, such as `… and size(notebook.status.results) > 0`, and `tidegate emit hooks`";
    let finding = Diagnostic::warning(Code::GATE_BYPASS, option_at(subject, application, OPTION), message).help(help);
    Some(with_places(finding, &gates.health))
}

fn self_heal(subject: &Subject<'_>, application: &Application, gates: &Gates<'_>) -> Option<Diagnostic> {
    if !application.self_heals() || (gates.hooks.is_empty() && gates.health.is_empty()) {
        return None;
    }
    let place = spec_at(subject, application, &["syncPolicy", "automated", "selfHeal"]);
    let message = "what drifted is healed round the gates: a self-heal sync applies that alone, skips hooks and waits for nothing else";
    let help = "a new commit is held; if what is deleted by hand must not come back while a gate is shut, apply what `tidegate emit admission` prints";
    let finding = Diagnostic::note(Code::GATE_BYPASS, place, message).help(help);
    let places: Vec<(Span, String)> = gates.hooks.iter().chain(&gates.health).cloned().collect();
    Some(with_places(finding, &places))
}

/// An operation that is kept in Git with the Application.
fn operation(subject: &Subject<'_>, application: &Application, gates: &Gates<'_>) -> Option<Diagnostic> {
    let object = subject.platform.objects.iter().find(|object| object.place == application.place)?;
    let resources = field(object, &["operation", "sync", "resources"]).and_then(serde_json::Value::as_array);
    let apply = field(object, &["operation", "sync", "syncStrategy", "apply"]);
    let (path, what): (&[&str], &str) = if resources.is_some_and(|list| !list.is_empty()) {
        (&["operation", "sync", "resources"], "a sync of selected resources skips hooks and waits for nothing else")
    } else if apply.is_some_and(|apply| !apply.is_null()) && !gates.hooks.is_empty() {
        (&["operation", "sync", "syncStrategy", "apply"], "a sync with the apply strategy skips hooks")
    } else {
        return None;
    };
    let message = format!("the operation goes round a gate: {what}");
    let help = "sync the whole application with `syncStrategy: {hook: {}}`";
    let finding = Diagnostic::warning(Code::GATE_BYPASS, subject.at(object, path), message).help(help);
    let places: Vec<(Span, String)> = gates.hooks.iter().chain(&gates.health).cloned().collect();
    Some(with_places(finding, &places))
}
