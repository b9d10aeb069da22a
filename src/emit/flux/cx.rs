//! What is known while a kind's expressions are rewritten.

use std::collections::{BTreeMap, BTreeSet};

use super::make;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::print_expr;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, KindDecl, KindLine, MacroOp};

/// The most nodes that are visited for one kind: chains of `let`s, put in their places, could double it again and again.
const NODES_MAX: usize = 400_000;

/// Words that CEL does not take for a variable. Source: cel-spec `doc/langdef.md`, `IDENT` and `RESERVED`.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Words that Flux's CEL takes for a type where the object has no such field: it would not be absent. Source: cel-go `common/types`.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "dyn",
    "google",
    "int",
    "list",
    "map",
    "null_type",
    "optional",
    "optional_type",
    "string",
    "timestamp",
    "duration",
    "type",
    "uint",
];

/// A `let`: it sees those before it.
pub(super) struct Binding<'t> {
    pub name: &'t str,
    pub expr: &'t Expr,
}

/// A macro variable.
struct Var {
    /// Its name as written, and here.
    written: String,
    here: String,
    /// An element of a list of conditions, which has a type and a status.
    condition: bool,
    /// What it runs over, here: it is a key of that, if that is a map.
    over: String,
}

pub(super) struct Cx<'t> {
    pub lets: Vec<Binding<'t>>,
    /// How many of them are in sight.
    pub lets_seen: usize,
    /// Macro variables around the current place.
    vars: Vec<Var>,
    /// The object's top-level fields that the kind reads.
    pub roots: BTreeSet<String>,
    /// The top-level field that is supposed to be absent.
    pub absent: Option<String>,
    /// Functions that are errors for some of the values of their type, and where.
    pub may_fail: BTreeMap<&'static str, Span>,
    pub diagnostics: Vec<Diagnostic>,
    nodes: usize,
}

impl<'t> Cx<'t> {
    pub(super) fn new(kind: &'t KindDecl) -> Cx<'t> {
        let lets = kind.lines.iter().filter_map(|line| match line {
            KindLine::Let(name, expr) => Some(Binding { name: &name.node, expr }),
            _ => None,
        });
        let mut cx = Cx {
            lets: lets.collect(),
            lets_seen: 0,
            vars: Vec::new(),
            roots: BTreeSet::new(),
            absent: None,
            may_fail: BTreeMap::new(),
            diagnostics: Vec::new(),
            nodes: 0,
        };
        cx.lets_seen = cx.lets.len();
        for line in &kind.lines {
            match line {
                KindLine::Let(_, expr) | KindLine::Health { when: Some(expr), .. } => roots(expr, &mut cx.roots),
                _ => {}
            }
        }
        cx
    }

    /// The same kind, from the start.
    pub(super) fn again(&self) -> Cx<'t> {
        Cx {
            lets: self.lets.iter().map(|l| Binding { name: l.name, expr: l.expr }).collect(),
            lets_seen: self.lets.len(),
            vars: Vec::new(),
            roots: self.roots.clone(),
            absent: None,
            may_fail: BTreeMap::new(),
            diagnostics: Vec::new(),
            nodes: 0,
        }
    }

    pub(super) fn refuse<T>(&mut self, span: Span, message: impl Into<String>, help: &str) -> Option<T> {
        let found = Diagnostic::error(Code::NOT_IN_FLUX, span, message.into()).help(help);
        if !self.diagnostics.iter().any(|d| d.span == found.span && d.message == found.message) {
            self.diagnostics.push(found);
        }
        None
    }

    /// Counts a visited node.
    pub(super) fn visit(&mut self, span: Span) -> Option<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let help = "write the `let`s shorter: each is put where its name stands";
            return self.refuse(span, "this is too long with every `let` in its place", help);
        }
        Some(())
    }

    /// How a macro variable is called here.
    pub(super) fn var(&self, name: &str) -> Option<&str> {
        self.vars.iter().rev().find(|var| var.written == name).map(|var| var.here.as_str())
    }

    /// Whether this is the type or the status of a condition: both are required of it. Source: Kubernetes' API conventions, `Condition`.
    pub(super) fn is_certain(&self, base: &Expr, field: &str) -> bool {
        let ExprNode::Ident(name) = &base.node else { return false };
        let var = self.vars.iter().rev().find(|var| var.written == *name);
        matches!(field, "type" | "status") && var.is_some_and(|var| var.condition)
    }

    /// The place of a `let` that is in sight.
    pub(super) fn let_of(&self, name: &str) -> Option<usize> {
        self.lets.iter().take(self.lets_seen).rposition(|l| l.name == name)
    }

    /// Runs with a macro variable over `range` (as written) and `over` (here), and gives its name here: another one if it would hide a field of
    /// the object.
    pub(super) fn with_var<T>(
        &mut self,
        written: &str,
        range: &Expr,
        over: &Expr,
        f: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<(String, T)> {
        let condition = self.is_conditions(range);
        let over = print_expr(make::unfiltered(over));
        let taken = |name: &str| self.roots.contains(name) || TYPES.contains(&name);
        let mut here = written.to_owned();
        while taken(&here) {
            here.push('_');
        }
        self.vars.push(Var { written: written.to_owned(), here: here.clone(), condition, over });
        let made = f(self);
        self.vars.pop();
        Some((here, made?))
    }

    /// Whether a variable is a key of this, which is an expression of here.
    pub(super) fn is_key_of(&self, key: &Expr, map: &Expr) -> bool {
        let ExprNode::Ident(name) = &key.node else { return false };
        let var = self.vars.iter().rev().find(|var| var.written == *name);
        var.is_some_and(|var| var.over == print_expr(map))
    }

    /// Runs where a `let` stands: with the `let`s before it, and without macro variables.
    pub(super) fn at_let<T>(&mut self, at: usize, f: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let (seen, vars) = (std::mem::replace(&mut self.lets_seen, at), std::mem::take(&mut self.vars));
        let made = f(self);
        (self.lets_seen, self.vars) = (seen, vars);
        made
    }

    /// Whether this is the object itself.
    pub(super) fn is_self(&self, expr: &Expr) -> bool {
        matches!(&expr.node, ExprNode::Ident(name) if name == "self" && self.var(name).is_none())
    }

    /// A field at the top of the object, which is a variable in Flux.
    pub(super) fn root(&mut self, span: Span, field: &str) -> Option<Expr> {
        let plain = field.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || RESERVED.contains(&field) || TYPES.contains(&field) {
            let message = format!("Flux cannot read the field `{field}` at the top of an object");
            let help = "there it would be a variable of that name, which CEL has not, or has for something else";
            return self.refuse(span, message, help);
        }
        Some(make::ident(span, field))
    }

    /// The same, where the rules say that it can be absent. `spec` and `status` hardly are; of what often is, Flux would wait for ever.
    pub(super) fn optional_root(&mut self, span: Span, field: &str) -> Option<Expr> {
        if !matches!(field, "apiVersion" | "kind" | "metadata" | "spec" | "status") {
            let message = format!("Flux cannot tell whether an object has the field `{field}` at its top");
            let help = "there an absent field is an unknown variable, and every expression that reads it an error";
            return self.refuse(span, message, help);
        }
        self.root(span, field)
    }

    /// Whether the range of a macro is a list of conditions, or some of one.
    fn is_conditions(&self, expr: &Expr) -> bool {
        match &expr.node {
            ExprNode::Select(_, field) | ExprNode::OptSelect(_, field) => field.node == "conditions",
            ExprNode::Method(base, called, _) if matches!(called.node.as_str(), "or" | "orValue") => {
                self.is_conditions(base)
            }
            ExprNode::Macro(MacroOp::Filter, range, ..) => self.is_conditions(range),
            ExprNode::Ident(name) if self.var(name).is_none() => {
                self.let_of(name).and_then(|at| self.lets.get(at)).is_some_and(|l| self.is_conditions(l.expr))
            }
            _ => false,
        }
    }

    /// Whether the range of a macro is known to be a map: labels, annotations, or what stands beside `{}`.
    pub(super) fn is_map(&self, expr: &Expr) -> bool {
        match &expr.node {
            ExprNode::Map(_) => true,
            ExprNode::Select(_, field) | ExprNode::OptSelect(_, field) => {
                matches!(field.node.as_str(), "labels" | "annotations")
            }
            ExprNode::Method(base, called, args) if called.node == "orValue" => {
                self.is_map(base) || args.iter().any(|arg| self.is_map(arg))
            }
            ExprNode::Ident(name) if self.var(name).is_none() => {
                self.let_of(name).and_then(|at| self.lets.get(at)).is_some_and(|l| self.is_map(l.expr))
            }
            _ => false,
        }
    }

    /// Whether this is a list in the order of a map's keys. Flux goes through a map in no fixed order.
    pub(super) fn is_of_keys(&self, expr: &Expr) -> bool {
        match &expr.node {
            ExprNode::Macro(MacroOp::Filter | MacroOp::Map, range, ..) => self.is_map(range) || self.is_of_keys(range),
            ExprNode::Binary(BinaryOp::Add, a, b) => self.is_of_keys(a) || self.is_of_keys(b),
            ExprNode::Ident(name) if self.var(name).is_none() => {
                self.let_of(name).and_then(|at| self.lets.get(at)).is_some_and(|l| self.is_of_keys(l.expr))
            }
            _ => false,
        }
    }
}

/// The fields of `self` that an expression reads. One that a macro variable hides is one too many, which does no harm.
fn roots(expr: &Expr, found: &mut BTreeSet<String>) {
    let is_self = |base: &Expr| matches!(&base.node, ExprNode::Ident(name) if name == "self");
    match &expr.node {
        ExprNode::Select(base, field) | ExprNode::OptSelect(base, field) if is_self(base) => {
            found.insert(field.node.clone());
        }
        ExprNode::Index(base, key) | ExprNode::OptIndex(base, key) if is_self(base) => {
            if let ExprNode::String(field) = &key.node {
                found.insert(field.clone());
            }
        }
        _ => {}
    }
    expr.children().into_iter().for_each(|child| roots(child, found));
}
