//! Health: Argo CD's own cases and generated objects, on which the engine, the emitted Lua and the real Argo CD say the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "health/cases.rs"]
mod cases;
#[path = "health/corpus.rs"]
mod corpus;
#[path = "health/dice.rs"]
mod dice;
#[path = "health/flux.rs"]
mod flux;
#[path = "health/flux_cases.rs"]
mod flux_cases;
#[path = "health/flux_generated.rs"]
mod flux_generated;
#[path = "health/flux_otherwise.rs"]
mod flux_otherwise;
#[path = "health/generated.rs"]
mod generated;
#[path = "health/kinds.rs"]
mod kinds;
#[path = "support/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "health/own.rs"]
mod own;
#[path = "health/pages.rs"]
mod pages;
#[path = "health/shape.rs"]
mod shape;
#[path = "support/skip.rs"]
#[allow(dead_code)]
mod skip;
#[path = "support/tools.rs"]
#[allow(dead_code)]
mod tools;
#[path = "health/verb.rs"]
mod verb;
#[path = "emit/vm.rs"]
#[allow(dead_code)]
mod vm;
