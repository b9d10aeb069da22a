//! Health for people.

use std::fmt::Write as _;

use super::Told;
use super::cases::{Case, Outcome, Summary};
use super::why::Deciding;
use crate::cli::Format;

/// One object.
pub fn told(told: &Told, format: Format) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = match (&told.status, &told.deciding) {
        (Some(status), Some(deciding)) if format == Format::Plain => {
            // One line an object, whatever its message holds.
            let found = joined(status, told.message.as_deref().unwrap_or_default()).replace('\n', "\\n");
            writeln!(text, "{}: {}: {found} ({})", told.at, told.object, deciding.line)
        }
        (Some(status), Some(deciding)) => {
            let _ = writeln!(text, "{}  {}", told.object, joined(status, told.message.as_deref().unwrap_or_default()));
            if let Some(since) = &told.since {
                let _ = writeln!(text, "  since {since}");
            }
            if told.deleting {
                let _ = writeln!(text, "  it is being deleted; otherwise this line would decide:");
            }
            why(&mut text, deciding, 2);
            Ok(())
        }
        _ if format == Format::Plain => writeln!(text, "{}: {}: no kind", told.at, told.object),
        _ => writeln!(text, "{}  no kind says how to read it\n  {}", told.object, told.at),
    };
    text
}

/// All cases: those that are not as expected, and the counts.
pub fn summary(summary: &Summary, format: Format) -> String {
    let mut text = String::new();
    for case in &summary.results {
        if matches!(case.outcome, Outcome::StatusOnly | Outcome::Differing) {
            wrong(&mut text, case, format);
        }
    }
    let _ = writeln!(
        text,
        "{} cases: {} exact, {} in status only, {} differing, {} without a kind",
        summary.cases, summary.exact, summary.status_only, summary.differing, summary.without_kind
    );
    text
}

fn wrong(text: &mut String, case: &Case, format: Format) {
    let (Some(got), Some(deciding)) = (&case.got, &case.deciding) else { return };
    let (expected, found) = (joined(&case.expected.status, &case.expected.message), joined(&got.status, &got.message));
    let what = if case.outcome == Outcome::StatusOnly { "another message" } else { "differs" };
    if format == Format::Plain {
        let line = &deciding.line;
        let _ = writeln!(text, "{}: {what}: expected {expected:?}, got {found:?} ({line})", case.input);
        return;
    }
    let _ = writeln!(text, "{}  {what}", case.input);
    let _ = writeln!(text, "  expected  {expected}");
    let _ = writeln!(text, "  got       {found}");
    why(text, deciding, 2);
    text.push('\n');
}

fn why(text: &mut String, deciding: &Deciding, indent: usize) {
    let _ = writeln!(text, "{:indent$}{}  {}", "", deciding.line, deciding.text);
    for looked in &deciding.values {
        let _ = writeln!(text, "{:indent$}  {} is {}", "", looked.expression, looked.value);
    }
    for passed in deciding.passed.iter().filter(|passed| passed.holds != "false") {
        let _ = writeln!(text, "{:indent$}{}  does not hold: {}", "", passed.line, passed.holds);
    }
}

fn joined(status: &str, message: &str) -> String {
    if message.is_empty() { status.to_owned() } else { format!("{status}: {message}") }
}
