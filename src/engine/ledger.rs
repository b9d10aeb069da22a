//! The ledger: the engine with its memory of what is not at rest, so that a change costs the rules that it touches.
//!
//! It only saves work: deciding everything anew gives the same (`invariant_1_one_engine`). What it holds beside that is what is in flight and
//! what is still to be said.

mod adopt;
mod departed;
mod due;
mod gone;
mod holds;
mod outcome;
mod prune;
mod round;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::condition::{matches, members};
use super::decide::{decide, rule_of};
use super::index::{Index, Touched, blocks};
use super::pace::Reserved;
use super::record::{annotation_notes, application_of, validation_event, wave_record};
use super::{Change, Gate, Intent, Listing, Mark, RuleId, State, Unit, Verdict, World};
use crate::rulebook::{AppName, KindIx, ObjectRef, Rulebook};

/// The status on an Application is written at most this often, and so are notifications: whoever is told of them sees each.
pub const STATUS_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Rounds of decisions in one tick, at most: each settles something, so more would mean a rule that never rests.
const ROUNDS_MAX: usize = 64;

pub use holds::{Hold, Holds};
pub use outcome::Failure;

/// What is to be done now.
#[derive(Debug, Default)]
pub struct Tick {
    /// What to write, at most one for each target.
    pub intents: Vec<Intent>,
    /// When to tick again though nothing changes.
    pub wake: Option<Timestamp>,
    /// What was decided and only observed, since the rule or the controller says `observe`.
    pub would: Vec<Would>,
}

/// What would have been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// The unit.
    pub unit: Unit,
    /// The rule's name.
    pub rule: Arc<str>,
    /// The action's canonical text.
    pub action: String,
    /// Why, in words.
    pub causes: Vec<String>,
}

/// The engine, its world, and what is not at rest.
#[derive(Debug)]
pub struct Ledger {
    rulebook: Arc<Rulebook>,
    index: Index,
    world: World,
    verdicts: BTreeMap<Unit, Verdict>,
    acting: BTreeSet<Unit>,
    wakes: BTreeSet<(Timestamp, Unit)>,
    dirty: BTreeSet<Unit>,
    dirty_rules: BTreeSet<RuleId>,
    dirty_objects: BTreeSet<ObjectRef>,
    dirty_apps: BTreeSet<AppName>,
    gates: BTreeMap<RuleId, Vec<Gate>>,
    /// When gates may open or close though nothing changes, in order of time, and by rule.
    gates_due: BTreeSet<(Timestamp, RuleId)>,
    gate_wakes: BTreeMap<RuleId, Timestamp>,
    /// Events of settled marks that are still to be created.
    tell: BTreeMap<Mark, (Intent, Vec<Mark>)>,
    in_flight: BTreeSet<Mark>,
    /// Units that are not at rest, by the objects whose runs they rest on.
    resting: BTreeMap<ObjectRef, BTreeSet<Unit>>,
    /// Firings that go on without a cause of theirs.
    owed: BTreeMap<Mark, Unit>,
    status_written: BTreeMap<AppName, Timestamp>,
    /// Applications of which something is not known until more kinds have been listed.
    apps_held: BTreeSet<AppName>,
    /// When an Application last got a notification.
    noted: BTreeMap<ObjectRef, Timestamp>,
    adopted: BTreeSet<Mark>,
    /// Observed since the last tick.
    would: Vec<Would>,
    /// Objects whose wave record is not as it should be.
    waves: BTreeSet<ObjectRef>,
    /// The kinds that the rules use.
    kinds: Vec<KindIx>,
    /// A kind was listed since rules were last given their baseline.
    listing_changed: bool,
}

impl Ledger {
    /// A ledger over an empty world.
    #[must_use]
    pub fn new(rulebook: Arc<Rulebook>, state: State) -> Ledger {
        let mut world = World::default();
        world.state = state;
        world.set_episodic(episodic(&rulebook));
        world.ask_missing(&rulebook);
        Ledger::over(rulebook, world)
    }

    /// A ledger with other rules and an empty world, that remembers what the one before it did: as it may be stored, and which of it is not
    /// stored yet.
    #[must_use]
    pub fn reloaded(rulebook: Arc<Rulebook>, old: &World) -> Ledger {
        let (state, unsaved) = old.storable();
        let mut ledger = Ledger::new(rulebook, state);
        ledger.world.set_unsaved(unsaved);
        ledger.world.take_over(old);
        ledger
    }

    /// A ledger over a given world, everything still to be decided.
    #[must_use]
    pub fn over(rulebook: Arc<Rulebook>, mut world: World) -> Ledger {
        world.reserved = Reserved::default();
        let kinds = rulebook.fields().into_keys().collect();
        let mut ledger = Ledger {
            index: Index::new(&rulebook),
            rulebook,
            world,
            verdicts: BTreeMap::new(),
            acting: BTreeSet::new(),
            wakes: BTreeSet::new(),
            dirty: BTreeSet::new(),
            dirty_rules: BTreeSet::new(),
            dirty_objects: BTreeSet::new(),
            dirty_apps: BTreeSet::new(),
            gates: BTreeMap::new(),
            gates_due: BTreeSet::new(),
            gate_wakes: BTreeMap::new(),
            tell: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            resting: BTreeMap::new(),
            owed: BTreeMap::new(),
            status_written: BTreeMap::new(),
            apps_held: BTreeSet::new(),
            noted: BTreeMap::new(),
            adopted: BTreeSet::new(),
            would: Vec::new(),
            waves: BTreeSet::new(),
            kinds,
            listing_changed: true,
        };
        ledger.decide_all();
        ledger
    }

    /// The rulebook.
    #[must_use]
    pub fn rulebook(&self) -> &Arc<Rulebook> {
        &self.rulebook
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, to say of it what no change of an object says: what plans suppose, what is stored, that everything is only observed. What
    /// changes decisions is decided anew only after [`Ledger::decide_all`].
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The index.
    #[must_use]
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Decides everything about an object again at the next tick.
    pub(super) fn look_at(&mut self, object: &ObjectRef) {
        self.touch(object);
        self.note_object(object);
    }

    /// Forgets what was still to be said.
    pub(super) fn forget_told(&mut self) {
        self.tell.clear();
        self.in_flight.clear();
        self.world.reserved = Reserved::default();
        let units: Vec<Unit> = self.acting.iter().cloned().collect();
        self.dirty.extend(units);
    }

    /// Every verdict that is not at rest.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.values()
    }

    /// Lets what is done later be written at once, for plans: in them no time passes.
    pub(super) fn forget_intervals(&mut self) {
        self.noted.clear();
    }

    /// Every gate with its rule.
    pub fn gates_of_rules(&self) -> impl Iterator<Item = (&RuleId, &Gate)> {
        self.gates.iter().flat_map(|(id, gates)| gates.iter().map(move |gate| (id, gate)))
    }

    /// Every gate, by rule.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.values().flatten()
    }

    /// Everything is to be decided again.
    pub fn decide_all(&mut self) {
        self.index_owed();
        self.dirty.extend(self.index.all(&self.rulebook, &self.world));
        self.dirty_rules.extend((0..self.rulebook.rules.len()).map(RuleId::Book));
        let annotated = self.world.all_annotated();
        let annotated: Vec<RuleId> = annotated
            .flat_map(|(object, a)| (0..a.rules.len()).map(|index| RuleId::Annotation(object.clone(), index)))
            .collect();
        for id in annotated {
            self.dirty.extend(self.units_of(&id));
            self.dirty_rules.insert(id);
        }
        let kinds: Vec<KindIx> = self.world.kinds().collect();
        for kind in kinds {
            let objects: Vec<ObjectRef> = self.world.rows(kind).map(|entry| object_ref(kind, entry)).collect();
            for object in objects {
                self.note_object(&object);
            }
        }
        self.dirty_apps.append(&mut self.apps_held);
        self.dirty_apps.extend(self.rulebook.application.clone());
        self.dirty_apps.extend(self.rulebook.reports.iter().map(|report| report.application.clone()));
    }

    /// The units of a rule.
    #[must_use]
    pub fn units_of(&self, id: &RuleId) -> Vec<Unit> {
        let Some(rule) = rule_of(&self.rulebook, &self.world, id) else {
            return Vec::new();
        };
        let mut units = Vec::new();
        for (alternative, a) in rule.alternatives.iter().enumerate() {
            match a.any.and_then(|term| rule.terms.get(term)) {
                None => units.push(Unit { rule: id.clone(), alternative, member: None, owed: None }),
                Some(term) => {
                    units.extend(members(&self.rulebook, &self.world, &term.source).map(|(object, _)| Unit {
                        rule: id.clone(),
                        alternative,
                        member: Some(object),
                        owed: None,
                    }))
                }
            }
        }
        units.extend(blocks(id, &rule));
        units
    }

    /// The units of which an object is a part, at rest or not.
    #[must_use]
    pub fn units_about(&self, object: &ObjectRef) -> BTreeSet<Unit> {
        let rows: Vec<_> = self.world.get(object).iter().map(|entry| &entry.row).collect();
        let touched = self.index.touched(&self.rulebook, &self.world, object, &rows);
        let waiting = touched.waiting.iter().chain(&touched.whole).flat_map(|id| self.units_of(id));
        touched.units.iter().cloned().chain(waiting).collect()
    }

    /// Decides one unit now, whether at rest or not.
    #[must_use]
    pub fn verdict(&self, unit: &Unit, now: Timestamp) -> Option<Verdict> {
        decide(&self.rulebook, &self.world, unit, now)
    }

    /// Takes a change in.
    pub fn change(&mut self, change: Change, now: Timestamp) {
        let object = match &change {
            Change::Delete(object) => object.clone(),
            Change::Upsert(kind, row) => {
                ObjectRef { kind: *kind, namespace: row.namespace.clone(), name: row.name.clone() }
            }
        };
        self.touch(&object);
        let unfinished = self.unfinished_in(&object);
        let (listing, acted) = (self.world.listing(object.kind), self.world.operator_acts(&object));
        let resting = self.resting_on(&object, now);
        if self.world.apply(&self.rulebook, change, now) {
            self.note_gone(&object, resting, now);
            self.note_members(&object, unfinished, now);
            self.touch(&object);
            self.note_object(&object);
        }
        if self.world.listing(object.kind) != listing {
            self.listing_changed = true;
            self.decide_all();
        }
        if self.world.operator_acts(&object) != acted {
            let annotated = self.world.all_annotated().map(|(object, _)| object);
            let beside = annotated.filter(|other| other.kind == object.kind && other.namespace == object.namespace);
            let beside: Vec<ObjectRef> = beside.cloned().collect();
            beside.iter().for_each(|object| self.touch(object));
            self.dirty_objects.extend(beside);
        }
    }

    /// Says that a kind has been listed, or that the cluster does not have it.
    pub fn set_listing(&mut self, kind: KindIx, listing: Listing) {
        if self.world.listing(kind) != listing {
            self.world.set_listing(kind, listing);
            self.listing_changed = true;
            self.decide_all();
        }
    }

    /// A new list of a kind is complete: what it lacks is gone.
    pub fn relisted(&mut self, kind: KindIx, listed: &BTreeSet<(Arc<str>, Arc<str>)>, now: Timestamp) {
        for object in self.world.missing_from(kind, listed) {
            self.change(Change::Delete(object), now);
        }
        self.set_listing(kind, Listing::Listed);
    }

    fn touch(&mut self, object: &ObjectRef) {
        self.touch_owed(object);
        let rows: Vec<_> = self.world.get(object).iter().map(|entry| &entry.row).collect();
        let Touched { units, waiting, whole, rules } = self.index.touched(&self.rulebook, &self.world, object, &rows);
        self.dirty.extend(units);
        for rule in waiting {
            let first = Unit { rule: rule.clone(), alternative: 0, member: None, owed: None };
            let held = self.verdicts.range(first..).map(|(unit, _)| unit).take_while(|unit| unit.rule == rule);
            self.dirty.extend(held.cloned());
        }
        for rule in whole {
            self.dirty.extend(self.units_of(&rule));
        }
        self.dirty_rules.extend(rules);
        let app = self.world.get(object).and_then(|entry| application_of(&self.rulebook, entry));
        self.dirty_apps.extend(app);
        let Some(entry) = self.world.get(object) else { return };
        for report in self.rulebook.reports.iter().filter(|report| report.source.kind == object.kind) {
            if matches(&self.rulebook, &report.source, &entry.row) {
                self.dirty_apps.insert(report.application.clone());
            }
        }
        if self.rulebook.kind(object.kind).is_some_and(|kind| &*kind.kind == "Application") {
            self.dirty_apps.insert(AppName { namespace: object.namespace.clone(), name: object.name.clone() });
        }
    }

    /// While a kind is being listed nothing is said of its objects; then [`Ledger::decide_all`] notes all of them.
    fn note_object(&mut self, object: &ObjectRef) {
        if self.world.listing(object.kind) == Listing::Pending {
            return;
        }
        if self.rulebook.kind(object.kind).is_some_and(|kind| kind.runs) {
            self.dirty_objects.insert(object.clone());
        }
    }

    /// Decides what is dirty or due, and says what to write.
    pub fn tick(&mut self, now: Timestamp) -> Tick {
        self.world.note_missing(now);
        self.adopt(now);
        let mut asked = 0;
        self.wake(now);
        // A settled mark can make the next action of the same unit due at once; each round settles at least one.
        while !self.dirty.is_empty() && asked < ROUNDS_MAX {
            asked += 1;
            self.round(now);
        }
        let mut tick = Tick { would: std::mem::take(&mut self.would), ..Tick::default() };
        self.records(now);
        for id in std::mem::take(&mut self.dirty_rules) {
            self.note_gates(id, now);
        }
        tick.intents = self.intents(now, &mut tick.wake);
        tick.wake = [tick.wake, self.next_wake()].into_iter().flatten().min();
        tick
    }

    fn records(&mut self, now: Timestamp) {
        for object in std::mem::take(&mut self.dirty_objects) {
            // Once the kind has been listed, all its objects are looked at.
            if self.world.listing(object.kind) == Listing::Pending {
                continue;
            }
            let Some(entry) = self.world.get(&object) else { continue };
            let notebook = super::record::notebook_kind(&self.rulebook) == Some(object.kind);
            let event = notebook.then(|| validation_event(&self.rulebook, &self.world, &object, entry, now)).flatten();
            let mut settles = annotation_notes(&self.rulebook, &self.world, &object, now);
            settles.extend(event);
            let cared_for = self.index.is_source(&self.rulebook, &object, &entry.row)
                || self.world.annotated(&object).is_some_and(|annotated| !annotated.rules.is_empty());
            if cared_for && wave_record(&object, entry).is_some() {
                self.waves.insert(object);
            }
            settles.into_iter().for_each(|settle| self.settle(settle, now));
        }
    }
}

/// The kinds of which it matters when an object came to its state: asked by `for` and by rules with states alone.
fn episodic(rulebook: &Rulebook) -> BTreeSet<KindIx> {
    let mut kinds = BTreeSet::new();
    for rule in &rulebook.rules {
        let alone = rule.alternatives.iter().any(|alternative| alternative.events.is_empty());
        let terms = rule.terms.iter().filter(|term| alone || term.lasting.is_some());
        kinds.extend(terms.map(|term| term.source.kind));
    }
    kinds
}

fn object_ref(kind: KindIx, entry: &super::Entry) -> ObjectRef {
    ObjectRef { kind, namespace: entry.row.namespace.clone(), name: entry.row.name.clone() }
}
