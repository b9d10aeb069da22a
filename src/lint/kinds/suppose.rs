//! What an expression can come to if a field is absent, or an expression has a certain value, and nothing else is known.

use crate::expr::{Lets, Program, Scope, Value};
use crate::syntax::print_expr;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

/// Which of true, false and an error a condition can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcomes(u8);

impl Outcomes {
    const TRUE: Outcomes = Outcomes(1);
    const FALSE: Outcomes = Outcomes(2);
    const ERROR: Outcomes = Outcomes(4);
    const EITHER: Outcomes = Outcomes(3);

    pub(super) fn can_hold(self) -> bool {
        self.0 & 1 != 0
    }

    pub(super) fn can_fail(self) -> bool {
        self.0 & 4 != 0
    }

    pub(super) fn always_holds(self) -> bool {
        self == Outcomes::TRUE
    }

    fn each(self) -> impl Iterator<Item = Outcomes> {
        [Outcomes::TRUE, Outcomes::FALSE, Outcomes::ERROR].into_iter().filter(move |one| self.0 & one.0 != 0)
    }

    fn or(self, other: Outcomes) -> Outcomes {
        Outcomes(self.0 | other.0)
    }

    /// `&&` (decided by false) or `||` (decided by true) of two.
    fn join(self, other: Outcomes, decides: Outcomes) -> Outcomes {
        let one = |a: Outcomes, b: Outcomes| match (a, b) {
            _ if a == decides || b == decides => decides,
            (Outcomes::ERROR, _) | (_, Outcomes::ERROR) => Outcomes::ERROR,
            _ => a,
        };
        self.each().flat_map(|a| other.each().map(move |b| one(a, b))).fold(Outcomes(0), Outcomes::or)
    }

    fn not(self) -> Outcomes {
        let swapped = (self.0 & 1) << 1 | (self.0 & 2) >> 1;
        Outcomes(swapped | self.0 & 4)
    }
}

/// What is supposed.
#[derive(Clone, Debug, Default)]
pub(super) struct Suppose<'s> {
    /// This path of `self` is absent.
    pub absent: Option<&'s [String]>,
    /// What reads something absent is no error, but what a reader would take it for: nothing, none, zero.
    pub lenient: bool,
    /// The expression with this text has this value.
    pub given: Option<(String, Value)>,
}

/// What an expression comes to.
#[derive(Clone, Debug)]
enum Found {
    Known(Value),
    /// A plain read of something absent, where that is no error.
    Missing,
    /// An optional without a value.
    Nothing,
    Truth(Outcomes),
    Unknown,
    Error,
}

impl Found {
    fn outcomes(&self) -> Outcomes {
        match self {
            Found::Known(Value::Bool(true)) => Outcomes::TRUE,
            Found::Known(Value::Bool(false)) | Found::Missing => Outcomes::FALSE,
            Found::Known(_) | Found::Nothing | Found::Error => Outcomes::ERROR,
            Found::Truth(outcomes) => *outcomes,
            Found::Unknown => Outcomes::EITHER,
        }
    }

    /// A condition as an operand of something else.
    fn operand(self) -> Found {
        match self {
            Found::Truth(Outcomes::ERROR) => Found::Error,
            Found::Truth(_) => Found::Unknown,
            other => other,
        }
    }

    fn bool(value: bool) -> Found {
        Found::Known(Value::Bool(value))
    }
}

impl Suppose<'_> {
    /// What a condition can come to.
    pub(super) fn outcomes(&self, expr: &Expr) -> Outcomes {
        self.find(expr).outcomes()
    }

    /// The conjunction of several.
    pub(super) fn all(of: impl IntoIterator<Item = Outcomes>) -> Outcomes {
        of.into_iter().fold(Outcomes::TRUE, |a, b| a.join(b, Outcomes::FALSE))
    }

    /// The disjunction of several.
    pub(super) fn any(of: impl IntoIterator<Item = Outcomes>) -> Outcomes {
        of.into_iter().fold(Outcomes::FALSE, |a, b| a.join(b, Outcomes::TRUE))
    }

    /// The negation.
    pub(super) fn not(of: Outcomes) -> Outcomes {
        of.not()
    }

    /// Nothing is known.
    pub(super) fn either() -> Outcomes {
        Outcomes::EITHER
    }

    fn find(&self, expr: &Expr) -> Found {
        if let Some((text, value)) = &self.given
            && print_expr(expr) == *text
        {
            return Found::Known(value.clone());
        }
        if let Some(steps) = path(expr) {
            return self.read(&steps);
        }
        match &expr.node {
            ExprNode::Ident(_) | ExprNode::Null => Found::Unknown,
            ExprNode::Bool(b) => Found::bool(*b),
            ExprNode::Int(i) => Found::Known(Value::Int(*i)),
            ExprNode::Uint(u) => Found::Known(Value::Uint(*u)),
            ExprNode::Double(d) => Found::Known(Value::Double(*d)),
            ExprNode::String(s) => Found::Known(Value::string(s.as_str())),
            ExprNode::Has(inner) => self.has(inner),
            ExprNode::Not(a) => self.negated(a),
            ExprNode::Binary(BinaryOp::And, a, b) => Found::Truth(Suppose::all([self.outcomes(a), self.outcomes(b)])),
            ExprNode::Binary(BinaryOp::Or, a, b) => Found::Truth(Suppose::any([self.outcomes(a), self.outcomes(b)])),
            ExprNode::Binary(op, a, b) => self.binary(*op, a, b, expr),
            ExprNode::Conditional(test, yes, no) => self.conditional(test, yes, no),
            ExprNode::Macro(op, range, ..) => self.fold(*op, range),
            ExprNode::Method(base, name, args) if is_optional(name) => self.optional(base, name, args),
            ExprNode::Call(name, args) if name.node == "size" => match args.as_slice() {
                [only] => self.size(only, expr),
                _ => Found::Unknown,
            },
            ExprNode::Method(base, name, args) if name.node == "size" && args.is_empty() => self.size(base, expr),
            _ => self.plain(expr),
        }
    }

    /// A path of `self`: its steps, and whether each is optional.
    fn read(&self, steps: &[(String, bool)]) -> Found {
        let Some(absent) = self.absent.filter(|absent| starts_with(steps, absent)) else { return Found::Unknown };
        if steps.iter().take(absent.len()).any(|(_, optional)| *optional) {
            Found::Nothing
        } else if self.lenient {
            Found::Missing
        } else {
            Found::Error
        }
    }

    fn has(&self, inner: &Expr) -> Found {
        let Some(steps) = path(inner) else { return Found::Unknown };
        match self.absent {
            Some(absent) if starts_with(&steps, absent) => {
                let parent = steps.len() > absent.len();
                let guarded = steps.iter().take(absent.len()).any(|(_, optional)| *optional);
                if parent && !guarded && !self.lenient { Found::Error } else { Found::bool(false) }
            }
            _ => Found::Unknown,
        }
    }

    fn negated(&self, a: &Expr) -> Found {
        match self.find(a) {
            Found::Known(Value::Bool(value)) => Found::bool(!value),
            other => Found::Truth(other.outcomes().not()),
        }
    }

    fn conditional(&self, test: &Expr, yes: &Expr, no: &Expr) -> Found {
        let test = self.outcomes(test);
        let (yes, no) = match test {
            Outcomes::TRUE => return self.find(yes),
            Outcomes::FALSE => return self.find(no),
            Outcomes::ERROR => return Found::Error,
            _ => (self.find(yes), self.find(no)),
        };
        match (&yes, &no) {
            (Found::Error, Found::Error) => Found::Error,
            _ => Found::Truth(yes.outcomes().or(no.outcomes()).or(Outcomes(test.0 & 4))),
        }
    }

    fn fold(&self, op: MacroOp, range: &Expr) -> Found {
        let empty = match self.find(range).operand() {
            Found::Error | Found::Nothing => return Found::Error,
            Found::Known(Value::List(items)) => items.is_empty(),
            Found::Known(Value::Map(map)) => map.is_empty(),
            // Nobody takes all of what is absent for true.
            Found::Missing if op == MacroOp::All => return Found::bool(false),
            Found::Missing => true,
            _ => false,
        };
        match op {
            MacroOp::All if empty => Found::bool(true),
            MacroOp::Exists | MacroOp::ExistsOne if empty => Found::bool(false),
            MacroOp::Filter | MacroOp::Map if empty => Found::Known(Value::List(std::sync::Arc::new([]))),
            _ => Found::Unknown,
        }
    }

    fn size(&self, of: &Expr, whole: &Expr) -> Found {
        match self.find(of).operand() {
            Found::Missing => Found::Known(Value::Int(0)),
            _ => self.plain(whole),
        }
    }

    fn optional(&self, base: &Expr, name: &Name, args: &[Expr]) -> Found {
        let base = self.find(base);
        match (name.node.as_str(), base, args) {
            (_, Found::Error, _) => Found::Error,
            ("hasValue", Found::Nothing, _) => Found::bool(false),
            ("value", Found::Nothing, _) => Found::Error,
            ("or" | "orValue", Found::Nothing, [other]) => self.find(other),
            ("optMap" | "optFlatMap", Found::Nothing, _) => Found::Nothing,
            _ => Found::Unknown,
        }
    }

    fn binary(&self, op: BinaryOp, a: &Expr, b: &Expr, whole: &Expr) -> Found {
        let compares = matches!(
            op,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In
        );
        match (self.find(a).operand(), self.find(b).operand()) {
            (Found::Error, _) | (_, Found::Error) => Found::Error,
            (Found::Missing, _) | (_, Found::Missing) if op == BinaryOp::In => Found::bool(false),
            (Found::Missing, Found::Missing) => {
                if compares {
                    Found::bool(false)
                } else {
                    Found::Missing
                }
            }
            (Found::Missing, Found::Known(value)) => {
                zero_like(&value).map_or(Found::Unknown, |zero| evaluate(whole, &[zero, value]))
            }
            (Found::Known(value), Found::Missing) => {
                zero_like(&value).map_or(Found::Unknown, |zero| evaluate(whole, &[value, zero]))
            }
            // What is absent is not equal to anything that is there, and below it.
            (Found::Missing, _) if compares => Found::bool(matches!(op, BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le)),
            (_, Found::Missing) if compares => Found::bool(matches!(op, BinaryOp::Ne | BinaryOp::Gt | BinaryOp::Ge)),
            (a, b) => combined(whole, vec![a, b]),
        }
    }

    /// A node whose operands are all evaluated.
    fn plain(&self, expr: &Expr) -> Found {
        let operands = expr.children().into_iter().map(|child| self.find(child).operand()).collect();
        combined(expr, operands)
    }
}

/// A node over what its operands came to.
fn combined(expr: &Expr, operands: Vec<Found>) -> Found {
    if operands.iter().any(|found| matches!(found, Found::Error)) {
        return Found::Error;
    }
    if operands.iter().any(|found| matches!(found, Found::Missing)) {
        // Of what is absent nothing is said by its functions, and it has no parts.
        let asks = matches!(&expr.node, ExprNode::Method(_, name, _)
            if matches!(name.node.as_str(), "startsWith" | "endsWith" | "contains" | "matches"));
        return if asks { Found::bool(false) } else { Found::Missing };
    }
    let known = |found: Found| match found {
        Found::Known(value) => Some(value),
        _ => None,
    };
    match operands.into_iter().map(known).collect::<Option<Vec<Value>>>() {
        Some(values) => evaluate(expr, &values),
        None => Found::Unknown,
    }
}

/// A node with values for its operands.
fn evaluate(expr: &Expr, operands: &[Value]) -> Found {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut names = NAMES.iter().take(operands.len());
    let mut node = expr.clone();
    for child in node.children_mut() {
        let Some(name) = names.next() else { return Found::Unknown };
        child.node = ExprNode::Ident((*name).to_owned());
    }
    let Some(program) = Program::compile_with(&node, &NAMES, &Lets::new(), &mut Vec::new()) else {
        return Found::Unknown;
    };
    let variables: Vec<Option<&Value>> = operands.iter().map(Some).collect();
    program.eval(&Scope::new(&variables)).map_or(Found::Error, Found::Known)
}

/// What a reader takes an absent value beside this one for.
fn zero_like(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Bool(_) => Value::Bool(false),
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => Value::Int(0),
        Value::String(_) => Value::string(""),
        Value::List(_) => Value::List(std::sync::Arc::new([])),
        Value::Map(_) => Value::map::<&str>([]),
        _ => return None,
    })
}

fn is_optional(name: &Name) -> bool {
    matches!(name.node.as_str(), "hasValue" | "value" | "or" | "orValue" | "optMap" | "optFlatMap")
}

fn starts_with(steps: &[(String, bool)], start: &[String]) -> bool {
    steps.len() >= start.len() && steps.iter().zip(start).all(|((step, _), name)| step == name)
}

/// The steps of `self.a.?b["c"]`, each with whether it is optional; none for `self` alone and for anything else.
pub(super) fn path(expr: &Expr) -> Option<Vec<(String, bool)>> {
    let mut steps = Vec::new();
    let mut base = expr;
    loop {
        let (inner, step) = match &base.node {
            ExprNode::Select(inner, name) => (inner, (name.node.clone(), false)),
            ExprNode::OptSelect(inner, name) => (inner, (name.node.clone(), true)),
            ExprNode::Index(inner, key) | ExprNode::OptIndex(inner, key) => {
                let ExprNode::String(name) = &key.node else { return None };
                (inner, (name.clone(), matches!(base.node, ExprNode::OptIndex(..))))
            }
            ExprNode::Ident(name) if name == "self" => break,
            _ => return None,
        };
        steps.push(step);
        base = inner;
    }
    steps.reverse();
    (!steps.is_empty()).then_some(steps)
}
