//! Fields, elements, `has`.

use super::code::L;
use super::cx::Cx;
use super::expr::absent;
use super::value::{Opt, Out, Ty, Val};
use crate::syntax::tree::{Expr, ExprNode, Name};

impl Cx<'_> {
    pub(super) fn select(&mut self, e: &Expr, base: &Expr, name: &Name, optional: bool) -> Option<Out> {
        let of = self.value(base)?;
        let (table, asked) = self.asked(of);
        Some(self.found(e, table.field(&name.node), asked, optional, &name.node))
    }

    pub(super) fn index(&mut self, e: &Expr, base: &Expr, key: &Expr, optional: bool) -> Option<Out> {
        match &key.node {
            ExprNode::String(name) => {
                let of = self.value(base)?;
                let (table, asked) = self.asked(of);
                Some(self.found(e, table.field(name), asked, optional, name))
            }
            ExprNode::Int(i) => {
                let of = self.value(base)?;
                let (table, asked) = self.asked(of);
                let hint = asked.hint().to_owned();
                Some(self.found(e, table.at(L::int(i.saturating_add(1))), asked, optional, &hint))
            }
            _ => self.computed_index(e, base, key, optional),
        }
    }

    fn computed_index(&mut self, e: &Expr, base: &Expr, key: &Expr, optional: bool) -> Option<Out> {
        let of = self.value(base)?;
        let key = self.val(key)?;
        let key = self.total(key);
        let of = match of {
            Out::Val(value) => Out::Val(self.total(value)),
            other => other,
        };
        let lua = match &of {
            Out::Val(value) => value.lua.clone(),
            Out::Opt(optional) => optional.lua.clone(),
        };
        let found = self.helper("at", vec![lua, key.lua.clone()]);
        let hint = "element".to_owned();
        let of = match of {
            Out::Val(value) => Out::Val(Val { guard: [value.guard, key.guard].concat(), ..value }),
            Out::Opt(optional) => Out::Opt(Opt { guard: [optional.guard, key.guard].concat(), ..optional }),
        };
        Some(self.found(e, found, of, optional, &hint))
    }

    /// What can be asked for fields, and what was asked.
    fn asked(&mut self, of: Out) -> (L, Out) {
        match of {
            Out::Val(value) => {
                let value = if value.lua.is_simple() { self.total(value) } else { self.named(value) };
                (self.table(&value.lua, &value.hint), Out::Val(value))
            }
            Out::Opt(optional) => (self.table(&optional.lua, &optional.hint), Out::Opt(optional)),
        }
    }

    /// A field or element that may be there. Once a step is optional, so are those after it.
    fn found(&mut self, e: &Expr, lua: L, of: Out, optional: bool, hint: &str) -> Out {
        let ty = known_type(e);
        let hint = hint.to_owned();
        match of {
            Out::Val(_) if !optional => Out::Val(Val::maybe(lua, ty, absent(e), hint)),
            Out::Val(base) => Out::Opt(Opt { lua, guard: base.guard, ty, absent: base.absent, hint }),
            Out::Opt(base) => Out::Opt(Opt { lua, ty, hint, ..base }),
        }
    }

    /// `has(base.name)`: an error where the base is one; of what has no fields, no.
    pub(super) fn has(&mut self, inner: &Expr, want: bool) -> Option<L> {
        let (ExprNode::Select(base, name) | ExprNode::OptSelect(base, name)) = &inner.node else {
            return self.refuse(inner.span, "`has` asks for a field", "write it as `has(a.b)`");
        };
        let of = self.value(base)?;
        let (table, asked) = self.asked(of);
        let field = table.field(&name.node);
        let guard = match asked {
            Out::Val(value) => value.guard,
            Out::Opt(optional) => optional.guard,
        };
        Some(if want { field.present() } else { L::all(guard.into_iter().chain([L::op("==", field, L::Nil)])) })
    }
}

impl Out {
    fn hint(&self) -> &str {
        match self {
            Out::Val(value) => &value.hint,
            Out::Opt(optional) => &optional.hint,
        }
    }
}

/// The types that Kubernetes gives every object's own fields.
fn known_type(e: &Expr) -> Ty {
    match path(e).as_deref() {
        Some(["apiVersion" | "kind"]) => Ty::Scalar,
        Some(
            [
                "metadata",
                "name" | "namespace" | "uid" | "generation" | "resourceVersion" | "creationTimestamp"
                | "deletionTimestamp",
            ],
        ) => Ty::Scalar,
        Some(["metadata", "labels" | "annotations", _]) => Ty::Scalar,
        Some(["metadata", "labels" | "annotations"]) => Ty::Map,
        _ => Ty::Dyn,
    }
}

/// The steps from `self`.
fn path(e: &Expr) -> Option<Vec<&str>> {
    let (base, step) = match &e.node {
        ExprNode::Ident(name) if name == "self" => return Some(Vec::new()),
        ExprNode::Select(base, name) | ExprNode::OptSelect(base, name) => (base, name.node.as_str()),
        ExprNode::Index(base, key) | ExprNode::OptIndex(base, key) => match &key.node {
            ExprNode::String(key) => (base, key.as_str()),
            _ => return None,
        },
        _ => return None,
    };
    let mut path = path(base)?;
    path.push(step);
    Some(path)
}
