//! TG652: a rule restarts what the block of another rule holds back until more is known.

use super::deed::{self, Deed};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::BlockMeans;
use crate::lint::{Check, Subject};
use crate::manifests::{Object, Phase};
use crate::rulebook::{AppName, Rule, Verb};

pub(super) const CHECK: Check = Check { codes: &[Code::BYPASS], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for deed in deed::deeds(subject).filter(|deed| deed.then) {
        let Some(target) = restarted(subject, &deed) else { continue };
        for means in &subject.graph.blocks {
            let Some(rule) = deed::rules(subject).find(|rule| rule.name == means.rule) else { continue };
            if holds(means, target) && is_weaker(deed.rule, rule) {
                found.push(report(subject, &deed, target, means, rule));
            }
        }
    }
}

/// Whether this check tells about two actions on one target: the one is not held by what the other's rule holds the target for.
pub(super) fn is_told(subject: &Subject<'_>, one: &Deed<'_>, other: &Deed<'_>) -> bool {
    let by = |deed: &Deed<'_>, gate: &Deed<'_>| {
        let Some(target) = restarted(subject, deed) else { return false };
        let blocks = subject.graph.blocks.iter().filter(|means| means.rule == gate.rule.name);
        is_weaker(deed.rule, gate.rule) && blocks.into_iter().any(|means| holds(means, target))
    };
    by(one, other) || by(other, one)
}

fn restarted<'s>(subject: &Subject<'s>, deed: &Deed<'s>) -> Option<&'s Object> {
    match &deed.action.verb {
        Verb::Restart { target, .. } => deed::object(subject, target),
        _ => None,
    }
}

/// The target stands in the waves that a block holds.
fn holds(means: &BlockMeans, target: &Object) -> bool {
    let own = target.application.as_ref();
    let same = match (own, &means.application) {
        (Some(own), Some(AppName { namespace, name })) => {
            own.name == *name && (own.namespace.is_empty() || own.namespace == *namespace)
        }
        (None, None) => true,
        _ => false,
    };
    same && target.phase() == Some(Phase::Sync) && target.wave >= i64::from(means.wave)
}

/// One rule acts on a success of which the other asks more.
fn is_weaker(rule: &Rule, gate: &Rule) -> bool {
    let (Some(less), Some(more)) = (deed::conjuncts(rule), deed::conjuncts(gate)) else { return false };
    !deed::awaited_runs(rule).is_empty() && less.len() < more.len() && less.is_subset(&more)
}

fn report(subject: &Subject<'_>, deed: &Deed<'_>, target: &Object, means: &BlockMeans, gate: &Rule) -> Diagnostic {
    let what = subject.say(target);
    let message = format!(
        "{what} is restarted before the gate of {} has opened: `block wave {}` holds it for more than this asks",
        deed::name(subject, gate),
        means.wave
    );
    let lacking: Vec<String> = match (deed::conjuncts(deed.rule), deed::conjuncts(gate)) {
        (Some(less), Some(more)) => {
            more.difference(&less).map(|text| format!("`{}`", subject.graph.short(text))).collect()
        }
        _ => Vec::new(),
    };
    let help = format!("ask here for {} too, or let {} restart it", lacking.join(" and "), deed::name(subject, gate));
    Diagnostic::warning(Code::BYPASS, deed.place, message).related(means.place, "the block").help(help)
}
