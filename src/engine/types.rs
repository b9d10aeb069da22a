//! What the engine says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{How, Mark, Pace};
use crate::expr::Truth;
use crate::rulebook::{AppName, ObjectRef, Outcome, Rule};

/// How long a cause may wait for its action where the rule says nothing.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// Refused writes are tried again this often where the rule says nothing.
pub const RETRIES_DEFAULT: u32 = 3;
/// First pause after a failed write where the rule says nothing; doubles each time.
pub const BACKOFF_DEFAULT: Duration = Duration::from_secs(10);
/// Longest pause between two tries.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);
/// Members of one `every`, at most; more is an error that the verdict shows.
pub const MEMBERS_MAX: usize = 5_000;

/// Which rule: one of the files, or one that an annotation on a live object stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleId {
    /// Index into the rulebook's rules.
    Book(usize),
    /// Index into the rules of this object's annotations.
    Annotation(ObjectRef, usize),
}

/// The smallest thing that is decided: one side of `or` of one rule, for one match of its `any`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// The rule.
    pub rule: RuleId,
    /// Index into its alternatives; those beyond stand for its blocks, in order: a sync that failed is done again when the wave opens.
    pub alternative: usize,
    /// The member that `any` stands for here.
    pub member: Option<ObjectRef>,
    /// A firing of the rule that goes on though a cause of it has gone away.
    pub owed: Option<Mark>,
}

/// What made a rule act.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// The object that finished, or whose state it is.
    pub object: ObjectRef,
    /// Its uid.
    pub uid: Arc<str>,
    /// Identity: uid, outcome, completion; or uid, state, beginning.
    pub id: String,
    /// What happened, in words: `job train-fraud succeeded`.
    pub text: String,
    /// When: as the object tells, else as first seen.
    pub time: Option<Timestamp>,
    /// The object does not tell when.
    pub timeless: bool,
    /// How the run ended; none for an episode of a state.
    pub outcome: Option<Outcome>,
    /// Identities that the same run may have had before its object told all.
    pub earlier: Vec<String>,
}

impl Cause {
    /// When the run ended, if its object tells.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        self.time.filter(|_| !self.timeless)
    }
}

/// Why a part of a condition is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The part, in the words of the language.
    pub what: String,
    /// What it is.
    pub truth: Truth,
    /// Why, in words: `phase ValidationRunning`, `succeeded at 08:20:00, not used yet`.
    pub why: String,
}

/// Where a unit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has happened that this rule has not used.
    Quiet,
    /// A cause is there; something else is still missing.
    Waiting(String),
    /// The next action is to be written now.
    Due,
    /// Nothing more to do for these causes.
    Done,
    /// The time ran out.
    Expired(String),
    /// An action was refused for good.
    Refused(String),
    /// `observe`: would act.
    Would(String),
}

/// `then` or `else`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Branch {
    /// then
    Then,
    /// else
    Else,
}

/// What the engine decided about one unit, with its reasons.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which unit.
    pub unit: Unit,
    /// The rule itself.
    pub rule: Arc<Rule>,
    /// The condition as a whole.
    pub truth: Truth,
    /// Its parts.
    pub reasons: Vec<Reason>,
    /// Where it stands.
    pub standing: Standing,
    /// The causes in play.
    pub causes: Vec<Cause>,
    /// When waiting ends.
    pub deadline: Option<Timestamp>,
    /// When to look again though nothing changes.
    pub wake: Option<Timestamp>,
    /// What is to be written.
    pub intents: Vec<Intent>,
    /// What is to be marked without a write to a target.
    pub settle: Vec<Settle>,
    /// Which actions the causes have set going; none while the rest of the condition is waited for.
    pub branch: Option<Branch>,
}

/// Part of an intent: one rule's claim to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The unit.
    pub unit: Unit,
    /// The rule's name.
    pub rule: Arc<str>,
    /// then or else.
    pub branch: Branch,
    /// Index of the action in its branch.
    pub action: usize,
    /// The action's canonical text.
    pub text: String,
    /// One mark for each cause.
    pub marks: Vec<Mark>,
    /// Why.
    pub causes: Vec<Cause>,
    /// What the rule says of refused writes: tries, first pause.
    pub retry: (u32, Duration),
    /// After this the firing is given up.
    pub deadline: Timestamp,
    /// When the oldest of the causes happened.
    pub due_since: Timestamp,
    /// `observe`: decided and said, not written to the target.
    pub observe: bool,
    /// What it counts for once it is done.
    pub pace: Pace,
}

/// One effect on one object, for one or several firings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The object that is written to.
    pub target: ObjectRef,
    /// What is done.
    pub effect: Effect,
    /// For which firings; never empty for actions, empty for marks, status and Events of tidegate's own.
    pub firings: Vec<Firing>,
}

impl Intent {
    /// The marks of all firings, sorted.
    #[must_use]
    pub fn marks(&self) -> BTreeSet<Mark> {
        self.firings.iter().flat_map(|f| f.marks.iter().copied()).collect()
    }
}

/// What is done to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// One write that makes the owner roll its pods.
    RollingRestart,
    /// Delete the target's pods that were created before this time.
    DeletePods {
        /// Label selector of the pods, `k=v,k=v`.
        selector: String,
        /// Only those created before.
        before: Timestamp,
    },
    /// A sync operation.
    Sync,
    /// A sync operation to the revision that failed; one for each source.
    SyncAgain(Vec<Arc<str>>),
    /// A refresh of an Application.
    RefreshApplication {
        /// `hard`
        hard: bool,
        /// For `refresh-timestamp`.
        at: Timestamp,
    },
    /// One annotation that makes another controller look again.
    Touch,
    /// An annotation.
    Annotate {
        /// Key.
        key: Arc<str>,
        /// Value.
        value: String,
    },
    /// A label.
    Label {
        /// Key.
        key: Arc<str>,
        /// Value.
        value: String,
    },
    /// An Event on the source (the intent's target), and a note on an Application.
    Notify(EventDraft, Option<ObjectRef>),
    /// `mlops.dev/wave-complete` and `mlops.dev/wave-failed` on a source: the values, none = removed.
    WaveRecord {
        /// wave-complete
        complete: Option<i32>,
        /// wave-failed
        failed: Option<i32>,
    },
    /// Annotations on an Application: key, value (none = removed).
    Status(Vec<(Arc<str>, Option<String>)>),
    /// An Event of tidegate's own.
    Event(EventDraft),
}

/// An Event that is to be created once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// What the name is derived from.
    pub mark: Mark,
    /// `mlops.dev/notification-type`, if any.
    pub notification: Option<Arc<str>>,
    /// CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// `Warning` instead of `Normal`.
    pub warning: bool,
    /// When it happened.
    pub time: Timestamp,
}

/// Marks that are done without a write to a target, or after one that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// Which.
    pub marks: Vec<Mark>,
    /// How it ended.
    pub how: How,
    /// The causes have no time of their own.
    pub timeless: bool,
    /// Said on this object.
    pub on: ObjectRef,
    /// With this Event; none when there is nothing to say.
    pub event: Option<EventDraft>,
    /// What it counts for: a write that was done.
    pub pace: Pace,
}

/// A wave that is held or open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The rule.
    pub rule: Arc<str>,
    /// Whose wave; none when no application is known.
    pub application: Option<AppName>,
    /// The first held wave.
    pub wave: i32,
    /// True: open. False and unknown hold.
    pub open: Truth,
    /// Why, for each part of the rule's condition.
    pub reasons: Vec<Reason>,
}

/// `time + duration`, at the far end of time if it overflows.
#[must_use]
pub fn later(time: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
