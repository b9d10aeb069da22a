//! Small expressions, and questions about expressions.

use std::collections::BTreeSet;

use crate::diagnostic::{Span, Spanned};
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

pub(super) fn of(span: Span, node: ExprNode) -> Expr {
    Expr { node, span }
}

pub(super) fn bool(span: Span, value: bool) -> Expr {
    of(span, ExprNode::Bool(value))
}

pub(super) fn ident(span: Span, name: &str) -> Expr {
    of(span, ExprNode::Ident(name.to_owned()))
}

pub(super) fn name(span: Span, name: &str) -> Name {
    Spanned { node: name.to_owned(), span }
}

pub(super) fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    of(a.span, ExprNode::Binary(op, Box::new(a), Box::new(b)))
}

pub(super) fn method(on: Expr, called: &str, args: Vec<Expr>) -> Expr {
    let span = on.span;
    of(span, ExprNode::Method(Box::new(on), name(span, called), args))
}

pub(super) fn call(span: Span, called: &str, args: Vec<Expr>) -> Expr {
    of(span, ExprNode::Call(name(span, called), args))
}

/// `range.all(name, body)` and so on.
pub(super) fn over(op: MacroOp, range: Expr, var: &str, body: Expr) -> Expr {
    let span = range.span;
    of(span, ExprNode::Macro(op, Box::new(range), vec![name(span, var)], vec![body]))
}

/// A path as one that may end early: `a.b[0]` as `a.?b[?0]`.
pub(super) fn optional(path: &Expr) -> Expr {
    let node = match &path.node {
        ExprNode::Select(base, field) => ExprNode::OptSelect(Box::new(optional(base)), field.clone()),
        ExprNode::Index(base, key) => ExprNode::OptIndex(Box::new(optional(base)), key.clone()),
        other => other.clone(),
    };
    of(path.span, node)
}

/// Whether something can be absent below what the expression starts from.
pub(super) fn is_path(expr: &Expr) -> bool {
    matches!(expr.node, ExprNode::Select(..) | ExprNode::Index(..))
}

/// The variables that an expression names.
pub(super) fn variables(expr: &Expr, found: &mut BTreeSet<String>) {
    if let ExprNode::Ident(name) = &expr.node {
        found.insert(name.clone());
    }
    expr.children().into_iter().for_each(|child| variables(child, found));
}

/// Whether an expression reads no variable but those that it binds.
pub(super) fn is_closed(expr: &Expr) -> bool {
    closed_in(expr, &mut Vec::new())
}

fn closed_in<'e>(expr: &'e Expr, bound: &mut Vec<&'e str>) -> bool {
    let (outside, names, inside): (&Expr, Vec<&'e str>, &[Expr]) = match &expr.node {
        ExprNode::Ident(name) => return bound.contains(&name.as_str()),
        ExprNode::Macro(_, range, names, bodies) => (range, names.iter().map(|n| n.node.as_str()).collect(), bodies),
        ExprNode::Method(base, called, args) if matches!(called.node.as_str(), "optMap" | "optFlatMap") => {
            let Some((Expr { node: ExprNode::Ident(name), .. }, body)) = args.split_first() else { return false };
            (base, vec![name], body)
        }
        _ => return expr.children().into_iter().all(|child| closed_in(child, bound)),
    };
    if !closed_in(outside, bound) {
        return false;
    }
    let depth = bound.len();
    bound.extend(names);
    let closed = inside.iter().all(|body| closed_in(body, bound));
    bound.truncate(depth);
    closed
}

/// Whether an expression is an error for sure without this variable.
pub(super) fn needs(expr: &Expr, variable: &str) -> bool {
    let needs = |expr: &Expr| needs(expr, variable);
    match &expr.node {
        ExprNode::Ident(name) => name == variable,
        ExprNode::Binary(BinaryOp::And | BinaryOp::Or, a, b) => needs(a) && needs(b),
        ExprNode::Conditional(test, ..) => needs(test),
        ExprNode::Macro(_, range, ..) => needs(range),
        ExprNode::Method(base, called, _)
            if matches!(called.node.as_str(), "or" | "orValue" | "optMap" | "optFlatMap") =>
        {
            needs(base)
        }
        _ => expr.children().into_iter().any(needs),
    }
}

/// What a list was filtered from.
pub(super) fn unfiltered(list: &Expr) -> &Expr {
    match &list.node {
        ExprNode::Macro(MacroOp::Filter, range, ..) => unfiltered(range),
        _ => list,
    }
}
