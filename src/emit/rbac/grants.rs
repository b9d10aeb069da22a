//! Rights, added one by one and put together.

use std::collections::{BTreeMap, BTreeSet};

/// Where a right holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Cluster,
    Namespace(String),
}

/// What a right is about: verbs on a resource, on all of its objects or on named ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: String,
    plural: String,
    named: bool,
    verbs: BTreeSet<&'static str>,
}

/// The rest of a right.
#[derive(Clone, Debug, Default)]
struct Held {
    names: BTreeSet<String>,
    why: BTreeSet<String>,
}

/// One rule of a role.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub group: String,
    pub plural: String,
    pub verbs: Vec<&'static str>,
    /// Empty: all objects.
    pub names: Vec<String>,
    pub why: Vec<String>,
}

/// Rights while they are collected.
#[derive(Debug, Default)]
pub(super) struct Grants {
    held: BTreeMap<Scope, BTreeMap<Key, Held>>,
}

impl Grants {
    /// Adds verbs on a resource (group, plural): on one object, or on all.
    pub(super) fn add(
        &mut self,
        scope: &Scope,
        (group, plural): (&str, &str),
        verbs: &[&'static str],
        name: Option<&str>,
        why: &str,
    ) {
        let key = Key {
            group: group.to_owned(),
            plural: plural.to_owned(),
            named: name.is_some(),
            verbs: verbs.iter().copied().collect(),
        };
        let held = self.held.entry(scope.clone()).or_default().entry(key).or_default();
        held.names.extend(name.map(str::to_owned));
        held.why.insert(why.to_owned());
    }

    /// For each scope its rights, sorted. What a wider right covers is left out, and its reasons go there.
    pub(super) fn finish(mut self) -> BTreeMap<Scope, Vec<Grant>> {
        let cluster: Vec<Key> = self.held.get(&Scope::Cluster).into_iter().flat_map(|h| h.keys().cloned()).collect();
        let mut moved: Vec<(Scope, Key, BTreeSet<String>)> = Vec::new();
        for (scope, rights) in &mut self.held {
            let own: Vec<Key> = rights.keys().cloned().collect();
            rights.retain(|key, held| {
                let here = own.iter().find(|other| covers(other, key)).map(|other| (scope.clone(), other));
                let wider = || cluster.iter().find(|other| covers(other, key) || *other == key);
                let there =
                    || if *scope == Scope::Cluster { None } else { wider().map(|other| (Scope::Cluster, other)) };
                match here.or_else(there) {
                    Some((scope, by)) => {
                        moved.push((scope, by.clone(), std::mem::take(&mut held.why)));
                        false
                    }
                    None => true,
                }
            });
        }
        for (scope, key, why) in moved {
            if let Some(held) = self.held.get_mut(&scope).and_then(|rights| rights.get_mut(&key)) {
                held.why.extend(why);
            }
        }
        let grant = |(key, held): (Key, Held)| Grant {
            group: key.group,
            plural: key.plural,
            verbs: key.verbs.into_iter().collect(),
            names: held.names.into_iter().collect(),
            why: held.why.into_iter().collect(),
        };
        let scopes = self.held.into_iter().filter(|(_, rights)| !rights.is_empty());
        scopes.map(|(scope, rights)| (scope, rights.into_iter().map(grant).collect())).collect()
    }
}

/// Whether a right on all objects makes one on named objects needless.
fn covers(wide: &Key, narrow: &Key) -> bool {
    narrow.named
        && !wide.named
        && wide.group == narrow.group
        && wide.plural == narrow.plural
        && wide.verbs.is_superset(&narrow.verbs)
}
