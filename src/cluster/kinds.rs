//! The kinds that the rules use: a watch for each, and what is known of them.
//!
//! In: a rulebook, news of watches. Out: changes for the ledger. Watches whose kind and fields stay the same outlive a reload.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::env::Env;
use super::metrics::{Id, Metrics};
use super::resource::Resource;
use super::watch::{Decode, Key, News, Trouble, Watch};
use super::writer::Live;
use crate::engine::{Change, Ledger, Listing};
use crate::expr::Interner;
use crate::facts::{KindFields, Row};
use crate::rulebook::{Kind, KindIx, ObjectRef, Rulebook};

/// News that wait for the loop, at most; then the watches wait.
pub const NEWS_MAX: usize = 1024;

/// Uids of deleted objects that are remembered, at most: far more than are deleted while a write is on its way.
const GONE_MAX: usize = 1024;

/// One watch.
struct Watched {
    kind: KindIx,
    resource: Resource,
    namespace: Option<Arc<str>>,
    fields: Arc<KindFields>,
    /// What tells one set of fields from another.
    fingerprint: String,
    listed: bool,
    absent: Option<String>,
    trouble: Option<Trouble>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a kind stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its short name.
    pub short: Arc<str>,
    /// As the API server names it.
    pub resource: Resource,
    /// `listed`, `pending`, `refused` (it may not be read) or `missing`.
    pub state: &'static str,
    /// Why it is missing, or what is wrong with its watch.
    pub why: Option<String>,
    /// Objects that are held.
    pub objects: usize,
}

/// All watches.
pub struct Kinds {
    env: Env,
    namespaces: Vec<Arc<str>>,
    watches: BTreeMap<u64, Watched>,
    next: u64,
    sender: mpsc::Sender<(u64, News<Row>)>,
    metrics: Metrics,
    interner: Interner,
    /// Uids of objects that watches have told to be gone, the newest last: an answer of before must not bring them back.
    gone: VecDeque<Arc<str>>,
}

/// Where a kind of the rules is served.
#[must_use]
pub fn resource(kind: &Kind) -> Resource {
    Resource {
        group: kind.group.clone(),
        version: kind.version.clone(),
        kind: kind.kind.clone(),
        plural: kind.plural.clone(),
        namespaced: kind.namespaced,
    }
}

impl Kinds {
    /// No watches yet. With namespaces, only these are watched.
    #[must_use]
    pub fn new(env: Env, namespaces: Vec<Arc<str>>, metrics: Metrics) -> (Kinds, mpsc::Receiver<(u64, News<Row>)>) {
        let (sender, receiver) = mpsc::channel(NEWS_MAX);
        let interner = Interner::default();
        let (watches, gone) = (BTreeMap::new(), VecDeque::new());
        (Kinds { env, namespaces, watches, next: 0, sender, metrics, interner, gone }, receiver)
    }

    /// Watches what a rulebook needs; gives its ledger the rows and listings of the watches that go on.
    pub fn follow(&mut self, rulebook: &Rulebook, old: Option<&Ledger>, new: &mut Ledger, now: Timestamp) {
        let mut left = std::mem::take(&mut self.watches);
        for (kind, fields) in rulebook.fields() {
            let Some(resource) = rulebook.kind(kind).map(resource) else { continue };
            let fingerprint = format!("{fields:?}");
            let fields = Arc::new(fields);
            for namespace in self.scopes(&resource) {
                let same =
                    |w: &Watched| w.resource == resource && w.namespace == namespace && w.fingerprint == fingerprint;
                let going = left.iter().find(|(_, watched)| same(watched)).map(|(id, _)| *id);
                match going.and_then(|id| left.remove(&id).map(|watched| (id, watched))) {
                    Some((id, mut watched)) => {
                        let was = std::mem::replace(&mut watched.kind, kind);
                        self.watches.insert(id, watched);
                        if let Some(old) = old {
                            take_over(old, was, new, kind, namespace.as_ref(), now);
                        }
                    }
                    None => self.begin(kind, resource.clone(), namespace, fields.clone(), fingerprint.clone()),
                }
            }
            self.note_listing(kind, new);
        }
    }

    fn scopes(&self, resource: &Resource) -> Vec<Option<Arc<str>>> {
        if self.namespaces.is_empty() || !resource.namespaced {
            return vec![None];
        }
        self.namespaces.iter().cloned().map(Some).collect()
    }

    fn begin(
        &mut self,
        kind: KindIx,
        resource: Resource,
        namespace: Option<Arc<str>>,
        fields: Arc<KindFields>,
        fingerprint: String,
    ) {
        let id = self.next;
        self.next += 1;
        let task = self.spawn(id, &resource, namespace.clone(), fields.clone());
        let (listed, absent, trouble) = (false, None, None);
        self.watches
            .insert(id, Watched { kind, resource, namespace, fields, fingerprint, listed, absent, trouble, task });
    }

    fn spawn(
        &self,
        id: u64,
        resource: &Resource,
        namespace: Option<Arc<str>>,
        keep: Arc<KindFields>,
    ) -> JoinHandle<()> {
        let mut interner = Interner::default();
        let decode: Decode<Row> = Box::new(move |object| {
            let row = Row::from_json(object, &keep, &mut interner)?;
            Some(((row.namespace.clone(), row.name.clone()), row))
        });
        let watch = Watch { resource: resource.clone(), namespace, name: None, decode, id, news: self.sender.clone() };
        tokio::spawn(watch.run(self.env.clone()))
    }

    /// A watch whose task has ended (it can only have panicked) begins anew, and its list tells what was missed.
    pub fn revive(&mut self) {
        let ended: Vec<u64> = self.watches.iter().filter(|(_, w)| w.task.is_finished()).map(|(id, _)| *id).collect();
        for id in ended {
            let Some(mut watched) = self.watches.remove(&id) else { continue };
            tracing::error!(kind = %watched.resource.kind, "the watch had ended; it begins anew");
            self.metrics.count(Id::WatchErrors, &[&watched.resource.kind]);
            watched.task = self.spawn(id, &watched.resource, watched.namespace.clone(), watched.fields.clone());
            self.watches.insert(id, watched);
        }
    }

    /// Takes in what a watch tells. False if no decision can depend on it yet: an object of a kind that is still being listed.
    pub fn hear(&mut self, id: u64, news: News<Row>, ledger: &mut Ledger, now: Timestamp) -> bool {
        let Some(watched) = self.watches.get_mut(&id) else { return false };
        let kind = watched.kind;
        match news {
            News::Upsert(row) => {
                ledger.change(Change::Upsert(kind, row), now);
                return watched.listed;
            }
            News::Delete((namespace, name), uid) => {
                remove(ledger, ObjectRef { kind, namespace, name }, &uid, now);
                if self.gone.len() >= GONE_MAX {
                    self.gone.pop_front();
                }
                self.gone.extend(Some(uid).filter(|uid| !uid.is_empty()));
            }
            News::Listed(keys) => {
                if let Some(trouble) = watched.trouble.take() {
                    tracing::info!(kind = %watched.resource.kind, was = trouble.message, "the watch works again");
                }
                if !watched.listed {
                    tracing::info!(kind = %watched.resource.kind, objects = keys.len(), "listed");
                }
                (watched.listed, watched.absent) = (true, None);
                let namespace = watched.namespace.clone();
                forget(ledger, kind, namespace.as_ref(), &keys, now);
                self.note_listing(kind, ledger);
            }
            News::Absent(why) => {
                if watched.absent.as_ref() != Some(&why) {
                    tracing::warn!(kind = %watched.resource.kind, why, "kind is missing; it is waited for");
                }
                (watched.listed, watched.absent, watched.trouble) = (false, Some(why), None);
                let namespace = watched.namespace.clone();
                forget(ledger, kind, namespace.as_ref(), &BTreeSet::new(), now);
                self.note_listing(kind, ledger);
            }
            News::Trouble(trouble) => {
                self.metrics.count(Id::WatchErrors, &[&watched.resource.kind]);
                if watched.trouble.as_ref().map(|t| &t.class) != Some(&trouble.class) {
                    tracing::warn!(kind = %watched.resource.kind, why = trouble.message, "watch in trouble; it is tried again");
                }
                watched.trouble = Some(trouble);
                return false;
            }
        }
        true
    }

    fn note_listing(&self, kind: KindIx, ledger: &mut Ledger) {
        let mut of_kind = self.watches.values().filter(|watched| watched.kind == kind).peekable();
        let listing = if of_kind.peek().is_none() {
            return;
        } else if of_kind.clone().all(|watched| watched.absent.is_some()) {
            Listing::Absent
        } else if of_kind.all(|watched| watched.listed) {
            Listing::Listed
        } else {
            Listing::Pending
        };
        ledger.set_listing(kind, listing);
    }

    /// Takes in objects as the writer read them or got them back.
    pub fn take_in(&mut self, live: Vec<Live>, ledger: &mut Ledger, now: Timestamp) {
        for (place, object) in live {
            let within = |w: &&Watched| w.namespace.as_ref().is_none_or(|ns| *ns == place.namespace);
            for watched in self.watches.values().filter(|w| w.resource == place.resource).filter(within) {
                let (kind, namespace, name) = (watched.kind, place.namespace.clone(), place.name.clone());
                let row =
                    object.as_ref().map(|object: &Json| Row::from_json(object, &watched.fields, &mut self.interner));
                match row {
                    Some(Some(row)) if self.gone.contains(&row.uid) => {}
                    Some(Some(row)) => ledger.change(Change::Upsert(kind, Box::new(row)), now),
                    Some(None) => {}
                    None => remove(ledger, ObjectRef { kind, namespace, name }, &place.uid, now),
                }
            }
        }
    }

    /// Whether a kind has been asked for and no answer has come yet, neither a list nor an error.
    #[must_use]
    pub fn waits_for_an_answer(&self) -> bool {
        self.watches.values().any(|w| !w.listed && w.absent.is_none() && w.trouble.is_none())
    }

    /// How each kind stands, in the order of the rulebook.
    #[must_use]
    pub fn standings(&self, ledger: &Ledger) -> Vec<Standing> {
        let mut standings: BTreeMap<KindIx, Standing> = BTreeMap::new();
        for watched in self.watches.values() {
            let state = match (&watched.absent, watched.listed) {
                (Some(_), _) => "missing",
                (None, true) => "listed",
                (None, false) if watched.trouble.as_ref().is_some_and(|trouble| trouble.refused) => "refused",
                (None, false) => "pending",
            };
            let trouble = watched.trouble.as_ref().map(|trouble| trouble.message.clone());
            let why = watched.absent.clone().or(trouble);
            let short = ledger.rulebook().kind(watched.kind).map_or_else(|| "?".into(), |kind| kind.short.clone());
            let objects = ledger.world().rows(watched.kind).count();
            let resource = watched.resource.clone();
            let standing =
                standings.entry(watched.kind).or_insert(Standing { short, resource, state, why: None, objects });
            if state != "listed" {
                standing.state = state;
            }
            standing.why = standing.why.take().or(why);
        }
        standings.into_values().collect()
    }
}

/// An object is gone, unless there is a newer one of its name.
fn remove(ledger: &mut Ledger, object: ObjectRef, uid: &Arc<str>, now: Timestamp) {
    let held = ledger.world().get(&object).map(|entry| &entry.row.uid);
    if held.is_none_or(|held| uid.is_empty() || held == uid) {
        ledger.change(Change::Delete(object), now);
    }
}

/// A list is complete: what a watch has within its bounds and the list lacks is gone.
fn forget(ledger: &mut Ledger, kind: KindIx, namespace: Option<&Arc<str>>, listed: &BTreeSet<Key>, now: Timestamp) {
    let missing = ledger.world().missing_from(kind, listed);
    for object in missing.into_iter().filter(|object| namespace.is_none_or(|ns| *ns == object.namespace)) {
        ledger.change(Change::Delete(object), now);
    }
}

/// The rows of a watch that goes on.
fn take_over(old: &Ledger, was: KindIx, new: &mut Ledger, kind: KindIx, namespace: Option<&Arc<str>>, now: Timestamp) {
    for entry in old.world().rows(was).filter(|entry| namespace.is_none_or(|ns| *ns == entry.row.namespace)) {
        new.change(Change::Upsert(kind, Box::new(entry.row.clone())), now);
    }
}
