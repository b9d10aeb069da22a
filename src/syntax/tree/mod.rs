//! The tree of a rule file: what was written, with spans, nothing resolved.

mod expression;
mod scenario;

pub use expression::{BinaryOp, Expr, ExprNode, MacroOp, Text, TextPart};
pub use scenario::{Expectation, ReplicaEvent, ScenarioDecl, ScenarioStep, StepKind, WaveWord};

use crate::diagnostic::{Span, Spanned};

/// A word or quoted name with its place.
pub type Name = Spanned<String>;

/// A duration in whole seconds, as written (`10m`, `7d`, `90s`, `1h30m`).
pub type DurationLit = Spanned<u64>;

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The statements in order; those that did not parse are missing, and there is a diagnostic for each.
    pub statements: Vec<Statement>,
}

/// A statement at the top of a file. Boxed, since files of many statements are lists of these.
#[derive(Clone, Debug)]
pub enum Statement {
    /// `application [NS/]NAME`
    Application(Box<ResourceName>),
    /// `namespace NAME`
    Namespace(Name),
    /// `kind …`
    Kind(Box<KindDecl>),
    /// `rule …` or a one-line `when …`
    Rule(Box<RuleDecl>),
    /// `model NAME { … }`
    Model(Box<ModelDecl>),
    /// `KIND NAME after KIND NAME, …`
    After(Box<AfterDecl>),
    /// `report every KIND … to application A`
    Report(Box<ReportDecl>),
    /// `allow triggers from namespace A to namespace B`
    Allow(Box<AllowDecl>),
    /// `honour annotations always|never`
    Honour(Spanned<bool>),
    /// `scenario "…" { … }`
    Scenario(Box<ScenarioDecl>),
}

/// `name` or `namespace/name`.
#[derive(Clone, Debug)]
pub struct ResourceName {
    /// Given namespace.
    pub namespace: Option<Name>,
    /// Name.
    pub name: Name,
    /// Both.
    pub span: Span,
}

/// One, any or every.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// A single named resource.
    One,
    /// Each matching resource by itself.
    Any,
    /// All matching resources together.
    Every,
}

/// `[any|every] KIND [name] selectors [as ALIAS]`
#[derive(Clone, Debug)]
pub struct ResourceExpr {
    /// One, any, every.
    pub quantifier: Quantifier,
    /// Short kind name.
    pub kind: Name,
    /// The name, for `One`.
    pub name: Option<ResourceName>,
    /// Narrowing.
    pub selectors: Vec<Selector>,
    /// `as X`.
    pub alias: Option<Name>,
    /// All of it.
    pub span: Span,
}

/// What narrows `any` and `every`.
#[derive(Clone, Debug)]
pub enum Selector {
    /// `with label k=v` (also after `and`-less repetition: several selectors all hold).
    Label(Name, Name),
    /// `in wave N`
    Wave(Spanned<i64>),
    /// `in namespace NS`
    Namespace(Name),
    /// `of application A`
    Application(ResourceName),
    /// `owned by KIND NAME`
    OwnedBy(Name, ResourceName),
    /// `of cronjob NAME`, `of pipeline NAME`: the kind word and the name.
    Of(Name, ResourceName),
    /// `where (EXPRESSION)`
    Where(Expr),
}

/// `rule NAME "title" { … }` or the one-line form.
#[derive(Clone, Debug)]
pub struct RuleDecl {
    /// None in the one-line form.
    pub name: Option<Name>,
    /// The quoted sentence after the name.
    pub title: Option<Name>,
    /// `when …`
    pub when: Condition,
    /// `within D`
    pub within: Option<DurationLit>,
    /// `then …`; may be empty if there is a block.
    pub then: Vec<ActionDecl>,
    /// `else …`
    pub otherwise: Vec<ActionDecl>,
    /// Modifiers in order.
    pub modifiers: Vec<Modifier>,
    /// All of it.
    pub span: Span,
}

/// A condition as written.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `a and b and c`
    And(Vec<Condition>, Span),
    /// `a and then b`; the right side may itself be a chain member of an `And`.
    Then(Box<Condition>, Box<Condition>, Span),
    /// `a or b`
    Or(Vec<Condition>, Span),
    /// `not a`
    Not(Box<Condition>, Span),
    /// `KIND name succeeds` and so on.
    Resource(Box<ResourceCondition>),
    /// An expression.
    Expr(Expr),
}

impl Condition {
    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Condition::And(_, s) | Condition::Then(_, _, s) | Condition::Or(_, s) | Condition::Not(_, s) => *s,
            Condition::Resource(r) => r.span,
            Condition::Expr(e) => e.span,
        }
    }
}

/// A resource and what is asked of it.
#[derive(Clone, Debug)]
pub struct ResourceCondition {
    /// Which.
    pub resource: ResourceExpr,
    /// What is asked.
    pub predicate: Spanned<Predicate>,
    /// `for D`
    pub lasting: Option<DurationLit>,
    /// All of it.
    pub span: Span,
}

/// What can be asked of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// `succeeds`: an event
    Succeeds,
    /// `fails`: an event
    Fails,
    /// `has succeeded`
    HasSucceeded,
    /// `has failed`
    HasFailed,
    /// `is healthy`
    Healthy,
    /// `is progressing`
    Progressing,
    /// `is degraded`
    Degraded,
    /// `is suspended`
    Suspended,
    /// `is missing`
    Missing,
    /// `is stale`
    Stale,
}

/// One action.
#[derive(Clone, Debug)]
pub struct ActionDecl {
    /// What.
    pub verb: ActionVerb,
    /// All of it.
    pub span: Span,
}

/// A named target: `KIND NAME`.
#[derive(Clone, Debug)]
pub struct TargetExpr {
    /// Short kind name.
    pub kind: Name,
    /// Name.
    pub name: ResourceName,
    /// Both.
    pub span: Span,
}

/// The actions of the language.
#[derive(Clone, Debug)]
pub enum ActionVerb {
    /// `restart KIND NAME [by deleting pods]`
    Restart {
        /// Target.
        target: TargetExpr,
        /// `by deleting pods`
        by_deleting_pods: bool,
    },
    /// `sync application A`
    Sync(TargetExpr),
    /// `refresh KIND NAME [hard]`
    Refresh {
        /// Target.
        target: TargetExpr,
        /// `hard`
        hard: bool,
    },
    /// `rollback application A`
    Rollback(TargetExpr),
    /// `annotate KIND NAME key=value`
    Annotate(TargetExpr, Name, Text),
    /// `label KIND NAME key=value`
    Label(TargetExpr, Name, Text),
    /// `promote rollout R`
    Promote(TargetExpr),
    /// `abort rollout R`
    Abort(TargetExpr),
    /// `run workflow from TEMPLATE` / `run job from CRONJOB`: kind word, then source name.
    Run(Name, ResourceName),
    /// `rerun notebook N`
    Rerun(TargetExpr),
    /// `suspend cronjob C`
    Suspend(TargetExpr),
    /// `resume cronjob C`
    Resume(TargetExpr),
    /// `notify TYPE "text" [on application A]`
    Notify {
        /// Value of the label `mlops.dev/notification-type`.
        kind: Name,
        /// Message.
        text: Text,
        /// `on application A`
        application: Option<ResourceName>,
    },
}

/// What stands after the actions.
#[derive(Clone, Debug)]
pub enum Modifier {
    /// `block wave N [of application A]`
    Block {
        /// Wave.
        wave: Spanned<i64>,
        /// Another application.
        application: Option<ResourceName>,
        /// All of it.
        span: Span,
    },
    /// `cooldown D`
    Cooldown(DurationLit),
    /// `at most N at a time`
    AtMostAtATime(Spanned<u64>),
    /// `at most N per D`
    AtMostPer(Spanned<u64>, DurationLit),
    /// `retry N [backoff D]`
    Retry(Spanned<u64>, Option<DurationLit>),
    /// `catch up`
    CatchUp(Span),
    /// `observe`
    Observe(Span),
}

/// `kind SHORT = GROUP/VERSION KIND (PLURAL) [cluster-scoped] [runs to completion] [{ … }]`
#[derive(Clone, Debug)]
pub struct KindDecl {
    /// Short name.
    pub short: Name,
    /// API group; empty for core.
    pub group: Name,
    /// API version.
    pub version: Name,
    /// Kind.
    pub kind: Name,
    /// Plural resource name.
    pub plural: Name,
    /// `cluster-scoped`
    pub cluster_scoped: bool,
    /// `runs to completion`
    pub runs: bool,
    /// Lines in order; empty means kstatus.
    pub lines: Vec<KindLine>,
    /// All of it.
    pub span: Span,
}

/// One line of a kind.
#[derive(Clone, Debug)]
pub enum KindLine {
    /// `let NAME = EXPRESSION`
    Let(Name, Expr),
    /// `STATUS "message" when EXPRESSION` or `… otherwise`
    Health {
        /// Status word.
        status: Spanned<HealthWord>,
        /// Message.
        message: Text,
        /// None for `otherwise`.
        when: Option<Expr>,
        /// `since EXPRESSION`
        since: Option<Expr>,
        /// All of it.
        span: Span,
    },
    /// `completion EXPRESSION`
    Completion(Expr),
}

/// The status words of kind lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthWord {
    /// healthy
    Healthy,
    /// progressing
    Progressing,
    /// degraded
    Degraded,
    /// suspended
    Suspended,
    /// unknown
    Unknown,
}

/// `model NAME { … }`
#[derive(Clone, Debug)]
pub struct ModelDecl {
    /// Name.
    pub name: Name,
    /// `trained by …`
    pub trained_by: TargetExpr,
    /// `copied by …`, `validated by …`: further steps in order.
    pub steps: Vec<(Name, TargetExpr)>,
    /// `served by …`
    pub served_by: TargetExpr,
    /// `reload on retrain`
    pub reload: bool,
    /// Where that was written.
    pub reload_span: Option<Span>,
    /// `stale after D`
    pub stale_after: Option<DurationLit>,
    /// All of it.
    pub span: Span,
}

/// `KIND NAME after KIND NAME, KIND NAME`
#[derive(Clone, Debug)]
pub struct AfterDecl {
    /// What comes later.
    pub subject: TargetExpr,
    /// What comes first.
    pub after: Vec<TargetExpr>,
    /// All of it.
    pub span: Span,
}

/// `report every KIND … to application A`
#[derive(Clone, Debug)]
pub struct ReportDecl {
    /// Which.
    pub resource: ResourceExpr,
    /// Where to.
    pub application: ResourceName,
    /// All of it.
    pub span: Span,
}

/// `allow triggers from namespace A to namespace B`
#[derive(Clone, Debug)]
pub struct AllowDecl {
    /// A.
    pub from: Name,
    /// B.
    pub to: Name,
    /// All of it.
    pub span: Span,
}
