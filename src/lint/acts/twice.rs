//! TG640: the same effect twice for one success, from two rules, or from a rule and an annotation.

use std::collections::BTreeMap;

use super::bypass;
use super::deed::{self, Deed};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::rulebook::{ObjectRef, Verb};

pub(super) const CHECK: Check = Check { codes: &[Code::TWICE], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let mut same: BTreeMap<(&str, &ObjectRef), Vec<Deed<'_>>> = BTreeMap::new();
    for deed in deed::deeds(subject).filter(|deed| deed.then && !deed.rule.modifiers.observe) {
        match &deed.action.verb {
            Verb::Restart { target, .. } => same.entry(("restart", target)).or_default().push(deed),
            Verb::Sync { application } => same.entry(("sync", application)).or_default().push(deed),
            // Written twice, the others say the same.
            _ => {}
        }
    }
    for ((verb, target), deeds) in same {
        for (n, deed) in deeds.iter().enumerate() {
            let earlier = deeds.iter().take(n).find(|other| for_one_cause(other, deed));
            if let Some(other) = earlier.filter(|other| !bypass::is_told(subject, other, deed)) {
                found.push(report(subject, (verb, target), other, deed));
            }
        }
    }
}

/// Whenever one of two rules acts, the other does too, by the same events.
fn for_one_cause(one: &Deed<'_>, other: &Deed<'_>) -> bool {
    if one.rule.name == other.rule.name {
        return false;
    }
    let (Some(a), Some(b)) = (deed::conjuncts(one.rule), deed::conjuncts(other.rule)) else { return false };
    let runs = deed::awaited_runs(one.rule);
    !runs.is_empty() && runs == deed::awaited_runs(other.rule) && (a.is_subset(&b) || b.is_subset(&a))
}

fn report(subject: &Subject<'_>, what: (&str, &ObjectRef), first: &Deed<'_>, second: &Deed<'_>) -> Diagnostic {
    let target = deed::said(subject, what.1);
    let message = format!("`{} {target}` happens twice for one success: {} does it too", what.0, {
        deed::name(subject, first.rule)
    });
    let help = match (deed::is_annotated(first.rule), deed::is_annotated(second.rule)) {
        (false, true) => {
            "take the annotation away; `honour annotations never` in a rule file turns all annotations off".to_owned()
        }
        _ => "leave one of them out: each rule carries out its own actions, whatever others do".to_owned(),
    };
    Diagnostic::warning(Code::TWICE, second.place, message).related(first.place, "the first").help(help)
}
