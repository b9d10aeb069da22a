//! The bytes between nodes: colons, ends of lines, indentation.

use granit_parser::ScalarStyle;

use super::outline::{Node, Shape};

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind its last byte; more may follow in the line.
    Within(usize),
    /// Where the next line begins.
    Line(usize),
}

/// One past the colon of a key. None for a key without one: `? key`, or `{key}`.
pub(super) fn colon(text: &str, key: &Node, flow: bool) -> Option<usize> {
    let rest = text.get(key.bytes.end..)?;
    let blanks: &[char] = if flow { &[' ', '\t', '\r', '\n'] } else { &[' ', '\t'] };
    let after = rest.trim_start_matches(blanks);
    after.starts_with(':').then(|| key.bytes.end + (rest.len() - after.len()) + 1)
}

/// The start of the line of a byte.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// What stands before a byte in its line, if that is blanks alone.
pub(super) fn indentation(text: &str, at: usize) -> Option<&str> {
    text.get(line_start(text, at)..at).filter(|before| before.trim_matches([' ', '\t']).is_empty())
}

/// The start of the next line, if nothing but blanks and a comment stand between. The end of the text counts as one.
pub(super) fn next_line(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let line = rest.split_inclusive('\n').next().unwrap_or_default();
    let words = line.trim_start_matches([' ', '\t']);
    let comment = words.starts_with('#') && (words.len() < line.len() || at == 0);
    let blank = words.trim_end_matches(['\r', '\n']).is_empty();
    (comment || blank).then_some(at + line.len())
}

/// The end of an entry's value in a block map.
pub(super) fn end(text: &str, key: &Node, value: &Node) -> Option<End> {
    match &value.shape {
        Shape::Alias => Some(End::Within(value.bytes.end)),
        Shape::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, text: scalar } => {
            block_scalar(text, value, scalar)
        }
        Shape::Scalar { .. } if value.bytes.is_empty() => {
            Some(End::Within(colon(text, key, false)?.max(value.bytes.end)))
        }
        Shape::Scalar { .. } => Some(End::Within(value.bytes.end)),
        Shape::Map { flow: true, .. } | Shape::List { flow: true, .. } => Some(End::Within(value.bytes.end)),
        Shape::Map { entries, .. } => entries.last().and_then(|(key, value)| end(text, key, value)),
        Shape::List { items, .. } => items.last().and_then(|item| match &item.shape {
            Shape::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, text: scalar } => {
                block_scalar(text, item, scalar)
            }
            Shape::Map { flow: false, .. } | Shape::List { flow: false, .. } => end(text, item, item),
            _ => Some(End::Within(item.bytes.end)),
        }),
    }
}

/// The end of a block scalar: behind its last line that is not blank, or behind all of them where the scalar keeps blank lines (`|+`).
fn block_scalar(text: &str, node: &Node, scalar: &str) -> Option<End> {
    let content = text.get(node.bytes.clone())?;
    if content.trim().is_empty() {
        // Nothing but its header, whose place is not told.
        return None;
    }
    let kept = if scalar.ends_with("\n\n") {
        content.rfind('\n').map_or(content.len(), |newline| newline + 1)
    } else {
        let words = content.trim_end_matches([' ', '\t', '\r', '\n']).len();
        let rest = content.get(words..)?;
        words + rest.find('\n').map_or(rest.len(), |newline| newline + 1)
    };
    Some(End::Line(node.bytes.start + kept))
}

/// Where a block scalar's header (`|`, `>-`) begins, behind a colon.
pub(super) fn header(text: &str, colon: usize) -> Option<usize> {
    let rest = text.get(colon..)?;
    let after = rest.trim_start_matches([' ', '\t']);
    after.starts_with(['|', '>']).then(|| colon + rest.len() - after.len())
}
