//! Compiling functions, methods and macros.

use super::compile::{Compiled, Compiler};
use super::functions::{self, Function};
use super::left_out;
use super::pattern;
use super::program::{Fold, Node, Op, OptMap};

use super::types::Type;
use super::value::Value;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::tree::{Expr, ExprNode, MacroOp, Name};

/// Methods that evaluate their arguments lazily and so are not in the table of functions.
const LAZY: &[&str] = &["or", "orValue", "optMap", "optFlatMap"];
const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "map"];

/// Every function, method and macro by name, sorted: what the page of expressions must show.
#[must_use]
pub fn function_names() -> Vec<&'static str> {
    let table = functions::names(true).chain(functions::names(false));
    let mut names: Vec<&str> = table.chain(LAZY.iter().copied()).chain(MACROS.iter().copied()).chain(["has"]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Compiler<'_> {
    pub(super) fn call(&mut self, name: &Name, args: &[Expr], span: Span) -> Compiled {
        let Some(function) = functions::find(&name.node, false) else {
            self.each(args);
            return self.unknown(name, false);
        };
        self.apply(function, name, args.iter(), span)
    }

    pub(super) fn method(&mut self, base: &Expr, name: &Name, args: &[Expr], span: Span) -> Compiled {
        if let ExprNode::Ident(space) = &base.node
            && space == "optional"
            && !self.is_bound(space)
        {
            let full = Name { node: format!("optional.{}", name.node), span: base.span.to(name.span) };
            return self.call(&full, args, span);
        }
        if let ExprNode::Ident(space) = &base.node
            && let Some(help) = left_out::instead_of_space(space).filter(|_| !self.is_bound(space))
        {
            self.each(args);
            let message = format!("there is no function `{space}.{}`", name.node);
            let place = base.span.to(name.span);
            return self.error(Diagnostic::error(Code::EXPRESSION_FUNCTION, place, message).help(help));
        }
        match (name.node.as_str(), args) {
            ("or" | "orValue", [other]) => self.or_else(base, name, other, span),
            ("optMap" | "optFlatMap", [variable, body]) => self.opt_map(base, name, variable, body, span),
            (lazy, _) if LAZY.contains(&lazy) => {
                let count = if lazy.starts_with("opt") { "a name and an expression" } else { "1 argument" };
                let message = format!("`{lazy}` takes {count}, not {}", args.len());
                self.error(Diagnostic::error(Code::EXPRESSION_FUNCTION, name.span, message))
            }
            (known, _) => {
                let Some(function) = functions::find(known, true) else {
                    self.node(base);
                    // `x, …` of a macro that does not exist would only add errors.
                    if !matches!(args, [Expr { node: ExprNode::Ident(_), .. }, _, ..]) {
                        self.each(args);
                    }
                    return self.unknown(name, true);
                };
                self.apply(function, name, std::iter::once(base).chain(args), span)
            }
        }
    }

    /// For their errors alone.
    fn each(&mut self, exprs: &[Expr]) {
        for expr in exprs {
            self.node(expr);
        }
    }

    fn unknown(&mut self, name: &Name, method: bool) -> Compiled {
        let word = name.node.as_str();
        let what = if method { "method" } else { "function" };
        let mut diagnostic =
            Diagnostic::error(Code::EXPRESSION_FUNCTION, name.span, format!("there is no {what} `{word}`"));
        let methods = || functions::names(true).chain(LAZY.iter().copied()).chain(MACROS.iter().copied());
        let near =
            if method { nearest(word, methods()) } else { nearest(word, functions::names(false).chain(["has"])) };
        let other_form =
            if method { functions::find(word, false).map(|f| f.name) } else { methods().find(|m| *m == word) };
        let help = match (near, other_form, word) {
            _ if left_out::instead_of(word).is_some() => left_out::instead_of(word).unwrap_or_default().to_owned(),
            (_, Some(_), _) if method => format!("it is a function: write `{word}(x)`"),
            (_, Some(_), _) => format!("it is a method: write `x.{word}(…)`"),
            (Some(near), _, _) => format!("did you mean `{near}`?"),
            _ => String::new(),
        };
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.error(diagnostic)
    }

    fn apply<'e>(
        &mut self,
        function: &'static Function,
        name: &Name,
        args: impl Iterator<Item = &'e Expr>,
        span: Span,
    ) -> Compiled {
        let args: Vec<&Expr> = args.collect();
        let compiled: Vec<Compiled> = args.iter().map(|arg| self.node(arg)).collect();
        if !function.has_arity(args.len()) {
            let given = args.len() - usize::from(function.method);
            let takes = function.arity_text();
            let noun = if takes == "1" { "argument" } else { "arguments" };
            let message = format!("`{}` takes {takes} {noun}, not {given}", function.name);
            let mut diagnostic = Diagnostic::error(Code::EXPRESSION_FUNCTION, name.span, message);
            if function.name.starts_with("get") && args.len() == 2 {
                diagnostic = diagnostic.help(
                    "parts are those in UTC; of another zone add its offset first: `(time + duration(\"2h\")).getHours()`",
                );
            }
            return self.error(diagnostic);
        }
        let mut nodes = Vec::with_capacity(args.len());
        let mut kinds = Vec::with_capacity(args.len());
        for compiled in compiled {
            let (node, kind) = compiled?;
            nodes.push(node);
            kinds.push(kind);
        }
        let fits = |overload: &&&[functions::Arg]| {
            overload.len() == kinds.len() && overload.iter().zip(&kinds).all(|(arg, kind)| arg.takes(kind))
        };
        if !function.overloads.iter().any(|o| fits(&o)) {
            return self.no_overload(function, name, &args, &kinds, span);
        }
        let op = self.fold_constant(function, nodes)?;
        Some((Node { op, span }, result_type(function, &kinds)))
    }

    fn no_overload(
        &mut self,
        function: &Function,
        name: &Name,
        args: &[&Expr],
        kinds: &[Type],
        span: Span,
    ) -> Compiled {
        let types: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        let types: Vec<&str> = types.iter().map(String::as_str).collect();
        let message = format!("there is no `{}`", function.shape_of(&types));
        let mut diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, span, message);
        let receiver = args.first().map(|arg| super::access::full(arg)).unwrap_or_default();
        diagnostic = match kinds.first() {
            Some(Type::Optional(_)) if function.name != "value" => {
                diagnostic.help(format!("take the value out first: `{receiver}.orValue(…)`"))
            }
            Some(kind) if matches!(function.name, "hasValue" | "value") && !matches!(kind, Type::Optional(_)) => {
                diagnostic.help(optional_help(args.first().copied(), name))
            }
            Some(Type::Dyn | Type::String) if function.name.starts_with("get") => {
                diagnostic.help(format!("write `timestamp({receiver}).{}()`", function.name))
            }
            _ => diagnostic,
        };
        self.error(diagnostic)
    }

    /// Patterns are compiled, and durations and timestamps read, once; bad ones are errors here.
    fn fold_constant(&mut self, function: &'static Function, mut nodes: Vec<Node>) -> Option<Op> {
        let last = match nodes.last() {
            Some(Node { op: Op::Const(value), span }) => Some((value.clone(), *span)),
            _ => None,
        };
        match (function.name, last) {
            ("matches", Some((Value::String(re), at))) => match pattern::compile(&re) {
                Ok(pattern) => {
                    nodes.pop();
                    Some(Op::Matches(Box::new(nodes.pop()?), Box::new(pattern)))
                }
                Err(problem) => {
                    let message = format!("`{re}` is not a pattern: {problem}");
                    let diagnostic = Diagnostic::error(Code::EXPRESSION_LITERAL, at, message);
                    self.error(diagnostic.help("patterns are those of RE2, as in CEL"));
                    None
                }
            },
            ("duration" | "timestamp", Some((value, at))) => match (function.run)(&[&value]) {
                Ok(value) => Some(Op::Const(value)),
                Err(_) => {
                    self.error(bad_time(function.name, &value, at));
                    None
                }
            },
            ("hasValue", _) => Some(Op::HasValue(Box::new(nodes.pop()?))),
            _ => Some(Op::Call(function, nodes)),
        }
    }

    fn or_else(&mut self, base: &Expr, name: &Name, other: &Expr, span: Span) -> Compiled {
        let (b, o) = (self.node(base), self.node(other));
        let ((base_node, base_kind), (other_node, other_kind)) = (b?, o?);
        let base_kind = if base_kind == Type::Any { Type::optional(Type::Any) } else { base_kind };
        let Type::Optional(inner) = base_kind else { return self.not_optional(base, name, &base_kind) };
        let whole = name.node == "or";
        let asked = if whole { Type::Optional(inner.clone()) } else { *inner };
        if !asked.fits(&other_kind) {
            let message =
                format!("`{}` asks for {} here, not {}", name.node, asked.with_article(), other_kind.with_article());
            return self.mismatch(other.span, message, other.span, &other_kind);
        }
        let pair = Box::new([base_node, other_node]);
        let op = if whole { Op::OrOptional(pair) } else { Op::OrValue(pair) };
        Some((Node { op, span }, asked.join(&other_kind)))
    }

    fn not_optional(&mut self, base: &Expr, name: &Name, kind: &Type) -> Compiled {
        let message = match kind {
            Type::Dyn => format!("`{}` is for optional values, and a plain field is none", name.node),
            _ => format!("`{}` is for optional values, not {}", name.node, kind.with_article()),
        };
        let diagnostic = Diagnostic::error(Code::EXPRESSION_TYPE, name.span, message);
        self.error(diagnostic.help(optional_help(Some(base), name)))
    }

    fn opt_map(&mut self, base: &Expr, name: &Name, variable: &Expr, body: &Expr, span: Span) -> Compiled {
        let (base_node, kind) = self.node(base)?;
        let Type::Optional(inner) = kind else { return self.not_optional(base, name, &kind) };
        let ExprNode::Ident(variable) = &variable.node else {
            let message = format!("`{}` takes a name first", name.node);
            return self.error(Diagnostic::error(Code::EXPRESSION_FUNCTION, variable.span, message));
        };
        let local = self.locals.len();
        self.locals.push((variable.clone(), *inner));
        let made = self.node(body);
        self.locals.truncate(local);
        let (body_node, made) = made?;
        let flat = name.node == "optFlatMap";
        let kind = match made {
            Type::Optional(_) if flat => made,
            _ if flat => {
                return self.mismatch(
                    body.span,
                    format!("`optFlatMap` asks for an optional, not {}", made.with_article()),
                    body.span,
                    &made,
                );
            }
            _ => Type::optional(made),
        };
        let map = OptMap { base: base_node, local, body: body_node, flat };
        Some((Node { op: Op::OptMap(Box::new(map)), span }, kind))
    }

    pub(super) fn fold(&mut self, op: MacroOp, range: &Expr, names: &[Name], bodies: &[Expr], span: Span) -> Compiled {
        let macro_name = super::fold::name(op);
        let (test, result) = match (op, names, bodies) {
            (MacroOp::Map, [_], [result]) => (None, Some(result)),
            (MacroOp::Map, [_], [test, result]) => (Some(test), Some(result)),
            (_, [_], [test]) => (Some(test), None),
            _ => {
                let message = format!("`{macro_name}` takes a name and an expression");
                let diagnostic = Diagnostic::error(Code::EXPRESSION_FUNCTION, span, message);
                return self.error(diagnostic.help(format!("write it as `list.{macro_name}(x, …)`")));
            }
        };
        let (range_node, kind) = self.node(range)?;
        let element = match kind {
            Type::Any | Type::Dyn => kind,
            Type::List(of) => *of,
            Type::Map(_) | Type::Object(_) => Type::String,
            other => {
                let message = format!("`{macro_name}` asks for a list or a map, not {}", other.with_article());
                return self.mismatch(range.span, message, range.span, &other);
            }
        };
        let local = self.locals.len();
        self.locals.extend(names.iter().map(|name| (name.node.clone(), element.clone())));
        let test_made = test.map(|test| self.node(test));
        let result_made = result.map(|result| self.node(result));
        self.locals.truncate(local);
        let test_node = match (test, test_made) {
            (Some(test), Some(made)) => {
                let (node, kind) = made?;
                if !kind.fits(&Type::Bool) {
                    let message = format!("`{macro_name}` asks for a bool, not {}", kind.with_article());
                    return self.mismatch(test.span, message, test.span, &kind);
                }
                Some(node)
            }
            _ => None,
        };
        let (result_node, made) = match result_made {
            Some(made) => made.map(|(node, kind)| (Some(node), Some(kind)))?,
            None => (None, None),
        };
        let kind = match (op, made) {
            (MacroOp::Map, Some(made)) => Type::list(made),
            (MacroOp::Filter, _) => Type::list(element),
            _ => Type::Bool,
        };
        let fold = Fold { op, range: range_node, local, test: test_node, result: result_node };
        Some((Node { op: Op::Fold(Box::new(fold)), span }, kind))
    }
}

fn result_type(function: &Function, kinds: &[Type]) -> Type {
    match (function.name, kinds) {
        ("value", [Type::Optional(inner)]) => inner.as_ref().clone(),
        ("optional.of" | "optional.ofNonZeroValue", [kind]) => Type::optional(kind.clone()),
        _ => function.result.to_type(),
    }
}

/// `a.b` → `a.?b`
fn optional_help(base: Option<&Expr>, name: &Name) -> String {
    match base.map(|b| (&b.node, b)) {
        Some((ExprNode::Select(inner, field), _)) => {
            let ending = if name.node.starts_with("or") { "(…)" } else { "()" };
            format!("write `{}.?{}.{}{ending}`", super::access::full(inner), field.node, name.node)
        }
        _ => "optional values come from `a.?b` and `a[?b]`".to_owned(),
    }
}

/// A constant that is no duration or timestamp.
fn bad_time(what: &str, value: &Value, at: Span) -> Diagnostic {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let help = match (what, days(&text)) {
        ("timestamp", _) => "a timestamp is RFC 3339: `2026-03-01T08:00:00Z`".to_owned(),
        (_, Some(days)) => format!("CEL has no `d`: write `{}h`", days * 24),
        _ => "a duration is numbers with `h`, `m`, `s`, `ms`, `us`, `ns`: `1h30m`".to_owned(),
    };
    Diagnostic::error(Code::EXPRESSION_LITERAL, at, format!("`{text}` is not a {what}")).help(help)
}

/// `7d` as days.
fn days(text: &str) -> Option<u64> {
    text.strip_suffix('d')?.parse::<u64>().ok().filter(|days| *days < 100_000)
}
