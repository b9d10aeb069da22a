//! TG654: a deadline that ends before what it waits for may end.

use serde_json::Value;

use super::deed;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::{Object, WaitCommand};
use crate::rulebook::{Alternative, ObjectRef, Rule};
use crate::syntax::parse_duration;

pub(super) const CHECK: Check = Check { codes: &[Code::DEADLINE], run: check };

/// How long a cause waits for the rest of its rule where the rule does not say (LANGUAGE: deadlines).
const DEFAULT_SECS: u64 = 24 * 60 * 60;
/// Kubernetes' default for Jobs.
const BACKOFF_LIMIT_DEFAULT: u64 = 6;

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for job in deed::of_kind(subject.platform, "batch", "Job") {
        if let Some(command) = job.wait_command() {
            hook(subject, job, &command, found);
        }
    }
    for rule in &subject.rulebook.rules {
        for alternative in rule.alternatives.iter().filter(|alternative| alternative.events.len() > 1) {
            found.extend(window(subject, rule, alternative));
        }
    }
}

/// How long a run may take, in seconds, and the field that says so.
fn limit(object: &Object) -> Option<(u64, &'static [&'static str])> {
    let fields: &[&'static [&'static str]] = match (&*object.group, &*object.kind) {
        ("batch", "Job") | ("argoproj.io", "Workflow") => &[&["spec", "activeDeadlineSeconds"]],
        ("mlops.mlops.dev", "NotebookValidationJob") => &[&["spec", "timeout"]],
        ("kubeflow.org", _) => &[&["spec", "runPolicy", "activeDeadlineSeconds"]],
        ("tekton.dev", "PipelineRun") => &[&["spec", "timeouts", "pipeline"]],
        _ => return None,
    };
    fields.iter().find_map(|path| {
        let value = field(object, path)?;
        let seconds = value.as_u64().or_else(|| parse_duration(value.as_str()?).ok())?;
        Some((seconds, *path))
    })
}

/// A run that only begins after the window has opened, and may take longer than the window.
fn window(subject: &Subject<'_>, rule: &Rule, alternative: &Alternative) -> Option<Diagnostic> {
    let within = rule.within.map_or(DEFAULT_SECS, |within| within.as_secs());
    let runs: Vec<Option<&Object>> = alternative
        .events
        .iter()
        .map(|event| deed::object(subject, rule.terms.get(event.term)?.source.object.as_ref()?))
        .collect();
    for (event, run) in alternative.events.iter().zip(&runs) {
        let (Some(run), Some(term)) = (run, rule.terms.get(event.term)) else { continue };
        let begins_before = |other: &&Object| {
            other.application == run.application && (other.phase(), other.wave) < (run.phase(), run.wave)
        };
        let later = event.after.is_some() || runs.iter().flatten().any(begins_before);
        let Some((seconds, path)) = limit(run).filter(|(seconds, _)| later && *seconds > within) else { continue };
        let message = format!(
            "{} gives up {} after the first of its runs has ended, and {} may take {}",
            deed::name(subject, rule),
            duration(within),
            subject.say(run),
            duration(seconds)
        );
        let help = format!("write `within {}` or more", duration(seconds.saturating_add(600)));
        // With `else` that is what is asked for.
        let found = if rule.otherwise.is_empty() {
            Diagnostic::warning(Code::DEADLINE, term.span, message)
        } else {
            Diagnostic::note(Code::DEADLINE, term.span, message)
        };
        return Some(found.related(subject.at(run, path), "its own limit").help(help));
    }
    None
}

fn hook(subject: &Subject<'_>, job: &Object, command: &WaitCommand, found: &mut Vec<Diagnostic>) {
    let Some(seconds) = command.timeout.as_deref().and_then(|timeout| parse_duration(timeout).ok()) else { return };
    let timeout = duration(seconds);
    let deadline = ["spec", "activeDeadlineSeconds"];
    let own = field(job, &deadline).and_then(Value::as_u64);
    if let Some(own) = own.filter(|own| *own <= seconds) {
        let message = format!(
            "the Job is stopped after {}, before its `--timeout` of {timeout} is over: `wait` cannot say what is missing",
            duration(own)
        );
        let help = format!("write `activeDeadlineSeconds: {}` or more", seconds.saturating_add(600));
        found.push(Diagnostic::warning(Code::DEADLINE, subject.at(job, &deadline), message).help(help));
    }
    for run in awaited(subject, job, command) {
        let Some((limit, path)) = limit(run).filter(|(limit, _)| *limit > seconds) else { continue };
        let message = format!(
            "this hook gives up after {timeout}, and {} may take {}: the sync fails though the run is still going",
            subject.say(run),
            duration(limit)
        );
        let place = subject.at(job, &["spec", "template", "spec", "containers"]);
        let diagnostic =
            Diagnostic::warning(Code::DEADLINE, place, message).related(subject.at(run, path), "its own limit");
        found.push(diagnostic.help(format!("write `--timeout={}` or more", duration(limit.saturating_add(600)))));
    }
    let tries = field(job, &["spec", "backoffLimit"]).and_then(Value::as_u64).unwrap_or(BACKOFF_LIMIT_DEFAULT);
    if tries > 0 && own.is_none() && !stops_at_once(job) {
        let message = format!(
            "when `wait` gives up or the run has failed, the Job tries it {tries} times more: the sync may hang for {}",
            duration(seconds.saturating_mul(tries.saturating_add(1)))
        );
        let help = "write `backoffLimit: 0`, or a `podFailurePolicy` that fails the Job on exit codes 1 and 3, as `tidegate emit hooks` does";
        found.push(Diagnostic::warning(Code::DEADLINE, subject.at(job, &["spec", "backoffLimit"]), message).help(help));
    }
}

/// A failure policy that ends the Job with the first verdict.
fn stops_at_once(job: &Object) -> bool {
    let rules = field(job, &["spec", "podFailurePolicy", "rules"]).and_then(Value::as_array);
    rules.into_iter().flatten().any(|rule| {
        let codes = rule.pointer("/onExitCodes/values").and_then(Value::as_array);
        let has = |code: u64| codes.into_iter().flatten().any(|value| value.as_u64() == Some(code));
        rule.get("action").and_then(Value::as_str) == Some("FailJob") && has(3)
    })
}

/// The named runs that a hook waits for and that may still run when it begins: those of an earlier step of its own application have ended.
fn awaited<'s>(subject: &Subject<'s>, job: &Object, command: &WaitCommand) -> Vec<&'s Object> {
    let words: Vec<&str> =
        command.condition.split([' ', '\n', '\t', '(', ')', ',']).filter(|w| !w.is_empty()).collect();
    let home = command.namespace.as_deref().unwrap_or(&job.namespace);
    let mut runs: Vec<&Object> = Vec::new();
    for (kind, name) in words.iter().zip(words.iter().skip(1)) {
        let Some(kind) = subject.rulebook.kind_by_short(kind) else { continue };
        let name = name.trim_matches('"');
        let (namespace, name) = name.split_once('/').unwrap_or((home, name));
        let Some(run) = deed::object(subject, &ObjectRef { kind, namespace: namespace.into(), name: name.into() })
        else {
            continue;
        };
        let over = run.application == job.application && (run.phase(), run.wave) < (job.phase(), job.wave);
        if !over && !runs.iter().any(|known| std::ptr::eq(*known, run)) {
            runs.push(run);
        }
    }
    runs
}

/// `2h`, `90m`, `45s`
fn duration(seconds: u64) -> String {
    match seconds {
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
