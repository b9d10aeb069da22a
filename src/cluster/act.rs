//! From intents to jobs of the writer, and from their outcomes back to the ledger.

use std::time::Duration;

use jiff::Timestamp;

use super::kinds::{Kinds, resource};
use super::metrics::{Id, Metrics};
use super::pods::PodOwner;
use super::request::shortened;
use super::resource::Resource;
use super::writer::{Order, Outcome, Place};
use crate::engine::{Effect, Failure, Intent, Ledger, RuleId, Would, Write, WriteOp, writes};
use crate::rulebook::{ObjectRef, Rulebook};

/// The orders that carry out an intent. Empty when its target is gone.
#[must_use]
pub fn orders(ledger: &Ledger, intent: &Intent) -> Vec<Order> {
    let rulebook = ledger.rulebook();
    writes(rulebook, ledger.world(), intent).into_iter().filter_map(|write| order(ledger, write)).collect()
}

fn order(ledger: &Ledger, write: Write) -> Option<Order> {
    let Write { object, op } = write;
    Some(match op {
        WriteOp::MergePatch(body) => Order::Merge(place(ledger, object)?, body),
        WriteOp::CreateEvent(body) => {
            let resource = Resource::builtin("", "v1", "Event", "events");
            Order::Create(Place { resource, namespace: object.namespace, name: object.name, uid: "".into() }, body)
        }
        WriteOp::DeletePods { selector, before } => {
            let owner = owner(ledger, &object);
            Order::DeletePods { namespace: object.namespace, selector, before, owner }
        }
    })
}

fn place(ledger: &Ledger, object: ObjectRef) -> Option<Place> {
    let resource = resource(ledger.rulebook().kind(object.kind)?);
    let uid = ledger.world().get(&object).map(|entry| entry.row.uid.clone()).unwrap_or_default();
    Some(Place { resource, namespace: object.namespace, name: object.name, uid })
}

/// Whose pods are to be deleted. The pods of an InferenceService carry its name as a label, and are owned by what KServe makes of it.
fn owner(ledger: &Ledger, object: &ObjectRef) -> Option<PodOwner> {
    let kind = ledger.rulebook().kind(object.kind).filter(|kind| &*kind.group == "apps")?;
    let uid = ledger.world().get(object)?.row.uid.clone();
    Some(PodOwner { kind: kind.kind.clone(), name: object.name.clone(), uid })
}

/// Tells the ledger what became of an intent, logs it and counts it.
pub fn ended(
    ledger: &mut Ledger,
    kinds: &mut Kinds,
    metrics: &Metrics,
    intent: &Intent,
    outcome: Outcome,
    now: Timestamp,
) {
    let outcome = settled(ledger, kinds, intent, outcome, now);
    let told = Told::of(&outcome);
    log(ledger.rulebook(), metrics, intent, &told);
    let failure = Failure { refused: told.result == "refused", message: told.why, wait: told.wait };
    match outcome {
        Outcome::Done(live) => {
            kinds.take_in(live, ledger, now);
            ledger.done(intent, now);
        }
        // Without the live object the next try would meet the same conflict.
        Outcome::Conflict(live) if !live.is_empty() => {
            kinds.take_in(live, ledger, now);
            ledger.conflicted(intent, now);
        }
        Outcome::Conflict(live) | Outcome::Uncertain(live, _) | Outcome::Refused(live, _) => {
            kinds.take_in(live, ledger, now);
            ledger.failed(intent, &failure, now);
        }
        Outcome::Later(..) => ledger.failed(intent, &failure, now),
        // Nothing was sent; whether it still is to be done is decided when this replica leads.
        Outcome::NotLeader => ledger.unsent(intent),
    }
}

/// Without a clear answer, or after one that says that the object has changed: what its record, read since, says counts.
fn settled(ledger: &mut Ledger, kinds: &mut Kinds, intent: &Intent, outcome: Outcome, now: Timestamp) -> Outcome {
    let (Outcome::Uncertain(live, _) | Outcome::Conflict(live)) = &outcome else { return outcome };
    if live.is_empty() {
        return outcome;
    }
    kinds.take_in(live.clone(), ledger, now);
    if ledger.is_recorded(intent) { Outcome::Done(live.clone()) } else { outcome }
}

struct Told {
    result: &'static str,
    why: String,
    /// How long the server asks to wait.
    wait: Option<Duration>,
}

impl Told {
    fn of(outcome: &Outcome) -> Told {
        let (result, why) = match outcome {
            Outcome::Done(_) => ("done", String::new()),
            Outcome::Conflict(_) => ("conflict", "the object had changed".to_owned()),
            Outcome::Uncertain(_, why) => ("uncertain", why.clone()),
            Outcome::Refused(_, why) => ("refused", why.clone()),
            Outcome::Later(why, _) => ("later", why.clone()),
            Outcome::NotLeader => ("not-leader", String::new()),
        };
        let wait = if let Outcome::Later(_, wait) = outcome { *wait } else { None };
        Told { result, why, wait }
    }
}

/// One line for each firing; for tidegate's own records one line at a lower level.
fn log(rulebook: &Rulebook, metrics: &Metrics, intent: &Intent, told: &Told) {
    // Not `target`: so the JSON log calls the module.
    let on = rulebook.say(&intent.target);
    for firing in &intent.firings {
        let annotation = matches!(firing.unit.rule, RuleId::Annotation(..));
        let (rule, action): (&str, &str) =
            if annotation { ("annotation", "trigger") } else { (&firing.rule, label(&firing.text)) };
        metrics.count(Id::Actions, &[rule, action, told.result]);
        let causes: Vec<&str> = firing.causes.iter().map(|cause| cause.text.as_str()).collect();
        let causes = causes.join(", ");
        match told.result {
            "done" => tracing::info!(rule = %firing.rule, action = firing.text, on, causes, "done"),
            "refused" => {
                tracing::error!(rule = %firing.rule, action = firing.text, on, causes, why = told.why, "refused");
            }
            result => {
                tracing::warn!(rule = %firing.rule, action = firing.text, on, causes, result, why = told.why, "not done yet");
            }
        }
    }
    if intent.firings.is_empty() {
        let what = own(&intent.effect);
        metrics.count(Id::Actions, &["tidegate", what, told.result]);
        match told.result {
            "refused" => tracing::error!(what, on, why = told.why, "refused"),
            "done" => tracing::debug!(what, on, "done"),
            result => tracing::debug!(what, on, result, why = told.why, "not done yet"),
        }
    }
}

/// An action as a label: its text, of a notification without the message.
fn label(action: &str) -> &str {
    match action.starts_with("notify ") {
        true => action.split('"').next().unwrap_or(action).trim_end(),
        false => action,
    }
}

/// What tidegate writes of its own.
#[must_use]
pub fn own(effect: &Effect) -> &'static str {
    match effect {
        Effect::Event(_) => "event",
        Effect::Status(_) => "status annotation",
        Effect::WaveRecord { .. } => "wave record",
        _ => "effect",
    }
}

/// Says and counts what a rule would have done.
pub fn would(metrics: &Metrics, would: &Would) {
    let annotation = matches!(would.unit.rule, RuleId::Annotation(..));
    let (rule, action): (&str, &str) =
        if annotation { ("annotation", "trigger") } else { (&would.rule, label(&would.action)) };
    metrics.count(Id::Actions, &[rule, action, "observed"]);
    let causes = would.causes.join(", ");
    tracing::info!(rule = %would.rule, action = would.action, causes, "observe: would be done");
}

/// What `--observe` says instead of writing. The Events of what was decided become lines of the log.
pub fn observed(
    ledger: &mut Ledger,
    intent: &Intent,
    last: &mut std::collections::BTreeMap<String, Effect>,
    now: Timestamp,
) {
    let target = ledger.rulebook().say(&intent.target);
    if let Effect::Event(draft) = &intent.effect {
        tracing::debug!(on = target, reason = draft.reason, text = shortened(&draft.message), "observe: no Event");
        ledger.done(intent, now);
        return;
    }
    let key = format!("{target} {}", own(&intent.effect));
    if last.get(&key) == Some(&intent.effect) {
        return;
    }
    for order in orders(ledger, intent) {
        if let Order::Merge(_, patch) | Order::Create(_, patch) = order {
            let patch = shortened(&patch.to_string());
            tracing::info!(on = target, what = own(&intent.effect), patch, "observe: would be written");
        }
    }
    last.insert(key, intent.effect.clone());
}
