//! Recovery: a file that does not parse as a whole is cut into statements, so that each broken one gives its own error and the others
//! still parse.

use super::build::Build;
use super::grammar::{self, Rule};
use super::tree::Statement;
use super::{explain, parse};
use crate::diagnostic::{Diagnostic, FileId};

/// Words that begin a statement wherever they begin a line.
pub(super) const STATEMENT_WORDS: &[&str] =
    &["rule", "when", "kind", "model", "scenario", "report", "allow", "honour", "application", "namespace"];

/// Words before which a newline is a space.
const CONTINUING: &[&str] = &["and", "or", "then", "within", "else"];

/// Parses `text` piece by piece.
pub(super) fn statements(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
    let mut broken = false;
    for piece in pieces(text, true) {
        // After a broken statement its leftovers would be broken too, and say nothing new.
        if broken && !piece.starts_statement {
            continue;
        }
        let words = text.get(piece.start..piece.end).unwrap_or("");
        match grammar::run(Rule::file, words) {
            Ok(pairs) => {
                broken = false;
                parse::statements(pairs, &mut Build::new(file, piece.start, diagnostics), out);
            }
            Err(failure) => {
                broken = true;
                diagnostics.push(explain::explain(&failure, file, words, piece.start));
            }
        }
    }
}

/// Cuts a text between statements into chunks of at least `bytes`. An INVARIANT makes this safe: where a cut is wrong, the chunk before it does
/// not parse, because a statement that goes on has an open bracket, or its next line begins with a word that no statement begins with.
pub(super) fn chunks(text: &str, bytes: usize) -> Vec<(usize, usize)> {
    if text.len() <= bytes {
        return vec![(0, text.len())];
    }
    let mut chunks = Vec::new();
    let mut start = 0;
    for piece in pieces(text, false) {
        if piece.start >= start + bytes {
            chunks.push((start, piece.start));
            start = piece.start;
        }
    }
    chunks.push((start, text.len()));
    chunks
}

/// A run of lines that is taken for a statement.
struct Piece {
    start: usize,
    end: usize,
    starts_statement: bool,
}

/// Cuts a text where, by the look of the lines, statements begin. With `slips`, a misspelt word begins a statement too.
fn pieces(text: &str, slips: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut depth: usize = 0;
    let mut indent_of_piece = 0;
    // A rule's own `when` does not begin a new statement.
    let mut when_is_due = false;
    let mut goes_on = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let trimmed = line.trim_start_matches([' ', '\t', '\u{feff}']);
        let content = trimmed.trim_end();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - trimmed.len();
        let word = first_word(content);
        let strong = begins_statement(content, slips);
        let new = if depth == 0 {
            !goes_on && !CONTINUING.contains(&word) && !content.starts_with(['{', '}'])
        } else {
            strong && indent <= indent_of_piece && !(word == "when" && when_is_due)
        };
        if new || pieces.is_empty() {
            pieces.push(Piece { start, end: offset, starts_statement: strong || looks_like_after(content) });
            depth = 0;
            indent_of_piece = indent;
            when_is_due = word == "rule";
        } else if word == "when" {
            when_is_due = false;
        }
        let shape = shape(content);
        depth = (depth + shape.opened).saturating_sub(shape.closed);
        goes_on = depth == 0 && shape.goes_on;
        if let Some(piece) = pieces.last_mut() {
            piece.end = offset;
        }
    }
    pieces
}

fn first_word(line: &str) -> &str {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(line.len());
    line.get(..end).unwrap_or("")
}

/// A line that begins with a statement's word, or nearly so, and goes on as a statement would.
fn begins_statement(line: &str, slips: bool) -> bool {
    let word = first_word(line);
    let rest = line.get(word.len()..).unwrap_or("");
    let names = rest.starts_with([' ', '\t'])
        && rest.trim_start().starts_with(|c: char| c.is_ascii_alphanumeric() || "_\"'(!-".contains(c));
    names && (STATEMENT_WORDS.contains(&word) || slips && explain::closest(word, STATEMENT_WORDS).is_some())
}

/// `KIND NAME after …`
fn looks_like_after(line: &str) -> bool {
    line.split_whitespace().nth(2) == Some("after")
}

struct Shape {
    opened: usize,
    closed: usize,
    /// Ends with `;` or `,`: the next line may belong to it.
    goes_on: bool,
}

/// Counts a line's brackets outside quotes and comments. A quote that is not closed ends with its line.
fn shape(line: &str) -> Shape {
    let mut shape = Shape { opened: 0, closed: 0, goes_on: false };
    let mut rest = line;
    let mut before = ' ';
    // `(` and `[` that the line opened: in them a quote begins a string, not a text.
    let mut round: usize = 0;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match c {
            '#' => break,
            '"' | '\'' => {
                let text =
                    round == 0 && (before.is_alphanumeric() || "_-=".contains(before)) && !rest_is_compared(line, rest);
                length = quoted(rest, c, text).unwrap_or(rest.len());
            }
            '(' | '[' | '{' => {
                shape.opened += 1;
                round += usize::from(c != '{');
            }
            ')' | ']' | '}' => {
                if shape.opened > 0 {
                    shape.opened -= 1;
                } else {
                    shape.closed += 1;
                }
                round = round.saturating_sub(usize::from(c != '}'));
            }
            _ => {}
        }
        if !c.is_whitespace() {
            shape.goes_on = c == ';' || c == ',';
            before = c;
        }
        rest = rest.get(length..).unwrap_or("");
    }
    shape
}

/// Whether `==` or its like stands before what is left of a line.
fn rest_is_compared(line: &str, rest: &str) -> bool {
    let before = line.get(..line.len() - rest.len()).unwrap_or("").trim_end();
    ["==", "!=", "<=", ">="].iter().any(|op| before.ends_with(op))
}

/// The length of what stands in quotes. In a text, braces hold expressions, and those may hold quotes of either kind.
fn quoted(rest: &str, quote: char, text: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1).peekable();
    let mut inner: Option<char> = None;
    let mut braces: usize = 0;
    while let Some((at, c)) = characters.next() {
        match (inner, c) {
            (_, '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => inner = None,
            (Some(_), _) => {}
            (None, '{') if text && braces == 0 && characters.peek().is_some_and(|(_, next)| *next == '{') => {
                characters.next();
            }
            (None, '{') if text => braces += 1,
            (None, '}') if text => braces = braces.saturating_sub(1),
            (None, '"' | '\'') if braces > 0 => inner = Some(c),
            (None, c) if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
