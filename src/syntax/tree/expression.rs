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

impl Expr {
    /// The expressions right below this one, in the order in which they are written.
    #[must_use]
    pub fn children(&self) -> Vec<&Expr> {
        match &self.node {
            ExprNode::Select(a, _)
            | ExprNode::OptSelect(a, _)
            | ExprNode::Has(a)
            | ExprNode::Not(a)
            | ExprNode::Neg(a) => {
                vec![a]
            }
            ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => vec![a, b],
            ExprNode::Call(_, args) | ExprNode::List(args) => args.iter().collect(),
            ExprNode::Method(base, _, args) | ExprNode::Macro(_, base, _, args) => {
                std::iter::once(base.as_ref()).chain(args).collect()
            }
            ExprNode::Conditional(a, b, c) => vec![a, b, c],
            ExprNode::Map(entries) => entries.iter().flat_map(|(k, v)| [k, v]).collect(),
            _ => Vec::new(),
        }
    }

    /// The same, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.node {
            ExprNode::Select(a, _)
            | ExprNode::OptSelect(a, _)
            | ExprNode::Has(a)
            | ExprNode::Not(a)
            | ExprNode::Neg(a) => {
                vec![a]
            }
            ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => vec![a, b],
            ExprNode::Call(_, args) | ExprNode::List(args) => args.iter_mut().collect(),
            ExprNode::Method(base, _, args) | ExprNode::Macro(_, base, _, args) => {
                std::iter::once(base.as_mut()).chain(args).collect()
            }
            ExprNode::Conditional(a, b, c) => vec![a, b, c],
            ExprNode::Map(entries) => entries.iter_mut().flat_map(|(k, v)| [k, v]).collect(),
            _ => Vec::new(),
        }
    }
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
