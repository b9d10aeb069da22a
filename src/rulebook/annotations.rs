//! Rules in annotations of live or rendered objects: `mlops.dev/on-success-trigger` and `mlops.dev/block-wave`.
//!
//! They mean what the same words mean in a file. Their authors are whoever may annotate a job, so everything in them is bounded,
//! nothing is taken that is not known, and what is refused is said in one sentence. A list with a mistake in it is refused whole, as
//! a rule in a file would be.

use std::sync::Arc;

use super::{
    Action, Alternative, Block, Event, Modifiers, ObjectRef, Origin, Outcome, Rule, Rulebook, Selection, Term,
};
use super::{KindIx, Test, Verb};
use crate::diagnostic::{FileId, Span, plain_line, suggest};
use crate::syntax::tree::{Predicate, Quantifier};

/// What triggers may be about: group and Kind.
pub(super) const TARGETS: &[(&str, &str)] = &[
    ("serving.kserve.io", "InferenceService"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("argoproj.io", "Application"),
];

/// Longest text of an annotation that is read, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most triggers of one object.
const TRIGGERS_MAX: usize = 32;
/// Longest word of a trigger that is shown in a refusal, in characters.
const SHOWN_CHARS_MAX: usize = 80;
/// Most refusals of one object.
const REFUSALS_MAX: usize = 8;

const FIELDS: &[&str] = &["apiVersion", "kind", "name", "namespace", "action"];
const ACTIONS: &[&str] = &["restart", "sync", "refresh"];

/// The rules that an object's annotations mean, and what of them is refused, each in one sentence.
#[must_use]
pub fn rules_of(
    rulebook: &Rulebook,
    object: &ObjectRef,
    trigger: Option<&str>,
    block: Option<&str>,
) -> (Vec<Arc<Rule>>, Vec<String>) {
    let mut refused = Vec::new();
    let actions = match trigger.map(|text| actions(rulebook, object, text)) {
        None => Vec::new(),
        Some(Ok(actions)) => actions,
        Some(Err(sentences)) => {
            refused.extend(sentences.into_iter().map(|s| format!("mlops.dev/on-success-trigger: {s}")));
            Vec::new()
        }
    };
    let blocks = match block.map(wave) {
        None => Vec::new(),
        Some(Ok(wave)) => vec![Block { wave, application: None, span: nowhere() }],
        Some(Err(sentence)) => {
            refused.push(format!("mlops.dev/block-wave: {sentence}"));
            Vec::new()
        }
    };
    if actions.is_empty() && blocks.is_empty() {
        return (Vec::new(), refused);
    }
    match rule(rulebook, object, actions, blocks) {
        Ok(rule) => (vec![Arc::new(rule)], refused),
        Err(sentence) => {
            refused.push(sentence);
            (Vec::new(), refused)
        }
    }
}

fn nowhere() -> Span {
    Span { file: FileId(u32::MAX), start: 0, end: 0 }
}

/// `KIND NAME succeeds`, then the actions; the block.
fn rule(rulebook: &Rulebook, object: &ObjectRef, then: Vec<Action>, blocks: Vec<Block>) -> Result<Rule, String> {
    let kind = rulebook.kind(object.kind).ok_or("its kind is not declared")?;
    if !kind.runs {
        return Err(format!("annotations are rules on what runs to completion, and a {} does not", kind.short));
    }
    // Neither kind words nor namespaces hold a dot, so the name is unique.
    let name = format!("trigger-{}-{}.{}", kind.short, object.namespace, object.name);
    if rulebook.rules.binary_search_by(|rule| (*rule.name).cmp(&name)).is_ok() {
        return Err(format!("the rule files have a rule `{name}` of their own"));
    }
    let text = format!("{} succeeds", rulebook.say(object));
    let source = Selection {
        quantifier: Quantifier::One,
        kind: object.kind,
        object: Some(object.clone()),
        namespace: None,
        filters: Vec::new(),
    };
    let term = Term { source, predicate: Predicate::Succeeds, lasting: None, text: text.clone(), span: nowhere() };
    let event = Event { term: 0, outcome: Outcome::Succeeded, after: None };
    Ok(Rule {
        name: Arc::from(name),
        title: None,
        origin: Origin::Annotation(object.clone()),
        span: nowhere(),
        text,
        terms: vec![term],
        vars: Vec::new(),
        alternatives: vec![Alternative { events: vec![event], rest: Test::All(Vec::new()), any: None }],
        when: Test::Term(0),
        within: None,
        then,
        otherwise: Vec::new(),
        blocks,
        modifiers: Modifiers::default(),
    })
}

fn wave(text: &str) -> Result<i32, String> {
    text.trim().parse().map_err(|_| format!("`{}` is not a wave; write a number such as \"4\"", shown(text)))
}

fn actions(rulebook: &Rulebook, object: &ObjectRef, text: &str) -> Result<Vec<Action>, Vec<String>> {
    let triggers = list(text).map_err(|sentence| vec![sentence])?;
    let (mut actions, mut refused): (Vec<Action>, Vec<String>) = (Vec::new(), Vec::new());
    for (number, trigger) in triggers.iter().enumerate() {
        match action(rulebook, object, trigger) {
            Ok(action) if actions.iter().any(|other| other.text == action.text) => {}
            Ok(action) => actions.push(action),
            Err(sentence) if refused.len() < REFUSALS_MAX => {
                refused.push(format!("trigger {}: {sentence}", number + 1))
            }
            Err(_) => {}
        }
    }
    if refused.is_empty() { Ok(actions) } else { Err(refused) }
}

/// The annotation as a list: YAML, or the same as JSON, without what makes small texts large.
fn list(text: &str) -> Result<Vec<serde_yaml::Value>, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it has more than the {TEXT_BYTES_MAX} bytes that are read"));
    }
    let code =
        |line: &str| line.split(" #").next().filter(|l| !l.trim_start().starts_with('#')).unwrap_or("").to_owned();
    if text.lines().any(|line| code(line).contains(['&', '*', '!'])) {
        return Err("anchors, aliases and tags of YAML are not taken; write each trigger out".to_owned());
    }
    let value: serde_yaml::Value =
        serde_yaml::from_str(text).map_err(|e| format!("it is not YAML: {}", shown(&e.to_string())))?;
    let serde_yaml::Value::Sequence(triggers) = value else {
        let fields = FIELDS.join(", ");
        return Err(format!("it is not a list; write `- ` before each trigger, which has {fields}"));
    };
    if triggers.is_empty() {
        return Err("the list is empty; remove the annotation".to_owned());
    }
    if triggers.len() > TRIGGERS_MAX {
        return Err(format!("{} triggers are more than the {TRIGGERS_MAX} that are taken", triggers.len()));
    }
    Ok(triggers)
}

/// One trigger's fields.
#[derive(Default)]
struct Trigger<'y> {
    api_version: Option<&'y str>,
    kind: Option<&'y str>,
    name: Option<&'y str>,
    namespace: Option<&'y str>,
    action: Option<&'y str>,
}

fn trigger(value: &serde_yaml::Value) -> Result<Trigger<'_>, String> {
    let serde_yaml::Value::Mapping(map) = value else {
        return Err(format!("it is not a map of {}", FIELDS.join(", ")));
    };
    let mut trigger = Trigger::default();
    for (key, value) in map {
        let key = key.as_str().ok_or("a field's name is not a text")?;
        let place = match key {
            "apiVersion" => &mut trigger.api_version,
            "kind" => &mut trigger.kind,
            "name" => &mut trigger.name,
            "namespace" => &mut trigger.namespace,
            "action" => &mut trigger.action,
            other => {
                let near = suggest::nearest(other, FIELDS.iter().copied());
                let help =
                    near.map_or_else(|| format!("known are {}", FIELDS.join(", ")), |n| format!("did you mean `{n}`?"));
                return Err(format!("there is no field `{}`; {help}", shown(other)));
            }
        };
        *place = Some(value.as_str().ok_or_else(|| format!("`{key}` is not a text; quote it"))?);
    }
    Ok(trigger)
}

fn action(rulebook: &Rulebook, object: &ObjectRef, value: &serde_yaml::Value) -> Result<Action, String> {
    let trigger = trigger(value)?;
    let missing = |field: &str| format!("`{field}` is missing");
    let action = trigger.action.ok_or_else(|| format!("`action` is missing; it is one of {}", ACTIONS.join(", ")))?;
    if !ACTIONS.contains(&action) {
        return Err(format!("there is no action `{}`; it is one of {}", shown(action), ACTIONS.join(", ")));
    }
    let version = trigger.api_version.ok_or_else(|| missing("apiVersion"))?;
    let kind = find_kind(rulebook, version, trigger.kind.ok_or_else(|| missing("kind"))?)?;
    let name = trigger.name.ok_or_else(|| missing("name"))?;
    if let Some(wrong) = super::resolve::object_name(name) {
        return Err(format!("`{}` is not a name that Kubernetes takes: {wrong}", shown(name)));
    }
    let namespace = match trigger.namespace {
        Some(given) => Arc::from(given),
        None => object.namespace.clone(),
    };
    if let Some(wrong) = super::resolve::namespace(&namespace) {
        return Err(format!("`{}` is not a name of a namespace: {wrong}", shown(&namespace)));
    }
    let target = ObjectRef { kind, namespace, name: Arc::from(name) };
    if target.namespace != object.namespace {
        let pair = (object.namespace.clone(), target.namespace.clone());
        if !rulebook.allows.contains(&pair) {
            let (from, to) = pair;
            return Err(format!(
                "a job in namespace `{from}` may not act on namespace `{to}`; a rule file can say \
                 `allow triggers from namespace {from} to namespace {to}`"
            ));
        }
    }
    verb(rulebook, action, target)
}

fn find_kind(rulebook: &Rulebook, version: &str, kind: &str) -> Result<KindIx, String> {
    let (group, number) = version.split_once('/').unwrap_or(("", version));
    let known = |(group, kind): &&(&str, &str)| rulebook.kind_by_type(group, kind).is_some();
    let found = TARGETS.iter().filter(known).find(|target| **target == (group, kind));
    let Some(ix) = found.and_then(|(group, kind)| rulebook.kind_by_type(group, kind)) else {
        let name = |ix| rulebook.kind(ix).map(|k| format!("{}/{} {}", k.group, k.version, k.kind));
        let known: Vec<String> =
            TARGETS.iter().filter_map(|(group, kind)| rulebook.kind_by_type(group, kind)).filter_map(name).collect();
        return Err(format!("`{} {}` is not taken; known are {}", shown(version), shown(kind), known.join(", ")));
    };
    match rulebook.kind(ix) {
        Some(kind) if *kind.version != *number => {
            Err(format!("`{}` is not the version that is read; write {}/{}", shown(version), kind.group, kind.version))
        }
        _ => Ok(ix),
    }
}

fn verb(rulebook: &Rulebook, action: &str, target: ObjectRef) -> Result<Action, String> {
    let said = rulebook.say(&target);
    let type_of = rulebook.kind(target.kind).map(|kind| (kind.group.clone(), kind.kind.clone()));
    let is = |name: &str| type_of.as_ref().is_some_and(|(_, kind)| **kind == *name);
    let verb = match action {
        "restart" if is("Application") => {
            return Err("an Application cannot be restarted; write `action: sync`".to_owned());
        }
        "restart" => Verb::Restart { target, by_deleting_pods: false },
        "sync" if is("Application") => Verb::Sync { application: target },
        "sync" => return Err(format!("only an Application can be synced, `{said}` is none; write `action: restart`")),
        _ if is("InferenceService") => {
            return Err("an annotation on an InferenceService rolls its pods; write `action: restart`".to_owned());
        }
        _ => Verb::Refresh { target, hard: false },
    };
    Ok(Action { verb, text: format!("{action} {said}"), span: nowhere() })
}

/// A word of an annotation's author: bounded, on one line.
fn shown(text: &str) -> String {
    let taken: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let mut shown = plain_line(&taken).replace('`', "\u{fffd}");
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
