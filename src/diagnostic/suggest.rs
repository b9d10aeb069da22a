//! Did you mean: the one place that compares a mistyped word with those that exist.

/// Longest word that is compared, in characters; longer ones get no suggestion.
const WORD_CHARS_MAX: usize = 64;

/// The candidate nearest to a word, if one is near enough: at most a third of the word's characters differ. Of equally near ones the
/// first in the order of the alphabet.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || length > WORD_CHARS_MAX {
        return None;
    }
    let limit = (length / 3).max(1);
    let near = |candidate: &'a str| {
        let distance = distance(word, candidate, limit)?;
        Some((distance, candidate))
    };
    candidates.into_iter().filter_map(near).min().map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours; case is free) from one word to another, if at most `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j) + usize::from(x != y);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|d| *d <= limit)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words() {
        let kinds = ["application", "deployment", "isvc", "job", "notebook"];
        let cases = [
            ("notebok", Some("notebook")),
            ("Deployment", Some("deployment")),
            ("jbo", Some("job")),
            ("aplication", Some("application")),
            ("iscv", Some("isvc")),
            ("rollout", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, kinds), expected, "{word}");
        }
    }
}
