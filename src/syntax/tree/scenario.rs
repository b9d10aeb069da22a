//! Scenarios: what happens in a rehearsal, and what is expected.

use super::{ActionDecl, DurationLit, Name, Predicate, ResourceCondition, TargetExpr};
use crate::diagnostic::{Span, Spanned};

/// `scenario "…" { … }`
#[derive(Clone, Debug)]
pub struct ScenarioDecl {
    /// The quoted name.
    pub name: Name,
    /// `manifests PATH` (several allowed).
    pub manifests: Vec<Name>,
    /// `start at "RFC 3339"`
    pub start: Option<Name>,
    /// Lines in order.
    pub steps: Vec<ScenarioStep>,
    /// All of it.
    pub span: Span,
}

/// `at D  …` or a bare `expect …` (at the end).
#[derive(Clone, Debug)]
pub struct ScenarioStep {
    /// None: at the end.
    pub at: Option<DurationLit>,
    /// What.
    pub what: StepKind,
    /// All of it.
    pub span: Span,
}

/// What happens or is expected.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// `sync application A`: Argo CD (its stand-in) syncs.
    Sync(TargetExpr),
    /// `KIND NAME succeeds|fails|is STATE [with {JSON}]`: the outside world moves a resource.
    Becomes {
        /// Which resource.
        target: TargetExpr,
        /// What becomes of it.
        predicate: Spanned<Predicate>,
        /// JSON merged into its status, as written.
        with: Option<Spanned<String>>,
    },
    /// `apply PATH`
    Apply(Name),
    /// `delete KIND NAME`
    Delete(TargetExpr),
    /// `tidegate restarts`, `tidegate stops`, `tidegate starts`
    Tidegate(Spanned<ReplicaEvent>),
    /// `expect …, …`
    Expect(Vec<Expectation>),
}

/// What happens to the controller itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaEvent {
    /// killed and started again
    Restarts,
    /// killed
    Stops,
    /// started
    Starts,
}

/// One thing that must hold.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// An action was done since the last expectation.
    Action(ActionDecl),
    /// `wave N opens` / `wave N is held` / `wave N is open`
    Wave(Spanned<i64>, Spanned<WaveWord>),
    /// `KIND NAME is STATE` / `has succeeded`
    State(Box<ResourceCondition>),
    /// `nothing`: no action since the last expectation
    Nothing(Span),
    /// `nothing more`: no further action until the end
    NothingMore(Span),
    /// `no restart KIND NAME` and so on
    No(ActionDecl),
}

/// What a wave does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveWord {
    /// opens
    Opens,
    /// is held
    Held,
    /// is open
    Open,
}
