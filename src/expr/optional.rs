//! Optional values on their way: `orValue`, `or`, `hasValue`, `optMap` look into fields and elements without making the optional
//! that lies between, so that nothing is allocated and nothing copied.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::EvalError;
use super::machine::{Machine, Outcome, bool, no_overload};
use super::program::{Node, Op, OptMap};
use super::types::with_article;
use super::value::Value;

/// What an optional holds; or, where there is a plain value instead of an optional, that.
pub(super) type Maybe<'m> = Result<Option<Cow<'m, Value>>, Cow<'m, Value>>;

impl<'m> Machine<'m> {
    /// The inside of a node's optional.
    fn maybe(&mut self, node: &'m Node) -> Result<Maybe<'m>, EvalError> {
        match &node.op {
            Op::Select(select) => {
                self.charge(1, node)?;
                self.selected(select, node)
            }
            Op::Index(index) => {
                self.charge(1, node)?;
                self.indexed(index, node)
            }
            _ => Ok(match self.eval(node)? {
                Cow::Borrowed(Value::Optional(inner)) => Ok(inner.as_deref().map(Cow::Borrowed)),
                Cow::Owned(Value::Optional(inner)) => Ok(inner.map(|inner| Cow::Owned(Arc::unwrap_or_clone(inner)))),
                other => Err(other),
            }),
        }
    }

    /// `a.orValue(b)` and `a.or(b)`: the second is evaluated only if it is needed.
    #[inline(never)]
    pub(super) fn or_else(&mut self, pair: &'m [Node; 2], node: &'m Node) -> Outcome<'m> {
        let [first, second] = pair;
        let whole = matches!(node.op, Op::OrOptional(_));
        match self.maybe(first)? {
            Ok(Some(value)) => return Ok(if whole { optional(Some(value)) } else { value }),
            Ok(None) => {}
            Err(other) => return Err(no_overload(node, format!("{}.orValue(…)", other.type_name()))),
        }
        let other = self.eval(second)?;
        if whole && !matches!(other.as_ref(), Value::Optional(_)) {
            return Err(no_overload(node, format!("optional.or({})", other.type_name())));
        }
        Ok(other)
    }

    /// `a.hasValue()`
    #[inline(never)]
    pub(super) fn has_value(&mut self, base: &'m Node, node: &'m Node) -> Outcome<'m> {
        match self.maybe(base)? {
            Ok(inner) => Ok(bool(inner.is_some())),
            Err(other) => Err(no_overload(node, format!("{}.hasValue()", other.type_name()))),
        }
    }

    /// `a.optMap(x, …)` and `a.optFlatMap(x, …)`
    #[inline(never)]
    pub(super) fn opt_map(&mut self, map: &'m OptMap, node: &'m Node) -> Outcome<'m> {
        let inner = match self.maybe(&map.base)? {
            Ok(Some(inner)) => inner,
            Ok(None) => return Ok(optional(None)),
            Err(other) => return Err(no_overload(node, format!("{}.optMap(…)", other.type_name()))),
        };
        self.locals.push(inner);
        let made = self.eval(&map.body);
        self.locals.pop();
        let made = made?;
        match (map.flat, made.as_ref()) {
            (false, _) => Ok(optional(Some(made))),
            (true, Value::Optional(_)) => Ok(made),
            (true, other) => Err(no_overload(node, format!("optFlatMap to {}", with_article(other.type_name())))),
        }
    }
}

/// An optional value.
pub(super) fn optional<'m>(inner: Option<Cow<'m, Value>>) -> Cow<'m, Value> {
    Cow::Owned(Value::Optional(inner.map(|value| Arc::new(value.into_owned()))))
}
