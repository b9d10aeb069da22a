//! Scenarios to lines.

use super::statements::{INDENT, Layout, pad};
use crate::diagnostic::Span;
use crate::syntax::print::Printer;
use crate::syntax::tree::{Expectation, ReplicaEvent, ScenarioDecl, ScenarioStep, StepKind, WaveWord};

impl Layout<'_> {
    pub(super) fn scenario(&mut self, scenario: &ScenarioDecl) {
        let header = self.print(|p| {
            p.push("scenario ");
            p.quoted(&scenario.name.node);
        });
        self.line(0, header, scenario.span.start, scenario.name.span.end);
        self.opens();
        let mut lines: Vec<(String, Span)> = Vec::new();
        for path in &scenario.manifests {
            let text = self.print(|p| {
                p.push("manifests ");
                p.path(path);
            });
            lines.push((text, path.span));
        }
        if let Some(start) = &scenario.start {
            let text = self.print(|p| {
                p.push("start at ");
                p.quoted(&start.node);
            });
            lines.push((text, start.span));
        }
        let time = |step: &ScenarioStep| step.at.as_ref().map(|at| self.print(|p| p.duration(at)));
        let width = scenario
            .steps
            .iter()
            .filter_map(time)
            .map(|at| at.chars().count())
            .max()
            .filter(|_| !self.flat)
            .unwrap_or(0);
        for step in &scenario.steps {
            let text = self.print(|p| {
                if let Some(at) = time(step) {
                    p.push(&format!("at {} ", pad(&at, width)));
                }
                write_step(p, &step.what);
            });
            lines.push((text, step.span));
        }
        lines.sort_by_key(|(_, span)| span.start);
        for (text, span) in lines {
            self.line(INDENT, text, span.start, span.end);
        }
        self.closes(scenario.span);
    }
}

fn write_step(p: &mut Printer<'_>, step: &StepKind) {
    match step {
        StepKind::Sync(target) => {
            p.push("sync ");
            p.target(target);
        }
        StepKind::Becomes { target, predicate, with } => {
            p.target(target);
            p.push(" ");
            p.push(crate::syntax::print_predicate(predicate.node));
            if let Some(json) = with {
                p.push(" with ");
                p.push(&json.node);
            }
        }
        StepKind::Apply(path) => {
            p.push("apply ");
            p.path(path);
        }
        StepKind::Delete(target) => {
            p.push("delete ");
            p.target(target);
        }
        StepKind::Tidegate(event) => p.push(match event.node {
            ReplicaEvent::Restarts => "tidegate restarts",
            ReplicaEvent::Stops => "tidegate stops",
            ReplicaEvent::Starts => "tidegate starts",
        }),
        StepKind::Expect(expectations) => {
            p.push("expect ");
            for (i, expectation) in expectations.iter().enumerate() {
                if i > 0 {
                    p.push(", ");
                }
                write_expectation(p, expectation);
            }
        }
    }
}

fn write_expectation(p: &mut Printer<'_>, expectation: &Expectation) {
    match expectation {
        Expectation::Action(action) => p.action(action),
        Expectation::Wave(wave, word) => {
            p.push(&format!("wave {} ", wave.node));
            p.push(match word.node {
                WaveWord::Opens => "opens",
                WaveWord::Held => "is held",
                WaveWord::Open => "is open",
            });
        }
        Expectation::State(condition) => p.resource_condition(condition),
        Expectation::Nothing(_) => p.push("nothing"),
        Expectation::NothingMore(_) => p.push("nothing more"),
        Expectation::No(action) => {
            p.push("no ");
            p.action(action);
        }
    }
}
