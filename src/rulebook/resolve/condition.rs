//! Conditions: trees to terms and a small algebra over them, with the canonical text.

use std::time::Duration;

use super::canonical;
use super::context::Resolver;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::rulebook::Term;
use crate::syntax::tree::{Condition, Expr, Name, Predicate, Quantifier, ResourceCondition};

/// The variable of kinds and of `where`.
const SELF: &str = "self";
/// Most resources that one condition may ask about.
const TERMS_MAX: usize = 64;

/// A condition over the terms and expressions of a [`Draft`].
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// All hold; empty is true.
    All(Vec<Node>),
    /// One holds.
    Any(Vec<Node>),
    /// Does not hold.
    Not(Box<Node>),
    /// `and then`, with its place.
    Then(Box<Node>, Box<Node>, Span),
    /// A term by index.
    Term(usize),
    /// An expression by index.
    Expr(usize),
}

/// What a rule is made of while it is resolved.
#[derive(Debug, Default)]
pub(super) struct Draft<'t> {
    /// Terms in order of appearance, each once.
    pub terms: Vec<Term>,
    /// The alias of each term.
    pub aliases: Vec<Option<&'t Name>>,
    /// The expressions of the condition.
    pub exprs: Vec<&'t Expr>,
    /// The term with `any`.
    pub any: Option<usize>,
    /// Something could not be resolved: what follows from that is not reported.
    pub broken: bool,
}

/// How a part is bracketed in its surroundings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    And,
    Or,
    Then,
}

impl Resolver<'_> {
    /// Resolves a condition. The canonical text is added to `text`.
    pub fn condition<'t>(&mut self, condition: &'t Condition, draft: &mut Draft<'t>, text: &mut String) -> Node {
        self.part(condition, draft, text, Around::Nothing, false)
    }

    fn part<'t>(
        &mut self,
        condition: &'t Condition,
        draft: &mut Draft<'t>,
        text: &mut String,
        around: Around,
        negated: bool,
    ) -> Node {
        match condition {
            Condition::And(parts, _) => {
                let brackets = matches!(around, Around::Or | Around::Then);
                Node::All(self.parts(parts, draft, text, (Around::And, " and ", brackets), negated))
            }
            Condition::Or(parts, _) => {
                let brackets = matches!(around, Around::And | Around::Then);
                Node::Any(self.parts(parts, draft, text, (Around::Or, " or ", brackets), negated))
            }
            Condition::Then(left, right, span) => {
                let brackets = around != Around::Nothing;
                text.push_str(if brackets { "(" } else { "" });
                let chain = matches!(**left, Condition::Then(..));
                let left = self.part(left, draft, text, if chain { Around::Nothing } else { Around::Then }, negated);
                text.push_str(" and then ");
                let right = self.part(right, draft, text, Around::Then, negated);
                text.push_str(if brackets { ")" } else { "" });
                Node::Then(Box::new(left), Box::new(right), *span)
            }
            Condition::Not(inner, _) => {
                text.push_str("not ");
                let group = matches!(**inner, Condition::And(..) | Condition::Or(..) | Condition::Then(..));
                text.push_str(if group { "(" } else { "" });
                let inner = self.part(inner, draft, text, Around::Nothing, true);
                text.push_str(if group { ")" } else { "" });
                Node::Not(Box::new(inner))
            }
            Condition::Resource(resource) => self.resource(resource, draft, text, negated),
            Condition::Expr(expr) => {
                text.push_str(&canonical::expr(expr));
                draft.exprs.push(expr);
                Node::Expr(draft.exprs.len() - 1)
            }
        }
    }

    fn parts<'t>(
        &mut self,
        parts: &'t [Condition],
        draft: &mut Draft<'t>,
        text: &mut String,
        (around, word, brackets): (Around, &str, bool),
        negated: bool,
    ) -> Vec<Node> {
        text.push_str(if brackets { "(" } else { "" });
        let mut nodes = Vec::with_capacity(parts.len());
        for (i, part) in parts.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { word });
            // `a and then b and c` reads from the left, so a chain needs no brackets there.
            let chain = i == 0 && around == Around::And && matches!(part, Condition::Then(..));
            let around = if chain { Around::Nothing } else { around };
            nodes.push(self.part(part, draft, text, around, negated));
        }
        text.push_str(if brackets { ")" } else { "" });
        nodes
    }

    fn resource<'t>(
        &mut self,
        resource: &'t ResourceCondition,
        draft: &mut Draft<'t>,
        text: &mut String,
        negated: bool,
    ) -> Node {
        let Some(term) = self.term(resource, negated) else {
            draft.broken = true;
            return Node::All(Vec::new());
        };
        let alias = resource.resource.alias.as_ref();
        self.check_alias(alias, &term, draft);
        match alias {
            // `job ml/train as t succeeds`: the alias stands before the predicate.
            Some(alias) => {
                let source = canonical::selection(self, &term.source);
                let rest = term.text.get(source.len()..).unwrap_or("");
                text.push_str(&source);
                text.push_str(" as ");
                text.push_str(&alias.node);
                text.push_str(rest);
            }
            None => text.push_str(&term.text),
        }
        let alias_word = alias.map(|a| a.node.as_str());
        let same = |(t, a): (&Term, &Option<&Name>)| t.text == term.text && a.map(|a| a.node.as_str()) == alias_word;
        if let Some(index) = draft.terms.iter().zip(&draft.aliases).position(same) {
            return Node::Term(index);
        }
        let index = draft.terms.len();
        if term.source.quantifier == Quantifier::Any {
            match draft.any.and_then(|any| draft.terms.get(any)) {
                Some(first) => {
                    let help = "make them two rules, or name one of the objects";
                    self.report(
                        Diagnostic::error(Code::QUANTIFIER, resource.resource.span, "a rule can say `any` once")
                            .related(first.span, "the first `any`")
                            .help(help),
                    );
                    draft.broken = true;
                }
                None => draft.any = Some(index),
            }
        }
        if index == TERMS_MAX {
            let message = format!("a condition can ask about {TERMS_MAX} resources");
            self.error(Code::LIMIT, resource.span, message, "split the rule, or use `every` with selectors");
        }
        if index >= TERMS_MAX {
            draft.broken = true;
            return Node::All(Vec::new());
        }
        draft.terms.push(term);
        draft.aliases.push(alias);
        Node::Term(index)
    }

    fn term(&mut self, resource: &ResourceCondition, negated: bool) -> Option<Term> {
        let before = self.errors;
        let source = self.selection(&resource.resource)?;
        let predicate = resource.predicate.node;
        self.check_predicate(resource, &source, negated);
        let lasting = resource.lasting.as_ref().and_then(|lasting| self.duration("for", lasting));

        if self.errors > before {
            return None;
        }
        let mut text = canonical::selection(self, &source);
        text.push(' ');
        text.push_str(canonical::predicate(predicate));
        if let Some(lasting) = lasting {
            text.push_str(" for ");
            text.push_str(&canonical::duration(lasting.as_secs()));
        }
        Some(Term { source, predicate, lasting, text, span: resource.span })
    }

    fn check_predicate(&mut self, resource: &ResourceCondition, source: &crate::rulebook::Selection, negated: bool) {
        let (predicate, span) = (resource.predicate.node, resource.predicate.span);
        let words = canonical::predicate(predicate);
        let short = self.short(source.kind);
        let runs = self.kind(source.kind).is_some_and(|k| k.runs);
        let asks_run = matches!(
            predicate,
            Predicate::Succeeds | Predicate::Fails | Predicate::HasSucceeded | Predicate::HasFailed
        );
        if asks_run && !runs {
            let state = match predicate {
                Predicate::Succeeds | Predicate::HasSucceeded => "is healthy",
                _ => "is degraded",
            };
            let message = format!("`{words}` is for kinds that run to completion, `{short}` does not");
            self.error(Code::NOT_A_RUN, span, message, format!("ask for its state, such as `{state}`"));
        }
        if predicate == Predicate::Missing && source.quantifier != Quantifier::One {
            let message = "what is missing cannot be found by its properties";
            self.error(
                Code::QUANTIFIER,
                resource.resource.span,
                message,
                format!("name it: `{short} NAME is missing`"),
            );
        }
        if predicate == Predicate::Stale {
            self.check_stale(resource, source);
        }
        if negated && source.quantifier == Quantifier::Any {
            let message = "`any` cannot stand inside `not`: it stands for each match by itself";
            let help = "say what should hold of each match, or use `not every …`";
            self.error(Code::QUANTIFIER, resource.resource.span, message, help);
        }
    }

    fn check_stale(&mut self, resource: &ResourceCondition, source: &crate::rulebook::Selection) {
        let known = self.models.iter().filter(|model| model.stale_after.is_some()).any(|model| {
            let mut objects = model.steps.iter().map(|(_, step)| step).chain([&model.served_by]);
            objects.any(|o| source.object.as_ref().map_or(o.kind == source.kind, |object| o == object))
        });
        if !known {
            let what = canonical::selection(self, source);
            let message = format!("no model says when `{what}` is stale");
            let help = "declare one: `model NAME { trained by …; served by …; stale after 7d }`";
            self.error(Code::STALE, resource.predicate.span, message, help);
        }
    }

    fn check_alias<'t>(&mut self, alias: Option<&'t Name>, term: &Term, draft: &mut Draft<'t>) {
        let Some(alias) = alias else { return };
        if term.source.quantifier == Quantifier::Every {
            let message = "`every` stands for many objects, so it cannot have a name";
            self.error(Code::QUANTIFIER, alias.span, message, format!("leave `as {}` out", alias.node));
            draft.broken = true;
            return;
        }
        if alias.node == SELF {
            self.error(Code::NAME, alias.span, "`self` is the object in a kind and in `where`", "give it another name");
            draft.broken = true;
            return;
        }
        let taken = draft.aliases.iter().zip(&draft.terms).find_map(|(other, t)| {
            other.filter(|o| {
                o.node == alias.node
                    && canonical::selection(self, &t.source) != canonical::selection(self, &term.source)
            })
        });
        if let Some(other) = taken {
            let message = format!("`{}` already names another object of this rule", alias.node);
            let found = Diagnostic::error(Code::AMBIGUOUS_NAME, alias.span, message);
            self.report(found.related(other.span, "the first").help("give it another name"));
            draft.broken = true;
        }
    }

    /// A duration of the rule language: not zero, not absurd.
    pub fn duration(&mut self, what: &str, duration: &crate::syntax::tree::DurationLit) -> Option<Duration> {
        const SECONDS_MAX: u64 = 366 * 86_400;
        if duration.node == 0 {
            let message = format!("`{what}` of no time at all has no effect");
            self.error(
                Code::MODIFIER,
                duration.span,
                message,
                format!("leave `{what}` out, or give a duration such as `10m`"),
            );
            return None;
        }
        if duration.node > SECONDS_MAX {
            let message = format!("`{what} {}` is more than a year", canonical::duration(duration.node));
            self.error(Code::MODIFIER, duration.span, message, "at most `366d`");
            return None;
        }
        Some(Duration::from_secs(duration.node))
    }
}
