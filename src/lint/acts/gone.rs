//! TG651: the run that a rule waits for is deleted soon after it has ended.
//!
//! Argo CD deletes hooks with `HookSucceeded` when the whole sync has succeeded, those with `HookFailed` when it has failed (gitops-engine, `pkg/sync/sync_context.go`).

use super::deed;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::{DeletePolicy, Object};
use crate::rulebook::{Filter, Outcome, Selection};

pub(super) const CHECK: Check = Check { codes: &[Code::GONE_TOO_SOON], run: check };

/// A controller that starts again, or takes over, is back within this time.
const TTL_SECS_MIN: u64 = 60;

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for rule in deed::rules(subject) {
        for event in rule.alternatives.iter().flat_map(|alternative| &alternative.events) {
            let Some(term) = rule.terms.get(event.term) else { continue };
            for object in members(subject, &term.source) {
                let place = if deed::is_annotated(rule) { deed::place(subject, rule) } else { term.span };
                let who = deed::name(subject, rule);
                found.extend(hook(subject, &who, place, object, event.outcome));
                found.extend(ttl(subject, &who, place, object));
            }
        }
    }
}

/// The objects that a selection surely means.
fn members<'s>(subject: &Subject<'s>, source: &Selection) -> Vec<&'s Object> {
    if let Some(object) = &source.object {
        return deed::object(subject, object).into_iter().collect();
    }
    let Some(kind) = subject.rulebook.kind(source.kind) else { return Vec::new() };
    let meant = |o: &&Object| {
        source.namespace.as_ref().is_none_or(|ns| *ns == o.namespace)
            && source.filters.iter().all(|filter| match filter {
                Filter::Wave(wave) => o.wave == i64::from(*wave),
                Filter::Label(key, value) => {
                    field(o, &["metadata", "labels", key]).is_some_and(|v| v.as_str() == Some(value))
                }
                _ => false,
            })
    };
    deed::of_kind(subject.platform, &kind.group, &kind.kind).iter().filter(meant).collect()
}

fn hook(subject: &Subject<'_>, who: &str, place: Span, object: &Object, outcome: Outcome) -> Option<Diagnostic> {
    let (policy, word) = match outcome {
        Outcome::Succeeded => (DeletePolicy::HookSucceeded, "HookSucceeded"),
        Outcome::Failed => (DeletePolicy::HookFailed, "HookFailed"),
    };
    if !object.delete_policies.contains(&policy) {
        return None;
    }
    let helm = object.annotation("argocd.argoproj.io/hook-delete-policy").is_none();
    let key = if helm { "helm.sh/hook-delete-policy" } else { "argocd.argoproj.io/hook-delete-policy" };
    let message = format!(
        "Argo CD deletes {} when the sync has {} (`{word}`), and {who} sees only runs that are still there: what ends while the \
         controller restarts may be lost",
        subject.say(object),
        if outcome == Outcome::Succeeded { "succeeded" } else { "failed" }
    );
    let found = Diagnostic::warning(Code::GONE_TOO_SOON, place, message);
    let found = found.related(subject.annotation(object, key), "the delete policy");
    let instead = if helm { "before-hook-creation" } else { "BeforeHookCreation" };
    Some(found.help(format!("write `{key}: {instead}`: it stays until the next sync")))
}

fn ttl(subject: &Subject<'_>, who: &str, place: Span, object: &Object) -> Option<Diagnostic> {
    let path = ["spec", "ttlSecondsAfterFinished"];
    let seconds = field(object, &path).and_then(serde_json::Value::as_u64).filter(|seconds| *seconds < TTL_SECS_MIN)?;
    let message = format!(
        "{} is deleted {seconds} s after it has ended, and {who} sees only runs that are still there: what ends while the controller \
         restarts is lost",
        subject.say(object)
    );
    let found =
        Diagnostic::warning(Code::GONE_TOO_SOON, place, message).related(subject.at(object, &path), "its lifetime");
    Some(found.help("keep it for longer, such as `ttlSecondsAfterFinished: 86400`"))
}
