//! Functions and methods that are no conditions.

use super::code::{L, S};
use super::cx::Cx;
use super::value::{Opt, Out, Ty, Val};
use crate::syntax::tree::{Expr, ExprNode, Name};

impl Cx<'_> {
    pub(super) fn method(&mut self, e: &Expr, base: &Expr, name: &Name, args: &[Expr]) -> Option<Out> {
        if matches!(&base.node, ExprNode::Ident(space) if space == "optional") && self.let_of("optional").is_none() {
            return self.make_optional(e, name, args);
        }
        match (name.node.as_str(), args) {
            ("orValue", [other]) => self.or_value(e, base, other).map(Out::Val),
            ("or", [other]) => self.once(e.span, |cx| cx.or_optional(e, base, other).map(Out::Opt)),
            ("optMap" | "optFlatMap", [variable, body]) => {
                let flat = name.node == "optFlatMap";
                self.once(e.span, |cx| cx.opt_map(e, base, variable, body, flat).map(Out::Opt))
            }
            ("value", []) => {
                let optional = self.optional(base)?;
                let absent = "<error: optional.none() has no value>";
                Some(Out::Val(Val::maybe(optional.lua, optional.ty, absent, optional.hint)))
            }
            _ => self.call(e, name, Some(base), args),
        }
    }

    /// A call; a method's receiver is its first argument.
    pub(super) fn call(&mut self, e: &Expr, name: &Name, receiver: Option<&Expr>, args: &[Expr]) -> Option<Out> {
        let args: Vec<&Expr> = receiver.into_iter().chain(args).collect();
        let value = match (name.node.as_str(), args.as_slice()) {
            ("size", [of]) => self.size(of)?,
            ("string", [of]) => self.string(of)?,
            ("int" | "uint" | "double" | "bool", [of]) => self.convert(name, of)?,
            ("join", [list]) => self.join(list, None)?,
            ("join", [list, separator]) => self.join(list, Some(separator))?,
            ("matches", _) => {
                let help = "say it with `==`, `in`, `startsWith`, `endsWith` or `contains`";
                return self.refuse(e.span, "Argo CD's Lua has no regular expressions", help);
            }
            (word, _) if is_time(word) => {
                return self.refuse(
                    e.span,
                    format!("Argo CD's Lua has no `{word}`"),
                    "rules say time with `for` and `within`",
                );
            }
            (word, args) => match self.text_call(e, name, args)? {
                Some(made) => made,
                None => {
                    return self.refuse(
                        e.span,
                        format!("`{word}` has no Lua"),
                        "leave it to the rules that read the object",
                    );
                }
            },
        };
        Some(Out::Val(value))
    }

    fn size(&mut self, of: &Expr) -> Option<Val> {
        let value = self.val(of)?;
        match value.ty {
            Ty::Str => self.refuse(
                of.span,
                "Lua counts the bytes of a string, not its characters",
                "compare it with `\"\"` instead",
            ),
            Ty::List => {
                let value = self.named(value);
                let lua = L::Len(Box::new(value.lua.clone()));
                let hint = format!("{}_size", value.hint);
                Some(Val { total: value.guard.is_empty(), lua, ty: Ty::Int, hint, ..value })
            }
            _ => {
                let value = self.total(value);
                let call = self.helper("size", vec![value.lua]);
                let hint = format!("{}_size", value.hint);
                Some(Val::maybe(call, Ty::Int, value.absent, hint))
            }
        }
    }

    fn string(&mut self, of: &Expr) -> Option<Val> {
        let value = self.val(of)?;
        match value.ty {
            Ty::Str => Some(value),
            Ty::Dyn | Ty::Scalar => {
                let value = self.total(value);
                let call = self.helper("str", vec![value.lua]);
                Some(Val::maybe(call, Ty::Str, value.absent, value.hint))
            }
            _ => Some(Val {
                lua: L::call("tostring", vec![value.lua]),
                ty: Ty::Str,
                total: value.guard.is_empty(),
                ..value
            }),
        }
    }

    fn join(&mut self, list: &Expr, separator: Option<&Expr>) -> Option<Val> {
        let list = self.val(list)?;
        let list = self.total(list);
        let separator = match separator {
            Some(separator) => self.val(separator)?,
            None => Val::sure(L::string(""), Ty::Str),
        };
        let separator = self.of_type(separator, "string", Ty::Str)?;
        let separator = self.total(separator);
        let call = self.helper("join", vec![list.lua, separator.lua.clone()]);
        let made = Val::maybe(call, Ty::Str, list.absent, list.hint);
        Some(if separator.guard.is_empty() {
            made
        } else {
            Val { guard: [separator.guard, made.guard].concat(), total: false, ..made }
        })
    }

    fn make_optional(&mut self, e: &Expr, name: &Name, args: &[Expr]) -> Option<Out> {
        match (name.node.as_str(), args) {
            ("none", []) => {
                let (absent, hint) = (String::new(), "value".to_owned());
                Some(Out::Opt(Opt { lua: L::Nil, guard: Vec::new(), ty: Ty::Dyn, absent, hint }))
            }
            ("of", [value]) => {
                let value = self.val(value)?;
                let v = self.total(value);
                Some(Out::Opt(Opt { lua: v.lua, guard: v.guard, ty: v.ty, absent: v.absent, hint: v.hint }))
            }
            ("ofNonZeroValue", [value]) => {
                let value = self.val(value)?;
                let v = self.total(value);
                let lua = self.helper("non_zero", vec![v.lua]);
                Some(Out::Opt(Opt { lua, guard: v.guard, ty: v.ty, absent: v.absent, hint: v.hint }))
            }
            (word, _) => self.refuse(e.span, format!("`optional.{word}` has no Lua"), "write it with `? :`"),
        }
    }

    fn or_value(&mut self, e: &Expr, base: &Expr, other: &Expr) -> Option<Val> {
        let optional = self.optional(base)?;
        let other = self.val(other)?;
        let certain = optional.guard.is_empty() && other.guard.is_empty();
        let ty = optional.ty.join(other.ty);
        let extra: Vec<L> = optional.guard.iter().chain(&other.guard).chain([&other.lua]).cloned().collect();
        let var = match self.known(&optional.lua, &extra) {
            Some(var) => var,
            None => {
                let name = self.bind(e, &optional.hint);
                let var = L::name(&name);
                self.push(S::Local(name, Some(optional.lua.clone())));
                let missing = L::op("==", var.clone(), L::Nil);
                let when = L::all(std::iter::once(missing).chain(optional.guard).chain(other.guard));
                self.push(S::If(vec![(when, vec![S::Set(var.clone(), other.lua)])], None));
                self.remember(optional.lua, extra, var.clone());
                var
            }
        };
        let guard = if certain { Vec::new() } else { vec![var.clone().present()] };
        let absent = if optional.absent.is_empty() { other.absent } else { optional.absent };
        Some(Val { lua: var, guard, ty, total: true, absent, hint: optional.hint })
    }

    fn or_optional(&mut self, e: &Expr, base: &Expr, other: &Expr) -> Option<Opt> {
        let first = self.optional(base)?;
        let second = self.optional(other)?;
        let name = self.bind(e, &first.hint);
        let var = L::name(&name);
        self.push(S::Local(name, Some(first.lua)));
        let missing = L::op("==", var.clone(), L::Nil);
        let when = L::all(std::iter::once(missing).chain(first.guard.iter().cloned()));
        self.push(S::If(vec![(when, vec![S::Set(var.clone(), second.lua)])], None));
        let mut guard = first.guard;
        if !second.guard.is_empty() {
            guard.push(L::any([var.clone().present(), L::all(second.guard)]));
        }
        Some(Opt { lua: var, guard, ty: first.ty.join(second.ty), absent: first.absent, hint: first.hint })
    }

    fn opt_map(&mut self, e: &Expr, base: &Expr, variable: &Expr, body: &Expr, flat: bool) -> Option<Opt> {
        let ExprNode::Ident(variable) = &variable.node else {
            return self.refuse(variable.span, "a name is asked for here", "");
        };
        let of = self.optional(base)?;
        let held = self.local(variable, Some(of.lua));
        let L::Name(lua) = &held else { return None };
        self.vars.push(super::cx::Var { name: variable.clone(), lua: lua.clone(), ty: of.ty });
        let made = if flat {
            self.optional(body).map(|o| Val {
                lua: o.lua,
                guard: o.guard,
                ty: o.ty,
                total: true,
                absent: o.absent,
                hint: o.hint,
            })
        } else {
            self.val(body)
        };
        self.vars.pop();
        let made = made?;
        let name = self.bind(e, &of.hint);
        let var = L::name(&name);
        self.push(S::Local(name, None));
        let when = L::all(std::iter::once(held.clone().present()).chain(made.guard.iter().cloned()));
        self.push(S::If(vec![(when, vec![S::Set(var.clone(), made.lua)])], None));
        let mut guard = of.guard;
        if !made.guard.is_empty() {
            guard.push(L::any([L::op("==", held, L::Nil), L::all(made.guard)]));
        }
        Some(Opt { lua: var, guard, ty: made.ty, absent: of.absent, hint: of.hint })
    }
}

/// Times and what is asked of them.
fn is_time(word: &str) -> bool {
    matches!(word, "duration" | "timestamp") || (word.starts_with("get") && word.len() > 3)
}
