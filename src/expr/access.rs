//! Compiling field and index access, and `has`.

use std::sync::Arc;

use super::compile::{Compiled, Compiler};
use super::program::{Index, Node, Op, Select, SelectStep};
use super::types::{Shape, Type};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::tree::{Expr, ExprNode, Name};

/// Fields that an error names.
const FIELDS_SHOWN_MAX: usize = 12;

impl Compiler<'_> {
    /// A run `a.b.?c.d` becomes one node.
    pub(super) fn select(&mut self, expr: &Expr) -> Compiled {
        let mut steps: Vec<(&Name, bool)> = Vec::new();
        let mut base = expr;
        loop {
            match &base.node {
                ExprNode::Select(inner, name) => {
                    steps.push((name, false));
                    base = inner;
                }
                ExprNode::OptSelect(inner, name) => {
                    steps.push((name, true));
                    base = inner;
                }
                _ => break,
            }
        }
        steps.reverse();
        let (base_node, mut kind) = self.node(base)?;
        let mut text = written(base);
        let mut plain = true;
        for (name, optional) in &steps {
            kind = self.field_type(kind, name, *optional)?;
            plain &= !optional;
            if plain {
                text = join_path(&text, &name.node);
            }
        }
        let steps = steps
            .iter()
            .map(|(name, optional)| SelectStep { name: Arc::from(name.node.as_str()), optional: *optional });
        let select = Select { base: base_node, steps: steps.collect(), text };
        Some((Node { op: Op::Select(Box::new(select)), span: expr.span }, kind))
    }

    fn field_type(&mut self, of: Type, name: &Name, optional: bool) -> Option<Type> {
        let (inner, was_optional) = match of {
            Type::Optional(inner) => (*inner, true),
            other => (other, false),
        };
        let field = match inner {
            Type::Any | Type::Dyn => inner,
            Type::Map(of) => *of,
            Type::Object(shape) => self.known_field(&shape, &name.node, name.span)?,
            other => {
                let message = format!("{} has no field `{}`", other.with_article(), name.node);
                let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, name.span, message);
                if matches!(other, Type::List(_)) {
                    diagnostic =
                        diagnostic.help("take an element with `[0]`, or ask of all with `.all(x, …)`, `.exists(x, …)`");
                }
                self.error(diagnostic);
                return None;
            }
        };
        Some(if optional || was_optional { Type::optional(field) } else { field })
    }

    /// A field that a schema tells.
    fn known_field(&mut self, shape: &Shape, name: &str, at: Span) -> Option<Type> {
        if let Some(of) = shape.fields.get(name) {
            return Some(of.clone());
        }
        if shape.open {
            return Some(Type::Dyn);
        }
        let names = || shape.fields.keys().map(AsRef::as_ref);
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let shown: Vec<String> = names().take(FIELDS_SHOWN_MAX).map(|name| format!("`{name}`")).collect();
                let more = if shape.fields.len() > FIELDS_SHOWN_MAX { " and others" } else { "" };
                format!("there are {}{more}", shown.join(", "))
            }
        };
        let message = format!("the schema has no field `{name}` here");
        self.error(Diagnostic::error(Code::SCHEMA, at, message).label("unknown field").help(help));
        None
    }

    pub(super) fn index(&mut self, base: &Expr, key: &Expr, optional: bool, span: Span) -> Compiled {
        let (b, k) = (self.node(base), self.node(key));
        let ((base_node, kind), (key_node, key_kind)) = (b?, k?);
        let (inner, was_optional) = match kind {
            Type::Optional(inner) => (*inner, true),
            other => (other, false),
        };
        let number = |k: &Type| k.is_number() || matches!(k, Type::Any | Type::Dyn);
        let element = match inner {
            Type::Any => Type::Any,
            // As in cel-go, where `field[?i].orValue(0)` is an int, unlike `field.?i.orValue(0)`.
            Type::Dyn if optional && (number(&key_kind) || key_kind.fits(&Type::String)) => Type::Any,
            Type::Dyn if number(&key_kind) || key_kind.fits(&Type::String) => Type::Dyn,
            Type::List(of) if number(&key_kind) => *of,
            Type::Map(of) if key_kind.fits(&Type::String) => *of,
            Type::Object(shape) if key_kind.fits(&Type::String) => match &key.node {
                ExprNode::String(name) => self.known_field(&shape, name, key.span)?,
                _ => Type::Dyn,
            },
            other => {
                let message = format!("{} has no element at {}", other.with_article(), key_kind.with_article());
                return self.mismatch(key.span, message, span, &key_kind);
            }
        };
        let kind = if optional || was_optional { Type::optional(element) } else { element };
        let index = Index { base: base_node, key: key_node, optional, text: written(base) };
        Some((Node { op: Op::Index(Box::new(index)), span }, kind))
    }

    pub(super) fn has(&mut self, inner: &Expr, span: Span) -> Compiled {
        let (ExprNode::Select(base, name) | ExprNode::OptSelect(base, name)) = &inner.node else {
            let diagnostic = Diagnostic::error(Code::EXPRESSION_FUNCTION, inner.span, "`has` asks for a field");
            return self.error(diagnostic.help("write it as `has(a.b)`"));
        };
        let (node, kind) = self.node(base)?;
        self.field_type(kind, name, false)?;
        Some((Node { op: Op::Has(Box::new(node), Arc::from(name.node.as_str())), span }, Type::Bool))
    }
}

/// An expression as a path, for errors: `self.` at the start left out, constants in brackets, calls shortened to `f(…)`.
#[must_use]
pub fn written(expr: &Expr) -> String {
    match &expr.node {
        ExprNode::Ident(name) => name.clone(),
        ExprNode::Select(base, name) => join_path(&written(base), &name.node),
        ExprNode::OptSelect(base, name) => format!("{}.?{}", written(base), name.node),
        ExprNode::Index(base, key) => format!("{}[{}]", written(base), written(key)),
        ExprNode::OptIndex(base, key) => format!("{}[?{}]", written(base), written(key)),
        ExprNode::Call(name, _) => format!("{}(…)", name.node),
        ExprNode::Method(base, name, _) => format!("{}.{}(…)", written(base), name.node),
        ExprNode::Macro(op, base, ..) => format!("{}.{}(…)", written(base), super::fold::name(*op)),
        ExprNode::Has(inner) => format!("has({})", written(inner)),
        ExprNode::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        ExprNode::Int(i) => i.to_string(),
        ExprNode::Uint(u) => u.to_string(),
        ExprNode::Double(d) => d.to_string(),
        ExprNode::Bool(b) => b.to_string(),
        _ => "(…)".to_owned(),
    }
}

fn join_path(base: &str, name: &str) -> String {
    if base == "self" { name.to_owned() } else { format!("{base}.{name}") }
}

/// As [`written`], with `self.`: what help may tell people to write.
pub(super) fn full(expr: &Expr) -> String {
    match &expr.node {
        ExprNode::Select(base, name) => format!("{}.{}", full(base), name.node),
        ExprNode::OptSelect(base, name) => format!("{}.?{}", full(base), name.node),
        ExprNode::Index(base, key) => format!("{}[{}]", full(base), full(key)),
        ExprNode::OptIndex(base, key) => format!("{}[?{}]", full(base), full(key)),
        ExprNode::Method(base, name, _) => format!("{}.{}(…)", full(base), name.node),
        ExprNode::Macro(op, base, ..) => format!("{}.{}(…)", full(base), super::fold::name(*op)),
        _ => written(expr),
    }
}
