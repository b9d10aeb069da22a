//! Expressions: the typed form of the language's CEL subset, its values, and evaluation.
//!
//! In: expression trees of `syntax`, variables bound to [`Value`]s. Out: values, three-valued truth, rendered texts, and the
//! field paths that an expression reads. Pure.
//! May not know: rulebook, graph, facts, engine, emit, manifests, cluster, rehearse, cli.
//!
//! The way through: `compile` (with `access`, `calls`) turns a tree into a `program` whose names are slots; `machine` (with `fold`,
//! `ops`, `functions`) runs it over a [`Scope`]; `reads` says beforehand which paths that touches, and a [`Projection`] keeps only
//! those of an object.

mod access;
mod calls;
mod compile;
mod convert;
mod error;
mod fold;
mod functions;
mod instant;
mod intern;
mod left_out;
mod machine;
mod map;
mod ops;
mod optional;
mod pattern;
mod program;
mod projection;
mod reads;
mod scope;
mod strings;
mod template;
mod time;
mod truth;
mod types;
mod value;

pub use access::written;
pub use calls::function_names;
pub use error::{ERROR_BYTES_MAX, ErrorKind, EvalError};
pub use instant::Instant;
pub use intern::{INTERN_BYTES_MAX, INTERN_ENTRIES_MAX, Interner};
pub use machine::STEPS_MAX;
pub use map::Map;
pub use pattern::PATTERN_BYTES_MAX;
pub use program::{EXPRESSION_DEPTH_MAX, Lets, Program};
pub use projection::Projection;
pub use reads::{PathStep, ReadPath};
pub use scope::Scope;
pub use template::{TEXT_BYTES_MAX, Template, cut};
pub use truth::Truth;
pub use types::{Shape, Type};
pub use value::Value;
