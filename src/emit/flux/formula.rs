//! Conditions as and, or and not of atoms, each of which is a CEL expression. An atom is only ever evaluated beside what guards it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::make;
use crate::expr::{Lets, Program, Scope, Value};
use crate::syntax::print_expr;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode};

/// A condition that is true or false of every object that has the fields at its top.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Formula {
    True,
    False,
    /// An atom, or its opposite.
    Is(Atom, bool),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// A CEL condition without `&&`, `||` and `!` at its top.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    pub expr: Arc<Expr>,
    /// Its canonical text: atoms of one text are one.
    pub text: Arc<str>,
    pub shape: Arc<Shape>,
}

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        self.text == other.text
    }
}

/// What can be concluded from an atom, and about it.
#[derive(Debug)]
pub(super) enum Shape {
    /// A path is there. The path is in its optional form.
    Present(String),
    /// A subject is one of these literals.
    OneOf {
        subject: String,
        literals: Vec<Literal>,
        /// If the subject is `PATH.orValue(LITERAL)`: both.
        path: Option<(String, Literal)>,
    },
    /// `NAME == null`: false where the field at the top of the object is there, an error where it is not.
    Root(String),
    Other,
}

/// Literals of which it is plain whether they are equal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Bool(bool),
    Int(i64),
    String(String),
}

impl Literal {
    pub(super) fn of(expr: &Expr) -> Option<Literal> {
        Some(match &expr.node {
            ExprNode::Bool(b) => Literal::Bool(*b),
            ExprNode::Int(i) => Literal::Int(*i),
            ExprNode::String(s) => Literal::String(s.clone()),
            _ => return None,
        })
    }
}

impl Formula {
    /// The variables that its atoms read, those that they bind among them.
    pub(super) fn variables(&self, found: &mut BTreeSet<String>) {
        match self {
            Formula::True | Formula::False => {}
            Formula::Is(atom, _) => make::variables(&atom.expr, found),
            Formula::All(items) | Formula::Any(items) => items.iter().for_each(|item| item.variables(found)),
        }
    }

    /// An expression that is a bool, or an error where what guards it is false.
    pub(super) fn of(expr: Expr) -> Formula {
        if let Some(value) = constant(&expr) {
            return value;
        }
        match expr.node {
            ExprNode::Not(inner) => Formula::of(*inner).negated(),
            ExprNode::Binary(BinaryOp::And, a, b) => Formula::all([Formula::of(*a), Formula::of(*b)]),
            ExprNode::Binary(BinaryOp::Or, a, b) => Formula::any([Formula::of(*a), Formula::of(*b)]),
            ExprNode::Binary(op @ (BinaryOp::Ne | BinaryOp::Gt | BinaryOp::Ge), a, b) => {
                Formula::of(make::of(expr.span, ExprNode::Binary(opposite(op), a, b))).negated()
            }
            // So that one question has one text.
            ExprNode::Binary(BinaryOp::Le, a, b) if is_size(&a) && matches!(b.node, ExprNode::Int(0)) => {
                Formula::of(make::of(expr.span, ExprNode::Binary(BinaryOp::Eq, a, b)))
            }
            ExprNode::Binary(BinaryOp::Lt, a, b) if is_size(&a) && matches!(b.node, ExprNode::Int(1)) => {
                let zero = make::of(b.span, ExprNode::Int(0));
                Formula::of(make::binary(BinaryOp::Eq, *a, zero))
            }
            // The literal stands on the right.
            ExprNode::Binary(BinaryOp::Eq, a, b) if Literal::of(&a).is_some() && Literal::of(&b).is_none() => {
                Formula::Is(Atom::new(make::of(expr.span, ExprNode::Binary(BinaryOp::Eq, b, a))), true)
            }
            _ => Formula::Is(Atom::new(expr), true),
        }
    }

    pub(super) fn all(of: impl IntoIterator<Item = Formula>) -> Formula {
        let mut items = Vec::new();
        for item in of {
            match item {
                Formula::True => {}
                Formula::All(inner) => inner.into_iter().for_each(|item| push(&mut items, item)),
                other => push(&mut items, other),
            }
        }
        if items.contains(&Formula::False) || items.iter().any(|item| has_opposite(&items, item)) {
            return Formula::False;
        }
        single(items, Formula::True, Formula::All)
    }

    pub(super) fn any(of: impl IntoIterator<Item = Formula>) -> Formula {
        let mut items = Vec::new();
        for item in of {
            match item {
                Formula::False => {}
                Formula::Any(inner) => inner.into_iter().for_each(|item| push(&mut items, item)),
                other => push(&mut items, other),
            }
        }
        if items.contains(&Formula::True) || items.iter().any(|item| has_opposite(&items, item)) {
            return Formula::True;
        }
        single(items, Formula::False, Formula::Any)
    }

    pub(super) fn negated(self) -> Formula {
        match self {
            Formula::True => Formula::False,
            Formula::False => Formula::True,
            Formula::Is(atom, is) => Formula::Is(atom, !is),
            Formula::All(items) => Formula::any(items.into_iter().map(Formula::negated)),
            Formula::Any(items) => Formula::all(items.into_iter().map(Formula::negated)),
        }
    }

    /// As one expression, for the body of a macro.
    pub(super) fn expr(&self, like: &Expr) -> Expr {
        let joined = |op: BinaryOp, items: &[Formula]| {
            let mut exprs = items.iter().map(|item| item.expr(like));
            let first = exprs.next().unwrap_or_else(|| make::bool(like.span, op == BinaryOp::And));
            exprs.fold(first, |a, b| make::binary(op, a, b))
        };
        match self {
            Formula::True => make::bool(like.span, true),
            Formula::False => make::bool(like.span, false),
            Formula::Is(atom, is) => atom.said(*is),
            Formula::All(items) => joined(BinaryOp::And, items),
            Formula::Any(items) => joined(BinaryOp::Or, items),
        }
    }
}

impl Atom {
    fn new(expr: Expr) -> Atom {
        let text = print_expr(&expr);
        let shape = Arc::new(Shape::of(&expr));
        Atom { expr: Arc::new(expr), text: text.into(), shape }
    }

    /// The atom or its opposite, as CEL.
    pub(super) fn said(&self, is: bool) -> Expr {
        let expr = Expr::clone(&self.expr);
        if is {
            return expr;
        }
        match expr.node {
            ExprNode::Binary(BinaryOp::Eq, a, b) if is_size(&a) && matches!(b.node, ExprNode::Int(0)) => {
                make::of(expr.span, ExprNode::Binary(BinaryOp::Gt, a, b))
            }
            ExprNode::Binary(op @ (BinaryOp::Eq | BinaryOp::Lt | BinaryOp::Le), a, b) => {
                make::of(expr.span, ExprNode::Binary(opposite(op), a, b))
            }
            _ => make::of(expr.span, ExprNode::Not(Box::new(expr))),
        }
    }
}

impl Shape {
    fn of(expr: &Expr) -> Shape {
        match &expr.node {
            ExprNode::Has(path) => Shape::Present(print_expr(&make::optional(path))),
            ExprNode::Method(path, name, _) if name.node == "hasValue" => Shape::Present(print_expr(path)),
            ExprNode::Binary(BinaryOp::Eq, name, null) if matches!(null.node, ExprNode::Null) => match &name.node {
                ExprNode::Ident(name) => Shape::Root(name.clone()),
                _ => Shape::Other,
            },
            ExprNode::Binary(BinaryOp::Eq, subject, literal) => Shape::one_of(subject, std::slice::from_ref(literal)),
            ExprNode::Binary(BinaryOp::In, subject, list) => match &list.node {
                ExprNode::List(items) => Shape::one_of(subject, items),
                _ => Shape::Other,
            },
            _ => Shape::Other,
        }
    }

    fn one_of(subject: &Expr, literals: &[impl std::borrow::Borrow<Expr>]) -> Shape {
        let Some(literals) = literals.iter().map(|l| Literal::of(l.borrow())).collect::<Option<Vec<_>>>() else {
            return Shape::Other;
        };
        let path = match &subject.node {
            ExprNode::Method(path, name, args) if name.node == "orValue" => {
                args.first().and_then(Literal::of).map(|default| (print_expr(path), default))
            }
            _ => None,
        };
        Shape::OneOf { subject: print_expr(subject), literals, path }
    }
}

fn is_size(expr: &Expr) -> bool {
    matches!(&expr.node, ExprNode::Call(name, _) | ExprNode::Method(_, name, _) if name.node == "size")
}

fn opposite(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Eq => BinaryOp::Ne,
        BinaryOp::Ne => BinaryOp::Eq,
        BinaryOp::Lt => BinaryOp::Ge,
        BinaryOp::Ge => BinaryOp::Lt,
        BinaryOp::Le => BinaryOp::Gt,
        BinaryOp::Gt => BinaryOp::Le,
        other => other,
    }
}

fn push(items: &mut Vec<Formula>, item: Formula) {
    if !items.contains(&item) {
        items.push(item);
    }
}

fn has_opposite(items: &[Formula], item: &Formula) -> bool {
    match item {
        Formula::Is(atom, true) => items.iter().any(|other| matches!(other, Formula::Is(a, false) if a == atom)),
        _ => false,
    }
}

fn single(mut items: Vec<Formula>, none: Formula, several: fn(Vec<Formula>) -> Formula) -> Formula {
    match items.len() {
        0 => none,
        1 => items.pop().unwrap_or(none),
        _ => several(items),
    }
}

/// What an expression that reads nothing comes to.
fn constant(expr: &Expr) -> Option<Formula> {
    if !make::is_closed(expr) {
        return None;
    }
    let program = Program::compile_with(expr, &[], &Lets::new(), &mut Vec::new())?;
    match program.eval(&Scope::new(&[])) {
        Ok(Value::Bool(true)) => Some(Formula::True),
        Ok(Value::Bool(false)) => Some(Formula::False),
        _ => None,
    }
}
