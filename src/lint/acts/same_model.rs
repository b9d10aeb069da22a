//! TG647: a restart after training, of an InferenceService whose model's URI can only ever mean the same bytes, or names another version than the one
//! that the training writes.

use super::{deed, pods};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::manifests::Object;
use crate::rulebook::ObjectRef;
use serde_json::Value;

pub(super) const CHECK: Check = Check { codes: &[Code::SAME_MODEL], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for (deed, object) in deed::rolls(subject).filter(|(deed, _)| deed.then) {
        // Rules about health restart for other reasons than a new model.
        let runs = deed::awaited_runs(deed.rule);
        if runs.is_empty() {
            continue;
        }
        let mut components = pods::of(object).into_iter().filter(|pods| pods.component == "predictor");
        let Some((uri, path)) = components.next().as_ref().and_then(pods::Pods::storage_uri) else { continue };
        let Some(why) = pinned(uri) else {
            found.extend(
                elsewhere(subject, deed, object, uri, &runs).map(|d| d.related(subject.at(object, &path), "its model")),
            );
            continue;
        };
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

/// A run that names another version of the same model, and not this one: it writes there.
fn elsewhere(
    subject: &Subject<'_>,
    deed: deed::Deed<'_>,
    object: &Object,
    uri: &str,
    runs: &[&ObjectRef],
) -> Option<Diagnostic> {
    let (parent, version) = uri.trim_end_matches('/').rsplit_once('/')?;
    let numbered = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    if !uri.contains("://") || parent.ends_with("://") || !numbered(version) {
        return None;
    }
    let mut named: Vec<(&Object, &str)> = Vec::new();
    for run in runs {
        let run = deed::object(subject, run)?;
        let mut uris = Vec::new();
        uris_within(&run.value, parent, &mut uris);
        named.extend(uris.into_iter().map(|uri| (run, uri)));
    }
    let other = |uri: &str| {
        let next = uri.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/')).map(|rest| rest.split('/').next());
        next.flatten().map(str::to_owned)
    };
    let versions: Vec<Option<String>> = named.iter().map(|(_, uri)| other(uri)).collect();
    let (run, written) = named.first()?;
    if !versions.iter().all(|found| found.as_deref().is_some_and(|found| found != version && numbered(found))) {
        return None;
    }
    let message = format!(
        "the restart loads the same model again: {} reads `{uri}`, and {} names `{written}`",
        subject.say(object),
        subject.say(run)
    );
    let help = "let both name one path that the training writes anew, or change the URI in Git, which rolls the pods by itself";
    let diagnostic = Diagnostic::warning(Code::SAME_MODEL, deed.place, message);
    Some(diagnostic.related(subject.at(run, &["metadata", "name"]), "the training").help(help))
}

/// Texts of an object that hold a URI below a parent, from where it begins.
fn uris_within<'v>(value: &'v Value, parent: &str, uris: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => {
            uris.extend(
                text.find(parent)
                    .and_then(|at| text.get(at..))
                    .and_then(|uri| uri.split([' ', '"', '\'', '\n']).next()),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| uris_within(item, parent, uris)),
        Value::Object(map) => map.values().for_each(|value| uris_within(value, parent, uris)),
        _ => {}
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
