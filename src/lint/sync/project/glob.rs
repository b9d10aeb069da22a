//! The two kinds of patterns that an AppProject has: Go's `filepath.Match` for kinds, `gobwas/glob` for destinations and repositories.

/// Go's `path/filepath.Match` on Unix: `*` and `?` stop at `/`, `[a-z]`, `[^a-z]`, `\` takes a character as it is. A pattern that Go refuses matches nothing.
pub(super) fn file_match(pattern: &str, text: &str) -> bool {
    let dialect = Dialect { not: '^', separators: "/", braces: false };
    dialect.compile(pattern).is_some_and(|parts| matches(&parts, &text.chars().collect::<Vec<_>>(), "/"))
}

/// `gobwas/glob`: `*` and `?` stop at separators, `**` does not; `[a-z]`, `[!a-z]`, `{a,b}`, `\`. A pattern that it refuses matches nothing.
pub(super) fn glob_match(pattern: &str, text: &str, separators: &'static str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let dialect = Dialect { not: '!', separators, braces: true };
    let Some(patterns) = alternatives(pattern) else { return false };
    patterns.iter().any(|p| dialect.compile(p).is_some_and(|parts| matches(&parts, &text, separators)))
}

/// More alternatives than this are not looked at.
const ALTERNATIVES_MAX: usize = 256;

/// `a{b,c}d` as `abd` and `acd`; none for brackets that do not close.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        let Some((start, end)) = braces(&pattern)? else {
            done.push(pattern);
            continue;
        };
        let (before, inside, after) = (pattern.get(..start)?, pattern.get(start + 1..end)?, pattern.get(end + 1..)?);
        for choice in choices(inside) {
            open.push(format!("{before}{choice}{after}"));
        }
        if open.len() + done.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(done)
}

/// The first `{` and its `}`; the outer none when one of them is alone.
#[expect(clippy::option_option, reason = "refused, or without braces, or where they are")]
fn braces(pattern: &str) -> Option<Option<(usize, usize)>> {
    let (mut depth, mut start, mut escaped) = (0_usize, None, false);
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => {
                start = start.or(Some(at));
                depth += 1;
            }
            '}' if depth == 1 => return Some(start.map(|start| (start, at))),
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if depth == 0 { Some(None) } else { None }
}

/// Split at commas that stand in no inner braces.
fn choices(inside: &str) -> Vec<&str> {
    let (mut depth, mut from, mut out, mut escaped) = (0_usize, 0, Vec::new(), false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                out.extend(inside.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    out.extend(inside.get(from..));
    out
}

enum Part {
    One(char),
    AnyOne,
    Any,
    AnyAtAll,
    Class { not: bool, ranges: Vec<(char, char)> },
}

struct Dialect {
    not: char,
    separators: &'static str,
    braces: bool,
}

impl Dialect {
    fn compile(&self, pattern: &str) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            parts.push(match c {
                '*' if self.braces && rest.peek() == Some(&'*') => {
                    rest.next();
                    Part::AnyAtAll
                }
                '*' if self.separators.is_empty() => Part::AnyAtAll,
                '*' => Part::Any,
                '?' => Part::AnyOne,
                '[' => self.class(&mut rest)?,
                '\\' => Part::One(rest.next()?),
                c => Part::One(c),
            });
        }
        Some(parts)
    }

    fn class(&self, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Part> {
        let not = rest.next_if_eq(&self.not).is_some();
        let mut ranges = Vec::new();
        loop {
            let low = match rest.next()? {
                ']' if !ranges.is_empty() => return Some(Part::Class { not, ranges }),
                ']' => return None,
                '\\' => rest.next()?,
                c => c,
            };
            let high = if rest.next_if_eq(&'-').is_some() {
                match rest.next()? {
                    ']' => return None,
                    '\\' => rest.next()?,
                    c => c,
                }
            } else {
                low
            };
            ranges.push((low, high));
        }
    }
}

/// Which prefixes of the pattern match the text so far: linear in pattern × text.
fn matches(parts: &[Part], text: &[char], separators: &str) -> bool {
    let mut now = vec![false; parts.len() + 1];
    if let Some(first) = now.first_mut() {
        *first = true;
    }
    skip_empty(parts, &mut now);
    for c in text {
        let mut next = vec![false; parts.len() + 1];
        let separator = separators.contains(*c);
        for ((at, part), _) in parts.iter().enumerate().zip(&now).filter(|(_, on)| **on) {
            let (stay, go) = match part {
                Part::One(one) => (false, one == c),
                Part::AnyOne => (false, !separator),
                Part::Any => (!separator, false),
                Part::AnyAtAll => (true, false),
                Part::Class { not, ranges } => {
                    let inside = ranges.iter().any(|(low, high)| (low..=high).contains(&c));
                    (false, inside != *not)
                }
            };
            for (at, on) in [(at, stay), (at + 1, go)] {
                if let Some(slot) = next.get_mut(at).filter(|_| on) {
                    *slot = true;
                }
            }
        }
        skip_empty(parts, &mut next);
        now = next;
    }
    now.last().copied().unwrap_or(false)
}

/// `*` may stand for nothing.
fn skip_empty(parts: &[Part], now: &mut [bool]) {
    for (at, part) in parts.iter().enumerate() {
        let on = now.get(at).copied().unwrap_or(false) && matches!(part, Part::Any | Part::AnyAtAll);
        if let Some(slot) = now.get_mut(at + 1).filter(|_| on) {
            *slot = true;
        }
    }
}
