//! What is needed and comes later: TG601, of hooks TG602, TG603, TG604.
//!
//! What happens then depends on the kind. Sources: the checks in Go of gitops-engine `pkg/health`, argo-cd v3.5.7 `resource_customizations`, and what the
//! controllers of these kinds write into their status.

use super::argocd::Checked;
use super::view::{Placed, Provided, View};
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::lint::references::{How, Need};
use crate::manifests::{Object, Phase};

/// Kinds whose built-in check says Healthy only when their pods run or have ended.
const PODS: &[(&str, &str)] = &[
    ("", "Pod"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("apps.openshift.io", "DeploymentConfig"),
    ("argoproj.io", "Rollout"),
    ("argoproj.io", "Workflow"),
    ("batch", "Job"),
    ("serving.knative.dev", "Service"),
    ("serving.kserve.io", "InferenceService"),
    ("sparkoperator.k8s.io", "SparkApplication"),
];

/// What helps, within one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// What is needed goes into the same wave.
    Earlier,
    /// Who needs it goes into a wave after it.
    After,
    /// Who needs it goes into its wave.
    Later,
}

/// What becomes of an object whose need is missing.
struct Fate {
    severity: Severity,
    /// What happens to it.
    why: String,
    mend: Mend,
    /// It is never done, and the next wave waits for it.
    waits: bool,
}

/// The need, in the way it is told.
pub(super) struct Late<'v> {
    /// Who needs it.
    pub object: &'v Object,
    /// `needs`, `waits for`
    pub verb: &'v str,
    /// What it needs, in words.
    pub what: String,
    /// Where it comes from.
    pub from: Provided<'v>,
    pub severity: Severity,
    /// What happens.
    pub why: String,
    pub mend: Mend,
    /// It is never done, and the next wave waits for it.
    pub waits: bool,
    /// The field.
    pub place: Span,
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for placed in &view.placed {
        // Many fields may name one object: of these the worst is told, of equals the first.
        let mut worst: Vec<(&Need<'_>, Provided<'_>, Fate)> = Vec::new();
        for need in &placed.needs {
            let Some(from) = late(view, placed, need) else { continue };
            let fate = fate(view, placed.object, need);
            match worst.iter_mut().find(|(_, known, _)| std::ptr::eq(known.by, from.by)) {
                Some(known) if known.2.severity >= fate.severity => {}
                Some(known) => *known = (need, from, fate),
                None => worst.push((need, from, fate)),
            }
        }
        for (need, from, Fate { severity, why, mend, waits }) in worst {
            let what = if from.made { format!("{} `{}`", need.kind, need.name) } else { view.subject.say(from.by) };
            let place = view.subject.at(placed.object, &need.path());
            let late = Late { object: placed.object, verb: "needs", what, from, severity, why, mend, waits, place };
            found.push(tell(view, placed, &late));
        }
    }
}

/// Where the need comes from, if that is later.
fn late<'s>(view: &View<'s>, placed: &Placed<'s>, need: &Need<'_>) -> Option<Provided<'s>> {
    let app = placed.object.application.as_ref();
    let from = view.provided((&need.group, need.kind, need.namespace, need.name), app)?;
    if from.step <= placed.step {
        return None;
    }
    // A server of the namespace goes before one of the cluster; either is enough.
    let other = match need.kind {
        "ServingRuntime" => Some(("ClusterServingRuntime", "")),
        "ClusterServingRuntime" => Some(("ServingRuntime", &*placed.object.namespace)),
        _ => None,
    };
    let there = other.and_then(|(kind, namespace)| view.provided((&need.group, kind, namespace, need.name), app));
    there.is_none_or(|there| there.step > placed.step).then_some(from)
}

fn fate(view: &View<'_>, object: &Object, need: &Need<'_>) -> Fate {
    let checked = view.argocd.checked(&object.group, &object.kind);
    // A script of the user may call anything healthy.
    let sure = if checked == Checked::Custom { Severity::Warning } else { Severity::Error };
    let waits = |why: &str| Fate { severity: sure, why: why.to_owned(), mend: Mend::Earlier, waits: true };
    let fails = |why: &str| Fate { severity: sure, why: why.to_owned(), mend: Mend::After, waits: false };
    let known = PODS.contains(&(&*object.group, &*object.kind));
    match need.how {
        How::Role => Fate { severity: Severity::Note, waits: false, ..waits("it gives nothing") },
        How::Template if &*object.group == "tekton.dev" => {
            Fate { severity: Severity::Error, ..fails("the run fails at once, and nothing runs it again") }
        }
        How::Template if &*object.kind == "Workflow" => fails("the workflow fails at once, and the sync with it"),
        How::Template => fails("the Rollout is InvalidSpec until it is there, which is Degraded, and the sync fails"),
        How::Scales if &*object.kind == "ScaledObject" => {
            fails("without its target it is not Ready, which Argo CD calls Degraded, and the sync fails")
        }
        How::Scales => {
            fails("without its target it says FailedGetScale, which Argo CD calls Degraded, and the sync fails")
        }
        How::Store if &*object.kind == "Certificate" => waits("it stays Issuing"),
        How::Store => fails("until then it is not Ready, which Argo CD calls Degraded, and the sync fails"),
        How::Service => waits("it does not become Available"),
        How::Backend => Fate { severity: Severity::Warning, ..waits("it gets no address") },
        How::Storage if &*object.kind == "StatefulSet" => waits("its pods and their claims stay Pending"),
        How::Storage => waits("the claim stays Pending"),
        How::Runtime => fails("KServe calls its spec invalid, which is Degraded, and the sync fails"),
        How::Queue => pods(view, object, checked, "Kueue keeps it suspended"),
        How::Mount => pods(view, object, checked, "its pods wait in ContainerCreating"),
        How::Environment => pods(view, object, checked, "its containers wait in CreateContainerConfigError"),
        How::Claim => pods(view, object, checked, "its pods stay Pending"),
        How::Account | How::Class if &*object.kind == "Pod" => {
            let refused = fails("the API server refuses the pod, and the sync fails");
            Fate { severity: Severity::Error, mend: Mend::Earlier, ..refused }
        }
        How::Account | How::Class => pods(view, object, checked, "none of its pods can be made"),
        How::Pull => {
            let severity = if known { Severity::Warning } else { Severity::Note };
            Fate { severity, waits: known, ..waits("its pods cannot pull their images, if the registry asks for it") }
        }
    }
}

/// What pods that do not start mean for their owner.
fn pods(view: &View<'_>, object: &Object, checked: Checked, why: &str) -> Fate {
    let known = PODS.contains(&(&*object.group, &*object.kind));
    let rulebook = view.subject.rulebook;
    let kind = rulebook.kind_by_type(&object.group, &object.kind).and_then(|kind| rulebook.kind(kind));
    let severity = match checked {
        Checked::BuiltIn if known => Severity::Error,
        // The check that tidegate emits for it waits until it has run.
        Checked::Custom if kind.is_some_and(|kind| kind.runs) => Severity::Error,
        Checked::BuiltIn | Checked::Custom => Severity::Warning,
        Checked::No => Severity::Note,
    };
    Fate { severity, why: why.to_owned(), mend: Mend::Earlier, waits: severity > Severity::Note }
}

/// The finding, by the phases of both.
pub(super) fn tell(view: &View<'_>, placed: &Placed<'_>, late: &Late<'_>) -> Diagnostic {
    let (step, from) = (placed.step, late.from.step);
    let say = view.subject.say(late.object);
    let code = match (step.0, from.0) {
        (Phase::PreSync, Phase::Sync | Phase::PostSync) => Code::PRESYNC_DEADLOCK,
        (_, Phase::PostSync) if step.0 != from.0 => Code::POSTSYNC_NEEDED,
        _ if late.object.hook.hook => Code::HOOK_TOO_EARLY,
        _ => Code::TOO_EARLY,
    };
    let (here, there) = (View::words(step), View::words(from));
    let until = if late.severity == Severity::Note { "until then " } else { "" };
    let mut message =
        format!("{say} in {here} {} {}, which comes in {there}: {until}{}", late.verb, late.what, late.why);
    if late.waits {
        message += &format!(", and {there} begins only when {say} is {}", ended(late.object));
    }
    let found = match late.severity {
        Severity::Error => Diagnostic::error(code, late.place, message),
        Severity::Warning => Diagnostic::warning(code, late.place, message),
        Severity::Note => Diagnostic::note(code, late.place, message),
    };
    let by = view.subject.say(late.from.by);
    let origin = if late.from.made { format!("{by} makes it, in {there}") } else { format!("{by} is in {there}") };
    found.help(help(&say, &by, placed, late, code)).related(wave_place(late.from.by), origin)
}

fn help(say: &str, by: &str, placed: &Placed<'_>, late: &Late<'_>, code: Code) -> String {
    let wave = |wave: i64| format!("`argocd.argoproj.io/sync-wave: \"{wave}\"`");
    let (here, there) = (placed.step.1, late.from.step.1);
    if code == Code::PRESYNC_DEADLOCK {
        let phase = late.from.step.0.name();
        let after = wave(there.saturating_add(1));
        return format!("make {say} a {phase} hook after it: `argocd.argoproj.io/hook: {phase}` and {after}");
    }
    if code == Code::POSTSYNC_NEEDED {
        let before = wave(if late.mend == Mend::After { here.saturating_sub(1) } else { here });
        return format!("let {by} be applied in the Sync phase: no `argocd.argoproj.io/hook: PostSync`, and {before}");
    }
    match late.mend {
        Mend::Earlier => format!("put {by} into the same wave or an earlier one: {}", wave(here)),
        Mend::After => format!("put {say} into a later wave: {}", wave(there.saturating_add(1))),
        Mend::Later => format!("put {say} into the same wave or a later one: {}", wave(there)),
    }
}

/// What Argo CD waits for.
fn ended(object: &Object) -> &'static str {
    match &*object.kind {
        "Job" | "Workflow" | "NotebookValidationJob" => "done",
        "PersistentVolumeClaim" => "bound",
        _ => "healthy",
    }
}

/// The line of a wave, else the beginning of the document.
pub(super) fn wave_place(object: &Object) -> Span {
    if object.wave_place == object.place { Span { end: object.place.start, ..object.place } } else { object.wave_place }
}
