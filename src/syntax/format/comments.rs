//! Comments: found in the source, and given to the lines of the layout that they speak about.

use super::lines::{Above, Line};
use crate::syntax::grammar::{self, Rule};

/// Where a comment stands.
struct Comment<'s> {
    text: &'s str,
    start: usize,
    /// Nothing stands before it on its line.
    alone: bool,
}

/// Gives every comment to a line: one alone on its line to the line that follows, one after other text to the line that it ends. Returns
/// those after the last line.
pub(super) fn attach(source: &str, lines: &mut [Line]) -> Vec<Above> {
    let mut tail = Vec::new();
    for comment in find(source) {
        let above = |inside| Above { text: comment.text.to_owned(), start: comment.start, inside };
        // The last line that begins before the comment.
        let next = lines.partition_point(|line| line.start <= comment.start);
        let before = next.checked_sub(1).and_then(|i| lines.get_mut(i));
        match before {
            Some(line) if comment.start < line.end => line.above.push(above(true)),
            // On the line where this one ends; after `when (` it belongs to what follows.
            Some(line)
                if !comment.alone && !source.get(line.end..comment.start).is_some_and(|gap| gap.contains('\n')) =>
            {
                // A line ends with one comment; more of them come from lines that are now one.
                if let Some(earlier) = line.trailing.replace(comment.text.to_owned()) {
                    line.above.push(Above { text: earlier, start: line.start, inside: true });
                }
                line.trailing_end = comment.start + comment.text.len();
            }
            _ => match lines.get_mut(next) {
                Some(line) => line.above.push(above(false)),
                None => tail.push(above(false)),
            },
        }
    }
    for line in lines {
        // Those that stood above come before those from inside, which were found later.
        line.above.sort_by_key(|comment| comment.inside);
    }
    tail
}

/// All comments, in order. The source is known to parse.
fn find(source: &str) -> Vec<Comment<'_>> {
    let quoted = quoted(source);
    let mut quoted = quoted.iter().peekable();
    let mut out = Vec::new();
    let mut skip = 0;
    for (at, _) in source.match_indices('#') {
        while quoted.peek().is_some_and(|(_, end)| *end <= at) {
            quoted.next();
        }
        if at < skip || quoted.peek().is_some_and(|(start, _)| *start <= at) {
            continue;
        }
        let rest = source.get(at..).unwrap_or("");
        let text = rest.split('\n').next().unwrap_or("");
        skip = at + text.len();
        let before = source.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or("");
        let alone = before.chars().all(|c| c.is_whitespace() || c == '\u{feff}');
        out.push(Comment { text: text.trim_end(), start: at, alone });
    }
    out
}

/// Where `#` is a character: the bytes of texts, strings and JSON, in order.
fn quoted(source: &str) -> Vec<(usize, usize)> {
    let Ok(pairs) = grammar::run(Rule::file, source) else { return Vec::new() };
    let mut out: Vec<(usize, usize)> = Vec::new();
    for pair in pairs.flatten() {
        if matches!(pair.as_rule(), Rule::text | Rule::string | Rule::cel_string | Rule::json) {
            let span = pair.as_span();
            // A string within a text is inside already.
            if out.last().is_none_or(|(_, end)| *end <= span.start()) {
                out.push((span.start(), span.end()));
            }
        }
    }
    out
}
