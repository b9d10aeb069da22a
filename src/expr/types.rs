//! What is known of a type before evaluation. Fields of objects are not known; literals and results of functions are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A static type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Not yet known: the elements of `[]`, the value in `optional.none()`.
    Any,
    /// What an object holds: a bool, number, string, list or map; never a duration, a timestamp or an optional.
    Dyn,
    /// true or false
    Bool,
    /// 64-bit signed
    Int,
    /// 64-bit unsigned
    Uint,
    /// 64-bit floating point
    Double,
    /// UTF-8
    String,
    /// A span of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// A list of one type.
    List(Box<Type>),
    /// A map from strings to one type.
    Map(Box<Type>),
    /// Perhaps a value.
    Optional(Box<Type>),
    /// An object whose fields a schema tells.
    Object(Arc<Shape>),
}

/// The fields of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Those that are known.
    pub fields: BTreeMap<Arc<str>, Type>,
    /// Whether there may be others.
    pub open: bool,
}

impl Type {
    pub(super) fn list(of: Type) -> Type {
        Type::List(Box::new(of))
    }

    pub(super) fn optional(of: Type) -> Type {
        Type::Optional(Box::new(of))
    }

    /// Whether a value can be of both types.
    #[must_use]
    pub fn fits(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) => true,
            (Type::Dyn, other) | (other, Type::Dyn) => other.is_json(),
            (Type::Object(_), Type::Object(_) | Type::Map(_)) | (Type::Map(_), Type::Object(_)) => true,
            (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) | (Type::Optional(a), Type::Optional(b)) => {
                a.fits(b)
            }
            (a, b) => a == b,
        }
    }

    /// Whether both are known to be the same, as far as anything is known. Kubernetes and Flux ask this of the elements of a literal,
    /// where a field beside a constant is refused.
    pub(super) fn is_same(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) => true,
            (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) | (Type::Optional(a), Type::Optional(b)) => {
                a.is_same(b)
            }
            (a, b) => a == b,
        }
    }

    /// `a string`, `an int`.
    pub(super) fn with_article(&self) -> String {
        with_article(&self.to_string())
    }

    /// Whether a value of an object can have this type.
    fn is_json(&self) -> bool {
        match self {
            Type::Duration | Type::Timestamp | Type::Optional(_) => false,
            Type::List(of) | Type::Map(of) => of.is_json(),
            _ => true,
        }
    }

    /// The type of two that fit: itself where they are equal, else what is known of both.
    pub(super) fn join(self, other: &Type) -> Type {
        match (self, other) {
            (Type::List(a), Type::List(b)) => Type::list(a.join(b)),
            (Type::Map(a), Type::Map(b)) => Type::Map(Box::new(a.join(b))),
            (Type::Optional(a), Type::Optional(b)) => Type::optional(a.join(b)),
            (Type::Any, other) => other.clone(),
            (this, Type::Any) => this,
            (a, b) if a == *b => a,
            _ => Type::Dyn,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "value",
            Type::Dyn => "field",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Duration => "duration",
            Type::Timestamp => "timestamp",
            Type::List(_) => "list",
            Type::Map(_) => "map",
            Type::Optional(_) => "optional",
            Type::Object(_) => "object",
        })
    }
}

/// A word with `a` or `an` before it.
pub(super) fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {word}")
}
