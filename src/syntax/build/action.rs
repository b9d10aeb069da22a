//! Actions and modifiers.

use super::{Build, Kids};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::tree::{ActionDecl, ActionVerb, Modifier, TargetExpr};

impl Build<'_> {
    /// `target`: `KIND NAME`.
    pub(super) fn target(&mut self, pair: Pair<'_>) -> Option<TargetExpr> {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let kind = self.word(&kids.next()?);
        let name = self.resource_name(kids.next()?)?;
        Some(TargetExpr { kind, name, span })
    }

    /// Any of the actions.
    pub(super) fn action(&mut self, pair: Pair<'_>) -> Option<ActionDecl> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let first = kids.next()?;
        let verb = match rule {
            Rule::notify => {
                let kind = self.name(first);
                let text = self.text(kids.next()?);
                let application = match kids.next() {
                    Some(pair) => Some(self.resource_name(pair)?),
                    None => None,
                };
                ActionVerb::Notify { kind, text, application }
            }
            Rule::run => {
                let kind = self.word(&first);
                kids.accept(Rule::from_word);
                ActionVerb::Run(kind, self.resource_name(kids.next()?)?)
            }
            _ => {
                let target = self.target(first)?;
                self.targeted(rule, target, &mut kids)?
            }
        };
        Some(ActionDecl { verb, span })
    }

    fn targeted(&mut self, rule: Rule, target: TargetExpr, kids: &mut Kids<'_>) -> Option<ActionVerb> {
        Some(match rule {
            Rule::restart => ActionVerb::Restart { target, by_deleting_pods: kids.has(Rule::by_deleting_pods) },
            Rule::sync => ActionVerb::Sync(target),
            Rule::refresh => ActionVerb::Refresh { target, hard: kids.has(Rule::hard) },
            Rule::rollback => ActionVerb::Rollback(target),
            Rule::annotate => {
                let key = self.name(kids.next()?);
                ActionVerb::Annotate(target, key, self.value_text(kids.next()?)?)
            }
            Rule::label => {
                let key = self.name(kids.next()?);
                ActionVerb::Label(target, key, self.value_text(kids.next()?)?)
            }
            Rule::promote => ActionVerb::Promote(target),
            Rule::abort => ActionVerb::Abort(target),
            Rule::rerun => ActionVerb::Rerun(target),
            Rule::suspend => ActionVerb::Suspend(target),
            Rule::resume => ActionVerb::Resume(target),
            _ => return None,
        })
    }

    /// Any of the modifiers.
    pub(super) fn modifier(&mut self, pair: Pair<'_>) -> Option<Modifier> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        Some(match rule {
            Rule::block => {
                let wave = self.integer(&kids.next()?);
                let application = match kids.next() {
                    Some(pair) => Some(self.resource_name(pair)?),
                    None => None,
                };
                Modifier::Block { wave, application, span }
            }
            Rule::cooldown => Modifier::Cooldown(self.duration(&kids.next()?)),
            Rule::at_most_time => Modifier::AtMostAtATime(self.count(&kids.next()?, "targets")),
            Rule::at_most_per => {
                let count = self.count(&kids.next()?, "firings");
                Modifier::AtMostPer(count, self.duration(&kids.next()?))
            }
            Rule::retry => {
                let count = self.count(&kids.next()?, "tries");
                let backoff = kids.next().map(|pair| self.duration(&pair));
                Modifier::Retry(count, backoff)
            }
            Rule::catch_up => Modifier::CatchUp(span),
            Rule::observe => Modifier::Observe(span),
            _ => return None,
        })
    }
}
