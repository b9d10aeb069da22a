//! Runs that never run again when their spec changes in Git.

use std::collections::BTreeMap;

use super::of::{PLACES_MAX, application, head, is, is_job, is_versioned, ttl};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::manifests::{App, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::RUNS_ONCE], run: check };

/// One finding for each kind of each application: a platform has dozens of notebooks. Silent where the Application is not among the
/// manifests: then perhaps something else applies them.
fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let mut once: BTreeMap<(&App, bool), Vec<&Object>> = BTreeMap::new();
    for object in &subject.platform.objects {
        let applied = object.phase().is_some() && !object.hook.hook;
        let job = is_job(object);
        if !applied || !(job || is(object, "mlops.mlops.dev", "NotebookValidationJob")) {
            continue;
        }
        let Some(app) = application(subject, object).map(|application| &application.app) else { continue };
        // What has a TTL comes back with the new spec; a name with a hash is made anew; what is deleted and made again runs again.
        let forced = object.sync_options().contains(&"Force=true");
        let replaced = forced && (job || object.sync_options().contains(&"Replace=true"));
        if ttl(object).is_some() || is_versioned(object) || object.name.ends_with('*') || replaced {
            continue;
        }
        once.entry((app, job)).or_default().push(object);
    }
    // The objects come sorted by name: the order of the files changes no text.
    for ((_, job), objects) in once {
        found.extend(finding(subject, job, &objects));
    }
}

fn finding(subject: &Subject<'_>, job: bool, objects: &[&Object]) -> Option<Diagnostic> {
    let (first, others) = objects.split_first()?;
    let what = match others.len() {
        0 => subject.say(first),
        more => format!("{} and {more} more", subject.say(first)),
    };
    let runs = if others.is_empty() { "runs" } else { "run" };
    let (message, help) = if job {
        let message =
            format!("{what} {runs} once: a change of the pod template in Git fails the sync with `field is immutable`");
        // With server-side apply `Force=true` alone deletes nothing (gitops-engine, `resource_ops.go`).
        let server_side = application(subject, first).is_some_and(|a| a.has_sync_option("ServerSideApply=true"));
        let help = if server_side {
            "put a hash or a version into the name when it should run again"
        } else {
            "put a hash or a version into the name when it should run again; or `argocd.argoproj.io/sync-options: Force=true`, which deletes it and makes it again when it changed"
        };
        (message, help)
    } else {
        let message = format!(
            "{what} {runs} once: a finished NotebookValidationJob does not run again when its spec changes in Git"
        );
        (message, "put a hash or a version into the name when it should run again, or delete the finished one")
    };
    let mut finding = Diagnostic::note(Code::RUNS_ONCE, head(first), message).help(help);
    for other in others.iter().take(PLACES_MAX) {
        finding = finding.related(head(other), subject.say(other));
    }
    let application = application(subject, first).map(|a| a.app.name.clone());
    Some(match application {
        Some(name) => finding.label(format!("applied by application `{name}`")),
        None => finding,
    })
}
