//! The document: comments that say what Flux does otherwise, and the checks.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Check, Status, Target, TargetKind, Written};
use crate::emit::yaml::scalar;
use crate::rulebook::Kind;

const HEADER: &str = "\
# Health for Flux, made by `tidegate emit flux` from the rules: change the rules, not this text.
# Flux asks inProgress, failed and current in this order; what none of them holds of is in progress. First it compares
# status.observedGeneration with metadata.generation itself: while they differ, everything is in progress.
# Suspended and unknown are in progress here, and messages are lost: Flux has neither.
# Where a field at the top of an object is absent (`status`, before its controller has written it), where a condition has
# no type or status, or a field is of a type that the rules do not expect, Flux shows Unknown with an error, and waits.
# A field that is null is there to Flux, and absent to the rules.
";

/// The whole text.
pub(super) fn document(written: &Written<'_>, target: Option<&Target>) -> String {
    let mut out = HEADER.to_owned();
    // Writing to a String does not fail.
    let _ = head(&mut out, written, target);
    let _ = body(&mut out, &written.checks, target);
    out
}

fn head(out: &mut String, written: &Written<'_>, target: Option<&Target>) -> std::fmt::Result {
    match target.map(|target| target.kind) {
        None => writeln!(
            out,
            "# Paste it into a Kustomization (Flux 2.5) that has `wait: true` or healthChecks, or into a HelmRelease (Flux 2.8)\n\
             # whose wait strategy is `poller`."
        )?,
        Some(TargetKind::Kustomization) => writeln!(
            out,
            "# A patch for Flux 2.5 and later. It replaces the healthCheckExprs that are there; they are evaluated only with\n\
             # `wait: true` or healthChecks."
        )?,
        Some(TargetKind::HelmRelease) => writeln!(
            out,
            "# A patch for Flux 2.8 and later. It replaces the healthCheckExprs that are there; they are evaluated only with wait\n\
             # strategy `poller`."
        )?,
    }
    for kind in &written.kstatus {
        writeln!(out, "# {} ({}) has no lines: Flux reads it as kstatus does, like the rules.", kind.short, kind.kind)?;
    }
    for (kind, why) in &written.cannot {
        writeln!(out, "# {} ({}) is left out: {}.", kind.short, kind.kind, why.replace('\n', " "))?;
    }
    if !written.left_out.is_empty() {
        let names: Vec<&str> = written.left_out.iter().map(|kind| &*kind.short).collect();
        writeln!(out, "# Left out, since Flux has its own reading (`--all` emits them too): {}.", names.join(", "))?;
    }
    Ok(())
}

fn body(out: &mut String, checks: &[(&Kind, Check)], target: Option<&Target>) -> std::fmt::Result {
    if let Some(target) = target {
        let (version, kind) = match target.kind {
            TargetKind::Kustomization => ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
            TargetKind::HelmRelease => ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        };
        writeln!(out, "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {}", scalar(&target.name))?;
        if let Some(namespace) = &target.namespace {
            writeln!(out, "  namespace: {}", scalar(namespace))?;
        }
    }
    if checks.is_empty() {
        // An empty list in a patch would take away what is there.
        return writeln!(out, "spec:{}", if target.is_some() { " {}" } else { "\n  healthCheckExprs: []" });
    }
    writeln!(out, "spec:\n  healthCheckExprs:")?;
    for (kind, check) in checks {
        for note in notes(kind, check) {
            writeln!(out, "    # {note}")?;
        }
        let version =
            if kind.group.is_empty() { kind.version.to_string() } else { format!("{}/{}", kind.group, kind.version) };
        writeln!(out, "    - apiVersion: {}\n      kind: {}", scalar(&version), scalar(&kind.kind))?;
        expression(out, "inProgress", &check.in_progress)?;
        if let Some(failed) = &check.failed {
            expression(out, "failed", failed)?;
        }
        expression(out, "current", &check.current)?;
    }
    Ok(())
}

/// The kind, and where Flux says something else of it than the rules.
fn notes(kind: &Kind, check: &Check) -> Vec<String> {
    let mut notes = vec![kind.short.to_string()];
    if !check.without.is_empty() {
        let fields: Vec<String> = check.without.keys().map(|field| format!("`{field}`")).collect();
        let said: BTreeSet<Status> = check.without.values().flatten().copied().collect();
        let words: Vec<&str> = said.iter().filter_map(|status| word(*status)).collect();
        notes.push(format!("without {} Flux waits; the rules can say {}", fields.join(" or "), words.join(" or ")));
    }
    if !check.may_fail.is_empty() {
        let functions: Vec<String> = check.may_fail.iter().map(|name| format!("`{name}`")).collect();
        notes.push(format!(
            "where {} cannot take a value, its line does not hold in the rules, and Flux waits",
            functions.join(" or ")
        ));
    }
    if check.since {
        notes.push("`since` has no counterpart in Flux".to_owned());
    }
    notes
}

fn word(status: Status) -> Option<&'static str> {
    match status {
        Status::InProgress => None,
        Status::Failed => Some("degraded"),
        Status::Current => Some("healthy"),
    }
}

fn expression(out: &mut String, key: &str, text: &str) -> std::fmt::Result {
    if !text.contains('\n') {
        return writeln!(out, "      {key}: {}", quoted(text));
    }
    writeln!(out, "      {key}: |-")?;
    for line in text.lines() {
        writeln!(out, "        {line}")?;
    }
    Ok(())
}

/// Plain where YAML reads it back as this text.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !matches!(text, "true" | "false");
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
