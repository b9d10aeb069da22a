//! Annotations in manifests: the editor, and the verb `annotate`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod program;

mod cases;
mod corpus;
mod krm;
#[cfg(unix)]
mod plugin;
mod run;
mod verb;
