//! Writes: the exact requests that carry out an intent. `plan` prints them; the writer sends them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::act::said;
use super::cause::action_mark;
use super::condition::members;
use super::judge::branches;
use super::record::{WAVE_COMPLETE, WAVE_FAILED};
use super::{Cause, Effect, EventDraft, Intent, Mark, World};
use crate::diagnostic::plain_text;
use crate::rulebook::{ObjectRef, Rule, Rulebook, Verb};
use crate::syntax::tree::Quantifier;

/// Marks in one record annotation, at most. If the state cannot be stored for so long that there are more, the oldest that this process has
/// settled go first: until it ends, it remembers those itself.
pub const RECORD_MARKS_MAX: usize = 512;
/// More marks than this in a record: those of firings that are over are left out at the next write.
pub const RECORD_MARKS_CLEAN: usize = 32;
/// Bytes of an Event's message, at most (Kubernetes refuses more than 1024).
pub const EVENT_MESSAGE_BYTES_MAX: usize = 1024;

/// On the Event of a notification: the rule that sent it.
pub const RULE: &str = "tidegate.dev/rule";
/// On the Event of a notification: why, such as `job ml/train succeeded`.
pub const CAUSES: &str = "tidegate.dev/because";

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The object that is written; for a created one, its namespace and name.
    pub object: ObjectRef,
    /// How.
    pub op: WriteOp,
}

/// The kinds of requests.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteOp {
    /// JSON merge patch, with `metadata.resourceVersion` inside: compare-and-swap.
    MergePatch(Json),
    /// Creation of an Event in the object's namespace; one that exists already is done.
    CreateEvent(Json),
    /// Deletion of the object's pods: those with these labels, created before this time, each by uid.
    DeletePods {
        /// Label selector.
        selector: String,
        /// RFC 3339 time is derived from it.
        before: jiff::Timestamp,
    },
}

/// The requests of an intent, in order. Empty when the target is gone.
#[must_use]
pub fn writes(rulebook: &Rulebook, world: &World, intent: &Intent) -> Vec<Write> {
    let on = |op: WriteOp| Write { object: intent.target.clone(), op };
    let patch = |body: Json| {
        world.get(&intent.target).map(|entry| on(WriteOp::MergePatch(with_version(body, &entry.row.resource_version))))
    };
    let recorded = |body: Json| patch(merge(body, record(rulebook, world, intent)));
    match &intent.effect {
        Effect::RollingRestart => recorded(restart(rulebook, intent)).into_iter().collect(),
        Effect::DeletePods { selector, before } => {
            vec![on(WriteOp::DeletePods { selector: selector.clone(), before: *before })]
        }
        Effect::Sync => recorded(sync(rulebook, world, intent, &[])).into_iter().collect(),
        Effect::SyncAgain(revisions) => recorded(sync(rulebook, world, intent, revisions)).into_iter().collect(),
        Effect::RefreshApplication { hard, at } => {
            let how = if *hard { "hard" } else { "normal" };
            let keys =
                json!({"argocd.argoproj.io/refresh": how, "argocd.argoproj.io/refresh-timestamp": at.to_string()});
            recorded(json!({"metadata": {"annotations": keys}})).into_iter().collect()
        }
        Effect::Touch => recorded(json!({})).into_iter().collect(),
        Effect::Annotate { key, value } => {
            recorded(json!({"metadata": {"annotations": {&**key: value}}})).into_iter().collect()
        }
        Effect::Label { key, value } => {
            recorded(json!({"metadata": {"labels": {&**key: value}}})).into_iter().collect()
        }
        Effect::WaveRecord { complete, failed } => {
            let text = |wave: &Option<i32>| wave.map_or(Json::Null, |wave| Json::String(wave.to_string()));
            let keys = json!({WAVE_COMPLETE: text(complete), WAVE_FAILED: text(failed)});
            patch(json!({"metadata": {"annotations": keys}})).into_iter().collect()
        }
        Effect::Status(changes) => {
            let keys: Map<String, Json> = changes
                .iter()
                .map(|(key, value)| (key.to_string(), value.clone().map_or(Json::Null, Json::String)))
                .collect();
            patch(json!({"metadata": {"annotations": keys}})).into_iter().collect()
        }
        Effect::Event(draft) => vec![event(rulebook, world, &intent.target, draft)],
        Effect::Notify(draft, application) => {
            let note = application.as_ref().and_then(|app| note(rulebook, world, app, &intent.target, draft));
            [with_causes(event(rulebook, world, &intent.target, draft), intent)].into_iter().chain(note).collect()
        }
    }
}

fn with_version(mut body: Json, version: &str) -> Json {
    if !version.is_empty() {
        body = merge(body, json!({"metadata": {"resourceVersion": version}}));
    }
    body
}

/// `a` with `b` merged in; where both have a value that is not a map, `b` counts.
fn merge(a: Json, b: Json) -> Json {
    match (a, b) {
        (Json::Object(mut a), Json::Object(b)) => {
            for (key, value) in b {
                let merged = match a.remove(&key) {
                    Some(old) => merge(old, value),
                    None => value,
                };
                a.insert(key, merged);
            }
            Json::Object(a)
        }
        (_, b) => b,
    }
}

/// A rolling restart. An InferenceService rolls by its record alone; a Deployment or StatefulSet by an annotation of its pod template.
fn restart(rulebook: &Rulebook, intent: &Intent) -> Json {
    let inference = rulebook.kind(intent.target.kind).is_some_and(|kind| &*kind.kind == "InferenceService");
    if inference {
        return json!({});
    }
    let marks: Vec<String> = intent.marks().iter().map(Mark::to_string).collect();
    let value = Mark::of(&["restart", &marks.join(",")]).to_string();
    json!({"spec": {"template": {"metadata": {"annotations": {"tidegate.dev/restart": value}}}}})
}

/// A sync operation, as `argocd app sync` writes it.
///
/// Source: Argo CD `util/argo/argo.go` (`SetAppOperation`) and `cmd/argocd/commands/app.go`.
fn sync(rulebook: &Rulebook, world: &World, intent: &Intent, revisions: &[Arc<str>]) -> Json {
    let fields = world.get(&intent.target).map(|entry| &entry.row.fields);
    let at = |path: &[&str]| fields.and_then(|fields| fields.at(path.iter().copied())).map(crate::expr::Value::to_json);
    let mut sync = json!({"syncStrategy": {"hook": {}}});
    if let Some(prune) = at(&["spec", "syncPolicy", "automated", "prune"]).filter(|prune| prune == &Json::Bool(true)) {
        sync = merge(sync, json!({"prune": prune}));
    }
    if let Some(options) = at(&["spec", "syncPolicy", "syncOptions"]) {
        sync = merge(sync, json!({"syncOptions": options}));
    }
    match revisions {
        [] => {}
        [one] => sync = merge(sync, json!({"revision": &**one})),
        several => {
            let several: Vec<&str> = several.iter().map(|revision| &**revision).collect();
            sync = merge(sync, json!({ "revisions": several }));
        }
    }
    let marks: Vec<String> = intent.marks().iter().map(Mark::to_string).collect();
    let info = json!([
        {"name": "tidegate", "value": format!("{}: {}", rulebook.id, marks.join(","))},
        {"name": "reason", "value": intent.firings.iter().map(|f| f.rule.to_string()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")}
    ]);
    let mut operation = json!({"initiatedBy": {"username": "tidegate"}, "info": info, "sync": sync});
    if let Some(retry) = at(&["spec", "syncPolicy", "retry"]) {
        operation = merge(operation, json!({"retry": retry}));
    }
    json!({"operation": operation, "status": {"operationState": null}})
}

/// The record annotation with the intent's marks added and those of dead firings left out.
fn record(rulebook: &Rulebook, world: &World, intent: &Intent) -> Json {
    let fields = rulebook.record_of(intent.target.kind);
    let held = world.get(&intent.target).and_then(|entry| entry.row.record.clone());
    let held: BTreeSet<Mark> =
        held.iter().flat_map(|record| record.split(',')).filter_map(|m| m.parse().ok()).collect();
    let mut marks = held;
    if marks.len() > RECORD_MARKS_CLEAN {
        let live = live_marks(rulebook, world, &intent.target);
        marks.retain(|mark| live.contains(mark) || world.is_unsaved(*mark));
    }
    let new = intent.marks();
    let over = (marks.len() + new.len()).saturating_sub(RECORD_MARKS_MAX);
    if over > 0 {
        let settled = |mark: &Mark| world.state.settled.get(mark).map_or(jiff::Timestamp::MAX, |settled| settled.at);
        let mut oldest: Vec<Mark> = marks.iter().copied().collect();
        oldest.sort_by_key(settled);
        oldest.iter().take(over).for_each(|mark| {
            marks.remove(mark);
        });
    }
    marks.extend(new);
    let value = marks.iter().map(Mark::to_string).collect::<Vec<_>>().join(",");
    let (path, key) = fields;
    let map = Json::Object([(key, Json::String(value))].into_iter().collect());
    path.iter().rev().fold(map, |inner, step| json!({ step.as_str(): inner }))
}

/// The marks that a firing of a live rule on a run that is still in the world has, or would have, on a target.
fn live_marks(rulebook: &Rulebook, world: &World, target: &ObjectRef) -> BTreeSet<Mark> {
    let book = rulebook.rules.iter().filter(|rule| writes_to(rule, target));
    let annotated = world.annotations_touching(target);
    let annotated = annotated.iter().filter_map(|object| world.annotated(object)).flat_map(|a| &a.rules);
    let mut marks = BTreeSet::new();
    for rule in book.chain(annotated.filter(|rule| writes_to(rule, target))) {
        for cause in finished_causes(rulebook, world, rule) {
            let actions = branches(rule).filter(|(_, action)| holder(&action.verb) == Some(target));
            let ids = || std::iter::once(&cause.id).chain(&cause.earlier);
            marks.extend(
                actions
                    .flat_map(|(branch, action)| ids().map(move |id| action_mark(rulebook, rule, branch, action, id))),
            );
        }
    }
    // Marks that are in the stored state are not needed any more.
    marks.retain(|mark| !world.is_saved(*mark));
    marks
}

fn holder(verb: &Verb) -> Option<&ObjectRef> {
    super::cause::record_holder(verb)
}

fn writes_to(rule: &Rule, target: &ObjectRef) -> bool {
    branches(rule).any(|(_, action)| holder(&action.verb) == Some(target))
}

fn finished_causes(rulebook: &Rulebook, world: &World, rule: &Rule) -> Vec<Cause> {
    let mut causes = Vec::new();
    for event in rule.alternatives.iter().flat_map(|alternative| &alternative.events) {
        let Some(term) = rule.terms.get(event.term) else { continue };
        let named = term.source.object.iter().filter(|_| term.source.quantifier == Quantifier::One);
        let named = named.filter_map(|object| Some((object.clone(), world.get(object)?)));
        let selected = members(rulebook, world, &term.source).filter(|_| term.source.quantifier != Quantifier::One);
        for (object, entry) in named.chain(selected) {
            let Some(run) = entry.run.as_ref().filter(|run| run.outcome == event.outcome) else { continue };
            causes.push(Cause {
                object,
                uid: run.uid.clone(),
                id: run.id(),
                text: String::new(),
                time: run.ended,
                timeless: run.ended.is_none(),
                outcome: Some(run.outcome),
                earlier: run.earlier_ids(),
            });
        }
    }
    causes
}

/// An Event. Its name is derived from what it says, so creating it again is refused by the server: done.
fn event(rulebook: &Rulebook, world: &World, on: &ObjectRef, draft: &EventDraft) -> Write {
    let kind = rulebook.kind(on.kind);
    let api =
        kind.map(|k| if k.group.is_empty() { k.version.to_string() } else { format!("{}/{}", k.group, k.version) });
    let namespace: Arc<str> = if on.namespace.is_empty() { Arc::from("default") } else { on.namespace.clone() };
    let name: Arc<str> = Arc::from(format!("{}.{}", cut(&on.name, 200).trim_end_matches(['-', '.']), draft.mark));
    let uid = world.get(on).map(|entry| entry.row.uid.to_string()).unwrap_or_default();
    let labels = draft.notification.iter().map(|n| ("mlops.dev/notification-type".to_owned(), json!(&**n)));
    let labels: Map<String, Json> =
        labels.chain([("app.kubernetes.io/managed-by".to_owned(), json!("tidegate"))]).collect();
    let time = jiff::Timestamp::from_second(draft.time.as_second()).unwrap_or(draft.time).to_string();
    let body = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": &*name, "namespace": &*namespace, "labels": labels},
        "involvedObject": {
            "apiVersion": api,
            "kind": kind.map(|k| k.kind.to_string()),
            "namespace": &*namespace,
            "name": &*on.name,
            "uid": uid,
        },
        "type": if draft.warning { "Warning" } else { "Normal" },
        "reason": draft.reason,
        "message": cut(&plain_text(&draft.message), EVENT_MESSAGE_BYTES_MAX),
        "source": {"component": "tidegate"},
        "reportingComponent": "tidegate",
        "reportingInstance": &*rulebook.id,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    });
    Write { object: ObjectRef { kind: on.kind, namespace, name }, op: WriteOp::CreateEvent(body) }
}

/// The Event of a notification with its rule and causes, which its text need not name.
fn with_causes(mut write: Write, intent: &Intent) -> Write {
    let Some(firing) = intent.firings.first() else { return write };
    if let WriteOp::CreateEvent(event) = &mut write.op {
        let causes = said(&firing.causes);
        let keys = json!({RULE: &*firing.rule, CAUSES: cut(&causes, EVENT_MESSAGE_BYTES_MAX)});
        *event = merge(std::mem::take(event), json!({"metadata": {"annotations": keys}}));
    }
    write
}

/// A notification on an Application, where Argo CD's notifications can see it: with a run id for `oncePer`.
fn note(rulebook: &Rulebook, world: &World, app: &ObjectRef, source: &ObjectRef, draft: &EventDraft) -> Option<Write> {
    let entry = world.get(app)?;
    let kind = draft.notification.as_deref().unwrap_or("notification");
    let value = json!({
        "run": draft.mark.to_string(),
        "source": rulebook.say(source),
        "message": cut(&plain_text(&draft.message), EVENT_MESSAGE_BYTES_MAX),
    });
    let body = json!({"metadata": {"annotations": {format!("tidegate.dev/notification.{kind}"): value.to_string()}}});
    let op = WriteOp::MergePatch(with_version(body, &entry.row.resource_version));
    Some(Write { object: app.clone(), op })
}

fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}
