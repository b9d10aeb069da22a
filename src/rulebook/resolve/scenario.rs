//! Scenarios: only the words that a rehearsal will look up; it plays them itself.

use super::context::Resolver;
use crate::syntax::tree::{ActionDecl, ActionVerb, Expectation, ScenarioDecl, StepKind, TargetExpr};

impl Resolver<'_> {
    /// Looks up what a scenario names.
    pub fn scenario(&mut self, decl: &ScenarioDecl) {
        for step in &decl.steps {
            match &step.what {
                StepKind::Sync(target) | StepKind::Delete(target) | StepKind::Becomes { target, .. } => {
                    self.target(target);
                }
                StepKind::Expect(expected) => expected.iter().for_each(|e| self.expectation(e)),
                StepKind::Apply(_) | StepKind::Tidegate(_) => {}
            }
        }
    }

    fn expectation(&mut self, expected: &Expectation) {
        match expected {
            Expectation::Action(action) | Expectation::No(action) => {
                if let Some(target) = target(action) {
                    self.target(target);
                }
            }
            Expectation::State(state) => {
                self.selection(&state.resource);
            }
            Expectation::Wave(..) | Expectation::Nothing(_) | Expectation::NothingMore(_) => {}
        }
    }
}

fn target(action: &ActionDecl) -> Option<&TargetExpr> {
    match &action.verb {
        ActionVerb::Restart { target, .. } | ActionVerb::Refresh { target, .. } => Some(target),
        ActionVerb::Sync(target)
        | ActionVerb::Rollback(target)
        | ActionVerb::Annotate(target, ..)
        | ActionVerb::Label(target, ..)
        | ActionVerb::Promote(target)
        | ActionVerb::Abort(target)
        | ActionVerb::Rerun(target)
        | ActionVerb::Suspend(target)
        | ActionVerb::Resume(target) => Some(target),
        ActionVerb::Run(..) | ActionVerb::Notify { .. } => None,
    }
}
