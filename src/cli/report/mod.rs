//! Findings as text: for a person, for logs, for programs.
//!
//! The user's words are shown as they are, except control characters: a name on a live object must not be able to move a terminal's cursor.

mod github;
mod junit;
mod sarif;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceSpan, SpanContents,
};
use serde_json::json;

use super::format::{FindingsFormat, Format};
use crate::diagnostic::{Diagnostic, FileId, Severity, Sources, Span};

/// Columns of the human form.
const HUMAN_COLUMNS: usize = 100;
/// Characters of a source line that the plain form shows.
const PLAIN_LINE_CHARS_MAX: usize = 160;
/// Bytes of a source line before and after an underline that the human form shows.
const HUMAN_AROUND_BYTES_MAX: usize = 300;
/// Lines that one underline may cover in the human form; of a longer one the first line is shown.
const HUMAN_SPAN_LINES_MAX: usize = 6;

/// Findings in the order given. `colours` counts for `human` alone. Each form ends with a newline; `json` is one array, also when there is
/// nothing to report, and the others are then empty.
#[must_use]
pub fn report(sources: &Sources, diagnostics: &[Diagnostic], format: Format, colours: bool) -> String {
    let texts = Texts::of(sources, diagnostics);
    match format {
        Format::Human => human(&texts, diagnostics, colours),
        Format::Plain => plain(&texts, diagnostics),
        Format::Json => as_json(&texts, diagnostics),
    }
}

/// Findings in the order given, in a form that a program shows.
#[must_use]
pub fn report_findings(sources: &Sources, diagnostics: &[Diagnostic], format: FindingsFormat) -> String {
    let texts = Texts::of(sources, diagnostics);
    match format {
        FindingsFormat::Human => human(&texts, diagnostics, false),
        FindingsFormat::Plain => plain(&texts, diagnostics),
        FindingsFormat::Json => as_json(&texts, diagnostics),
        FindingsFormat::Sarif => sarif::sarif(&texts, diagnostics),
        FindingsFormat::Junit => junit::junit(&texts, diagnostics),
        FindingsFormat::Github => github::github(&texts, diagnostics),
    }
}

/// `2 errors, 1 warning, 3 notes`; empty when there is nothing.
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let words =
        [(count(Severity::Error), "error"), (count(Severity::Warning), "warning"), (count(Severity::Note), "note")];
    let words =
        words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}{}", if *n == 1 { "" } else { "s" }));
    words.collect::<Vec<_>>().join(", ")
}

pub(in crate::cli) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The texts that findings point into, with their lines found once.
struct Texts<'s> {
    files: BTreeMap<FileId, File<'s>>,
}

struct File<'s> {
    name: String,
    text: &'s str,
    /// As `text`, byte for byte as long, without control characters.
    shown: String,
    /// Where lines begin.
    lines: Vec<usize>,
}

/// A place, from 1; columns in characters.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl<'s> Texts<'s> {
    fn of(sources: &'s Sources, diagnostics: &[Diagnostic]) -> Self {
        let mut files = BTreeMap::new();
        for span in diagnostics.iter().flat_map(|d| std::iter::once(d.span).chain(d.related.iter().map(|r| r.0))) {
            files.entry(span.file).or_insert_with(|| {
                let source = sources.get(span.file);
                let text = source.map_or("", |s| &s.text);
                let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
                File { name: harmless(source.map_or("", |s| &s.name)), text, shown: harmless(text), lines }
            });
        }
        Self { files }
    }

    /// The file, and the span's bytes moved onto characters that exist.
    fn find(&self, span: Span) -> Option<(&File<'s>, usize, usize)> {
        let file = self.files.get(&span.file)?;
        let floor = |at: u32| {
            let mut at = (at as usize).min(file.text.len());
            while !file.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        Some((file, start, floor(span.end).max(start)))
    }

    fn place(&self, span: Span) -> (&str, Place, Place) {
        let nowhere = Place { line: 1, column: 1 };
        self.find(span).map_or(("", nowhere, nowhere), |(file, start, end)| {
            (file.name.as_str(), file.place(start), file.place(end))
        })
    }
}

impl File<'_> {
    /// The index of the line that holds a byte.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).copied().unwrap_or(0)
    }

    /// Past the last byte of a line, its newline left out.
    fn line_end(&self, line: usize) -> usize {
        self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1)
    }

    fn place(&self, at: usize) -> Place {
        let line = self.line(at);
        let before = self.text.get(self.line_start(line)..at).unwrap_or("");
        Place { line: line + 1, column: before.chars().count() + 1 }
    }
}

/// Control characters become as many `?` as they have bytes, so that every place stays where it is.
fn harmless(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\r' => out.push(' '),
            c if c.is_control() && c != '\n' => (0..c.len_utf8()).for_each(|_| out.push('?')),
            c => out.push(c),
        }
    }
    out
}

/// [`harmless`] on one line: a line break in the user's words must not look like the next finding.
fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

// ---- plain ----

fn plain(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        // Writing to a String does not fail.
        let _ = plain_one(texts, d, &mut out);
    }
    out
}

fn plain_one(texts: &Texts<'_>, d: &Diagnostic, out: &mut String) -> std::fmt::Result {
    let (name, place, _) = texts.place(d.span);
    let message = one_line(&d.message);
    writeln!(out, "{name}:{}:{}: {}[{}]: {message}", place.line, place.column, severity(d.severity), d.code)?;
    if let Some((file, start, end)) = texts.find(d.span) {
        let line = file.line(start);
        let from = file.line_start(line);
        let to = file.line_end(line);
        let margin = " ".repeat(place.line.to_string().len());
        let shown = |a: usize, b: usize| file.shown.get(a..b).unwrap_or("");
        let (mut before, mut under, mut after) =
            (shown(from, start), shown(start, end.min(to)), shown(end.min(to), to));
        // A long line is cut around the underline.
        let (mut left, mut right) = ("", "");
        if before.chars().count() > PLAIN_LINE_CHARS_MAX / 2 {
            before = last_characters(before, PLAIN_LINE_CHARS_MAX / 2);
            left = "…";
        }
        let room = PLAIN_LINE_CHARS_MAX.saturating_sub(before.chars().count());
        if under.chars().count() > room {
            under = first_characters(under, room);
            (after, right) = ("", "…");
        }
        let room = room.saturating_sub(under.chars().count());
        if after.chars().count() > room {
            after = first_characters(after, room);
            right = "…";
        }
        let line = format!("{left}{before}{under}{after}{right}");
        writeln!(out, "  {} | {}", place.line, line.trim_end())?;
        let blank = " ".repeat(left.chars().count() + before.chars().count());
        let marks = "^".repeat(under.trim_end().chars().count().max(1));
        writeln!(out, "{}", format!("  {margin} | {blank}{marks} {}", one_line(&d.label)).trim_end())?;
    }
    for (span, text) in &d.related {
        let (name, place, _) = texts.place(*span);
        writeln!(out, "  see {name}:{}:{}: {}", place.line, place.column, one_line(text))?;
    }
    if !d.help.is_empty() {
        writeln!(out, "  help: {}", one_line(&d.help))?;
    }
    writeln!(out)
}

fn first_characters(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

fn last_characters(text: &str, count: usize) -> &str {
    let skip = text.chars().count().saturating_sub(count);
    text.char_indices().nth(skip).and_then(|(at, _)| text.get(at..)).unwrap_or(text)
}

// ---- json ----

fn as_json(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> String {
    let place = |span: Span, key: &str, words: &str| {
        let (file, start, end) = texts.place(span);
        json!({
            "file": file, "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column, key: words
        })
    };
    let one = |d: &Diagnostic| {
        let mut value = place(d.span, "message", &d.message);
        if let Some(object) = value.as_object_mut() {
            object.insert("code".to_owned(), json!(d.code.to_string()));
            object.insert("severity".to_owned(), json!(severity(d.severity)));
            object.insert("label".to_owned(), json!(d.label));
            object.insert("help".to_owned(), json!(d.help));
            let related: Vec<_> = d.related.iter().map(|(span, text)| place(*span, "message", text)).collect();
            object.insert("related".to_owned(), json!(related));
        }
        value
    };
    let all: Vec<_> = diagnostics.iter().map(one).collect();
    // Values made here always serialize.
    let mut out = serde_json::to_string_pretty(&all).unwrap_or_default();
    out.push('\n');
    out
}

// ---- human ----

fn human(texts: &Texts<'_>, diagnostics: &[Diagnostic], colours: bool) -> String {
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(HUMAN_COLUMNS)
        .with_links(false)
        .with_primary_span_start()
        // One line tells `read_span` that lines are wanted, not the place for the head: none are shown around the underlined.
        .with_context_lines(1)
        .with_show_related_as_nested(true);
    let mut out = String::new();
    for d in diagnostics {
        let mut one = String::new();
        if handler.render_report(&mut one, &Finding::of(texts, d)).is_err() {
            one.clear();
            let _ = plain_one(texts, d, &mut one);
        }
        for line in one.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// A diagnostic as miette takes it. Places in other files are findings of their own, below.
struct Finding<'t> {
    message: String,
    code: Option<String>,
    severity: Severity,
    help: String,
    file: Option<&'t File<'t>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Finding<'t>>,
}

impl<'t> Finding<'t> {
    fn of(texts: &'t Texts<'t>, d: &Diagnostic) -> Self {
        let mut labels = Vec::new();
        let mut elsewhere = Vec::new();
        let mut file = None;
        let nested = |(span, _): &(Span, String)| {
            span.file == d.span.file && span.start >= d.span.start && span.end <= d.span.end && *span != d.span
        };
        if let Some((found, start, end)) = texts.find(d.span) {
            file = Some(found);
            // Underlines within one another push each other off the line: then the outer one is a point.
            let length = if d.related.iter().any(nested) { 0 } else { found.underline(start, end) };
            labels.push(LabeledSpan::new_primary_with_span(some(&d.label), SourceSpan::new(start.into(), length)));
        }
        for (span, text) in &d.related {
            let Some((found, start, end)) = texts.find(*span) else { continue };
            let label = LabeledSpan::new(some(text), start, found.underline(start, end));
            if span.file == d.span.file {
                labels.push(label);
            } else {
                elsewhere.push(Finding {
                    message: harmless(text),
                    code: None,
                    severity: Severity::Note,
                    help: String::new(),
                    file: Some(found),
                    labels: vec![LabeledSpan::new(None, start, found.underline(start, end))],
                    elsewhere: Vec::new(),
                });
            }
        }
        Finding {
            message: harmless(&d.message),
            code: Some(d.code.to_string()),
            severity: d.severity,
            help: harmless(&d.help),
            file,
            labels,
            elsewhere,
        }
    }
}

fn some(text: &str) -> Option<String> {
    if text.is_empty() { None } else { Some(harmless(text)) }
}

impl File<'_> {
    /// Never longer than what is shown of an endless line.
    fn shorter(&self, start: usize, end: usize) -> usize {
        let mut length = end.saturating_sub(start).min(HUMAN_AROUND_BYTES_MAX);
        while !self.shown.is_char_boundary(start + length) {
            length -= 1;
        }
        length
    }

    /// How long an underline is shown: one that covers many lines ends with its first.
    fn underline(&self, start: usize, end: usize) -> usize {
        let line = self.line(start);
        if self.line(end) >= line + HUMAN_SPAN_LINES_MAX {
            self.shorter(start, self.line_end(line))
        } else {
            self.shorter(start, end)
        }
    }
}

impl miette::SourceCode for File<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let head = before == 0 && after == 0;
        let first = self.line(start).saturating_sub(before.saturating_sub(1));
        let last = (self.line(end) + after.saturating_sub(1)).min(self.lines.len().saturating_sub(1));
        let mut from = self.line_start(first);
        let mut to = self.line_end(last);
        // Only the neighbourhood of an underline in an endless line.
        if start.saturating_sub(from) > HUMAN_AROUND_BYTES_MAX {
            from = start - HUMAN_AROUND_BYTES_MAX / 3;
        }
        if to.saturating_sub(end) > HUMAN_AROUND_BYTES_MAX {
            to = end + HUMAN_AROUND_BYTES_MAX / 3;
        }
        while !self.shown.is_char_boundary(from) {
            from -= 1;
        }
        while !self.shown.is_char_boundary(to) {
            to += 1;
        }
        let data = self.shown.get(from..to).ok_or(MietteError::OutOfBounds)?.as_bytes();
        let place = self.place(if head { start } else { from });
        let covered = SourceSpan::new(from.into(), data.len());
        let lines = last - first + 1;
        let contents =
            MietteSpanContents::new_named(self.name.clone(), data, covered, place.line - 1, place.column - 1, lines);
        Ok(Box::new(contents))
    }
}

impl std::fmt::Debug for Finding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding<'_> {}

impl miette::Diagnostic for Finding<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn std::fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        if self.help.is_empty() { None } else { Some(Box::new(&self.help)) }
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.file.map(|file| file as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|finding| finding as &dyn miette::Diagnostic)))
    }
}
