//! Annotations of objects, changed in the text that they stand in.
//!
//! In: a text and the annotations to set or to take away, each with the object's place. Out: the text with those changes and no other byte changed, and the documents
//! that cannot be edited safely, each with the reason.
//!
//! The bytes of every key and value come from the parser, and an edit is a few bytes put in or taken out between them. Afterwards both texts are read, and an edit
//! that changed anything but the annotations that were asked for is thrown away.

mod change;
mod outline;
mod quote;
mod space;
mod template;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};

use self::change::Splice;
use self::outline::Outline;
use super::document::json_stream;
use super::yaml;

pub use write::{WriteError, write};

/// The annotations to change in one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentEdit {
    /// Byte of the text at which the object's document begins, or any byte of it: [`super::Object::place`].
    pub place: usize,
    /// Where in nested lists of that document the object stands: [`super::Object::item`].
    pub item: Vec<usize>,
    /// Keys with their new values; `None` takes the annotation away.
    pub annotations: Vec<(String, Option<String>)>,
}

/// Why a document is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// `sops:`
    #[error("it is encrypted by SOPS, and any edit breaks its `sops.mac`; set the annotation with `sops edit`")]
    Encrypted,
    /// `{{ .Values… }}`
    #[error(
        "`{0}` makes it a template; annotate what it renders to, for example `helm template … | tidegate annotate … --manifests - --print`"
    )]
    Template(String),
    /// An anchor that is used elsewhere, or an alias.
    #[error("{what} stands in several places by an anchor and its aliases; write it out where it is to differ")]
    Shared {
        /// What would have to change.
        what: String,
    },
    /// `<<: *base`
    #[error("{what} comes by a merge key (`<<`); write it out in the document")]
    Merged {
        /// What would have to change.
        what: String,
    },
    /// Something else than a map.
    #[error("`{what}` is not a map")]
    NotAMap {
        /// `metadata` or `metadata.annotations`
        what: &'static str,
    },
    /// A way of writing YAML that edits do not know.
    #[error("edits do not know {what}; write it otherwise, or set the annotation by hand")]
    Unknown {
        /// What stands there.
        what: &'static str,
    },
    /// Not YAML.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// The object is not where it was.
    #[error("the object is not where it was when the file was read")]
    Moved,
    /// The check after the edit.
    #[error("the edit would change more than the annotation")]
    Differs,
}

/// A text after edits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// The documents that differ: their bytes in the text as it was, and what stands there now. In order.
    pub changed: Vec<(Range<usize>, String)>,
    /// The edits that were not made, by their number, and why. In order.
    pub refused: Vec<(usize, EditError)>,
}

/// Makes edits. Each is made whole or not at all; a text without any that could be made comes back as it was.
#[must_use]
pub fn edit(text: &str, edits: &[DocumentEdit]) -> Edited {
    let mut edited = Edited::default();
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = text.len() - body.len();
    let (pieces, json) = pieces(body);
    let mut by_piece: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, edit) in edits.iter().enumerate() {
        let place = edit.place.saturating_sub(base);
        let piece = pieces.partition_point(|piece| piece.end <= place);
        match pieces.get(piece).filter(|bytes| bytes.contains(&place)) {
            Some(_) => by_piece.entry(piece).or_default().push(number),
            None => edited.refused.push((number, EditError::Moved)),
        }
    }
    let eol = if first_line_end(body).unwrap_or("\n") == "\r\n" { "\r\n" } else { "\n" };
    let mut done = 0;
    for (piece, numbers) in by_piece {
        let Some((bytes, before)) = pieces.get(piece).and_then(|bytes| Some((bytes, body.get(bytes.clone())?))) else {
            continue;
        };
        let piece = Piece { json, eol: first_line_end(before).unwrap_or(eol) };
        let chosen = numbers.iter().filter_map(|n| edits.get(*n).map(|edit| (*n, edit))).collect();
        let (after, refused) = piece.edit(before, chosen);
        edited.refused.extend(refused);
        if after != before {
            let bytes = bytes.start + base..bytes.end + base;
            edited.text.push_str(text.get(done..bytes.start).unwrap_or_default());
            edited.text.push_str(&after);
            done = bytes.end;
            edited.changed.push((bytes, after));
        }
    }
    edited.text.push_str(text.get(done..).unwrap_or_default());
    edited.refused.sort_by_key(|(number, _)| *number);
    edited
}

/// The documents of a text, and whether they are JSON.
fn pieces(body: &str) -> (Vec<Range<usize>>, bool) {
    if body.trim_start().starts_with('{')
        && let Ok(values) = json_stream(body)
    {
        return (values.into_iter().map(|(_, bytes)| bytes).collect(), true);
    }
    (yaml::split(body), false)
}

fn first_line_end(text: &str) -> Option<&'static str> {
    let line = text.split_inclusive('\n').next().filter(|line| line.ends_with('\n'))?;
    Some(if line.ends_with("\r\n") { "\r\n" } else { "\n" })
}

/// What holds for a whole document.
#[derive(Clone, Copy)]
struct Piece {
    json: bool,
    /// The end of a line that is put in.
    eol: &'static str,
}

type Numbered<'e> = (usize, &'e DocumentEdit);

/// Why none of some edits was made.
enum Failed {
    /// These cannot be made.
    Some(Vec<(usize, EditError)>),
    /// Together they come to something else than was asked for.
    Differs,
}

impl Piece {
    /// All edits of one document; those that cannot be made are left out.
    fn edit(self, before: &str, mut edits: Vec<Numbered<'_>>) -> (String, Vec<(usize, EditError)>) {
        let mut refused: Vec<(usize, EditError)> = Vec::new();
        while !edits.is_empty() {
            match self.attempt(before, &edits) {
                Ok(after) => return (after, refused),
                Err(Failed::Some(these)) => {
                    edits.retain(|(number, _)| these.iter().all(|(other, _)| other != number));
                    refused.extend(these);
                }
                Err(Failed::Differs) => match edits.as_slice() {
                    [(number, _)] => {
                        refused.push((*number, EditError::Differs));
                        break;
                    }
                    edits => {
                        // One of them is to blame: one after the other finds out which.
                        let mut text = before.to_owned();
                        for edit in edits {
                            let (after, these) = self.edit(&text, vec![*edit]);
                            text = after;
                            refused.extend(these);
                        }
                        return (text, refused);
                    }
                },
            }
        }
        (before.to_owned(), refused)
    }

    fn attempt(self, before: &str, edits: &[Numbered<'_>]) -> Result<String, Failed> {
        let all = |error: &EditError| Failed::Some(edits.iter().map(|(number, _)| (*number, error.clone())).collect());
        let value = self.read(before).map_err(|error| all(&error))?;
        let mut text = before.to_owned();
        // One annotation of each object a round: two of one object may stand in the same place.
        let rounds = edits.iter().map(|(_, edit)| edit.annotations.len()).max().unwrap_or_default();
        for round in 0..rounds {
            let outline = Outline::of(&text).map_err(|error| all(&error))?;
            if let Some(template) = template::found(&text, &outline) {
                return Err(all(&EditError::Template(template)));
            }
            let mut splices: Vec<Splice> = Vec::new();
            let mut refused = Vec::new();
            for (number, edit) in edits {
                let Some((key, new)) = edit.annotations.get(round) else { continue };
                let context = change::Context { text: &text, outline: &outline, value: &value, eol: self.eol };
                match context.splices(&edit.item, key, new.as_deref()) {
                    Ok(found) => splices.extend(found),
                    Err(error) => refused.push((*number, error)),
                }
            }
            if !refused.is_empty() {
                return Err(Failed::Some(refused));
            }
            text = change::apply(&text, splices).ok_or(Failed::Differs)?;
        }
        self.check(value, &text, edits)?;
        Ok(text)
    }

    fn read(self, text: &str) -> Result<Value, EditError> {
        if self.json {
            return serde_json::from_str(text).map_err(|error| EditError::Unreadable(error.to_string()));
        }
        match yaml::compose(text) {
            Ok(Some(composed)) => Ok(composed.value),
            Ok(None) => Err(EditError::Moved),
            Err(error) => Err(EditError::Unreadable(error.message)),
        }
    }

    /// INVARIANT: what is read after the edit is what was read before, with the annotations that were asked for.
    fn check(self, before: Value, after: &str, edits: &[Numbered<'_>]) -> Result<(), Failed> {
        let mut expected = before;
        for (_, edit) in edits {
            for (key, new) in &edit.annotations {
                expect(&mut expected, &edit.item, key, new.as_deref()).ok_or(Failed::Differs)?;
            }
        }
        let one = self.json || yaml::split(after).len() <= 1;
        match self.read(after) {
            Ok(read) if one && read == expected => Ok(()),
            _ => Err(Failed::Differs),
        }
    }
}

/// Changes one annotation of a value.
fn expect(root: &mut Value, item: &[usize], key: &str, new: Option<&str>) -> Option<()> {
    let mut object = root;
    for index in item {
        object = object.get_mut("items")?.get_mut(*index)?;
    }
    let mut map = object.as_object_mut()?;
    for step in ["metadata", "annotations"] {
        if new.is_none() && map.get(step).is_none_or(Value::is_null) {
            return Some(());
        }
        let inner = map.entry(step).or_insert(Value::Null);
        if inner.is_null() {
            *inner = Value::Object(Map::new());
        }
        map = inner.as_object_mut()?;
    }
    match new {
        Some(text) => map.insert(key.to_owned(), Value::from(text)),
        None => map.remove(key),
    };
    Some(())
}

/// The numbers of edits that were refused.
impl Edited {
    /// Whether an edit was refused, by its number.
    #[must_use]
    pub fn refusals(&self) -> BTreeSet<usize> {
        self.refused.iter().map(|(number, _)| *number).collect()
    }
}
