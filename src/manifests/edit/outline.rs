//! A document's nodes with their bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, options};

use super::EditError;
use crate::manifests::yaml::{self, Padding, YAML_DEPTH_MAX, YamlError};

/// A key or a value.
#[derive(Debug)]
pub(super) struct Node {
    /// Its own bytes; an anchor and a tag stand before them. A block scalar begins below its header, and may end with blanks of the line after it. A block map or
    /// list has the start alone.
    pub bytes: Range<usize>,
    /// The anchor that it defines; 0 for none.
    pub anchor: usize,
    /// It has a tag.
    pub tagged: bool,
    /// What it is.
    pub shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    Scalar { text: String, style: ScalarStyle },
    Map { entries: Vec<(Node, Node)>, flow: bool },
    List { items: Vec<Node>, flow: bool },
    Alias,
}

/// The first document of a text.
#[derive(Debug)]
pub(super) struct Outline {
    pub root: Node,
    /// Anchors that an alias or a merge key refers to.
    pub aliased: BTreeSet<usize>,
}

impl Node {
    /// Nothing at all, `null` or `~`, without an anchor or a tag.
    pub fn is_null(&self) -> bool {
        !self.has_properties()
            && matches!(&self.shape, Shape::Scalar { text, style: ScalarStyle::Plain } if self.bytes.is_empty() || yaml::is_null(text))
    }

    /// An anchor or a tag stands before it.
    pub fn has_properties(&self) -> bool {
        self.anchor != 0 || self.tagged
    }

    /// As a key: what it means to Kubernetes.
    pub fn name(&self) -> Option<String> {
        match &self.shape {
            Shape::Scalar { text, style } => yaml::key_name(text, *style == ScalarStyle::Plain),
            _ => None,
        }
    }

    /// The entries of a map with this key, in the order of the text. Kubernetes takes the last.
    pub fn entries<'n>(&'n self, key: &'n str) -> impl Iterator<Item = (usize, &'n (Node, Node))> {
        let entries = match &self.shape {
            Shape::Map { entries, .. } => entries.as_slice(),
            _ => &[],
        };
        entries.iter().enumerate().filter(move |(_, (name, _))| name.name().as_deref() == Some(key))
    }

    /// Calls `seen` with every scalar, in the order of the text.
    pub fn scalars<'n>(&'n self, seen: &mut dyn FnMut(&'n Node, &'n str, ScalarStyle)) {
        match &self.shape {
            Shape::Scalar { text, style } => seen(self, text, *style),
            Shape::Map { entries, .. } => {
                for (key, value) in entries {
                    key.scalars(seen);
                    value.scalars(seen);
                }
            }
            Shape::List { items, .. } => items.iter().for_each(|item| item.scalars(seen)),
            Shape::Alias => {}
        }
    }
}

impl Outline {
    /// Reads the first document of a text that [`yaml::compose`] has read.
    pub fn of(text: &str) -> Result<Outline, EditError> {
        let attempt = |padded: &str| {
            let mut walk = Walk::over(padded);
            walk.document().map_err(|error| (error, walk.quoted_indent))
        };
        let (read, padding) = yaml::padded(text, attempt);
        let mut outline = read.map_err(|error| EditError::Unreadable(error.message))?;
        place(&mut outline.root, &padding);
        Ok(outline)
    }

    /// The object at a place in nested lists.
    pub fn object(&self, item: &[usize]) -> Result<&Node, EditError> {
        let mut node = &self.root;
        self.unshared(node, "the object")?;
        for index in item {
            let Some((_, (_, items))) = node.entries("items").last() else { return Err(EditError::Moved) };
            self.unshared(items, "the list of objects")?;
            let Shape::List { items, .. } = &items.shape else { return Err(EditError::Moved) };
            node = items.get(*index).ok_or(EditError::Moved)?;
            self.unshared(node, "the object")?;
        }
        Ok(node)
    }

    /// Refuses what an alias or a merge key makes stand in several places.
    pub fn unshared(&self, node: &Node, what: &str) -> Result<(), EditError> {
        if matches!(node.shape, Shape::Alias) || (node.anchor != 0 && self.aliased.contains(&node.anchor)) {
            return Err(EditError::Shared { what: what.to_owned() });
        }
        Ok(())
    }
}

fn place(node: &mut Node, padding: &Padding) {
    node.bytes = padding.back(&node.bytes);
    match &mut node.shape {
        Shape::Map { entries, .. } => {
            for (key, value) in entries {
                place(key, padding);
                place(value, padding);
            }
        }
        Shape::List { items, .. } => items.iter_mut().for_each(|item| place(item, padding)),
        Shape::Scalar { .. } | Shape::Alias => {}
    }
}

struct Walk<'t> {
    parser: Parser<'t, StrInput<'t>>,
    aliased: BTreeSet<usize>,
    quoted_indent: bool,
}

impl<'t> Walk<'t> {
    fn over(text: &'t str) -> Self {
        let mut options = options! { flow_nesting_limit: YAML_DEPTH_MAX, block_nesting_limit: YAML_DEPTH_MAX };
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(text, options);
        Walk { parser, aliased: BTreeSet::new(), quoted_indent: false }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.quoted_indent = *error.kind() == ErrorKind::InvalidQuotedScalarIndent;
                Err(yaml::scan_error(&error))
            }
            None => Err(YamlError { message: "the text ends within a value".to_owned(), bytes: 0..0 }),
        }
    }

    fn document(&mut self) -> Result<Outline, YamlError> {
        loop {
            let (event, span) = self.next()?;
            if !matches!(event, Event::StreamStart | Event::DocumentStart(..)) {
                let root = self.node(event, &span)?;
                return Ok(Outline { root, aliased: std::mem::take(&mut self.aliased) });
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Result<Node, YamlError> {
        let start = yaml::range(span);
        let (shape, end, anchor, tagged) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (Shape::Scalar { text: text.into_owned(), style }, start.end, anchor, tag.is_some())
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => break yaml::range(&span).end,
                        (event, span) => items.push(self.node(event, &span)?),
                    }
                };
                let flow = style == StructureStyle::Flow;
                (Shape::List { items, flow }, if flow { end } else { start.end }, anchor, tag.is_some())
            }
            Event::MappingStart(style, anchor, tag) => {
                let mut entries = Vec::new();
                let end = loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, span) => break yaml::range(&span).end,
                        (event, span) => self.node(event, &span)?,
                    };
                    let (event, span) = self.next()?;
                    entries.push((key, self.node(event, &span)?));
                };
                let flow = style == StructureStyle::Flow;
                (Shape::Map { entries, flow }, if flow { end } else { start.end }, anchor, tag.is_some())
            }
            Event::Alias(anchor) => {
                self.aliased.insert(anchor);
                (Shape::Alias, start.end, 0, false)
            }
            _ => return Err(YamlError { message: "expected a value".to_owned(), bytes: start }),
        };
        Ok(Node { bytes: start.start..end.max(start.start), anchor, tagged, shape })
    }
}
