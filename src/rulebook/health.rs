//! Health: a kind's lines, or kstatus, over one projected object. Pure.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{HealthRule, Kind, Outcome};
use crate::expr::{Scope, Value};
use crate::syntax::tree::HealthWord;

/// Longest message kept, in bytes: what a status says may be hostile.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// What an object that is being deleted shows, whatever its lines say. Source: Argo CD `gitops-engine/pkg/health`.
const PENDING_DELETION: &str = "Pending deletion";

/// Health as Argo CD spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// As it should be; of a run: succeeded.
    Healthy,
    /// On its way.
    Progressing,
    /// Failed.
    Degraded,
    /// Paused.
    Suspended,
    /// It cannot be told.
    #[default]
    Unknown,
    /// There is no object. The engine's own; no line gives it.
    Missing,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HealthStatus::Healthy => "Healthy",
            HealthStatus::Progressing => "Progressing",
            HealthStatus::Degraded => "Degraded",
            HealthStatus::Suspended => "Suspended",
            HealthStatus::Unknown => "Unknown",
            HealthStatus::Missing => "Missing",
        })
    }
}

impl From<HealthWord> for HealthStatus {
    fn from(word: HealthWord) -> HealthStatus {
        match word {
            HealthWord::Healthy => HealthStatus::Healthy,
            HealthWord::Progressing => HealthStatus::Progressing,
            HealthWord::Degraded => HealthStatus::Degraded,
            HealthWord::Suspended => HealthStatus::Suspended,
            HealthWord::Unknown => HealthStatus::Unknown,
        }
    }
}

/// An object's health.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The status. Of an object that is being deleted: progressing.
    pub status: HealthStatus,
    /// For people; at most [`MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
    /// The line that decided (index into the kind's lines), also of an object that is being deleted; none for kstatus.
    pub line: Option<usize>,
    /// When the state began, if the line says (`since`).
    pub since: Option<Timestamp>,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// What makes it differ from the next run of the same object; may be empty.
    pub completion: Arc<str>,
    /// When it ended, if the object tells.
    pub ended: Option<Timestamp>,
    /// What told it from the next before its completion was written, if that is something else: the time of its terminal condition.
    pub before: Option<Arc<str>>,
}

/// The health of an object: `object` holds at least the fields that [`fields`](super::Rulebook::fields) names, as `self`.
#[must_use]
pub fn health(kind: &Kind, object: &Value) -> Health {
    let mut health = health_by_rule(kind, object);
    if object.at(["metadata", "deletionTimestamp"]).is_some() {
        health.status = HealthStatus::Progressing;
        PENDING_DELETION.clone_into(&mut health.message);
        health.since = None;
    }
    health
}

/// What a kind's lines, or kstatus, say of an object, whether or not it is being deleted. Argo CD's cases test a script in this way.
#[must_use]
pub fn health_by_rule(kind: &Kind, object: &Value) -> Health {
    match &kind.health {
        HealthRule::Kstatus => kstatus(&kind.kind, object),
        HealthRule::Lines(_) => by_lines(kind, object),
    }
}

/// The first line that holds decides; a line whose expression errors does not hold.
fn by_lines(kind: &Kind, object: &Value) -> Health {
    let HealthRule::Lines(lines) = &kind.health else {
        return Health::default();
    };
    let variables = [Some(object)];
    let scope = Scope::with_lets(&variables, &kind.lets);
    let holds = |line: &super::HealthLine| line.when.as_ref().is_none_or(|when| when.holds(&scope).unwrap_or(false));
    let Some((index, line)) = lines.iter().enumerate().find(|(_, line)| holds(line)) else {
        return Health::default();
    };
    let since = line.since.as_ref().and_then(|since| since.eval(&scope).ok()).as_ref().and_then(time);
    let message = bounded(line.message.render(&scope));
    Health { status: line.status.into(), message, line: Some(index), since }
}

/// The finished run of an object of a kind that runs to completion; none while it runs. `health` is that object's.
///
/// An object that is being deleted has still run: the line counts, not what deletion makes of the status.
#[must_use]
pub fn run_of(kind: &Kind, health: &Health, object: &Value) -> Option<Run> {
    let HealthRule::Lines(lines) = &kind.health else {
        return None;
    };
    let line = kind.runs.then(|| lines.get(health.line?)).flatten()?;
    let outcome = match line.status {
        HealthWord::Healthy => Outcome::Succeeded,
        HealthWord::Degraded => Outcome::Failed,
        HealthWord::Progressing | HealthWord::Suspended | HealthWord::Unknown => return None,
    };
    let variables = [Some(object)];
    let scope = Scope::with_lets(&variables, &kind.lets);
    let given = kind.completion.as_ref().and_then(|completion| completion.eval(&scope).ok());
    let transition = terminal_transition(object, outcome);
    let given = given.or_else(|| transition.clone().map(Value::String));
    let (completion, ended) = match &given {
        Some(value) => (text(value), time(value)),
        None => (Arc::from(""), None),
    };
    let before = transition.filter(|transition| *transition != completion);
    Some(Run { outcome, completion, ended, before })
}

/// The lastTransitionTime of the condition that says how the run ended. Ready is none of them: a notebook's stays False from its
/// start, and what serves is ready long before it ends.
fn terminal_transition(object: &Value, outcome: Outcome) -> Option<Arc<str>> {
    let types: &[&str] = match outcome {
        Outcome::Succeeded => &["Complete", "Succeeded", "ValidationComplete"],
        Outcome::Failed => &["Failed", "ValidationComplete"],
    };
    let at = |name: &&str| transition(object, name, "True");
    types.iter().find_map(at).or_else(|| match outcome {
        Outcome::Succeeded => None,
        Outcome::Failed => transition(object, "Succeeded", "False"),
    })
}

fn transition(object: &Value, name: &str, status: &str) -> Option<Arc<str>> {
    let found = condition(object, name).filter(|c| c.get("status").and_then(Value::as_str) == Some(status))?;
    match found.get("lastTransitionTime") {
        Some(Value::String(time)) => Some(time.clone()),
        _ => None,
    }
}

fn condition<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let Some(Value::List(conditions)) = object.at(["status", "conditions"]) else {
        return None;
    };
    conditions.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(name))
}

fn text(value: &Value) -> Arc<str> {
    match value {
        Value::String(text) if text.len() <= MESSAGE_BYTES_MAX => text.clone(),
        Value::String(text) => Arc::from(bounded(text.to_string())),
        Value::Optional(Some(inner)) => text_of_optional(inner),
        other => Arc::from(bounded(other.to_string())),
    }
}

fn text_of_optional(inner: &Value) -> Arc<str> {
    match inner {
        Value::String(text) => Arc::from(bounded(text.to_string())),
        other => Arc::from(bounded(other.to_string())),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Timestamp(time) => time.timestamp(),
        Value::String(text) => text.parse().ok(),
        Value::Optional(Some(inner)) => time(inner),
        _ => None,
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// What kstatus makes of any object. Source: sigs.k8s.io/cli-utils `pkg/kstatus/status`, `generic.go` and `status.go`: first the
/// generation, then the first of Reconciling and Stalled that is True, then Ready.
fn kstatus(kind: &str, object: &Value) -> Health {
    let number = |path: [&str; 2]| match object.at(path) {
        Some(Value::Int(i)) => Some(*i),
        _ => None,
    };
    let so = |status, message: String| Health { status, message: bounded(message), line: None, since: None };
    let generation = number(["metadata", "generation"]);
    if let Some((observed, wanted)) = number(["status", "observedGeneration"]).zip(generation).filter(|(o, w)| o != w) {
        let message = format!("{kind} generation is {wanted}, but latest observed generation is {observed}");
        return so(HealthStatus::Progressing, message);
    }
    let conditions = match object.at(["status", "conditions"]) {
        Some(Value::List(conditions)) => conditions.as_ref(),
        _ => &[],
    };
    let first = |verdict: fn(&str, &str) -> Option<HealthStatus>| {
        let found = conditions.iter().find_map(|c| Some((verdict(field(c, "type"), field(c, "status"))?, c)));
        found.map(|(status, condition)| (status, field(condition, "message").to_owned()))
    };
    let standard = first(|name, status| match (name, status) {
        ("Reconciling", "True") => Some(HealthStatus::Progressing),
        ("Stalled", "True") => Some(HealthStatus::Degraded),
        _ => None,
    });
    let ready = || {
        first(|name, status| match (name, status) {
            ("Ready", "True") => Some(HealthStatus::Healthy),
            ("Ready", "False" | "Unknown") => Some(HealthStatus::Progressing),
            _ => None,
        })
    };
    match standard.or_else(ready) {
        Some((HealthStatus::Healthy, _)) => so(HealthStatus::Healthy, "Resource is Ready".to_owned()),
        Some((status, message)) => so(status, message),
        None => so(HealthStatus::Healthy, "Resource is current".to_owned()),
    }
}

/// A text of a condition, or none.
fn field<'v>(condition: &'v Value, key: &str) -> &'v str {
    condition.get(key).and_then(Value::as_str).unwrap_or("")
}
