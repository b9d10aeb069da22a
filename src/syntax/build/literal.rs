//! Names, words, texts, numbers and durations.

use super::{Build, Kids, add};
use crate::diagnostic::{Code, Span, Spanned};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::limits;
use crate::syntax::tree::{DurationLit, Name, ResourceName, Text, TextPart};

impl Build<'_> {
    /// `name`, `title`, `label_key`, `label_value`, `path`: a bare word or a quoted one.
    pub(super) fn name(&mut self, pair: Pair<'_>) -> Name {
        let span = self.span(&pair);
        let node = match Kids::of(pair).next() {
            Some(inner) if inner.as_rule() == Rule::string => {
                let start = inner.as_span().start() + 1;
                let text = unquoted(inner.as_str());
                self.unescape(text, start, false)
            }
            Some(inner) => inner.as_str().to_owned(),
            None => String::new(),
        };
        self.limit_name(&node, span);
        Spanned { node, span }
    }

    /// `label_value`: may be empty when quoted.
    pub(super) fn label_value(&mut self, pair: Pair<'_>) -> Name {
        let span = self.span(&pair);
        if matches!(pair.as_str(), "\"\"" | "''") {
            return Spanned { node: String::new(), span };
        }
        self.name(pair)
    }

    /// A title or path: quoted or bare, may be long.
    pub(super) fn long_name(&mut self, pair: Pair<'_>) -> Name {
        let span = self.span(&pair);
        let quoted = if pair.as_rule() == Rule::string { Some(pair) } else { Kids::of(pair).next() };
        let node = match quoted {
            Some(inner) if inner.as_rule() == Rule::string => {
                let start = inner.as_span().start() + 1;
                let text = unquoted(inner.as_str());
                self.unescape(text, start, false)
            }
            Some(inner) => inner.as_str().to_owned(),
            None => String::new(),
        };
        self.limit_text(node.len(), span);
        Spanned { node, span }
    }

    /// `kind_word`: a short kind name as it stands.
    pub(super) fn word(&mut self, pair: &Pair<'_>) -> Name {
        let span = self.span(pair);
        self.limit_name(pair.as_str(), span);
        Spanned { node: pair.as_str().to_owned(), span }
    }

    /// A name that expressions use too: an alias, a kind's short name, a `let`.
    pub(super) fn identifier(&mut self, pair: Pair<'_>, what: &str) -> Name {
        let name = self.name(pair);
        if !is_identifier(&name.node) {
            let fixed = to_identifier(&name.node);
            self.error(
                Code::IDENTIFIER,
                name.span,
                format!("`{}` cannot be {what}: expressions could not read it", name.node),
                format!("use letters, digits and `_`, not a word that CEL or the rules reserve, such as `{fixed}`"),
            );
        }
        name
    }

    fn limit_name(&mut self, name: &str, span: Span) {
        if name.is_empty() {
            self.error(Code::SYNTAX, span, "a name is empty", "write at least one character between the quotes");
        } else if name.len() > limits::NAME_CHARS_MAX && name.chars().count() > limits::NAME_CHARS_MAX {
            self.error(
                Code::LIMIT,
                span,
                format!("a name has {} characters; {} are allowed", name.chars().count(), limits::NAME_CHARS_MAX),
                "Kubernetes allows no longer names",
            );
        }
    }

    fn limit_text(&mut self, bytes: usize, span: Span) {
        if bytes > limits::TEXT_BYTES_MAX {
            self.error(
                Code::LIMIT,
                span,
                format!("a text has {bytes} bytes; {} are allowed", limits::TEXT_BYTES_MAX),
                "shorten the text",
            );
        }
    }

    /// `resource_name`: `name` or `namespace/name`.
    pub(super) fn resource_name(&mut self, pair: Pair<'_>) -> Option<ResourceName> {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let first = kids.next()?;
        let first = self.name(first);
        Some(match kids.next() {
            Some(second) => {
                let second = self.name(second);
                ResourceName { namespace: Some(first), name: second, span }
            }
            None => ResourceName { namespace: None, name: first, span },
        })
    }

    /// `integer`, signed.
    pub(super) fn integer(&mut self, pair: &Pair<'_>) -> Spanned<i64> {
        let span = self.span(pair);
        let node = pair.as_str().parse().unwrap_or_else(|_| {
            self.error(Code::LIMIT, span, format!("`{}` is too large a number", pair.as_str()), "use a smaller one");
            0
        });
        Spanned { node, span }
    }

    /// `integer` that counts something.
    pub(super) fn count(&mut self, pair: &Pair<'_>, what: &str) -> Spanned<u64> {
        let number = self.integer(pair);
        let node = u64::try_from(number.node).unwrap_or_else(|_| {
            self.error(
                Code::MODIFIER,
                number.span,
                format!("`{}` is not a number of {what}", pair.as_str()),
                "write 1 or more",
            );
            1
        });
        Spanned { node, span: number.span }
    }

    /// `duration`: whole seconds.
    pub(super) fn duration(&mut self, pair: &Pair<'_>) -> DurationLit {
        let span = self.span(pair);
        let node = match parse_duration(pair.as_str()) {
            Ok(seconds) => seconds,
            Err((message, help)) => {
                self.error(Code::DURATION, span, message, help);
                0
            }
        };
        Spanned { node, span }
    }

    /// `text`: runs and holes.
    pub(super) fn text(&mut self, pair: Pair<'_>) -> Text {
        let span = self.span(&pair);
        self.limit_text(pair.as_str().len(), span);
        if pair.as_str().contains('\n') {
            self.error(Code::TEXT, span, "a text runs over the end of its line", "keep the text on one line");
        }
        let mut parts = Vec::new();
        for kid in Kids::of(pair) {
            match kid.as_rule() {
                Rule::hole => {
                    if let Some(expr) = Kids::of(kid).next() {
                        add(&mut parts, TextPart::Expr(self.expr(expr)));
                    }
                }
                _ if kid.as_str().is_empty() => {}
                _ => {
                    let start = kid.as_span().start();
                    add(&mut parts, TextPart::Literal(self.unescape(kid.as_str(), start, true)));
                }
            }
        }
        Text { parts, span }
    }

    /// `value_text`: a text or a bare word.
    pub(super) fn value_text(&mut self, pair: Pair<'_>) -> Option<Text> {
        let inner = Kids::of(pair).next()?;
        Some(if inner.as_rule() == Rule::text {
            self.text(inner)
        } else {
            let span = self.span(&inner);
            self.limit_text(inner.as_str().len(), span);
            Text { parts: vec![TextPart::Literal(inner.as_str().to_owned())], span }
        })
    }

    /// Resolves CEL's escapes; with `braces`, also `{{` and `}}`. `start` is the text's offset, for errors.
    pub(super) fn unescape(&mut self, text: &str, start: usize, braces: bool) -> String {
        if !text.contains('\\') && !(braces && (text.contains('{') || text.contains('}'))) {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let mut used = c.len_utf8();
            if c == '\\' {
                match escape(rest) {
                    Some((character, length)) => {
                        out.push(character);
                        used = length;
                    }
                    None => {
                        used += rest.chars().nth(1).map_or(0, char::len_utf8);
                        let words = rest.get(..used).unwrap_or(rest);
                        let at = start + (text.len() - rest.len());
                        let span = self.range(at, at + used);
                        self.error(
                            Code::TEXT,
                            span,
                            format!("`{words}` is not an escape"),
                            "for a backslash write `\\\\`; escapes are \\n \\t \\r \\\" \\' \\\\ \\xHH \\uHHHH \\UHHHHHHHH",
                        );
                    }
                }
            } else {
                out.push(c);
                if braces && (c == '{' || c == '}') {
                    used = 2;
                }
            }
            rest = rest.get(used..).unwrap_or("");
        }
        out
    }
}

/// The text between the quotes.
pub(super) fn unquoted(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.next_back();
    characters.as_str()
}

/// Reads one CEL escape at the start of `text`: the character and the bytes it took.
fn escape(text: &str) -> Option<(char, usize)> {
    let mut characters = text.chars().skip(1);
    let simple = match characters.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        c @ ('\\' | '?' | '"' | '\'' | '`') => c,
        'x' | 'X' => return code_point(text, 2, 2, 16),
        'u' => return code_point(text, 2, 4, 16),
        'U' => return code_point(text, 2, 8, 16),
        '0'..='3' => return code_point(text, 1, 3, 8),
        _ => return None,
    };
    Some((simple, 2))
}

fn code_point(text: &str, from: usize, digits: usize, radix: u32) -> Option<(char, usize)> {
    let end = from + digits;
    let word = text.get(from..end)?;
    if !word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some((char::from_u32(u32::from_str_radix(word, radix).ok()?)?, end))
}

/// Words that CEL or the rules keep for themselves, so that no alias, kind or `let` can bear them.
const NOT_IDENTIFIERS: &[&str] = &[
    "and",
    "any",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "every",
    "expect",
    "false",
    "for",
    "function",
    "has",
    "if",
    "import",
    "in",
    "kind",
    "let",
    "loop",
    "model",
    "namespace",
    "no",
    "not",
    "nothing",
    "null",
    "or",
    "package",
    "report",
    "return",
    "rule",
    "scenario",
    "then",
    "tidegate",
    "true",
    "var",
    "void",
    "wave",
    "when",
    "while",
    "within",
];

fn is_identifier(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !NOT_IDENTIFIERS.contains(&word)
}

fn to_identifier(word: &str) -> String {
    let mut out: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.chars().next().is_none_or(|c| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    if NOT_IDENTIFIERS.contains(&out.as_str()) {
        out.push('_');
    }
    out
}

/// Seconds of `10m`, `7d`, `1h30m`; else a message and a help.
///
/// # Errors
/// What is wrong, and how to write it.
pub fn parse_duration(text: &str) -> Result<u64, (String, String)> {
    if let Some((number, word)) = text.split_once([' ', '\t']) {
        let unit = word.trim();
        return Err((format!("`{text}` is not a duration"), long_unit_help(number, unit)));
    }
    let help = || "durations are numbers with `s`, `m`, `h` or `d`: `90s`, `10m`, `1h30m`, `7d`".to_owned();
    let bad = |help: String| (format!("`{text}` is not a duration"), help);
    let mut rest = text;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest.get(..digits).unwrap_or("");
        let after = rest.get(digits..).unwrap_or("");
        let letters = after.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let unit = after.get(..letters).unwrap_or("");
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "" => return Err(bad(format!("say the unit: `{text}s`, `{text}m`, `{text}h` or `{text}d`"))),
            _ if digits == text.len() - letters => return Err(bad(long_unit_help(number, unit))),
            _ => return Err(bad(help())),
        };
        if digits == 0 || seconds >= last {
            return Err(bad("units go from large to small, each once: `1h30m`".to_owned()));
        }
        last = seconds;
        let limit = limits::DURATION_DAYS_MAX * 86_400;
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(seconds))
            .and_then(|n| n.checked_add(total))
            .filter(|n| *n <= limit)
            .ok_or_else(|| {
                (format!("`{text}` is too long"), format!("{} days are the limit", limits::DURATION_DAYS_MAX))
            })?;
        rest = after.get(letters..).unwrap_or("");
    }
    Ok(total)
}

fn long_unit_help(number: &str, unit: &str) -> String {
    let lower = unit.to_ascii_lowercase();
    let short = match lower.as_str() {
        _ if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) => None,
        "s" | "sec" | "secs" | "second" | "seconds" => Some("s"),
        "m" | "min" | "mins" | "minute" | "minutes" => Some("m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "d" | "day" | "days" => Some("d"),
        "w" | "week" | "weeks" => {
            let days = number.parse::<u64>().unwrap_or(0).saturating_mul(7);
            return format!("write `{days}d`: there is no unit for weeks");
        }
        "ms" => return "the smallest unit is the second: `1s`".to_owned(),
        _ => None,
    };
    match short {
        Some(short) => format!("write `{number}{short}`"),
        None => "durations are numbers with `s`, `m`, `h` or `d`: `90s`, `10m`, `1h30m`, `7d`".to_owned(),
    }
}
