//! Parts of the tree as canonical text in one line: what the formatter prints, what rules are hashed by, what plans show.
//!
//! In: tree nodes. Out: text that parses to the same tree, spans aside. The same node always gives the same text.

mod expr;
mod words;

pub(super) use self::words::RESERVED;

use super::tree::{
    ActionDecl, ActionVerb, Condition, Expr, HealthWord, Modifier, Predicate, Quantifier, ResourceCondition,
    ResourceExpr, Selector, TargetExpr, Text,
};

/// An expression, with no more brackets than it needs to be read.
#[must_use]
pub fn print_expr(expr: &Expr) -> String {
    let mut printer = Printer::default();
    printer.expr(expr);
    printer.out
}

/// A condition, without `when`.
#[must_use]
pub fn print_condition(condition: &Condition) -> String {
    let mut printer = Printer::default();
    printer.condition(condition);
    printer.out
}

/// An action.
#[must_use]
pub fn print_action(action: &ActionDecl) -> String {
    let mut printer = Printer::default();
    printer.action(action);
    printer.out
}

/// A modifier.
#[must_use]
pub fn print_modifier(modifier: &Modifier) -> String {
    let mut printer = Printer::default();
    printer.modifier(modifier);
    printer.out
}

/// A resource: `any notebook with label tier=training`.
#[must_use]
pub fn print_resource(resource: &ResourceExpr) -> String {
    let mut printer = Printer::default();
    printer.resource(resource);
    printer.out
}

/// A text with its quotes.
#[must_use]
pub fn print_text(text: &Text) -> String {
    let mut printer = Printer::default();
    printer.text(text);
    printer.out
}

/// The words of a predicate.
#[must_use]
pub fn print_predicate(predicate: Predicate) -> &'static str {
    match predicate {
        Predicate::Succeeds => "succeeds",
        Predicate::Fails => "fails",
        Predicate::HasSucceeded => "has succeeded",
        Predicate::HasFailed => "has failed",
        Predicate::Healthy => "is healthy",
        Predicate::Progressing => "is progressing",
        Predicate::Degraded => "is degraded",
        Predicate::Suspended => "is suspended",
        Predicate::Missing => "is missing",
        Predicate::Stale => "is stale",
    }
}

/// The word of a health status in a kind's line.
#[must_use]
pub fn health_word(word: HealthWord) -> &'static str {
    match word {
        HealthWord::Healthy => "healthy",
        HealthWord::Progressing => "progressing",
        HealthWord::Degraded => "degraded",
        HealthWord::Suspended => "suspended",
        HealthWord::Unknown => "unknown",
    }
}

/// Collects the text.
pub(super) struct Printer<'s> {
    pub(super) out: String,
    /// The text that was parsed, if durations and numbers are to be spelt as they were there.
    source: Option<&'s str>,
    /// The quote for strings in expressions; the other one inside texts.
    quote: char,
}

impl Default for Printer<'_> {
    fn default() -> Self {
        Self { out: String::new(), source: None, quote: '"' }
    }
}

impl<'s> Printer<'s> {
    /// Keeps the spelling of durations and numbers of `source`.
    pub(super) fn spelt(source: &'s str) -> Self {
        Self { source: Some(source), ..Self::default() }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(super) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::And(members, _) => {
                for (i, member) in members.iter().enumerate() {
                    if i > 0 {
                        self.push(" and ");
                    }
                    // `a and then b and c` reads from the left, so the first may be a chain without brackets.
                    self.member(member, i == 0 && matches!(member, Condition::Then(..)));
                }
            }
            Condition::Or(members, _) => {
                for (i, member) in members.iter().enumerate() {
                    if i > 0 {
                        self.push(" or ");
                    }
                    self.member(member, false);
                }
            }
            Condition::Then(left, right, _) => {
                self.member(left, matches!(**left, Condition::Then(..) | Condition::And(..)));
                self.push(" and then ");
                self.member(right, false);
            }
            Condition::Not(inner, _) => {
                self.push("not ");
                self.member(inner, false);
            }
            Condition::Resource(resource) => self.resource_condition(resource),
            Condition::Expr(expr) => self.expr(expr),
        }
    }

    /// A member of a list of conditions, in brackets if it is a list itself.
    pub(super) fn member(&mut self, condition: &Condition, bare: bool) {
        if !bare && matches!(condition, Condition::And(..) | Condition::Or(..) | Condition::Then(..)) {
            self.push("(");
            self.condition(condition);
            self.push(")");
        } else {
            self.condition(condition);
        }
    }

    pub(super) fn resource_condition(&mut self, condition: &ResourceCondition) {
        self.resource(&condition.resource);
        self.push(" ");
        self.push(print_predicate(condition.predicate.node));
        if let Some(lasting) = &condition.lasting {
            self.push(" for ");
            self.duration(lasting);
        }
    }

    pub(super) fn resource(&mut self, resource: &ResourceExpr) {
        match resource.quantifier {
            Quantifier::One => {}
            Quantifier::Any => self.push("any "),
            Quantifier::Every => self.push("every "),
        }
        self.push(&resource.kind.node);
        if let Some(name) = &resource.name {
            self.push(" ");
            self.resource_name(name);
        }
        for selector in &resource.selectors {
            self.push(" ");
            self.selector(selector);
        }
        if let Some(alias) = &resource.alias {
            self.push(" as ");
            self.name(alias);
        }
    }

    fn selector(&mut self, selector: &Selector) {
        match selector {
            Selector::Label(key, value) => {
                self.push("with label ");
                self.key(key);
                self.push("=");
                self.value(&value.node);
            }
            Selector::Wave(wave) => {
                self.push("in wave ");
                self.push(&wave.node.to_string());
            }
            Selector::Namespace(name) => {
                self.push("in namespace ");
                self.name(name);
            }
            Selector::Application(name) => {
                self.push("of application ");
                self.resource_name(name);
            }
            Selector::OwnedBy(kind, name) => {
                self.push("owned by ");
                self.push(&kind.node);
                self.push(" ");
                self.resource_name(name);
            }
            Selector::Of(kind, name) => {
                self.push("of ");
                self.push(&kind.node);
                self.push(" ");
                self.resource_name(name);
            }
            Selector::Where(expr) => {
                self.push("where (");
                self.expr(expr);
                self.push(")");
            }
        }
    }

    pub(super) fn target(&mut self, target: &TargetExpr) {
        self.push(&target.kind.node);
        self.push(" ");
        self.resource_name(&target.name);
    }

    pub(super) fn action(&mut self, action: &ActionDecl) {
        let (verb, target) = match &action.verb {
            ActionVerb::Notify { kind, text, application } => {
                self.push("notify ");
                self.name(kind);
                self.push(" ");
                self.text(text);
                if let Some(application) = application {
                    self.push(" on application ");
                    self.resource_name(application);
                }
                return;
            }
            ActionVerb::Run(kind, name) => {
                self.push("run ");
                self.push(&kind.node);
                self.push(" from ");
                self.source_word(kind, name);
                self.resource_name(name);
                return;
            }
            ActionVerb::Restart { target, .. } => ("restart ", target),
            ActionVerb::Sync(target) => ("sync ", target),
            ActionVerb::Refresh { target, .. } => ("refresh ", target),
            ActionVerb::Rollback(target) => ("rollback ", target),
            ActionVerb::Annotate(target, ..) => ("annotate ", target),
            ActionVerb::Label(target, ..) => ("label ", target),
            ActionVerb::Promote(target) => ("promote ", target),
            ActionVerb::Abort(target) => ("abort ", target),
            ActionVerb::Rerun(target) => ("rerun ", target),
            ActionVerb::Suspend(target) => ("suspend ", target),
            ActionVerb::Resume(target) => ("resume ", target),
        };
        self.push(verb);
        self.target(target);
        match &action.verb {
            ActionVerb::Restart { by_deleting_pods: true, .. } => self.push(" by deleting pods"),
            ActionVerb::Refresh { hard: true, .. } => self.push(" hard"),
            ActionVerb::Annotate(_, key, value) | ActionVerb::Label(_, key, value) => {
                self.push(" ");
                self.key(key);
                self.push("=");
                self.value_text(value);
            }
            _ => {}
        }
    }

    pub(super) fn modifier(&mut self, modifier: &Modifier) {
        match modifier {
            Modifier::Block { wave, application, .. } => {
                self.push("block wave ");
                self.push(&wave.node.to_string());
                if let Some(application) = application {
                    self.push(" of application ");
                    self.resource_name(application);
                }
            }
            Modifier::Cooldown(duration) => {
                self.push("cooldown ");
                self.duration(duration);
            }
            Modifier::AtMostAtATime(count) => self.push(&format!("at most {} at a time", count.node)),
            Modifier::AtMostPer(count, duration) => {
                self.push(&format!("at most {} per ", count.node));
                self.duration(duration);
            }
            Modifier::Retry(count, backoff) => {
                self.push(&format!("retry {}", count.node));
                if let Some(backoff) = backoff {
                    self.push(" backoff ");
                    self.duration(backoff);
                }
            }
            Modifier::CatchUp(_) => self.push("catch up"),
            Modifier::Observe(_) => self.push("observe"),
        }
    }
}
