//! The cluster: the only place that knows kube. Watches in, one writer out, lease, discovery, the state object, reload, HTTP.
//!
//! In: one [`Env`] (time, randomness, rule folder, API client). Out: rows for the engine, the engine's writes for the cluster, logs,
//! metrics, `/status`. It decides nothing: the `engine` does.
//! May not know: what rules mean; cli.

mod act;
mod admission;
pub mod client;
pub mod controller;
pub mod discover;
pub mod env;
pub mod http;
pub mod kinds;
pub mod lease;
pub mod metrics;
pub mod pods;
pub mod reload;
mod report;
pub mod request;
pub mod resource;
mod schema;
pub mod seen;
pub mod send;
pub mod snapshot;
pub mod store;
mod tenure;
pub mod wait;
pub mod watch;
pub mod writer;

pub use client::{Connection, connect};
pub use controller::{Options, run};
pub use env::{Backoff, Clock, Env, Random, Read, RuleTexts, Rules};
pub use lease::{Election, Standing, Times};
pub use metrics::{Metrics, TABLE, page as metrics_page};
pub use reload::Compiled;
pub use resource::Resource;
pub use schema::{Definitions, definitions};
pub use snapshot::{Places, Snapshot, snapshot};
pub use wait::{Waited, wait};

/// Compiles rule files to a rulebook.
pub type Compile = reload::Compile<crate::rulebook::Rulebook>;

/// Why the cluster cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No configuration, or one that cannot be used.
    #[error("no usable cluster configuration: {0}")]
    Config(String),
    /// It does not answer, or refuses what is needed.
    #[error("{0}")]
    Answer(String),
}
