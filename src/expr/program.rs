//! The compiled form: names resolved to slots, functions to entries of one table, constants folded. Compiled once, run often.

use std::sync::Arc;

use regex::Regex;

use super::error::{ErrorKind, EvalError};
use super::functions::Function;
use super::machine::Machine;
use super::ops::{Arithmetic, Comparison};
use super::reads::{ReadPath, Reads};
use super::scope::Scope;
use super::truth::Truth;
use super::types::{Type, with_article};
use super::value::Value;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::tree::MacroOp;

/// The deepest nesting of an expression, the `let`s that it uses included. Chains of `&&` and of `||` count as one.
pub const EXPRESSION_DEPTH_MAX: usize = 100;

/// One compiled expression.
#[derive(Debug)]
pub struct Program {
    pub(super) root: Node,
    pub(super) kind: Type,
    pub(super) depth: usize,
    pub(super) reads: Reads,
}

/// An ordered set of `let` bindings. Each sees those before it.
#[derive(Clone, Debug, Default)]
pub struct Lets {
    items: Vec<(Arc<str>, Arc<Program>)>,
}

impl Lets {
    /// None.
    #[must_use]
    pub fn new() -> Lets {
        Lets::default()
    }

    /// Adds a binding after the others. Its program must have been compiled with the variables of the programs that will use it
    /// and with the bindings added so far. A later binding hides an earlier one of that name.
    pub fn push(&mut self, name: impl Into<Arc<str>>, program: Program) {
        self.items.push((name.into(), Arc::new(program)));
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Names and programs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Program)> {
        self.items.iter().map(|(name, program)| (name.as_ref(), program.as_ref()))
    }

    pub(super) fn get(&self, at: usize) -> Option<&Program> {
        self.items.get(at).map(|(_, program)| program.as_ref())
    }

    pub(super) fn find(&self, name: &str) -> Option<(usize, &Program)> {
        let at = self.items.iter().rposition(|(n, _)| n.as_ref() == name)?;
        Some((at, self.get(at)?))
    }
}

impl Program {
    /// What is known of the result's type.
    #[must_use]
    pub fn result_type(&self) -> &Type {
        &self.kind
    }

    /// Where the expression stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.root.span
    }

    /// Says so, if the result can never be a bool. For expressions that stand where a condition is asked.
    pub fn expect_bool(&self, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let fits = self.kind.fits(&Type::Bool);
        if !fits {
            diagnostics.push(
                Diagnostic::error(
                    Code::EXPRESSION_TYPE,
                    self.root.span,
                    format!("a condition is true or false, this is {}", self.kind.with_article()),
                )
                .label("expected a bool"),
            );
        }
        fits
    }

    /// The value over some bindings.
    ///
    /// # Errors
    /// What CEL calls an error: something absent, types that do not fit, a number out of range; or too many steps.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        Machine::new(scope).eval(&self.root).map(std::borrow::Cow::into_owned)
    }

    /// Whether the expression holds.
    ///
    /// # Errors
    /// As [`Program::eval`]; and a value that is not a bool, which is no overload.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        let value = Machine::new(scope).eval(&self.root)?;
        value.as_bool().ok_or_else(|| {
            let kind = ErrorKind::NoOverload(format!("a condition that is {}", with_article(value.type_name())));
            EvalError::new(kind, self.root.span)
        })
    }

    /// Whether the expression holds; unknown where [`Program::holds`] errors.
    #[must_use]
    pub fn truth(&self, scope: &Scope<'_>) -> Truth {
        self.holds(scope).map_or(Truth::Unknown, Truth::from)
    }

    /// The field paths that evaluation may read, for each variable: at least what is read, perhaps more, those of the `let`s in use
    /// included. Projecting each variable's object to them (see [`Projection`](super::Projection)) changes no evaluation: neither
    /// the value nor the error.
    #[must_use]
    pub fn paths(&self) -> Vec<ReadPath> {
        self.reads.all()
    }
}

/// A compiled expression with its place.
#[derive(Debug)]
pub(super) struct Node {
    pub op: Op,
    pub span: Span,
}

/// Compiled forms.
#[derive(Debug)]
pub(super) enum Op {
    Const(Value),
    /// The slot, and the name for errors.
    Var(usize, Arc<str>),
    /// A macro's variable, by depth.
    Local(usize),
    Let(usize),
    Select(Box<Select>),
    Index(Box<Index>),
    /// `has(node.field)`
    Has(Box<Node>, Arc<str>),
    Call(&'static Function, Vec<Node>),
    /// `matches` with a constant pattern.
    Matches(Box<Node>, Box<Regex>),
    Fold(Box<Fold>),
    OptMap(Box<OptMap>),
    /// `a.hasValue()`
    HasValue(Box<Node>),
    /// `a.orValue(b)`
    OrValue(Box<[Node; 2]>),
    /// `a.or(b)`
    OrOptional(Box<[Node; 2]>),
    Not(Box<Node>),
    Neg(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// `==`, or `!=` if the second is true.
    Equal(Box<[Node; 2]>, bool),
    Compare(Comparison, Box<[Node; 2]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Conditional(Box<[Node; 3]>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A run of field steps.
#[derive(Debug)]
pub(super) struct Select {
    pub base: Node,
    pub steps: Vec<SelectStep>,
    /// The path as written up to the first optional step: what an error says is absent.
    pub text: String,
}

/// `.name` or `.?name`
#[derive(Debug)]
pub(super) struct SelectStep {
    pub name: Arc<str>,
    pub optional: bool,
}

/// `base[key]` or `base[?key]`
#[derive(Debug)]
pub(super) struct Index {
    pub base: Node,
    pub key: Node,
    pub optional: bool,
    /// The base as written, for errors.
    pub text: String,
}

/// A macro over a list or a map's keys.
#[derive(Debug)]
pub(super) struct Fold {
    pub op: MacroOp,
    pub range: Node,
    /// Where the variable stands among the locals.
    pub local: usize,
    /// The condition; of a `map` without one, absent.
    pub test: Option<Node>,
    /// What `map` makes.
    pub result: Option<Node>,
}

/// `base.optMap(x, body)` or `optFlatMap`
#[derive(Debug)]
pub(super) struct OptMap {
    pub base: Node,
    pub local: usize,
    pub body: Node,
    /// The body is itself an optional.
    pub flat: bool,
}
