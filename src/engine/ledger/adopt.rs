//! Baselines: what a rule finds finished when it is first loaded does not fire it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Ledger;
use crate::engine::cause::{annotations_item, event_item, items};
use crate::engine::decide::EPISODE;
use crate::engine::record::{notebook_kind, validation_item};
use crate::engine::{Listing, Mark};
use crate::rulebook::{Alternative, KindIx, Rule};

impl Ledger {
    /// What has no baseline yet gets it now, once all that it could find finished has been listed. A kind that the cluster does not have
    /// has not been listed: what it holds when it comes was there before.
    pub(super) fn adopt(&mut self, now: Timestamp) {
        if !std::mem::take(&mut self.listing_changed) {
            return;
        }
        let mut all: BTreeSet<Mark> = self.common_items(|kind| self.world.listing(kind) == Listing::Listed);
        for rule in &self.rulebook.rules {
            all.extend(self.loadable(rule));
        }
        if all.is_subset(&self.adopted) {
            return;
        }
        let finished = self.world.finished();
        let whole = self.all_items();
        self.world.state.load(&all, &whole, &finished, now);
        self.world.touch_state();
        self.adopted.extend(all);
        self.decide_all();
    }

    /// The items of the whole rulebook, loaded or not.
    pub(super) fn all_items(&self) -> BTreeSet<Mark> {
        let mut all = self.common_items(|_| true);
        all.extend(self.rulebook.rules.iter().flat_map(|rule| items(&self.rulebook, rule)));
        all
    }

    /// Items that belong to no rule of a file: of annotations, for each kind, and of the Events of notebooks.
    fn common_items(&self, of: impl Fn(KindIx) -> bool) -> BTreeSet<Mark> {
        let kinds = self.kinds.iter().copied().filter(|kind| of(*kind));
        let mut all: BTreeSet<Mark> = kinds.map(|kind| annotations_item(&self.rulebook, kind)).collect();
        if notebook_kind(&self.rulebook).is_some_and(of) {
            all.insert(validation_item(&self.rulebook));
        }
        all
    }

    /// The items of a rule of which it is known what is finished already. Its actions come with the first alternative that is.
    fn loadable(&self, rule: &Rule) -> BTreeSet<Mark> {
        let (known, unknown): (Vec<&Alternative>, Vec<&Alternative>) =
            rule.alternatives.iter().partition(|alternative| self.is_known(rule, alternative));
        if known.is_empty() && !unknown.is_empty() {
            return BTreeSet::new();
        }
        let mut all: BTreeSet<Mark> = items(&self.rulebook, rule).collect();
        let early: BTreeSet<Mark> = known.iter().flat_map(|alternative| self.events_of(rule, alternative)).collect();
        let held = unknown.iter().flat_map(|alternative| self.events_of(rule, alternative));
        held.filter(|item| !early.contains(item)).for_each(|item| {
            all.remove(&item);
        });
        all
    }

    /// For events, all their kinds must be listed; for states alone, it is enough that nothing is pending.
    fn is_known(&self, rule: &Rule, alternative: &Alternative) -> bool {
        let listing = |term: usize| rule.terms.get(term).map(|term| self.world.listing(term.source.kind));
        match alternative.events.is_empty() {
            true => (0..rule.terms.len()).all(|term| listing(term) != Some(Listing::Pending)),
            false => alternative.events.iter().all(|event| listing(event.term) == Some(Listing::Listed)),
        }
    }

    fn events_of(&self, rule: &Rule, alternative: &Alternative) -> Vec<Mark> {
        let item = |text: &str| event_item(&self.rulebook, rule, text);
        match alternative.events.is_empty() {
            true => vec![item(EPISODE)],
            false => {
                let terms = alternative.events.iter().filter_map(|event| rule.terms.get(event.term));
                terms.map(|term| item(&term.text)).collect()
            }
        }
    }
}
