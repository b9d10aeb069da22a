//! The parts of the controller, each by itself, on the API server in memory and in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod admission;
mod controller;
mod faults;
mod hostile;
mod lease;
mod pressure;
mod reload;
mod stage;
mod state;
mod wait;
mod watch;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate::cluster::resource::Resource;
use tidegate::cluster::{Clock, Env, Random, Rules};
use tidegate::rehearse::apiserver::{ApiServer, Fault, RequestInfo};

/// When every test begins.
pub fn start() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

/// A server whose time is tokio's, from [`start`] on.
pub fn server() -> ApiServer {
    server_at(&Clock::from(start()))
}

/// A server with this clock.
pub fn server_at(clock: &Clock) -> ApiServer {
    let clock = clock.clone();
    ApiServer::new(Arc::new(move || clock.now()))
}

/// The environment of one replica.
pub fn env(server: &ApiServer, identity: &str, seed: u64) -> Env {
    let (_, rules) = tokio::sync::watch::channel(Ok(Vec::new()));
    Env {
        clock: Clock::from(start()),
        random: Random::seeded(seed),
        client: server.client_as(identity),
        rules: Rules::Channel(rules),
        namespace: "tidegate".into(),
        identity: identity.into(),
    }
}

/// Faults for requests that `of` picks.
pub fn faults(server: &ApiServer, of: impl Fn(&RequestInfo) -> Fault + Send + Sync + 'static) {
    server.set_faults(Some(Arc::new(of)));
}

/// Where Jobs are.
pub fn jobs() -> Resource {
    Resource::builtin("batch", "v1", "Job", "jobs")
}

/// A Job of the namespace `team`.
pub fn job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "team"}, "spec": {}})
}
