//! Records for people and Argo CD: wave annotations on jobs, the status on the Application, Events of finished notebooks.
//!
//! All of it follows from the state of the world, so what is written already is not written again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::condition::members;
use super::{Effect, Entry, EventDraft, Gate, How, Intent, Mark, Pace, Settle, World};
use crate::expr::{Truth, Value};
use crate::rulebook::{AppName, Honour, KindIx, ObjectRef, Outcome, Rulebook};

/// `mlops.dev/wave-complete`
pub const WAVE_COMPLETE: &str = "mlops.dev/wave-complete";
/// `mlops.dev/wave-failed`
pub const WAVE_FAILED: &str = "mlops.dev/wave-failed";
/// `mlops.dev/notebook-status`
pub const STATUS: &str = "mlops.dev/notebook-status";
/// `mlops.dev/notebook-summary`
pub const SUMMARY: &str = "mlops.dev/notebook-summary";
/// What only the notebook operator writes when it acts on the annotations itself.
/// Source: jupyter-notebook-validator-operator `internal/controller/argocd/sync_wave.go`.
pub const OPERATOR_MARK: &str = "mlops.dev/completion-time";
/// Names in `failedJobs`, at most.
pub const FAILED_JOBS_MAX: usize = 500;
/// Bytes of the names in `failedJobs`, and of the gates on an Application, at most; `failed` counts all, and the gates that are left out are
/// counted. All annotations of an object together hold 256 KiB, and what is longer than 64 KiB is cut when it
/// is read and could not be compared.
pub const LIST_BYTES_MAX: usize = 16 * 1024;
/// Characters of a gate's reason on the Application, at most.
const GATE_REASON_CHARS_MAX: usize = 200;

/// The notebook status as the operator writes it, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct NotebookStatus {
    total: usize,
    succeeded: usize,
    failed: usize,
    running: usize,
    last_update: String,
    failed_jobs: Vec<String>,
}

impl NotebookStatus {
    fn summary(&self) -> String {
        if self.total == 0 {
            return "No notebook validation jobs".to_owned();
        }
        // In tenths of a percent, rounded half up, so that no float is involved.
        let tenths = (self.succeeded * 2000 + self.total) / (self.total * 2);
        format!("{}/{} succeeded ({}.{}% success rate)", self.succeeded, self.total, tenths / 10, tenths % 10)
    }
}

/// The Application that an object's tracking-id names.
#[must_use]
pub fn application_of(rulebook: &Rulebook, entry: &Entry) -> Option<AppName> {
    let (namespace, name) = entry.row.application.clone()?;
    let home = rulebook.application.as_ref().map(|app| app.namespace.clone());
    Some(AppName { namespace: namespace.or(home).unwrap_or_else(|| Arc::from("argocd")), name })
}

/// The object of an Application, if the rules know the kind.
#[must_use]
pub fn application_object(rulebook: &Rulebook, app: &AppName) -> Option<ObjectRef> {
    let kind = rulebook.kind_by_type("argoproj.io", "Application")?;
    Some(ObjectRef { kind, namespace: app.namespace.clone(), name: app.name.clone() })
}

/// The kind of notebooks, if the rules know it.
#[must_use]
pub fn notebook_kind(rulebook: &Rulebook) -> Option<KindIx> {
    rulebook.kind_by_type("mlops.mlops.dev", "NotebookValidationJob")
}

/// What an object that runs to completion says of its wave, if it does not say so yet. Only objects with a wave are marked.
#[must_use]
pub fn wave_record(object: &ObjectRef, entry: &Entry) -> Option<Intent> {
    if !entry.row.wave_given || entry.row.deleting {
        return None;
    }
    let outcome = entry.run.as_ref().map(|run| run.outcome);
    let complete = (outcome == Some(Outcome::Succeeded)).then_some(entry.row.wave);
    let failed = (outcome == Some(Outcome::Failed)).then_some(entry.row.wave);
    let said =
        |key: &str, wave: Option<i32>| entry.row.annotation(key).map(|v| v.to_string()) == wave.map(|w| w.to_string());
    if said(WAVE_COMPLETE, complete) && said(WAVE_FAILED, failed) {
        return None;
    }
    Some(Intent { target: object.clone(), effect: Effect::WaveRecord { complete, failed }, firings: Vec::new() })
}

/// The annotations of an Application that are not as they should be. What is not known yet stays as it is: the counts, unless all jobs
/// that may be `counted` are known; the gates, when none are given.
#[must_use]
pub fn status(
    rulebook: &Rulebook,
    world: &World,
    app: &AppName,
    counted: bool,
    gates: Option<&[&Gate]>,
    now: Timestamp,
) -> Option<Intent> {
    let target = application_object(rulebook, app)?;
    let entry = world.get(&target).filter(|entry| !entry.row.deleting)?;
    let mut changes: Vec<(Arc<str>, Option<String>)> = Vec::new();
    let mut status = if counted { count(rulebook, world, app) } else { NotebookStatus::default() };
    let said = entry.row.annotation(STATUS);
    if counted && (status.total > 0 || said.is_some()) {
        if !said.is_some_and(|said| says(said, &status)) {
            status.last_update = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
            changes.push((Arc::from(STATUS), serde_json::to_string(&status).ok()));
        }
        let summary = status.summary();
        if entry.row.annotation(SUMMARY).map(|s| &**s) != Some(summary.as_str()) {
            changes.push((Arc::from(SUMMARY), Some(summary)));
        }
    }
    if let Some(gates) = gates {
        let key = gates_key(&rulebook.id);
        let held = gates_text(gates);
        if entry.row.annotation(&key).map(|s| &**s) != held.as_deref() {
            changes.push((Arc::from(key), held));
        }
    }
    (!changes.is_empty()).then(|| Intent { target, effect: Effect::Status(changes), firings: Vec::new() })
}

/// The annotation that shows a rulebook's gates on the Application.
#[must_use]
pub fn gates_key(rulebook: &str) -> String {
    format!("tidegate.dev/gates.{rulebook}")
}

fn gates_text(gates: &[&Gate]) -> Option<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown<'a> {
        wave: i32,
        open: bool,
        rule: &'a str,
        waits_for: String,
    }
    let (mut shown, mut more): (Vec<String>, usize) = (Vec::new(), 0);
    let mut bytes = 0;
    for gate in gates {
        let open = gate.open == Truth::True;
        let text =
            serde_json::to_string(&Shown { wave: gate.wave, open, rule: &gate.rule, waits_for: waits_for(gate) })
                .ok()?;
        match bytes + text.len() < LIST_BYTES_MAX {
            true => {
                bytes += text.len() + 1;
                shown.push(text);
            }
            false => more += 1,
        }
    }
    if more > 0 {
        shown.push(format!("{{\"more\":{more}}}"));
    }
    (!shown.is_empty()).then(|| format!("[{}]", shown.join(",")))
}

/// The first part of a gate's condition that does not hold, without times, so that it changes only when the matter does.
fn waits_for(gate: &Gate) -> String {
    let open = gate.reasons.iter().find(|reason| reason.truth != Truth::True && gate.open != Truth::True);
    open.map(|reason| reason.what.chars().take(GATE_REASON_CHARS_MAX).collect()).unwrap_or_default()
}

/// The kinds of the jobs that an Application's status counts, as far as the rulebook knows them.
pub(super) fn counted_kinds<'a>(rulebook: &'a Rulebook, app: &'a AppName) -> impl Iterator<Item = KindIx> + 'a {
    let reports = rulebook.reports.iter().filter(move |report| report.application == *app);
    notebook_kind(rulebook).into_iter().chain(reports.map(|report| report.source.kind))
}

fn count(rulebook: &Rulebook, world: &World, app: &AppName) -> NotebookStatus {
    let mut jobs: BTreeSet<ObjectRef> = BTreeSet::new();
    if let Some(kind) = notebook_kind(rulebook) {
        let tracked = world.rows(kind).filter(|entry| application_of(rulebook, entry).as_ref() == Some(app));
        jobs.extend(tracked.map(|entry| object_ref(kind, entry)));
    }
    for report in rulebook.reports.iter().filter(|report| report.application == *app) {
        jobs.extend(members(rulebook, world, &report.source).map(|(object, _)| object));
    }
    let mut status = NotebookStatus { total: jobs.len(), ..NotebookStatus::default() };
    let mut bytes = 0;
    for job in &jobs {
        match world.get(job).and_then(|entry| entry.run.as_ref()).map(|run| run.outcome) {
            Some(Outcome::Succeeded) => status.succeeded += 1,
            Some(Outcome::Failed) => {
                status.failed += 1;
                // With quotes and comma.
                let more = bytes + job.name.len() + 3;
                if status.failed_jobs.len() < FAILED_JOBS_MAX && more <= LIST_BYTES_MAX {
                    status.failed_jobs.push(job.name.to_string());
                    bytes = more;
                }
            }
            None => status.running += 1,
        }
    }
    status.failed_jobs.sort();
    status
}

/// Whether an annotation says the same, `lastUpdate` aside.
fn says(annotation: &str, status: &NotebookStatus) -> bool {
    let Ok(mut said) = serde_json::from_str::<serde_json::Value>(annotation) else {
        return false;
    };
    let wanted = serde_json::to_value(status).unwrap_or_default();
    match (said.as_object_mut(), wanted.as_object()) {
        (Some(said), Some(wanted)) => {
            let had_time = said.remove("lastUpdate").is_some();
            let mut wanted = wanted.clone();
            wanted.remove("lastUpdate");
            had_time && *said == wanted
        }
        _ => false,
    }
}

fn object_ref(kind: KindIx, entry: &Entry) -> ObjectRef {
    ObjectRef { kind, namespace: entry.row.namespace.clone(), name: entry.row.name.clone() }
}

/// The item under which Events of finished notebooks have their baseline.
#[must_use]
pub fn validation_item(rulebook: &Rulebook) -> Mark {
    Mark::of(&["validation", &rulebook.id])
}

/// The Event of a finished notebook, once a run, unless it had finished before this rulebook was first loaded.
#[must_use]
pub fn validation_event(
    rulebook: &Rulebook,
    world: &World,
    object: &ObjectRef,
    entry: &Entry,
    now: Timestamp,
) -> Option<Settle> {
    let run = entry.run.as_ref()?;
    let mark = |id: &str| Mark::of(&["validation", &rulebook.id, id]);
    let state = &world.state;
    let told = |id: &String| state.settled.contains_key(&mark(id));
    let earlier = run.earlier_ids();
    let mark = mark(&run.id());
    if state.settled.contains_key(&mark)
        || earlier.iter().any(told)
        || state.is_over(validation_item(rulebook), run)
        || state.is_baseline(validation_item(rulebook), run)
    {
        return None;
    }
    let (reason, kind, message) = match run.outcome {
        Outcome::Succeeded => ("ValidationSucceeded", "validation-success", succeeded_text(entry)),
        Outcome::Failed => ("ValidationFailed", "validation-failure", failed_text(entry)),
    };
    let event = EventDraft {
        mark,
        notification: Some(Arc::from(kind)),
        reason: reason.to_owned(),
        message,
        warning: run.outcome == Outcome::Failed,
        time: run.ended.unwrap_or(now),
    };
    Some(Settle {
        marks: vec![mark],
        how: How::Done,
        timeless: run.ended.is_none(),
        on: object.clone(),
        event: Some(event),
        pace: Pace::default(),
    })
}

fn succeeded_text(entry: &Entry) -> String {
    format!("NotebookValidationJob '{}' succeeded{}", entry.row.name, wave_text(entry))
}

fn failed_text(entry: &Entry) -> String {
    let retries = match number(entry, &["status", "retryCount"]) {
        None => "not reported".to_owned(),
        Some(count) => count.to_string(),
    };
    let text =
        |path: &[&str]| entry.row.fields.at(path.iter().copied()).and_then(Value::as_str).unwrap_or("").to_owned();
    let build = text(&["status", "buildStatus", "message"]);
    let message = if build.is_empty() { text(&["status", "message"]) } else { build.clone() };
    let message = if message.is_empty() { entry.health.message.clone() } else { message };
    let action = if build.is_empty() {
        "check the failing cell in status.results and the pod's log"
    } else {
        "check the image build in status.buildStatus"
    };
    let (name, wave) = (&entry.row.name, wave_text(entry));
    format!(
        "NotebookValidationJob '{name}' failed{wave}: {message}\nRetry count: {retries}\nSuggested action: {action}"
    )
}

fn wave_text(entry: &Entry) -> String {
    if entry.row.wave_given { format!(" (wave {})", entry.row.wave) } else { String::new() }
}

fn number(entry: &Entry, path: &[&str]) -> Option<i64> {
    match entry.row.fields.at(path.iter().copied())? {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// What is said once about annotations that cannot be honoured, or are left to the job's own operator.
#[must_use]
pub fn annotation_notes(rulebook: &Rulebook, world: &World, object: &ObjectRef, now: Timestamp) -> Vec<Settle> {
    let (Some(annotated), Some(entry)) = (world.annotated(object), world.get(object)) else {
        return Vec::new();
    };
    let mut notes: Vec<(&str, String)> =
        annotated.refusals.iter().map(|text| ("TriggerRefused", text.clone())).collect();
    if world.operator_acts(object) && annotated.rules.iter().any(|rule| !rule.then.is_empty()) {
        notes.push(match rulebook.honour {
            Honour::Always => (
                "OperatorActsToo",
                "the notebook operator of this cluster acts on mlops.dev/on-success-trigger itself, and so does tidegate \
                 (`honour annotations always`): targets may be restarted twice"
                    .to_owned(),
            ),
            _ => (
                "LeftToOperator",
                "the notebook operator of this cluster acts on mlops.dev/on-success-trigger itself, so tidegate leaves it alone; \
                 `honour annotations always` changes that"
                    .to_owned(),
            ),
        });
    }
    let settle = |(reason, message): (&str, String)| {
        let mark = Mark::of(&["annotation", &rulebook.id, &entry.row.uid, reason, &message]);
        let event =
            EventDraft { mark, notification: None, reason: reason.to_owned(), message, warning: true, time: now };
        let (on, pace) = (object.clone(), Pace::default());
        Settle { marks: vec![mark], how: How::Said, timeless: false, on, event: Some(event), pace }
    };
    notes
        .into_iter()
        .map(settle)
        .filter(|note| !note.marks.iter().all(|m| world.state.settled.contains_key(m)))
        .collect()
}
