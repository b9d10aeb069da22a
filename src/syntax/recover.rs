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
    for piece in pieces(text) {
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

/// A run of lines that is taken for a statement.
struct Piece {
    start: usize,
    end: usize,
    starts_statement: bool,
}

/// Cuts a text where, by the look of the lines, statements begin.
fn pieces(text: &str) -> Vec<Piece> {
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
        let strong = begins_statement(content);
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
fn begins_statement(line: &str) -> bool {
    let word = first_word(line);
    let rest = line.get(word.len()..).unwrap_or("");
    let names = rest.starts_with([' ', '\t'])
        && rest.trim_start().starts_with(|c: char| c.is_ascii_alphanumeric() || "_\"'(!-".contains(c));
    names && (STATEMENT_WORDS.contains(&word) || explain::closest(word, STATEMENT_WORDS).is_some())
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
    let mut quote = None;
    let mut escaped = false;
    for c in line.chars() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '#' => break,
            '"' | '\'' => quote = Some(c),
            '(' | '[' | '{' => shape.opened += 1,
            ')' | ']' | '}' if shape.opened > 0 => shape.opened -= 1,
            ')' | ']' | '}' => shape.closed += 1,
            _ => {}
        }
        if !c.is_whitespace() {
            shape.goes_on = c == ';' || c == ',';
        }
    }
    shape
}
