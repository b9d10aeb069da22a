//! One object as a row.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::expr::{Interner, Map, Projection, Value};

/// Longest annotation value kept; a longer one is cut and marked, so that hostile objects cost little. Bytes.
pub const ANNOTATION_BYTES_MAX: usize = 64 * 1024;

/// What to keep of the objects of one kind.
#[derive(Clone, Debug, Default)]
pub struct KindFields {
    /// The API group of the kind: items of a list do not carry it themselves.
    pub group: Arc<str>,
    /// The kind, as `Job`.
    pub kind: Arc<str>,
    /// Paths below the object's root that expressions read.
    pub projection: Projection,
    /// Label keys that selectors read.
    pub labels: BTreeSet<Arc<str>>,
    /// Annotation keys that rules and records read.
    pub annotations: BTreeSet<Arc<str>>,
    /// Where the record annotation's map lies: below `metadata.annotations`, or below this path (InferenceService).
    pub record_path: Option<Vec<Arc<str>>>,
    /// The record annotation's key.
    pub record_key: Arc<str>,
}

/// An owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Kind, as `CronJob`.
    pub kind: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid.
    pub uid: Arc<str>,
}

/// One object: identity, and the few fields that the rules read.
#[derive(Clone, Debug)]
pub struct Row {
    /// Empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid; empty for manifests.
    pub uid: Arc<str>,
    /// resourceVersion as written; empty for manifests.
    pub resource_version: Arc<str>,
    /// metadata.generation, 0 if absent.
    pub generation: i64,
    /// metadata.creationTimestamp
    pub created: Option<Timestamp>,
    /// metadata.deletionTimestamp is set.
    pub deleting: bool,
    /// `argocd.argoproj.io/sync-wave`, as Argo CD reads it (absent or unparsable: 0, see `wave_given`).
    pub wave: i32,
    /// The wave annotation was there and a number.
    pub wave_given: bool,
    /// The Application that the object belongs to: (its namespace if not Argo CD's own, name).
    pub application: Option<(Option<Arc<str>>, Arc<str>)>,
    /// Owner references.
    pub owners: Box<[Owner]>,
    /// The labels that selectors read, sorted.
    pub labels: Box<[(Arc<str>, Arc<str>)]>,
    /// The annotations that rules and records read, sorted.
    pub annotations: Box<[(Arc<str>, Arc<str>)]>,
    /// The record annotation's value.
    pub record: Option<Arc<str>>,
    /// The fields that expressions read, as `self`.
    pub fields: Value,
}

impl Row {
    /// Cuts an object down. `None` when it has no name.
    ///
    /// Source of the metadata's meaning: Kubernetes API conventions; waves and tracking: Argo CD.
    #[must_use]
    pub fn from_json(object: &Json, keep: &KindFields, interner: &mut Interner) -> Option<Row> {
        let meta = object.get("metadata")?;
        let text = |key: &str| meta.get(key).and_then(Json::as_str).unwrap_or("");
        let name = meta.get("name").and_then(Json::as_str)?;
        let annotations = meta.get("annotations");
        let annotation = |key: &str| annotations.and_then(|a| a.get(key)).and_then(Json::as_str);
        let wave = annotation("argocd.argoproj.io/sync-wave").and_then(parse_wave);
        let record = match &keep.record_path {
            None => annotation(&keep.record_key),
            Some(path) => path
                .iter()
                .try_fold(object, |value, key| value.get(&**key))
                .and_then(|map| map.get(&*keep.record_key))
                .and_then(Json::as_str),
        };
        Some(Row {
            namespace: interner.text(text("namespace")),
            name: interner.text(name),
            uid: Arc::from(text("uid")),
            resource_version: Arc::from(text("resourceVersion")),
            generation: meta.get("generation").and_then(Json::as_i64).unwrap_or(0),
            created: text("creationTimestamp").parse().ok(),
            deleting: meta.get("deletionTimestamp").is_some_and(|t| !t.is_null()),
            wave: wave.unwrap_or(0),
            wave_given: wave.is_some(),
            application: application(meta, keep, interner),
            owners: owners(meta, interner),
            labels: kept(meta.get("labels"), &keep.labels, interner),
            annotations: kept(annotations, &keep.annotations, interner),
            record: record.map(Arc::from),
            fields: keep.projection.project(object, interner).unwrap_or_else(|| Value::Map(Map::default())),
        })
    }

    /// The value of a kept annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&Arc<str>> {
        self.annotations.iter().find(|(k, _)| &**k == key).map(|(_, v)| v)
    }

    /// The value of a kept label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&Arc<str>> {
        self.labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| v)
    }
}

/// As Go's `strconv.Atoi`, which Argo CD uses: an optional sign and digits, nothing else.
fn parse_wave(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn kept(map: Option<&Json>, keys: &BTreeSet<Arc<str>>, interner: &mut Interner) -> Box<[(Arc<str>, Arc<str>)]> {
    let value = |key: &Arc<str>| map.and_then(|m| m.get(&**key)).and_then(Json::as_str);
    keys.iter().filter_map(|key| value(key).map(|v| (key.clone(), interner.text(cut(v))))).collect()
}

/// At most one byte more than [`ANNOTATION_BYTES_MAX`] stays, so that whoever reads it sees that it is too long.
fn cut(text: &str) -> &str {
    if text.len() <= ANNOTATION_BYTES_MAX {
        return text;
    }
    let end = (0..=ANNOTATION_BYTES_MAX + 4).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

fn owners(meta: &Json, interner: &mut Interner) -> Box<[Owner]> {
    let list = meta.get("ownerReferences").and_then(Json::as_array);
    let mut owner = |reference: &Json| {
        let mut text = |key: &str| reference.get(key).and_then(Json::as_str).map(|t| interner.text(t));
        Some(Owner { kind: text("kind")?, name: text("name")?, uid: text("uid").unwrap_or_default() })
    };
    list.map(|references| references.iter().filter_map(&mut owner).collect()).unwrap_or_default()
}

/// By tracking-id alone: with Argo CD's default tracking the label `app.kubernetes.io/instance` is the chart's own word, not a parent.
fn application(meta: &Json, keep: &KindFields, interner: &mut Interner) -> Option<(Option<Arc<str>>, Arc<str>)> {
    let tracking = meta.get("annotations").and_then(|a| a.get("argocd.argoproj.io/tracking-id"));
    if let Some(id) = tracking.and_then(Json::as_str) {
        let namespace = meta.get("namespace").and_then(Json::as_str).unwrap_or("");
        let name = meta.get("name").and_then(Json::as_str)?;
        let (ns, app) = tracking_application(id, &keep.group, &keep.kind, namespace, name)?;
        return Some((ns.map(|n| interner.text(n)), interner.text(app)));
    }
    None
}

/// The Application named by a tracking-id `app:group/Kind:ns/name` (`argoNs_app` outside the control-plane namespace): (namespace, name).
/// `None` when the id does not name the object itself: it was copied from a parent.
///
/// Source: Argo CD `util/argo/resource_tracking.go`.
#[must_use]
pub fn tracking_application<'a>(
    id: &'a str,
    group: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Option<(Option<&'a str>, &'a str)> {
    let (app, rest) = id.split_once(':')?;
    let (id_type, id_object) = rest.split_once(':')?;
    let (id_group, id_kind) = id_type.split_once('/')?;
    let (id_namespace, id_name) = id_object.split_once('/')?;
    let same_namespace = id_namespace == namespace || namespace.is_empty();
    if id_group != group || id_kind != kind || !same_namespace || id_name != name {
        return None;
    }
    Some(match app.split_once('_') {
        Some((ns, app)) => (Some(ns), app),
        None => (None, app),
    })
}
