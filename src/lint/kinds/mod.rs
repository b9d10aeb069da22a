//! Checks of kinds and rules by themselves: no manifests.
//!
//! `suppose` says what an expression can come to when something is absent or empty; most checks ask it.

mod empty_all;
mod inline;
mod not_in_lua;
mod suppose;
mod unguarded;
mod unreachable;
mod waits;

use crate::diagnostic::{self, Diagnostic};
use crate::rulebook::{Kind, Rulebook};
use crate::syntax::tree::{Expr, File, HealthWord, KindDecl, KindLine, Statement};

/// All findings about the user's own kinds and rules, in the order of their places.
#[must_use]
pub fn lint(rulebook: &Rulebook, files: &[File]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for own in rulebook.kinds.iter().filter(|kind| !kind.builtin) {
        found.extend(kind(own));
    }
    for statement in files.iter().flat_map(|file| &file.statements) {
        if let Statement::Rule(rule) = statement {
            empty_all::in_rule(rule, &mut found);
            unreachable::in_rule(rule, &mut found);
        }
    }
    diagnostic::sort(&mut found);
    found
}

/// All findings about one kind.
#[must_use]
pub fn kind(kind: &Kind) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    not_in_lua::check(&kind.decl, &mut found);
    let lines = lines(&kind.decl);
    if !lines.is_empty() {
        unguarded::check(&lines, &mut found);
        empty_all::in_kind(&lines, &mut found);
        unreachable::in_kind(&lines, &mut found);
        waits::check(&kind.decl, &mut found);
    }
    diagnostic::sort(&mut found);
    found
}

/// A line that gives a status, its condition without the kind's `let`s (their expressions stand in their places).
struct Line<'t> {
    status: HealthWord,
    /// None for `otherwise`.
    when: Option<Expr>,
    /// The condition as written.
    written: Option<&'t Expr>,
    span: diagnostic::Span,
}

fn lines(kind: &KindDecl) -> Vec<Line<'_>> {
    let mut lets = inline::Lets::default();
    let mut lines = Vec::new();
    for line in &kind.lines {
        match line {
            KindLine::Let(name, expr) => lets.add(&name.node, expr),
            KindLine::Health { status, when, span, .. } => lines.push(Line {
                status: status.node,
                when: when.as_ref().map(|when| lets.inlined(when)),
                written: when.as_ref(),
                span: *span,
            }),
            KindLine::Completion(_) => {}
        }
    }
    lines
}
