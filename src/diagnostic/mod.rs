//! Diagnostics: what every room says about a user's text.
//!
//! In: sources (rule files, manifests) and findings with spans. Out: [`Diagnostic`] values that the command line renders.
//! May not know: any other room.

mod codes;
mod plain;
pub mod suggest;

pub use codes::{CODES, Code, CodeInfo};
pub use plain::{plain_line, plain_text};

use std::sync::{Arc, OnceLock};

/// A file's place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Bytes `start..end` of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span that covers both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub node: T,
    /// Where.
    pub span: Span,
}

/// One text that was read: a rule file, a manifest, an annotation of a live object.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as the user gave it, or a name such as `notebook/team/train: mlops.dev/on-success-trigger`.
    pub name: Arc<str>,
    /// The text, UTF-8.
    pub text: Arc<str>,
    /// The first byte of each line, once it was asked for: a text with a thousand findings is not counted through a thousand times.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    /// A text and what it is called.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Source { name: name.into(), text: text.into(), lines: OnceLock::new() }
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
            std::iter::once(0).chain(ends).collect()
        })
    }
}

/// The id of the first shared text: far above what a compilation has of its own.
const SHARED_FIRST: u32 = 1 << 30;

/// All texts of one compilation, in the order in which they were given; then those that all compilations share.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    shared: &'static [Source],
}

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source::new(name, text));
        id
    }

    /// Sets the texts that all compilations share: the same ones in all of them, so that their spans mean the same everywhere.
    pub fn share(&mut self, shared: &'static [Source]) {
        self.shared = shared;
    }

    /// The text behind an id.
    #[must_use]
    pub fn get(&self, file: FileId) -> Option<&Source> {
        match file.0.checked_sub(SHARED_FIRST) {
            Some(at) => self.shared.get(at as usize),
            None => self.files.get(file.0 as usize),
        }
    }

    /// All texts with their ids, in order; the shared ones last.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        let own = self.files.iter().zip(0..).map(|(source, at)| (FileId(at), source));
        own.chain(self.shared.iter().zip(SHARED_FIRST..).map(|(source, at)| (FileId(at), source)))
    }

    /// The shared texts with their ids, in order.
    pub fn shared(&self) -> impl Iterator<Item = (FileId, &'static Source)> + use<> {
        self.shared.iter().zip(SHARED_FIRST..).map(|(source, at)| (FileId(at), source))
    }

    /// The words under a span; empty when the span is not of these sources.
    #[must_use]
    pub fn words(&self, span: Span) -> &str {
        self.get(span.file).and_then(|s| s.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// Line and column (both from 1; columns in characters) of a span's start.
    #[must_use]
    pub fn position(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.get(span.file) else { return (1, 1) };
        let start = span.start.min(u32::try_from(source.text.len()).unwrap_or(u32::MAX));
        let lines = source.lines();
        let line = lines.partition_point(|first| *first <= start);
        let first = line.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let column = source.text.get(first as usize..start as usize).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// `file:line:column` of a span's start.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.position(span);
        let name = self.get(span.file).map_or("", |s| &s.name);
        format!("{name}:{line}:{column}")
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely wrong; does not stop compilation.
    Warning,
    /// Stops compilation.
    Error,
}

/// One finding about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, `TG001` and so on.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Lower case, no full stop, the user's words in backticks.
    pub message: String,
    /// The words that are underlined.
    pub span: Span,
    /// Said at the underline; may be empty.
    pub label: String,
    /// What to write instead; may be empty.
    pub help: String,
    /// Further places, in the order in which they should be read.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// An error at a span.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A warning at a span.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    /// A note at a span.
    #[must_use]
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message.into())
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        Self { code, severity, message, span, label: String::new(), help: String::new(), related: Vec::new() }
    }

    /// The words at the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// One more place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }
}

/// Orders by place, then code, then message, and drops repetitions, so that output does not depend on the order of discovery.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
    diagnostics.dedup();
}
