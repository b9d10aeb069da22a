//! Evaluation: one walk over the compiled tree. Values of variables and constants are borrowed, never copied.

use std::borrow::Cow;

use super::error::{ErrorKind, EvalError, Fault};
use super::functions::{ARGUMENTS_MAX, Function};
use super::ops;
use super::optional::{Maybe, optional};
use super::program::{Index, Node, Op, Select};
use super::scope::Scope;
use super::types::with_article;
use super::value::Value;

/// The most steps of one evaluation: nodes visited, elements compared, and one for each 32 bytes that a function reads or makes.
pub const STEPS_MAX: u32 = 1_000_000;

/// What compiling a pattern counts, about its time in that of other steps.
const PATTERN_STEPS: usize = 200;
const PATTERN_STEPS_A_BYTE: usize = 20;

/// Bytes of text that count as one step.
const BYTES_A_STEP: usize = 32;

pub(super) type Outcome<'m> = Result<Cow<'m, Value>, EvalError>;

/// One evaluation in progress.
pub(super) struct Machine<'m> {
    scope: &'m Scope<'m>,
    /// Bindings from here on are not visible: a `let` sees those before it.
    lets: usize,
    /// The variables of the macros around the current node, outermost first.
    pub(super) locals: Vec<Cow<'m, Value>>,
    steps: u32,
}

impl<'m> Machine<'m> {
    pub(super) fn new(scope: &'m Scope<'m>) -> Machine<'m> {
        Machine::for_let(scope, usize::MAX)
    }

    pub(super) fn for_let(scope: &'m Scope<'m>, lets: usize) -> Machine<'m> {
        Machine { scope, lets, locals: Vec::new(), steps: STEPS_MAX }
    }

    /// The value of a node.
    pub(super) fn eval(&mut self, node: &'m Node) -> Outcome<'m> {
        self.charge(1, node)?;
        match &node.op {
            Op::Const(value) => Ok(Cow::Borrowed(value)),
            Op::Var(slot, name) => match self.scope.variable(*slot) {
                Some(value) => Ok(Cow::Borrowed(value)),
                None => Err(error(node, ErrorKind::Unbound(name.to_string()))),
            },
            Op::Local(at) => self.locals.get(*at).cloned().ok_or_else(|| unbound(node)),
            Op::Let(at) => self.binding(*at, node),
            Op::Select(select) => self.select(select, node),
            Op::Index(index) => self.index(index, node),
            Op::Has(base, field) => {
                let base = self.eval(base)?;
                has(&base, field)
                    .map(bool)
                    .ok_or_else(|| no_overload(node, format!("has({}.{field})", base.type_name())))
            }
            Op::Call(function, args) => self.call(function, args, node),
            Op::Matches(text, pattern) => {
                let text = self.eval(text)?;
                match text.as_ref() {
                    Value::String(s) => {
                        self.charge_bytes(s.len(), node)?;
                        Ok(bool(pattern.is_match(s)))
                    }
                    other => Err(no_overload(node, format!("{}.matches(string)", other.type_name()))),
                }
            }
            Op::Fold(fold) => self.fold(fold, node),
            Op::OptMap(map) => self.opt_map(map, node),
            Op::HasValue(base) => self.has_value(base, node),
            Op::OrValue(pair) | Op::OrOptional(pair) => self.or_else(pair, node),
            Op::Not(a) => {
                let a = self.eval(a)?;
                a.as_bool().map(|a| bool(!a)).ok_or_else(|| no_overload(node, format!("!{}", a.type_name())))
            }
            Op::Neg(a) => {
                let a = self.eval(a)?;
                ops::negate(&a).map(Cow::Owned).map_err(|f| fault(node, f, || format!("-{}", a.type_name())))
            }
            Op::And(terms) => self.junction(terms, false, node),
            Op::Or(terms) => self.junction(terms, true, node),
            _ => self.operator(node),
        }
    }

    #[inline(never)]
    fn operator(&mut self, node: &'m Node) -> Outcome<'m> {
        match &node.op {
            Op::Equal(pair, negated) => {
                let (a, b) = self.both(pair)?;
                Ok(bool(self.equal(&a, &b, node)? != *negated))
            }
            Op::Compare(op, pair) => {
                let (a, b) = self.both(pair)?;
                op.apply(&a, &b).map(bool).map_err(|f| fault(node, f, || infix(&a, op.sign(), &b)))
            }
            Op::Arithmetic(op, pair) => {
                let (a, b) = self.both(pair)?;
                self.charge_bytes(weight(&a) + weight(&b), node)?;
                let result = ops::arithmetic(*op, &a, &b);
                result.map(Cow::Owned).map_err(|f| fault(node, f, || infix(&a, op.sign(), &b)))
            }
            Op::In(pair) => {
                let (a, b) = self.both(pair)?;
                self.contains(&a, &b, node).map(bool)
            }
            Op::Conditional(parts) => {
                let [test, yes, no] = parts.as_ref();
                let value = self.eval(test)?;
                match value.as_ref() {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    other => Err(no_overload(node, format!("{} ? … : …", other.type_name()))),
                }
            }
            Op::List(items) => {
                let items: Result<Vec<Value>, _> = items.iter().map(|n| self.eval(n).map(Cow::into_owned)).collect();
                Ok(Cow::Owned(Value::List(items?.into())))
            }
            Op::Map(entries) => self.map_literal(entries, node),
            _ => Err(unbound(node)),
        }
    }

    fn both(&mut self, pair: &'m [Node; 2]) -> Result<(Cow<'m, Value>, Cow<'m, Value>), EvalError> {
        let [a, b] = pair;
        Ok((self.eval(a)?, self.eval(b)?))
    }

    #[inline(never)]
    fn binding(&mut self, at: usize, node: &'m Node) -> Outcome<'m> {
        let found = if at < self.lets { self.scope.binding(at) } else { None };
        match found {
            Some(Ok(value)) => Ok(Cow::Borrowed(value)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(unbound(node)),
        }
    }

    #[inline(never)]
    fn map_literal(&mut self, entries: &'m [(Node, Node)], node: &'m Node) -> Outcome<'m> {
        let mut made = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = match self.eval(key)?.into_owned() {
                Value::String(key) => key,
                other => {
                    return Err(no_overload(node, format!("a map key that is {}", with_article(other.type_name()))));
                }
            };
            if made.iter().any(|(k, _)| *k == key) {
                return Err(error(node, ErrorKind::Refused(format!("the key `{key}` is there twice"))));
            }
            made.push((key, self.eval(value)?.into_owned()));
        }
        Ok(Cow::Owned(Value::map(made)))
    }

    /// `&&` (decided by false) and `||` (decided by true): a term that decides beats an error anywhere.
    #[inline(never)]
    fn junction(&mut self, terms: &'m [Node], decides: bool, node: &'m Node) -> Outcome<'m> {
        let mut failed = None;
        for term in terms {
            match self.truth(term, node) {
                Ok(value) if value == decides => return Ok(bool(decides)),
                Ok(_) => {}
                Err(e) if *e.kind() == ErrorKind::Steps => return Err(e),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(bool(!decides)), Err)
    }

    /// A bool, or the error that it is none.
    pub(super) fn truth(&mut self, term: &'m Node, node: &'m Node) -> Result<bool, EvalError> {
        let value = self.eval(term)?;
        value
            .as_bool()
            .ok_or_else(|| no_overload(node, format!("a condition that is {}", with_article(value.type_name()))))
    }

    #[inline(never)]
    fn select(&mut self, select: &'m Select, node: &'m Node) -> Outcome<'m> {
        self.selected(select, node).map(|found| found.map_or_else(|plain| plain, optional))
    }

    /// A field, if it is there, of an optional path; else the field.
    pub(super) fn selected(&mut self, select: &'m Select, node: &'m Node) -> Result<Maybe<'m>, EvalError> {
        let base = self.eval(&select.base)?;
        self.charge(select.steps.len(), node)?;
        // Once a step is optional, so are those after it, as in cel-go.
        let mut optional = false;
        let found = match base {
            Cow::Borrowed(value) => walk(value, select, &mut optional).map(|v| v.map(Cow::Borrowed)),
            Cow::Owned(value) => walk(&value, select, &mut optional).map(|v| v.cloned().map(Cow::Owned)),
        };
        match found {
            Ok(found) if optional => Ok(Ok(found)),
            Ok(Some(value)) => Ok(Err(value)),
            Ok(None) => Err(error(node, ErrorKind::Absent(select.text.clone()))),
            Err(what) => Err(no_overload(node, what)),
        }
    }

    #[inline(never)]
    fn index(&mut self, index: &'m Index, node: &'m Node) -> Outcome<'m> {
        self.indexed(index, node).map(|found| found.map_or_else(|plain| plain, optional))
    }

    /// An element, if it is there, of an optional path; else the element.
    pub(super) fn indexed(&mut self, index: &'m Index, node: &'m Node) -> Result<Maybe<'m>, EvalError> {
        let base = self.eval(&index.base)?;
        let key = self.eval(&index.key)?;
        let mut optional = index.optional;
        let found = match &base {
            Cow::Borrowed(value) => element(value, &key, &mut optional).map(|v| v.map(Cow::Borrowed)),
            Cow::Owned(value) => element(value, &key, &mut optional).map(|v| v.cloned().map(Cow::Owned)),
        };
        match found {
            Ok(found) if optional => Ok(Ok(found)),
            Ok(Some(value)) => Ok(Err(value)),
            Ok(None) => Err(error(node, ErrorKind::Absent(format!("{}[{key}]", index.text)))),
            Err(what) => Err(no_overload(node, what)),
        }
    }

    #[inline(never)]
    fn call(&mut self, function: &'static Function, nodes: &'m [Node], node: &'m Node) -> Outcome<'m> {
        const NOTHING: &Value = &Value::Bool(false);
        let mut args: [Cow<'m, Value>; ARGUMENTS_MAX] = std::array::from_fn(|_| Cow::Borrowed(NOTHING));
        let mut bytes = 0;
        for (arg, n) in args.iter_mut().zip(nodes) {
            *arg = self.eval(n)?;
            bytes += weight(arg);
        }
        self.charge_bytes(bytes, node)?;
        if let ("matches", Value::String(pattern)) = (function.name, args[1].as_ref()) {
            // A pattern that is not constant is compiled each time.
            self.charge(PATTERN_STEPS + PATTERN_STEPS_A_BYTE * pattern.len(), node)?;
        }
        let args = args.each_ref().map(Cow::as_ref);
        let args = args.get(..nodes.len()).unwrap_or_default();
        match (function.run)(args) {
            Ok(value) => {
                self.charge_bytes(weight(&value), node)?;
                Ok(Cow::Owned(value))
            }
            Err(f) => Err(fault(node, f, || function.shape(args))),
        }
    }

    /// `a in b`: an element of a list, a key of a map.
    fn contains(&mut self, a: &Value, b: &Value, node: &'m Node) -> Result<bool, EvalError> {
        match (a, b) {
            (_, Value::List(items)) => {
                for item in items.iter() {
                    if self.equal(a, item, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::String(key), Value::Map(map)) => Ok(map.contains_key(key)),
            (_, Value::Map(_)) => Ok(false),
            _ => Err(no_overload(node, infix(a, "in", b))),
        }
    }

    /// CEL's `==`, each element a step.
    fn equal(&mut self, a: &Value, b: &Value, node: &'m Node) -> Result<bool, EvalError> {
        self.charge(1, node)?;
        match (a, b) {
            (Value::List(a), Value::List(b)) if a.len() == b.len() => {
                for (x, y) in a.iter().zip(b.iter()) {
                    if !self.equal(x, y, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Map(a), Value::Map(b)) if a.len() == b.len() => {
                for ((k, x), (l, y)) in a.iter().zip(b.iter()) {
                    if k != l || !self.equal(x, y, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Optional(Some(a)), Value::Optional(Some(b))) => self.equal(a, b, node),
            (Value::List(_), _) | (Value::Map(_), _) => Ok(false),
            _ => Ok(a == b),
        }
    }

    /// Counts steps; the limit is an error that nothing absorbs.
    pub(super) fn charge(&mut self, steps: usize, node: &'m Node) -> Result<(), EvalError> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps));
        self.steps = left.unwrap_or(0);
        if left.is_none() { Err(error(node, ErrorKind::Steps)) } else { Ok(()) }
    }

    fn charge_bytes(&mut self, bytes: usize, node: &'m Node) -> Result<(), EvalError> {
        self.charge(bytes / BYTES_A_STEP, node)
    }
}

/// What it costs to read or make a value's outermost level, in bytes.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(s) => s.len(),
        Value::List(items) => items.len() * size_of::<Value>(),
        _ => 0,
    }
}

pub(super) fn bool<'m>(value: bool) -> Cow<'m, Value> {
    Cow::Owned(Value::Bool(value))
}

pub(super) fn error(node: &Node, kind: ErrorKind) -> EvalError {
    EvalError::new(kind, node.span)
}

pub(super) fn no_overload(node: &Node, what: String) -> EvalError {
    error(node, ErrorKind::NoOverload(what))
}

/// A name without a value: cannot happen with the scope that the program was compiled for.
fn unbound(node: &Node) -> EvalError {
    error(node, ErrorKind::Unbound("let".to_owned()))
}

fn fault(node: &Node, fault: Fault, what: impl FnOnce() -> String) -> EvalError {
    match fault {
        Fault::NoOverload => no_overload(node, what()),
        Fault::Kind(kind) => error(node, kind),
    }
}

fn infix(a: &Value, sign: &str, b: &Value) -> String {
    format!("{} {sign} {}", a.type_name(), b.type_name())
}

/// Follows field steps; `optional` becomes true at the first optional step or value, after which what is absent is `None` without
/// being an error.
fn walk<'v>(mut value: &'v Value, select: &Select, optional: &mut bool) -> Result<Option<&'v Value>, String> {
    for step in &select.steps {
        if let Value::Optional(inner) = value {
            *optional = true;
            match inner {
                Some(inner) => value = inner,
                None => return Ok(None),
            }
        }
        *optional |= step.optional;
        value = match value {
            Value::Map(map) => match map.get(&step.name) {
                Some(value) => value,
                None => return Ok(None),
            },
            Value::List(_) => return Err(format!("list.{}", step.name)),
            // As cel-go: a scalar has no such field, which is an error unless the step is optional.
            _ if *optional => return Ok(None),
            scalar => return Err(format!("{}.{}", scalar.type_name(), step.name)),
        };
    }
    Ok(Some(value))
}

/// `value[key]`: a list by a whole number, a map by a string.
fn element<'v>(mut value: &'v Value, key: &Value, optional: &mut bool) -> Result<Option<&'v Value>, String> {
    if let Value::Optional(inner) = value {
        *optional = true;
        match inner {
            Some(inner) => value = inner,
            None => return Ok(None),
        }
    }
    let shape = || Err(format!("{}[{}]", value.type_name(), key.type_name()));
    match (value, key) {
        (Value::List(items), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => match whole(key) {
            Some(at) => Ok(usize::try_from(at).ok().and_then(|at| items.get(at))),
            None => shape(),
        },
        (Value::Map(map), Value::String(key)) => Ok(map.get(key)),
        (Value::Map(_), Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Bool(_)) => Ok(None),
        (Value::List(_) | Value::Map(_), _) => shape(),
        _ if *optional => Ok(None),
        _ => shape(),
    }
}

/// A number as an index, if it is whole.
#[expect(clippy::cast_possible_truncation, reason = "in range, and compared with what it was made from")]
fn whole(number: &Value) -> Option<i64> {
    match number {
        Value::Int(i) => Some(*i),
        Value::Uint(u) => i64::try_from(*u).ok(),
        Value::Double(d) if d.fract() == 0.0 && d.abs() < 9e15 => Some(*d as i64),
        _ => None,
    }
}

/// Whether a field is there; `None` where that cannot be asked.
fn has(base: &Value, field: &str) -> Option<bool> {
    match base {
        Value::Map(map) => Some(map.contains_key(field)),
        Value::List(_) => None,
        Value::Optional(None) => Some(false),
        Value::Optional(Some(inner)) => has(inner, field),
        // As cel-go: a scalar has no fields.
        _ => Some(false),
    }
}
