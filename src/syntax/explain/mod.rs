//! Why a text does not parse, in the words of the language.
//!
//! In: pest's failure (how far it came, what it tried there) and the text. Out: one diagnostic. Each file of hints knows the mistakes of
//! one part of the language; the first hint that recognises its mistake speaks. When none does, the error says what was expected.

mod body;
mod clause;
mod doing;
mod expected;
mod head;
mod tokens;
mod value;

use pest::error::{ErrorVariant, InputLocation};

use self::tokens::{Kind, Token};
use super::grammar::{Failure, Rule};
use super::{limits, recover};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, FileId, Span};

/// Words shown of the user's text in a message, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The error for a failed parse of `text`, which begins at byte `base` of the file.
pub(super) fn explain(failure: &Failure, file: FileId, text: &str, base: usize) -> Diagnostic {
    let at = match failure.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let mut expected: Vec<Rule> = match &failure.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.clone(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    let mut tokens = tokens::tokens(text);
    tokens::split(&mut tokens, at);
    // The token at the place, or the next one: between tokens there are only blanks and comments.
    let index = tokens.partition_point(|t| t.end <= at);
    let mut cx = Cx { file, base, text, at, expected: Vec::new(), tokens, index };
    let head = cx.word(if cx.word(-2) == "/" { -4 } else { -2 });
    if recover::STATEMENT_WORDS.contains(&head) {
        // The grammar also tried whether the statement's word is a kind, as in `KIND NAME after …`; nobody means that.
        expected.retain(|rule| *rule != Rule::k_after);
    }
    cx.expected = expected;
    let hints: [fn(&Cx<'_>) -> Option<Diagnostic>; 8] = [
        value::lexical,
        head::open_brace,
        head::hint,
        clause::hint,
        doing::hint,
        body::hint,
        value::hint,
        head::brackets,
    ];
    hints.iter().find_map(|hint| hint(&cx)).unwrap_or_else(|| cx.expected_error())
}

/// The word of `words` that is nearest to `word`, if it is near enough to be a slip.
pub(super) fn closest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    // Of short words everything is near.
    if word.chars().count() < 3 { None } else { nearest(word, words.iter().copied()) }
}

/// Where the parse failed and what stands around it.
struct Cx<'t> {
    file: FileId,
    base: usize,
    text: &'t str,
    at: usize,
    expected: Vec<Rule>,
    tokens: Vec<Token<'t>>,
    /// The token that did not fit; past the end if nothing is left.
    index: usize,
}

impl<'t> Cx<'t> {
    fn expects(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    /// The token `offset` away from the one that did not fit.
    fn token(&self, offset: isize) -> Option<Token<'t>> {
        self.tokens.get(self.index.checked_add_signed(offset)?).copied()
    }

    /// Its text; empty when there is none.
    fn word(&self, offset: isize) -> &'t str {
        self.token(offset).map_or("", |t| t.text)
    }

    /// The line ends where something else was expected.
    fn ended(&self) -> bool {
        self.token(0).is_none_or(|t| t.first && self.text.get(self.at..t.start).is_some_and(|gap| gap.contains('\n')))
    }

    /// The word that did not fit; empty at the end of a line.
    fn found(&self) -> &'t str {
        if self.ended() { "" } else { self.word(0) }
    }

    fn range(&self, start: usize, end: usize) -> Span {
        let place = |n: usize| u32::try_from(self.base + n).unwrap_or(u32::MAX);
        Span { file: self.file, start: place(start), end: place(end) }
    }

    /// The place of a token, or of the end of the text.
    fn span(&self, offset: isize) -> Span {
        match self.token(offset) {
            Some(token) => self.range(token.start, token.end),
            None => self.range(self.text.trim_end().len(), self.text.trim_end().len()),
        }
    }

    /// The place of the tokens from one to another.
    fn span_of(&self, from: isize, to: isize) -> Span {
        self.span(from).to(self.span(to))
    }

    /// What to underline: the word that did not fit, or, at the end of a line, the word before.
    fn place(&self) -> Span {
        if self.ended() && self.index > 0 { self.span(-1) } else { self.span(0) }
    }

    fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::SYNTAX, span, message)
    }

    /// `then` is missing, say: said of a line that ends too early or goes on with another word.
    fn missing(&self, what: &str) -> Diagnostic {
        if self.ended() && self.index == 0 {
            self.error(self.place(), format!("expected {what}, and nothing is there"))
        } else if self.ended() {
            let before = shown(self.word(-1));
            self.error(self.place(), format!("expected {what} after `{before}`")).label("the line ends here")
        } else {
            self.error(self.place(), format!("expected {what}, found `{}`", shown(self.found())))
        }
    }

    /// The words that could stand here.
    fn keywords(&self) -> Vec<String> {
        self.expected.iter().filter_map(|rule| expected::keyword(*rule)).collect()
    }

    /// When no hint knows the mistake: what was expected, and the nearest word.
    fn expected_error(&self) -> Diagnostic {
        if self.expects(Rule::nesting_check) {
            return Diagnostic::error(
                Code::LIMIT,
                self.span(0),
                format!("more than {} brackets, one within the other", limits::NESTING_MAX),
            )
            .help("split the expression");
        }
        let keywords = self.keywords();
        if let Some(word) =
            nearest(self.found(), keywords.iter().map(String::as_str)).filter(|_| self.found().len() > 1)
        {
            return self.missing(&format!("`{word}`")).help(format!("did you mean `{word}`?"));
        }
        let mut phrases: Vec<String> = Vec::new();
        let needed = self.expected.iter().filter_map(|rule| expected::phrase(*rule)).map(str::to_owned);
        for phrase in needed.chain(keywords.iter().map(|word| format!("`{word}`"))) {
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
        phrases.truncate(PHRASES_MAX);
        if phrases.is_empty() {
            let word = shown(if self.ended() { self.word(-1) } else { self.found() });
            let message =
                if word.is_empty() { "nothing is there".to_owned() } else { format!("`{word}` does not fit here") };
            return self.error(self.place(), message);
        }
        self.missing(&expected::any_of(&phrases))
    }
}

/// Alternatives that an error names.
const PHRASES_MAX: usize = 6;

/// The user's word, shortened if long.
fn shown(word: &str) -> String {
    // Messages put words in backquotes.
    let start: String = word.chars().take(SHOWN_CHARS_MAX).map(|c| if c == '`' { '\'' } else { c }).collect();
    if word.chars().count() > SHOWN_CHARS_MAX { format!("{start}…") } else { start }
}

/// Whether the token is a word or a quoted name.
fn is_name(token: Option<Token<'_>>) -> bool {
    token.is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted))
}
