//! Expressions, and texts with expressions in them.

use super::Name;
use crate::diagnostic::Span;

/// A quoted text with `{expression}` in it.
#[derive(Clone, Debug)]
pub struct Text {
    /// Parts in order.
    pub parts: Vec<TextPart>,
    /// With the quotes.
    pub span: Span,
}

/// A part of a text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// Characters, with escapes and `{{` `}}` resolved.
    Literal(String),
    /// `{expression}`
    Expr(Expr),
}

/// An expression with its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub node: ExprNode,
    /// Where.
    pub span: Span,
}

/// The expression forms: a strict subset of CEL with optional access.
#[derive(Clone, Debug)]
pub enum ExprNode {
    /// `null` (refused in comparisons)
    Null,
    /// `true`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `42u`
    Uint(u64),
    /// `1.5`
    Double(f64),
    /// `"text"` or `'text'`
    String(String),
    /// A variable.
    Ident(String),
    /// `a.b`
    Select(Box<Expr>, Name),
    /// `a.?b`
    OptSelect(Box<Expr>, Name),
    /// `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// `a[?b]`
    OptIndex(Box<Expr>, Box<Expr>),
    /// `has(a.b)`: the select expression inside
    Has(Box<Expr>),
    /// `f(a, b)`
    Call(Name, Vec<Expr>),
    /// `a.f(b)`
    Method(Box<Expr>, Name, Vec<Expr>),
    /// `list.all(x, body)` and the other macros
    Macro(MacroOp, Box<Expr>, Vec<Name>, Vec<Expr>),
    /// `!a`
    Not(Box<Expr>),
    /// `-a`
    Neg(Box<Expr>),
    /// `a OP b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a ? b : c`
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{k: v}`
    Map(Vec<(Expr, Expr)>),
}

/// The macros over lists and maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroOp {
    /// all(x, p)
    All,
    /// exists(x, p)
    Exists,
    /// exists_one(x, p)
    ExistsOne,
    /// filter(x, p)
    Filter,
    /// map(x, e) or map(x, p, e)
    Map,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}
