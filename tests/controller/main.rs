//! The controller's own program against a real kube-apiserver, under the account and the role that `deploy/base` ships.
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

mod admission;
mod deploy;
mod hostile;
mod live;
mod rules;
mod run;
mod stage;
mod wait;

use support::{Parts, Shared};

static CLUSTER: Shared = Shared::new(Parts {
    crds: &["notebookvalidationjobs", "inferenceservices", "applications"],
    kubectl: true,
    ..Parts::NONE
});

/// The sentence.
const SENTENCE: &str = "when job train-fraud succeeds then restart isvc fraud; block wave 4\n";
