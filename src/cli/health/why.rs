//! Which line of a kind decided, and the values that it looked at.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::diagnostic::{Sources, Span};
use crate::expr::{EvalError, Lets, Program, Scope, Value, cut};
use crate::rulebook::{HealthLine, HealthRule, Kind};
use crate::syntax::print_expr;
use crate::syntax::tree::{Expr, ExprNode, KindLine, TextPart};

/// The longest value that is shown, in bytes.
const VALUE_BYTES_MAX: usize = 240;

/// The longest line of a kind that is shown, in bytes.
const LINE_BYTES_MAX: usize = 160;

/// What decided.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deciding {
    /// `file:line` of the line, or of the kind where that has no lines.
    pub line: String,
    /// The line as written.
    pub text: String,
    /// What it looked at; for `otherwise`, what the lines before it looked at.
    pub values: Vec<Looked>,
    /// The lines before it, none of which held.
    pub passed: Vec<Passed>,
}

/// An expression and what it gave.
#[derive(Serialize)]
pub struct Looked {
    pub expression: String,
    /// As JSON writes it; or why there is none, such as `absent`.
    pub value: String,
}

/// A line that does not hold.
#[derive(Serialize)]
pub struct Passed {
    pub line: String,
    /// `false`, or why its condition has no value.
    pub holds: String,
}

/// Why `object` has the health that `line` (an index into the kind's lines; none for kstatus) gives.
pub fn deciding(kind: &Kind, object: &Value, line: Option<usize>, sources: &Sources) -> Deciding {
    let (HealthRule::Lines(lines), Some(line)) = (&kind.health, line) else {
        return by_kstatus(kind, object, sources);
    };
    let variables = [Some(object)];
    let scope = Scope::with_lets(&variables, &kind.lets);
    let written: Vec<Written<'_>> = kind.decl.lines.iter().filter_map(Written::of).collect();
    let before = lines.iter().zip(&written).take(line);
    let passed = before.map(|(compiled, written)| passed(compiled, written, &scope, sources)).collect();
    let mut looked = Looking { lets: &kind.lets, scope: &scope, seen: BTreeSet::new(), values: Vec::new() };
    let decided = written.get(line);
    match decided.and_then(|written| written.when) {
        Some(when) => looked.at(when, &mut Vec::new()),
        None => written.iter().take(line).filter_map(|w| w.when).for_each(|when| looked.at(when, &mut Vec::new())),
    }
    for expr in decided.into_iter().flat_map(|written| &written.message) {
        looked.at(expr, &mut Vec::new());
    }
    let span = decided.map_or(kind.span, |written| written.span);
    Deciding { line: file_line(sources, span), text: words(sources, span), values: looked.values, passed }
}

/// A line of the declaration that gives a status.
struct Written<'k> {
    when: Option<&'k Expr>,
    message: Vec<&'k Expr>,
    span: Span,
}

impl<'k> Written<'k> {
    fn of(line: &'k KindLine) -> Option<Written<'k>> {
        let KindLine::Health { message, when, span, .. } = line else { return None };
        let message = message.parts.iter().filter_map(|part| match part {
            TextPart::Expr(expr) => Some(expr),
            TextPart::Literal(_) => None,
        });
        Some(Written { when: when.as_ref(), message: message.collect(), span: *span })
    }
}

fn passed(line: &HealthLine, written: &Written<'_>, scope: &Scope<'_>, sources: &Sources) -> Passed {
    let holds = match line.when.as_ref().map(|when| when.holds(scope)) {
        Some(Err(error)) => error.to_string(),
        _ => "false".to_owned(),
    };
    Passed { line: file_line(sources, written.span), holds }
}

/// Collects the fields and `let`s that an expression names.
struct Looking<'k> {
    lets: &'k Lets,
    scope: &'k Scope<'k>,
    seen: BTreeSet<String>,
    values: Vec<Looked>,
}

impl Looking<'_> {
    /// `bound`: the variables of the macros around.
    fn at(&mut self, expr: &Expr, bound: &mut Vec<String>) {
        if let Some(root) = root_of(expr) {
            let known = root == "self" || self.lets.iter().any(|(name, _)| name == root);
            let whole = matches!(&expr.node, ExprNode::Ident(name) if name == "self");
            if known && !whole && !bound.iter().any(|name| name == root) {
                self.show(expr);
            }
            return;
        }
        match &expr.node {
            ExprNode::Select(a, _)
            | ExprNode::OptSelect(a, _)
            | ExprNode::Has(a)
            | ExprNode::Not(a)
            | ExprNode::Neg(a) => self.at(a, bound),
            ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => {
                self.at(a, bound);
                self.at(b, bound);
            }
            ExprNode::Method(a, name, rest) => {
                self.at(a, bound);
                let depth = bound.len();
                if let ("optMap" | "optFlatMap", Some(ExprNode::Ident(name))) =
                    (name.node.as_str(), rest.first().map(|e| &e.node))
                {
                    bound.push(name.clone());
                }
                rest.iter().for_each(|e| self.at(e, bound));
                bound.truncate(depth);
            }
            ExprNode::Call(_, args) | ExprNode::List(args) => args.iter().for_each(|e| self.at(e, bound)),
            ExprNode::Macro(_, range, names, bodies) => {
                self.at(range, bound);
                let depth = bound.len();
                bound.extend(names.iter().map(|name| name.node.clone()));
                bodies.iter().for_each(|e| self.at(e, bound));
                bound.truncate(depth);
            }
            ExprNode::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|e| self.at(e, bound)),
            ExprNode::Map(entries) => entries.iter().for_each(|(k, v)| {
                self.at(k, bound);
                self.at(v, bound);
            }),
            _ => {}
        }
    }

    fn show(&mut self, expr: &Expr) {
        let expression = print_expr(expr);
        if !self.seen.insert(expression.clone()) {
            return;
        }
        let Some(program) = Program::compile_with(expr, &["self"], self.lets, &mut Vec::new()) else { return };
        let value = shown(program.eval(self.scope));
        self.values.push(Looked { expression, value });
    }
}

fn shown(value: Result<Value, EvalError>) -> String {
    match value {
        Ok(Value::Optional(None)) => "absent".to_owned(),
        Ok(Value::Optional(Some(inner))) => cut(inner.to_string(), VALUE_BYTES_MAX),
        Ok(value) => cut(value.to_string(), VALUE_BYTES_MAX),
        Err(error) => error.to_string(),
    }
}

/// The variable at the root of a path of fields and literal indexes; `None` for what is no path.
fn root_of(expr: &Expr) -> Option<&str> {
    match &expr.node {
        ExprNode::Ident(name) => Some(name),
        ExprNode::Select(base, _) | ExprNode::OptSelect(base, _) => root_of(base),
        ExprNode::Index(base, key) | ExprNode::OptIndex(base, key) => match &key.node {
            ExprNode::String(_) | ExprNode::Int(_) => root_of(base),
            _ => None,
        },
        _ => None,
    }
}

/// What kstatus looks at.
fn by_kstatus(kind: &Kind, object: &Value, sources: &Sources) -> Deciding {
    let mut values = Vec::new();
    for path in [["metadata", "generation"], ["status", "observedGeneration"]] {
        let value = object.at(path).map_or("absent".to_owned(), |value| cut(value.to_string(), VALUE_BYTES_MAX));
        values.push(Looked { expression: format!("self.{}", path.join(".")), value });
    }
    if let Some(Value::List(conditions)) = object.at(["status", "conditions"]) {
        let word = |condition: &Value, key: &str| condition.get(key).and_then(Value::as_str).map(str::to_owned);
        for condition in conditions.iter() {
            let name = word(condition, "type").unwrap_or_default();
            if ["Ready", "Reconciling", "Stalled"].contains(&&*name) {
                let value = word(condition, "status").unwrap_or_else(|| "absent".to_owned());
                values.push(Looked { expression: format!("condition {name}"), value });
            }
        }
    }
    let text = "no lines: read as kstatus reads any object".to_owned();
    Deciding { line: file_line(sources, kind.span), text, values, passed: Vec::new() }
}

/// `file:line` of a span's start.
pub fn file_line(sources: &Sources, span: Span) -> String {
    let name = sources.get(span.file).map_or("", |source| &*source.name);
    format!("{name}:{}", sources.position(span).0)
}

/// The words of a line, on one line.
fn words(sources: &Sources, span: Span) -> String {
    let words = sources.words(span).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(words, LINE_BYTES_MAX)
}
