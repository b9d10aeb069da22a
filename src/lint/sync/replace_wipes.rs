//! `Replace=true` on what tidegate writes to.
//!
//! Source: argo-cd 3.5, gitops-engine `sync_context.go`, applyObject: with the option of the Application, or of the object, what exists is `kubectl replace`d at every sync,
//! so that annotations which Git does not have are gone. `Replace=false` on an object does not undo the Application's option. Namespaces and CRDs are updated instead,
//! which loses them as well; new objects are created.

use std::collections::BTreeMap;

use petgraph::visit::EdgeRef;

use super::of::{PLACES_MAX, application, head, is, option_at};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{Node, Reason};
use crate::lint::{Check, Subject};
use crate::manifests::{Application, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::REPLACE_WIPES], run: check };

const OPTION: &str = "Replace=true";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// An object, and whether rules restart it.
type Recorded<'o> = (&'o Object, bool);

type Key<'g> = (&'g str, &'g str, &'g str, &'g str);

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let platform = subject.platform;
    let whole: Vec<&Application> = platform.applications.iter().filter(|a| a.has_sync_option(OPTION)).collect();
    let own = platform.objects.iter().filter(|object| object.sync_options().contains(&OPTION)).count();
    if whole.is_empty() && own == 0 {
        return;
    }
    let written = written(subject);
    let recorded = platform.objects.iter().filter_map(|object| {
        let key: Key<'_> = (&object.group, &object.kind, &object.namespace, &object.name);
        // With `Force=true` a Job is deleted and made again: another run, which has no records yet.
        let anew = is(object, "batch", "Job") && object.sync_options().contains(&"Force=true");
        let applied = object.phase().is_some() && !object.hook.hook && !anew;
        written.get(&key).filter(|_| applied).map(|restarted| (object, *restarted))
    });
    let mut by_option: Vec<(&Application, Vec<Recorded<'_>>)> = whole.into_iter().map(|a| (a, Vec::new())).collect();
    for (object, restarted) in recorded {
        let of = application(subject, object);
        let entry = by_option.iter_mut().find(|(a, _)| of.is_some_and(|of| of.app == a.app));
        if let Some((_, objects)) = entry {
            objects.push((object, restarted));
        } else if object.sync_options().contains(&OPTION) {
            let help =
                "leave it away; for an object that is too large for client-side apply, write `ServerSideApply=true`";
            let place = subject.annotation(object, SYNC_OPTIONS);
            let message = message(subject, object, restarted, "");
            found.push(Diagnostic::warning(Code::REPLACE_WIPES, place, message).help(help));
        }
    }
    found.extend(by_option.into_iter().filter_map(|(application, mut objects)| {
        objects.sort_by_key(|(_, restarted)| !restarted);
        of_application(subject, application, &objects)
    }));
}

fn of_application(subject: &Subject<'_>, application: &Application, objects: &[Recorded<'_>]) -> Option<Diagnostic> {
    let ((first, restarted), more) = objects.split_first()?;
    let also = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
    let message = message(subject, first, *restarted, &also);
    let help = format!(
        "leave the option away here, and write `{SYNC_OPTIONS}: {OPTION}` at the objects that need it; `Replace=false` at an object does not help"
    );
    let finding = Diagnostic::warning(Code::REPLACE_WIPES, option_at(subject, application, OPTION), message).help(help);
    let places = objects.iter().take(PLACES_MAX);
    Some(places.fold(finding, |finding, (object, _)| {
        finding.related(head(object), format!("rules write to or wait for {}", subject.say(object)))
    }))
}

fn message(subject: &Subject<'_>, object: &Object, restarted: bool, also: &str) -> String {
    let object = subject.say(object);
    format!("`{OPTION}` puts the manifest in place of {object}{also} at every sync, {}", loss(restarted))
}

/// What goes with the annotations.
fn loss(restarted: bool) -> &'static str {
    if restarted {
        "without the annotation of the last restart: its pods roll once more, and the record that it was restarted is gone"
    } else {
        "without what tidegate wrote on it: `mlops.dev/wave-complete` and the records of what was done"
    }
}

/// What rules, and annotations that are rules, write to, and whether by a restart.
fn written<'g>(subject: &Subject<'g>) -> BTreeMap<Key<'g>, bool> {
    let dag = &subject.graph.dag;
    let mut keys = BTreeMap::new();
    for edge in dag.edge_references() {
        let (node, restart) = match edge.weight().reason {
            Reason::Effect => {
                let action = dag.node_weight(edge.source());
                let restart = matches!(action, Some(Node::Action { text, .. }) if text.starts_with("restart "));
                (dag.node_weight(edge.target()), restart)
            }
            Reason::Condition | Reason::Member | Reason::Trigger => (dag.node_weight(edge.source()), false),
            _ => continue,
        };
        let Some(Node::Resource(resource)) = node else { continue };
        // Of what is only asked about, runs alone get a record of their end.
        let kind = subject.rulebook.kind_by_type(&resource.group, &resource.kind);
        let runs = kind.and_then(|kind| subject.rulebook.kind(kind)).is_some_and(|kind| kind.runs);
        if runs || edge.weight().reason == Reason::Effect {
            let key: Key<'_> = (&resource.group, &resource.kind, &resource.namespace, &resource.name);
            *keys.entry(key).or_insert(false) |= restart;
        }
    }
    keys
}
