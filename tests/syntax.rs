//! Parsing: every form of the language gives its tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use tidegate::diagnostic::Sources;
use tidegate::syntax::parse;

#[test]
fn language_page() {
    let mut sources = Sources::default();
    let file = sources.add("aiops.tide", include_str!("syntax/aiops.tide"));
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, file, &mut diagnostics);
    for d in &diagnostics {
        println!("{} {}", sources.place(d.span), d.message);
    }
    assert!(diagnostics.is_empty());
    assert_eq!(tree.statements.len(), 14);
}
