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
//! `code` is the Lua in between, `print` its layout, `known` what need
//! not be asked twice, `helpers` the functions that a script may bring along, `kstatus` the script of a
//! kind without lines.

mod access;
mod calls;
mod code;
mod cx;
mod expr;
mod helpers;
mod helpers_text;
mod inline;
mod known;
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
        text.push_str(&kstatus::body(&kind.kind.node));
        return Ok(Script { text, open_libs: Vec::new() });
    }
    let steps = steps(&mut cx, &lines);
    if cx.too_many_locals() {
        let message = format!("the health of `{}` needs more variables than Lua has", kind.short.node);
        cx.diagnostics.push(Diagnostic::error(Code::NOT_IN_LUA, kind.span, message));
    }
    if !cx.diagnostics.is_empty() {
        let mut diagnostics = cx.diagnostics;
        crate::diagnostic::sort(&mut diagnostics);
        return Err(diagnostics);
    }
    let root = cx.blocks.pop().unwrap_or_default();
    let script = known::simplified(laid_out(root, steps));
    helpers::print(&known::used(&script), &mut text);
    print::block(&script, 0, &mut text);
    Ok(Script { text, open_libs: cx.open_libs.into_keys().collect() })
}

fn heading(kind: &KindDecl) -> String {
    let group = if kind.group.node.is_empty() { "v1" } else { &kind.group.node };
    format!(
        "-- Health of {} ({group}), from kind {} of tidegate's rules.\n\
         -- Made by `tidegate emit`: change the rules, not this text.\n\n",
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

/// What came of one line.
struct Step {
    /// `True` for the one that ends the script, `False` for one that never holds.
    condition: L,
    /// Its verdict, and what that needs alone.
    body: Vec<S>,
    /// How many of the script's statements there are before its condition, and before its message.
    begins: usize,
    says: usize,
}

/// All lines are visited, so that all errors are found. The last step always holds.
fn steps(cx: &mut Cx<'_>, lines: &[Line<'_>]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let so_far = |cx: &Cx<'_>| cx.blocks.first().map_or(0, Vec::len);
    for line in lines {
        let begins = so_far(cx);
        let condition = match line.when {
            Some(when) => cx.truth(when, true),
            None => Some(L::True),
        };
        let says = so_far(cx);
        let (message, mut body) = cx.in_block(|cx| message(cx, line.message));
        let (Some(condition), Some(message)) = (condition, message) else { continue };
        body.push(verdict(spelled(line.status), message));
        if steps.last().is_none_or(|last| last.condition != L::True) {
            steps.push(Step { condition, body, begins, says });
        }
    }
    if steps.last().is_none_or(|last| last.condition != L::True) {
        // The language asks for `otherwise`; without it, the engine says so too.
        let end = so_far(cx);
        steps.push(Step { condition: L::True, body: vec![verdict("Unknown", L::string(""))], begins: end, says: end });
    }
    steps
}

fn verdict(status: &str, message: L) -> S {
    S::Return(L::Map(vec![("status".to_owned(), L::string(status)), ("message".to_owned(), message)]))
}

/// The statements in the order in which they run: each line's just before it, so that what a line before has decided costs no more. What a
/// message alone needs goes to it.
fn laid_out(root: Vec<S>, steps: Vec<Step>) -> Vec<S> {
    let mut root: Vec<Option<S>> = root.into_iter().map(Some).collect();
    let ends: Vec<usize> = steps.iter().skip(1).map(|step| step.begins).chain([root.len()]).collect();
    let mut later: Vec<S> = Vec::new();
    // From the last line to the first, since it matters what those after it use.
    for (step, end) in steps.into_iter().zip(ends).rev() {
        let mut take = |from: usize, to: usize| -> Vec<S> {
            root.get_mut(from..to).into_iter().flatten().filter_map(Option::take).collect()
        };
        let mut says = take(step.says, end);
        let begins = take(step.begins, step.says);
        let mut body = step.body;
        let alone = says.iter().all(|s| !matches!(s, S::Local(name, _) if inline::is_used(&later, name)));
        if alone {
            body.splice(0..0, says.drain(..));
        }
        let own = match step.condition {
            L::True => body,
            L::False => Vec::new(),
            condition => vec![S::If(vec![(condition, body)], None)],
        };
        later = begins.into_iter().chain(says).chain(own).chain(later).collect();
    }
    later
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
    let path = match value.absent.as_str() {
        "" => Some(cut(crate::syntax::print_expr(expr), PATH_BYTES_MAX)),
        known => known.strip_prefix("<absent: ").and_then(|rest| rest.strip_suffix('>')).map(str::to_owned),
    };
    let Some(path) = path else {
        let value = cx.named(value);
        let missing = L::op("==", value.lua.clone(), L::Nil);
        let path = L::string(cut(crate::syntax::print_expr(expr), PATH_BYTES_MAX));
        let text = cx.helper("text", vec![value.lua, path]);
        return Some(L::Any(vec![L::All(vec![missing, L::string(value.absent)]), text]));
    };
    Some(cx.helper("text", vec![value.lua, L::string(path)]))
}
