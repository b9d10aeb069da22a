//! Members that an Application lists and that are not there.
//!
//! `every … in wave N` and `every … of application A` are about what belongs to an application, not about what happens to be live:
//! while a sync is under way, the rest of a wave does not exist yet. Source: Argo CD `pkg/apis/application/v1alpha1/types.go`
//! (`ResourceStatus`: `status.resources` lists what Git holds and what is live, without hooks that are not live).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::application_object;
use super::{Listing, World};
use crate::expr::Value;
use crate::rulebook::{Filter, ObjectRef, Rulebook, Selection};

/// What one Application lists: each resource of a known kind, and its wave.
pub type Listed = BTreeMap<ObjectRef, i32>;

/// A member that is listed and does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentMember {
    /// Which.
    pub object: ObjectRef,
    /// Why it counts, in words.
    pub why: String,
    /// All that narrows the selection could be judged; else it may be a member or not.
    pub certain: bool,
}

/// What an Application's status lists; none where rules do not ask for it.
#[must_use]
pub fn listed(rulebook: &Rulebook, application: &Value) -> Option<Listed> {
    let Some(Value::List(resources)) = application.at(["status", "resources"]) else {
        return None;
    };
    let mut found = Listed::new();
    for resource in resources.iter() {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or("");
        let is = |key: &str| resource.get(key).and_then(Value::as_bool) == Some(true);
        let Some(kind) = rulebook.kind_by_type(text("group"), text("kind")) else { continue };
        // A live hook, or what Git does not hold any more: nobody waits for it to come.
        if is("hook") || is("requiresPruning") || text("name").is_empty() {
            continue;
        }
        let wave = match resource.get("syncWave") {
            Some(Value::Int(wave)) => i32::try_from(*wave).unwrap_or(0),
            _ => 0,
        };
        found.insert(ObjectRef { kind, namespace: Arc::from(text("namespace")), name: Arc::from(text("name")) }, wave);
    }
    Some(found)
}

/// The Applications whose lists count for a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listers {
    /// The members are not asked of any list.
    Nobody,
    /// This one: `of application A`, else that of the file.
    One(ObjectRef),
    /// The file names no application: all of them.
    All,
}

/// Whose lists count for a selection.
#[must_use]
pub fn listers(rulebook: &Rulebook, selection: &Selection) -> Listers {
    if !selection.is_listed() {
        return Listers::Nobody;
    }
    let named = selection.filters.iter().find_map(|filter| match filter {
        Filter::Application(app) => Some(app),
        _ => None,
    });
    match named.or(rulebook.application.as_ref()) {
        Some(app) => application_object(rulebook, app).map_or(Listers::Nobody, Listers::One),
        None => Listers::All,
    }
}

/// Whether the lists that a selection needs cannot be known yet.
#[must_use]
pub fn unlisted(rulebook: &Rulebook, world: &World, selection: &Selection) -> bool {
    let kind = rulebook.kind_by_type("argoproj.io", "Application");
    listers(rulebook, selection) != Listers::Nobody && kind.is_some_and(|kind| world.listing(kind) == Listing::Pending)
}

/// The members of a selection that are listed and do not exist, in order.
#[must_use]
pub fn absent(rulebook: &Rulebook, world: &World, selection: &Selection) -> Vec<AbsentMember> {
    let mut found = Vec::new();
    for (application, members) in world.lists() {
        let counts = match listers(rulebook, selection) {
            Listers::Nobody => return found,
            Listers::One(one) => one == *application,
            Listers::All => true,
        };
        if !counts {
            continue;
        }
        let may = members.iter().filter(|(object, wave)| may_be_meant(selection, object, **wave));
        for (object, _) in may.filter(|(object, _)| world.get(object).is_none()) {
            let certain = selection.filters.iter().all(|f| matches!(f, Filter::Wave(_) | Filter::Application(_)));
            let lists = format!("application {} lists it, but it does not exist", application.name);
            let why = if certain { lists } else { format!("{lists}, so it cannot be told whether it is meant") };
            found.push(AbsentMember { object: object.clone(), why, certain });
        }
    }
    found.sort_by(|a, b| a.object.cmp(&b.object));
    found.dedup_by(|a, b| a.object == b.object);
    found
}

/// Labels, owners and fields of an object that does not exist cannot be read: those filters hold for all that one knows.
fn may_be_meant(selection: &Selection, object: &ObjectRef, wave: i32) -> bool {
    object.kind == selection.kind
        && selection.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace)
        && selection.filters.iter().all(|filter| !matches!(filter, Filter::Wave(wanted) if *wanted != wave))
}
