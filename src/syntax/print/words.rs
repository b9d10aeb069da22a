//! Names, values, texts and durations as canonical text.

use super::Printer;
use crate::syntax::tree::{DurationLit, Name, ResourceName, Text, TextPart};

/// The words that a bare name may not equal: the grammar's `reserved`.
pub(in crate::syntax) const RESERVED: &[&str] = &[
    "after",
    "and",
    "any",
    "as",
    "at",
    "backoff",
    "block",
    "by",
    "catch",
    "cooldown",
    "else",
    "every",
    "fails",
    "for",
    "from",
    "hard",
    "has",
    "in",
    "is",
    "not",
    "observe",
    "of",
    "on",
    "or",
    "otherwise",
    "owned",
    "per",
    "retry",
    "since",
    "succeeds",
    "then",
    "to",
    "wave",
    "when",
    "where",
    "within",
    "with",
];

impl Printer<'_> {
    /// A name, quoted where the grammar needs it.
    pub(in crate::syntax) fn name(&mut self, name: &Name) {
        let word = name.node.as_str();
        let bare = word.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            && !RESERVED.contains(&word);
        self.bare_or_quoted(word, bare);
    }

    pub(in crate::syntax) fn resource_name(&mut self, name: &ResourceName) {
        if let Some(namespace) = &name.namespace {
            self.name(namespace);
            self.push("/");
        }
        self.name(&name.name);
    }

    /// A label's or annotation's key.
    pub(super) fn key(&mut self, key: &Name) {
        let bare = !key.node.is_empty() && key.node.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
        self.bare_or_quoted(&key.node, bare);
    }

    /// A label's value.
    pub(super) fn value(&mut self, value: &str) {
        let bare = !value.is_empty()
            && !value.contains(['\\', ';', '#', ',', '"', '\'', '{', '}', '(', ')', '[', ']', '='])
            && !value.contains(|c: char| c.is_whitespace() || c.is_control());
        self.bare_or_quoted(value, bare);
    }

    /// A file's path.
    pub(in crate::syntax) fn path(&mut self, path: &Name) {
        let word = path.node.as_str();
        let bare = !word.is_empty()
            && !word.contains(['\\', ';', '#', ',', '"', '\'', '{', '}'])
            && !word.contains(|c: char| c.is_whitespace() || c.is_control());
        self.bare_or_quoted(word, bare);
    }

    fn bare_or_quoted(&mut self, word: &str, bare: bool) {
        if bare {
            self.push(word);
        } else {
            self.quoted(word);
        }
    }

    /// A string in double quotes.
    pub(in crate::syntax) fn quoted(&mut self, text: &str) {
        self.push("\"");
        self.escaped(text, '"', false);
        self.push("\"");
    }

    /// The characters of a string or text, with escapes for what cannot stand as itself between `quote`s.
    pub(super) fn escaped(&mut self, text: &str, quote: char, braces: bool) {
        for c in text.chars() {
            match c {
                '\\' => self.push("\\\\"),
                '\n' => self.push("\\n"),
                '\r' => self.push("\\r"),
                '\t' => self.push("\\t"),
                '{' if braces => self.push("{{"),
                '}' if braces => self.push("}}"),
                c if c == quote => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                c if c.is_control() => self.push(&format!("\\u{:04x}", u32::from(c))),
                c => self.out.push(c),
            }
        }
    }

    pub(in crate::syntax) fn text(&mut self, text: &Text) {
        self.push("\"");
        for part in &text.parts {
            match part {
                TextPart::Literal(literal) => self.escaped(literal, '"', true),
                TextPart::Expr(expr) => {
                    // Inside double quotes, single ones read better, and both parse.
                    let outer = std::mem::replace(&mut self.quote, '\'');
                    let start = self.out.len() + 1;
                    self.push("{");
                    self.expr(expr);
                    self.quote = outer;
                    if self.out.get(start..).is_some_and(|e| e.starts_with('{')) {
                        // `{{` would be the character.
                        self.out.insert(start, ' ');
                    }
                    self.push("}");
                }
            }
        }
        self.push("\"");
    }

    /// A text that may also stand as a bare word.
    pub(super) fn value_text(&mut self, text: &Text) {
        match text.parts.as_slice() {
            [TextPart::Literal(literal)] => {
                let before = self.out.len();
                self.value(literal);
                if self.out.get(before..).is_some_and(|printed| printed.starts_with('"')) {
                    // Quoted, so braces count as a text's.
                    self.out.truncate(before);
                    self.text(text);
                }
            }
            _ => self.text(text),
        }
    }

    /// As it was spelt, or in the largest units.
    pub(in crate::syntax) fn duration(&mut self, duration: &DurationLit) {
        if let Some(words) = self.spelling(duration.span.start, duration.span.end) {
            self.push(words);
            return;
        }
        let mut rest = duration.node;
        if rest == 0 {
            self.push("0s");
        }
        for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
            if rest >= seconds {
                self.push(&format!("{}{unit}", rest / seconds));
                rest %= seconds;
            }
        }
    }
}

impl<'s> Printer<'s> {
    /// `run workflow from template NAME`: the word says nothing that the kind does not say, so the tree leaves it out.
    pub(super) fn source_word(&mut self, kind: &Name, name: &ResourceName) {
        let between = self.spelling(kind.span.end, name.span.start).unwrap_or("");
        if let Some(word) = between.split_whitespace().find(|word| matches!(*word, "template" | "cronjob")) {
            self.push(word);
            self.push(" ");
        }
    }

    pub(super) fn spelling(&self, start: u32, end: u32) -> Option<&'s str> {
        self.source?.get(start as usize..end as usize)
    }
}
