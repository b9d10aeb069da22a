//! Emission: health Lua on the objects that it is for, `argocd-cm`, roles, and what is shipped in `deploy/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "emit/argocd.rs"]
mod argocd;
#[path = "emit/deploy.rs"]
mod deploy;
#[path = "emit/expressions.rs"]
mod expressions;
#[path = "emit/flux.rs"]
mod flux;
#[path = "emit/health.rs"]
mod health;
#[path = "emit/into.rs"]
mod into;
#[path = "emit/objects.rs"]
mod objects;
#[path = "support/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "emit/overlay.rs"]
mod overlay;
#[path = "emit/refused.rs"]
mod refused;
#[path = "support/skip.rs"]
#[allow(dead_code)]
mod skip;
#[path = "emit/text.rs"]
mod text;
#[path = "support/tools.rs"]
#[allow(dead_code)]
mod tools;
#[path = "emit/vm.rs"]
mod vm;
