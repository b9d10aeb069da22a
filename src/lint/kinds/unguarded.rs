//! TG210: a condition that reads as if it held while something is absent, and is an error then, so that its line does not hold.
//!
//! `!has(self.status.phase)` is an error while `status` is absent, and so is `self.status.phase != "Ready"`. A condition that reads as
//! if it did *not* hold then (`self.status.phase == "Ready"`) needs no guard: an error and false are the same to a line.

use std::collections::BTreeSet;

use super::Line;
use super::suppose::{Suppose, path};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{Expr, ExprNode};

/// Kubernetes itself sees to these.
const ALWAYS_THERE: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.creationTimestamp",
    "metadata.resourceVersion",
    "metadata.generation",
    "spec",
];

pub(super) fn check(lines: &[Line<'_>], found: &mut Vec<Diagnostic>) {
    for (at, line) in lines.iter().enumerate() {
        let Some(when) = &line.when else { continue };
        let mut prefixes = BTreeSet::new();
        plain_prefixes(when, &mut prefixes);
        let earlier = lines.get(..at).unwrap_or_default();
        // The shortest prefix of a path is enough: with it absent, so are the longer ones.
        let mut said: Vec<Vec<String>> = Vec::new();
        for absent in prefixes {
            if said.iter().any(|shorter| absent.starts_with(shorter)) || !is_a_trap(when, &absent, earlier) {
                continue;
            }
            found.extend(culprit(when, &absent).map(|expr| warning(expr, &absent)));
            said.push(absent);
        }
    }
}

fn is_a_trap(when: &Expr, absent: &[String], earlier: &[Line<'_>]) -> bool {
    let strict = Suppose { absent: Some(absent), ..Suppose::default() };
    let decided = |line: &Line<'_>| line.when.as_ref().is_some_and(|when| strict.outcomes(when).always_holds());
    let outcomes = strict.outcomes(when);
    if !outcomes.can_fail() || outcomes.can_hold() || earlier.iter().any(decided) {
        return false;
    }
    let lenient = Suppose { absent: Some(absent), lenient: true, given: None };
    lenient.outcomes(when).can_hold()
}

/// What can be absent and is read without `.?`, shortest first.
fn plain_prefixes(expr: &Expr, into: &mut BTreeSet<Vec<String>>) {
    if let Some(steps) = path(expr) {
        let plain: Vec<String> = steps.iter().take_while(|(_, optional)| !optional).map(|(s, _)| s.clone()).collect();
        for length in 1..=plain.len() {
            let prefix = plain.get(..length).unwrap_or_default();
            if !ALWAYS_THERE.contains(&prefix.join(".").as_str()) {
                into.insert(prefix.to_vec());
            }
        }
        return;
    }
    if let ExprNode::Has(inner) = &expr.node {
        if let ExprNode::Select(parent, _) = &inner.node {
            plain_prefixes(parent, into);
        }
        return;
    }
    expr.children().into_iter().for_each(|child| plain_prefixes(child, into));
}

/// The expression that reads below the absent path.
fn culprit<'e>(expr: &'e Expr, absent: &[String]) -> Option<&'e Expr> {
    let read = match &expr.node {
        ExprNode::Has(inner) => path(inner).filter(|steps| steps.len() > absent.len()),
        _ => path(expr),
    };
    if let Some(steps) = read {
        let below = steps.len() >= absent.len() && steps.iter().zip(absent).all(|((s, o), a)| s == a && !o);
        return below.then_some(expr);
    }
    expr.children().into_iter().find_map(|child| culprit(child, absent))
}

fn warning(expr: &Expr, absent: &[String]) -> Diagnostic {
    let path_text = absent.join(".");
    let message = format!("this is an error while `{path_text}` is absent, and then the line does not hold");
    let inner = match &expr.node {
        ExprNode::Has(inner) => inner,
        _ => expr,
    };
    let optional: String = path(inner).unwrap_or_default().iter().map(|(step, _)| format!(".?{step}")).collect();
    let help = match &expr.node {
        ExprNode::Has(_) => format!("write `self{optional}.hasValue()`, which is false then"),
        _ => format!("write `self{optional}.orValue(…)`, or ask `has(self.{path_text})` first"),
    };
    Diagnostic::warning(Code::UNGUARDED, expr.span, message).help(help)
}
