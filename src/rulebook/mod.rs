//! The rulebook: trees resolved to one immutable, typed value.
//!
//! In: trees of all rule files and of the built-in library. Out: a [`Rulebook`], diagnostics, its versioned JSON form, and what
//! facts must keep of each kind.
//! May not know: clusters, time (graph, engine, emit, manifests, cluster, rehearse, cli).

mod fields;
mod health;
mod types;

pub use health::{Health, HealthStatus, MESSAGE_BYTES_MAX, Run, health, run_of};
pub use types::*;
