//! Lines and columns, found once a file: a graph has more places than [`Sources::position`] is made for.

use std::collections::BTreeMap;

use crate::diagnostic::{FileId, Sources, Span};

pub(super) struct Places<'s> {
    sources: &'s Sources,
    /// Where each line begins, in bytes.
    starts: BTreeMap<FileId, Vec<usize>>,
}

/// A file's name, and a line and column from 1; columns in characters.
pub(super) struct Place<'s> {
    pub file: &'s str,
    pub line: usize,
    pub column: usize,
}

impl<'s> Places<'s> {
    pub fn of(sources: &'s Sources) -> Self {
        let starts = |text: &str| std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Places { sources, starts: sources.iter().map(|(file, source)| (file, starts(&source.text))).collect() }
    }

    /// None for a span of no text.
    pub fn find(&self, span: Span) -> Option<Place<'s>> {
        let source = self.sources.get(span.file)?;
        let at = usize::try_from(span.start).ok()?;
        let starts = self.starts.get(&span.file)?;
        let line = starts.partition_point(|start| *start <= at);
        let start = starts.get(line.checked_sub(1)?).copied()?;
        let column = source.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        Some(Place { file: &source.name, line, column })
    }
}
