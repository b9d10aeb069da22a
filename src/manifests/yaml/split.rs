//! A stream to its documents, before anything is parsed, so that a broken document costs only itself.

use std::ops::Range;

/// The byte ranges of the documents of a stream. A line that starts with `---` and then ends, or goes on after a blank, begins a document; YAML allows such a line
/// nowhere else, also not in block scalars and quoted texts. Ranges with nothing but comments are kept: the caller finds them empty.
#[must_use]
pub fn split(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    // `%YAML 1.1` stands before the `---` of its own document.
    let mut directives = false;
    let mut content = false;
    // Behind the last `...`: directives after it are the next document's.
    let mut ended = 0;
    for line in text.split_inclusive('\n') {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if marker {
            if !directives || content {
                documents.push(start..at);
                start = at;
            } else if ended > start {
                documents.push(start..ended);
                start = ended;
            }
            directives = false;
            content = true;
        } else if line.starts_with('%') && !content {
            directives = true;
        } else if line.starts_with("...") {
            content = false;
            ended = at + line.len();
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            content = true;
        }
        at += line.len();
    }
    documents.push(start..at);
    documents.retain(|range| !range.is_empty());
    documents
}
