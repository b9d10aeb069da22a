//! Expressions: the typed form of the language's CEL subset, its values, and evaluation.
//!
//! In: expression trees of `syntax`, variables bound to [`Value`]s. Out: values, three-valued truth, rendered texts, and the
//! field paths that an expression reads. Pure.
//! May not know: rulebook, graph, facts, engine, emit, manifests, cluster, rehearse, cli.

mod map;
mod time;
mod truth;
mod value;

pub use map::Map;
pub use truth::Truth;
pub use value::Value;
