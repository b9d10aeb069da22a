//! A kind's health as a script for Argo CD.
//!
//! The script says what the engine says: the first line that holds decides, a line whose condition is an error does not hold. It is Lua
//! 5.1 as Argo CD runs it (gopher-lua 1.1, `util/lua/lua.go` of Argo CD 3.5): `obj` is the object, JSON null is absent, all numbers
//! are floats, and without open libraries there are the base functions and `table` only. Emitted code never raises an error,
//! does not depend on the order of `pairs`, and returns a table with a status and a message.
//!
//! What Lua cannot tell: `{}` from `[]` (so a list where a map is expected reads as a map without fields), 1 from 1.0, whole
//! numbers above 2^53. A message is not cut at the engine's limit.
//!
//! The way: `expr`, `access`, `calls`, `strings`, `truth` make values (`value`) and conditions of expressions, with what they need noted in `cx`;
//! `code` is the Lua in between, `print` its layout, `helpers` the functions that a script may bring along, `kstatus` the script of a
//! kind without lines.

mod access;
mod calls;
mod code;
mod cx;
mod expr;
mod helpers;
mod helpers_text;
mod inline;
mod kstatus;
mod print;
mod strings;
mod truth;
mod value;

use self::code::{L, S};
use self::cx::Cx;
use self::value::Ty;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::cut;
use crate::syntax::tree::{Expr, HealthWord, KindDecl, KindLine, Text, TextPart};

/// The longest expression that a message shows where it has no value.
const PATH_BYTES_MAX: usize = 80;

/// A health script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Lua, each line with its end, no tabs, no spaces at the ends of lines.
    pub text: String,
    /// The functions for which Argo CD must open Lua's libraries; usually none.
    pub open_libs: Vec<&'static str>,
}

/// The script of a kind.
///
/// # Errors
/// TG204, at each expression that Argo CD's Lua cannot say.
pub fn script(kind: &KindDecl) -> Result<Script, Vec<Diagnostic>> {
    let lets = kind.lines.iter().filter_map(|line| match line {
        KindLine::Let(name, expr) => Some((name.node.as_str(), expr)),
        _ => None,
    });
    let mut cx = Cx::new(lets);
    let mut text = heading(kind);
    let lines: Vec<Line<'_>> = kind.lines.iter().filter_map(Line::of).collect();
    if lines.is_empty() {
        text.push_str(kstatus::BODY);
        return Ok(Script { text, open_libs: Vec::new() });
    }
    let chain = chain(&mut cx, &lines);
    if cx.too_many_locals() {
        let message = format!("the health of `{}` needs more variables than Lua has", kind.short.node);
        cx.diagnostics.push(Diagnostic::error(Code::NOT_IN_LUA, kind.span, message));
    }
    if !cx.diagnostics.is_empty() {
        let mut diagnostics = cx.diagnostics;
        crate::diagnostic::sort(&mut diagnostics);
        return Err(diagnostics);
    }
    helpers::print(&cx.helpers, &mut text);
    text.push_str("local hs = {}\n");
    let root = cx.blocks.pop().unwrap_or_default();
    print::block(&root, 0, &mut text);
    print::block(&chain, 0, &mut text);
    text.push_str("return hs\n");
    Ok(Script { text, open_libs: cx.open_libs.into_keys().collect() })
}

fn heading(kind: &KindDecl) -> String {
    let group = if kind.group.node.is_empty() { "v1" } else { &kind.group.node };
    format!(
        "-- Health of {} ({group}), from kind {} of tidegate's rules.\n\
         -- Made by `tidegate emit argocd-cm`: change the rules, not this text.\n\n",
        kind.kind.node, kind.short.node
    )
}

/// A line that gives a status.
struct Line<'t> {
    status: HealthWord,
    message: &'t Text,
    when: Option<&'t Expr>,
}

impl<'t> Line<'t> {
    fn of(line: &'t KindLine) -> Option<Line<'t>> {
        match line {
            KindLine::Health { status, message, when, .. } => {
                Some(Line { status: status.node, message, when: when.as_ref() })
            }
            _ => None,
        }
    }
}

/// `if … then … elseif … else … end`. All lines are visited, so that all errors are found.
fn chain(cx: &mut Cx<'_>, lines: &[Line<'_>]) -> Vec<S> {
    let mut branches = Vec::new();
    let mut otherwise = None;
    for line in lines {
        let condition = match line.when {
            Some(when) => cx.truth(when, true),
            None => Some(L::True),
        };
        let (message, mut body) = cx.in_block(|cx| message(cx, line.message));
        let (Some(condition), Some(message)) = (condition, message) else { continue };
        body.push(S::Set(L::name("hs").field("status"), L::string(spelled(line.status))));
        body.push(S::Set(L::name("hs").field("message"), message));
        match condition {
            _ if otherwise.is_some() => {}
            L::False => {}
            L::True => otherwise = Some(body),
            condition => branches.push((condition, body)),
        }
    }
    // The language asks for `otherwise`; without it, the engine says so too.
    let otherwise = otherwise.unwrap_or_else(|| {
        let hs = || L::name("hs");
        vec![S::Set(hs().field("status"), L::string("Unknown")), S::Set(hs().field("message"), L::string(""))]
    });
    if branches.is_empty() { otherwise } else { vec![S::If(branches, Some(otherwise))] }
}

/// As Argo CD spells it. Source: argo-cd `gitops-engine/pkg/health/health.go`.
fn spelled(status: HealthWord) -> &'static str {
    match status {
        HealthWord::Healthy => "Healthy",
        HealthWord::Progressing => "Progressing",
        HealthWord::Degraded => "Degraded",
        HealthWord::Suspended => "Suspended",
        HealthWord::Unknown => "Unknown",
    }
}

fn message(cx: &mut Cx<'_>, text: &Text) -> Option<L> {
    let mut parts: Vec<Option<L>> = Vec::with_capacity(text.parts.len());
    for part in &text.parts {
        parts.push(match part {
            TextPart::Literal(text) => Some(L::string(text)),
            TextPart::Expr(expr) => shown(cx, expr),
        });
    }
    let mut parts = parts.into_iter().collect::<Option<Vec<L>>>()?.into_iter().rev();
    let last = parts.next().unwrap_or_else(|| L::string(""));
    Some(parts.fold(last, |after, part| L::op("..", part, after)))
}

/// An expression in a message.
fn shown(cx: &mut Cx<'_>, expr: &Expr) -> Option<L> {
    let value = cx.val(expr)?;
    if value.guard.is_empty() {
        match value.ty {
            Ty::Str => return Some(value.lua),
            Ty::Int | Ty::Double | Ty::Bool => return Some(L::call("tostring", vec![value.lua])),
            _ => {}
        }
    }
    let value = cx.total(value);
    if value.guard.is_empty() {
        return Some(cx.helper("text", vec![value.lua]));
    }
    let path = match value.absent.as_str() {
        "" => Some(cut(crate::syntax::print_expr(expr), PATH_BYTES_MAX)),
        known => known.strip_prefix("<absent: ").and_then(|rest| rest.strip_suffix('>')).map(str::to_owned),
    };
    let Some(path) = path else {
        let value = cx.named(value);
        let missing = L::op("==", value.lua.clone(), L::Nil);
        let text = cx.helper("text", vec![value.lua]);
        return Some(L::Any(vec![L::All(vec![missing, L::string(value.absent)]), text]));
    };
    Some(cx.helper("text", vec![value.lua, L::string(path)]))
}
