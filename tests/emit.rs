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

#[path = "emit/expressions.rs"]
mod expressions;
#[path = "emit/health.rs"]
mod health;
#[path = "emit/objects.rs"]
mod objects;
#[path = "emit/vm.rs"]
mod vm;

#[test]
fn scratch() {
    let Ok(path) = std::env::var("SCRATCH") else { return };
    for kind in health::kinds(&std::fs::read_to_string(path).unwrap()).unwrap() {
        println!("{:#?}", tidegate::emit::lua::script(&kind).map(|s| println!("{}", s.text)).err());
    }
}
