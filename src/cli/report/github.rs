//! Workflow commands of GitHub Actions: a line a finding, shown at its place in a pull request.

use super::Texts;
use crate::diagnostic::{Diagnostic, Severity};

pub(super) fn github(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let (file, start, end) = texts.place(d.span);
        let command = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        // Columns are shown only for findings within one line.
        let columns = if start.line == end.line {
            format!(",col={},endColumn={}", start.column, end.column)
        } else {
            String::new()
        };
        let message = if d.help.is_empty() { d.message.clone() } else { format!("{}\nhelp: {}", d.message, d.help) };
        let (file, message) = (property(file), data(&message));
        out.push_str(&format!(
            "::{command} file={file},line={},endLine={}{columns},title={}::{message}\n",
            start.line, end.line, d.code
        ));
    }
    out
}

/// What would end a command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What would end a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
