//! A difference as data: what `--format json` prints. `docs/diff.md` documents the fields.

use serde::Serialize;

/// The form of the JSON. Within one version fields are only added.
pub const DIFF_VERSION: &str = "tidegate.dev/diff/v1";

/// All that an edit changes in effect.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// [`DIFF_VERSION`]
    pub version: &'static str,
    /// Whether there is anything in the lists below.
    pub changes: bool,
    /// The namespace that names without one are in; empty if the two rulebooks differ in it.
    #[serde(skip)]
    pub namespace: String,
    /// Rules, sorted by name; those that models imply are among them.
    pub rules: Vec<Part>,
    /// Models, sorted by name.
    pub models: Vec<Part>,
    /// Kinds, sorted by short name.
    pub kinds: Vec<Part>,
    /// Rules that annotations of the manifests mean.
    pub annotations: Vec<Part>,
    /// Every other statement that came or went.
    pub statements: Vec<Statement>,
    /// Objects of the manifests that belong in another wave than before.
    pub waves: Vec<Moved>,
    /// Blocks that stay and are held by other means, and the means of new ones; over manifests.
    pub means: Vec<Means>,
    /// What the controller may do now and might not before, and the other way round.
    pub permissions: Rights,
    /// What starts anew, and what may fire for runs that have ended already.
    pub past: Vec<Past>,
    /// What is wrong with the order, and was not before.
    pub findings: Vec<Finding>,
    /// Commands whose output has to be made again.
    pub follow_up: Vec<&'static str>,
}

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is as it was, and shown beside what is not.
    Same,
    /// It came.
    Added,
    /// It went.
    Removed,
    /// It is another one.
    Changed,
    /// It is at another place in its list, and the order counts.
    Moved,
    /// It has another name, and may differ in more.
    Renamed,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The condition of a rule.
    When,
    /// `within D`
    Within,
    /// An action.
    Then,
    /// An action of `else`.
    Else,
    /// `block wave N`
    Block,
    /// Any other modifier.
    Modifier,
    /// A step of a model, what serves it, when it is stale.
    Model,
    /// What a kind stands for.
    Kind,
    /// A line of a kind's health, a `let`, the completion.
    Health,
}

/// One line of a rule, a model or a kind, in the words of the language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What it says.
    pub what: What,
    /// What happened to it.
    pub change: Change,
    /// Its words; those of before if it was removed.
    pub text: String,
    /// If it was changed: its words before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// Where something stands in the new rules; of what was removed, in the old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// A rule, a model or a kind that came, went or differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: Change,
    /// If it was renamed: its name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The sentence after a rule's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The model that implies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a kind: the statuses that may come out differently.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its lines in order, those that stay too.
    pub lines: Vec<Line>,
}

/// A statement that is one sentence: order, reports, permissions for triggers, settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// `after`, `report`, `allow`, `honour`, `application` or `namespace`.
    pub what: &'static str,
    /// What happened to it.
    pub change: Change,
    /// Its words.
    pub text: String,
    /// If it was changed: its words before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// An object that belongs in another wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// The object.
    pub object: String,
    /// Its application, `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The wave that the old rules ask for.
    pub old: i64,
    /// The wave that the new rules ask for.
    pub new: i64,
    /// The wave that it has in the manifests.
    pub manifests: i64,
}

/// By which means a block is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Means {
    /// The rule.
    pub rule: String,
    /// Whose waves, `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The first wave that is held.
    pub wave: i32,
    /// Before; none for a new block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Now.
    pub new: String,
}

/// What the controller may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// It may now.
    pub gained: Vec<RightsOf>,
    /// It may no longer.
    pub lost: Vec<RightsOf>,
}

/// Rights on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RightsOf {
    /// Where; none: in the whole cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Plural and group, such as `jobs.batch`.
    pub resource: String,
    /// The only objects; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Sorted.
    pub verbs: Vec<&'static str>,
}

/// Why the past counts, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PastWhy {
    /// A new rule: what ended before does not fire it.
    NewRule,
    /// A rule of another name, which is a new rule.
    Renamed,
    /// A one-line rule with other words, and its words are its name.
    OtherWords,
    /// An event that the rule did not have: what ended so before does not fire it.
    NewEvent,
    /// The rule asks for states alone, and did not before.
    NewEpisodes,
    /// An action that the rule did not have: what ended before does not bring it about.
    NewAction,
    /// The rule holds waves, and did not before: a wave that is open already is not synced again.
    NewBlock,
    /// With `catch up`, runs that have ended already fire it.
    CatchesUp,
    /// With `catch up` under another name, also those that fired it under the old one.
    CatchesUpAgain,
    /// Another condition over the same events: runs that have ended and did not fire it may do so.
    OtherCondition,
}

/// What an edit means for runs that have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The rule.
    pub rule: String,
    /// The rule's name before, if it had another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Why.
    pub why: PastWhy,
    /// What has ended already may fire it; else it starts anew, and what has ended does not.
    pub fires: bool,
    /// The event or action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// What is wrong, and was not before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable code.
    pub code: String,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Rights {
    /// Nothing came and nothing went.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty()
    }
}

impl Diff {
    pub(super) fn is_empty(&self) -> bool {
        let parts = [&self.rules, &self.models, &self.kinds, &self.annotations];
        parts.iter().all(|parts| parts.is_empty())
            && self.statements.is_empty()
            && self.waves.is_empty()
            && self.means.is_empty()
            && self.permissions.is_empty()
            && self.past.is_empty()
            && self.findings.is_empty()
            && self.follow_up.is_empty()
    }
}
