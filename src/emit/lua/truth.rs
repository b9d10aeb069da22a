//! Conditions. CEL knows three answers, true, false and an error, and a line only holds if its condition is true. So each
//! condition is made twice, where both are needed: when it is true, and when it is false. Where neither holds, it is an error.

use super::code::{L, S};
use super::cx::Cx;
use super::expr::element;
use super::value::{Ty, Val};
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

/// Methods of strings that are true or false, their helper, and whether that needs open libraries.
const STRING_TESTS: &[(&str, &str, bool)] =
    &[("startsWith", "starts_with", false), ("endsWith", "ends_with", true), ("contains", "has_part", true)];

impl Cx<'_> {
    /// Whether an expression can only be a bool or an error.
    pub(super) fn is_bool(&self, e: &Expr) -> bool {
        match &e.node {
            ExprNode::Bool(_) | ExprNode::Not(_) | ExprNode::Has(_) => true,
            ExprNode::Binary(op, ..) => {
                !matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem)
            }
            ExprNode::Macro(op, ..) => !matches!(op, MacroOp::Filter | MacroOp::Map),
            ExprNode::Method(_, name, _) => {
                name.node == "hasValue" || STRING_TESTS.iter().any(|(method, ..)| name.node == *method)
            }
            ExprNode::Conditional(_, a, b) => self.is_bool(a) && self.is_bool(b),
            ExprNode::Ident(name) => {
                self.let_of(name).and_then(|at| self.lets.get(at)).is_some_and(|l| self.is_bool(l.expr))
            }
            _ => false,
        }
    }

    /// When an expression is `want`: a Lua condition that raises no error.
    pub(super) fn truth(&mut self, e: &Expr, want: bool) -> Option<L> {
        match &e.node {
            ExprNode::Bool(b) => Some(if *b == want { L::True } else { L::False }),
            ExprNode::Not(inner) => self.truth(inner, !want),
            ExprNode::Has(inner) => self.has(inner, want),
            ExprNode::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                let both = [self.truth(a, want)?, self.truth(b, want)?];
                Some(if (*op == BinaryOp::And) == want { L::all(both) } else { L::any(both) })
            }
            ExprNode::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), a, b) => {
                self.equal(a, b, (*op == BinaryOp::Eq) == want)
            }
            ExprNode::Binary(op @ (BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge), a, b) => {
                self.order(e, *op, a, b, want)
            }
            ExprNode::Binary(BinaryOp::In, a, b) => self.contains(a, b, want),
            ExprNode::Conditional(c, a, b) if self.is_bool(e) => {
                let yes = [self.truth(c, true)?, self.truth(a, want)?];
                let no = [self.truth(c, false)?, self.truth(b, want)?];
                Some(L::any([L::all(yes), L::all(no)]))
            }
            ExprNode::Macro(op @ (MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne), range, names, bodies) => {
                self.quantify(e, *op, range, names, bodies, want)
            }
            ExprNode::Method(base, name, args) if self.is_bool(e) => self.test_method(e, base, name, args, want),
            ExprNode::Ident(name) if self.is_bool(e) => {
                let at = self.let_of(name)?;
                self.bool_let(at, want)
            }
            ExprNode::Method(base, name, args) if name.node == "orValue" => match args.as_slice() {
                [default] if matches!(default.node, ExprNode::Bool(_)) => {
                    let literal = Expr { node: ExprNode::Bool(want), span: e.span };
                    self.equal_or_absent(base, default, &literal, true)
                }
                _ => self.is_value(e, want),
            },
            _ => self.is_value(e, want),
        }
    }

    /// A field that may be a bool.
    fn is_value(&mut self, e: &Expr, want: bool) -> Option<L> {
        let value = self.val(e)?;
        let literal = if want { L::True } else { L::False };
        Some(match value.ty {
            Ty::Dyn | Ty::Scalar | Ty::Bool => L::all(value.guard.into_iter().chain([L::op("==", value.lua, literal)])),
            _ => L::False,
        })
    }

    /// Of a `let`: a variable that says when it is true, and another one, if it is asked for, that says when it is false.
    fn bool_let(&mut self, at: usize, want: bool) -> Option<L> {
        let binding = self.lets.get(at)?;
        if let Some(known) = binding.truth.get(usize::from(want)).and_then(Option::as_ref) {
            return Some(known.clone());
        }
        let (name, expr) = (binding.name, binding.expr);
        let other = binding.truth.get(usize::from(!want)).cloned().flatten();
        let (seen, naming) = (std::mem::replace(&mut self.lets_seen, at), self.naming.take());
        let made = self.at_root(|cx| {
            let condition = cx.truth(expr, want)?;
            if let Some(other) = &other
                && cx.truth(expr, !want)? == condition.clone().negated()
            {
                return Some(other.clone().negated());
            }
            if condition.is_literal() {
                return Some(condition);
            }
            let name = if want { cx.let_name(name) } else { cx.fresh(&format!("not_{name}")) };
            cx.push(S::Local(name.clone(), Some(condition)));
            Some(L::Name(name))
        });
        (self.lets_seen, self.naming) = (seen, naming);
        let made = made?;
        if let Some(place) = self.lets.get_mut(at).and_then(|l| l.truth.get_mut(usize::from(want))) {
            *place = Some(made.clone());
        }
        Some(made)
    }

    /// A condition as a value: true, false, or nil for an error.
    pub(super) fn bool_value(&mut self, e: &Expr) -> Option<Val> {
        let (yes, no) = (self.truth(e, true)?, self.truth(e, false)?);
        if no == yes.clone().negated() {
            return Some(Val::sure(yes, Ty::Bool));
        }
        let name = self.bind(e, "holds");
        let var = L::name(&name);
        self.push(S::Local(name, None));
        let set = |value| vec![S::Set(var.clone(), value)];
        self.push(S::If(vec![(yes, set(L::True)), (no, set(L::False))], None));
        Some(Val::maybe(var, Ty::Bool, first_path(e), "holds"))
    }

    fn equal(&mut self, a: &Expr, b: &Expr, want: bool) -> Option<L> {
        for side in [a, b] {
            let empty = match &side.node {
                ExprNode::List(items) => items.is_empty(),
                ExprNode::Map(entries) => entries.is_empty(),
                ExprNode::Null => return self.refuse(side.span, "null is absent here", "write `!has(…)`"),
                _ => false,
            };
            if empty {
                return self.refuse(side.span, "Lua cannot tell `{}` from `[]`", "write `size(…) == 0`");
            }
        }
        if let Some((optional, default, literal)) = defaulted(a, b).or_else(|| defaulted(b, a)) {
            return self.equal_or_absent(optional, default, literal, want);
        }
        let (a, b) = (self.val(a)?, self.val(b)?);
        let (a, b) = (self.named_if_guarded(a), self.named_if_guarded(b));
        Some(self.same(&a, &b, want))
    }

    /// `x.orValue(default) == literal`, without a variable.
    fn equal_or_absent(&mut self, optional: &Expr, default: &Expr, literal: &Expr, want: bool) -> Option<L> {
        let (optional, default, literal) = (self.optional(optional)?, self.val(default)?.lua, self.val(literal)?.lua);
        let x = optional.lua;
        let absent = L::op("==", x.clone(), L::Nil);
        Some(match (default == literal, want) {
            (true, true) => L::all(optional.guard.into_iter().chain([L::any([absent, L::op("==", x, literal)])])),
            (true, false) => L::All(vec![x.clone().present(), L::op("~=", x, literal)]),
            (false, true) => L::op("==", x, literal),
            (false, false) => L::all(optional.guard.into_iter().chain([L::op("~=", x, literal)])),
        })
    }

    /// A value whose guard asks for itself is written twice.
    fn named_if_guarded(&mut self, value: Val) -> Val {
        if value.guard.is_empty() || !value.total { value } else { self.named(value) }
    }

    fn same(&mut self, a: &Val, b: &Val, want: bool) -> L {
        let guards = a.guard.iter().chain(&b.guard).cloned();
        let known = |v: &Val| if v.ty.is_number() { Some(Ty::Double) } else { v.ty.is_known().then_some(v.ty) };
        if known(a).zip(known(b)).is_some_and(|(a, b)| a != b) {
            return L::all(guards.chain([if want { L::False } else { L::True }]));
        }
        if a.ty.is_scalar() || b.ty.is_scalar() {
            return L::all(guards.chain([L::op(if want { "==" } else { "~=" }, a.lua.clone(), b.lua.clone())]));
        }
        let same = self.helper("equal", vec![a.lua.clone(), b.lua.clone()]);
        L::all(guards.chain([if want { same } else { same.negated() }]))
    }

    fn order(&mut self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr, want: bool) -> Option<L> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        // Not `a < b` is `a >= b`: an object's numbers are never NaN.
        let sign = match (op, want) {
            (BinaryOp::Lt, true) | (BinaryOp::Ge, false) => "<",
            (BinaryOp::Le, true) | (BinaryOp::Gt, false) => "<=",
            (BinaryOp::Gt, true) | (BinaryOp::Le, false) => ">",
            _ => ">=",
        };
        let (lua_type, ty) = match (a.ty, b.ty) {
            (x, y) if x.is_number() || y.is_number() => ("number", Ty::Double),
            (Ty::Str, _) | (_, Ty::Str) => ("string", Ty::Str),
            (Ty::Dyn | Ty::Scalar, Ty::Dyn | Ty::Scalar) => {
                let (a, b) = (self.total(a), self.total(b));
                let name = if matches!(sign, "<" | ">") { "less" } else { "at_most" };
                let args = if matches!(sign, "<" | "<=") { vec![a.lua, b.lua] } else { vec![b.lua, a.lua] };
                return Some(self.helper(name, args));
            }
            _ => return self.refuse(e.span, "Lua does not order bools, lists and maps", ""),
        };
        let (a, b) = (self.named_if_guarded(a), self.named_if_guarded(b));
        let (a, b) = (self.of_type(a, lua_type, ty)?, self.of_type(b, lua_type, ty)?);
        if a.ty.is_number() != b.ty.is_number() {
            return Some(L::False);
        }
        let guards = a.guard.into_iter().chain(b.guard);
        Some(L::all(guards.chain([L::op(sign, a.lua, b.lua)])))
    }

    fn contains(&mut self, a: &Expr, b: &Expr, want: bool) -> Option<L> {
        let x = self.val(a)?;
        let x = self.named(x);
        if let ExprNode::List(items) = &b.node {
            let mut guards = x.guard.clone();
            let mut tests = Vec::with_capacity(items.len());
            for item in items {
                let item = self.val(item)?;
                let item = self.total(item);
                guards.extend(item.guard.iter().cloned());
                tests.push(self.same(
                    &Val { guard: Vec::new(), ..x.clone() },
                    &Val { guard: Vec::new(), ..item },
                    want,
                ));
            }
            // Where one of literals is equal, x is there.
            let literal = tests.iter().all(|t| matches!(t, L::Op("==", _, b) if b.is_literal()));
            let guards = if want && literal { Vec::new() } else { guards };
            let found = if want { L::any(tests) } else { L::all(tests) };
            return Some(L::all(guards.into_iter().chain([found])));
        }
        let range = self.val(b)?;
        let range = self.total(range);
        if let (Ty::Map, L::Str(key)) = (range.ty, &x.lua) {
            let field = self.table(&range.lua, &range.hint).field(key);
            let absent = L::op("==", field.clone(), L::Nil);
            let is_map = range.lua.clone().type_is("table");
            return Some(if want { field.present() } else { L::all(range.guard.into_iter().chain([is_map, absent])) });
        }
        let call = self.helper("contains", vec![range.lua, x.lua]);
        Some(if want { call } else { L::op("==", call, L::False) })
    }

    fn quantify(
        &mut self,
        e: &Expr,
        op: MacroOp,
        range: &Expr,
        names: &[Name],
        bodies: &[Expr],
        want: bool,
    ) -> Option<L> {
        let ([name], [body]) = (names, bodies) else { return self.refuse(e.span, "this macro has no Lua", "") };
        let list = self.val(range)?;
        let list = self.total(list);
        if op == MacroOp::ExistsOne {
            let of = element(body, &name.node);
            let test = self.three_valued(name, body, of)?;
            let call = self.helper(of.helper("exists_one", "exists_one_in"), vec![list.lua, test]);
            return Some(if want { call } else { L::op("==", call, L::False) });
        }
        // `all` is true where the body is true of each, and false where it is false of one; `exists` the other way round.
        let of = element(body, &name.node);
        let helper =
            if (op == MacroOp::All) == want { of.helper("all", "all_in") } else { of.helper("exists", "exists_in") };
        let test = self.function(&name.node, of, |cx| Some(vec![S::Return(cx.truth(body, want)?)]))?;
        Some(self.helper(helper, vec![list.lua, test]))
    }

    fn test_method(&mut self, e: &Expr, base: &Expr, name: &Name, args: &[Expr], want: bool) -> Option<L> {
        if name.node == "hasValue" {
            let optional = self.optional(base)?;
            let absent = L::op("==", optional.lua.clone(), L::Nil);
            return Some(if want {
                optional.lua.present()
            } else {
                L::all(optional.guard.into_iter().chain([absent]))
            });
        }
        let found = STRING_TESTS.iter().find(|(method, ..)| name.node == *method);
        let (Some((method, helper, open)), [arg]) = (found, args) else {
            return self.refuse(e.span, format!("`{}` has no Lua", name.node), "");
        };
        if *open {
            self.open_libs.entry(method).or_insert(name.span);
        }
        let (text, part) = (self.val(base)?, self.val(arg)?);
        let (text, part) = (self.total(text), self.total(part));
        let call = self.helper(helper, vec![text.lua, part.lua]);
        Some(if want { call } else { L::op("==", call, L::False) })
    }
}

/// `x.orValue(default)` beside a literal, both of one type of scalar: x, the default, the literal.
fn defaulted<'e>(a: &'e Expr, b: &'e Expr) -> Option<(&'e Expr, &'e Expr, &'e Expr)> {
    let ExprNode::Method(base, name, args) = &a.node else { return None };
    let [default] = args.as_slice() else { return None };
    let alike = matches!(
        (&default.node, &b.node),
        (ExprNode::String(_), ExprNode::String(_))
            | (ExprNode::Int(_), ExprNode::Int(_))
            | (ExprNode::Bool(_), ExprNode::Bool(_))
    );
    (name.node == "orValue" && alike).then_some((base, default, b))
}

/// What a message shows where a condition is an error: the first field that it asks for.
fn first_path(e: &Expr) -> String {
    let inner = match &e.node {
        ExprNode::Select(..) | ExprNode::OptSelect(..) | ExprNode::Index(..) => return super::expr::absent(e),
        ExprNode::Has(inner) => match &inner.node {
            ExprNode::Select(base, _) | ExprNode::OptSelect(base, _) => base,
            _ => inner,
        },
        ExprNode::Binary(_, a, _) | ExprNode::Not(a) | ExprNode::Neg(a) | ExprNode::Method(a, ..) => a,
        ExprNode::Macro(_, range, ..) => range,
        ExprNode::Conditional(c, ..) => c,
        _ => return String::new(),
    };
    first_path(inner)
}
