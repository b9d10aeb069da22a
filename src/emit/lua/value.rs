//! What an expression becomes: a Lua value, and what must hold for it to be one.

use super::code::L;

/// What is known of a value's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    /// A field of the object: anything.
    Dyn,
    /// A field that is no list and no map, by Kubernetes' own rules for `metadata`.
    Scalar,
    Bool,
    Int,
    Double,
    Str,
    List,
    Map,
}

impl Ty {
    pub(super) fn is_number(self) -> bool {
        matches!(self, Ty::Int | Ty::Double)
    }

    /// Never a table.
    pub(super) fn is_scalar(self) -> bool {
        !matches!(self, Ty::Dyn | Ty::List | Ty::Map)
    }

    /// Known beforehand, so that no test of the type is needed.
    pub(super) fn is_known(self) -> bool {
        !matches!(self, Ty::Dyn | Ty::Scalar)
    }

    pub(super) fn join(self, other: Ty) -> Ty {
        match (self, other) {
            (a, b) if a == b => a,
            (a, b) if a.is_scalar() && b.is_scalar() => Ty::Scalar,
            _ => Ty::Dyn,
        }
    }
}

/// A value, or an error in the sense of CEL.
#[derive(Clone, Debug)]
pub(super) struct Val {
    /// The value, where the guards hold.
    pub lua: L,
    /// All hold if, and only if, there is a value. In this order none of them raises an error.
    pub guard: Vec<L>,
    pub ty: Ty,
    /// `lua` may be evaluated anywhere, and is nil exactly where the guards do not hold.
    pub total: bool,
    /// What a message shows where there is no value; empty: that the expression is absent.
    pub absent: String,
    /// What a local variable for it would be called.
    pub hint: String,
}

/// A CEL optional: nothing, or a value; or an error.
#[derive(Clone, Debug)]
pub(super) struct Opt {
    /// The value, nil where there is none. May be evaluated anywhere.
    pub lua: L,
    /// All hold if, and only if, it is no error.
    pub guard: Vec<L>,
    pub ty: Ty,
    pub absent: String,
    pub hint: String,
}

#[derive(Clone, Debug)]
pub(super) enum Out {
    Val(Val),
    Opt(Opt),
}

impl Val {
    /// A value that is always there.
    pub(super) fn sure(lua: L, ty: Ty) -> Val {
        Val { lua, guard: Vec::new(), ty, total: true, absent: String::new(), hint: "value".to_owned() }
    }

    /// A value that is nil where there is none.
    pub(super) fn maybe(lua: L, ty: Ty, absent: impl Into<String>, hint: impl Into<String>) -> Val {
        let guard = vec![lua.clone().present()];
        Val { lua, guard, ty, total: true, absent: absent.into(), hint: hint.into() }
    }

    /// A value made of others: there is one where they all are.
    pub(super) fn made_of<'v>(lua: L, ty: Ty, parts: impl IntoIterator<Item = &'v Val>) -> Val {
        let mut made = Val::sure(lua, ty);
        for (i, part) in parts.into_iter().enumerate() {
            if i == 0 || (made.guard.is_empty() && !part.guard.is_empty()) {
                made.absent.clone_from(&part.absent);
                made.hint.clone_from(&part.hint);
            }
            made.guard.extend(part.guard.iter().cloned());
        }
        made.total = made.guard.is_empty();
        made
    }

    /// Where there is a value.
    pub(super) fn guarded(&self) -> L {
        L::all(self.guard.iter().cloned())
    }
}
