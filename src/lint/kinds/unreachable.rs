//! TG212: a line that can never decide, and a condition that is always the same.

use std::collections::BTreeSet;

use super::Line;
use super::suppose::Suppose;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::print_expr;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, RuleDecl};

/// The most alternatives of a condition that are compared.
const ALTERNATIVES_MAX: usize = 32;

/// A condition as alternatives, each a set of conditions that all hold.
type Alternatives = Vec<BTreeSet<String>>;

pub(super) fn in_kind(lines: &[Line<'_>], found: &mut Vec<Diagnostic>) {
    let mut earlier: Vec<(Alternatives, Span)> = Vec::new();
    let mut always: Option<Span> = None;
    for line in lines {
        if let Some(first) = always {
            let message = "this line is never reached: one before it always holds";
            let warning = Diagnostic::warning(Code::UNREACHABLE, line.span, message);
            let help = "leave one of them out, or write `otherwise` in place of the condition that always holds";
            found.push(warning.related(first, "always holds").help(help));
            return;
        }
        let (Some(when), Some(written)) = (&line.when, line.written) else { continue };
        let outcomes = Suppose::default().outcomes(when);
        if outcomes.always_holds() {
            always = Some(written.span);
            continue;
        }
        if !outcomes.can_hold() {
            let message = "this line is never reached: its condition never holds";
            found.push(Diagnostic::warning(Code::UNREACHABLE, written.span, message).help("leave the line out"));
            continue;
        }
        let Some(own) = alternatives(when) else { continue };
        // Each way in which this line holds is one in which an earlier line does.
        let covering = |(first, _): &&(Alternatives, Span)| own.iter().all(|o| first.iter().any(|f| o.is_superset(f)));
        match earlier.iter().find(covering) {
            Some((_, first)) => {
                let message = "this line is never reached: whenever it holds, one before it does";
                let warning = Diagnostic::warning(Code::UNREACHABLE, written.span, message);
                found.push(warning.related(*first, "the one before").help("put it before that one, or leave it out"));
            }
            None => earlier.push((own, written.span)),
        }
    }
}

/// An expression in a rule's condition that does not depend on anything.
pub(super) fn in_rule(rule: &RuleDecl, found: &mut Vec<Diagnostic>) {
    super::empty_all::expressions(&rule.when, &mut |expr| {
        let outcomes = Suppose::default().outcomes(expr);
        let (message, help) = if outcomes.always_holds() {
            ("this condition always holds", "leave it out")
        } else if !outcomes.can_hold() {
            ("this condition never holds", "leave the rule out, or ask for something that can be")
        } else {
            return;
        };
        found.push(Diagnostic::warning(Code::UNREACHABLE, expr.span, message).help(help));
    });
}

/// None where there are too many.
fn alternatives(expr: &Expr) -> Option<Alternatives> {
    match &expr.node {
        ExprNode::Binary(BinaryOp::Or, a, b) => {
            let mut all = alternatives(a)?;
            all.extend(alternatives(b)?);
            (all.len() <= ALTERNATIVES_MAX).then_some(all)
        }
        ExprNode::Binary(BinaryOp::And, a, b) => {
            let (left, right) = (alternatives(a)?, alternatives(b)?);
            let both = |x: &BTreeSet<String>, y: &BTreeSet<String>| x.union(y).cloned().collect();
            let all: Alternatives = left.iter().flat_map(|x| right.iter().map(move |y| both(x, y))).collect();
            (all.len() <= ALTERNATIVES_MAX).then_some(all)
        }
        _ => Some(vec![BTreeSet::from([print_expr(expr)])]),
    }
}
