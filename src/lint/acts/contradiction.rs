//! TG653: two actions write different values to the same annotation or label for the same cause.

use std::collections::BTreeMap;

use super::deed::{self, Deed};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Template;
use crate::lint::{Check, Subject};
use crate::rulebook::{ObjectRef, Verb};

pub(super) const CHECK: Check = Check { codes: &[Code::CONTRADICTION], run: check };

/// Map, object, key.
type Field<'s> = (&'static str, &'s ObjectRef, &'s str);

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let mut written: BTreeMap<Field<'_>, Vec<(Deed<'_>, &Template)>> = BTreeMap::new();
    for deed in deed::deeds(subject).filter(|deed| deed.then) {
        match &deed.action.verb {
            Verb::Annotate { target, key, value } => {
                written.entry(("annotation", target, key)).or_default().push((deed, value))
            }
            Verb::Label { target, key, value } => {
                written.entry(("label", target, key)).or_default().push((deed, value))
            }
            _ => {}
        }
    }
    for ((map, target, key), writes) in written {
        for (n, (deed, value)) in writes.iter().enumerate() {
            let Some(value) = value.literal() else { continue };
            let differs = |other: &&(Deed<'_>, &Template)| {
                other.1.literal().is_some_and(|known| known != value) && both_act(&other.0, deed)
            };
            let Some((other, _)) = writes.iter().take(n).find(differs) else { continue };
            let message = format!(
                "{} writes another value to the {map} `{key}` of {} for the same cause: which one stays is not said",
                deed::name(subject, other.rule),
                deed::said(subject, target)
            );
            let diagnostic = Diagnostic::warning(Code::CONTRADICTION, deed.place, message);
            found.push(
                diagnostic.related(other.place, "the other value").help("leave one of them out, or give them two keys"),
            );
        }
    }
}

fn both_act(one: &Deed<'_>, other: &Deed<'_>) -> bool {
    if one.rule.name == other.rule.name {
        return true;
    }
    let (Some(a), Some(b)) = (deed::conjuncts(one.rule), deed::conjuncts(other.rule)) else { return false };
    a.is_subset(&b) || b.is_subset(&a)
}
