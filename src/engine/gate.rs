//! Gates: whether a wave is held, read from the whole condition of the rules that block it.

use jiff::Timestamp;

use super::condition::{Context, members};
use super::{Gate, Reason, World};
use crate::expr::Truth;
use crate::rulebook::{AppName, Block, Filter, ObjectRef, Outcome, Rule, Rulebook, Term, Test};
use crate::syntax::tree::{Predicate, Quantifier};

/// The gates of one rule, one for each `block`, and when they may open or close though nothing changes.
#[must_use]
pub fn gates(rulebook: &Rulebook, world: &World, rule: &Rule, now: Timestamp) -> (Vec<Gate>, Option<Timestamp>) {
    if rule.blocks.is_empty() {
        return (Vec::new(), None);
    }
    let (open, reasons, wake) = timed(rulebook, world, rule, now);
    let gate = |block: &Block| Gate {
        rule: rule.name.clone(),
        application: application_of(rulebook, world, rule, block),
        wave: block.wave,
        open,
        reasons: reasons.clone(),
    };
    (rule.blocks.iter().map(gate).collect(), wake)
}

/// Whose waves a block holds, as far as it is known.
#[must_use]
pub fn application_of(rulebook: &Rulebook, world: &World, rule: &Rule, block: &Block) -> Option<AppName> {
    block.application.clone().or_else(|| application(rulebook, world, rule))
}

/// A rule's whole `when`, read as states; with `any`, one match for which it holds is enough.
#[must_use]
pub fn condition(rulebook: &Rulebook, world: &World, rule: &Rule, now: Timestamp) -> (Truth, Vec<Reason>) {
    let (truth, reasons, _) = timed(rulebook, world, rule, now);
    (truth, reasons)
}

/// As [`condition`], with the time at which it may be otherwise though nothing changes.
#[must_use]
pub fn timed(
    rulebook: &Rulebook,
    world: &World,
    rule: &Rule,
    now: Timestamp,
) -> (Truth, Vec<Reason>, Option<Timestamp>) {
    let any = rule.terms.iter().find(|term| term.source.quantifier == Quantifier::Any);
    let mut best = (Truth::False, Vec::new(), None);
    let Some(any) = any else {
        let (ctx, mut reasons) = (Context::new(rulebook, world, rule, None, now), Vec::new());
        let truth = ctx.test(&rule.when, &mut reasons);
        return (truth, reasons, ctx.wake());
    };
    let matches = matches_of(rulebook, world, any);
    if matches.is_empty() {
        let why = if is_series(any) { "no run of it has ended" } else { "nothing matches" };
        let reason = Reason { what: any.text.clone(), truth: Truth::False, why: why.to_owned() };
        return (Truth::False, vec![reason], None);
    }
    for member in matches {
        let (ctx, mut reasons) = (Context::new(rulebook, world, rule, Some(&member), now), Vec::new());
        let truth = ctx.test(&rule.when, &mut reasons);
        best.2 = [best.2, ctx.wake()].into_iter().flatten().min();
        best.0 = best.0.or(truth);
        if best.1.is_empty() || truth == Truth::True {
            best.1 = reasons;
        }
        if best.0 == Truth::True {
            break;
        }
    }
    best
}

/// The objects that `any` stands for where a condition is read as states: all that match; of a schedule, the run that ended last.
#[must_use]
pub fn matches_of(rulebook: &Rulebook, world: &World, any: &Term) -> Vec<ObjectRef> {
    let all = members(rulebook, world, &any.source);
    if !is_series(any) {
        return all.map(|(object, _)| object).collect();
    }
    let ended = all.filter_map(|(object, entry)| Some((entry.run.as_ref()?, object)));
    let last = ended.max_by(|(a, _), (b, _)| (a.ended, &a.uid).cmp(&(b.ended, &b.uid)));
    last.map(|(_, object)| object).into_iter().collect()
}

/// Whether a term asks how runs of one source ended.
fn is_series(term: &Term) -> bool {
    let series = |filter: &Filter| matches!(filter, Filter::Owner(..) | Filter::Series(..));
    wanted(term).is_some() && term.source.filters.iter().any(series)
}

/// How a term wants runs to end.
fn wanted(term: &Term) -> Option<Outcome> {
    match term.predicate {
        Predicate::Succeeds | Predicate::HasSucceeded => Some(Outcome::Succeeded),
        Predicate::Fails | Predicate::HasFailed => Some(Outcome::Failed),
        _ => None,
    }
}

/// The application of a rule's first job: what its tracking-id names, else the file's.
fn application(rulebook: &Rulebook, world: &World, rule: &Rule) -> Option<AppName> {
    let object = rule.terms.iter().find_map(|term| term.source.object.as_ref());
    let tracked = object.and_then(|o| world.get(o)).and_then(|entry| entry.row.application.clone());
    let home = rulebook.application.as_ref();
    match tracked {
        Some((namespace, name)) => {
            let namespace = namespace.or_else(|| home.map(|a| a.namespace.clone())).unwrap_or_else(|| "argocd".into());
            Some(AppName { namespace, name })
        }
        None => home.cloned(),
    }
}

/// Whether a condition that does not hold cannot hold until something runs again: a run that it asks for ended otherwise, or all its
/// runs have ended and a check of theirs is false. What `tidegate wait` gives up at once.
#[must_use]
pub fn cannot_hold(rulebook: &Rulebook, world: &World, rule: &Rule, truth: Truth) -> bool {
    if truth == Truth::True {
        return false;
    }
    let mut runs: Vec<(Outcome, Option<Outcome>)> = Vec::new();
    for term in &rule.terms {
        let Some(wanted) = wanted(term) else { continue };
        let outcome =
            |object: &ObjectRef| world.get(object).and_then(|entry| entry.run.as_ref()).map(|run| run.outcome);
        match (&term.source.object, term.source.quantifier) {
            (Some(object), _) => runs.push((wanted, outcome(object))),
            (None, Quantifier::Every) => {
                let all = members(rulebook, world, &term.source);
                runs.extend(all.map(|(_, entry)| (wanted, entry.run.as_ref().map(|run| run.outcome))));
            }
            // Another match may come that ends well; the run of a schedule that ended last is the only one that counts.
            (None, _) if is_series(term) => {
                let last = matches_of(rulebook, world, term);
                runs.push((wanted, last.first().and_then(outcome)));
            }
            (None, _) => runs.push((wanted, None)),
        }
    }
    let otherwise = runs.iter().any(|(wanted, ended)| ended.is_some_and(|ended| ended != *wanted));
    let ended = !runs.is_empty() && runs.iter().all(|(_, ended)| ended.is_some());
    let states = rule.terms.iter().any(|term| wanted(term).is_none());
    (otherwise && !has_choice(&rule.when)) || (ended && !states && truth == Truth::False)
}

/// With `or` or `not`, one run that ended otherwise does not decide.
fn has_choice(test: &Test) -> bool {
    match test {
        Test::All(tests) => tests.iter().any(has_choice),
        Test::Any(_) | Test::Not(_) => true,
        Test::Term(_) | Test::Later(..) | Test::Expr(_) => false,
    }
}
