//! A training that runs at every sync.

use super::of::{application, is_job, option_at, training};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::lint::{Check, Subject};
use crate::manifests::{DeletePolicy, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::TRAINS_EVERY_SYNC], run: check };

const HOOK: &str = "argocd.argoproj.io/hook";
const HELM_HOOK: &str = "helm.sh/hook";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for object in subject.platform.objects.iter().filter(|object| object.phase().is_some()) {
        let again = if object.hook.hook { hook(subject, object) } else { replaced(subject, object) };
        let Some((how, place)) = again else { continue };
        let Some((why, because)) = training(subject, object) else { continue };
        let message = format!("{} runs at every sync: {how}; and {why}", subject.say(object));
        let help = if object.hook.hook {
            "leave the hook annotations away and put a hash of what it is made from into its name, so that it runs once for each content; or make it a CronJob"
        } else {
            "leave `Force=true` and `Replace=true` away, and put a hash of what it is made from into its name, so that it runs once for each content"
        };
        let finding = Diagnostic::warning(Code::TRAINS_EVERY_SYNC, place, message).help(help);
        found.push(match because {
            Some(place) => finding.related(place, "what its success does"),
            None => finding,
        });
    }
}

/// A hook that is deleted and made again. With `HookFailed` alone a finished hook stays, and later syncs find it done.
/// Source: argo-cd 3.5, gitops-engine `pkg/sync/sync_task.go` (deleteBeforeCreation, deleteOnPhaseSuccessful).
fn hook(subject: &Subject<'_>, object: &Object) -> Option<(String, Span)> {
    let key = if object.annotation(HOOK).is_some() { HOOK } else { HELM_HOOK };
    let how = if object.name.ends_with('*') {
        "a hook with a generated name is made anew each time"
    } else if object.delete_policies.contains(&DeletePolicy::HookSucceeded) {
        "a hook that is deleted when it succeeded is made again by the next sync"
    } else if object.delete_policies.contains(&DeletePolicy::BeforeHookCreation) {
        "a hook is deleted and made again each time"
    } else {
        return None;
    };
    Some((how.to_owned(), subject.annotation(object, key)))
}

/// `kubectl replace --force` deletes a Job and makes it again, whether it changed or not. Source: argo-cd 3.5, `sync_context.go`, applyObject.
fn replaced(subject: &Subject<'_>, object: &Object) -> Option<(String, Span)> {
    if !is_job(object) {
        return None;
    }
    let own = object.sync_options();
    if !own.contains(&"Force=true") {
        return None;
    }
    let application = application(subject, object);
    let place = if own.contains(&"Replace=true") {
        subject.annotation(object, SYNC_OPTIONS)
    } else {
        option_at(subject, application.filter(|a| a.has_sync_option("Replace=true"))?, "Replace=true")
    };
    if application.is_some_and(|application| application.has_sync_option("ApplyOutOfSyncOnly=true")) {
        return None;
    }
    Some(("`Replace=true` with `Force=true` deletes it and makes it again, changed or not".to_owned(), place))
}
