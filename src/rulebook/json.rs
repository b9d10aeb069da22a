//! The rulebook as JSON: what `tidegate compile` prints and users snapshot. Described in `docs/compile.md`.
//!
//! Nothing in it depends on the order or the names of files, on comments or layout, or on where things stand in them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::resolve::{canonical_duration, canonical_filter, canonical_predicate};
use super::{
    Action, Alternative, AppName, Block, HealthRule, Honour, Kind, KindIx, Model, Modifiers, ObjectRef, Origin,
    Outcome, Rule, Rulebook, Selection, Term, Test, VarFrom, Verb,
};
use crate::syntax::tree::{KindLine, Quantifier};
use crate::syntax::{print_expr, print_text};

/// The version of the form. Within one version fields are only added.
pub const VERSION: &str = "tidegate.dev/v1";

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 16;

/// The whole rulebook.
#[must_use]
pub fn to_json(book: &Rulebook) -> Json {
    let rules: Vec<Json> = book.rules.iter().map(|rule| hashed(rule_json(book, rule))).collect();
    let used = used(book);
    let kinds: Vec<Json> = used.iter().filter_map(|ix| book.kind(*ix)).map(kind_json).collect();
    let models: Vec<Json> = book.models.iter().map(|model| model_json(book, model)).collect();
    let afters = book.afters.iter().map(|after| {
        let first: Vec<Json> = after.after.iter().map(|(object, _)| object_json(book, object)).collect();
        json!({"subject": object_json(book, &after.subject), "after": first})
    });
    let reports = book.reports.iter().map(
        |report| json!({"source": selection_json(book, &report.source), "application": app_json(&report.application)}),
    );
    let allows = book.allows.iter().map(|(from, to)| json!({"from": **from, "to": **to}));
    hashed(json!({
        "version": VERSION,
        "id": *book.id,
        "namespace": *book.namespace,
        "application": book.application.as_ref().map(app_json),
        "honourAnnotations": honour(book.honour),
        "kinds": kinds,
        "rules": rules,
        "models": models,
        "after": afters.collect::<Vec<_>>(),
        "reports": reports.collect::<Vec<_>>(),
        "allowTriggers": allows.collect::<Vec<_>>(),
    }))
}

fn honour(honour: Honour) -> &'static str {
    match honour {
        Honour::UnlessOperatorDoes => "unless-operator-does",
        Honour::Always => "always",
        Honour::Never => "never",
    }
}

/// The kinds that the files name.
fn used(book: &Rulebook) -> BTreeSet<KindIx> {
    let mut used = BTreeSet::new();
    let of_selection = |selection: &Selection, used: &mut BTreeSet<KindIx>| {
        used.insert(selection.kind);
        used.extend(selection.filters.iter().filter_map(|filter| match filter {
            super::Filter::Owner(kind, _) => Some(*kind),
            _ => None,
        }));
    };
    for rule in &book.rules {
        rule.terms.iter().for_each(|term| of_selection(&term.source, &mut used));
        used.extend(rule.then.iter().chain(&rule.otherwise).filter_map(|a| target(&a.verb)).map(|t| t.kind));
    }
    book.reports.iter().for_each(|report| of_selection(&report.source, &mut used));
    for after in &book.afters {
        used.insert(after.subject.kind);
        used.extend(after.after.iter().map(|(object, _)| object.kind));
    }
    for model in &book.models {
        used.insert(model.served_by.kind);
        used.extend(model.steps.iter().map(|(_, step)| step.kind));
    }
    used
}

fn target(verb: &Verb) -> Option<&ObjectRef> {
    match verb {
        Verb::Restart { target, .. } | Verb::Refresh { target, .. } => Some(target),
        Verb::Annotate { target, .. } | Verb::Label { target, .. } => Some(target),
        Verb::Sync { application } => Some(application),
        Verb::Notify { application, .. } => application.as_ref(),
    }
}

fn kind_json(kind: &Kind) -> Json {
    let mut lets = Vec::new();
    let mut lines = Vec::new();
    let mut completion = Json::Null;
    for line in &kind.decl.lines {
        match line {
            KindLine::Let(name, expr) => lets.push(json!({"name": name.node, "is": print_expr(expr)})),
            KindLine::Health { status, message, when, since, .. } => {
                let status = super::HealthStatus::from(status.node).to_string().to_lowercase();
                lines.push(pruned(json!({
                    "status": status,
                    "message": print_text(message),
                    "when": when.as_ref().map(print_expr),
                    "since": since.as_ref().map(print_expr),
                })));
            }
            KindLine::Completion(expr) => completion = json!(print_expr(expr)),
        }
    }
    let health = if matches!(kind.health, HealthRule::Kstatus) { json!("kstatus") } else { json!(lines) };
    let read = json!({"let": lets, "lines": health, "completion": completion});
    // What a built-in kind reads is this version's own; its hash tells when it changes.
    let health =
        if kind.builtin { hashed(read).get_mut("hash").map(Json::take).unwrap_or_default() } else { pruned(read) };
    let place = if kind.builtin { "healthHash" } else { "health" };
    let mut whole = pruned(json!({
        "short": *kind.short,
        "apiVersion": if kind.group.is_empty() { kind.version.to_string() } else { format!("{}/{}", kind.group, kind.version) },
        "kind": *kind.kind,
        "plural": *kind.plural,
        "namespaced": kind.namespaced,
        "runsToCompletion": kind.runs,
        "builtIn": kind.builtin,
    }));
    if let Json::Object(map) = &mut whole {
        map.insert(place.to_owned(), health);
    }
    whole
}

fn rule_json(book: &Rulebook, rule: &Rule) -> Json {
    let terms: Vec<Json> = rule.terms.iter().map(|term| term_json(book, term)).collect();
    let vars: Vec<Json> = rule
        .vars
        .iter()
        .map(|var| match &var.from {
            VarFrom::Term(term) => json!({"name": *var.name, "term": term}),
            VarFrom::Target(object) => json!({"name": *var.name, "target": object_json(book, object)}),
        })
        .collect();
    let actions = |actions: &[Action]| actions.iter().map(|a| hashed(action_json(book, a))).collect::<Vec<_>>();
    pruned(json!({
        "name": *rule.name,
        "title": rule.title.as_deref(),
        "origin": origin(book, &rule.origin),
        "when": rule.text,
        "terms": terms,
        "variables": vars,
        "alternatives": rule.alternatives.iter().map(alternative_json).collect::<Vec<_>>(),
        "states": test_json(&rule.when),
        "within": rule.within.map(duration),
        "then": actions(&rule.then),
        "else": actions(&rule.otherwise),
        "blocks": rule.blocks.iter().map(block_json).collect::<Vec<_>>(),
        "modifiers": modifiers_json(&rule.modifiers),
    }))
}

fn origin(book: &Rulebook, origin: &Origin) -> Json {
    match origin {
        Origin::File => Json::Null,
        Origin::Model(name) => json!({"model": **name}),
        Origin::Annotation(object) => json!({"annotation": object_json(book, object)}),
    }
}

fn term_json(book: &Rulebook, term: &Term) -> Json {
    pruned(json!({
        "text": term.text,
        "source": selection_json(book, &term.source),
        "asks": canonical_predicate(term.predicate),
        "for": term.lasting.map(duration),
    }))
}

fn selection_json(book: &Rulebook, selection: &Selection) -> Json {
    if let Some(object) = &selection.object {
        return object_json(book, object);
    }
    let quantifier = if selection.quantifier == Quantifier::Every { "every" } else { "any" };
    let filters: Vec<String> = selection.filters.iter().map(|filter| canonical_filter(&book.kinds, filter)).collect();
    pruned(json!({
        "quantifier": quantifier,
        "kind": short(book, selection.kind),
        "namespace": selection.namespace.as_deref(),
        "selectors": filters,
    }))
}

fn object_json(book: &Rulebook, object: &ObjectRef) -> Json {
    let namespace = (!object.namespace.is_empty()).then_some(&*object.namespace);
    pruned(json!({"kind": short(book, object.kind), "namespace": namespace, "name": *object.name}))
}

fn app_json(app: &AppName) -> Json {
    json!({"namespace": *app.namespace, "name": *app.name})
}

fn short(book: &Rulebook, kind: KindIx) -> &str {
    book.kind(kind).map_or("?", |kind| &kind.short)
}

fn alternative_json(alternative: &Alternative) -> Json {
    let events: Vec<Json> = alternative
        .events
        .iter()
        .map(|event| {
            let outcome = match event.outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "failed",
            };
            pruned(json!({"term": event.term, "outcome": outcome, "after": event.after}))
        })
        .collect();
    pruned(json!({"events": events, "rest": test_json(&alternative.rest), "any": alternative.any}))
}

fn test_json(test: &Test) -> Json {
    let tests = |tests: &[Test]| tests.iter().map(test_json).collect::<Vec<_>>();
    match test {
        Test::All(all) => json!({"all": tests(all)}),
        Test::Any(any) => json!({"any": tests(any)}),
        Test::Not(inner) => json!({"not": test_json(inner)}),
        Test::Term(term) => json!({"term": term}),
        Test::Later(first, second) => json!({"term": second, "endedAfter": first}),
        Test::Expr(expr) => json!({"expression": expr.text}),
    }
}

fn action_json(book: &Rulebook, action: &Action) -> Json {
    let target = target(&action.verb).map(|target| object_json(book, target));
    let (verb, more) = match &action.verb {
        Verb::Restart { by_deleting_pods, .. } => ("restart", json!({"byDeletingPods": by_deleting_pods})),
        Verb::Sync { .. } => ("sync", json!({})),
        Verb::Refresh { hard, .. } => ("refresh", json!({"hard": hard})),
        Verb::Annotate { key, .. } => ("annotate", json!({"key": **key})),
        Verb::Label { key, .. } => ("label", json!({"key": **key})),
        Verb::Notify { kind, .. } => ("notify", json!({"type": **kind})),
    };
    let mut whole = pruned(json!({"text": action.text, "verb": verb, "target": target}));
    if let (Json::Object(whole), Json::Object(more)) = (&mut whole, more) {
        whole.extend(more.into_iter().filter(|(_, value)| *value != json!(false)));
    }
    whole
}

fn block_json(block: &Block) -> Json {
    pruned(json!({"wave": block.wave, "application": block.application.as_ref().map(app_json)}))
}

fn modifiers_json(modifiers: &Modifiers) -> Json {
    pruned(json!({
        "cooldown": modifiers.cooldown.map(duration),
        "atMostAtATime": modifiers.at_a_time,
        "atMostPer": modifiers.per.map(|(count, per)| json!({"count": count, "per": duration(per)})),
        "retry": modifiers.retry.map(|(count, backoff)| json!({"count": count, "backoff": duration(backoff)})),
        "catchUp": modifiers.catch_up.then_some(true),
        "observe": modifiers.observe.then_some(true),
    }))
}

fn model_json(book: &Rulebook, model: &Model) -> Json {
    let step =
        |(word, object): &(std::sync::Arc<str>, ObjectRef)| json!({"by": **word, "object": object_json(book, object)});
    pruned(json!({
        "name": *model.name,
        "steps": model.steps.iter().map(step).collect::<Vec<_>>(),
        "servedBy": object_json(book, &model.served_by),
        "staleAfter": model.stale_after.map(duration),
    }))
}

fn duration(duration: Duration) -> String {
    canonical_duration(duration.as_secs())
}

/// Without fields that are null, empty lists or empty maps.
fn pruned(value: Json) -> Json {
    let empty = |value: &Json| match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    };
    match value {
        Json::Object(map) => Json::Object(map.into_iter().filter(|(_, v)| !empty(v)).collect::<Map<_, _>>()),
        other => other,
    }
}

/// With a hash over everything else in it.
fn hashed(mut value: Json) -> Json {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Json::Object(map) = &mut value {
        map.insert("hash".to_owned(), json!(digits.get(..HASH_DIGITS).unwrap_or(&digits)));
    }
    value
}
