//! Expressions as canonical text.

use super::Printer;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp};

/// How strongly a node binds; a node in a place that asks for more stands in brackets.
const TERNARY: u8 = 0;
const ANY: u8 = 0;
const OR: u8 = 1;
const UNARY: u8 = 6;
const POSTFIX: u8 = 7;

impl Printer<'_> {
    pub(in crate::syntax) fn expr(&mut self, expr: &Expr) {
        self.at(expr, ANY);
    }

    fn at(&mut self, expr: &Expr, needed: u8) {
        if strength(&expr.node) < needed {
            self.push("(");
            self.node(expr);
            self.push(")");
        } else {
            self.node(expr);
        }
    }

    fn node(&mut self, expr: &Expr) {
        match &expr.node {
            ExprNode::Null => self.push("null"),
            ExprNode::Bool(value) => self.push(if *value { "true" } else { "false" }),
            ExprNode::Int(_) | ExprNode::Uint(_) | ExprNode::Double(_) => self.number(expr),
            ExprNode::String(value) => self.string(value),
            ExprNode::Ident(name) => self.push(name),
            ExprNode::Select(on, field) => {
                self.at(on, POSTFIX);
                self.push(".");
                self.push(&field.node);
            }
            ExprNode::OptSelect(on, field) => {
                self.at(on, POSTFIX);
                self.push(".?");
                self.push(&field.node);
            }
            ExprNode::Index(on, key) => self.index(on, "[", key),
            ExprNode::OptIndex(on, key) => self.index(on, "[?", key),
            ExprNode::Has(field) => {
                self.push("has(");
                self.expr(field);
                self.push(")");
            }
            ExprNode::Call(name, arguments) => {
                self.push(&name.node);
                self.list("(", arguments, ")");
            }
            ExprNode::Method(on, name, arguments) => {
                self.at(on, POSTFIX);
                self.push(".");
                self.push(&name.node);
                self.list("(", arguments, ")");
            }
            ExprNode::Macro(op, on, names, bodies) => {
                self.at(on, POSTFIX);
                self.push(".");
                self.push(macro_name(*op));
                let names: Vec<&str> = names.iter().map(|name| name.node.as_str()).collect();
                self.push("(");
                self.push(&names.join(", "));
                for body in bodies {
                    self.push(", ");
                    self.expr(body);
                }
                self.push(")");
            }
            ExprNode::Not(inner) => {
                self.push("!");
                self.at(inner, UNARY);
            }
            ExprNode::Neg(inner) => {
                self.push("-");
                // `-1` is a literal, so the minus of a literal needs brackets.
                let literal = matches!(&inner.node, ExprNode::Int(n) if *n >= 0)
                    || matches!(&inner.node, ExprNode::Double(n) if n.is_sign_positive())
                    || matches!(&inner.node, ExprNode::Uint(_));
                self.at(inner, if literal { u8::MAX } else { UNARY });
            }
            ExprNode::Binary(op, left, right) => self.binary(*op, left, right),
            ExprNode::Conditional(question, yes, no) => {
                self.at(question, OR);
                self.push(" ? ");
                self.at(yes, OR);
                self.push(" : ");
                self.at(no, TERNARY);
            }
            ExprNode::List(items) => self.list("[", items, "]"),
            ExprNode::Map(entries) => {
                self.push("{");
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        self.push(", ");
                    }
                    self.expr(key);
                    self.push(": ");
                    self.expr(value);
                }
                self.push("}");
            }
        }
    }

    fn index(&mut self, on: &Expr, open: &str, key: &Expr) {
        self.at(on, POSTFIX);
        self.push(open);
        self.expr(key);
        self.push("]");
    }

    fn list(&mut self, open: &str, items: &[Expr], close: &str) {
        self.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            self.expr(item);
        }
        self.push(close);
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let (word, own) = operator(op);
        // Not needed to parse, but `a && b || c` and `a == b == c` are read wrongly too often.
        let left_needed = match &left.node {
            ExprNode::Binary(BinaryOp::And, ..) if op == BinaryOp::Or => u8::MAX,
            ExprNode::Binary(inner, ..) if operator(*inner).1 == RELATION && own == RELATION => u8::MAX,
            _ => own,
        };
        let right_needed = match &right.node {
            ExprNode::Binary(BinaryOp::And, ..) if op == BinaryOp::Or => u8::MAX,
            _ => own + 1,
        };
        self.at(left, left_needed);
        self.push(" ");
        self.push(word);
        self.push(" ");
        self.at(right, right_needed);
    }

    fn number(&mut self, expr: &Expr) {
        if let Some(words) = self.spelling(expr.span.start, expr.span.end)
            && words.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            self.push(words);
            return;
        }
        match &expr.node {
            ExprNode::Int(value) => self.push(&value.to_string()),
            ExprNode::Uint(value) => self.push(&format!("{value}u")),
            // Debug keeps `1.0` a fraction, and gives the shortest digits that read back the same.
            ExprNode::Double(value) => self.push(&format!("{value:?}")),
            _ => {}
        }
    }

    fn string(&mut self, value: &str) {
        let other = if self.quote == '"' { '\'' } else { '"' };
        let quote =
            if value.contains(self.quote) && !value.contains(other) && self.quote == '"' { other } else { self.quote };
        self.out.push(quote);
        self.escaped(value, quote, false);
        self.out.push(quote);
    }
}

const RELATION: u8 = 3;

fn strength(node: &ExprNode) -> u8 {
    match node {
        ExprNode::Conditional(..) => TERNARY,
        ExprNode::Binary(op, ..) => operator(*op).1,
        ExprNode::Not(_) | ExprNode::Neg(_) => UNARY,
        ExprNode::Int(value) if *value < 0 => UNARY,
        ExprNode::Double(value) if value.is_sign_negative() => UNARY,
        _ => POSTFIX,
    }
}

fn operator(op: BinaryOp) -> (&'static str, u8) {
    match op {
        BinaryOp::Or => ("||", OR),
        BinaryOp::And => ("&&", 2),
        BinaryOp::Eq => ("==", RELATION),
        BinaryOp::Ne => ("!=", RELATION),
        BinaryOp::Lt => ("<", RELATION),
        BinaryOp::Le => ("<=", RELATION),
        BinaryOp::Gt => (">", RELATION),
        BinaryOp::Ge => (">=", RELATION),
        BinaryOp::In => ("in", RELATION),
        BinaryOp::Add => ("+", 4),
        BinaryOp::Sub => ("-", 4),
        BinaryOp::Mul => ("*", 5),
        BinaryOp::Div => ("/", 5),
        BinaryOp::Rem => ("%", 5),
    }
}

fn macro_name(op: MacroOp) -> &'static str {
    match op {
        MacroOp::All => "all",
        MacroOp::Exists => "exists",
        MacroOp::ExistsOne => "exists_one",
        MacroOp::Filter => "filter",
        MacroOp::Map => "map",
    }
}
