//! The rulebook: trees resolved to one immutable, typed value.
//!
//! In: trees of all rule files and of the built-in library. Out: a [`Rulebook`], diagnostics, its versioned JSON form, and what
//! facts must keep of each kind.
//! May not know: clusters, time (graph, engine, emit, manifests, cluster, rehearse, cli).

mod fields;
mod types;

pub use types::*;
