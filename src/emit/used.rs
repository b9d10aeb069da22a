//! What the rules read and write.

use std::collections::BTreeSet;

use crate::rulebook::{Action, HealthRule, Kind, KindIx, ObjectRef, Rule, Rulebook, Verb};

/// The kinds whose health matters to waves: those that conditions ask about, models, order, reports. What is only written to is not
/// among them.
#[must_use]
pub fn kinds_read(rulebook: &Rulebook) -> BTreeSet<KindIx> {
    let mut kinds = BTreeSet::new();
    for rule in &rulebook.rules {
        kinds.extend(rule.terms.iter().map(|term| term.source.kind));
    }
    for after in &rulebook.afters {
        let objects = after.after.iter().map(|(object, _)| object.kind).chain([after.subject.kind]);
        // A built-in kind without health of its own, such as a Secret, is done once it is applied.
        let told = |kind: &KindIx| {
            rulebook.kind(*kind).is_some_and(|k| !k.builtin || matches!(k.health, HealthRule::Lines(_)))
        };
        kinds.extend(objects.filter(told));
    }
    for model in &rulebook.models {
        kinds.extend(model.steps.iter().map(|(_, object)| object.kind));
        kinds.insert(model.served_by.kind);
    }
    kinds.extend(rulebook.reports.iter().map(|report| report.source.kind));
    kinds
}

/// The kinds whose health is emitted, and the others that the rules read: those of which the other system knows the health.
pub struct Chosen<'r> {
    /// In the order of their short names.
    pub emitted: Vec<&'r Kind>,
    /// In the same order.
    pub left_out: Vec<&'r Kind>,
}

/// The user's own kinds are always emitted: that the other system's reading is not wanted is why they were written. Built-in ones are where the rules
/// read them and `knows` (group, Kind) says no; with `all`, every kind.
pub fn choose(rulebook: &Rulebook, all: bool, knows: fn(&str, &str) -> bool) -> Chosen<'_> {
    let read = kinds_read(rulebook);
    let mut chosen = Chosen { emitted: Vec::new(), left_out: Vec::new() };
    for kind in &rulebook.kinds {
        let is_read = rulebook.kind_by_short(&kind.short).is_some_and(|ix| read.contains(&ix));
        if all || !kind.builtin || (is_read && !knows(&kind.group, &kind.kind)) {
            chosen.emitted.push(kind);
        } else if is_read {
            chosen.left_out.push(kind);
        }
    }
    chosen
}

/// All actions of a rule.
pub fn actions(rule: &Rule) -> impl Iterator<Item = &Action> {
    rule.then.iter().chain(&rule.otherwise)
}

/// The object that an action changes; none for an Event alone.
#[must_use]
pub fn target(verb: &Verb) -> Option<&ObjectRef> {
    match verb {
        Verb::Restart { target, .. }
        | Verb::Refresh { target, .. }
        | Verb::Annotate { target, .. }
        | Verb::Label { target, .. } => Some(target),
        Verb::Sync { application } => Some(application),
        Verb::Notify { application, .. } => application.as_ref(),
    }
}
