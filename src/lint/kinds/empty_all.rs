//! TG211: `all` over a list that can be empty, as a gate: nothing is there, and the gate is open.

use super::Line;
use super::suppose::{Outcomes, Suppose};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Value;
use crate::syntax::print_expr;
use crate::syntax::tree::{Condition, Expr, ExprNode, HealthWord, MacroOp, RuleDecl};

/// In a rule's condition.
pub(super) fn in_rule(rule: &RuleDecl, found: &mut Vec<Diagnostic>) {
    let mut alls = Vec::new();
    expressions(&rule.when, &mut |expr| collect(expr, &mut alls));
    for (whole, range) in alls {
        let empty = supposed_empty(range);
        if of_condition(&rule.when, &empty).can_hold() {
            found.push(warning(whole, range));
        }
    }
}

/// In a kind's line that says healthy: what a wave waits for.
pub(super) fn in_kind(lines: &[Line<'_>], found: &mut Vec<Diagnostic>) {
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.status == HealthWord::Healthy) {
        let Some(when) = &line.when else { continue };
        let mut alls = Vec::new();
        collect(when, &mut alls);
        for (whole, range) in alls {
            let empty = supposed_empty(range);
            let earlier = lines.get(..at).unwrap_or_default().iter().filter_map(|line| line.when.as_ref());
            let decided = earlier.into_iter().any(|when| empty.outcomes(when).always_holds());
            if !decided && empty.outcomes(when).can_hold() {
                found.push(warning(whole, range));
            }
        }
    }
}

fn supposed_empty(range: &Expr) -> Suppose<'static> {
    let empty = Value::List(std::sync::Arc::new([]));
    Suppose { given: Some((print_expr(range), empty)), ..Suppose::default() }
}

/// Each `all` with its list, if that can be empty as far as one sees.
fn collect<'e>(expr: &'e Expr, into: &mut Vec<(&'e Expr, &'e Expr)>) {
    if let ExprNode::Macro(MacroOp::All, range, ..) = &expr.node
        && !matches!(&range.node, ExprNode::List(items) if !items.is_empty())
    {
        into.push((expr, range));
    }
    // A list within a member is a matter of that member.
    match &expr.node {
        ExprNode::Macro(_, range, ..) => collect(range, into),
        _ => expr.children().into_iter().for_each(|child| collect(child, into)),
    }
}

/// Runs over the expressions of a condition.
pub(super) fn expressions<'t>(condition: &'t Condition, visit: &mut impl FnMut(&'t Expr)) {
    match condition {
        Condition::And(parts, _) | Condition::Or(parts, _) => {
            parts.iter().for_each(|part| expressions(part, visit));
        }
        Condition::Then(a, b, _) => {
            expressions(a, visit);
            expressions(b, visit);
        }
        Condition::Not(a, _) => expressions(a, visit),
        Condition::Resource(_) => {}
        Condition::Expr(expr) => visit(expr),
    }
}

fn of_condition(condition: &Condition, suppose: &Suppose<'_>) -> Outcomes {
    match condition {
        Condition::And(parts, _) => Suppose::all(parts.iter().map(|part| of_condition(part, suppose))),
        Condition::Or(parts, _) => Suppose::any(parts.iter().map(|part| of_condition(part, suppose))),
        Condition::Then(a, b, _) => Suppose::all([of_condition(a, suppose), of_condition(b, suppose)]),
        Condition::Not(a, _) => Suppose::not(of_condition(a, suppose)),
        Condition::Resource(_) => Suppose::either(),
        Condition::Expr(expr) => suppose.outcomes(expr),
    }
}

fn warning(whole: &Expr, range: &Expr) -> Diagnostic {
    let list = print_expr(range);
    let message = format!("`all` is true of an empty list: this holds while `{list}` has nothing in it");
    Diagnostic::warning(Code::EMPTY_ALL, whole.span, message).help(format!("ask `size({list}) > 0` too"))
}
