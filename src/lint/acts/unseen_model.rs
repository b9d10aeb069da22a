//! TG648: the training's success is not yet the model's presence: it writes to one claim, the InferenceService reads another, and a job that
//! mounts both has to copy it first.

use std::collections::BTreeSet;

use super::{deed, pods};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::manifests::Object;

pub(super) const CHECK: Check = Check { codes: &[Code::UNSEEN_MODEL], run: check };

/// What may copy a model.
const COPIES: &[(&str, &str)] = &[("batch", "Job"), ("batch", "CronJob"), ("mlops.mlops.dev", "NotebookValidationJob")];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for (deed, object) in deed::rolls(subject).filter(|(deed, _)| deed.then) {
        let runs = deed::awaited_runs(deed.rule);
        let sources: Vec<&Object> = runs.iter().filter_map(|run| deed::object(subject, run)).collect();
        // What is not among the manifests may mount anything.
        if sources.is_empty() || sources.len() < runs.len() {
            continue;
        }
        let read: BTreeSet<&str> = pods::of(object).iter().flat_map(|pods| pods.claims().into_keys()).collect();
        let mut written = BTreeSet::new();
        sources
            .iter()
            .filter(|s| s.namespace == object.namespace)
            .for_each(|s| pods::claims_within(&s.value, &mut written));
        if read.is_empty() || written.is_empty() || !read.is_disjoint(&written) {
            continue;
        }
        let Some((copy, from, to)) = copy(subject, object, &sources, &written, &read) else { continue };
        let asked = deed.rule.terms.iter().filter_map(|term| term.source.object.as_ref());
        if asked.into_iter().any(|named| deed::object(subject, named).is_some_and(|o| std::ptr::eq(o, copy))) {
            continue;
        }
        let message = format!(
            "{} may not see the new model yet: what this waits for writes to the claim `{from}`, the model is read from `{to}`, \
             and {} mounts both",
            subject.say(object),
            subject.say(copy)
        );
        let help = format!("wait for it too: `and then {} succeeds`", subject.say(copy).replace('`', ""));
        let place = subject.at(copy, &["metadata", "name"]);
        found.push(
            Diagnostic::warning(Code::UNSEEN_MODEL, deed.place, message).related(place, "this can copy it").help(help),
        );
    }
}

fn copy<'s>(
    subject: &Subject<'s>,
    service: &Object,
    sources: &[&Object],
    written: &BTreeSet<&'s str>,
    read: &BTreeSet<&'s str>,
) -> Option<(&'s Object, &'s str, &'s str)> {
    let of_kinds = COPIES.iter().flat_map(|(group, kind)| deed::of_kind(subject.platform, group, kind));
    for object in of_kinds.filter(|o| o.namespace == service.namespace) {
        if sources.iter().any(|source| std::ptr::eq(*source, object)) {
            continue;
        }
        let mut mounted = BTreeSet::new();
        pods::claims_within(&object.value, &mut mounted);
        if let (Some(from), Some(to)) = (mounted.intersection(written).next(), mounted.intersection(read).next()) {
            return Some((object, from, to));
        }
    }
    None
}
