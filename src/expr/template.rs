//! Texts with expressions in them.

use super::convert;
use super::error::EvalError;
use super::program::{Lets, Program};
use super::scope::Scope;
use super::types::{Type, with_article};
use super::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{Text, TextPart};

/// The longest text that [`Template::render`] makes, in bytes. (Kubernetes allows 1024 in an Event's message: see
/// [`Template::render_max`].)
pub const TEXT_BYTES_MAX: usize = 4096;

/// A compiled text.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Program(Program),
}

impl Template {
    /// Compiles a text over variables and `let` bindings. `None` after any error; all are in `diagnostics`.
    ///
    /// Texts take strings, bools and numbers: an expression that can only be something else is TG200.
    #[must_use]
    pub fn compile(text: &Text, vars: &[&str], lets: &Lets, diagnostics: &mut Vec<Diagnostic>) -> Option<Template> {
        let compiled: Vec<Option<Part>> = text
            .parts
            .iter()
            .map(|part| match part {
                TextPart::Literal(text) => Some(Part::Literal(text.clone())),
                TextPart::Expr(expr) => {
                    let program = Program::compile_with(expr, vars, lets, diagnostics)?;
                    printable(&program, diagnostics).then_some(Part::Program(program))
                }
            })
            .collect();
        Some(Template { parts: compiled.into_iter().collect::<Option<_>>()? })
    }

    /// The text over some bindings, at most [`TEXT_BYTES_MAX`] bytes. Never fails: an expression without a value shows
    /// `<absent: status.phase>` or `<error: divide by zero>` in its place.
    #[must_use]
    pub fn render(&self, scope: &Scope<'_>) -> String {
        self.render_max(scope, TEXT_BYTES_MAX)
    }

    /// As [`Template::render`] with another limit. A longer text is cut between characters and ends with `…`, within the limit.
    #[must_use]
    pub fn render_max(&self, scope: &Scope<'_>, text_bytes_max: usize) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Program(program) => text.push_str(&show(program.eval(scope))),
            }
            if text.len() > text_bytes_max {
                break;
            }
        }
        cut(text, text_bytes_max)
    }

    /// The programs in the text, for their paths.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.parts.iter().filter_map(|part| match part {
            Part::Program(program) => Some(program),
            Part::Literal(_) => None,
        })
    }

    /// The text, if no expression is in it.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_str()),
                Part::Program(_) => None,
            })
            .collect()
    }
}

fn printable(program: &Program, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let kind = program.result_type();
    let help = match kind {
        Type::List(of) if of.fits(&Type::String) => "join it: `.join(\", \")`",
        Type::List(_) | Type::Map(_) => "say how many there are with `size(…)`, or name a part of it",
        Type::Optional(_) => "take the value out: `.orValue(…)`",
        Type::Duration | Type::Timestamp => "write `string(…)`",
        _ => return true,
    };
    let message = format!("a text takes strings, bools and numbers, not {}", kind.with_article());
    diagnostics.push(Diagnostic::error(Code::EXPRESSION_TYPE, program.span(), message).help(help));
    false
}

fn show(result: Result<Value, EvalError>) -> String {
    match result {
        Ok(Value::String(text)) => text.to_string(),
        Ok(value @ (Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_))) => {
            convert::text(&value).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        }
        Ok(other) => format!("<error: {} in a text>", with_article(other.type_name())),
        Err(error) if error.is_absent() => format!("<{error}>"),
        Err(error) => format!("<error: {error}>"),
    }
}

/// At most so many bytes, cut between characters, with `…` at the end where something was cut.
#[must_use]
pub fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= bytes_max {
        return text;
    }
    let keep = bytes_max.saturating_sub(MARK.len());
    let at = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(at);
    if bytes_max >= MARK.len() {
        text.push_str(MARK);
    }
    text
}
