//! The tree of a text without its spans, to compare texts by what they mean.

use tidegate::diagnostic::Sources;
use tidegate::syntax::parse;

/// The tree as text. The text must parse.
#[allow(dead_code, reason = "each test file that has this module uses a part of it")]
pub fn dump(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("x.tide", text);
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, file, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics:#?}");
    without_spans(&format!("{tree:?}"))
}

/// Takes every `Span { … }` out of a debug text.
pub fn without_spans(debug: &str) -> String {
    let mut out = String::new();
    let mut rest = debug;
    while let Some((before, after)) = rest.split_once("Span { file: FileId(") {
        out.push_str(before);
        rest = after.split_once(" }").unwrap().1;
    }
    out + rest
}
