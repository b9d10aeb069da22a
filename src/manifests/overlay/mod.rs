//! Texts set in an object of a YAML or JSON text: every other byte stays as it is.
//!
//! In: a text, one of its objects, the texts that it shall have. Out: the new text, and what was done. An edit that would touch more than that (an
//! anchor's value, what comes by an alias) is refused; and what was written is read back and compared before it is given out.

mod nodes;
mod place;
mod print;

use std::ops::Range;

use serde_json::Value;

pub(super) use self::nodes::Node;
use self::nodes::NodeKind;
use self::place::{Edit, Editor};
use super::yaml::{self, YamlError};

/// What an object shall have; what it has beside that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A text. One that differs only in the line ends behind it is left as it is.
    Text(String),
    /// These keys, in this order where they are new.
    Map(Vec<(String, Wanted)>),
    /// These items.
    List {
        /// The keys by which an item is known; one that is absent is an empty text.
        by: &'static [&'static str],
        /// Each a map.
        items: Vec<Wanted>,
    },
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was as it shall be.
    Same,
    /// It was there and said something else.
    Replaced,
    /// It was not there.
    Added,
}

/// An object of a text.
#[derive(Clone, Debug)]
pub struct Object {
    /// The value.
    pub value: Value,
    /// The bytes of its first key, or of its first character.
    pub bytes: Range<usize>,
    document: Range<usize>,
    /// Its place in the `items` of lists, from the outside in.
    items: Vec<usize>,
    pub(super) node: Node,
}

/// A changed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaid {
    /// The whole text.
    pub text: String,
    /// The path of each wanted text, in the order in which they were wanted, and what was done.
    pub done: Vec<(Vec<String>, Done)>,
}

/// The objects of a text; those of a `List` by themselves.
///
/// # Errors
/// When a document is not YAML or JSON.
pub fn objects(text: &str) -> Result<Vec<Object>, YamlError> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = text.len() - bare.len();
    let mut found = Vec::new();
    for range in yaml::split(bare) {
        let chunk = bare.get(range.clone()).unwrap_or_default();
        let shifted = |error: YamlError| YamlError {
            bytes: error.bytes.start + base + range.start..error.bytes.end + base + range.start,
            ..error
        };
        let value = yaml::parse(chunk).map_err(shifted)?;
        let document = base + range.start..base + range.end;
        if let Some(node) = nodes::parse(chunk, document.start)? {
            collect(value, node, &document, &mut Vec::new(), &mut found);
        }
    }
    Ok(found)
}

fn collect(value: Value, node: Node, document: &Range<usize>, items: &mut Vec<usize>, found: &mut Vec<Object>) {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match (is_list, node.get("items"), value.get("items").and_then(Value::as_array)) {
        (true, Some(Node { kind: NodeKind::List { items: nodes, .. }, .. }), Some(values)) => {
            for (n, (value, node)) in values.iter().zip(nodes).enumerate() {
                items.push(n);
                collect(value.clone(), node.clone(), document, items, found);
                items.pop();
            }
        }
        _ => {
            let bytes = node.entries().first().map_or(node.bytes.clone(), |(key, _)| key.bytes.clone());
            found.push(Object { value, bytes, document: document.clone(), items: items.clone(), node });
        }
    }
}

/// Sets what is wanted in an object of the text.
///
/// # Errors
/// When it cannot be done without touching something else; the bytes are those of `text`.
pub fn overlay(text: &str, object: &Object, wanted: &Wanted) -> Result<Overlaid, YamlError> {
    let mut editor = Editor::new(text);
    let mut path = Vec::new();
    let Wanted::Map(entries) = wanted else {
        return Ok(Overlaid { text: text.to_owned(), done: Vec::new() });
    };
    if !matches!(object.node.kind, NodeKind::Map { .. }) {
        return Err(YamlError { message: "expected an object".to_owned(), bytes: object.bytes.clone() });
    }
    editor.map(&object.node, entries, &mut path)?;
    let (mut edits, done) = editor.finish();
    // Insertions at one place keep their order.
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for Edit { at: range, text: new } in &edits {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    if !says(text, &out, object, wanted) {
        let message = "cannot be edited in place: anchors, aliases, merge keys or its layout are in the way".to_owned();
        return Err(YamlError { message, bytes: object.bytes.clone() });
    }
    Ok(Overlaid { text: out, done })
}

/// Whether the new text is the old one with what is wanted, and nothing else.
fn says(old: &str, new: &str, object: &Object, wanted: &Wanted) -> bool {
    let document = &object.document;
    let end = (document.end + new.len()).checked_sub(old.len());
    let read = |text: &str, end: Option<usize>| {
        let chunk = text.get(document.start..end?)?;
        yaml::parse(chunk).ok()
    };
    let (Some(mut before), Some(mut after)) = (read(old, Some(document.end)), read(new, end)) else { return false };
    let (Some(was), Some(is)) = (place(&mut before, &object.items), place(&mut after, &object.items)) else {
        return false;
    };
    if !holds(is, wanted) {
        return false;
    }
    put(was, wanted);
    put(is, wanted);
    before == after
}

fn place<'v>(value: &'v mut Value, items: &[usize]) -> Option<&'v mut Value> {
    items.iter().try_fold(value, |value, n| value.get_mut("items")?.get_mut(*n))
}

fn key_of<'v>(item: &'v Value, by: &[&str]) -> Vec<&'v str> {
    by.iter().map(|key| item.get(key).and_then(Value::as_str).unwrap_or_default()).collect()
}

fn wanted_key<'w>(item: &'w Wanted, by: &[&str]) -> Vec<&'w str> {
    let Wanted::Map(entries) = item else { return Vec::new() };
    let one = |name: &&str| match entries.iter().find(|(key, _)| key == name) {
        Some((_, Wanted::Text(text))) => text.as_str(),
        _ => "",
    };
    by.iter().map(one).collect()
}

/// Whether a value has what is wanted.
fn holds(value: &Value, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Text(text) => value.as_str().is_some_and(|is| same(is, text)),
        Wanted::Map(entries) => entries.iter().all(|(key, wanted)| value.get(key).is_some_and(|v| holds(v, wanted))),
        Wanted::List { by, items } => items.iter().all(|wanted| {
            let items = value.as_array().into_iter().flatten();
            let mut of_key = items.filter(|item| key_of(item, by) == wanted_key(wanted, by));
            of_key.next().is_some_and(|item| holds(item, wanted)) && of_key.next().is_none()
        }),
    }
}

/// Sets what is wanted in a value.
fn put(value: &mut Value, wanted: &Wanted) {
    match wanted {
        Wanted::Text(text) => *value = Value::from(text.as_str()),
        Wanted::Map(entries) => {
            if !value.is_object() {
                *value = Value::Object(serde_json::Map::new());
            }
            let Some(map) = value.as_object_mut() else { return };
            entries.iter().for_each(|(key, wanted)| put(map.entry(key.as_str()).or_insert(Value::Null), wanted));
        }
        Wanted::List { by, items } => {
            if !value.is_array() {
                *value = Value::Array(Vec::new());
            }
            let Some(list) = value.as_array_mut() else { return };
            for wanted in items {
                match list.iter_mut().find(|item| key_of(item, by) == wanted_key(wanted, by)) {
                    Some(item) => put(item, wanted),
                    None => {
                        let mut item = Value::Null;
                        put(&mut item, wanted);
                        list.push(item);
                    }
                }
            }
        }
    }
}

/// Two texts that differ only in the line ends behind them are one.
fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('\n') == b.trim_end_matches('\n')
}
