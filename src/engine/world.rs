//! The world: rows of every kind that the rules use, their health, and the rulebook's state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::cause::RunId;
use super::condition::episode_key;
use super::episodes::Watched;
use super::index::targets;
use super::listed::{Listed, listed};
use super::missing::Missing;
use super::pace::Reserved;
use super::{Mark, Settle, State};
use crate::facts::Row;
use crate::rulebook::{Health, HealthStatus, KindIx, ObjectRef, Rule, Rulebook, health, rules_of, run_of};

/// What is known of a kind as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Not listed yet: nothing is decided about it.
    #[default]
    Pending,
    /// The cluster does not have this kind (its CRD is missing).
    Absent,
    /// Listed; what is not here does not exist.
    Listed,
}

/// An object and what follows from it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The projected object.
    pub row: Row,
    /// Its health.
    pub health: Health,
    /// The run that has ended, for kinds that run to completion.
    pub run: Option<RunId>,
    /// When the present status began: as the kind says, else as first observed; none if that is not known (manifests).
    pub since: Option<Timestamp>,
}

/// A change to one object.
#[derive(Debug)]
pub enum Change {
    /// Now so.
    Upsert(KindIx, Box<Row>),
    /// Gone.
    Delete(ObjectRef),
}

/// Failed tries of a firing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many writes were refused.
    pub refused: u32,
    /// How many failed in any way.
    pub failed: u32,
    /// How many met a newer object, since the last pause.
    pub conflicts: u32,
    /// Not before this.
    pub not_before: Timestamp,
    /// What the last one said.
    pub message: String,
}

#[derive(Clone, Debug, Default)]
struct Table {
    listing: Listing,
    /// Boxed: the nodes of the map have room for twice as many as they hold.
    rows: BTreeMap<(Arc<str>, Arc<str>), Box<Entry>>,
}

/// Everything a decision depends on, beside the rulebook and the time.
#[derive(Clone, Debug, Default)]
pub struct World {
    tables: BTreeMap<KindIx, Table>,
    annotated: BTreeMap<ObjectRef, Annotated>,
    /// Which objects' annotations write to an object.
    annotated_targets: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    /// What each Application lists, where rules ask for it.
    lists: BTreeMap<ObjectRef, Listed>,
    /// Kinds of which it must be remembered when an object came to a state.
    pub(super) episodic: BTreeSet<KindIx>,
    /// What this replica has seen of states itself.
    pub(super) watched: Watched,
    /// Objects of which rules ask whether they are missing.
    pub(super) missing: Missing,
    /// Writes that are due or on their way, where rules limit their pace.
    pub(super) reserved: Reserved,
    /// What records cannot hold.
    pub state: State,
    /// Failed tries, by the first mark of the firing. Lost on restart: then it is tried again.
    pub attempts: BTreeMap<Mark, Attempt>,
    /// For plans over manifests: what an unknown expression is taken to be.
    pub assume: Option<bool>,
    /// `run --observe`: every rule is as if it said `observe`.
    pub observe: bool,
    /// Settled marks that the stored state does not have yet.
    unsaved: BTreeSet<Mark>,
    /// Settled marks whose Event has not been created yet; they are not stored before.
    untold: BTreeSet<Mark>,
    /// The latest end of a member that had finished as asked, by event with `every`.
    pub(super) finished_last: BTreeMap<Mark, Timestamp>,
    /// Counts changes of the state.
    pub(super) state_changes: u64,
    /// Notebooks on which the operator has left its own record.
    pub(super) operator_marks: BTreeSet<ObjectRef>,
}

/// Rules that an object's annotations stand for.
#[derive(Clone, Debug, Default)]
pub struct Annotated {
    /// The rules.
    pub rules: Vec<Arc<Rule>>,
    /// What could not be honoured, one sentence each.
    pub refusals: Vec<String>,
}

/// Clocks differ by so much, at most. An end that is later than that is a mistake of whoever wrote it, and counts as not told.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);
/// States whose beginning is remembered, at most; with more, `for` may start again after a failover.
pub const EPISODES_MAX: usize = 3_000;
/// `mlops.dev/on-success-trigger`
pub const TRIGGER: &str = "mlops.dev/on-success-trigger";
/// `mlops.dev/block-wave`
pub const BLOCK_WAVE: &str = "mlops.dev/block-wave";

impl World {
    /// What is known of a kind.
    #[must_use]
    pub fn listing(&self, kind: KindIx) -> Listing {
        self.tables.get(&kind).map_or(Listing::Pending, |t| t.listing)
    }

    /// Says that a kind has been listed, or is absent from the cluster.
    pub fn set_listing(&mut self, kind: KindIx, listing: Listing) {
        self.tables.entry(kind).or_default().listing = listing;
        self.missing.look_again();
    }

    /// An object.
    #[must_use]
    pub fn get(&self, object: &ObjectRef) -> Option<&Entry> {
        self.tables.get(&object.kind)?.rows.get(&(object.namespace.clone(), object.name.clone())).map(Box::as_ref)
    }

    /// All objects of a kind, by namespace and name.
    pub fn rows(&self, kind: KindIx) -> impl Iterator<Item = &Entry> {
        self.tables.get(&kind).into_iter().flat_map(|table| table.rows.values().map(Box::as_ref))
    }

    /// All objects of a kind in one namespace.
    pub fn rows_in(&self, kind: KindIx, namespace: &Arc<str>) -> impl Iterator<Item = &Entry> {
        let from = (namespace.clone(), Arc::from(""));
        let namespace = namespace.clone();
        let table = self.tables.get(&kind);
        table
            .into_iter()
            .flat_map(move |t| t.rows.range(from.clone()..))
            .map_while(move |((ns, _), entry)| (*ns == namespace).then_some(entry.as_ref()))
    }

    /// The kinds that have been heard of.
    pub fn kinds(&self) -> impl Iterator<Item = KindIx> {
        self.tables.keys().copied()
    }

    /// How many objects are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.values().map(|t| t.rows.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules of an object's annotations.
    #[must_use]
    pub fn annotated(&self, object: &ObjectRef) -> Option<&Annotated> {
        self.annotated.get(object)
    }

    /// All objects whose annotations are rules.
    pub fn all_annotated(&self) -> impl Iterator<Item = (&ObjectRef, &Annotated)> {
        self.annotated.iter()
    }

    /// Every finished run.
    #[must_use]
    pub fn finished(&self) -> Vec<RunId> {
        self.tables.values().flat_map(|t| t.rows.values()).filter_map(|entry| entry.run.clone()).collect()
    }

    /// Takes a change in. An object that is older than the one held is ignored. Returns whether anything changed.
    pub fn apply(&mut self, rulebook: &Rulebook, change: Change, now: Timestamp) -> bool {
        match change {
            Change::Delete(object) => {
                self.missing.changed(&object);
                self.set_annotated(&object, None);
                self.note_operator(rulebook, &object, None);
                self.lists.remove(&object);
                let table = self.tables.entry(object.kind).or_default();
                let gone = table.rows.remove(&(object.namespace, object.name));
                if let Some(entry) = &gone {
                    self.ended(entry, now);
                }
                gone.is_some()
            }
            Change::Upsert(kind, row) => self.upsert(rulebook, kind, *row, now),
        }
    }

    fn upsert(&mut self, rulebook: &Rulebook, kind_ix: KindIx, row: Row, now: Timestamp) -> bool {
        let Some(kind) = rulebook.kind(kind_ix) else {
            return false;
        };
        let object = ObjectRef { kind: kind_ix, namespace: row.namespace.clone(), name: row.name.clone() };
        let before = self.get(&object);
        if before.is_some_and(|entry| is_older(&row, &entry.row)) {
            return false;
        }
        let health = health(kind, &row.fields);
        let run = run_of(kind, &health, &row.fields).map(|run| RunId {
            uid: row.uid.clone(),
            outcome: run.outcome,
            completion: run.completion,
            ended: run.ended.filter(|ended| *ended <= plus(now, CLOCK_SKEW)),
            created: row.created,
            before: run.before,
        });
        let same = before.filter(|e| e.health.status == health.status && e.row.uid == row.uid).map(|e| e.since);
        if let Some(entry) = before.filter(|_| same.is_none()).cloned() {
            self.ended(&entry, now);
        }
        let since = match (health.since, same) {
            (Some(since), _) => Some(since),
            (None, Some(since)) => since,
            (None, None) => Some(self.began(kind_ix, &row, health.status, now)),
        };
        self.note_annotations(rulebook, &object, &row);
        self.note_operator(rulebook, &object, Some(&row));
        self.note_list(rulebook, &object, &row);
        self.missing.changed(&object);
        let key = (object.namespace, object.name);
        let table = self.tables.entry(kind_ix).or_default();
        if table.listing == Listing::Absent {
            // It is served after all, and this is the first of its list.
            table.listing = Listing::Pending;
        }
        table.rows.insert(key, Box::new(Entry { row, health, run, since }));
        true
    }

    fn note_annotations(&mut self, rulebook: &Rulebook, object: &ObjectRef, row: &Row) {
        let trigger = row.annotation(TRIGGER);
        let block = row.annotation(BLOCK_WAVE);
        if (trigger.is_none() && block.is_none()) || rulebook.honour == crate::rulebook::Honour::Never {
            self.set_annotated(object, None);
            return;
        }
        let (rules, refusals) = rules_of(rulebook, object, trigger.map(|t| &**t), block.map(|b| &**b));
        self.set_annotated(object, Some(Annotated { rules, refusals }));
    }

    fn set_annotated(&mut self, object: &ObjectRef, annotated: Option<Annotated>) {
        for rule in self.annotated.remove(object).into_iter().flat_map(|old| old.rules) {
            for target in targets(&rule) {
                if let Some(sources) = self.annotated_targets.get_mut(target) {
                    sources.remove(object);
                }
            }
        }
        let Some(annotated) = annotated else { return };
        for target in annotated.rules.iter().flat_map(|rule| targets(rule)) {
            self.annotated_targets.entry(target.clone()).or_default().insert(object.clone());
        }
        self.annotated.insert(object.clone(), annotated);
    }

    /// The objects whose annotations are rules about this object: itself, and those that write to it.
    #[must_use]
    pub fn annotations_touching(&self, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        let own = self.annotated.contains_key(object).then(|| object.clone());
        own.into_iter().chain(self.annotated_targets.get(object).into_iter().flatten().cloned()).collect()
    }

    /// Deals with marks: at once for decisions, in the stored state only after its Event (`told`).
    /// False when all of them are already: then their Event is there, or on its way.
    pub fn settle(&mut self, settle: &Settle, now: Timestamp) -> bool {
        let new: Vec<Mark> =
            settle.marks.iter().filter(|mark| !self.state.settled.contains_key(mark)).copied().collect();
        if new.is_empty() {
            return false;
        }
        self.unsaved.extend(new.iter().copied());
        if settle.event.is_some() {
            self.untold.extend(new.iter().copied());
        }
        self.state.settle(new, settle.how, settle.timeless, now);
        self.state_changes += 1;
        true
    }

    /// The Event of these marks is there, or was refused for good.
    pub fn told(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.untold.remove(mark);
        }
        self.state_changes += 1;
    }

    /// The state as it may be stored now, and which marks that covers.
    #[must_use]
    pub fn storable(&self) -> (State, BTreeSet<Mark>) {
        let mut state = self.state.clone();
        state.settled.retain(|mark, _| !self.untold.contains(mark));
        (state, self.unsaved.difference(&self.untold).copied().collect())
    }

    /// The state was pruned: what it does not have any more need not be stored.
    pub(super) fn forget_marks(&mut self) {
        let settled = &self.state.settled;
        self.unsaved.retain(|mark| settled.contains_key(mark));
        self.untold.retain(|mark| settled.contains_key(mark));
        self.state_changes += 1;
    }

    /// These marks are settled, and not in the stored state yet.
    pub(super) fn set_unsaved(&mut self, marks: BTreeSet<Mark>) {
        self.unsaved = marks;
    }

    /// These marks are in the stored state.
    pub fn saved(&mut self, marks: &BTreeSet<Mark>) {
        self.unsaved.retain(|mark| !marks.contains(mark));
    }

    /// Whether a mark is in the stored state, so that no record needs to hold it any more.
    #[must_use]
    pub fn is_saved(&self, mark: Mark) -> bool {
        self.state.settled.contains_key(&mark) && !self.unsaved.contains(&mark)
    }

    /// Whether a mark is settled and not in the stored state yet.
    #[must_use]
    pub fn is_unsaved(&self, mark: Mark) -> bool {
        self.unsaved.contains(&mark)
    }

    /// Grows with each change of the state.
    #[must_use]
    pub fn state_changes(&self) -> u64 {
        self.state_changes
    }

    /// Says that the state was changed from outside [`World::settle`].
    pub fn touch_state(&mut self) {
        self.state_changes += 1;
    }

    /// Remembers, for objects of these kinds, when they came to their state.
    pub fn set_episodic(&mut self, kinds: BTreeSet<KindIx>) {
        self.episodic = kinds;
    }

    /// Remembers since when an object is in its state, as far as there is room.
    pub(super) fn begin(&mut self, key: Mark, since: Timestamp) -> Timestamp {
        if let Some(since) = self.state.episodes.get(&key) {
            return *since;
        }
        if self.state.episodes.len() < EPISODES_MAX {
            self.state.episodes.insert(key, since);
            self.state_changes += 1;
        }
        since
    }

    /// Remembers when a run was first seen to have ended that does not tell it itself: a rule waits on it, and not anew after a restart.
    pub(super) fn remember(&mut self, object: &ObjectRef) {
        let Some((entry, since)) = self.get(object).and_then(|entry| Some((entry, entry.since?))) else { return };
        let key = episode_key(&entry.row.uid, entry.health.status);
        self.begin(key, since);
    }

    /// Drops what is remembered of objects that went away unseen. Everything must have been listed.
    pub fn forget_episodes(&mut self) {
        if self.state.episodes.len() < EPISODES_MAX / 2 {
            return;
        }
        let mut live: BTreeSet<Mark> = self.missing_keys().collect();
        for (kind, table) in &self.tables {
            let asked = |entry: &&Entry| {
                self.episodic.contains(kind) || entry.run.as_ref().is_some_and(|run| run.ended.is_none())
            };
            let rows = table.rows.values().map(Box::as_ref).filter(asked);
            live.extend(rows.map(|entry| episode_key(&entry.row.uid, entry.health.status)));
        }
        let before = self.state.episodes.len();
        self.state.episodes.retain(|key, _| live.contains(key));
        self.state_changes += u64::from(self.state.episodes.len() < before);
    }

    /// What the Applications list.
    pub fn lists(&self) -> impl Iterator<Item = (&ObjectRef, &Listed)> {
        self.lists.iter()
    }

    fn note_list(&mut self, rulebook: &Rulebook, object: &ObjectRef, row: &Row) {
        let kind = rulebook.kind(object.kind);
        if kind.is_some_and(|kind| &*kind.group == "argoproj.io" && &*kind.kind == "Application") {
            match listed(rulebook, &row.fields) {
                Some(list) => self.lists.insert(object.clone(), list),
                None => self.lists.remove(object),
            };
        }
    }

    /// Says what becomes of an object, for plans over manifests: its status, since when, and how its run ended.
    pub fn assert(&mut self, object: &ObjectRef, status: HealthStatus, since: Option<Timestamp>, run: Option<RunId>) {
        let key = (object.namespace.clone(), object.name.clone());
        if let Some(entry) = self.tables.get_mut(&object.kind).and_then(|t| t.rows.get_mut(&key)) {
            entry.health = Health { status, ..Health::default() };
            entry.run = run;
            entry.since = since;
        }
    }

    /// The objects of a kind that a new list does not have.
    #[must_use]
    pub fn missing_from(&self, kind: KindIx, listed: &BTreeSet<(Arc<str>, Arc<str>)>) -> Vec<ObjectRef> {
        let keys = self.tables.get(&kind).into_iter().flat_map(|table| table.rows.keys());
        let gone = keys.filter(|key| !listed.contains(key)).cloned();
        gone.map(|(namespace, name)| ObjectRef { kind, namespace, name }).collect()
    }
}

impl Attempt {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Attempt {
        Attempt { refused: 0, failed: 0, conflicts: 0, not_before: now, message: String::new() }
    }
}

/// resourceVersions are compared as numbers, as Kubernetes allows since 1.35; where they are not numbers, the newest word counts.
fn is_older(row: &Row, held: &Row) -> bool {
    let number = |row: &Row| row.resource_version.parse::<u128>().ok();
    row.uid == held.uid && number(row).zip(number(held)).is_some_and(|(new, old)| new < old)
}

/// `time + duration`, at the far end of time if it overflows.
pub(super) fn plus(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
