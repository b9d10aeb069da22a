//! Conditions and the resources that they name.

use super::{Build, Kids, add};
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::limits;
use crate::syntax::tree::{Condition, Predicate, Quantifier, ResourceCondition, ResourceExpr, Selector};

impl Build<'_> {
    /// `condition`: clauses joined by `and`, `and then`, `or`.
    pub(in crate::syntax) fn condition(&mut self, pair: Pair<'_>) -> Option<Condition> {
        self.check_and_or(&pair);
        let mut kids = Kids::of(pair);
        let first = kids.next()?;
        let mut whole = self.clause(first)?;
        let mut thens = 0;
        // Whether `whole` is a list made here, to which more may be added, not one that stood in brackets.
        let mut open = false;
        while let Some(connective) = kids.next() {
            let at = self.span(&connective);
            let clause = kids.next()?;
            let right = self.clause(clause)?;
            let span = whole.span().to(right.span());
            whole = match (connective.as_rule(), whole) {
                (Rule::and, Condition::And(mut members, _)) if open => {
                    members.push(right);
                    Condition::And(members, span)
                }
                (Rule::or, Condition::Or(mut members, _)) if open => {
                    members.push(right);
                    Condition::Or(members, span)
                }
                (Rule::and_then, left) => {
                    thens += 1;
                    if thens > limits::DEPTH_MAX {
                        self.too_deep(at);
                        return None;
                    }
                    Condition::Then(Box::new(left), Box::new(right), span)
                }
                (Rule::or, left) => Condition::Or(vec![left, right], span),
                (_, left) => Condition::And(vec![left, right], span),
            };
            open = true;
        }
        Some(whole)
    }

    fn too_deep(&mut self, span: Span) {
        self.error(
            Code::LIMIT,
            span,
            format!("a condition has more than {} levels", limits::DEPTH_MAX),
            "split the rule",
        );
    }

    /// `and` beside `or` reads differently to different people: brackets say which is meant.
    fn check_and_or(&mut self, pair: &Pair<'_>) {
        let mut ands = None;
        let mut ors = None;
        for kid in Kids::of(pair.clone()) {
            let place = match kid.as_rule() {
                Rule::and | Rule::and_then => &mut ands,
                Rule::or => &mut ors,
                _ => continue,
            };
            if place.is_none() {
                *place = Some(self.span(&kid));
            }
        }
        let (Some(and), Some(or)) = (ands, ors) else { return };
        let (first, second) = if and.start < or.start { (and, or) } else { (or, and) };
        self.push(
            Diagnostic::error(Code::AND_OR, second, "`and` and `or` are mixed without brackets")
                .label("which of the two is done first?")
                .help(format!("write {}", bracketed(pair)))
                .related(first, "the other one is here"),
        );
    }

    /// `clause`: `not`, then a group, a resource with a predicate, or an expression.
    fn clause(&mut self, pair: Pair<'_>) -> Option<Condition> {
        let mut nots = Vec::new();
        for kid in Kids::of(pair) {
            let span = self.span(&kid);
            let mut condition = match kid.as_rule() {
                Rule::not => {
                    nots.push(span);
                    continue;
                }
                Rule::group => {
                    let inner = Kids::of(kid).next()?;
                    let mut condition = self.condition(inner)?;
                    if let Condition::And(_, at) | Condition::Or(_, at) | Condition::Then(_, _, at) = &mut condition {
                        // With its brackets.
                        *at = span;
                    }
                    condition
                }
                Rule::resource_clause => Condition::Resource(Box::new(self.resource_clause(kid)?)),
                _ => Condition::Expr(self.expr(kid)),
            };
            if nots.len() > limits::DEPTH_MAX {
                self.too_deep(span);
                return None;
            }
            while let Some(at) = nots.pop() {
                condition = Condition::Not(Box::new(condition), at.to(span));
            }
            return Some(condition);
        }
        None
    }

    /// `resource_clause`: `KIND name succeeds`, `every KIND … is healthy for 10m`.
    pub(super) fn resource_clause(&mut self, pair: Pair<'_>) -> Option<ResourceCondition> {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let resource = kids.accept(Rule::resource)?;
        let resource = self.resource(resource)?;
        let predicate = kids.accept(Rule::predicate)?;
        let predicate = self.predicate(predicate)?;
        let mut lasting = None;
        if let Some(pair) = kids.accept(Rule::lasting) {
            let at = self.span(&pair);
            let duration = Kids::of(pair).next()?;
            let words = duration.as_str().to_owned();
            let duration = self.duration(&duration);
            let event = match predicate.node {
                Predicate::Succeeds => Some(("succeeds", "has succeeded")),
                Predicate::Fails => Some(("fails", "has failed")),
                _ => None,
            };
            if let Some((event, state)) = event {
                self.error(
                    Code::SYNTAX,
                    at,
                    format!("`for` says how long a state lasts, and `{event}` is an event"),
                    format!("leave it out, or ask for the state: `{state} for {words}`"),
                );
            } else {
                lasting = Some(duration);
            }
        }
        Some(ResourceCondition { resource, predicate, lasting, span })
    }

    pub(super) fn predicate(&mut self, pair: Pair<'_>) -> Option<Spanned<Predicate>> {
        let span = self.span(&pair);
        let word = pair.into_inner().last()?;
        let node = match word.as_str() {
            "succeeds" => Predicate::Succeeds,
            "fails" => Predicate::Fails,
            "succeeded" => Predicate::HasSucceeded,
            "failed" => Predicate::HasFailed,
            "healthy" => Predicate::Healthy,
            "progressing" => Predicate::Progressing,
            "degraded" => Predicate::Degraded,
            "suspended" => Predicate::Suspended,
            "missing" => Predicate::Missing,
            "stale" => Predicate::Stale,
            _ => return None,
        };
        Some(Spanned { node, span })
    }

    /// `resource`: `[any|every] KIND [name] …`
    pub(super) fn resource(&mut self, pair: Pair<'_>) -> Option<ResourceExpr> {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let quantifier = match kids.next_rule() {
            Some(Rule::any) => Quantifier::Any,
            Some(Rule::every) => Quantifier::Every,
            _ => Quantifier::One,
        };
        if quantifier != Quantifier::One {
            kids.next();
        }
        let kind = self.word(&kids.accept(Rule::kind_word)?);
        if let ("all" | "each", Quantifier::One) = (kind.node.as_str(), quantifier) {
            let help = "write `every KIND …` for all of them together, or `any KIND …` for each by itself";
            self.error(Code::QUANTIFIER, kind.span, format!("`{}` is not a kind", kind.node), help);
            return None;
        }
        let mut name = match kids.accept(Rule::resource_name) {
            Some(pair) => self.resource_name(pair),
            None => None,
        };
        if let (Some(given), Quantifier::Any | Quantifier::Every) = (&name, quantifier) {
            let (word, kind, at) =
                (if quantifier == Quantifier::Any { "any" } else { "every" }, &kind.node, &given.name.node);
            let help = format!(
                "for the one resource write `{kind} {at}`; for many leave out the name and narrow them: \
                 `{word} {kind} with label k=v`"
            );
            self.error(Code::QUANTIFIER, given.span, format!("`{word} {kind}` takes no name"), help);
            name = None;
        }
        let (mut selectors, mut alias) = (Vec::new(), None);
        for kid in kids {
            if kid.as_rule() == Rule::alias {
                let at = self.span(&kid);
                let word = Kids::of(kid).next()?;
                let given = self.identifier(word, "an alias");
                if alias.is_some() {
                    self.error(Code::SYNTAX, at, "a resource has two names for expressions", "leave out one `as`");
                }
                alias = Some(given);
            } else {
                add(&mut selectors, self.selector(kid)?);
            }
        }
        if quantifier == Quantifier::One && name.is_none() && selectors.is_empty() {
            let kind = &kind.node;
            let help = format!("write its name, `{kind} NAME`, or `any {kind} …`, `every {kind} …`");
            self.error(Code::QUANTIFIER, span, format!("which `{kind}` is meant?"), help);
        }
        Some(ResourceExpr { quantifier, kind, name, selectors, alias, span })
    }

    fn selector(&mut self, pair: Pair<'_>) -> Option<Selector> {
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let first = kids.next()?;
        Some(match rule {
            Rule::with_label => {
                let key = self.name(first);
                Selector::Label(key, self.label_value(kids.next()?))
            }
            Rule::in_wave => Selector::Wave(self.integer(&first)),
            Rule::in_namespace => Selector::Namespace(self.name(first)),
            Rule::of_application => Selector::Application(self.resource_name(first)?),
            Rule::of_kind => {
                let kind = self.word(&first);
                Selector::Of(kind, self.resource_name(kids.next()?)?)
            }
            Rule::owned_by => {
                let kind = self.word(&first);
                Selector::OwnedBy(kind, self.resource_name(kids.next()?)?)
            }
            _ => Selector::Where(self.expr(first)),
        })
    }
}

/// The condition with brackets around each run of `and`, for a help; shortened when long.
fn bracketed(pair: &Pair<'_>) -> String {
    let mut sides: Vec<Vec<String>> = vec![Vec::new()];
    let mut total = 0;
    for kid in Kids::of(pair.clone()) {
        match kid.as_rule() {
            Rule::or => sides.push(Vec::new()),
            Rule::clause => {
                total += kid.as_str().len();
                let words: Vec<&str> = kid.as_str().split_whitespace().collect();
                if let Some(side) = sides.last_mut() {
                    side.push(words.join(" "));
                }
            }
            rule => {
                if let Some(side) = sides.last_mut() {
                    side.push(if rule == Rule::and_then { "and then" } else { "and" }.to_owned());
                }
            }
        }
    }
    if total > 120 || pair.as_str().contains('#') {
        return "brackets around one of them: `(… and …) or …`, or `… and (… or …)`".to_owned();
    }
    let sides = sides.iter().map(|side| if side.len() > 1 { format!("({})", side.join(" ")) } else { side.concat() });
    format!("`{}`, or brackets around the `or`", sides.collect::<Vec<_>>().join(" or "))
}
