//! Objects that no manifest holds and that a plan needs: the Applications that rules write to (an Application's own manifests seldom
//! hold it) and one run of each CronJob or pipeline whose runs have generated names.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::engine::{self, Change, World};
use crate::expr::Interner;
use crate::facts::Row;
use crate::manifests::Platform;
use crate::rulebook::{Filter, Kind, KindIx, ObjectRef, Rulebook, Selection};

/// Adds them to the world; gives what was added, in order. A run is in the last wave: it comes after the sync.
pub fn add(rulebook: &Rulebook, platform: &Platform, world: &mut World) -> Vec<ObjectRef> {
    let (fields, mut interner, mut added) = (rulebook.fields(), Interner::default(), Vec::new());
    let mut all = applications(rulebook, platform);
    all.extend(runs(rulebook, platform));
    let last = platform.objects.iter().map(|object| object.wave).max().and_then(|wave| i32::try_from(wave).ok());
    for (object, value) in all {
        let row = fields.get(&object.kind).and_then(|keep| Row::from_json(&value, keep, &mut interner));
        let Some(mut row) = row else { continue };
        row.uid = Arc::from(format!("supposed {}/{}", row.namespace, row.name));
        row.wave = last.unwrap_or(0);
        world.apply(rulebook, Change::Upsert(object.kind, Box::new(row)), jiff::Timestamp::UNIX_EPOCH);
        added.push(object);
    }
    added
}

fn applications(rulebook: &Rulebook, platform: &Platform) -> BTreeMap<ObjectRef, Json> {
    let targets = rulebook.rules.iter().flat_map(|rule| engine::targets(rule));
    let absent = targets.filter_map(|target| {
        let kind = rulebook.kind(target.kind).filter(|kind| &*kind.kind == "Application")?;
        let there = platform.find(&kind.group, &kind.kind, &target.namespace, &target.name).is_some();
        (!there).then(|| (target.clone(), object(kind, target, json!({}))))
    });
    absent.collect()
}

fn object(kind: &Kind, named: &ObjectRef, mut metadata: Json) -> Json {
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("namespace".to_owned(), json!(&*named.namespace));
        metadata.insert("name".to_owned(), json!(&*named.name));
    }
    json!({ "apiVersion": api_version(kind), "kind": &*kind.kind, "metadata": metadata })
}

fn api_version(kind: &Kind) -> String {
    match kind.group.is_empty() {
        true => kind.version.to_string(),
        false => format!("{}/{}", kind.group, kind.version),
    }
}

fn runs(rulebook: &Rulebook, platform: &Platform) -> BTreeMap<ObjectRef, Json> {
    let terms = rulebook.rules.iter().flat_map(|rule| &rule.terms);
    terms.filter_map(|term| run(rulebook, platform, &term.source)).collect()
}

/// One run of a selection's CronJob or pipeline, made as the cluster would make it.
fn run(rulebook: &Rulebook, platform: &Platform, selection: &Selection) -> Option<(ObjectRef, Json)> {
    let kind = rulebook.kind(selection.kind)?;
    let namespace = selection.namespace.clone().unwrap_or_else(|| rulebook.namespace.clone());
    let named = |of: &str| ObjectRef {
        kind: selection.kind,
        namespace: namespace.clone(),
        name: Arc::from(format!("{of}-<run>")),
    };
    selection.filters.iter().find_map(|filter| match filter {
        Filter::Owner(owner, name) => {
            let made = owned(rulebook, platform, *owner, &namespace, name)?;
            let named = named(name);
            let mut value = object(kind, &named, made.metadata);
            if let Some(value) = value.as_object_mut() {
                value.insert("spec".to_owned(), made.spec);
            }
            Some((named, value))
        }
        Filter::Series(label, name) => {
            let named = named(name);
            let labels = BTreeMap::from([(&**label, &**name)]);
            Some((named.clone(), object(kind, &named, json!({ "labels": labels }))))
        }
        _ => None,
    })
}

struct Made {
    metadata: Json,
    spec: Json,
}

/// What an owner among the manifests makes: of a CronJob its `jobTemplate`.
fn owned(rulebook: &Rulebook, platform: &Platform, owner: KindIx, namespace: &str, name: &str) -> Option<Made> {
    let kind = rulebook.kind(owner)?;
    let there = platform.find(&kind.group, &kind.kind, namespace, name)?;
    let template = there.value.pointer("/spec/jobTemplate");
    let of = |path: &str| template.and_then(|template| template.pointer(path)).cloned().unwrap_or(Json::Null);
    let reference = json!({
        "apiVersion": api_version(kind), "kind": &*kind.kind, "name": name, "uid": format!("supposed {name}"), "controller": true,
    });
    let metadata = json!({
        "labels": of("/metadata/labels"), "annotations": of("/metadata/annotations"), "ownerReferences": [reference],
    });
    Some(Made { metadata, spec: of("/spec") })
}
