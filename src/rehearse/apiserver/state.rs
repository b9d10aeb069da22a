//! What is stored: objects by resource, the revision, and for each resource the changes of late, which are what watches
//! and lists of an earlier revision read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::Clock;
use super::apply::Owners;
use super::changes::{Listeners, Stored};
use super::json::{Object, edit_meta, meta_text};
use super::kinds::{Registry, StorageKey};

/// Namespace (empty for cluster-wide objects) and name; lists are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub namespace: String,
    pub name: String,
}

/// One change of one object. `old` and `new` are absent before creation and after deletion.
#[derive(Clone)]
pub(super) struct Change {
    pub revision: u64,
    pub key: Key,
    pub old: Option<Arc<Object>>,
    pub new: Option<Arc<Object>>,
}

/// The objects of one resource.
pub(super) struct Collection {
    pub objects: BTreeMap<Key, Arc<Object>>,
    owners: BTreeMap<Key, Owners>,
    changes: VecDeque<Change>,
    /// Changes up to this revision are forgotten.
    pub forgotten: u64,
    /// The resource is no longer served; watches deliver what they have and end.
    pub ended: bool,
    signal: watch::Sender<u64>,
}

impl Collection {
    fn new(revision: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            owners: BTreeMap::new(),
            changes: VecDeque::new(),
            forgotten: revision,
            ended: false,
            signal: watch::Sender::new(revision),
        }
    }

    /// The changes after a revision, oldest first.
    pub fn changes_after(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let start = self.changes.partition_point(|change| change.revision <= revision);
        self.changes.range(start..)
    }

    /// The objects as they were at a revision; `None` when that is forgotten.
    pub fn at(&self, revision: u64) -> Option<BTreeMap<Key, Arc<Object>>> {
        if revision < self.forgotten {
            return None;
        }
        let mut objects = self.objects.clone();
        for change in self.changes.iter().rev().take_while(|change| change.revision > revision) {
            match &change.old {
                Some(old) => objects.insert(change.key.clone(), Arc::clone(old)),
                None => objects.remove(&change.key),
            };
        }
        Some(objects)
    }

    /// Tells of each new change, and of the end.
    pub fn signal(&self) -> watch::Receiver<u64> {
        self.signal.subscribe()
    }
}

/// Everything behind the server's lock.
pub(super) struct State {
    pub registry: Registry,
    pub revision: u64,
    pub clock: Clock,
    /// Who makes the changes just now; none for simulators and the server itself.
    pub caller: Option<Arc<str>>,
    pub listeners: Listeners,
    collections: BTreeMap<StorageKey, Collection>,
    history_changes_max: usize,
    uids: u64,
    suffixes: u64,
}

impl State {
    pub fn new(clock: Clock, history_changes_max: usize) -> Self {
        Self {
            registry: Registry::builtin(),
            revision: 1,
            clock,
            caller: None,
            listeners: Listeners::default(),
            collections: BTreeMap::new(),
            history_changes_max,
            uids: 0,
            suffixes: 0,
        }
    }

    /// The collection of a resource; made when it is first asked for.
    pub fn collection(&mut self, key: &StorageKey) -> &mut Collection {
        self.collections.entry(key.clone()).or_insert_with(|| Collection::new(0))
    }

    /// Begins the history of a resource now, as the real server does for a resource that a definition brings.
    pub fn begin(&mut self, key: &StorageKey) {
        if self.collections.get(key).is_none_or(|collection| collection.ended) {
            self.collections.insert(key.clone(), Collection::new(self.revision));
        }
    }

    /// Ends the watches of a resource once they have delivered what is there.
    pub fn end(&mut self, key: &StorageKey) {
        let revision = self.revision;
        let collection = self.collection(key);
        collection.ended = true;
        collection.signal.send_replace(revision);
    }

    /// The stored object.
    pub fn find(&self, storage: &StorageKey, key: &Key) -> Option<Arc<Object>> {
        self.collections.get(storage)?.objects.get(key).cloned()
    }

    /// Who owns the fields of an object.
    pub fn owners(&self, storage: &StorageKey, key: &Key) -> Owners {
        self.collections.get(storage).and_then(|c| c.owners.get(key)).cloned().unwrap_or_default()
    }

    /// Stores an object at the next revision.
    pub fn store(&mut self, storage: &StorageKey, key: &Key, mut object: Object, owners: Owners) -> Arc<Object> {
        self.revision += 1;
        let revision = self.revision;
        edit_meta(&mut object, |meta| meta.insert("resourceVersion".to_owned(), Value::from(revision.to_string())));
        let object = Arc::new(object);
        let collection = self.collection(storage);
        let old = collection.objects.insert(key.clone(), Arc::clone(&object));
        collection.owners.insert(key.clone(), owners);
        self.record(storage, Change { revision, key: key.clone(), old, new: Some(Arc::clone(&object)) });
        object
    }

    /// Takes an object away at the next revision.
    pub fn remove(&mut self, storage: &StorageKey, key: &Key) {
        let collection = self.collection(storage);
        collection.owners.remove(key);
        let Some(old) = collection.objects.remove(key) else { return };
        self.revision += 1;
        let change = Change { revision: self.revision, key: key.clone(), old: Some(old), new: None };
        self.record(storage, change);
    }

    fn record(&mut self, storage: &StorageKey, change: Change) {
        let by = self.caller.clone().unwrap_or_else(|| Arc::from(""));
        self.listeners.tell(&Stored { by, before: change.old.clone(), after: change.new.clone() });
        let changes_max = self.history_changes_max;
        let collection = self.collection(storage);
        let revision = change.revision;
        collection.changes.push_back(change);
        while collection.changes.len() > changes_max {
            if let Some(dropped) = collection.changes.pop_front() {
                collection.forgotten = dropped.revision;
            }
        }
        collection.signal.send_replace(revision);
    }

    /// Forgets all changes so far: what compaction does. A watch that has seen them all goes on.
    pub fn forget_history(&mut self) {
        for collection in self.collections.values_mut() {
            if let Some(last) = collection.changes.back() {
                collection.forgotten = last.revision;
            }
            collection.changes.clear();
        }
    }

    /// The time for `metadata`, in whole seconds.
    pub fn now(&self) -> String {
        (self.clock)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The next uid: a counter in the form of a UUID.
    pub fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids)
    }

    /// Five letters or digits for `generateName`: a counter, spread so that neighbours differ in the first letter too.
    pub fn next_suffix(&mut self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        const SPACE: u64 = 27 * 27 * 27 * 27 * 27;
        self.suffixes += 1;
        // An odd step that is no multiple of 3 visits every value before any comes again.
        let mut rest = self.suffixes.wrapping_mul(5_039_479) % SPACE;
        let mut suffix = String::new();
        for _ in 0..5 {
            let index = usize::try_from(rest % 27).unwrap_or_default();
            suffix.push(ALPHABET.get(index).copied().map_or('b', char::from));
            rest /= 27;
        }
        suffix
    }

    /// Whether a namespace exists and takes new objects; the phase when it exists.
    pub fn namespace_phase(&self, name: &str) -> Option<String> {
        let storage = StorageKey { group: String::new(), plural: "namespaces".to_owned() };
        let namespace = self.find(&storage, &Key { namespace: String::new(), name: name.to_owned() })?;
        let ending = !meta_text(&namespace, "deletionTimestamp").is_empty();
        Some(if ending { "Terminating" } else { "Active" }.to_owned())
    }
}
