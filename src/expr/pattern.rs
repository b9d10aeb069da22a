//! Patterns of `matches`: RE2's syntax (as Go's `regexp`), carried over to the `regex` crate, which reads a slightly different one.
//!
//! Differences that are carried over: `\d \s \w \b` are ASCII; `[`, `&&`, `--`, `~~` in classes are literals; a `{` that starts no
//! repetition is a literal. What RE2 refuses is refused here (`**`, repetitions above 1000, look-around, back-references). Refused
//! though RE2 has it: `\B`, `\C`, `\Q…\E`, octal escapes, and Unicode classes other than general categories.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// The most memory of a compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// The highest count of a repetition, RE2's.
const REPETITION_MAX: u32 = 1000;

const GENERAL_CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Compiles a pattern; the error is one line for people.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("more than {PATTERN_BYTES_MAX} bytes"));
    }
    let mut translation = Translation { rest: pattern.chars().peekable(), out: String::new() };
    translation.run()?;
    RegexBuilder::new(&translation.out)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too big".to_owned(),
            // The last line of a syntax error says what is wrong; those before it draw the translated pattern.
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        })
}

struct Translation<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

type Step = Result<(), String>;

impl Translation<'_> {
    fn run(&mut self) -> Step {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '*' | '+' | '?' => {
                    self.out.push(c);
                    self.after_repetition()?;
                }
                '{' => match self.repetition()? {
                    Some(text) => {
                        self.out.push_str(&text);
                        self.after_repetition()?;
                    }
                    None => self.out.push_str("\\{"),
                },
                '.' | '^' | '$' | '|' | ')' => self.out.push(c),
                literal => self.literal(literal),
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// A lazy `?`, then no further repetition: Go refuses `a**`.
    fn after_repetition(&mut self) -> Step {
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        let doubled = match self.rest.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                let mut ahead = self.rest.clone();
                ahead.next();
                counts(&mut ahead).is_some()
            }
            _ => false,
        };
        if doubled { Err("a repetition of a repetition".to_owned()) } else { Ok(()) }
    }

    /// After `{`: the rest of `{n}`, `{n,}`, `{n,m}`, or none of it if this is no repetition.
    fn repetition(&mut self) -> Result<Option<String>, String> {
        let mut ahead = self.rest.clone();
        let Some((low, high)) = counts(&mut ahead) else { return Ok(None) };
        self.rest = ahead;
        let fits = |n: &u32| *n <= REPETITION_MAX;
        if !fits(&low) || high.flatten().is_some_and(|high| !fits(&high) || high < low) {
            return Err(format!("a repetition count above {REPETITION_MAX} or out of order"));
        }
        Ok(Some(match high {
            None => format!("{{{low}}}"),
            Some(None) => format!("{{{low},}}"),
            Some(Some(high)) => format!("{{{low},{high}}}"),
        }))
    }

    /// After `(`: groups and flags that both know.
    fn group(&mut self) -> Step {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if self.rest.next_if_eq(&'P').is_some() {
            self.out.push('P');
            if self.rest.peek() != Some(&'<') {
                return Err("`(?P` without a name".to_owned());
            }
        }
        if self.rest.next_if_eq(&'<').is_some() {
            self.out.push('<');
            return match self.rest.peek() {
                Some(c) if c.is_ascii_alphanumeric() || *c == '_' => Ok(()),
                _ => Err("RE2 has no look-around".to_owned()),
            };
        }
        for c in self.rest.by_ref() {
            match c {
                'i' | 'm' | 's' | 'U' | '-' => self.out.push(c),
                ':' | ')' => {
                    self.out.push(c);
                    return Ok(());
                }
                '=' | '!' => return Err("RE2 has no look-around".to_owned()),
                other => return Err(format!("RE2 has no flag `{other}`")),
            }
        }
        Err("a group that is not closed".to_owned())
    }

    /// After `\`, outside a class.
    fn escape(&mut self) -> Step {
        let Some(c) = self.rest.next() else { return Err("`\\` at the end".to_owned()) };
        match c {
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'b' => self.out.push_str("(?-u:\\b)"),
            'p' | 'P' => self.category(c)?,
            _ => match perl_class(c) {
                Some((negated, set)) => {
                    let _ = write!(self.out, "[{}{set}]", if negated { "^" } else { "" });
                }
                None => {
                    let c = self.escaped_char(c)?;
                    self.literal(c);
                }
            },
        }
        Ok(())
    }

    /// A single character after `\`.
    fn escaped_char(&mut self, c: char) -> Result<char, String> {
        Ok(match c {
            'a' => '\u{7}',
            'f' => '\u{c}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'x' => self.hex()?,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            other => return Err(format!("no escape `\\{other}` here")),
        })
    }

    /// After `\x`: two digits, or any number in braces.
    fn hex(&mut self) -> Result<char, String> {
        let (digits, fits): (String, bool) = if self.rest.next_if_eq(&'{').is_some() {
            let digits: String = std::iter::from_fn(|| self.rest.next_if(char::is_ascii_hexdigit)).collect();
            let closed = self.rest.next_if_eq(&'}').is_some();
            let fits = closed && !digits.is_empty();
            (digits, fits)
        } else {
            let digits: String = (0..2).filter_map(|_| self.rest.next_if(char::is_ascii_hexdigit)).collect();
            let fits = digits.len() == 2;
            (digits, fits)
        };
        let found = u32::from_str_radix(&digits, 16).ok().filter(|_| fits).and_then(char::from_u32);
        found.ok_or_else(|| "`\\x` without a character's number".to_owned())
    }

    /// After `\p` or `\P`: a general category.
    fn category(&mut self, p: char) -> Step {
        let name: String = match self.rest.next() {
            Some('{') => {
                let name = std::iter::from_fn(|| self.rest.next_if(|c| *c != '}')).collect();
                self.rest.next();
                name
            }
            Some(c) => c.to_string(),
            None => String::new(),
        };
        let (negated, plain) = name.strip_prefix('^').map_or((false, name.as_str()), |plain| (true, plain));
        if !GENERAL_CATEGORIES.contains(&plain) {
            return Err(format!("no Unicode class `{name}` here: only general categories such as `L` or `Nd`"));
        }
        let p = if negated == (p == 'p') { 'P' } else { 'p' };
        let _ = write!(self.out, "\\{p}{{{plain}}}");
        Ok(())
    }

    /// After `[`: items up to the closing bracket, each written anew so that nothing reads as a set operation.
    fn class(&mut self) -> Step {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.rest.next() else { return Err("a class that is not closed".to_owned()) };
            match c {
                ']' if !first => break,
                '[' if self.rest.peek() == Some(&':') => self.named_class()?,
                '\\' if matches!(self.rest.peek(), Some('p' | 'P')) => {
                    let p = self.rest.next().unwrap_or('p');
                    self.category(p)?;
                }
                '\\' if self.rest.peek().is_some_and(|c| perl_class(*c).is_some()) => {
                    match self.rest.next().and_then(perl_class) {
                        Some((true, set)) => {
                            let _ = write!(self.out, "[^{set}]");
                        }
                        Some((false, set)) => self.out.push_str(set),
                        None => {}
                    }
                }
                c => self.range(c)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]`, after its first bracket.
    fn named_class(&mut self) -> Step {
        let mut ahead = self.rest.clone();
        ahead.next();
        let name: String = ahead.by_ref().take_while(|c| *c != ':').collect();
        if ahead.next() != Some(']') {
            // Without `:]` a bracket is a bracket.
            return self.range('[');
        }
        self.rest = ahead;
        let _ = write!(self.out, "[:{name}:]");
        Ok(())
    }

    /// A character of a class, or a range of them.
    fn range(&mut self, first: char) -> Step {
        let low = self.class_char(first)?;
        let mut high = low;
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
            self.rest.next();
            let next = self.rest.next().unwrap_or(low);
            high = self.class_char(next)?;
        }
        if high < low {
            return Err(format!("a range that runs backwards: `{low}-{high}`"));
        }
        let _ = write!(self.out, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
        Ok(())
    }

    fn class_char(&mut self, c: char) -> Result<char, String> {
        if c != '\\' {
            return Ok(c);
        }
        match self.rest.next() {
            Some(c) => self.escaped_char(c),
            None => Err("`\\` at the end".to_owned()),
        }
    }
}

/// RE2's ASCII classes.
fn perl_class(c: char) -> Option<(bool, &'static str)> {
    let set = match c.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\f\r ",
        _ => return None,
    };
    Some((c.is_ascii_uppercase(), set))
}

/// `n}`, `n,}` or `n,m}`: the low count and, after a comma, the high one if given.
fn counts(rest: &mut Peekable<Chars<'_>>) -> Option<(u32, Option<Option<u32>>)> {
    let number = |rest: &mut Peekable<Chars<'_>>| -> Option<u32> {
        let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_digit)).collect();
        if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
    };
    let low = number(rest)?;
    let high = if rest.next_if_eq(&',').is_some() { Some(number(rest)) } else { None };
    rest.next_if_eq(&'}').map(|_| (low, high))
}
