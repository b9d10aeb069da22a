//! What the checks of manifests look at.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FileId, Sources, Span};
use crate::graph::Graph;
use crate::manifests::{self, Object, Phase, Platform};
use crate::rulebook::Rulebook;

/// Manifests, the rules about them (perhaps none but the built-in kinds), and the graph of both.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// The manifests.
    pub platform: &'s Platform,
    /// The rules.
    pub rulebook: &'s Rulebook,
    /// `graph::build` of both.
    pub graph: &'s Graph,
    /// The texts of both.
    pub sources: &'s Sources,
}

/// A step of a sync: phase, then wave.
pub(super) type Step = (Phase, i64);

impl<'s> Subject<'s> {
    /// The place of a field, from the object inwards (list elements by number): its key and value, of a map or a list its key alone. Where the field is
    /// not written as such (JSON, an alias, a merge key), the beginning of the document. The text is read again for it: ask only for a finding.
    pub(super) fn at(&self, object: &Object, path: &[&str]) -> Span {
        let head = Span { end: object.place.start, ..object.place };
        let Some(source) = self.sources.get(object.place.file) else { return head };
        let document = object.place.start as usize..object.place.end as usize;
        let found = manifests::locate(&source.text, &document, path);
        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        found.map_or(head, |bytes| Span { file: object.place.file, start: at(bytes.start), end: at(bytes.end) })
    }

    /// The place of an annotation, else of the document's beginning.
    pub(super) fn annotation(&self, object: &Object, key: &str) -> Span {
        object.annotation_places.get(key).copied().unwrap_or(Span { end: object.place.start, ..object.place })
    }

    /// As a rule would name it: `notebook train`, `StorageClass fast`.
    pub(super) fn say(&self, object: &Object) -> String {
        let kind = self.rulebook.kind_by_type(&object.group, &object.kind).and_then(|kind| self.rulebook.kind(kind));
        let word = kind.map_or(&*object.kind, |kind| &*kind.short);
        format!("{word} `{}`", object.name)
    }

    /// Says of each finding in a rendered Helm chart which template its document comes from.
    pub(super) fn name_templates(&self, found: &mut [Diagnostic]) {
        let mut rendered: BTreeMap<FileId, Vec<&Object>> = BTreeMap::new();
        for object in self.platform.objects.iter().filter(|object| object.source.is_some()) {
            rendered.entry(object.place.file).or_default().push(object);
        }
        for objects in rendered.values_mut() {
            objects.sort_by_key(|object| object.place.start);
        }
        for finding in found {
            let Some(objects) = rendered.get(&finding.span.file) else { continue };
            let before = objects.partition_point(|object| object.place.start <= finding.span.start);
            let object = before.checked_sub(1).and_then(|at| objects.get(at));
            let Some(object) = object.filter(|object| finding.span.start <= object.place.end) else { continue };
            if let Some(source) = &object.source {
                finding.message = format!("{} (from `{source}`)", finding.message);
            }
        }
    }
}

/// A field of an object, from the object inwards.
pub(super) fn field<'v>(object: &'v Object, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(&object.value, |value, key| match value {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        value => value.get(*key),
    })
}

/// A text field of an object; empty when it is absent or no text.
pub(super) fn text<'v>(object: &'v Object, path: &[&str]) -> &'v str {
    field(object, path).and_then(Value::as_str).unwrap_or_default()
}
