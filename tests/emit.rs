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

#[path = "emit/vm.rs"]
mod vm;

use tidegate::diagnostic::Sources;
use tidegate::emit::lua;
use tidegate::syntax::{self, tree::{KindDecl, Statement}};

fn kinds(text: &str) -> Vec<KindDecl> {
    let mut sources = Sources::default();
    let file = sources.add("rules.tide", text);
    let mut diagnostics = Vec::new();
    let tree = syntax::parse(&sources, file, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics:#?}");
    tree.statements.into_iter().filter_map(|s| match s { Statement::Kind(k) => Some(k), _ => None }).collect()
}

#[test]
fn scratch() {
    for entry in std::fs::read_dir(std::env::var("SCRATCH").unwrap()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for kind in kinds(&text) {
            match lua::script(&kind) {
                Ok(s) => { println!("{}\n", s.text); vm::Vm::new(&s).unwrap(); }
                Err(d) => println!("{}: {d:#?}", kind.short.node),
            }
        }
    }
}
