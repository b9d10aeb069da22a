//! Why an expression has no value.

use std::fmt;

use super::template::cut;
use super::types::with_article;
use crate::diagnostic::Span;

/// The longest text of an error, in bytes.
pub const ERROR_BYTES_MAX: usize = 256;

/// Why an expression has no value, and where in the text. Displayed without the place: `absent: status.phase`,
/// `no such overload: string + int`, `divide by zero`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError(Box<(ErrorKind, Span)>);

/// The kinds of errors. Texts are for people; the words `self.` at the start of a path are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A field, map key or list index that is not there: the path as the rule writes it.
    Absent(String),
    /// A variable that is not bound here: its name.
    Unbound(String),
    /// An operator or function that does not take these types: `string + int`.
    NoOverload(String),
    /// Division by zero.
    DivideByZero,
    /// Remainder of a division by zero.
    RemainderByZero,
    /// A number, duration or timestamp out of range: the type.
    Overflow(&'static str),
    /// A value that cannot be converted: the type asked for, and the value.
    NotA(&'static str, String),
    /// `.value()` of an empty optional.
    NoValue,
    /// A function that refused its arguments: what it says.
    Refused(String),
    /// The step limit was passed.
    Steps,
}

impl EvalError {
    /// Texts of the kind are cut to [`ERROR_BYTES_MAX`]: what objects hold may be hostile.
    pub(super) fn new(mut kind: ErrorKind, span: Span) -> EvalError {
        match &mut kind {
            ErrorKind::Absent(text)
            | ErrorKind::Unbound(text)
            | ErrorKind::NoOverload(text)
            | ErrorKind::NotA(_, text)
            | ErrorKind::Refused(text) => *text = cut(std::mem::take(text), ERROR_BYTES_MAX),
            _ => {}
        }
        EvalError(Box::new((kind, span)))
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.0
    }

    /// The part of the expression that has no value. It may lie in a `let` that the expression uses.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.1
    }

    /// Whether something was not there, as opposed to an expression that cannot work on what is there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.kind(), ErrorKind::Absent(_) | ErrorKind::Unbound(_))
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl std::error::Error for EvalError {}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Absent(path) | ErrorKind::Unbound(path) => write!(f, "absent: {path}"),
            ErrorKind::NoOverload(what) => write!(f, "no such overload: {what}"),
            ErrorKind::DivideByZero => f.write_str("divide by zero"),
            ErrorKind::RemainderByZero => f.write_str("modulus by zero"),
            ErrorKind::Overflow(what) => write!(f, "{what} overflow"),
            ErrorKind::NotA(what, value) => write!(f, "not {}: {value}", with_article(what)),
            ErrorKind::NoValue => f.write_str("optional.none() has no value"),
            ErrorKind::Refused(what) => f.write_str(what),
            ErrorKind::Steps => {
                write!(f, "more than {} steps", super::machine::STEPS_MAX)
            }
        }
    }
}

/// What operators and functions say before it is known where they stand.
#[derive(Debug)]
pub(super) enum Fault {
    /// These types do not fit; the caller names them.
    NoOverload,
    /// Anything else.
    Kind(ErrorKind),
}

impl From<ErrorKind> for Fault {
    fn from(kind: ErrorKind) -> Fault {
        Fault::Kind(kind)
    }
}
