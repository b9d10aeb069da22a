//! Verdicts and intents of the engine as lines of a plan. Every word comes from them.

use serde_json::Value as Json;

use super::model::{Effect, Gate, Reason, Waiting, WriteLine};
use crate::engine::{self, Branch, Intent, Standing, Verdict, Write, WriteOp};
use crate::expr::Truth;
use crate::rulebook::{AppName, ObjectRef, Rulebook};

/// Characters of a value in a line, at most.
const VALUE_CHARS_MAX: usize = 400;

/// Stands for a value that depends on the run, over manifests.
const MARK_OF_THE_RUN: &str = "<mark of the run>";

/// `openshift-gitops/self-healing-platform`
pub fn app_text(app: &AppName) -> String {
    format!("{}/{}", app.namespace, app.name)
}

/// An intent with its writes. `run_known`: in a cluster marks are those of real runs; over manifests no run exists yet.
pub fn effect(rulebook: &Rulebook, intent: &Intent, writes: &[Write], run_known: bool) -> Effect {
    let mut rules: Vec<String> = intent.firings.iter().map(|firing| firing.rule.to_string()).collect();
    rules.sort();
    rules.dedup();
    let mut because: Vec<String> =
        intent.firings.iter().flat_map(|f| &f.causes).map(|cause| cause.text.clone()).collect();
    because.sort();
    because.dedup();
    let what = what(rulebook, intent);
    Effect {
        what: if run_known { what } else { foretold(&what) },
        rules,
        because,
        after_seconds: 0,
        otherwise: intent.firings.first().is_some_and(|firing| firing.branch == Branch::Else),
        note: None,
        writes: writes.iter().flat_map(|write| write_lines(rulebook, write, run_known)).collect(),
    }
}

fn what(rulebook: &Rulebook, intent: &Intent) -> String {
    let target = rulebook.say(&intent.target);
    match (&intent.effect, intent.firings.first()) {
        (engine::Effect::Notify(draft, _), _) => {
            format!("notify {} {:?} on {target}", draft.notification.as_deref().unwrap_or(""), draft.message)
        }
        (_, Some(firing)) => firing.text.clone(),
        (engine::Effect::WaveRecord { complete: Some(wave), .. }, _) => format!("mark {target}: wave {wave} complete"),
        (engine::Effect::WaveRecord { failed: Some(wave), .. }, _) => format!("mark {target}: wave {wave} failed"),
        (engine::Effect::WaveRecord { .. }, _) => format!("take the wave marks off {target}"),
        (engine::Effect::Status(_), _) => format!("write the status on {target}"),
        (engine::Effect::Event(draft), _) => format!("Event {} on {target}", draft.reason),
        _ => target,
    }
}

fn object_text(rulebook: &Rulebook, object: &ObjectRef) -> String {
    let kind = rulebook.kind(object.kind).map_or("?", |kind| &kind.kind);
    match object.namespace.is_empty() {
        true => format!("{kind} {}", object.name),
        false => format!("{kind} {}/{}", object.namespace, object.name),
    }
}

fn write_lines(rulebook: &Rulebook, write: &Write, run_known: bool) -> Vec<WriteLine> {
    let line = |verb, object: String, field: String, value: String| WriteLine { verb, object, field, value };
    match &write.op {
        WriteOp::MergePatch(patch) => {
            let mut fields = Vec::new();
            flatten(patch, String::new(), &mut fields);
            fields.retain(|(field, _)| field != "metadata.resourceVersion");
            let record = rulebook.record_of(write.object.kind).1;
            let shown = |field: &str, value: String| {
                let hashed = field.ends_with(&format!("[{record}]")) || field.ends_with("[tidegate.dev/restart]");
                match (run_known, hashed) {
                    (true, _) => value,
                    (false, true) => MARK_OF_THE_RUN.to_owned(),
                    (false, false) => foretold(&without_run(field, &value)),
                }
            };
            let object = object_text(rulebook, &write.object);
            fields
                .into_iter()
                .map(|(field, value)| line("patch", object.clone(), field.clone(), shown(&field, value)))
                .collect()
        }
        WriteOp::CreateEvent(event) => {
            let on = |key: &str| event.pointer(&format!("/involvedObject/{key}")).and_then(Json::as_str).unwrap_or("");
            let object = format!("Event on {} {}/{}", on("kind"), on("namespace"), on("name"));
            let text = |key: &str| event.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
            let fields = ["type", "reason", "message"];
            fields.iter().map(|key| line("create", object.clone(), (*key).to_owned(), shorten(&text(key)))).collect()
        }
        WriteOp::DeletePods { selector, before } => {
            let when = if run_known { before.to_string() } else { "the cause".to_owned() };
            let object =
                format!("Pods of {} with {selector}, created before {when}", object_text(rulebook, &write.object));
            vec![line("delete", object, String::new(), String::new())]
        }
    }
}

/// What is not in the manifests is read when it happens.
fn foretold(text: &str) -> String {
    text.replace("<absent: ", "<then: ")
}

/// A notification on an Application carries the run's id, which no run has yet.
fn without_run(field: &str, value: &str) -> String {
    let notification = field.contains("[tidegate.dev/notification.");
    let parsed = notification.then(|| serde_json::from_str::<Json>(value).ok()).flatten();
    let Some(Json::Object(mut parsed)) = parsed else { return value.to_owned() };
    parsed.insert("run".to_owned(), Json::from(MARK_OF_THE_RUN));
    Json::Object(parsed).to_string()
}

/// Leaves of a patch as `a.b[key/with.dots]`.
fn flatten(value: &Json, path: String, fields: &mut Vec<(String, String)>) {
    let Json::Object(map) = value else {
        let text = match value {
            Json::Null => "(removed)".to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        return fields.push((path, shorten(&text)));
    };
    for (key, inner) in map {
        let dotted = key.contains(['.', '/']);
        let step = match (path.is_empty(), dotted) {
            (true, _) => key.clone(),
            (false, true) => format!("{path}[{key}]"),
            (false, false) => format!("{path}.{key}"),
        };
        flatten(inner, step, fields);
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A gate with its reasons.
pub fn gate(gate: &engine::Gate) -> Gate {
    Gate {
        rule: gate.rule.to_string(),
        application: gate.application.as_ref().map(app_text),
        wave: gate.wave,
        open: gate.open == Truth::True,
        reasons: gate.reasons.iter().map(reason).collect(),
        means: None,
        needs: None,
    }
}

/// A part of a condition.
pub fn reason(reason: &engine::Reason) -> Reason {
    let holds = match reason.truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown => "unknown",
    };
    Reason { what: reason.what.clone(), holds, why: reason.why.clone() }
}

/// What a verdict waits for, if it does.
pub fn waiting(verdict: &Verdict) -> Option<Waiting> {
    let (Standing::Waiting(waits_for) | Standing::Would(waits_for) | Standing::Refused(waits_for)) = &verdict.standing
    else {
        return None;
    };
    let deadline = verdict.deadline.map(|deadline| deadline.to_string());
    Some(Waiting { rule: verdict.rule.name.to_string(), waits_for: waits_for.clone(), deadline })
}
