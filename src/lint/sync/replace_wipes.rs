//! `Replace=true` on what tidegate writes to.
//!
//! Source: argo-cd 3.5, gitops-engine `sync_context.go`, applyObject: with the option of the Application, or of the object, what exists is `kubectl replace`d at every sync,
//! so that annotations which Git does not have are gone. `Replace=false` on an object does not undo the Application's option. Namespaces and CRDs are updated instead,
//! which loses them as well; new objects are created.

use std::collections::BTreeSet;

use petgraph::visit::EdgeRef;

use super::of::{PLACES_MAX, application, head, is, option_at};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{Node, Reason};
use crate::lint::{Check, Subject};
use crate::manifests::{Application, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::REPLACE_WIPES], run: check };

const OPTION: &str = "Replace=true";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

type Key<'g> = (&'g str, &'g str, &'g str, &'g str);

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let platform = subject.platform;
    let whole: Vec<&Application> = platform.applications.iter().filter(|a| a.has_sync_option(OPTION)).collect();
    let own = platform.objects.iter().filter(|object| object.sync_options().contains(&OPTION)).count();
    if whole.is_empty() && own == 0 {
        return;
    }
    let written = written(subject);
    let recorded = platform.objects.iter().filter(|object| {
        let key: Key<'_> = (&object.group, &object.kind, &object.namespace, &object.name);
        // With `Force=true` a Job is deleted and made again: another run, which has no records yet.
        let anew = is(object, "batch", "Job") && object.sync_options().contains(&"Force=true");
        object.phase().is_some() && !object.hook.hook && !anew && written.contains(&key)
    });
    let mut by_option: Vec<(&Application, Vec<&Object>)> = whole.into_iter().map(|a| (a, Vec::new())).collect();
    for object in recorded {
        let of = application(subject, object);
        let entry = by_option.iter_mut().find(|(a, _)| of.is_some_and(|of| of.app == a.app));
        if let Some((_, objects)) = entry {
            objects.push(object);
        } else if object.sync_options().contains(&OPTION) {
            let message = format!(
                "`{OPTION}` puts the manifest in place of {} at every sync, {}",
                subject.say(object),
                loss(object)
            );
            let place = subject.annotation(object, SYNC_OPTIONS);
            let help =
                "leave it away; for an object that is too large for client-side apply, write `ServerSideApply=true`";
            found.push(Diagnostic::warning(Code::REPLACE_WIPES, place, message).help(help));
        }
    }
    found.extend(
        by_option.into_iter().filter_map(|(application, objects)| of_application(subject, application, &objects)),
    );
}

fn of_application(subject: &Subject<'_>, application: &Application, objects: &[&Object]) -> Option<Diagnostic> {
    let mut objects = objects.to_vec();
    objects.sort_by_key(|object| !rolls(object));
    let (first, more) = objects.split_first()?;
    let also = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
    let message =
        format!("`{OPTION}` puts the manifest in place of {}{also} at every sync, {}", subject.say(first), loss(first));
    let help = format!(
        "leave the option away here, and write `{SYNC_OPTIONS}: {OPTION}` at the objects that need it; `Replace=false` at an object does not help"
    );
    let finding = Diagnostic::warning(Code::REPLACE_WIPES, option_at(subject, application, OPTION), message).help(help);
    let places = objects.iter().take(PLACES_MAX);
    Some(places.fold(finding, |finding, object| {
        finding.related(head(object), format!("rules write to or ask about {}", subject.say(object)))
    }))
}

/// A restart is an annotation that reaches its pods.
fn rolls(object: &Object) -> bool {
    is(object, "serving.kserve.io", "InferenceService")
        || is(object, "apps", "Deployment")
        || is(object, "apps", "StatefulSet")
}

/// What goes with the annotations.
fn loss(object: &Object) -> &'static str {
    if rolls(object) {
        "without the annotation of the last restart: its pods roll once more, and the record that it was restarted is gone"
    } else {
        "without what tidegate wrote on it: `mlops.dev/wave-complete` and the records of what was done"
    }
}

/// What rules, and annotations that are rules, write to, and what they ask about.
fn written<'g>(subject: &Subject<'g>) -> BTreeSet<Key<'g>> {
    let dag = &subject.graph.dag;
    let mut keys = BTreeSet::new();
    for edge in dag.edge_references() {
        let node = match edge.weight().reason {
            Reason::Effect => dag.node_weight(edge.target()),
            Reason::Condition | Reason::Member | Reason::Trigger => dag.node_weight(edge.source()),
            _ => continue,
        };
        if let Some(Node::Resource(resource)) = node {
            let key: Key<'_> = (&resource.group, &resource.kind, &resource.namespace, &resource.name);
            keys.insert(key);
        }
    }
    keys
}
