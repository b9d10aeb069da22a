//! What names are bound to during evaluation.

use std::cell::OnceCell;

use super::error::EvalError;
use super::machine::Machine;
use super::program::Lets;
use super::value::Value;

/// Variables by slot, and `let` bindings that are evaluated when first used, once for this scope: make one scope for an object and
/// run all of its kind's programs over it.
#[derive(Debug)]
pub struct Scope<'a> {
    variables: &'a [Option<&'a Value>],
    lets: Option<&'a Lets>,
    cache: Box<[OnceCell<Result<Value, EvalError>>]>,
}

impl<'a> Scope<'a> {
    /// Variables in the order in which the program was compiled with them; `None` and missing ones are unbound, so what reads
    /// them is unknown.
    #[must_use]
    pub fn new(variables: &'a [Option<&'a Value>]) -> Scope<'a> {
        Scope { variables, lets: None, cache: Box::default() }
    }

    /// Variables, and the bindings that the programs were compiled with (or those and more after them).
    #[must_use]
    pub fn with_lets(variables: &'a [Option<&'a Value>], lets: &'a Lets) -> Scope<'a> {
        Scope { variables, lets: Some(lets), cache: (0..lets.len()).map(|_| OnceCell::new()).collect() }
    }

    pub(super) fn variable(&self, slot: usize) -> Option<&Value> {
        self.variables.get(slot).copied().flatten()
    }

    /// The value of a binding, computed at most once. It has the whole step limit for itself, so that its result does not depend on
    /// who asks first.
    pub(super) fn binding(&self, at: usize) -> Option<&Result<Value, EvalError>> {
        let cell = self.cache.get(at)?;
        if cell.get().is_none() {
            let program = self.lets?.get(at)?;
            let value = Machine::for_let(self, at).eval(&program.root).map(std::borrow::Cow::into_owned);
            // Only bindings before this one can have been evaluated meanwhile.
            let _ = cell.set(value);
        }
        cell.get()
    }
}
