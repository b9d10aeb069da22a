//! TG642, TG650: what rules and triggers name and no manifest makes: targets that are not there, sources that never run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{deed, kserve_owned};
use crate::diagnostic::{Code, Diagnostic, Severity, Span, suggest};
use crate::lint::{Check, Subject};
use crate::manifests::Object;
use crate::rulebook::{Filter, Kind, ObjectRef, Rule, Selection, Term};
use crate::syntax::tree::{Predicate, Quantifier};

pub(super) const CHECK: Check = Check { codes: &[Code::ABSENT_TARGET, Code::NEVER_FIRES], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let mut told: BTreeSet<(Span, &ObjectRef)> = BTreeSet::new();
    for deed in deed::deeds(subject) {
        let Some(target) = crate::emit::target(&deed.action.verb) else { continue };
        let asked = deed.rule.terms.iter().any(|term| term.source.object.as_ref() == Some(target));
        if asked || kserve_owned::owner(subject, target).is_some() || !told.insert((deed.place, target)) {
            continue;
        }
        if let Some(missing) = missing(subject, target, false) {
            let message = format!("{}: `{}` waits for it until its deadline and does nothing", missing.what, {
                subject.graph.short(&deed.action.text)
            });
            found.push(missing.diagnostic(Code::ABSENT_TARGET, deed.place, message));
        }
    }
    afters(subject, found);
    for rule in &subject.rulebook.rules {
        for term in &rule.terms {
            found.extend(source(subject, rule, term));
        }
    }
}

/// Objects in `after` that no manifest makes.
pub(in crate::lint) fn afters(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for after in &subject.rulebook.afters {
        for (object, place) in
            after.after.iter().map(|(first, span)| (first, *span)).chain([(&after.subject, after.span)])
        {
            if let Some(missing) = missing(subject, object, false) {
                let message = format!("{}: `after` orders no waves here", missing.what);
                found.push(missing.diagnostic(Code::ABSENT_TARGET, place, message));
            }
        }
    }
}

fn source(subject: &Subject<'_>, rule: &Rule, term: &Term) -> Option<Diagnostic> {
    if term.predicate == Predicate::Missing {
        return None;
    }
    let who = deed::name(subject, rule);
    match &term.source.object {
        Some(object) => {
            if let Some(known) = deed::object(subject, object) {
                return never_applied(subject, rule, term, known);
            }
            let missing = missing(subject, object, true)?;
            let message = format!("{}: {who} never acts unless something else makes it", missing.what);
            Some(missing.diagnostic(Code::NEVER_FIRES, term.span, message))
        }
        None => selection(subject, &who, term),
    }
}

/// `argocd.argoproj.io/hook: Skip`
fn never_applied(subject: &Subject<'_>, rule: &Rule, term: &Term, object: &Object) -> Option<Diagnostic> {
    if !object.hook.skip {
        return None;
    }
    let key = "argocd.argoproj.io/hook";
    let message = format!(
        "{} is `{key}: Skip`, which no sync applies: {} never acts unless something else makes it",
        subject.say(object),
        deed::name(subject, rule)
    );
    let found = Diagnostic::warning(Code::NEVER_FIRES, term.span, message);
    Some(found.related(subject.annotation(object, key), "here").help("take the annotation away"))
}

/// Something that rules name and the manifests do not have.
struct Missing<'s> {
    severity: Severity,
    what: String,
    help: String,
    near: Option<(Span, &'s str)>,
}

impl Missing<'_> {
    fn diagnostic(self, code: Code, place: Span, message: String) -> Diagnostic {
        let found = match self.severity {
            Severity::Note => Diagnostic::note(code, place, message),
            _ => Diagnostic::warning(code, place, message),
        };
        let found = found.help(self.help);
        self.near.into_iter().fold(found, |found, (place, text)| found.related(place, text))
    }
}

/// Why an object is missing; none when it is there, or when manifests cannot tell.
fn missing<'s>(subject: &Subject<'s>, object: &ObjectRef, runs: bool) -> Option<Missing<'s>> {
    let kind = subject.rulebook.kind(object.kind)?;
    if deed::object(subject, object).is_some() {
        return None;
    }
    let said = deed::said(subject, object);
    let same = deed::of_kind(subject.platform, &kind.group, &kind.kind);
    let head = |o: &Object| subject.at(o, &["metadata", "name"]);
    // Namespaces that these manifests do not fill are filled by others, with objects of the same names perhaps.
    let filled = subject.platform.objects.iter().any(|o| o.namespace == object.namespace);
    if !filled && object.namespace != subject.rulebook.namespace {
        return None;
    }
    if let Some(other) = same.iter().find(|o| o.name == object.name) {
        return Some(Missing {
            severity: Severity::Warning,
            what: format!("{said} is in namespace `{}`, not `{}`", other.namespace, object.namespace),
            help: format!("write `{} {}/{}`", kind.short, other.namespace, other.name),
            near: Some((head(other), "it is here")),
        });
    }
    let beside = || same.iter().filter(|o| o.namespace == object.namespace);
    if let Some(near) = suggest::nearest(&object.name, beside().map(|o| &*o.name)) {
        return Some(Missing {
            severity: Severity::Warning,
            what: format!("no manifest makes {said}"),
            help: format!("did you mean `{near}`?"),
            near: beside().find(|o| *o.name == *near).map(|o| (head(o), "this one is there")),
        });
    }
    if let Some((other, word)) = other_kind(subject, object, runs) {
        return Some(Missing {
            severity: Severity::Warning,
            what: format!("no manifest makes {said}"),
            help: format!("did you mean `{word} {}`?", other.name),
            near: Some((head(other), "this one is there")),
        });
    }
    // Applications are often made elsewhere.
    (filled && !is_application(kind)).then(|| Missing {
        severity: Severity::Note,
        what: format!("no manifest makes {said}"),
        help: "add its manifest, or leave this as it is if a pipeline or another application makes it".to_owned(),
        near: None,
    })
}

fn is_application(kind: &Kind) -> bool {
    &*kind.group == "argoproj.io" && &*kind.kind == "Application"
}

/// An object of the same name and another kind that a rule could mean as well.
fn other_kind<'s>(subject: &Subject<'s>, object: &ObjectRef, runs: bool) -> Option<(&'s Object, Arc<str>)> {
    let targets = ["InferenceService", "Deployment", "StatefulSet", "Application"];
    let named = subject.platform.objects.iter().filter(|o| o.name == object.name && o.namespace == object.namespace);
    named.into_iter().find_map(|o| {
        let kind = subject.rulebook.kind(subject.rulebook.kind_by_type(&o.group, &o.kind)?)?;
        let fits = if runs { kind.runs } else { targets.contains(&&*kind.kind) };
        fits.then(|| (o, kind.short.clone()))
    })
}

/// A selection that matches nothing, though there are objects of its kind.
fn selection(subject: &Subject<'_>, who: &str, term: &Term) -> Option<Diagnostic> {
    let kind = subject.rulebook.kind(term.source.kind)?;
    let here = |o: &&Object| term.source.namespace.as_ref().is_none_or(|ns| *ns == o.namespace);
    let all: Vec<&Object> = deed::of_kind(subject.platform, &kind.group, &kind.kind).iter().filter(here).collect();
    for filter in &term.source.filters {
        if let Filter::Owner(owner, name) = filter {
            let namespace = term.source.namespace.clone().unwrap_or_else(|| subject.rulebook.namespace.clone());
            let owner = ObjectRef { kind: *owner, namespace, name: name.clone() };
            let missing = missing(subject, &owner, false).filter(|missing| missing.severity != Severity::Note)?;
            let message = format!("{}: {who} never acts", missing.what);
            return Some(missing.diagnostic(Code::NEVER_FIRES, term.span, message));
        }
    }
    let beyond = |f: &Filter| matches!(f, Filter::Series(..) | Filter::Where(..) | Filter::Application(_));
    if all.is_empty() || term.source.filters.iter().any(beyond) {
        return None;
    }
    let matches = |o: &&&Object| term.source.filters.iter().all(|f| chooses(o, f));
    if all.iter().any(|o| matches(&o)) || generated(subject, &term.source) {
        return None;
    }
    let word = &kind.short;
    let every =
        if term.source.quantifier == Quantifier::Every { "without a member `every` never holds, so " } else { "" };
    let message = format!("no {word} of the manifests is meant by `{}`: {every}{who} never acts", {
        subject.graph.short(&term.text)
    });
    let waves: BTreeSet<i64> = all.iter().map(|o| o.wave).collect();
    let help = if term.source.filters.iter().any(|f| matches!(f, Filter::Wave(_))) {
        let waves: Vec<String> = waves.iter().map(ToString::to_string).collect();
        format!("the manifests have a {word} in wave {}", waves.join(", "))
    } else {
        format!("give the label to a {word}, or take the selector away")
    };
    Some(Diagnostic::warning(Code::NEVER_FIRES, term.span, message).help(help))
}

fn chooses(object: &Object, filter: &Filter) -> bool {
    match filter {
        Filter::Label(key, value) => label(&object.value, "/metadata/labels", key) == Some(value),
        Filter::Wave(wave) => object.wave == i64::from(*wave),
        _ => true,
    }
}

fn label<'v>(value: &'v serde_json::Value, pointer: &str, key: &str) -> Option<&'v str> {
    value.pointer(pointer)?.get(key)?.as_str()
}

/// A template among the manifests makes runs with the label that is asked for.
fn generated(subject: &Subject<'_>, source: &Selection) -> bool {
    let labels = source.filters.iter().filter_map(|f| match f {
        Filter::Label(key, value) => Some((&**key, &**value)),
        _ => None,
    });
    let labels: Vec<_> = labels.collect();
    // Any object may hold a template, and only for a finding is this asked at all.
    !labels.is_empty()
        && subject.platform.objects.iter().any(|o| labels.iter().any(|(k, v)| holds(o.value.get("spec"), k, v)))
}

fn holds(value: Option<&serde_json::Value>, key: &str, wanted: &str) -> bool {
    match value {
        Some(serde_json::Value::Object(map)) => {
            let here = map.get("labels").and_then(|l| l.get(key)).is_some_and(|v| v.as_str() == Some(wanted));
            here || map.values().any(|v| holds(Some(v), key, wanted))
        }
        Some(serde_json::Value::Array(items)) => items.iter().any(|v| holds(Some(v), key, wanted)),
        _ => false,
    }
}
