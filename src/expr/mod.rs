//! Expressions: the typed form of the language's CEL subset, its values, and evaluation.
//!
//! In: expression trees of `syntax`, variables bound to [`Value`]s. Out: values, three-valued truth, rendered texts, and the
//! field paths that an expression reads. Pure.
//! May not know: rulebook, graph, facts, engine, emit, manifests, cluster, rehearse, cli.

mod value;

pub use value::{Map, Value};
