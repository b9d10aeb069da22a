//! The words of a text that does not parse, so that an error can speak about the words around it.

/// A word, a quoted text or a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// The first of its line.
    pub(super) first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits, `_`, `-`, `.`
    Word,
    /// With its quotes, on one line.
    Quoted,
    /// A quote that its line does not close.
    Unclosed,
    /// Anything else: one character, or one of `== != <= >= && || .?`
    Mark,
}

/// Cuts a text into tokens; comments are left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    let mut first = true;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(c) = rest.chars().next() else { break };
        if c == '\n' {
            first = true;
            at += 1;
            continue;
        }
        if c.is_whitespace() || c == '\u{feff}' {
            at += c.len_utf8();
            continue;
        }
        if c == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (length, kind) = token(rest, c);
        out.push(Token { text: rest.get(..length).unwrap_or(rest), start: at, end: at + length, kind, first });
        first = false;
        at += length.max(1);
    }
    out
}

fn token(rest: &str, c: char) -> (usize, Kind) {
    let digit_next = rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if c.is_alphanumeric() || c == '_' || (c == '-' && digit_next) {
        return (rest.find(|c| !is_word(c)).unwrap_or(rest.len()), Kind::Word);
    }
    if c == '"' || c == '\'' {
        let mut escaped = false;
        for (i, d) in rest.char_indices().skip(1) {
            match d {
                '\n' => return (rest.get(..i).map_or(i, |line| line.trim_end().len()), Kind::Unclosed),
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                d if d == c => return (i + 1, Kind::Quoted),
                _ => {}
            }
        }
        return (rest.trim_end().len(), Kind::Unclosed);
    }
    let pair = rest
        .get(..2)
        .is_some_and(|two| matches!(two, "==" | "!=" | "<=" | ">=" | "&&" | "||" | "->" | "=>" | "=~" | "<>"));
    if !c.is_ascii() {
        return (c.len_utf8(), Kind::Mark);
    }
    (if pair { 2 } else { c.len_utf8() }, Kind::Mark)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Cuts the word that the parse failed within: what came before it was read, what comes after was not.
pub(super) fn split(tokens: &mut Vec<Token<'_>>, at: usize) {
    let index = tokens.partition_point(|t| t.end <= at);
    let Some(token) = tokens.get(index).copied().filter(|t| t.kind == Kind::Word && t.start < at) else { return };
    let (Some(read), Some(left)) = (token.text.get(..at - token.start), token.text.get(at - token.start..)) else {
        return;
    };
    tokens.insert(index, Token { text: read, end: at, ..token });
    if let Some(rest) = tokens.get_mut(index + 1) {
        *rest = Token { text: left, start: at, first: false, ..token };
    }
}
