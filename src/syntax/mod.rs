//! Syntax: rule text to a tree with spans, all errors at once; and the one layout.
//!
//! In: [`Sources`](crate::diagnostic::Sources). Out: a [`tree::File`] for each, diagnostics for what did not parse, formatted text.
//! May not know: anything below it (rulebook, graph, facts, engine, emit, manifests, cluster, rehearse, cli).

mod build;
mod explain;
mod format;
mod grammar;
pub mod limits;
mod parse;
mod print;
mod recover;
pub mod tree;

pub use build::parse_duration;
pub use format::format;
pub use parse::{bare_parse, parse, parse_condition, parse_expr};
pub use print::{
    health_word, print_action, print_condition, print_expr, print_modifier, print_predicate, print_resource, print_text,
};
