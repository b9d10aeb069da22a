//! What is held, for whoever refuses what belongs to a held wave: the parameters of the admission policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Ledger;
use crate::engine::decide::rule_of;
use crate::engine::{Gate, Listing, RuleId};
use crate::expr::Truth;
use crate::rulebook::{AppName, Honour, KindIx};

/// Characters of what a hold waits for, at most.
const WAITS_FOR_CHARS_MAX: usize = 240;

/// A wave that a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose wave.
    pub application: AppName,
    /// The first held wave.
    pub wave: i32,
    /// The rule.
    pub rule: Arc<str>,
    /// Where: everywhere if none. What the annotation of a live object holds, it holds in that object's namespace and in those into which
    /// `allow triggers` lets it reach: whoever may annotate a job must not be able to stop what others deploy.
    pub namespaces: Option<BTreeSet<Arc<str>>>,
    /// The parts of its condition that do not hold, without times and states, so that it changes only when the matter does.
    pub waits_for: String,
    /// False while a kind that the rule names has not been listed: then nobody knows.
    pub known: bool,
}

/// All that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// By application, then wave, then rule.
    pub held: Vec<Hold>,
    /// Every annotation that may hold a wave has been seen.
    pub annotations_known: bool,
}

impl Ledger {
    /// What is held now, as of the last tick. Gates whose application is not known hold nothing.
    #[must_use]
    pub fn holds(&self) -> Holds {
        let pending = |kind: KindIx| self.world.listing(kind) == Listing::Pending;
        let runs = |kind: &&KindIx| self.rulebook.kind(**kind).is_some_and(|kind| kind.runs);
        let annotations_known =
            self.rulebook.honour == Honour::Never || !self.kinds.iter().filter(runs).any(|kind| pending(*kind));
        let mut held = Vec::new();
        for (id, gates) in &self.gates {
            for gate in gates.iter().filter(|gate| gate.open != Truth::True) {
                let (Some(application), Some(rule)) =
                    (gate.application.clone(), rule_of(&self.rulebook, &self.world, id))
                else {
                    continue;
                };
                if rule.modifiers.observe {
                    continue;
                }
                held.push(Hold {
                    application,
                    wave: gate.wave,
                    rule: gate.rule.clone(),
                    namespaces: self.reach(id),
                    waits_for: waits_for(gate),
                    known: !rule.terms.iter().any(|term| pending(term.source.kind)),
                });
            }
        }
        held.sort_by(|a, b| (&a.application, a.wave, &a.rule).cmp(&(&b.application, b.wave, &b.rule)));
        Holds { held, annotations_known }
    }

    /// Where a rule's blocks hold.
    fn reach(&self, id: &RuleId) -> Option<BTreeSet<Arc<str>>> {
        let RuleId::Annotation(object, _) = id else { return None };
        let allowed = self.rulebook.allows.iter().filter(|(from, _)| *from == object.namespace);
        Some(allowed.map(|(_, to)| to.clone()).chain([object.namespace.clone()]).collect())
    }
}

fn waits_for(gate: &Gate) -> String {
    let open = gate.reasons.iter().filter(|reason| reason.truth != Truth::True);
    let text = open.map(|reason| reason.what.as_str()).collect::<Vec<_>>().join(", ");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WAITS_FOR_CHARS_MAX).collect()
}
