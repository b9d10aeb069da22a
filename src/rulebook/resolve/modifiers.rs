//! Modifiers and blocks of a rule.

use std::time::Duration;

use super::canonical;
use super::condition::Draft;
use super::context::Resolver;
use super::logic::has_no_single_answer;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::rulebook::{AppName, Block, Filter, Modifiers, Term};
use crate::syntax::tree::{Modifier, Predicate, Quantifier, ResourceName};

/// The pause before the first retry where the rule names none; seconds.
const RETRY_BACKOFF_SECONDS: u64 = 10;
/// Most retries of a refused write.
const RETRIES_MAX: u64 = 100;
/// Most targets or firings that `at most` may name.
const AT_MOST_MAX: u64 = 100_000;

/// A modifier's words and place.
fn words(modifier: &Modifier) -> (&'static str, Span) {
    match modifier {
        Modifier::Block { span, .. } => ("block wave", *span),
        Modifier::Cooldown(d) => ("cooldown", d.span),
        Modifier::AtMostAtATime(n) => ("at most … at a time", n.span),
        Modifier::AtMostPer(n, d) => ("at most … per", n.span.to(d.span)),
        Modifier::Retry(n, _) => ("retry", n.span),
        Modifier::CatchUp(span) => ("catch up", *span),
        Modifier::Observe(span) => ("observe", *span),
    }
}

impl Resolver<'_> {
    /// All modifiers of a rule.
    pub fn modifiers(&mut self, modifiers: &[Modifier], draft: &Draft<'_>) -> (Modifiers, Vec<Block>) {
        let mut found = Modifiers::default();
        let mut blocks: Vec<Block> = Vec::new();
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for modifier in modifiers {
            let (name, span) = words(modifier);
            let first = seen.iter().find(|(other, _)| *other == name && name != "block wave");
            if let Some((_, first)) = first {
                let twice = Diagnostic::error(Code::MODIFIER, span, format!("`{name}` stands twice"));
                self.report(twice.related(*first, "the first").help("leave one of them out"));
                continue;
            }
            seen.push((name, span));
            self.modifier(modifier, draft, &mut found, &mut blocks);
        }
        blocks.sort_by(|a, b| (&a.application, a.wave).cmp(&(&b.application, b.wave)));
        blocks.shrink_to_fit();
        (found, blocks)
    }

    fn modifier(&mut self, modifier: &Modifier, draft: &Draft<'_>, found: &mut Modifiers, blocks: &mut Vec<Block>) {
        match modifier {
            Modifier::Block { wave, application, span } => {
                if let Some(block) = self.block(wave, application.as_ref(), *span, draft) {
                    self.add_block(block, blocks);
                }
            }
            Modifier::Cooldown(d) => found.cooldown = self.duration("cooldown", d),
            Modifier::AtMostAtATime(n) => found.at_a_time = self.count("at most", n, AT_MOST_MAX),
            Modifier::AtMostPer(n, d) => {
                let (count, per) = (self.count("at most", n, AT_MOST_MAX), self.duration("per", d));
                found.per = count.zip(per);
            }
            Modifier::Retry(n, backoff) => {
                let count = self.count("retry", n, RETRIES_MAX);
                let backoff = match backoff {
                    Some(backoff) => self.duration("backoff", backoff),
                    None => Some(Duration::from_secs(RETRY_BACKOFF_SECONDS)),
                };
                found.retry = count.zip(backoff);
            }
            Modifier::CatchUp(_) => found.catch_up = true,
            Modifier::Observe(_) => found.observe = true,
        }
    }

    fn count(&mut self, what: &str, n: &Spanned<u64>, max: u64) -> Option<u32> {
        if n.node == 0 {
            let message = format!("`{what} 0` would never do anything");
            self.error(
                Code::MODIFIER,
                n.span,
                message,
                "leave it out, or use `observe` to only see what would be done",
            );
            return None;
        }
        if n.node > max {
            self.error(Code::MODIFIER, n.span, format!("`{what} {}` is too much", n.node), format!("at most {max}"));
            return None;
        }
        u32::try_from(n.node).ok()
    }

    fn add_block(&mut self, block: Block, blocks: &mut Vec<Block>) {
        if let Some(other) = blocks.iter().find(|b| b.application == block.application) {
            let (low, high) = (block.wave.min(other.wave), block.wave.max(other.wave));
            let message = format!("`block wave {low}` holds wave {high} too");
            let found = Diagnostic::error(Code::MODIFIER, block.span, message);
            self.report(found.related(other.span, "the other block").help(format!("`block wave {low}` is enough")));
            return;
        }
        blocks.push(block);
    }

    fn block(
        &mut self,
        wave: &Spanned<i64>,
        application: Option<&ResourceName>,
        span: Span,
        draft: &Draft<'_>,
    ) -> Option<Block> {
        let number = self.wave(wave)?;
        let application = match application {
            Some(name) => Some(self.application(name)?),
            None => self.home.application.clone(),
        };
        let before = self.errors;
        for term in &draft.terms {
            self.check_block(number, application.as_ref(), term, span);
        }
        if draft.terms.is_empty() && !draft.broken {
            self.error(Code::BLOCK, span, "nothing that this rule waits for could ever open the wave", "");
        }
        (self.errors == before).then_some(Block { wave: number, application, span })
    }

    /// What cannot work whatever the manifests say.
    fn check_block(&mut self, wave: i32, application: Option<&AppName>, term: &Term, span: Span) {
        let what = canonical::selection(self, &term.source);
        let found =
            |message: String| Diagnostic::error(Code::BLOCK, span, message).related(term.span, "waits for this");
        if has_no_single_answer(term) {
            let message = "a wave opens once, and `any` stands for each match by itself".to_owned();
            let short = self.short(term.source.kind);
            self.report(found(message).help(format!("write `every {short} …`, or name the one that opens the wave")));
        }
        let within = term.source.filters.iter().find_map(|filter| match filter {
            Filter::Wave(n) if *n >= wave => Some(*n),
            _ => None,
        });
        let elsewhere = term.source.filters.iter().any(|filter| match filter {
            Filter::Application(app) => application.is_some_and(|own| own != app),
            _ => false,
        });
        if let Some(own) = within.filter(|_| !elsewhere && term.source.quantifier != Quantifier::One) {
            let message = format!("wave {own} would wait for itself: `block wave {wave}` holds wave {wave} and later");
            self.report(found(message).help(format!("block a wave above {own}")));
        }
        let is_own = self.is_application(term.source.kind)
            && term
                .source
                .object
                .as_ref()
                .zip(application)
                .is_some_and(|(object, app)| object.name == app.name && object.namespace == app.namespace);
        if is_own && term.predicate == Predicate::Healthy {
            let message = format!("`{what}` cannot become healthy while its own wave {wave} is held");
            self.report(found(message).help("wait for something of an earlier wave"));
        }
    }
}
