//! A document as nodes with their places. Aliases are not followed: an edit there would change what the anchor says.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, options};

use super::super::yaml::{YAML_DEPTH_MAX, YamlError};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its bytes in the text, without tag and anchor. Of an empty value, of a block scalar's end and of a block collection's end they say nothing.
    pub bytes: Range<usize>,
    /// An alias may name it.
    pub anchored: bool,
    pub kind: NodeKind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Scalar { text: String, style: Style },
    Map { flow: bool, entries: Vec<(Node, Node)> },
    List { flow: bool, items: Vec<Node> },
    Alias,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of a key; the last one if there are several, as Kubernetes reads it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.entries().iter().rev().find(|(name, _)| name.text() == Some(key));
        entry.map(|(_, value)| value)
    }

    /// The entries of a map.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            NodeKind::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::List { items, .. } => items,
            _ => &[],
        }
    }

    /// A plain scalar that YAML reads as null.
    pub fn is_null(&self) -> bool {
        let null = |text: &str| matches!(text, "" | "~" | "null" | "Null" | "NULL");
        matches!(&self.kind, NodeKind::Scalar { text, style: Style::Plain } if null(text))
    }
}

/// Reads the first document of a text; places are counted from `base`. `None` when there is none.
pub(crate) fn parse(text: &str, base: usize) -> Result<Option<Node>, YamlError> {
    let mut options = options! { flow_nesting_limit: YAML_DEPTH_MAX, block_nesting_limit: YAML_DEPTH_MAX };
    options.set_emit_comments(false);
    let mut reader = Reader { parser: Parser::new_from_str_with_options(text, options), base };
    loop {
        match reader.next()? {
            (Event::StreamStart, _) => {}
            (Event::DocumentStart(..), _) => break,
            _ => return Ok(None),
        }
    }
    let (event, bytes) = reader.next()?;
    reader.node(event, bytes, 0).map(Some)
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    base: usize,
}

impl<'t> Reader<'t> {
    fn bytes(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        range.start + self.base..range.end + self.base
    }

    fn next(&mut self) -> Result<(Event<'t>, Range<usize>), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.bytes(&span))),
            Some(Err(error)) => {
                let at = self.base + error.marker().byte_offset().unwrap_or(0);
                Err(YamlError { message: error.info().replace('\n', " "), bytes: at..at })
            }
            None => Err(YamlError { message: "the text ends within a value".to_owned(), bytes: self.base..self.base }),
        }
    }

    fn node(&mut self, event: Event<'t>, bytes: Range<usize>, depth: usize) -> Result<Node, YamlError> {
        if depth > YAML_DEPTH_MAX {
            let message = format!("nested more than {YAML_DEPTH_MAX} levels deep");
            return Err(YamlError { message, bytes });
        }
        let (anchor, kind, bytes) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    _ => Style::Block,
                };
                // The parser says `~` where there is nothing.
                let text = if style == Style::Plain && bytes.is_empty() { String::new() } else { text.into_owned() };
                (anchor, NodeKind::Scalar { text, style }, bytes)
            }
            Event::Alias(_) => (0, NodeKind::Alias, bytes),
            Event::SequenceStart(style, anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end,
                        (event, bytes) => items.push(self.node(event, bytes, depth + 1)?),
                    }
                };
                (anchor, NodeKind::List { flow: style == StructureStyle::Flow, items }, bytes.start..end.end)
            }
            Event::MappingStart(style, anchor, _) => {
                let mut entries = Vec::new();
                let end = loop {
                    let (event, bytes) = match self.next()? {
                        (Event::MappingEnd, end) => break end,
                        key => key,
                    };
                    let key = self.node(event, bytes, depth + 1)?;
                    let (event, bytes) = self.next()?;
                    entries.push((key, self.node(event, bytes, depth + 1)?));
                };
                (anchor, NodeKind::Map { flow: style == StructureStyle::Flow, entries }, bytes.start..end.end)
            }
            _ => return Err(YamlError { message: "expected a value".to_owned(), bytes }),
        };
        Ok(Node { bytes, anchored: anchor != 0, kind })
    }
}
