//! What the engine sees of the cluster, beside the controller: for the stand-in of the wait hook, and for what a scenario expects of
//! resources. It asks the same functions as `tidegate wait`, and writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::apiserver::{ApiServer, Stored};
use super::scene::Place;
use crate::engine::{Change, Listing, Reason, World, cannot_hold, condition};
use crate::expr::{Interner, Truth};
use crate::facts::{KindFields, Row};
use crate::rulebook::{KindIx, ObjectRef, Rule, Rulebook};

/// A world that follows the API server.
pub struct Observer {
    rulebook: Arc<Rulebook>,
    fields: BTreeMap<KindIx, KindFields>,
    world: World,
    interner: Interner,
}

impl Observer {
    /// Over an empty cluster.
    pub fn new(rulebook: Arc<Rulebook>) -> Observer {
        let fields = rulebook.fields();
        let mut world = World::default();
        fields.keys().for_each(|kind| world.set_listing(*kind, Listing::Listed));
        world.ask_missing(&rulebook);
        Observer { rulebook, fields, world, interner: Interner::new() }
    }

    /// Over the cluster as it is now: since when things are so is not known.
    pub fn snapshot(rulebook: Arc<Rulebook>, server: &ApiServer, now: Timestamp) -> Observer {
        let mut observer = Observer::new(rulebook);
        for kind in observer.fields.keys().copied().collect::<Vec<_>>() {
            let none = ObjectRef { kind, namespace: Arc::from(""), name: Arc::from("") };
            let Some(place) = Place::of_ref(&observer.rulebook, &none) else { continue };
            for object in server.list(&place.api_version, &place.kind, None).unwrap_or_default() {
                observer.take(kind, &object, now);
            }
        }
        observer
    }

    /// Whether a rule reads objects of a kind.
    pub fn reads(&self, kind: KindIx) -> bool {
        self.fields.contains_key(&kind)
    }

    /// Takes a change in.
    pub fn hear(&mut self, change: &Stored, now: Timestamp) {
        self.follow(change, now);
        self.world.note_missing(now);
    }

    fn follow(&mut self, change: &Stored, now: Timestamp) {
        let Some(object) = change.after.as_ref().or(change.before.as_ref()) else { return };
        let place = Place::of(object);
        let Some(kind) = self.rulebook.kind_by_type(place.group(), &place.kind) else { return };
        if !self.fields.contains_key(&kind) {
            return;
        }
        if change.after.is_some() {
            self.take(kind, &Json::Object((**object).clone()), now);
        } else {
            let gone = ObjectRef { kind, namespace: place.namespace.into(), name: place.name.into() };
            self.world.apply(&self.rulebook, Change::Delete(gone), now);
        }
    }

    fn take(&mut self, kind: KindIx, object: &Json, now: Timestamp) {
        let Some(keep) = self.fields.get(&kind) else { return };
        if let Some(row) = Row::from_json(object, keep, &mut self.interner) {
            self.world.apply(&self.rulebook, Change::Upsert(kind, Box::new(row)), now);
        }
    }

    /// The rules: those of the files, and those of annotations on live objects.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        let annotated = self.world.all_annotated().flat_map(|(_, annotated)| annotated.rules.iter().cloned());
        self.rulebook.rules.iter().cloned().chain(annotated).collect()
    }

    /// Whether a condition that is not true cannot become so until something runs again.
    pub fn cannot_hold(&self, rule: &Rule, now: Timestamp) -> bool {
        cannot_hold(&self.rulebook, &self.world, rule, condition(&self.rulebook, &self.world, rule, now).0)
    }

    /// Whether a rule's condition, read as states, holds; and why not.
    pub fn condition(&self, rule: &Rule, now: Timestamp) -> (bool, Vec<Reason>) {
        let (truth, reasons) = condition(&self.rulebook, &self.world, rule, now);
        (truth == Truth::True, reasons)
    }
}

/// `notebook team/train succeeds (phase ValidationRunning)`
pub fn said(reason: &Reason) -> String {
    if reason.why.is_empty() { reason.what.clone() } else { format!("{} ({})", reason.what, reason.why) }
}
