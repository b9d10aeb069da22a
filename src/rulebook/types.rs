//! The resolved rulebook: every name looked up, every expression compiled, everything sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Span;
use crate::expr::{Lets, Program, Template};
use crate::syntax::tree;

/// A kind's place in [`Rulebook::kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindIx(pub u16);

/// One object, live or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: KindIx,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// An Argo CD Application's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName {
    /// The namespace of the Application object.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// All that the rule files say. Immutable; the same files in any order give the same rulebook.
#[derive(Debug)]
pub struct Rulebook {
    /// The installation's name: `tidegate run --rulebook ID`, default `default`. Part of every record, lease and state name.
    pub id: Arc<str>,
    /// `application NS/NAME`
    pub application: Option<AppName>,
    /// `namespace NS`: the default for names.
    pub namespace: Arc<str>,
    /// Every declared kind, sorted by short name; user's kinds have replaced built-in ones of the same short name.
    pub kinds: Vec<Kind>,
    /// Rules (those that models imply included), sorted by name.
    pub rules: Vec<Arc<Rule>>,
    /// Order alone.
    pub afters: Vec<After>,
    /// Models, for `graph`, `is stale` and docs.
    pub models: Vec<Model>,
    /// Which objects are counted in the status annotation of which Application, beside those found by tracking-id.
    pub reports: Vec<Report>,
    /// (from namespace, to namespace) pairs of `allow triggers`.
    pub allows: BTreeSet<(Arc<str>, Arc<str>)>,
    /// `honour annotations …`
    pub honour: Honour,
}

/// Whether annotations on live objects are rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honour {
    /// The default: yes, but where the job's own operator already acts on them they are left to it.
    UnlessOperatorDoes,
    /// `honour annotations always`
    Always,
    /// `honour annotations never`
    Never,
}

/// A kind and how its health is read.
#[derive(Debug)]
pub struct Kind {
    /// Short name in the language.
    pub short: Arc<str>,
    /// API group; empty for core.
    pub group: Arc<str>,
    /// API version.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Plural resource name.
    pub plural: Arc<str>,
    /// Lives in namespaces.
    pub namespaced: bool,
    /// Runs to completion: `succeeds` and `fails` make sense.
    pub runs: bool,
    /// From the built-in library.
    pub builtin: bool,
    /// The kind's `let`s, for every program of this kind. Variables: `self`.
    pub lets: Lets,
    /// How health is read.
    pub health: HealthRule,
    /// What makes one run differ from the next, beside uid and outcome. Variables: `self`, and the kind's lets.
    pub completion: Option<Program>,
    /// The declaration, for emitters.
    pub decl: tree::KindDecl,
    /// Where it was declared.
    pub span: Span,
}

/// How an object's health is read.
#[derive(Debug)]
pub enum HealthRule {
    /// As kstatus reads any object (no lines given).
    Kstatus,
    /// The first line that holds decides; the last has no condition.
    Lines(Vec<HealthLine>),
}

/// A line of a kind.
#[derive(Debug)]
pub struct HealthLine {
    /// The status that it gives.
    pub status: tree::HealthWord,
    /// The message. Variables: `self` and the kind's lets.
    pub message: Template,
    /// None for `otherwise`.
    pub when: Option<Program>,
    /// When the state began.
    pub since: Option<Program>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// healthy, for a kind that runs to completion
    Succeeded,
    /// degraded, for a kind that runs to completion
    Failed,
}

/// `when … then … else …`
#[derive(Debug)]
pub struct Rule {
    /// The given name, or `when-` and a hash of condition and actions in the one-line form.
    pub name: Arc<str>,
    /// The sentence after the name.
    pub title: Option<Arc<str>>,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it stands (for annotations: in the annotation's text).
    pub span: Span,
    /// The condition, canonical, one line.
    pub text: String,
    /// Each resource that the condition asks about, in order of appearance.
    pub terms: Vec<Term>,
    /// The variables of expressions and texts, by slot.
    pub vars: Vec<Var>,
    /// The condition as alternatives (each side of `or`): any of them fires by itself.
    pub alternatives: Vec<Alternative>,
    /// The whole condition read as states: what `block` waits for.
    pub when: Test,
    /// `within D`
    pub within: Option<Duration>,
    /// `then …`, in order.
    pub then: Vec<Action>,
    /// `else …`, in order.
    pub otherwise: Vec<Action>,
    /// `block wave …`
    pub blocks: Vec<Block>,
    /// Everything else that was said.
    pub modifiers: Modifiers,
}

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A rule file.
    File,
    /// A model of this name.
    Model(Arc<str>),
    /// `mlops.dev/on-success-trigger` or `mlops.dev/block-wave` on this object.
    Annotation(ObjectRef),
}

/// A resource in a condition, and what is asked of it.
#[derive(Debug)]
pub struct Term {
    /// Which resource or resources.
    pub source: Selection,
    /// What is asked.
    pub predicate: tree::Predicate,
    /// `for D`
    pub lasting: Option<Duration>,
    /// Canonical text with the namespace and without the alias, such as `job ml/train-fraud succeeds`.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A named object, or all that match.
#[derive(Debug)]
pub struct Selection {
    /// One, any, every.
    pub quantifier: tree::Quantifier,
    /// The kind.
    pub kind: KindIx,
    /// For `One`: the object.
    pub object: Option<ObjectRef>,
    /// For `any` and `every`: the only namespace looked at; `None` = the rulebook's namespace does not narrow (selector `in namespace` absent
    /// and no default namespace declared).
    pub namespace: Option<Arc<str>>,
    /// All must hold.
    pub filters: Vec<Filter>,
}

/// What narrows a selection.
#[derive(Debug)]
pub enum Filter {
    /// label k = v
    Label(Arc<str>, Arc<str>),
    /// sync wave (absent = 0)
    Wave(i32),
    /// belongs to this Application (tracking-id, or instance label)
    Application(AppName),
    /// has an owner of this kind and name (`owned by`, `of cronjob`); runs of one owner are one source: a later run supersedes the earlier
    Owner(KindIx, Arc<str>),
    /// carries this label with this value, as generated runs do (`of pipeline NAME`: tekton.dev/pipeline); one source too
    Series(Arc<str>, Arc<str>),
    /// `where (EXPRESSION)` over the member; variable 0 is the member (`self` and the kind's short name both name it)
    Where(Program, String),
}

/// A variable of a rule.
#[derive(Debug)]
pub struct Var {
    /// The name in expressions.
    pub name: Arc<str>,
    /// What it stands for.
    pub from: VarFrom,
}

/// What a variable stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VarFrom {
    /// The resource of this term (index into [`Rule::terms`]).
    Term(usize),
    /// A target, as read before the write.
    Target(ObjectRef),
}

/// One side of `or`: fires by itself.
#[derive(Debug)]
pub struct Alternative {
    /// The events that must each have a fresh cause; empty: the cause is the episode of `rest`.
    pub events: Vec<Event>,
    /// Everything else, as states.
    pub rest: Test,
    /// The term with `any`, if one of this alternative's terms has it.
    pub any: Option<usize>,
}

/// `X succeeds` or `X fails`.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Index into [`Rule::terms`].
    pub term: usize,
    /// What is waited for.
    pub outcome: Outcome,
    /// `and then`: must have ended after this event (index into [`Alternative::events`]).
    pub after: Option<usize>,
}

/// A condition without causes.
#[derive(Debug)]
pub enum Test {
    /// All hold; empty is true.
    All(Vec<Test>),
    /// One holds.
    Any(Vec<Test>),
    /// Does not hold.
    Not(Box<Test>),
    /// The term's predicate; events are read as `has succeeded` / `has failed`.
    Term(usize),
    /// The run of the second term ended after that of the first.
    Later(usize, usize),
    /// An expression over the rule's variables; shared, since alternatives and the whole condition both hold it.
    Expr(Arc<ExprTest>),
}

/// An expression in a condition.
#[derive(Debug)]
pub struct ExprTest {
    /// Compiled over [`Rule::vars`].
    pub program: Program,
    /// Canonical text.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// An action with its target.
#[derive(Debug)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// Canonical text with the namespace, such as `restart isvc serving/fraud`.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What is done. Verbs of the language that are missing here are refused with `TG107`.
#[derive(Debug)]
pub enum Verb {
    /// Rolling restart, or deletion of the pods that were created before the cause.
    Restart {
        /// An InferenceService, Deployment or StatefulSet.
        target: ObjectRef,
        /// `by deleting pods`
        by_deleting_pods: bool,
    },
    /// A real sync of an Application.
    Sync {
        /// The Application.
        application: ObjectRef,
    },
    /// A refresh annotation.
    Refresh {
        /// The Application, or another object (one annotation).
        target: ObjectRef,
        /// `hard`
        hard: bool,
    },
    /// Sets an annotation.
    Annotate {
        /// The object.
        target: ObjectRef,
        /// Annotation key.
        key: Arc<str>,
        /// Value over [`Rule::vars`].
        value: Template,
    },
    /// Sets a label.
    Label {
        /// The object.
        target: ObjectRef,
        /// Label key.
        key: Arc<str>,
        /// Value over [`Rule::vars`].
        value: Template,
    },
    /// An Event on the source, and an annotation on an Application if asked.
    Notify {
        /// Value of the label `mlops.dev/notification-type`.
        kind: Arc<str>,
        /// Message over [`Rule::vars`].
        text: Template,
        /// `on application A`
        application: Option<ObjectRef>,
    },
}

/// `block wave N`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first wave that is held.
    pub wave: i32,
    /// `of application A`; none: the application of the rule's first job.
    pub application: Option<AppName>,
    /// Where.
    pub span: Span,
}

/// Modifiers of a rule, with defaults filled in by whoever reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modifiers {
    /// `cooldown D`
    pub cooldown: Option<Duration>,
    /// `at most N at a time`
    pub at_a_time: Option<u32>,
    /// `at most N per D`
    pub per: Option<(u32, Duration)>,
    /// `retry N backoff D`
    pub retry: Option<(u32, Duration)>,
    /// `catch up`
    pub catch_up: bool,
    /// `observe`
    pub observe: bool,
}

/// `KIND NAME after KIND NAME, …`
#[derive(Clone, Debug)]
pub struct After {
    /// What comes later.
    pub subject: ObjectRef,
    /// What comes first.
    pub after: Vec<(ObjectRef, Span)>,
    /// Where.
    pub span: Span,
}

/// `model NAME { … }`
#[derive(Clone, Debug)]
pub struct Model {
    /// Name.
    pub name: Arc<str>,
    /// Steps in order, the training first: the word (`trained`, `copied`, …) and the object.
    pub steps: Vec<(Arc<str>, ObjectRef)>,
    /// What serves it.
    pub served_by: ObjectRef,
    /// `stale after D`: stale when the last success of the training is older.
    pub stale_after: Option<Duration>,
    /// Where.
    pub span: Span,
}

/// `report every … to application A`
#[derive(Debug)]
pub struct Report {
    /// Which objects.
    pub source: Selection,
    /// On which Application.
    pub application: AppName,
    /// Where.
    pub span: Span,
}

impl Selection {
    /// `every … in wave N` or `every … of application A`: what the Application lists and is not there is a member too.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        let of_application = |filter: &Filter| matches!(filter, Filter::Wave(_) | Filter::Application(_));
        self.quantifier == tree::Quantifier::Every && self.filters.iter().any(of_application)
    }
}

impl Rulebook {
    /// The kind behind an index.
    #[must_use]
    pub fn kind(&self, kind: KindIx) -> Option<&Kind> {
        self.kinds.get(usize::from(kind.0))
    }

    /// The kind of this short name.
    #[must_use]
    pub fn kind_by_short(&self, short: &str) -> Option<KindIx> {
        self.kinds.iter().position(|k| &*k.short == short).and_then(|i| u16::try_from(i).ok()).map(KindIx)
    }

    /// The kind of this group and Kind, whatever its version.
    #[must_use]
    pub fn kind_by_type(&self, group: &str, kind: &str) -> Option<KindIx> {
        let found = self.kinds.iter().position(|k| &*k.group == group && &*k.kind == kind);
        found.and_then(|i| u16::try_from(i).ok()).map(KindIx)
    }

    /// `notebook team/train`: the canonical name, with the namespace whatever the default is.
    #[must_use]
    pub fn say(&self, object: &ObjectRef) -> String {
        let short = self.kind(object.kind).map_or("?", |k| &k.short);
        if object.namespace.is_empty() {
            format!("{short} {}", object.name)
        } else {
            format!("{short} {}/{}", object.namespace, object.name)
        }
    }

    /// The namespace of names of a kind that say none: that of the Application object for Applications, none for cluster-wide kinds.
    #[must_use]
    pub fn home_of(&self, kind: KindIx) -> Arc<str> {
        match self.kind(kind) {
            Some(kind) if !kind.namespaced => Arc::from(""),
            Some(kind) if &*kind.group == "argoproj.io" && &*kind.kind == "Application" => {
                self.application.as_ref().map_or_else(|| Arc::from("argocd"), |app| app.namespace.clone())
            }
            _ => self.namespace.clone(),
        }
    }

    /// Where an object of a kind carries the record of what was done to it: the path of a string map, and the key in it. On an
    /// InferenceService the record is what rolls its pods, so it lies where it reaches the pod template.
    #[must_use]
    pub fn record_of(&self, kind: KindIx) -> (Vec<String>, String) {
        let inference =
            self.kind(kind).is_some_and(|k| &*k.group == "serving.kserve.io" && &*k.kind == "InferenceService");
        let path: &[&str] =
            if inference { &["spec", "predictor", "annotations"] } else { &["metadata", "annotations"] };
        (path.iter().map(|step| (*step).to_owned()).collect(), format!("tidegate.dev/fired.{}", self.id))
    }

    /// What must be kept of each kind that the rules touch; kinds that are absent are not read at all.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<KindIx, crate::facts::KindFields> {
        super::fields::fields(self)
    }
}
