//! Timelines as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::player::Played;
use super::timeline::{Entry, Who, span};

/// How a timeline looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Marks instead of words.
    pub marks: bool,
    /// Terminal colours.
    pub colours: bool,
}

/// Columns of who did it.
const WHO: usize = 10;

/// Timelines for a person.
#[must_use]
pub fn as_text(played: &[Played], look: Look) -> String {
    let mut text = String::new();
    for (index, played) in played.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        scenario(&mut text, played, look);
    }
    text
}

fn scenario(text: &mut String, played: &Played, look: Look) {
    let title = paint(look, "1", &format!("scenario \"{}\"", printable(&played.name)));
    let _ = writeln!(text, "{title}, from {}\n", played.start);
    let times = played.timeline.entries.iter().map(|entry| match entry {
        Entry::Happened { at, .. } => span(*at).len(),
        Entry::Expected { .. } => 0,
    });
    let time = times.max().unwrap_or(0) + 3;
    for entry in &played.timeline.entries {
        match entry {
            Entry::Happened { at, who, what, why } => {
                let colour = match who {
                    Who::Tidegate => "36",
                    Who::Scenario => "33",
                    Who::ArgoCd | Who::Operators => "2",
                };
                let who = paint(look, colour, &format!("{:WHO$}", who.name()));
                let why = if why.is_empty() {
                    String::new()
                } else {
                    paint(look, "2", &format!("   because {}", printable(why)))
                };
                let _ = writeln!(text, "{:time$}{who} {}{why}", span(*at), printable(what));
            }
            Entry::Expected { at, what, instead } => {
                let when = at.map_or_else(|| "at the end".to_owned(), |at| format!("at {}", span(at)));
                let fine = instead.is_empty();
                let mark = match (look.marks, fine) {
                    (true, true) => "✓",
                    (true, false) => "✗",
                    (false, true) => "ok",
                    (false, false) => "FAILED",
                };
                let mark = paint(look, if fine { "32" } else { "1;31" }, &format!("{mark:WHO$}"));
                let _ = writeln!(text, "{:time$}{mark} expected {when}: {}", "", printable(what));
                for line in instead {
                    let _ = writeln!(text, "{:width$}{}", "", printable(line), width = time + WHO + 5);
                }
            }
        }
    }
    let expected = played.timeline.entries.iter().filter(|entry| matches!(entry, Entry::Expected { .. })).count();
    let verdict = match played.problems {
        0 => paint(look, "32", &format!("{expected} of {expected} as expected")),
        problems => paint(look, "1;31", &format!("{problems} of {expected} not as expected")),
    };
    let _ = writeln!(text, "\n{verdict}");
}

fn paint(look: Look, code: &str, text: &str) -> String {
    if look.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Names and messages on objects may be hostile: no control characters reach the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Timelines for a program. Times are milliseconds after the scenario's start.
#[must_use]
pub fn as_json(played: &[Played]) -> String {
    let entry = |entry: &Entry| match entry {
        Entry::Happened { at, who, what, why } => {
            json!({"at": u64::try_from(at.as_millis()).unwrap_or(u64::MAX), "who": who.name(), "what": what, "why": why})
        }
        Entry::Expected { at, what, instead } => json!({
            "at": at.map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX)),
            "expected": what, "fine": instead.is_empty(), "instead": instead,
        }),
    };
    let scenario = |played: &Played| {
        json!({
            "name": played.name,
            "start": played.start.to_string(),
            "problems": played.problems,
            "timeline": played.timeline.entries.iter().map(entry).collect::<Json>(),
        })
    };
    format!("{:#}\n", json!({"version": 1, "scenarios": played.iter().map(scenario).collect::<Json>()}))
}
