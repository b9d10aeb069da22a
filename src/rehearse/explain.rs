//! Why an expectation failed: what the controller says of the rules that would have done it, and what their conditions lack.

use serde_json::Value as Json;

use super::expect::{Expected, Pattern, PatternDeed};
use super::observer::said;
use super::stage::Stage;
use crate::expr::Truth;
use crate::rulebook::{Action, Rule, Verb};

/// Rules that are explained, at most.
const RULES_MAX: usize = 3;

/// Lines that say why, beside what was found. `status`: what the controller says of itself, if it runs.
pub fn why(stage: &Stage, expected: &Expected, status: Option<&Json>) -> Vec<String> {
    let mut rules = stage.scene.observer.rules();
    match expected {
        Expected::Action(pattern) => rules.retain(|rule| does(rule, pattern)),
        Expected::Wave(wave, _) => rules.retain(|rule| rule.blocks.iter().any(|block| i64::from(block.wave) <= *wave)),
        _ => return Vec::new(),
    }
    let mut lines = Vec::new();
    if status.is_none() {
        lines.push("tidegate is not running".to_owned());
    }
    if rules.is_empty() && matches!(expected, Expected::Action(_)) {
        lines.push("no rule does this".to_owned());
    }
    for rule in rules.iter().take(RULES_MAX) {
        lines.extend(explain(stage, rule, status));
    }
    lines
}

/// Whether one of a rule's actions is what is looked for, texts aside.
fn does(rule: &Rule, pattern: &Pattern) -> bool {
    let actions = rule.then.iter().chain(&rule.otherwise);
    let on = |target| pattern.object.as_ref() == Some(target);
    actions.map(|Action { verb, .. }| verb).any(|verb| match (&pattern.deed, verb) {
        (PatternDeed::Restart(_), Verb::Restart { target, .. })
        | (PatternDeed::Refresh(_), Verb::Refresh { target, .. }) => on(target),
        (PatternDeed::Sync, Verb::Sync { application }) => on(application),
        (PatternDeed::Annotate(key, _), Verb::Annotate { target, key: on_key, .. })
        | (PatternDeed::Label(key, _), Verb::Label { target, key: on_key, .. }) => on(target) && **on_key == **key,
        (PatternDeed::Notify(kind, _), Verb::Notify { kind: on_kind, .. }) => **on_kind == **kind,
        _ => false,
    })
}

/// A rule's verdicts as the controller tells them; at rest, what its condition lacks.
fn explain(stage: &Stage, rule: &Rule, status: Option<&Json>) -> Vec<String> {
    let text = |value: &Json, key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let verdicts = status.and_then(|status| status.get("verdicts")?.as_array()).into_iter().flatten();
    let own: Vec<&Json> = verdicts.filter(|verdict| text(verdict, "rule") == *rule.name).collect();
    let mut lines = Vec::new();
    for verdict in own.iter().take(RULES_MAX) {
        let (standing, why) = (text(verdict, "standing"), text(verdict, "why"));
        lines.push(stage.scene.shorter(&format!("rule {}: {standing}: {why}", rule.name)));
    }
    let (holds, reasons) = stage.scene.observer.condition(rule, stage.scene.now());
    if own.is_empty() {
        let what = if holds {
            "its condition holds, and nothing has happened that it has not used"
        } else {
            "its condition does not hold"
        };
        lines.push(format!("rule {}: {what}", rule.name));
    }
    for reason in &reasons {
        let mark = if reason.truth == Truth::True { "holds" } else { "does not hold" };
        lines.push(stage.scene.shorter(&format!("  {mark}: {}", said(reason))));
    }
    lines
}
