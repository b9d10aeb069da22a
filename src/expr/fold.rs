//! The macros over lists and maps (over a map: its keys, in order).

use std::borrow::Cow;

use super::error::{ErrorKind, EvalError};
use super::machine::{Machine, Outcome, bool, no_overload};
use super::program::{Fold, Node};
use super::value::Value;
use crate::syntax::tree::MacroOp;

impl<'m> Machine<'m> {
    /// `all` and `exists` absorb errors as `&&` and `||` do; the others do not.
    #[inline(never)]
    pub(super) fn fold(&mut self, fold: &'m Fold, node: &'m Node) -> Outcome<'m> {
        let range = self.eval(&fold.range)?;
        let items: Items<'m> = match range {
            Cow::Borrowed(Value::List(items)) => Items::Borrowed(items),
            Cow::Owned(Value::List(items)) => items.iter().cloned().collect(),
            Cow::Borrowed(Value::Map(map)) => map.keys().map(|k| Value::String(k.clone())).collect(),
            Cow::Owned(Value::Map(map)) => map.keys().map(|k| Value::String(k.clone())).collect(),
            other => return Err(no_overload(node, format!("{}.{}(…)", other.type_name(), name(fold.op)))),
        };
        match fold.op {
            MacroOp::All => self.quantify(fold, items, false, node),
            MacroOp::Exists => self.quantify(fold, items, true, node),
            MacroOp::ExistsOne => {
                let mut count = 0;
                for item in items {
                    count += usize::from(self.test(fold, item, node)?.0);
                }
                Ok(bool(count == 1))
            }
            MacroOp::Filter => {
                let mut kept = Vec::new();
                for item in items {
                    let (holds, item) = self.test(fold, item, node)?;
                    if holds {
                        kept.push(item.into_owned());
                    }
                }
                Ok(Cow::Owned(Value::List(kept.into())))
            }
            MacroOp::Map => self.collect(fold, items, node),
        }
    }

    fn quantify(&mut self, fold: &'m Fold, items: Items<'m>, decides: bool, node: &'m Node) -> Outcome<'m> {
        let mut failed = None;
        for item in items {
            match self.test(fold, item, node) {
                Ok((value, _)) if value == decides => return Ok(bool(decides)),
                Ok(_) => {}
                Err(e) if *e.kind() == ErrorKind::Steps => return Err(e),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(bool(!decides)), Err)
    }

    fn collect(&mut self, fold: &'m Fold, items: Items<'m>, node: &'m Node) -> Outcome<'m> {
        let mut made = Vec::new();
        for item in items {
            let (holds, item) = self.test(fold, item, node)?;
            if let (true, Some(result)) = (holds, &fold.result) {
                self.locals.truncate(fold.local);
                self.locals.push(item);
                let value = self.eval(result);
                self.locals.pop();
                made.push(value?.into_owned());
            }
        }
        Ok(Cow::Owned(Value::List(made.into())))
    }

    /// The macro's condition with its variable bound; true where there is none. Gives the item back.
    fn test(
        &mut self,
        fold: &'m Fold,
        item: Cow<'m, Value>,
        node: &'m Node,
    ) -> Result<(bool, Cow<'m, Value>), EvalError> {
        self.charge(1, node)?;
        let Some(test) = &fold.test else { return Ok((true, item)) };
        self.locals.truncate(fold.local);
        self.locals.push(item);
        let value = self.truth(test, node);
        let item = self.locals.pop().unwrap_or(Cow::Owned(Value::Bool(false)));
        Ok((value?, item))
    }
}

/// What a macro runs over, independent of the range that it came from.
enum Items<'m> {
    Borrowed(&'m [Value]),
    Owned(std::vec::IntoIter<Value>),
}

impl FromIterator<Value> for Items<'_> {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Items::Owned(values.into_iter().collect::<Vec<_>>().into_iter())
    }
}

impl<'m> Iterator for Items<'m> {
    type Item = Cow<'m, Value>;

    fn next(&mut self) -> Option<Cow<'m, Value>> {
        match self {
            Items::Borrowed(items) => {
                let (first, rest) = items.split_first()?;
                *items = rest;
                Some(Cow::Borrowed(first))
            }
            Items::Owned(items) => items.next().map(Cow::Owned),
        }
    }
}

/// The macro's name as written.
pub(super) fn name(op: MacroOp) -> &'static str {
    match op {
        MacroOp::All => "all",
        MacroOp::Exists => "exists",
        MacroOp::ExistsOne => "exists_one",
        MacroOp::Filter => "filter",
        MacroOp::Map => "map",
    }
}
