//! Functions on strings, and conversions from them. What needs Lua's string library opens it.

use super::code::L;
use super::cx::Cx;
use super::value::{Ty, Val};
use crate::diagnostic::Span;
use crate::syntax::tree::{Expr, ExprNode, Name};

/// Functions of a string alone: the method, its helper.
const OF_ONE: &[(&str, &str)] = &[("lowerAscii", "lower"), ("upperAscii", "upper"), ("trim", "trim")];

/// How a string argument must be written, and why.
const QUOTED: &str = "in health, this takes a quoted string that is not empty";

impl Cx<'_> {
    /// A function on strings, the receiver first among `args`; `None` within if it is another function.
    pub(super) fn text_call(&mut self, e: &Expr, name: &Name, args: &[&Expr]) -> Option<Option<Val>> {
        let made = match (name.node.as_str(), args) {
            ("split", [text, separator]) => self.split(e, name, text, separator)?,
            ("charAt", [text, index]) => self.numbered(name, "char_at", text, &[index])?,
            ("substring", [text, bounds @ ..]) if matches!(bounds.len(), 1 | 2) => {
                self.numbered(name, "substring", text, bounds)?
            }
            ("indexOf", [text, part]) => self.position(name, "index_of", text, part)?,
            ("lastIndexOf", [text, part]) => self.position(name, "last_index_of", text, part)?,
            ("indexOf" | "lastIndexOf", [_, _, _]) => {
                return self.refuse(
                    e.span,
                    format!("`{}` from an offset has no Lua", name.node),
                    "leave the offset out",
                );
            }
            ("replace", [text, old, new]) => self.replace(name, text, old, new, None)?,
            ("replace", [text, old, new, limit]) => self.replace(name, text, old, new, Some(limit))?,
            (word, [text]) => {
                let Some((_, helper)) = OF_ONE.iter().find(|(method, _)| *method == word) else { return Some(None) };
                self.open(name, name.span);
                let text = self.val(text)?;
                let text = self.total(text);
                let call = self.helper(helper, vec![text.lua]);
                Val::maybe(call, Ty::Str, text.absent, text.hint)
            }
            _ => return Some(None),
        };
        Some(Some(made))
    }

    /// Notes that open libraries are needed, and what for.
    fn open(&mut self, name: &Name, span: Span) {
        // The names live as long as the program: Argo CD's setting says which functions it is for.
        const NAMES: &[&str] = &[
            "split",
            "charAt",
            "substring",
            "indexOf",
            "lastIndexOf",
            "replace",
            "lowerAscii",
            "upperAscii",
            "trim",
            "int",
            "uint",
            "double",
        ];
        if let Some(name) = NAMES.iter().find(|known| **known == name.node) {
            self.open_libs.entry(name).or_insert(span);
        }
    }

    fn quoted<'e>(&mut self, e: &'e Expr) -> Option<&'e str> {
        match &e.node {
            ExprNode::String(text) if !text.is_empty() => Some(text),
            _ => self.refuse(e.span, QUOTED, ""),
        }
    }

    fn split(&mut self, e: &Expr, name: &Name, text: &Expr, separator: &Expr) -> Option<Val> {
        if matches!(&separator.node, ExprNode::String(text) if text.is_empty()) {
            return self.refuse(e.span, "Lua cannot split a string into its characters", "");
        }
        let separator = self.quoted(separator)?;
        self.open(name, name.span);
        let text = self.val(text)?;
        let text = self.total(text);
        let call = self.helper("split", vec![text.lua, L::string(separator)]);
        Some(Val::maybe(call, Ty::List, text.absent, text.hint))
    }

    /// `charAt` and `substring`: positions follow.
    fn numbered(&mut self, name: &Name, helper: &'static str, text: &Expr, positions: &[&Expr]) -> Option<Val> {
        self.open(name, name.span);
        let text = self.val(text)?;
        let text = self.total(text);
        let (mut args, mut guard) = (vec![text.lua], Vec::new());
        for position in positions {
            let position = self.val(position)?;
            let position = self.total(position);
            guard.extend(position.guard.iter().cloned());
            args.push(position.lua);
        }
        let call = self.helper(helper, args);
        Some(guarded(Val::maybe(call, Ty::Str, text.absent, text.hint), guard))
    }

    fn position(&mut self, name: &Name, helper: &'static str, text: &Expr, part: &Expr) -> Option<Val> {
        let part = self.quoted(part)?;
        self.open(name, name.span);
        let text = self.val(text)?;
        let text = self.total(text);
        let call = self.helper(helper, vec![text.lua, L::string(part)]);
        Some(Val::maybe(call, Ty::Int, text.absent, format!("{}_at", text.hint)))
    }

    fn replace(&mut self, name: &Name, text: &Expr, old: &Expr, new: &Expr, limit: Option<&&Expr>) -> Option<Val> {
        let old = self.quoted(old)?;
        let limit = match limit.map(|limit| &limit.node) {
            None => None,
            Some(ExprNode::Int(limit)) => Some(L::int(*limit)),
            Some(ExprNode::Neg(inner)) if matches!(inner.node, ExprNode::Int(_)) => Some(L::int(-1)),
            Some(_) => {
                return self.refuse(name.span, "in health, the limit of `replace` is a number as written", "");
            }
        };
        self.open(name, name.span);
        let text = self.val(text)?;
        let text = self.total(text);
        let new = self.val(new)?;
        let new = self.total(new);
        let args = [text.lua, L::string(old), new.lua].into_iter().chain(limit).collect();
        let call = self.helper("replace", args);
        Some(Val::maybe(call, Ty::Str, text.absent, text.hint))
    }

    /// `int(x)`, `uint(x)`, `double(x)`, `bool(x)`.
    pub(super) fn convert(&mut self, name: &Name, of: &Expr) -> Option<Val> {
        let value = self.val(of)?;
        let (helper, ty) = match (name.node.as_str(), value.ty) {
            ("int", Ty::Int) | ("double", Ty::Double) | ("bool", Ty::Bool) => return Some(value),
            ("double", Ty::Int) => return Some(Val { ty: Ty::Double, ..value }),
            ("bool", _) => ("bool", Ty::Bool),
            ("double", _) => ("double", Ty::Double),
            ("uint", _) => ("uint", Ty::Int),
            _ => ("int", Ty::Int),
        };
        if helper != "bool" {
            self.open(name, name.span);
        }
        let value = self.total(value);
        let call = self.helper(helper, vec![value.lua]);
        Some(Val::maybe(call, ty, value.absent, value.hint))
    }
}

fn guarded(value: Val, guard: Vec<L>) -> Val {
    if guard.is_empty() {
        return value;
    }
    Val { guard: [guard, value.guard].concat(), total: false, ..value }
}
