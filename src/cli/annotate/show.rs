//! What changes, for a person and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{Format, plural, report};
use super::proposal::Proposal;
use crate::diagnostic::Diagnostic;
use crate::graph::Move;

/// The version of the JSON form. Fields are only added within one.
const ANNOTATE_VERSION: &str = "tidegate.dev/annotate/v1";

pub(super) fn shown(
    proposal: &Proposal,
    found: &[Diagnostic],
    format: Format,
    colours: bool,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&as_json(proposal, found)?)?),
        Format::Plain => plain(proposal),
        Format::Human => human(proposal, colours),
    })
}

fn was(one: &Move) -> String {
    one.from.map_or_else(|| "none".to_owned(), |wave| wave.to_string())
}

/// Objects whose names hold control characters move no terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The moves that are made.
fn made(proposal: &Proposal) -> impl Iterator<Item = &Move> {
    let moves = proposal.waves.moves.iter().enumerate();
    moves.filter(|(number, _)| !proposal.refused.contains_key(number)).map(|(_, one)| one)
}

fn plain(proposal: &Proposal) -> String {
    let mut out = String::new();
    for one in made(proposal) {
        let place = proposal.object(one).map(|object| proposal.sources.place(object.wave_place)).unwrap_or_default();
        let because = clean(&one.because.join("; "));
        let _ = writeln!(out, "{place}: {}: wave {} -> {}: {because}", clean(&one.name), was(one), one.to);
    }
    out
}

fn human(proposal: &Proposal, colours: bool) -> String {
    let rows: Vec<[String; 3]> = made(proposal)
        .map(|one| [clean(&one.name), format!("{} → {}", was(one), one.to), clean(&one.because.join("; "))])
        .collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let (names, waves) = (width(0).max(6), width(1).max(4));
    let mut out = String::new();
    let (strong, end) = if colours { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    if !rows.is_empty() {
        let _ = writeln!(out, "{strong}{:names$}  {:waves$}  because{end}", "object", "wave");
    }
    for [name, wave, because] in &rows {
        let _ = writeln!(out, "{name:names$}  {wave:waves$}  {because}");
    }
    let kept = proposal.waves.kept;
    let stays = if kept == 1 { "1 stays".to_owned() } else { format!("{kept} stay") };
    let _ = writeln!(out, "{} to change, {stays} as given", plural(rows.len(), "wave"));
    out
}

fn as_json(proposal: &Proposal, found: &[Diagnostic]) -> anyhow::Result<Value> {
    let one = |(number, one): (usize, &Move)| {
        let r = &one.resource;
        let mut value = json!({
            "object": {"group": &*r.group, "kind": &*r.kind, "namespace": &*r.namespace, "name": &*r.name},
            "name": one.name,
            "application": one.application.as_ref().map(|app| format!("{}/{}", app.namespace, app.name)),
            "from": one.from,
            "to": one.to,
            "because": one.because,
            "refused": proposal.refused.get(&number).map(|refused| refused.message.clone()),
        });
        if let (Some(object), Some(map)) = (proposal.object(one), value.as_object_mut()) {
            let (line, column) = proposal.sources.position(object.wave_place);
            let file = proposal.sources.get(object.place.file).map_or("", |source| &source.name);
            map.insert("place".to_owned(), json!({"file": file, "line": line, "column": column}));
        }
        value
    };
    let moves: Vec<Value> = proposal.waves.moves.iter().enumerate().map(one).collect();
    let findings: Value = serde_json::from_str(&report(&proposal.sources, found, Format::Json, false))?;
    Ok(json!({"version": ANNOTATE_VERSION, "moves": moves, "kept": proposal.waves.kept, "findings": findings}))
}
