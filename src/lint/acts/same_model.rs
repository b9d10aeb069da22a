//! TG647: a restart after training, of an InferenceService whose model's URI can only ever mean the same bytes.

use super::{deed, pods};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};

pub(super) const CHECK: Check = Check { codes: &[Code::SAME_MODEL], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for (deed, object) in deed::rolls(subject).filter(|(deed, _)| deed.then) {
        // Rules about health restart for other reasons than a new model.
        if deed::awaited_runs(deed.rule).is_empty() {
            continue;
        }
        let mut components = pods::of(object).into_iter().filter(|pods| pods.component == "predictor");
        let Some((uri, path)) = components.next().as_ref().and_then(pods::Pods::storage_uri) else { continue };
        let Some(why) = pinned(uri) else { continue };
        let message = format!(
            "the restart loads the same model again: the URI of {} {why}, and no training changes what it means",
            subject.say(object)
        );
        let help = "name the model by what a training can move: a tag, a branch, a path that the job writes to; or let a pipeline \
                    write the new URI to Git, which rolls the pods by itself";
        let diagnostic = Diagnostic::warning(Code::SAME_MODEL, deed.place, message);
        found.push(diagnostic.related(subject.at(object, &path), "its model").help(help));
    }
}

/// Why a URI never means anything else.
fn pinned(uri: &str) -> Option<&'static str> {
    let commit = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if uri.contains("@sha256:") {
        return Some("is pinned by digest");
    }
    // `hf://ORG/MODEL:REVISION`; a branch or tag can move, a commit cannot.
    if let Some(rest) = uri.strip_prefix("hf://") {
        return rest.rsplit_once([':', '@']).filter(|(_, revision)| commit(revision)).map(|_| "is pinned to a commit");
    }
    let versioned = uri.starts_with("s3://") && uri.contains("versionId=");
    versioned.then_some("is pinned to a version of the object")
}
