//! The rulebook: trees resolved to one immutable, typed value.
//!
//! In: trees of all rule files and of the built-in library. Out: a [`Rulebook`], diagnostics, its versioned JSON form, and what
//! facts must keep of each kind.
//! May not know: clusters, time (graph, engine, emit, manifests, cluster, rehearse, cli).

mod annotations;
mod fields;
mod health;
mod json;
mod resolve;
mod schema;
mod typed;
mod types;

pub use annotations::rules_of;
pub use health::{Health, HealthStatus, MESSAGE_BYTES_MAX, Run, health, health_by_rule, run_of};
pub use json::{VERSION, to_json};
pub use resolve::{
    Compiled, LIBRARY, Options, canonical_duration, canonical_filter, load, load_condition, resolve, rulebook_id,
};
pub use schema::Schemas;
pub use typed::check_schemas;
pub use types::*;

/// What is wrong with a name, if Kubernetes does not take it.
pub mod names {
    pub use super::resolve::{namespace, object_name};
}
