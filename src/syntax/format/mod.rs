//! The one layout.
//!
//! In: the text of a rule file. Out: the same statements in the one layout, comments kept; formatting it again changes nothing. A text that does
//! not parse is left alone: its diagnostics come out instead.

mod comments;
mod lines;
mod scenarios;
mod statements;

use super::parse;
use crate::diagnostic::{Diagnostic, Severity, Sources};

/// Columns that a rule written in one line may take.
pub(super) const LINE_COLUMNS_MAX: usize = 100;

/// The text in the one layout, ending with a newline (an empty text stays empty).
///
/// # Errors
/// The diagnostics, when the text does not parse. Their file is the only one: they are shown with [`Sources`] that hold this text alone.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, file, &mut diagnostics);
    diagnostics.retain(|d| d.severity == Severity::Error);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let mut lines = statements::layout(text, &tree);
    let tail = comments::attach(text, &mut lines);
    Ok(lines::join(text, &lines, &tail))
}
