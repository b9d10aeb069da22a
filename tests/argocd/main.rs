//! Against a real Argo CD, which syncs Applications from local Git repositories on a real apiserver: what tidegate emits, writes and
//! runs does what it says. One cluster for all; each test has namespaces and Applications of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../support/mod.rs"]
mod support;

mod actions;
mod admission;
mod annotate;
mod health;
mod hooks;
mod reopened;
mod stage;
mod waves;

use support::{Parts, Shared};

static CLUSTER: Shared = Shared::new(Parts {
    crds: &["notebookvalidationjobs", "inferenceservices"],
    jobs: true,
    argocd: true,
    kubectl: true,
});
