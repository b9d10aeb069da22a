//! Parser events to a JSON value, with bounds, aliases, merge keys, and the places of what findings point at.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options};
use serde_json::{Map, Value};

use super::{YAML_ALIAS_BYTES_MAX, YAML_DEPTH_MAX, YamlError, scalar};

/// A document that was read.
#[derive(Debug)]
pub struct Composed {
    /// The value.
    pub value: Value,
    /// Bytes of its root.
    pub bytes: Range<usize>,
    /// Places, in the order of the text.
    pub marks: Vec<Mark>,
    /// Odd, but read.
    pub oddities: Vec<YamlError>,
}

/// A place worth remembering.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    /// Indices into `items`, from the root inwards: empty for the document's own object.
    pub item: Vec<usize>,
    /// What stands there.
    pub kind: MarkKind,
    /// Where.
    pub bytes: Range<usize>,
}

/// What stands at a mark.
#[derive(Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// An element of `items`.
    Item,
    /// A key of `metadata.annotations`, with its value.
    Annotation(String),
}

/// Where the composer is, as far as marks depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Root,
    Items,
    Metadata,
    Annotations,
    Elsewhere,
}

impl At {
    fn child(self, key: &str) -> At {
        match (self, key) {
            (At::Root, "metadata") => At::Metadata,
            (At::Root, "items") => At::Items,
            (At::Metadata, "annotations") => At::Annotations,
            _ => At::Elsewhere,
        }
    }
}

#[derive(Clone)]
struct Node {
    value: Value,
    /// Levels of containers.
    depth: usize,
    /// Bytes, as aliases count them.
    weight: usize,
    bytes: Range<usize>,
}

struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    alias_bytes: usize,
    item: Vec<usize>,
    marks: Vec<Mark>,
    oddities: Vec<YamlError>,
    /// It stopped at the indentation of a quoted scalar.
    quoted_indent: bool,
}

/// Reads the first document of a text, and says so when more follows it.
///
/// libyaml and go-yaml do not look at the indentation within quoted scalars, the parser does: where it refuses a line for that, blanks are put before the line,
/// which folding drops again.
pub(super) fn compose(text: &str) -> Result<Option<Composed>, YamlError> {
    let attempt = |padded: &str| {
        let mut composer = Composer::new(padded);
        composer.document().map_err(|error| (error, composer.quoted_indent))
    };
    let (result, padding) = padded(text, attempt);
    let back = |range: &mut Range<usize>| *range = padding.back(range);
    match result {
        Err(mut error) => {
            back(&mut error.bytes);
            Err(error)
        }
        Ok(mut composed) => {
            if let Some(composed) = composed.as_mut().filter(|_| !padding.pads.is_empty()) {
                back(&mut composed.bytes);
                composed.marks.iter_mut().for_each(|mark| back(&mut mark.bytes));
                composed.oddities.iter_mut().for_each(|oddity| back(&mut oddity.bytes));
            }
            Ok(composed)
        }
    }
}

/// Where blanks were put, each in the text with all earlier ones, from front to back.
#[derive(Debug, Default)]
pub(in crate::manifests) struct Padding {
    pads: Vec<usize>,
}

impl Padding {
    /// The place in the text as given.
    pub(in crate::manifests) fn back(&self, range: &Range<usize>) -> Range<usize> {
        unpadded(&self.pads, range.start)..unpadded(&self.pads, range.end)
    }
}

/// Reads a text with as much padding as it takes. `attempt` gives an error with whether it stopped at the indentation of a quoted scalar; its ranges, those of
/// errors too, are of the padded text.
pub(in crate::manifests) fn padded<T>(
    text: &str,
    mut attempt: impl FnMut(&str) -> Result<T, (YamlError, bool)>,
) -> (Result<T, YamlError>, Padding) {
    let mut padded = text.to_owned();
    let mut padding = Padding::default();
    loop {
        match attempt(&padded) {
            Ok(read) => return (Ok(read), padding),
            Err((error, true)) if padding.pads.len() < PADS_MAX && padded.is_char_boundary(error.bytes.start) => {
                padding.pads.push(error.bytes.start);
                padded.insert_str(error.bytes.start, PAD);
            }
            Err((error, _)) => return (Err(error), padding),
        }
    }
}

/// Put before a line of a quoted scalar.
const PAD: &str = "                                                                ";

/// Each costs a pass over the document.
const PADS_MAX: usize = 500;

/// The place in the text as given. `pads`: where blanks were put, each in the text with all earlier ones, from front to back.
fn unpadded(pads: &[usize], at: usize) -> usize {
    at - pads.iter().filter(|pad| **pad < at).count() * PAD.len()
}

pub(in crate::manifests) fn range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

fn fail<T>(bytes: Range<usize>, message: impl Into<String>) -> Result<T, YamlError> {
    Err(YamlError { message: message.into(), bytes })
}

pub(in crate::manifests) fn scan_error(error: &ScanError) -> YamlError {
    let at = error.marker().byte_offset().unwrap_or(0);
    YamlError { message: error.info().replace('\n', " "), bytes: at..at }
}

/// `str` for `!!str`, the whole tag for others.
fn tag_name(tag: &Tag) -> String {
    tag.core_suffix().map_or_else(|| tag.original(), str::to_owned)
}

impl<'t> Composer<'t> {
    fn new(text: &'t str) -> Self {
        let mut options = options! { flow_nesting_limit: YAML_DEPTH_MAX, block_nesting_limit: YAML_DEPTH_MAX };
        options.set_emit_comments(false);
        Composer {
            parser: Parser::new_from_str_with_options(text, options),
            anchors: HashMap::new(),
            alias_bytes: 0,
            item: Vec::new(),
            marks: Vec::new(),
            oddities: Vec::new(),
            quoted_indent: false,
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.quoted_indent = *error.kind() == ErrorKind::InvalidQuotedScalarIndent;
                Err(scan_error(&error))
            }
            None => fail(0..0, "the text ends within a value"),
        }
    }

    fn document(&mut self) -> Result<Option<Composed>, YamlError> {
        loop {
            match self.next()? {
                (Event::StreamStart, _) => {}
                (Event::DocumentStart(..), _) => break,
                _ => return Ok(None),
            }
        }
        let (event, span) = self.next()?;
        let root = self.node(event, &span, At::Root, 0)?;
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => break,
                (_, span) => {
                    let message =
                        "what follows `...` is not read by Kubernetes; begin a document with `---`".to_owned();
                    self.oddities.push(YamlError { message, bytes: range(&span) });
                    break;
                }
            }
        }
        let (marks, oddities) = (std::mem::take(&mut self.marks), std::mem::take(&mut self.oddities));
        Ok(Some(Composed { value: root.value, bytes: root.bytes, marks, oddities }))
    }

    fn node(&mut self, event: Event<'t>, span: &Span, at: At, depth: usize) -> Result<Node, YamlError> {
        if depth > YAML_DEPTH_MAX {
            return fail(range(span), format!("nested more than {YAML_DEPTH_MAX} levels deep"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(tag_name);
                let plain = style == ScalarStyle::Plain;
                let value =
                    scalar::resolve(&text, plain, tag.as_deref()).or_else(|message| fail(range(span), message))?;
                (Node { value, depth: 0, weight: text.len().saturating_add(16), bytes: range(span) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(span, at, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(span, at, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            _ => return fail(range(span), "expected a value"),
        };
        if anchor != 0 {
            // A copy of each anchored value is kept, so anchors within anchors count too.
            self.expand(node.weight, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn expand(&mut self, weight: usize, span: &Span) -> Result<(), YamlError> {
        self.alias_bytes = self.alias_bytes.saturating_add(weight);
        if self.alias_bytes > YAML_ALIAS_BYTES_MAX {
            return fail(
                range(span),
                format!("anchors and aliases stand for more than {} MiB of values", YAML_ALIAS_BYTES_MAX >> 20),
            );
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: &Span, depth: usize) -> Result<Node, YamlError> {
        // An anchor is known once its value is complete.
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return fail(range(span), "an anchor whose value contains itself");
        };
        self.expand(node.weight, span)?;
        if depth.saturating_add(node.depth) > YAML_DEPTH_MAX {
            return fail(range(span), format!("nested more than {YAML_DEPTH_MAX} levels deep, by aliases"));
        }
        Ok(Node { bytes: range(span), ..node })
    }

    fn sequence(&mut self, start: &Span, at: At, depth: usize) -> Result<Node, YamlError> {
        let mut list = Vec::new();
        let mut deepest = 0;
        let mut weight = 16usize;
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let bytes = range(start).start..range(&span).end;
                return Ok(Node { value: Value::Array(list), depth: deepest + 1, weight, bytes });
            }
            let inner = if at == At::Items { At::Root } else { At::Elsewhere };
            if inner == At::Root {
                self.item.push(list.len());
            }
            let before = self.marks.len();
            let node = self.node(event, &span, inner, depth + 1)?;
            if inner == At::Root {
                self.marks
                    .insert(before, Mark { item: self.item.clone(), kind: MarkKind::Item, bytes: node.bytes.clone() });
                self.item.pop();
            }
            deepest = deepest.max(node.depth);
            weight = weight.saturating_add(node.weight);
            list.push(node.value);
        }
    }

    fn mapping(&mut self, start: &Span, at: At, depth: usize) -> Result<Node, YamlError> {
        let mut map = Map::new();
        // The keys that stand in the text, once others have come by a merge: a key that overwrites one of those does not stand twice.
        let mut written: Option<BTreeSet<String>> = None;
        let mut deepest = 0;
        let mut weight = 16usize;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                let bytes = range(start).start..range(&span).end;
                return Ok(Node { value: Value::Object(map), depth: deepest + 1, weight, bytes });
            }
            let merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, &span, At::Elsewhere, depth + 1)?;
            let Node { value: key, depth: key_depth, weight: key_weight, bytes: key_bytes } = key;
            let name = match key {
                Value::String(name) => Some(name),
                other => scalar::key(&other),
            };
            let inner = name.as_deref().map_or(At::Elsewhere, |name| at.child(name));
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, inner, depth + 1)?;
            deepest = deepest.max(key_depth).max(value.depth);
            weight = weight.saturating_add(key_weight).saturating_add(value.weight);
            if merge {
                written.get_or_insert_with(|| map.keys().cloned().collect());
                merge_into(&mut map, value)?;
                continue;
            }
            let Some(name) = name else {
                return fail(key_bytes, "a key must be a text, a number or a boolean");
            };
            let again = match &mut written {
                Some(written) => !written.insert(name.clone()),
                None => map.contains_key(&name),
            };
            if again {
                let message = format!("the key `{name}` stands twice; Kubernetes takes the last");
                self.oddities.push(YamlError { message, bytes: key_bytes.clone() });
            }
            if at == At::Annotations {
                let bytes = key_bytes.start..value.bytes.end.max(key_bytes.end);
                self.marks.push(Mark { item: self.item.clone(), kind: MarkKind::Annotation(name.clone()), bytes });
            }
            map.insert(name, value.value);
        }
    }
}

/// `<<: *base` or `<<: [*first, *second]`: the first of a list wins, and what was written before the merge is overwritten, as go-yaml v2 does.
fn merge_into(map: &mut Map<String, Value>, node: Node) -> Result<(), YamlError> {
    let parts = match node.value {
        Value::Object(part) => vec![Value::Object(part)],
        Value::Array(parts) => parts,
        _ => return fail(node.bytes, "a merge key takes a map or a list of maps"),
    };
    for part in parts.into_iter().rev() {
        let Value::Object(part) = part else {
            return fail(node.bytes, "a merge key takes a map or a list of maps");
        };
        map.extend(part);
    }
    Ok(())
}
