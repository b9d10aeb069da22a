//! The index: which units a change of one object touches, so that an event costs those rules and not all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::condition::matches;
use super::listed::{Listers, listers};
use super::reopen::has_failed;
use super::{RuleId, Unit, World};
use crate::facts::Row;
use crate::rulebook::{AppName, Filter, KindIx, ObjectRef, Rule, Rulebook, VarFrom, Verb};
use crate::syntax::tree::Quantifier;

/// (rule, term) pairs.
type Terms = Vec<(usize, usize)>;

/// Rules by what they look at.
#[derive(Debug, Default)]
pub struct Index {
    /// By name; with whether the rule's condition is about the object: else it is only written to.
    by_object: BTreeMap<ObjectRef, Vec<(usize, bool)>>,
    by_label: BTreeMap<(KindIx, Arc<str>, Arc<str>), Terms>,
    by_owner: BTreeMap<(KindIx, Arc<str>), Terms>,
    by_kind: BTreeMap<KindIx, Terms>,
    /// Rules that ask Applications which objects of a kind belong to them.
    by_listed: BTreeMap<KindIx, BTreeSet<usize>>,
    /// Those of them that ask every Application.
    by_any_list: BTreeSet<usize>,
    /// Kinds with events of `every`.
    every: BTreeSet<KindIx>,
    /// Rules that block waves of an Application.
    by_blocked: BTreeMap<AppName, BTreeSet<usize>>,
    /// Rules that block waves of whichever Application their first object belongs to.
    by_unknown_block: BTreeSet<usize>,
}

/// What a change touches.
#[derive(Debug, Default)]
pub struct Touched {
    /// Units to decide again.
    pub units: BTreeSet<Unit>,
    /// Rules with `any` of which only the units that are not at rest need another look.
    pub waiting: BTreeSet<RuleId>,
    /// Rules with `any` of which all units do: those with states alone, that another object has made true.
    pub whole: BTreeSet<RuleId>,
    /// Rules whose gates need another look.
    pub rules: BTreeSet<RuleId>,
}

/// Every object that an action writes to.
pub fn targets(rule: &Rule) -> impl Iterator<Item = &ObjectRef> {
    rule.then.iter().chain(&rule.otherwise).filter_map(|action| target(&action.verb))
}

/// The object that an action writes to; none for `notify`, which writes an Event on the source.
#[must_use]
pub fn target(verb: &Verb) -> Option<&ObjectRef> {
    match verb {
        Verb::Restart { target, .. } | Verb::Refresh { target, .. } => Some(target),
        Verb::Annotate { target, .. } | Verb::Label { target, .. } => Some(target),
        Verb::Sync { application } => Some(application),
        Verb::Notify { application, .. } => application.as_ref(),
    }
}

impl Index {
    /// Indexes a rulebook.
    #[must_use]
    pub fn new(rulebook: &Rulebook) -> Index {
        let mut index = Index::default();
        for (number, rule) in rulebook.rules.iter().enumerate() {
            index.add(rulebook, number, rule);
        }
        index
    }

    fn add(&mut self, rulebook: &Rulebook, number: usize, rule: &Rule) {
        let mut objects: BTreeSet<&ObjectRef> = BTreeSet::new();
        objects.extend(rule.vars.iter().filter_map(|var| match &var.from {
            VarFrom::Target(object) => Some(object),
            VarFrom::Term(_) => None,
        }));
        for (position, term) in rule.terms.iter().enumerate() {
            if let Some(object) = &term.source.object {
                objects.insert(object);
                // A model's staleness depends on its training.
                let models = rulebook.models.iter().filter(|model| model.served_by == *object);
                objects.extend(models.flat_map(|model| &model.steps).map(|(_, step)| step));
                continue;
            }
            let kind = term.source.kind;
            let filters = &term.source.filters;
            let terms = match (filters.iter().find_map(label), filters.iter().find_map(owner)) {
                (Some((key, value)), _) => self.by_label.entry((kind, key, value)).or_default(),
                (None, Some(name)) => self.by_owner.entry((kind, name)).or_default(),
                (None, None) => self.by_kind.entry(kind).or_default(),
            };
            terms.push((number, position));
            let mut events = rule.alternatives.iter().flat_map(|a| &a.events);
            if term.source.quantifier == Quantifier::Every && events.any(|event| event.term == position) {
                self.every.insert(kind);
            }
            match listers(rulebook, &term.source) {
                Listers::Nobody => continue,
                Listers::One(application) => self.by_object.entry(application).or_default().push((number, true)),
                Listers::All => {
                    self.by_any_list.insert(number);
                }
            }
            self.by_listed.entry(kind).or_default().insert(number);
        }
        for block in &rule.blocks {
            match &block.application {
                Some(app) => self.by_blocked.entry(app.clone()).or_default().insert(number),
                None => self.by_unknown_block.insert(number),
            };
        }
        for object in &objects {
            self.by_object.entry((*object).clone()).or_default().push((number, true));
        }
        for object in targets(rule).filter(|target| !objects.contains(target)).collect::<BTreeSet<_>>() {
            self.by_object.entry(object.clone()).or_default().push((number, false));
        }
    }

    /// Every unit of the rulebook's rules: those of [`Ledger::units_of`](super::Ledger::units_of) for each. Each object is looked at once, not
    /// once for each rule with `any`.
    #[must_use]
    pub fn all(&self, rulebook: &Rulebook, world: &World) -> Vec<Unit> {
        let mut units = Vec::new();
        for (number, rule) in rulebook.rules.iter().enumerate() {
            let id = RuleId::Book(number);
            let alone = rule.alternatives.iter().enumerate().filter(|(_, a)| a.any.is_none());
            units.extend(alone.map(|(alternative, _)| Unit {
                rule: id.clone(),
                alternative,
                member: None,
                owed: None,
            }));
            units.extend(blocks(&id, rule));
        }
        for kind in world.kinds() {
            for row in world.rows(kind).map(|entry| &entry.row) {
                units.extend(self.units_with(rulebook, kind, row));
            }
        }
        units
    }

    /// The units in which `any` stands for this object.
    fn units_with(&self, rulebook: &Rulebook, kind: KindIx, row: &Row) -> Vec<Unit> {
        let mut units = Vec::new();
        for (number, position) in self.selecting(kind, &[row]) {
            let Some(rule) = rulebook.rules.get(number) else { continue };
            if !rule.terms.get(position).is_some_and(|term| matches(rulebook, &term.source, row)) {
                continue;
            }
            for (alternative, _) in rule.alternatives.iter().enumerate().filter(|(_, a)| a.any == Some(position)) {
                let object = ObjectRef { kind, namespace: row.namespace.clone(), name: row.name.clone() };
                units.push(Unit { rule: RuleId::Book(number), alternative, member: Some(object), owed: None });
            }
        }
        units
    }

    /// What a change of one object touches: rows as they were and as they are.
    #[must_use]
    pub fn touched(&self, rulebook: &Rulebook, world: &World, object: &ObjectRef, rows: &[&Row]) -> Touched {
        let mut touched = Touched::default();
        for (number, asked) in self.by_object.get(object).into_iter().flatten() {
            if let Some(rule) = rulebook.rules.get(*number) {
                touched.add_rule(&RuleId::Book(*number), rule, *asked);
            }
        }
        for number in self.blocking(rulebook, object, rows) {
            if let Some(rule) = rulebook.rules.get(number) {
                touched.units.extend(blocks(&RuleId::Book(number), rule));
            }
        }
        for number in self.asking_lists(world, object) {
            if let Some(rule) = rulebook.rules.get(number) {
                touched.add_rule(&RuleId::Book(number), rule, true);
            }
        }
        for (number, position) in self.selecting(object.kind, rows) {
            let Some(rule) = rulebook.rules.get(number) else { continue };
            let Some(term) = rule.terms.get(position) else { continue };
            if !rows.iter().any(|row| matches(rulebook, &term.source, row)) {
                continue;
            }
            let id = RuleId::Book(number);
            touched.rules.insert(id.clone());
            touched.units.extend(blocks(&id, rule));
            if term.source.quantifier == Quantifier::Every {
                touched.add_rule(&id, rule, true);
                continue;
            }
            for (alternative, _) in rule.alternatives.iter().enumerate().filter(|(_, a)| a.any == Some(position)) {
                touched.units.insert(Unit { rule: id.clone(), alternative, member: Some(object.clone()), owed: None });
            }
            // A later run of one series supersedes the earlier.
            if term.source.filters.iter().any(|f| matches!(f, Filter::Owner(..) | Filter::Series(..))) {
                touched.waiting.insert(id);
            }
        }
        touched.add_annotated(world, object);
        touched
    }

    /// Whether a rule waits for an event of this object.
    #[must_use]
    pub fn is_source(&self, rulebook: &Rulebook, object: &ObjectRef, row: &Row) -> bool {
        let event = |rule: &Rule, position: usize| {
            rule.alternatives.iter().flat_map(|a| &a.events).any(|event| event.term == position)
        };
        let rules =
            self.by_object.get(object).into_iter().flatten().filter_map(|(number, _)| rulebook.rules.get(*number));
        let named = |rule: &Arc<Rule>| {
            let mut terms = rule.terms.iter().enumerate();
            terms.any(|(position, term)| term.source.object.as_ref() == Some(object) && event(rule, position))
        };
        rules.into_iter().any(named)
            || self.selecting(object.kind, &[row]).into_iter().any(|(number, position)| {
                let rule = rulebook.rules.get(number);
                rule.is_some_and(|rule| {
                    let term = rule.terms.get(position);
                    event(rule, position) && term.is_some_and(|term| matches(rulebook, &term.source, row))
                })
            })
    }

    /// Rules whose blocks hold waves of this object, if it is an Application whose sync has failed.
    fn blocking(&self, rulebook: &Rulebook, object: &ObjectRef, rows: &[&Row]) -> BTreeSet<usize> {
        let kind = rulebook.kind(object.kind).filter(|kind| &*kind.group == "argoproj.io");
        if kind.is_none_or(|kind| &*kind.kind != "Application") || !rows.iter().any(|row| has_failed(rulebook, row)) {
            return BTreeSet::new();
        }
        let app = AppName { namespace: object.namespace.clone(), name: object.name.clone() };
        self.by_blocked.get(&app).into_iter().flatten().chain(&self.by_unknown_block).copied().collect()
    }

    /// Rules about all that Applications list, if this object is such an Application or is listed.
    fn asking_lists(&self, world: &World, object: &ObjectRef) -> BTreeSet<usize> {
        let is_lister = !self.by_any_list.is_empty() && world.lists().any(|(application, _)| application == object);
        let of_lister = self.by_any_list.iter().filter(|_| is_lister);
        let about =
            self.by_listed.get(&object.kind).filter(|_| world.lists().any(|(_, list)| list.contains_key(object)));
        of_lister.chain(about.into_iter().flatten()).copied().collect()
    }

    /// (rule, term) pairs with `every` that an object may be a member of, if its kind has events of that sort.
    pub fn every(&self, kind: KindIx, row: &Row) -> BTreeSet<(usize, usize)> {
        if self.every.contains(&kind) { self.selecting(kind, &[row]) } else { BTreeSet::new() }
    }

    fn selecting(&self, kind: KindIx, rows: &[&Row]) -> BTreeSet<(usize, usize)> {
        let mut found: BTreeSet<(usize, usize)> = self.by_kind.get(&kind).into_iter().flatten().copied().collect();
        for row in rows {
            for (key, value) in &row.labels {
                found.extend(self.by_label.get(&(kind, key.clone(), value.clone())).into_iter().flatten());
            }
            for owner in &row.owners {
                found.extend(self.by_owner.get(&(kind, owner.name.clone())).into_iter().flatten());
            }
        }
        found
    }
}

impl Touched {
    /// `asked`: the condition is about the object that changed.
    fn add_rule(&mut self, id: &RuleId, rule: &Rule, asked: bool) {
        self.rules.insert(id.clone());
        for (alternative, a) in rule.alternatives.iter().enumerate() {
            if a.any.is_some() && a.events.is_empty() && asked {
                self.whole.insert(id.clone());
            } else if a.any.is_some() {
                self.waiting.insert(id.clone());
            } else {
                self.units.insert(Unit { rule: id.clone(), alternative, member: None, owed: None });
            }
        }
        self.units.extend(blocks(id, rule));
    }

    /// Rules of annotations: those of the object itself, and those that write to it.
    fn add_annotated(&mut self, world: &World, object: &ObjectRef) {
        let sources = world.annotations_touching(object);
        for source in sources {
            for (number, rule) in world.annotated(&source).into_iter().flat_map(|a| a.rules.iter().enumerate()) {
                self.add_rule(&RuleId::Annotation(source.clone(), number), rule, true);
            }
        }
    }
}

/// The units of a rule's blocks. What an annotation blocks, Argo CD holds by health alone.
pub fn blocks<'r>(id: &'r RuleId, rule: &'r Rule) -> impl Iterator<Item = Unit> + 'r {
    let first = rule.alternatives.len();
    let count = if matches!(id, RuleId::Book(_)) { rule.blocks.len() } else { 0 };
    (first..first + count).map(|alternative| Unit { rule: id.clone(), alternative, member: None, owed: None })
}

fn label(filter: &Filter) -> Option<(Arc<str>, Arc<str>)> {
    match filter {
        Filter::Label(key, value) | Filter::Series(key, value) => Some((key.clone(), value.clone())),
        _ => None,
    }
}

fn owner(filter: &Filter) -> Option<Arc<str>> {
    match filter {
        Filter::Owner(_, name) => Some(name.clone()),
        _ => None,
    }
}
