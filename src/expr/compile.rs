//! Tree to program: names to slots, literals to constants, operators with their types checked where they are known.

use std::sync::Arc;

use super::access::full;
use super::ops::{Arithmetic, Comparison};
use super::program::{EXPRESSION_DEPTH_MAX, Lets, Node, Op, Program};
use super::reads;

use super::types::Type;
use super::value::Value;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::tree::{BinaryOp, Expr, ExprNode};

impl Program {
    /// Compiles an expression over variables, whose places in `vars` become their slots.
    ///
    /// `None` after any error; all errors of the expression are in `diagnostics`: TG103 unknown name, TG200 types that cannot fit,
    /// TG201 unknown function or wrong number of arguments, TG202 null, TG203 bad literal, TG002 nested too deep.
    #[must_use]
    pub fn compile(expr: &Expr, vars: &[&str], diagnostics: &mut Vec<Diagnostic>) -> Option<Program> {
        Program::compile_with(expr, vars, &Lets::new(), diagnostics)
    }

    /// As [`Program::compile`], with `let` bindings in sight. They hide variables of the same name.
    #[must_use]
    pub fn compile_with(expr: &Expr, vars: &[&str], lets: &Lets, diagnostics: &mut Vec<Diagnostic>) -> Option<Program> {
        Program::compile_typed(expr, vars, &[], lets, diagnostics)
    }

    /// As [`Program::compile_with`], with what schemas say of the variables, in their order; of those beyond it nothing is known.
    #[must_use]
    pub fn compile_typed(
        expr: &Expr,
        vars: &[&str],
        types: &[Type],
        lets: &Lets,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Program> {
        let mut compiler =
            Compiler { vars, types, lets, locals: Vec::new(), diagnostics, level: 0, depth: 0, too_deep: false };
        let (root, kind) = compiler.node(expr)?;
        let depth = compiler.depth;
        let reads = reads::of(&root, lets);
        Some(Program { root, kind, depth, reads })
    }
}

/// A node and what is known of its type; `None` after an error.
pub(super) type Compiled = Option<(Node, Type)>;

pub(super) struct Compiler<'c> {
    vars: &'c [&'c str],
    types: &'c [Type],
    lets: &'c Lets,
    /// The macro variables around the current node, outermost first.
    pub(super) locals: Vec<(String, Type)>,
    diagnostics: &'c mut Vec<Diagnostic>,
    /// How deep the current node is, and the deepest so far.
    level: usize,
    depth: usize,
    too_deep: bool,
}

impl Compiler<'_> {
    pub(super) fn node(&mut self, expr: &Expr) -> Compiled {
        self.level += 1;
        let fits = self.reach(self.level, expr.span);
        let compiled = if fits { self.form(expr) } else { None };
        self.level -= 1;
        compiled
    }

    /// Notes a depth; false, and an error, past the limit.
    fn reach(&mut self, level: usize, span: Span) -> bool {
        self.depth = self.depth.max(level);
        if level <= EXPRESSION_DEPTH_MAX {
            return true;
        }
        // Both sides of the deepest operator are too deep; one error is enough.
        if !std::mem::replace(&mut self.too_deep, true) {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::LIMIT,
                    span,
                    format!("an expression that is nested more than {EXPRESSION_DEPTH_MAX} deep"),
                )
                .help("split it with `let`, or into several conditions"),
            );
        }
        false
    }

    fn form(&mut self, expr: &Expr) -> Compiled {
        let span = expr.span;
        let literal = |value: Value, kind: Type| Some((Node { op: Op::Const(value), span }, kind));
        match &expr.node {
            ExprNode::Null => self.null(span),
            ExprNode::Bool(b) => literal(Value::Bool(*b), Type::Bool),
            ExprNode::Int(i) => literal(Value::Int(*i), Type::Int),
            ExprNode::Uint(u) => literal(Value::Uint(*u), Type::Uint),
            ExprNode::Double(d) => literal(Value::Double(*d), Type::Double),
            ExprNode::String(s) => literal(Value::string(s.as_str()), Type::String),
            ExprNode::Ident(name) => self.name(name, span),
            ExprNode::Select(..) | ExprNode::OptSelect(..) => self.select(expr),
            ExprNode::Index(base, key) => self.index(base, key, false, span),
            ExprNode::OptIndex(base, key) => self.index(base, key, true, span),
            ExprNode::Has(inner) => self.has(inner, span),
            ExprNode::Call(name, args) => self.call(name, args, span),
            ExprNode::Method(base, name, args) => self.method(base, name, args, span),
            ExprNode::Macro(op, range, names, bodies) => self.fold(*op, range, names, bodies, span),
            ExprNode::Not(a) => self.not(a, span),
            ExprNode::Neg(a) => self.neg(a, span),
            ExprNode::Binary(op, a, b) => self.binary(*op, a, b, expr),
            ExprNode::Conditional(test, yes, no) => self.conditional(test, yes, no, span),
            ExprNode::List(items) => self.list(items, span),
            ExprNode::Map(entries) => self.map(entries, span),
        }
    }

    fn null(&mut self, span: Span) -> Compiled {
        self.error(
            Diagnostic::error(Code::EXPRESSION_NULL, span, "`null` is no value here: what is null is absent")
                .help("ask with `has(a.b)`, or give another value with `a.?b.orValue(…)`"),
        )
    }

    fn name(&mut self, name: &str, span: Span) -> Compiled {
        if let Some(at) = self.locals.iter().rposition(|(local, _)| local == name) {
            let kind = self.locals.get(at).map_or(Type::Dyn, |(_, kind)| kind.clone());
            return Some((Node { op: Op::Local(at), span }, kind));
        }
        if let Some((at, program)) = self.lets.find(name) {
            return self
                .reach(self.level + program.depth, span)
                .then(|| (Node { op: Op::Let(at), span }, program.kind.clone()));
        }
        if let Some(slot) = self.vars.iter().position(|var| *var == name) {
            let kind = self.types.get(slot).cloned().unwrap_or(Type::Dyn);
            return Some((Node { op: Op::Var(slot, Arc::from(name)), span }, kind));
        }
        let known: Vec<&str> = self.known_names();
        let mut diagnostic = Diagnostic::error(Code::UNKNOWN_NAME, span, format!("nothing here is called `{name}`"))
            .label("unknown name");
        let list = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        diagnostic = match nearest(name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => {
                diagnostic.help(format!("no names are bound here; a text is written in quotes: `\"{name}\"`"))
            }
            None => diagnostic.help(format!("names here are {list}; a text is written in quotes: `\"{name}\"`")),
        };
        self.error(diagnostic)
    }

    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.known_names().contains(&name)
    }

    fn known_names(&self) -> Vec<&str> {
        let locals = self.locals.iter().map(|(name, _)| name.as_str());
        locals.chain(self.vars.iter().copied()).chain(self.lets.iter().map(|(name, _)| name)).collect()
    }

    fn not(&mut self, a: &Expr, span: Span) -> Compiled {
        let (node, kind) = self.node(a)?;
        if !kind.fits(&Type::Bool) {
            return self.mismatch(span, format!("`!` asks for a bool, not {}", kind.with_article()), a.span, &kind);
        }
        Some((Node { op: Op::Not(Box::new(node)), span }, Type::Bool))
    }

    fn neg(&mut self, a: &Expr, span: Span) -> Compiled {
        let (node, kind) = self.node(a)?;
        if !matches!(kind, Type::Any | Type::Dyn | Type::Int | Type::Double) {
            return self.mismatch(
                span,
                format!("`-` asks for an int or a double, not {}", kind.with_article()),
                a.span,
                &kind,
            );
        }
        // `-1` is a literal, and a double stays one.
        let op = match (
            &node.op,
            super::ops::negate(match &node.op {
                Op::Const(value) => value,
                _ => &Value::Bool(false),
            }),
        ) {
            (Op::Const(_), Ok(value)) => Op::Const(value),
            _ => Op::Neg(Box::new(node)),
        };
        Some((Node { op, span }, kind))
    }

    fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr, whole: &Expr) -> Compiled {
        let span = whole.span;
        match op {
            BinaryOp::And | BinaryOp::Or => self.junction(op, whole),
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op == BinaryOp::Ne, a, b, span),
            BinaryOp::In => self.membership(a, b, span),
            BinaryOp::Lt => self.comparison(Comparison::Lt, a, b, span),
            BinaryOp::Le => self.comparison(Comparison::Le, a, b, span),
            BinaryOp::Gt => self.comparison(Comparison::Gt, a, b, span),
            BinaryOp::Ge => self.comparison(Comparison::Ge, a, b, span),
            BinaryOp::Add => self.arithmetic(Arithmetic::Add, a, b, span),
            BinaryOp::Sub => self.arithmetic(Arithmetic::Sub, a, b, span),
            BinaryOp::Mul => self.arithmetic(Arithmetic::Mul, a, b, span),
            BinaryOp::Div => self.arithmetic(Arithmetic::Div, a, b, span),
            BinaryOp::Rem => self.arithmetic(Arithmetic::Rem, a, b, span),
        }
    }

    /// A chain `a && b && c` becomes one node, however its tree leans: the operators are associative, errors included.
    fn junction(&mut self, op: BinaryOp, whole: &Expr) -> Compiled {
        let mut terms = Vec::new();
        let mut pending = vec![whole];
        while let Some(expr) = pending.pop() {
            match &expr.node {
                ExprNode::Binary(inner, a, b) if *inner == op => pending.extend([b.as_ref(), a.as_ref()]),
                _ => terms.push(expr),
            }
        }
        let mut nodes = Vec::with_capacity(terms.len());
        let count = terms.len();
        for term in terms {
            let Some((node, kind)) = self.node(term) else { continue };
            if kind.fits(&Type::Bool) {
                nodes.push(node);
            } else {
                let sign = if op == BinaryOp::And { "&&" } else { "||" };
                let _: Compiled = self.mismatch(
                    term.span,
                    format!("`{sign}` asks for bools, not {}", kind.with_article()),
                    term.span,
                    &kind,
                );
            }
        }
        let span = whole.span;
        let all = nodes.len() == count;
        all.then(|| (Node { op: if op == BinaryOp::And { Op::And(nodes) } else { Op::Or(nodes) }, span }, Type::Bool))
    }

    fn equality(&mut self, negated: bool, a: &Expr, b: &Expr, span: Span) -> Compiled {
        if matches!(a.node, ExprNode::Null) || matches!(b.node, ExprNode::Null) {
            let other = if matches!(b.node, ExprNode::Null) { a } else { b };
            let text = full(other);
            let not = if negated { "" } else { "!" };
            let help = match other.node {
                ExprNode::Select(..) => format!("write `{not}has({text})`"),
                ExprNode::OptSelect(..) | ExprNode::OptIndex(..) => format!("write `{not}{text}.hasValue()`"),
                _ => "ask with `has(a.b)`".to_owned(),
            };
            let message = "nothing equals `null` here: what is null is absent";
            return self.error(Diagnostic::error(Code::EXPRESSION_NULL, span, message).help(help));
        }
        let (x, y) = (self.node(a), self.node(b));
        let ((x, kx), (y, ky)) = (x?, y?);
        if !kx.fits(&ky) {
            let sign = if negated { "!=" } else { "==" };
            return self.clash(sign, (&kx, a), (&ky, b), span);
        }
        Some((Node { op: Op::Equal(Box::new([x, y]), negated), span }, Type::Bool))
    }

    fn comparison(&mut self, op: Comparison, a: &Expr, b: &Expr, span: Span) -> Compiled {
        let (x, y) = (self.node(a), self.node(b));
        let ((x, kx), (y, ky)) = (x?, y?);
        let ordered = |k: &Type| !matches!(k, Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Optional(_));
        let numbers = kx.is_number() && ky.is_number();
        if !numbers && !kx.fits(&ky) || !ordered(&kx) || !ordered(&ky) {
            return self.clash(op.sign(), (&kx, a), (&ky, b), span);
        }
        Some((Node { op: Op::Compare(op, Box::new([x, y])), span }, Type::Bool))
    }

    fn arithmetic(&mut self, op: Arithmetic, a: &Expr, b: &Expr, span: Span) -> Compiled {
        let (x, y) = (self.node(a), self.node(b));
        let ((x, kx), (y, ky)) = (x?, y?);
        let Some(kind) = arithmetic_type(op, &kx, &ky) else {
            return self.clash(op.sign(), (&kx, a), (&ky, b), span);
        };
        Some((Node { op: Op::Arithmetic(op, Box::new([x, y])), span }, kind))
    }

    fn membership(&mut self, a: &Expr, b: &Expr, span: Span) -> Compiled {
        let (x, y) = (self.node(a), self.node(b));
        let ((x, kx), (y, ky)) = (x?, y?);
        let fits = match &ky {
            Type::Any => true,
            Type::Dyn => Type::Dyn.fits(&kx),
            Type::List(of) => of.fits(&kx),
            Type::Map(_) | Type::Object(_) => kx.fits(&Type::String),
            _ => false,
        };
        if !fits {
            let message = format!("nothing is `in` {} if it is {}", ky.with_article(), kx.with_article());
            let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, span, message);
            diagnostic = match (&kx, &ky) {
                (_, Type::Optional(_)) => diagnostic.help(format!("take the value out: `{}.orValue([])`", full(b))),
                (Type::Optional(_), _) => diagnostic.help(format!("take the value out: `{}.orValue(…)`", full(a))),
                (Type::String | Type::Dyn, Type::String) => {
                    diagnostic.help(format!("write `{}.contains({})`", full(b), full(a)))
                }
                _ => diagnostic.help("`in` asks a list for an element, or a map for a key"),
            };
            return self.error(diagnostic);
        }
        Some((Node { op: Op::In(Box::new([x, y])), span }, Type::Bool))
    }

    fn conditional(&mut self, test: &Expr, yes: &Expr, no: &Expr, span: Span) -> Compiled {
        let parts = (self.node(test), self.node(yes), self.node(no));
        let ((t, kt), (y, ky), (n, kn)) = (parts.0?, parts.1?, parts.2?);
        if !kt.fits(&Type::Bool) {
            return self.mismatch(
                test.span,
                format!("`?` asks for a bool before it, not {}", kt.with_article()),
                test.span,
                &kt,
            );
        }
        if !ky.fits(&kn) {
            let message =
                format!("both sides of `:` are of one type, not {} and {}", ky.with_article(), kn.with_article());
            return self.mismatch(no.span, message, no.span, &kn);
        }
        let kind = ky.join(&kn);
        Some((Node { op: Op::Conditional(Box::new([t, y, n])), span }, kind))
    }

    fn list(&mut self, items: &[Expr], span: Span) -> Compiled {
        let compiled: Vec<Compiled> = items.iter().map(|item| self.node(item)).collect();
        let mut nodes = Vec::with_capacity(items.len());
        let mut of: Option<Type> = None;
        for (item, compiled) in items.iter().zip(compiled) {
            let (node, kind) = compiled?;
            of = Some(self.element_type(of, kind, item)?);
            nodes.push(node);
        }
        // A list of constants is made once.
        let op = match nodes.iter().map(constant).collect::<Option<Vec<Value>>>() {
            Some(values) => Op::Const(Value::List(values.into())),
            None => Op::List(nodes),
        };
        Some((Node { op, span }, Type::list(of.unwrap_or(Type::Any))))
    }

    fn map(&mut self, entries: &[(Expr, Expr)], span: Span) -> Compiled {
        let compiled: Vec<(Compiled, Compiled)> =
            entries.iter().map(|(key, value)| (self.node(key), self.node(value))).collect();
        let mut nodes = Vec::with_capacity(entries.len());
        let mut of: Option<Type> = None;
        for ((key, value), (k, v)) in entries.iter().zip(compiled) {
            let ((k, key_kind), (v, kind)) = (k?, v?);
            if !key_kind.fits(&Type::String) {
                let message = format!("keys of maps are strings, not {}", key_kind.with_article());
                return self.mismatch(key.span, message, key.span, &key_kind);
            }
            of = Some(self.element_type(of, kind, value)?);
            nodes.push((k, v));
        }
        Some((Node { op: Op::Map(nodes), span }, Type::Map(Box::new(of.unwrap_or(Type::Any)))))
    }

    /// Literals hold elements of one type, as Kubernetes and Flux ask.
    fn element_type(&mut self, so_far: Option<Type>, next: Type, at: &Expr) -> Option<Type> {
        let Some(so_far) = so_far else { return Some(next) };
        if !so_far.is_same(&next) {
            let message =
                format!("elements are of one type, not {} and {}", so_far.with_article(), next.with_article());
            let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, at.span, message).label(next.with_article());
            if let (Type::String | Type::Int | Type::Double | Type::Bool, Type::Dyn) = (&so_far, &next) {
                diagnostic = diagnostic.help(format!("convert it: `{so_far}({})`", full(at)));
            }
            let _: Compiled = self.error(diagnostic);
            return None;
        }
        Some(so_far.join(&next))
    }

    /// An operator between types that have nothing to do with each other.
    fn clash(&mut self, sign: &str, a: (&Type, &Expr), b: (&Type, &Expr), span: Span) -> Compiled {
        let message = format!("`{sign}` does not work between {} and {}", a.0.with_article(), b.0.with_article());
        let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, span, message);
        let help = [(a, b), (b, a)]
            .into_iter()
            .find_map(|((k, it), (other, written))| conversion_help(k, &full(it), other, &full(written)));
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.error(diagnostic)
    }

    pub(super) fn mismatch(&mut self, span: Span, message: String, at: Span, kind: &Type) -> Compiled {
        let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, span, message);
        if at == span {
            diagnostic = diagnostic.label(kind.with_article());
        }
        if matches!(kind, Type::Optional(_)) {
            diagnostic = diagnostic.help("take the value out with `.orValue(…)`");
        }
        self.error(diagnostic)
    }

    pub(super) fn error(&mut self, diagnostic: Diagnostic) -> Compiled {
        self.diagnostics.push(diagnostic);
        None
    }
}

fn constant(node: &Node) -> Option<Value> {
    match &node.op {
        Op::Const(value) => Some(value.clone()),
        _ => None,
    }
}

/// How to make the other side fit a type, if there is a plain way.
fn conversion_help(kind: &Type, it: &str, other: &Type, written: &str) -> Option<String> {
    if let Type::Optional(_) = other {
        return Some(format!("take the value out: `{written}.orValue(…)`"));
    }
    match (kind, other) {
        (Type::Timestamp, Type::Dyn | Type::String) => Some(format!("write `timestamp({written})`")),
        (Type::Duration, Type::Dyn | Type::String) => Some(format!("write `duration({written})`")),
        // As texts, "10" comes before "3".
        (Type::String, Type::Int | Type::Uint | Type::Double) if number_in_quotes(it).is_some() => {
            number_in_quotes(it).map(|number| format!("write `{number}`, without quotes"))
        }
        (Type::String, Type::Int | Type::Uint | Type::Double | Type::Bool) => {
            Some(format!("write `string({written})`"))
        }
        (Type::Double, Type::Int | Type::Uint) => Some(format!("write `double({written})`")),
        _ => None,
    }
}

fn number_in_quotes(written: &str) -> Option<&str> {
    let text = ['"', '\''].iter().find_map(|quote| written.strip_prefix(*quote)?.strip_suffix(*quote))?;
    text.parse::<f64>().is_ok().then_some(text)
}

/// The type of `a OP b`; `None` where no overload can fit.
fn arithmetic_type(op: Arithmetic, a: &Type, b: &Type) -> Option<Type> {
    use Type::{Double, Duration, Dyn, Int, List, String, Timestamp, Uint};
    let add = op == Arithmetic::Add;
    let sub = op == Arithmetic::Sub;
    Some(match (a, b) {
        (Type::Any, other) | (other, Type::Any) => other.clone(),
        (Duration, Duration) if add || sub => Duration,
        (Timestamp, Duration) if add || sub => Timestamp,
        (Duration, Timestamp) if add => Timestamp,
        (Timestamp, Timestamp) if sub => Duration,
        (Int | Dyn, Int) | (Int, Dyn) => Int,
        (Uint | Dyn, Uint) | (Uint, Dyn) => Uint,
        (Double | Dyn, Double) | (Double, Dyn) if op != Arithmetic::Rem => Double,
        (String | Dyn, String) | (String, Dyn) if add => String,
        (List(_), List(_)) if add && a.fits(b) => a.clone().join(b),
        (Dyn, list @ List(_)) | (list @ List(_), Dyn) if add && a.fits(b) => list.clone(),
        (Dyn, Dyn) => Dyn,
        _ => return None,
    })
}
