//! The engine over clusters of plain JSON: what rules mean, and what always holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod bounds;
mod cluster;
mod decisions;
mod invariants;
mod meaning;
mod state;
mod two;
