//! Expressions to values.

use super::code::{L, S};
use super::cx::{Cx, Element};
use super::value::{Opt, Out, Ty, Val};
use crate::diagnostic::Span;
use crate::expr::written;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

/// Whole numbers that a Lua number holds exactly: 2^53.
const WHOLE_MAX: u64 = 1 << 53;

impl Cx<'_> {
    /// A plain value; an optional is none.
    pub(super) fn val(&mut self, e: &Expr) -> Option<Val> {
        match self.value(e)? {
            Out::Val(value) => Some(value),
            Out::Opt(_) => self.refuse(e.span, "an optional stands where a value is asked", "write `.orValue(…)`"),
        }
    }

    pub(super) fn optional(&mut self, e: &Expr) -> Option<Opt> {
        match self.value(e)? {
            Out::Opt(optional) => Some(optional),
            Out::Val(_) => {
                self.refuse(e.span, "a value stands where an optional is asked", "write `.?field` for the last step")
            }
        }
    }

    pub(super) fn value(&mut self, e: &Expr) -> Option<Out> {
        if self.is_bool(e) && !matches!(e.node, ExprNode::Bool(_)) {
            return self.bool_value(e).map(Out::Val);
        }
        let value = match &e.node {
            ExprNode::Bool(b) => Val::sure(if *b { L::True } else { L::False }, Ty::Bool),
            ExprNode::Int(i) if i.unsigned_abs() <= WHOLE_MAX => Val::sure(L::int(*i), Ty::Int),
            ExprNode::Uint(u) if *u <= WHOLE_MAX => Val::sure(L::Num(u.to_string()), Ty::Int),
            ExprNode::Int(_) | ExprNode::Uint(_) => {
                return self.refuse(
                    e.span,
                    "Lua's numbers are exact up to 2^53 only",
                    "compare it as a string, or leave it out",
                );
            }
            ExprNode::Double(d) => Val::sure(L::Num(d.to_string()), Ty::Double),
            ExprNode::String(text) => Val::sure(L::string(text), Ty::Str),
            ExprNode::Ident(name) => return self.ident(name, e.span),
            ExprNode::Select(base, name) => return self.select(e, base, name, false),
            ExprNode::OptSelect(base, name) => return self.select(e, base, name, true),
            ExprNode::Index(base, key) => return self.index(e, base, key, false),
            ExprNode::OptIndex(base, key) => return self.index(e, base, key, true),
            ExprNode::Call(name, args) => return self.call(e, name, None, args),
            ExprNode::Method(base, name, args) => return self.method(e, base, name, args),
            ExprNode::Macro(op, range, names, bodies) => {
                return self.list_macro(e, *op, range, names, bodies).map(Out::Val);
            }
            ExprNode::Neg(a) => self.negative(a)?,
            ExprNode::Binary(op, a, b) => self.arithmetic(e, *op, a, b)?,
            ExprNode::Conditional(c, a, b) => {
                return self.once(e.span, |cx| cx.conditional(e, c, a, b).map(Out::Val));
            }
            ExprNode::List(items) => {
                let items = items.iter().map(|item| self.val(item)).collect::<Option<Vec<_>>>()?;
                Val::made_of(L::List(items.iter().map(|v| v.lua.clone()).collect()), Ty::List, &items)
            }
            ExprNode::Map(entries) => self.map_literal(entries)?,
            ExprNode::Null | ExprNode::Has(_) | ExprNode::Not(_) => {
                return self.refuse(e.span, "this has no Lua", "");
            }
        };
        Some(Out::Val(value))
    }

    fn map_literal(&mut self, entries: &[(Expr, Expr)]) -> Option<Val> {
        let mut made = Vec::with_capacity(entries.len());
        let mut values = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let ExprNode::String(key) = &key.node else {
                return self.refuse(key.span, "in health, a map's keys are quoted strings", "");
            };
            let value = self.val(value)?;
            made.push((key.clone(), value.lua.clone()));
            values.push(value);
        }
        Some(Val::made_of(L::Map(made), Ty::Map, &values))
    }

    fn ident(&mut self, name: &str, span: Span) -> Option<Out> {
        if let Some(var) = self.vars.iter().rev().find(|var| var.name == name) {
            let hint = var.name.clone();
            return Some(Out::Val(Val { hint, ..Val::sure(L::name(&var.lua), var.ty) }));
        }
        if name == "self" {
            return Some(Out::Val(Val::sure(L::name("obj"), Ty::Map)));
        }
        let Some(at) = self.let_of(name) else {
            return self.refuse(span, format!("`{name}` is not known here"), "");
        };
        self.let_value(at)
    }

    /// The place of a `let` that is visible here.
    pub(super) fn let_of(&self, name: &str) -> Option<usize> {
        if self.vars.iter().any(|var| var.name == name) {
            return None;
        }
        self.lets.iter().take(self.lets_seen).rposition(|l| l.name == name)
    }

    /// A `let` that is no bool: computed once, as a variable of its name.
    fn let_value(&mut self, at: usize) -> Option<Out> {
        let binding = self.lets.get(at)?;
        if let Some(value) = &binding.value {
            return Some(value.clone());
        }
        let (name, expr) = (binding.name, binding.expr);
        let (seen, naming) = (std::mem::replace(&mut self.lets_seen, at), self.naming.take());
        let made = self.at_root(|cx| cx.named_let(name, expr));
        (self.lets_seen, self.naming) = (seen, naming);
        let made = made?;
        if let Some(binding) = self.lets.get_mut(at) {
            binding.value = Some(made.clone());
        }
        Some(made)
    }

    fn named_let(&mut self, name: &str, expr: &Expr) -> Option<Out> {
        self.naming = Some((expr.span, name.to_owned()));
        let made = self.value(expr)?;
        let named = self.naming.take().is_none();
        Some(match made {
            Out::Val(value) => {
                let value = Val { hint: name.to_owned(), ..value };
                if named || value.lua.is_literal() {
                    return Some(Out::Val(self.total(value)));
                }
                let own = L::Name(self.let_name(name));
                let L::Name(text) = &own else { return None };
                let (guard, total) = (value.guarded(), value.total);
                self.push(S::Local(text.clone(), total.then(|| value.lua.clone())));
                if !total {
                    self.push(S::If(vec![(guard, vec![S::Set(own.clone(), value.lua)])], None));
                }
                let guard = if value.guard.is_empty() { Vec::new() } else { vec![own.clone().present()] };
                Out::Val(Val { lua: own, guard, total: true, ..value })
            }
            Out::Opt(optional) if named || optional.lua.is_simple() => Out::Opt(optional),
            Out::Opt(optional) => {
                let own = self.let_name(name);
                self.push(S::Local(own.clone(), Some(optional.lua)));
                Out::Opt(Opt { lua: L::Name(own), ..optional })
            }
        })
    }

    /// A new variable for the value of an expression: named as the `let` whose value it is, or like the hint.
    pub(super) fn bind(&mut self, e: &Expr, hint: &str) -> String {
        match self.naming.take_if(|(span, _)| *span == e.span) {
            Some((_, name)) => self.let_name(&name),
            None => self.fresh(hint),
        }
    }

    fn conditional(&mut self, e: &Expr, c: &Expr, a: &Expr, b: &Expr) -> Option<Val> {
        let (yes, no) = (self.truth(c, true)?, self.truth(c, false)?);
        let (a, b) = (self.val(a)?, self.val(b)?);
        let sure = no == yes.clone().negated();
        let name = self.bind(e, if a.hint == "value" { &b.hint } else { &a.hint });
        let var = L::name(&name);
        self.push(S::Local(name, None));
        let set = |value: &Val| vec![S::Set(var.clone(), value.lua.clone())];
        // A total value is nil where it has none: no need to ask first.
        let asks = |value: &Val| if value.total { Vec::new() } else { value.guard.clone() };
        let no = if a.total { no.without(&yes) } else { no };
        let first = (L::all(std::iter::once(yes).chain(asks(&a))), set(&a));
        let second = L::all(std::iter::once(no).chain(asks(&b)));
        self.push(if second == L::True {
            S::If(vec![first], Some(set(&b)))
        } else {
            S::If(vec![first, (second, set(&b))], None)
        });
        let certain = sure && a.guard.is_empty() && b.guard.is_empty();
        let guard = if certain { Vec::new() } else { vec![var.clone().present()] };
        Some(Val { lua: var, guard, ty: a.ty.join(b.ty), total: true, absent: a.absent, hint: a.hint })
    }

    fn negative(&mut self, a: &Expr) -> Option<Val> {
        let a = self.val(a)?;
        let a = self.number(a)?;
        Some(Val { total: a.guard.is_empty(), lua: L::Neg(Box::new(a.lua.clone())), ..a })
    }

    /// A value with the guard that it is a number.
    fn number(&mut self, value: Val) -> Option<Val> {
        self.of_type(value, "number", Ty::Double)
    }

    /// A value with the guard that it is of this Lua type.
    pub(super) fn of_type(&mut self, value: Val, lua_type: &str, ty: Ty) -> Option<Val> {
        if value.ty.is_known() {
            return Some(value);
        }
        let mut value = self.named(value);
        value.guard.push(value.lua.clone().type_is(lua_type));
        Some(Val { total: false, ty, ..value })
    }

    fn arithmetic(&mut self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr) -> Option<Val> {
        let sign = match op {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            _ => {
                let help =
                    "Lua divides without rounding and cannot tell whole numbers from others: compare products instead";
                return self.refuse(e.span, "`/` and `%` have no Lua", help);
            }
        };
        let (a, b) = (self.val(a)?, self.val(b)?);
        if sign == "+" && (a.ty == Ty::Str || b.ty == Ty::Str) {
            let (a, b) = (self.of_type(a, "string", Ty::Str)?, self.of_type(b, "string", Ty::Str)?);
            return Some(Val::made_of(concat(a.lua.clone(), b.lua.clone()), Ty::Str, [&a, &b]));
        }
        if sign == "+" && !a.ty.is_number() && !b.ty.is_number() {
            let (a, b) = (self.total(a), self.total(b));
            let ty = if a.ty == Ty::List || b.ty == Ty::List { Ty::List } else { Ty::Dyn };
            let add = if a.ty == Ty::List && b.ty == Ty::List { "both" } else { "add" };
            let call = self.helper(add, vec![a.lua.clone(), b.lua.clone()]);
            return Some(Val::maybe(call, ty, a.absent, a.hint));
        }
        if (a.ty == Ty::Double) != (b.ty == Ty::Double) {
            // CEL adds no whole number to another one, and Lua cannot tell which the field is.
            let help = "write `double(…)` around the field";
            return self.refuse(e.span, "Lua cannot tell whole numbers from others", help);
        }
        let whole = a.ty == Ty::Int || b.ty == Ty::Int;
        let (a, b) = (self.operand(a, whole)?, self.operand(b, whole)?);
        let ty = if whole { Ty::Int } else { Ty::Double };
        Some(Val::made_of(L::op(sign, a.lua.clone(), b.lua.clone()), ty, [&a, &b]))
    }

    /// A number; a whole one beside a whole one, since CEL does not mix them.
    fn operand(&mut self, value: Val, whole: bool) -> Option<Val> {
        let known = value.ty.is_known();
        let mut value = self.number(value)?;
        if whole && !known {
            value.guard.push(L::op("==", L::op("%", value.lua.clone(), L::int(1)), L::int(0)));
        }
        Some(value)
    }

    fn list_macro(&mut self, e: &Expr, op: MacroOp, range: &Expr, names: &[Name], bodies: &[Expr]) -> Option<Val> {
        let list = self.val(range)?;
        let mut list = self.total(list);
        let [name] = names else { return self.refuse(e.span, "this macro has no Lua", "") };
        let (test, result) = match (op, bodies) {
            (MacroOp::Filter, [test]) => (Some(test), None),
            (MacroOp::Map, [result]) => (None, Some(result)),
            (MacroOp::Map, [test, result]) => (Some(test), Some(result)),
            _ => return self.refuse(e.span, "this macro has no Lua", ""),
        };
        if let Some(test) = test
            && let Some(fields) = texts_of(test, &name.node)
        {
            let fields = fields.into_iter().flat_map(|(field, text)| [L::string(field), L::string(text)]);
            let lua = self.helper("where", std::iter::once(list.lua.clone()).chain(fields).collect());
            list = Val::maybe(lua, Ty::List, list.absent, list.hint);
        } else if let Some(test) = test {
            let of = element(test, &name.node);
            let test = self.three_valued(name, test, of)?;
            let lua = self.helper(of.helper("filter", "filter_in"), vec![list.lua.clone(), test]);
            list = Val::maybe(lua, Ty::List, list.absent, list.hint);
        }
        if let Some(result) = result {
            let of = element(result, &name.node);
            let make = self.function(&name.node, of, |cx| {
                let made = cx.val(result)?;
                Some(if made.total {
                    vec![S::Return(made.lua)]
                } else {
                    vec![S::If(vec![(made.guarded(), vec![S::Return(made.lua)])], None)]
                })
            })?;
            let lua = self.helper(of.helper("map", "map_in"), vec![list.lua.clone(), make]);
            list = Val::maybe(lua, Ty::List, list.absent, list.hint);
        }
        Some(list)
    }

    /// A function that says true, false, or nil for an error.
    pub(super) fn three_valued(&mut self, name: &Name, test: &Expr, of: Element) -> Option<L> {
        self.function(&name.node, of, |cx| {
            let (yes, no) = (cx.truth(test, true)?, cx.truth(test, false)?);
            if no == yes.clone().negated() {
                return Some(vec![S::Return(yes)]);
            }
            // Where neither holds: `x and nil` is nil.
            let unknown = L::All(vec![no.negated().given_not(&yes), L::Nil]);
            Some(vec![S::Return(L::Any(vec![yes, unknown]))])
        })
    }
}

fn concat(a: L, b: L) -> L {
    match a {
        L::Op("..", x, y) => L::op("..", *x, concat(*y, b)),
        a => L::op("..", a, b),
    }
}

/// Of a test that one field of a variable is a text, or one and another one: these fields and texts.
fn texts_of<'e>(test: &'e Expr, var: &str) -> Option<Vec<(&'e str, &'e str)>> {
    let one = |e: &'e Expr| {
        let ExprNode::Binary(BinaryOp::Eq, a, b) = &e.node else { return None };
        let (field, text) = match (&a.node, &b.node) {
            (field, ExprNode::String(text)) | (ExprNode::String(text), field) => (field, text.as_str()),
            _ => return None,
        };
        let ExprNode::Select(base, name) = field else { return None };
        matches!(&base.node, ExprNode::Ident(of) if of == var).then_some((name.node.as_str(), text))
    };
    match &test.node {
        ExprNode::Binary(BinaryOp::And, a, b) => Some(vec![one(a)?, one(b)?]),
        _ => Some(vec![one(test)?]),
    }
}

/// What a macro's body does with its variable.
pub(super) fn element(body: &Expr, var: &str) -> Element {
    match only_base(body, var) {
        false => Element::Anything,
        true if needs_fields(body, var) => Element::Object,
        true => Element::Fields,
    }
}

/// Whether an expression is an error, whatever else it reads, if its variable is a string.
fn needs_fields(e: &Expr, var: &str) -> bool {
    let is_var = |e: &Expr| matches!(&e.node, ExprNode::Ident(name) if name == var);
    let needs = |e: &Expr| needs_fields(e, var);
    match &e.node {
        ExprNode::Select(base, _) => is_var(base) || needs(base),
        // `has`, and optional steps, find nothing in a string and say so.
        ExprNode::OptSelect(base, _) | ExprNode::OptIndex(base, _) => needs(base),
        ExprNode::Has(inner) => match &inner.node {
            ExprNode::Select(base, _) | ExprNode::OptSelect(base, _) => needs(base),
            _ => false,
        },
        ExprNode::Index(base, key) => is_var(base) || needs(base) || needs(key),
        // The one may decide whatever the other is.
        ExprNode::Binary(BinaryOp::And | BinaryOp::Or, a, b) => needs(a) && needs(b),
        ExprNode::Binary(_, a, b) => needs(a) || needs(b),
        ExprNode::Not(a) | ExprNode::Neg(a) => needs(a),
        ExprNode::Method(base, name, args) => match name.node.as_str() {
            "or" | "orValue" | "optMap" | "optFlatMap" => needs(base),
            _ => needs(base) || args.iter().any(needs),
        },
        ExprNode::Call(_, args) | ExprNode::List(args) => args.iter().any(needs),
        ExprNode::Macro(_, range, ..) => needs(range),
        ExprNode::Conditional(c, a, b) => needs(c) || (needs(a) && needs(b)),
        _ => false,
    }
}

/// Whether a variable is only ever asked for its fields.
fn only_base(e: &Expr, var: &str) -> bool {
    let is_var = |e: &Expr| matches!(&e.node, ExprNode::Ident(name) if name == var);
    let every = |items: &[Expr]| items.iter().all(|item| only_base(item, var));
    match &e.node {
        ExprNode::Ident(name) => name != var,
        ExprNode::Select(base, _) | ExprNode::OptSelect(base, _) => is_var(base) || only_base(base, var),
        ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => {
            only_base(a, var) && only_base(b, var)
        }
        ExprNode::Has(a) | ExprNode::Not(a) | ExprNode::Neg(a) => only_base(a, var),
        ExprNode::Call(_, args) | ExprNode::List(args) => every(args),
        ExprNode::Method(base, _, args) => only_base(base, var) && every(args),
        ExprNode::Macro(_, range, _, bodies) => only_base(range, var) && every(bodies),
        ExprNode::Conditional(a, b, c) => only_base(a, var) && only_base(b, var) && only_base(c, var),
        ExprNode::Map(entries) => entries.iter().all(|(k, v)| only_base(k, var) && only_base(v, var)),
        _ => true,
    }
}

/// What a message shows where a path is not there.
pub(super) fn absent(e: &Expr) -> String {
    format!("<absent: {}>", written(e))
}
