//! Compilation: rule files to the rulebook.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use tidegate::rulebook::{Compiled, Options, load};

fn compile(text: &str) -> Compiled {
    load([("rules.tide".to_owned(), text.to_owned())], &Options::default())
}

#[test]
fn the_sentence() {
    let compiled = compile("when job train-fraud succeeds then restart isvc fraud; block wave 4\n");
    assert_eq!(compiled.diagnostics, []);
    let book = compiled.rulebook.unwrap();
    let rule = &book.rules[0];
    assert_eq!(rule.text, "job default/train-fraud succeeds");
    assert_eq!(rule.then[0].text, "restart isvc default/fraud");
    assert_eq!(rule.blocks[0].wave, 4);
}
