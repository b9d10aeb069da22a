//! Text to tree. A file that is right is parsed once, in large chunks; one that is not, statement by statement.

use super::build::{Build, Kids};
use super::grammar::{self, Pairs, Rule};
use super::tree::{Condition, Expr, File, Statement};
use super::{explain, limits, recover};
use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};

/// The tree of one file. What does not parse is missing from it, with a diagnostic for each statement.
#[must_use]
pub fn parse(sources: &Sources, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> File {
    let Some(text) = text_within_limits(sources, file, diagnostics) else { return File::default() };
    let mut out = File::default();
    let first = diagnostics.len();
    if in_chunks(file, text, diagnostics, &mut out.statements).is_some() {
        return out;
    }
    out.statements.clear();
    diagnostics.truncate(first);
    match grammar::run(Rule::file, text) {
        Ok(pairs) => statements(pairs, &mut Build::new(file, 0, diagnostics), &mut out.statements),
        Err(_) => {
            recover::statements(file, text, diagnostics, &mut out.statements);
            bound_errors(file, first, diagnostics);
        }
    }
    out
}

/// Parses some hundred statements at a time, each piece of text once, so that pest's tokens stay in the processor's cache. None if a chunk does
/// not parse: then either the text is wrong, or the cut was (it goes by the look of the lines), which the parse of the whole text will tell.
fn in_chunks(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) -> Option<()> {
    for (start, end) in recover::chunks(text, CHUNK_BYTES) {
        let pairs = grammar::run(Rule::file, text.get(start..end)?).ok()?;
        statements(pairs, &mut Build::new(file, start, diagnostics), out);
    }
    Some(())
}

/// Bytes of text that are parsed at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The tree of a lone condition, as in `tidegate wait "CONDITION"`.
#[must_use]
pub fn parse_condition(sources: &Sources, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    let text = text_within_limits(sources, file, diagnostics)?;
    let pair = alone(Rule::only_condition, file, text, diagnostics)?.next()?;
    Build::new(file, 0, diagnostics).condition(pair)
}

/// The tree of a lone expression.
#[must_use]
pub fn parse_expr(sources: &Sources, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> Option<Expr> {
    let text = text_within_limits(sources, file, diagnostics)?;
    let pair = alone(Rule::only_expr, file, text, diagnostics)?.next()?;
    Some(Build::new(file, 0, diagnostics).expr(pair))
}

/// pest's parse of a file and nothing else, for the benchmark: the number of statements, or none if it does not parse.
#[doc(hidden)]
#[must_use]
pub fn bare_parse(text: &str) -> Option<usize> {
    let mut pairs = grammar::run(Rule::file, text).ok()?;
    Some(Kids::of(pairs.next()?).count())
}

fn alone<'i>(rule: Rule, file: FileId, text: &'i str, diagnostics: &mut Vec<Diagnostic>) -> Option<Kids<'i>> {
    match grammar::run(rule, text) {
        Ok(mut pairs) => Some(Kids::of(pairs.next()?)),
        Err(failure) => {
            diagnostics.push(explain::explain(&failure, file, text, 0));
            None
        }
    }
}

/// Builds every statement of a parse of `file`.
pub(super) fn statements(mut pairs: Pairs<'_>, build: &mut Build<'_>, out: &mut Vec<Statement>) {
    let Some(file) = pairs.next() else { return };
    for pair in Kids::of(file) {
        if out.len() >= limits::STATEMENTS_MAX {
            let span = build.range(pair.as_span().start(), pair.as_span().end());
            build.diagnostics.push(
                Diagnostic::error(
                    Code::LIMIT,
                    span,
                    format!("a file has more than {} statements", limits::STATEMENTS_MAX),
                )
                .help("split it into several files"),
            );
            return;
        }
        out.extend(build.statement(pair));
    }
}

fn text_within_limits<'s>(sources: &'s Sources, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> Option<&'s str> {
    let text: &str = &sources.get(file)?.text;
    if text.len() > limits::FILE_BYTES_MAX {
        let span = Span { file, start: 0, end: 0 };
        diagnostics.push(
            Diagnostic::error(
                Code::LIMIT,
                span,
                format!("a file has {} bytes; {} are allowed", text.len(), limits::FILE_BYTES_MAX),
            )
            .help("split it into several files"),
        );
        return None;
    }
    Some(text)
}

fn bound_errors(file: FileId, first: usize, diagnostics: &mut Vec<Diagnostic>) {
    let found = diagnostics.len().saturating_sub(first);
    if found > limits::ERRORS_MAX {
        diagnostics.truncate(first + limits::ERRORS_MAX);
        let span = diagnostics.last().map_or(Span { file, start: 0, end: 0 }, |d| d.span);
        let more = found - limits::ERRORS_MAX;
        diagnostics.push(Diagnostic::note(Code::LIMIT, span, format!("{more} more errors in this file are not shown")));
    }
}
