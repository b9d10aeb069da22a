//! One annotation of one object to the bytes that change.

use std::ops::Range;

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::EditError;
use super::outline::{Node, Outline, Shape};
use super::quote;
use super::space::{self, End};

/// Bytes of the text, and what stands there afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub bytes: Range<usize>,
    pub text: String,
}

/// Makes changes that do not meet. None when they do.
pub(super) fn apply(text: &str, mut splices: Vec<Splice>) -> Option<String> {
    splices.sort_by_key(|splice| (splice.bytes.start, splice.bytes.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for splice in splices {
        out.push_str(text.get(done..splice.bytes.start)?);
        out.push_str(&splice.text);
        done = splice.bytes.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// A document, as it is before a change.
pub(super) struct Context<'t> {
    pub text: &'t str,
    pub outline: &'t Outline,
    pub value: &'t Value,
    pub eol: &'t str,
}

/// Keys to put in, from the outside, and the annotation's value: `annotations: {key: "value"}`.
struct New<'k> {
    keys: Vec<&'k str>,
    value: &'k str,
    /// Columns between a block map and one within it.
    step: usize,
}

/// How a map's neighbours are written.
#[derive(Clone, Copy)]
struct Look {
    /// Keys in quotes.
    quoted: bool,
    /// Values.
    style: ScalarStyle,
}

const METADATA: &str = "metadata";
const ANNOTATIONS: &str = "annotations";

/// What it is that stands before the first key of a map on its line.
fn odd_start(before: &str) -> &'static str {
    if before.contains('\r') {
        "lines that end with a carriage return alone (save the file with line feeds)"
    } else if before.trim_end().ends_with('?') {
        "a key written with `?` (write it as `key: value`)"
    } else {
        "a map whose first key does not stand first on its line (put it on a line of its own)"
    }
}

impl Context<'_> {
    /// The bytes that set an annotation, or with `None` take it away.
    pub fn splices(&self, item: &[usize], key: &str, new: Option<&str>) -> Result<Vec<Splice>, EditError> {
        let object = self.outline.object(item)?;
        if [&self.outline.root, object].iter().any(|root| root.entries("sops").any(|(_, (_, v))| is_map(v))) {
            return Err(EditError::Encrypted);
        }
        let step = self.step(object);
        let (mut map, mut parent) = (object, None);
        let mut read = item.iter().try_fold(self.value, |value, index| value.get("items")?.get(*index));
        let path = [(METADATA, METADATA), (ANNOTATIONS, "metadata.annotations")];
        for (depth, (name, what)) in path.into_iter().enumerate() {
            read = read.and_then(|value| value.get(name)).filter(|value| !value.is_null());
            let keys: Vec<&str> = [METADATA, ANNOTATIONS, key].into_iter().skip(depth + 1).collect();
            let Some((_, (found, inner))) = map.entries(name).last() else {
                if read.is_some() {
                    return Err(EditError::Merged { what: format!("`{what}`") });
                }
                let Some(value) = new else { return Ok(Vec::new()) };
                let keys = [name].into_iter().chain(keys).collect();
                return self.insert(map, parent, &New { keys, value, step });
            };
            self.outline.unshared(inner, &format!("`{what}`"))?;
            if inner.is_null() {
                let Some(value) = new else { return Ok(Vec::new()) };
                return self.fill(map, found, inner, &New { keys, value, step });
            }
            if !is_map(inner) {
                return Err(EditError::NotAMap { what });
            }
            (map, parent) = (inner, Some((map, found)));
        }
        let merged = read.is_some_and(|annotations| annotations.get(key).is_some());
        let found: Vec<_> = map.entries(key).collect();
        match (found.as_slice(), new) {
            ([], None) if merged => Err(EditError::Merged { what: format!("the annotation `{key}`") }),
            ([], None) => Ok(Vec::new()),
            ([], Some(value)) => self.insert(map, parent, &New { keys: vec![key], value, step }),
            ([.., (_, (name, old))], Some(value)) => self.replace(map, name, old, value).map(|splice| vec![splice]),
            ([(at, _)], None) => self.remove(map, parent, *at),
            (_, None) => Err(EditError::Unknown { what: "an annotation that stands twice" }),
        }
    }

    fn colon(&self, map: &Node, key: &Node) -> Result<usize, EditError> {
        space::colon(self.text, key, is_flow(map)).ok_or(EditError::Unknown { what: "a key without a colon" })
    }

    /// How the entries of a map are written; of an empty one, those of the map around it.
    fn look(map: &Node, parent: Option<(&Node, &Node)>) -> Look {
        let Shape::Map { entries, .. } = &map.shape else {
            return Look { quoted: false, style: ScalarStyle::DoubleQuoted };
        };
        let key = entries.last().map(|(key, _)| key).or(parent.map(|(_, name)| name));
        let quoted = key.is_some_and(|key| {
            matches!(key.shape, Shape::Scalar { style: ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted, .. })
        });
        let single =
            |(_, value): &(Node, Node)| matches!(value.shape, Shape::Scalar { style: ScalarStyle::SingleQuoted, .. });
        let style =
            if entries.last().is_some_and(single) { ScalarStyle::SingleQuoted } else { ScalarStyle::DoubleQuoted };
        Look { quoted, style }
    }

    /// A new last entry.
    fn insert(&self, map: &Node, parent: Option<(&Node, &Node)>, new: &New<'_>) -> Result<Vec<Splice>, EditError> {
        let Shape::Map { entries, flow } = &map.shape else { return Err(EditError::Moved) };
        let look = Self::look(map, parent);
        match (entries.as_slice(), flow) {
            ([.., (key, value)], false) => {
                let first = entries.first().map_or(key, |(first, _)| first);
                let indent = self.block_indent(first)?;
                let at = self.after(key, value)?;
                Ok(vec![self.lines(at, &new.block(indent, self.eol, look))])
            }
            ([.., (key, value)], true) => self.insert_flow(map, (key, value), new, look).map(|splice| vec![splice]),
            ([], _) => self.insert_first(map, parent, new, look),
        }
    }

    /// Lines put in at the start of a line, or at the end of the text.
    fn lines(&self, at: usize, lines: &str) -> Splice {
        let before = self.text.get(..at).unwrap_or_default();
        let text = if before.is_empty() || before.ends_with('\n') {
            lines.to_owned()
        } else {
            // The last line has no end, and the new last line has none either.
            format!("{}{}", self.eol, lines.strip_suffix(self.eol).unwrap_or(lines))
        };
        Splice { bytes: at..at, text }
    }

    /// Where the line after an entry begins.
    fn after(&self, key: &Node, value: &Node) -> Result<usize, EditError> {
        let at = match space::end(self.text, key, value) {
            Some(End::Line(at)) => Some(at),
            Some(End::Within(at)) => space::next_line(self.text, at),
            None => None,
        };
        at.ok_or(EditError::Unknown { what: "the end of the map" })
    }

    /// The column of a block map's keys.
    fn block_indent(&self, first: &Node) -> Result<usize, EditError> {
        let line = space::line_start(self.text, first.bytes.start);
        let before = self.text.get(line..first.bytes.start).unwrap_or_default();
        if before.bytes().all(|b| b == b' ' || b == b'-') {
            Ok(before.len())
        } else {
            Err(EditError::Unknown { what: odd_start(before) })
        }
    }

    /// How much deeper the object's block maps are indented than itself: as `metadata` is, or what else there is; else 2.
    fn step(&self, object: &Node) -> usize {
        let Shape::Map { entries, flow: false } = &object.shape else { return 2 };
        let column = |map: &Node| match &map.shape {
            Shape::Map { entries, flow: false } => entries.first().and_then(|(key, _)| self.block_indent(key).ok()),
            _ => None,
        };
        let own = column(object).unwrap_or_default();
        let deeper = |value: &Node| column(value).and_then(|inner| inner.checked_sub(own)).filter(|step| *step > 0);
        let metadata = object.entries(METADATA).last().and_then(|(_, (_, value))| deeper(value));
        metadata.or_else(|| entries.iter().find_map(|(_, value)| deeper(value))).unwrap_or(2)
    }

    /// Behind the last entry of `{…}`; on a line of its own where the last entry has one.
    fn insert_flow(&self, map: &Node, last: (&Node, &Node), new: &New<'_>, look: Look) -> Result<Splice, EditError> {
        let (key, value) = last;
        let at = if value.bytes.is_empty() {
            space::colon(self.text, key, true).unwrap_or(key.bytes.end)
        } else {
            value.bytes.end
        };
        let at = at.max(value.bytes.end);
        let own_line = space::indentation(self.text, key.bytes.start).filter(|_| key.bytes.start > map.bytes.start);
        let text = match own_line.filter(|_| self.spans_lines(map)) {
            Some(indent) => {
                let step = self.flow_step(map, indent);
                format!(",{}{indent}{}", self.eol, new.flow_lines(indent, &step, self.eol, look))
            }
            None => format!(", {}", new.flow(look)),
        };
        Ok(Splice { bytes: at..at, text })
    }

    fn spans_lines(&self, map: &Node) -> bool {
        self.text.get(map.bytes.clone()).is_some_and(|text| text.contains('\n'))
    }

    /// How much deeper the entries of `{…}` over several lines are indented than its closing brace.
    fn flow_step(&self, map: &Node, indent: &str) -> String {
        let close = space::indentation(self.text, map.bytes.end.saturating_sub(1));
        let step = close.and_then(|close| indent.strip_prefix(close)).filter(|step| !step.is_empty());
        step.unwrap_or("  ").to_owned()
    }

    /// The first entry of `{}`.
    fn insert_first(
        &self,
        map: &Node,
        parent: Option<(&Node, &Node)>,
        new: &New<'_>,
        look: Look,
    ) -> Result<Vec<Splice>, EditError> {
        let inside = self.text.get(map.bytes.start + 1..map.bytes.end.saturating_sub(1)).unwrap_or_default();
        let plain = inside.trim().is_empty() && !map.has_properties();
        let Some((around, name)) = parent.filter(|_| plain) else {
            let at = map.bytes.start + 1;
            return Ok(vec![Splice { bytes: at..at, text: new.flow(look) }]);
        };
        if !is_flow(around) {
            return self.fill(around, name, map, new);
        }
        let own_line = space::indentation(self.text, name.bytes.start).filter(|_| self.spans_lines(around));
        let text = match own_line {
            Some(indent) => {
                let step = self.flow_step(around, indent);
                let inner = format!("{indent}{step}");
                format!("{{{0}{inner}{1}{0}{indent}}}", self.eol, new.flow_lines(&inner, &step, self.eol, look))
            }
            None => format!("{{{}}}", new.flow(look)),
        };
        Ok(vec![Splice { bytes: map.bytes.clone(), text }])
    }

    /// The first entries below a key that has none: `annotations:`, `annotations: null`, `annotations: {}`.
    fn fill(&self, map: &Node, name: &Node, old: &Node, new: &New<'_>) -> Result<Vec<Splice>, EditError> {
        let colon = self.colon(map, name)?;
        let mut look = Self::look(map, None);
        look.style = ScalarStyle::DoubleQuoted;
        let old = if old.bytes.is_empty() { colon..colon } else { colon..old.bytes.end };
        if is_flow(map) {
            return Ok(vec![Splice { bytes: old, text: format!(" {{{}}}", new.flow(look)) }]);
        }
        let indent = self.block_indent(name)?;
        let at = space::next_line(self.text, old.end).ok_or(EditError::Unknown { what: "the end of the map" })?;
        let lines = self.lines(at, &new.block(indent + new.step, self.eol, look));
        Ok(vec![Splice { bytes: old, text: String::new() }, lines])
    }

    /// Another value for an annotation.
    fn replace(&self, map: &Node, name: &Node, old: &Node, value: &str) -> Result<Splice, EditError> {
        self.outline.unshared_value(old, name)?;
        match &old.shape {
            Shape::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
                let unknown = EditError::Unknown { what: "a block scalar with an anchor or a tag" };
                let start = space::header(self.text, self.colon(map, name)?).ok_or(unknown)?;
                let end = self.after(name, old)?;
                let line = self.text.get(start..end).unwrap_or_default();
                let words = line.trim_end_matches(['\r', '\n']).len();
                Ok(Splice { bytes: start..start + words, text: quote::double(value) })
            }
            Shape::Scalar { style, .. } if !old.bytes.is_empty() => {
                Ok(Splice { bytes: old.bytes.clone(), text: quote::like(value, *style) })
            }
            Shape::Scalar { .. } => {
                let at = self.colon(map, name)?.max(old.bytes.end);
                Ok(Splice { bytes: at..at, text: format!(" {}", quote::double(value)) })
            }
            Shape::Alias => Ok(Splice { bytes: old.bytes.clone(), text: quote::double(value) }),
            Shape::Map { .. } | Shape::List { .. } => {
                Err(EditError::Unknown { what: "an annotation whose value is a map or a list" })
            }
        }
    }

    /// Without an entry.
    fn remove(&self, map: &Node, parent: Option<(&Node, &Node)>, at: usize) -> Result<Vec<Splice>, EditError> {
        let Shape::Map { entries, flow } = &map.shape else { return Err(EditError::Moved) };
        let Some((key, value)) = entries.get(at) else { return Err(EditError::Moved) };
        self.outline.unshared_value(value, key)?;
        if key.has_properties() {
            return Err(EditError::Unknown { what: "a key with an anchor or a tag" });
        }
        if *flow {
            return self.remove_flow(map, entries, at).map(|splice| vec![splice]);
        }
        space::colon(self.text, key, false).ok_or(EditError::Unknown { what: "a key without a colon" })?;
        let indent = space::indentation(self.text, key.bytes.start);
        let start = key.bytes.start - indent.ok_or(EditError::Unknown { what: "the start of the map" })?.len();
        let mut end = self.after(key, value)?;
        let last_line = end == self.text.len() && !self.text.ends_with('\n');
        let mut splices = Vec::new();
        if entries.len() == 1 {
            let (around, name) = parent.ok_or(EditError::Moved)?;
            if map.has_properties() {
                return Err(EditError::Unknown { what: "a map with an anchor or a tag" });
            }
            let colon = self.colon(around, name)?;
            splices.push(Splice { bytes: colon..colon, text: " {}".to_owned() });
        }
        // What was the last line without an end leaves another such.
        let start = if last_line {
            let line_end = self.text.get(..start).unwrap_or_default();
            end = self.text.len();
            line_end.strip_suffix(self.eol).map_or(start, str::len)
        } else {
            start
        };
        splices.push(Splice { bytes: start..end, text: String::new() });
        Ok(splices)
    }

    fn remove_flow(&self, map: &Node, entries: &[(Node, Node)], at: usize) -> Result<Splice, EditError> {
        let end = |(key, value): &(Node, Node)| {
            let colon = space::colon(self.text, key, true).unwrap_or(key.bytes.end);
            if value.bytes.is_empty() { colon.max(value.bytes.end) } else { value.bytes.end }
        };
        let (Some(entry), next) = (entries.get(at), entries.get(at + 1)) else { return Err(EditError::Moved) };
        let before = at.checked_sub(1).and_then(|before| entries.get(before));
        let bytes = match (before, next) {
            (_, Some((next, _))) => entry.0.bytes.start..next.bytes.start,
            (Some(before), None) => end(before)..end(entry),
            (None, None) => {
                let from = end(entry);
                let inside = self.text.get(from..map.bytes.end.saturating_sub(1)).unwrap_or_default();
                let comma = inside.trim_start().starts_with(',').then(|| inside.find(',')).flatten();
                entry.0.bytes.start..comma.map_or(from, |comma| from + comma + 1)
            }
        };
        let gaps = self.text.get(bytes.clone()).unwrap_or_default();
        if gaps.lines().skip(1).any(|line| line.contains('#')) || gaps.contains(" #") {
            return Err(EditError::Unknown { what: "a comment within `{…}`" });
        }
        Ok(Splice { bytes, text: String::new() })
    }
}

impl Outline {
    /// Refuses a value whose anchor is used elsewhere; an alias may be replaced.
    fn unshared_value(&self, value: &Node, key: &Node) -> Result<(), EditError> {
        if matches!(value.shape, Shape::Alias) {
            return Ok(());
        }
        self.unshared(value, &format!("the annotation `{}`", key.name().unwrap_or_default()))
    }
}

impl New<'_> {
    /// Lines of a block map.
    fn block(&self, indent: usize, eol: &str, look: Look) -> String {
        let mut out = String::new();
        let last = self.keys.len().saturating_sub(1);
        for (depth, key) in self.keys.iter().enumerate() {
            let blanks = " ".repeat(indent + depth * self.step);
            let value = if depth == last { format!(" {}", quote::like(self.value, look.style)) } else { String::new() };
            out.push_str(&format!("{blanks}{}:{value}{eol}", quote::key(key, look.quoted)));
        }
        out
    }

    /// `annotations: {key: "value"}`
    fn flow(&self, look: Look) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| quote::key(key, look.quoted)).collect();
        format!(
            "{}: {}{}",
            keys.join(": {"),
            quote::like(self.value, look.style),
            "}".repeat(keys.len().saturating_sub(1))
        )
    }

    /// The same over several lines, without the indentation of the first.
    fn flow_lines(&self, indent: &str, step: &str, eol: &str, look: Look) -> String {
        let mut out = String::new();
        let last = self.keys.len().saturating_sub(1);
        for (depth, key) in self.keys.iter().enumerate() {
            let key = quote::key(key, look.quoted);
            if depth == last {
                out.push_str(&format!("{key}: {}", quote::like(self.value, look.style)));
            } else {
                out.push_str(&format!("{key}: {{{eol}{indent}{}", step.repeat(depth + 1)));
            }
        }
        for depth in (0..last).rev() {
            out.push_str(&format!("{eol}{indent}{}}}", step.repeat(depth)));
        }
        out
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.shape, Shape::Map { .. })
}

fn is_flow(node: &Node) -> bool {
    matches!(node.shape, Shape::Map { flow: true, .. })
}
