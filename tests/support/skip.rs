//! Tests that need something which a machine may lack: they say so by name, and fail where `TIDEGATE_REQUIRE=1` is set.

use std::io::Write;
use std::path::PathBuf;

/// Says that `test` was skipped for want of `need`; panics when `TIDEGATE_REQUIRE=1`.
///
/// The line goes to the standard error itself: what a passing test prints with `eprintln!` is not shown.
pub fn skipped(test: &str, need: &str) {
    assert!(
        std::env::var("TIDEGATE_REQUIRE").as_deref() != Ok("1"),
        "{test} needs {need}, and TIDEGATE_REQUIRE=1 forbids to skip it"
    );
    let line = format!("skipped: {test} needs {need}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The folder `TIDEGATE_CORPUS`, or nothing, said in the name of `test`.
pub fn corpus(test: &str) -> Option<PathBuf> {
    let folder = corpus_folder();
    if folder.is_none() {
        skipped(test, "TIDEGATE_CORPUS");
    }
    folder
}

/// The folder `TIDEGATE_CORPUS`, if it is set.
pub fn corpus_folder() -> Option<PathBuf> {
    std::env::var_os("TIDEGATE_CORPUS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
