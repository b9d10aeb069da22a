//! Parse pairs to the tree, in one pass.
//!
//! In: pest's pairs of a text that matched the grammar. Out: tree nodes, and diagnostics for what the grammar lets through on purpose so
//! that the mistake gets an error of its own (`10 minutes`, `and` mixed with `or`, a name that is too long).

mod action;
mod condition;
mod expr;
mod literal;
mod scenario;
mod statement;

pub use literal::parse_duration;

use crate::diagnostic::{Code, Diagnostic, FileId, Span};
use crate::syntax::grammar::{Pair, Pairs, Rule};

/// What building needs to know, and what it collects.
pub(super) struct Build<'d> {
    file: FileId,
    /// Where the parsed text begins in the file.
    base: usize,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
    /// The expression being built was cut at the limit of its depth.
    cut: bool,
}

impl<'d> Build<'d> {
    pub(super) fn new(file: FileId, base: usize, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        Self { file, base, diagnostics, cut: false }
    }

    /// A span of `start..end`, both counted from where the parsed text begins.
    pub(super) fn range(&self, start: usize, end: usize) -> Span {
        let at = |offset: usize| u32::try_from(self.base + offset).unwrap_or(u32::MAX);
        Span { file: self.file, start: at(start), end: at(end) }
    }

    fn span(&self, pair: &Pair<'_>) -> Span {
        self.range(pair.as_span().start(), end(pair))
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::error(code, span, message).help(help));
    }
}

/// Past the last character of a pair. Before an optional part that is not there the grammar has stepped over blanks and comments, which
/// belong to nobody.
fn end(pair: &Pair<'_>) -> usize {
    if ends_tightly(pair) {
        return pair.as_span().end();
    }
    let mut pair = pair.clone();
    loop {
        let end = pair.as_span().end();
        match pair.into_inner().next_back() {
            Some(last) if ends_tightly(&last) => return last.as_span().end(),
            Some(last) => pair = last,
            None => return end,
        }
    }
}

fn ends_tightly(pair: &Pair<'_>) -> bool {
    let text = pair.as_str();
    let last_line = text.rsplit('\n').next().unwrap_or("");
    (!text.ends_with([' ', '\t', '\r', '\n']) && !last_line.contains('#'))
        || matches!(pair.as_rule(), Rule::text | Rule::json)
}

/// Adds to a list that mostly stays at one, for which a list of the usual growth takes the room of four.
fn add<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// The children of a pair in order, without the words and marks that carry no meaning.
pub(super) struct Kids<'i> {
    pairs: Pairs<'i>,
    head: Option<Pair<'i>>,
}

impl<'i> Kids<'i> {
    pub(super) fn of(pair: Pair<'i>) -> Self {
        Self::from_pairs(pair.into_inner())
    }

    pub(super) fn from_pairs(pairs: Pairs<'i>) -> Self {
        let mut kids = Self { pairs, head: None };
        kids.advance();
        kids
    }

    fn advance(&mut self) {
        // `k_application` is the first of the words and marks in the grammar; rules are ordered as written there.
        self.head = self.pairs.by_ref().find(|p| p.as_rule() < Rule::k_application && p.as_rule() != Rule::EOI);
    }

    fn peek(&self) -> Option<&Pair<'i>> {
        self.head.as_ref()
    }

    fn next_rule(&self) -> Option<Rule> {
        self.head.as_ref().map(Pair::as_rule)
    }

    /// The next child if it is of that rule.
    fn accept(&mut self, rule: Rule) -> Option<Pair<'i>> {
        if self.next_rule() == Some(rule) { self.next() } else { None }
    }

    fn has(&mut self, rule: Rule) -> bool {
        self.accept(rule).is_some()
    }
}

impl<'i> Iterator for Kids<'i> {
    type Item = Pair<'i>;

    fn next(&mut self) -> Option<Pair<'i>> {
        let head = self.head.take()?;
        self.advance();
        Some(head)
    }
}
