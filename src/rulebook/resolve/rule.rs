//! One rule: `when … then … else …` and its modifiers, to a [`Rule`].

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::condition::Draft;
use super::context::Resolver;
use super::names;
use super::scope::Words;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::rulebook::{Action, Alternative, ExprTest, Origin, Rule, Test};
use crate::syntax::tree::{Condition, RuleDecl};

/// Hexadecimal digits in the name of a one-line rule.
const HASH_DIGITS: usize = 12;

impl Resolver<'_> {
    /// Resolves a rule; `None`, and errors, if anything in it is wrong.
    pub fn rule(&mut self, decl: &RuleDecl, origin: Origin) -> Option<Rule> {
        let before = self.errors;
        let mut draft = Draft::default();
        let mut text = String::new();
        let node = self.condition(&decl.when, &mut draft, &mut text);
        let then = self.targets(&decl.then);
        let otherwise = self.targets(&decl.otherwise);
        draft.broken |= then.len() < decl.then.len() || otherwise.len() < decl.otherwise.len();
        let targets: Vec<_> = then.iter().chain(&otherwise).filter_map(|half| half.target()).collect();
        let mut words = Words::of(self, &draft, targets);
        let exprs = self.expressions(&mut words, &draft);
        self.check_then(&draft, &node);
        let alternatives = self.alternatives(&draft, &node, &exprs, decl.when.span());
        let when = self.states(&draft, &node, &exprs);
        let name = match &decl.name {
            Some(name) => self.rule_name(name),
            None => Some(self.text_name(&text, &then, &otherwise)),
        };
        let mut whole = |resolver: &mut Self, halves: Vec<super::actions::Half<'_>>| -> Vec<Action> {
            // Its own room: collected as it is, the list would keep the larger room of the halves.
            let mut actions = Vec::with_capacity(halves.len());
            actions.extend(halves.into_iter().filter_map(|half| resolver.whole(half, &mut words, &draft)));
            actions
        };
        let then = whole(self, then);
        let otherwise = whole(self, otherwise);
        let within = decl.within.as_ref().and_then(|within| self.duration("within", within));
        let (modifiers, blocks) = self.modifiers(&decl.modifiers, &draft);
        if let Some(alternatives) = &alternatives {
            self.check_branches(decl, alternatives, draft.broken);
        }
        if self.errors > before {
            return None;
        }
        draft.terms.shrink_to_fit();
        words.vars.shrink_to_fit();
        Some(Rule {
            name: name?,
            title: decl.title.as_ref().map(|title| Arc::from(title.node.as_str())),
            origin,
            span: decl.span,
            text,
            terms: draft.terms,
            vars: words.vars,
            alternatives: alternatives?,
            when,
            within,
            then,
            otherwise,
            blocks,
            modifiers,
        })
    }

    /// A condition alone, which need not have a cause: a rule without actions that never fires.
    pub fn lone_condition(&mut self, condition: &Condition) -> Option<Rule> {
        let before = self.errors;
        let mut draft = Draft::default();
        let mut text = String::new();
        let node = self.condition(condition, &mut draft, &mut text);
        let mut words = Words::of(self, &draft, Vec::new());
        let exprs = self.expressions(&mut words, &draft);
        self.check_then(&draft, &node);
        let when = self.states(&draft, &node, &exprs);
        if self.errors > before {
            return None;
        }
        draft.terms.shrink_to_fit();
        words.vars.shrink_to_fit();
        Some(Rule {
            name: Arc::from("wait"),
            title: None,
            origin: Origin::File,
            span: condition.span(),
            text,
            terms: draft.terms,
            vars: words.vars,
            alternatives: Vec::new(),
            when,
            within: None,
            then: Vec::new(),
            otherwise: Vec::new(),
            blocks: Vec::new(),
            modifiers: crate::rulebook::Modifiers::default(),
        })
    }

    fn expressions(&mut self, words: &mut Words, draft: &Draft<'_>) -> Vec<Option<Arc<ExprTest>>> {
        let compile = |resolver: &mut Self, words: &mut Words, expr| {
            let program = words.condition(resolver, draft, expr)?;
            Some(Arc::new(ExprTest { program, text: super::canonical::expr(expr), span: expr.span }))
        };
        draft.exprs.iter().map(|expr| compile(self, words, expr)).collect()
    }

    fn rule_name(&mut self, name: &crate::syntax::tree::Name) -> Option<Arc<str>> {
        if let Some(wrong) = names::rule_name(&name.node) {
            self.error(Code::NAME, name.span, format!("`{}` is not a name for a rule", name.node), wrong);
            return None;
        }
        Some(Arc::from(name.node.as_str()))
    }

    /// The name of a one-line rule: what it asks and does, whatever its modifiers.
    fn text_name(
        &self,
        condition: &str,
        then: &[super::actions::Half<'_>],
        otherwise: &[super::actions::Half<'_>],
    ) -> Arc<str> {
        let mut hash = Sha256::new();
        hash.update(condition.as_bytes());
        for (branch, actions) in [("then", then), ("else", otherwise)] {
            for action in actions {
                hash.update([0]);
                hash.update(branch.as_bytes());
                hash.update([0]);
                hash.update(action.text.as_bytes());
            }
        }
        let mut name = "when-".to_owned();
        name.push_str(&hex(&hash.finalize(), HASH_DIGITS));
        Arc::from(name)
    }

    /// `within` and `else` must be able to matter.
    fn check_branches(&mut self, decl: &RuleDecl, alternatives: &[Alternative], broken: bool) {
        if broken {
            return;
        }
        let has_events = |a: &Alternative| !a.events.is_empty();
        let is_true = |test: &Test| matches!(test, Test::All(tests) if tests.is_empty());
        let waits = |a: &Alternative| a.events.len() > 1 || !is_true(&a.rest);
        if let Some(within) = &decl.within {
            if !alternatives.iter().all(has_events) {
                let message = "`within` counts from an event, and here is none";
                let help = "add an event such as `job NAME succeeds`, or use `for` to ask how long a state lasts";
                self.error(Code::MODIFIER, within.span, message, help);
            } else if !alternatives.iter().any(waits) {
                let message = "`within` has no effect: it opens when the run ends, and nothing else is waited for";
                self.error(Code::MODIFIER, within.span, message, "leave it out, or add what must follow with `and`");
            }
        }
        let Some(first) = decl.otherwise.first() else { return };
        let span = first.span;
        if decl.within.is_none() && !alternatives.iter().any(has_events) {
            let message = "`else` acts when the events are there and the rest is false, and here is no event";
            self.error(
                Code::NO_CAUSE,
                span,
                message,
                "write a rule of its own for the other state, such as `when isvc NAME is healthy then …`",
            );
        } else if decl.within.is_none() && !alternatives.iter().any(waits) {
            let message = "`else` never acts: nothing beside the event can be false";
            let help = "for a failed run write a rule of its own: `when … fails then …`";
            self.report(Diagnostic::error(Code::MODIFIER, span, message).help(help));
        }
    }
}

/// The first digits of a hash.
pub(super) fn hex(bytes: &[u8], digits: usize) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).take(digits).collect()
}

/// Two rules of one name; of one-line rules the name is what they ask and do.
pub(super) fn duplicate(rule: &Rule, first: Span) -> Diagnostic {
    let (message, help) = if rule.name.starts_with("when-") {
        ("the same rule stands twice".to_owned(), "leave one of them out, or give them names")
    } else {
        (format!("there is another rule `{}`", rule.name), "give it another name")
    };
    Diagnostic::error(Code::DUPLICATE_RULE, rule.span, message).related(first, "the first").help(help)
}
