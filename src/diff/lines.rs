//! Lists of lines, old against new.

use std::collections::BTreeMap;

use super::model::{Change, Line, What};

/// Above this many pairs of lines no common order is looked for: lines are then added, removed or the same.
const PAIRS_MAX: usize = 4_000_000;

/// A list whose order counts: the lines that stay in order are the same, a line of both lists that does not is moved.
pub(super) fn ordered(what: What, old: &[String], new: &[String]) -> Vec<Line> {
    let keep = kept(old, new);
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, text) in old.iter().enumerate().filter(|(at, _)| !keep.iter().any(|(o, _)| o == at)) {
        *left.entry(text).or_default() += 1;
    }
    let line = |change, text: &str| Line { what, change, text: text.to_owned(), was: None };
    let mut moved_away: BTreeMap<&str, usize> = BTreeMap::new();
    let mut after: Vec<(usize, Line)> = Vec::new();
    for (at, text) in new.iter().enumerate() {
        let change = if keep.iter().any(|(_, n)| *n == at) {
            Change::Same
        } else if let Some(count) = left.get_mut(text.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            *moved_away.entry(text).or_default() += 1;
            Change::Moved
        } else {
            Change::Added
        };
        after.push((at, line(change, text)));
    }
    // What was removed is shown before the next line that stays.
    let mut lines = Vec::new();
    let mut after = after.into_iter().peekable();
    for (at, text) in old.iter().enumerate() {
        if let Some((_, new_at)) = keep.iter().find(|(o, _)| *o == at) {
            while let Some((_, line)) = after.next_if(|(n, _)| n <= new_at) {
                lines.push(line);
            }
        } else if let Some(count) = moved_away.get_mut(text.as_str()).filter(|count| **count > 0) {
            *count -= 1;
        } else {
            lines.push(line(Change::Removed, text));
        }
    }
    lines.extend(after.map(|(_, line)| line));
    lines
}

/// Places of a longest common subsequence, in order.
fn kept(old: &[String], new: &[String]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > PAIRS_MAX {
        return Vec::new();
    }
    let mut length = vec![0usize; (old.len() + 1) * width];
    let get = |length: &[usize], o: usize, n: usize| length.get(o * width + n).copied().unwrap_or_default();
    for (o, a) in old.iter().enumerate().rev() {
        for (n, b) in new.iter().enumerate().rev() {
            let best = if a == b {
                get(&length, o + 1, n + 1) + 1
            } else {
                get(&length, o + 1, n).max(get(&length, o, n + 1))
            };
            if let Some(cell) = length.get_mut(o * width + n) {
                *cell = best;
            }
        }
    }
    let (mut o, mut n, mut kept) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (old.get(o), new.get(n)) {
        if a == b {
            kept.push((o, n));
            (o, n) = (o + 1, n + 1);
        } else if get(&length, o + 1, n) >= get(&length, o, n + 1) {
            o += 1;
        } else {
            n += 1;
        }
    }
    kept
}

/// Something that is there once or not at all.
pub(super) fn single(what: What, old: Option<String>, new: Option<String>) -> Option<Line> {
    let line = |change, text, was| Some(Line { what, change, text, was });
    match (old, new) {
        (None, None) => None,
        (Some(old), Some(new)) if old == new => line(Change::Same, new, None),
        (Some(old), Some(new)) => line(Change::Changed, new, Some(old)),
        (None, Some(new)) => line(Change::Added, new, None),
        (Some(old), None) => line(Change::Removed, old, None),
    }
}

/// Whether any line differs.
pub(super) fn differ(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.change != Change::Same)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let lines = ordered(What::Then, &list(old), &list(new));
        let sign = |line: &Line| match line.change {
            Change::Same => "",
            Change::Added => "+",
            Change::Removed => "-",
            _ => "~",
        };
        let said: Vec<String> = lines.iter().map(|line| format!("{}{}", sign(line), line.text)).collect();
        assert_eq!(said.join(" "), expected, "{old} -> {new}");
    }

    #[test]
    fn lists() {
        check("", "", "");
        check("a b", "a b", "a b");
        check("a b c", "a c", "a -b c");
        check("a c", "a b c", "a +b c");
        check("a b", "b a", "b ~a");
        check("a b c", "x c b", "-a +x c ~b");
        check("a a", "a", "a -a");
    }
}
