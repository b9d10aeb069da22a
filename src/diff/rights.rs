//! Rights of the controller: what came and what went.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::model::{Rights, RightsOf};
use crate::emit::{self, RbacOptions, Right};

/// What a wider right covered, or covers, is neither gained nor lost.
pub(super) fn rights(old: Side<'_>, new: Side<'_>, options: &RbacOptions) -> Rights {
    let of = |side: Side<'_>| emit::rights(side.rulebook, side.sources, options);
    let (before, now) = (of(old), of(new));
    Rights { gained: beyond(&now, &before), lost: beyond(&before, &now) }
}

/// Namespace, resource, object.
type About = (Option<String>, String, Option<String>);
/// Namespace, resource, verbs, whether it is about named objects: of such the names are put together.
type Alike = (Option<String>, String, Vec<&'static str>, bool);

/// The rights that the others do not have, put together by resource.
fn beyond(rights: &BTreeSet<Right>, others: &BTreeSet<Right>) -> Vec<RightsOf> {
    let covered = |right: &Right| {
        let wider = |namespace: &Option<String>, name: &Option<String>| {
            others.contains(&Right { namespace: namespace.clone(), name: name.clone(), ..right.clone() })
        };
        [&right.namespace, &None].into_iter().any(|ns| wider(ns, &right.name) || wider(ns, &None))
    };
    let mut verbs: BTreeMap<About, BTreeSet<&'static str>> = BTreeMap::new();
    for right in rights.iter().filter(|right| !covered(right)) {
        let resource = match right.group.as_str() {
            "" => right.resource.clone(),
            group => format!("{}.{group}", right.resource),
        };
        verbs.entry((right.namespace.clone(), resource, right.name.clone())).or_default().insert(right.verb);
    }
    let mut names: BTreeMap<Alike, Vec<String>> = BTreeMap::new();
    for ((namespace, resource, name), verbs) in verbs {
        let key = (namespace, resource, verbs.into_iter().collect(), name.is_some());
        names.entry(key).or_default().extend(name);
    }
    let one = |((namespace, resource, verbs, _), names)| RightsOf { namespace, resource, names, verbs };
    names.into_iter().map(one).collect()
}
