//! Which rule of before is which rule of now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rules::{Said, said};
use crate::rulebook::{Rule, Rulebook};

/// A rule of before, a rule of now, or both if they are the same rule.
#[derive(Clone, Debug)]
pub(super) struct Pair<'a> {
    pub old: Option<&'a Arc<Rule>>,
    pub new: Option<&'a Arc<Rule>>,
}

impl Pair<'_> {
    /// The same rule under another name.
    pub fn renamed(&self) -> bool {
        matches!((self.old, self.new), (Some(old), Some(new)) if old.name != new.name)
    }
}

/// The name of a one-line rule is made of its words. A rule block cannot have such a name by chance.
pub(super) fn is_one_line(rule: &Rule) -> bool {
    let digits = rule.name.strip_prefix("when-");
    digits.is_some_and(|digits| digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Pairs by name; what is left by what it says: all of it, the condition and the actions, and of one-line rules the condition or the actions alone. Sorted by name.
pub(super) fn pairs<'a>(old: &'a Rulebook, new: &'a Rulebook) -> Vec<Pair<'a>> {
    let names: BTreeMap<&str, &Arc<Rule>> = old.rules.iter().map(|rule| (&*rule.name, rule)).collect();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut come: Vec<&Arc<Rule>> = Vec::new();
    for rule in &new.rules {
        match names.get(&*rule.name) {
            Some(old) => pairs.push(Pair { old: Some(old), new: Some(rule) }),
            None => come.push(rule),
        }
    }
    let kept: BTreeSet<&str> = pairs.iter().filter_map(|pair| pair.new).map(|rule| &*rule.name).collect();
    let mut gone: Vec<&Arc<Rule>> = old.rules.iter().filter(|rule| !kept.contains(&*rule.name)).collect();
    for likeness in LIKENESSES {
        match_by(*likeness, &mut gone, &mut come, &mut pairs);
    }
    pairs.extend(gone.into_iter().map(|rule| Pair { old: Some(rule), new: None }));
    pairs.extend(come.into_iter().map(|rule| Pair { old: None, new: Some(rule) }));
    let name = |pair: &Pair<'_>| pair.new.or(pair.old).map(|rule| rule.name.clone());
    pairs.sort_by_key(|pair| (name(pair), pair.new.is_none()));
    pairs
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    All,
    ConditionAndActions,
    Condition,
    Actions,
}

const LIKENESSES: &[Likeness] = &[Likeness::All, Likeness::ConditionAndActions, Likeness::Condition, Likeness::Actions];

/// What two rules must have in common. None: nothing to go by.
fn key(likeness: Likeness, rule: &Rule) -> Option<String> {
    let Said { when, within, then, otherwise, blocks, modifiers, .. } = said(rule);
    let actions = || format!("{then:?} {otherwise:?}");
    let acts = !then.is_empty() || !otherwise.is_empty();
    match likeness {
        Likeness::All => Some(format!("{when} {within:?} {} {blocks:?} {modifiers:?}", actions())),
        Likeness::ConditionAndActions => acts.then(|| format!("{when} {}", actions())),
        Likeness::Condition => Some(when),
        Likeness::Actions => acts.then(actions),
    }
}

fn match_by<'a>(
    likeness: Likeness,
    gone: &mut Vec<&'a Arc<Rule>>,
    come: &mut Vec<&'a Arc<Rule>>,
    pairs: &mut Vec<Pair<'a>>,
) {
    let partly = matches!(likeness, Likeness::Condition | Likeness::Actions);
    // Rules with names are other rules where they share a part only: many ask about the same job.
    let mut by_key: BTreeMap<String, Vec<&'a Arc<Rule>>> = BTreeMap::new();
    for rule in gone.iter().rev().filter(|rule| !partly || is_one_line(rule)) {
        if let Some(key) = key(likeness, rule) {
            by_key.entry(key).or_default().push(rule);
        }
    }
    let mut matched: BTreeSet<Arc<str>> = BTreeSet::new();
    come.retain(|rule| {
        let found = key(likeness, rule).and_then(|key| by_key.get_mut(&key)).and_then(Vec::pop);
        let Some(old) = found else { return true };
        matched.insert(old.name.clone());
        pairs.push(Pair { old: Some(old), new: Some(rule) });
        false
    });
    gone.retain(|rule| !matched.contains(&rule.name));
}
