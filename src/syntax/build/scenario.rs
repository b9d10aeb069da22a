//! Scenarios: what happens in a rehearsal and what is expected.

use super::{Build, Kids};
use crate::diagnostic::{Code, Span, Spanned};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::tree::{Expectation, ReplicaEvent, ScenarioDecl, ScenarioStep, StepKind, WaveWord};

impl Build<'_> {
    pub(super) fn scenario(&mut self, pair: Pair<'_>, span: Span) -> Option<ScenarioDecl> {
        let mut kids = Kids::of(pair);
        let name = self.long_name(kids.next()?);
        let (mut manifests, mut start, mut steps) = (Vec::new(), None, Vec::new());
        for line in kids {
            let span = self.span(&line);
            let rule = line.as_rule();
            let mut kids = Kids::of(line);
            let first = kids.next()?;
            match rule {
                Rule::manifests => manifests.push(self.long_name(first)),
                Rule::start => {
                    if start.replace(self.long_name(first)).is_some() {
                        let help = "leave one `start at`";
                        self.error(Code::DUPLICATE_STATEMENT, span, "a scenario starts twice", help);
                    }
                }
                Rule::step_at => {
                    let at = Some(self.duration(&first));
                    let what = self.step(kids.next()?)?;
                    steps.push(ScenarioStep { at, what, span });
                }
                _ => steps.push(ScenarioStep { at: None, what: self.step(first)?, span }),
            }
        }
        Some(ScenarioDecl { name, manifests, start, steps, span })
    }

    fn step(&mut self, pair: Pair<'_>) -> Option<StepKind> {
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        if rule == Rule::expect {
            let mut expectations = Vec::new();
            for kid in kids {
                expectations.push(self.expectation(kid)?);
            }
            return Some(StepKind::Expect(expectations));
        }
        let first = kids.next()?;
        Some(match rule {
            Rule::sync => StepKind::Sync(self.target(first)?),
            Rule::step_apply => StepKind::Apply(self.long_name(first)),
            Rule::step_delete => StepKind::Delete(self.target(first)?),
            Rule::step_tidegate => {
                let node = match first.as_str() {
                    "restarts" => ReplicaEvent::Restarts,
                    "stops" => ReplicaEvent::Stops,
                    _ => ReplicaEvent::Starts,
                };
                StepKind::Tidegate(Spanned { node, span: self.span(&first) })
            }
            _ => {
                let target = self.target(first)?;
                let predicate = self.predicate(kids.next()?)?;
                let with = kids.next().map(|json| self.json(&json));
                StepKind::Becomes { target, predicate, with }
            }
        })
    }

    fn json(&mut self, pair: &Pair<'_>) -> Spanned<String> {
        let span = self.span(pair);
        let text = pair.as_str();
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            let at = self.json_place(text, &error, span);
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or("").to_owned();
            self.error(
                Code::SYNTAX,
                at,
                format!("this is not JSON: {words}"),
                "write an object such as `{ \"phase\": \"Failed\" }`",
            );
        }
        Spanned { node: text.to_owned(), span }
    }

    /// The character at which serde_json stopped.
    fn json_place(&self, text: &str, error: &serde_json::Error, span: Span) -> Span {
        let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let mut offset = (line_start + error.column().saturating_sub(1)).min(text.len().saturating_sub(1));
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let width = text.get(offset..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
        let start = (span.start as usize + offset).saturating_sub(self.base);
        self.range(start, start + width)
    }

    fn expectation(&mut self, pair: Pair<'_>) -> Option<Expectation> {
        let span = self.span(&pair);
        Some(match pair.as_rule() {
            Rule::nothing_more => Expectation::NothingMore(span),
            Rule::nothing => Expectation::Nothing(span),
            Rule::no_action => {
                let action = Kids::of(pair).next()?;
                Expectation::No(self.action(action)?)
            }
            Rule::wave_state => {
                let mut kids = Kids::of(pair);
                let wave = self.integer(&kids.next()?);
                let word = kids.next()?;
                let node = match word.as_str().split_whitespace().last() {
                    Some("opens") => WaveWord::Opens,
                    Some("held") => WaveWord::Held,
                    _ => WaveWord::Open,
                };
                Expectation::Wave(wave, Spanned { node, span: self.span(&word) })
            }
            Rule::resource_clause => Expectation::State(Box::new(self.resource_clause(pair)?)),
            _ => Expectation::Action(self.action(pair)?),
        })
    }
}
