//! The cluster: the only place that knows kube. Watches in, one writer out, lease, discovery, the state object, reload, HTTP.
//!
//! In: one [`Env`] (time, randomness, rule folder, API client). Out: rows for the engine, the engine's writes for the cluster, logs,
//! metrics, `/status`. It decides nothing: the `engine` does.
//! May not know: what rules mean; cli.

mod client;
mod discover;
mod env;
mod http;
mod lease;
mod metrics;
mod reload;
mod request;
mod resource;
mod seen;
mod send;
mod watch;
mod writer;

pub use client::{Connection, connect};
pub use env::{Backoff, Clock, Env, Random, Read, RuleTexts, Rules};
pub use lease::{Election, Standing, Times};
pub use metrics::{Metrics, TABLE, page as metrics_page};
pub use resource::Resource;

/// Why the cluster cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No configuration, or one that cannot be used.
    #[error("no usable cluster configuration: {0}")]
    Config(String),
}
