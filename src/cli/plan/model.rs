//! A plan as data: what `--format json` prints. `docs/plan.md` documents the fields.

use serde::Serialize;

/// The form of the JSON.
pub const PLAN_VERSION: &str = "tidegate.dev/plan/v1";

/// A whole plan.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_VERSION`]
    pub version: &'static str,
    /// `manifests` or `cluster`.
    pub from: &'static str,
    /// The rulebook's id.
    pub rulebook: String,
    /// `namespace/name` of the Application whose resources these are.
    pub application: Option<String>,
    /// The namespace that names without one are in.
    pub namespace: String,
    /// How many objects were looked at.
    pub objects: usize,
    /// Not among the manifests and supposed to be there: Applications that rules write to, runs of CronJobs and pipelines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
    /// Over manifests: the waves in order, with what happens in each.
    pub waves: Vec<Wave>,
    /// In a cluster: what would be written now.
    pub due: Vec<Effect>,
    /// In a cluster: rules that have a cause and wait.
    pub waiting: Vec<Waiting>,
    /// Waves that a rule holds.
    pub gates: Vec<Gate>,
    /// In a cluster: kinds that rules ask about and that it does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// What can never match.
    pub never: Vec<Never>,
    /// Over manifests: what only a generated run can tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Never>,
    /// What is wrong with the manifests and with their order, as `check --format json` has it.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub findings: serde_json::Value,
}

/// One wave.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wave {
    /// `PreSync`, `Sync`, `PostSync` or `SyncFail`.
    pub phase: &'static str,
    /// Its number.
    pub wave: i32,
    /// How many objects it has.
    pub objects: usize,
    /// The objects that rules speak of.
    pub named: Vec<String>,
    /// What happens when its sources end.
    pub steps: Vec<Step>,
}

/// What happens when something ends or comes to a state; alike sources together.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The sources.
    pub sources: Vec<String>,
    /// Once all sources have ended so; else any one of them is enough.
    pub together: bool,
    /// `succeeds`, `fails`, `is degraded`
    pub supposed: String,
    /// What the expressions of `checked` are taken to be, if anything depends on it.
    pub checks: Option<bool>,
    /// Expressions that manifests cannot tell.
    pub checked: Vec<String>,
    /// What is done.
    pub effects: Vec<Effect>,
    /// Rules that then wait, and for what.
    pub waits: Vec<Waiting>,
    /// Waves that open.
    pub opens: Vec<i32>,
    /// Waves that stay held.
    pub holds: Vec<i32>,
}

/// One action or record.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// What, in the words of the language.
    pub what: String,
    /// The rules; empty for tidegate's own records.
    pub rules: Vec<String>,
    /// Why.
    pub because: Vec<String>,
    /// Seconds after the source: `else` of a `within`.
    pub after_seconds: u64,
    /// The `else` branch.
    pub otherwise: bool,
    /// What to know about it.
    pub note: Option<String>,
    /// The requests.
    pub writes: Vec<WriteLine>,
}

/// One field of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteLine {
    /// `patch`, `create` or `delete`.
    pub verb: &'static str,
    /// `InferenceService self-healing-platform/fraud`
    pub object: String,
    /// The field's path; empty for a deletion.
    pub field: String,
    /// The value; `(removed)` for a field that is taken away.
    pub value: String,
}

/// A rule that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The rule.
    pub rule: String,
    /// For what.
    pub waits_for: String,
    /// Until when, if it is known: RFC 3339.
    pub deadline: Option<String>,
}

/// A wave that a rule blocks.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// The rule.
    pub rule: String,
    /// Whose wave.
    pub application: Option<String>,
    /// The first held wave.
    pub wave: i32,
    /// Whether it is open.
    pub open: bool,
    /// What the means need that is not among the manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The parts of the condition, and what each is.
    pub reasons: Vec<Reason>,
    /// By what the wave is held: the kind's health, or a hook.
    pub means: Option<String>,
}

/// A part of a condition.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// In the words of the language.
    pub what: String,
    /// `true`, `false` or `unknown`.
    pub holds: &'static str,
    /// Why.
    pub why: String,
}

/// Something in a rule that no object can fulfil.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Never {
    /// The rule.
    pub rule: String,
    /// What is not there.
    pub what: String,
    /// What was perhaps meant.
    pub help: Option<String>,
}

/// A kind that the cluster does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Absent {
    /// Its word in the rules.
    pub kind: String,
    /// What it is, such as `batch/v1 Job`.
    pub is: String,
    /// The rules that ask about it.
    pub rules: Vec<String>,
}

impl Plan {
    /// Waves that are held, whatever by: `wave 4 of argocd/ml`.
    pub fn held(&self) -> Vec<String> {
        let of = |gate: &Gate| gate.application.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
        let mut held: Vec<String> =
            self.gates.iter().filter(|gate| !gate.open).map(|gate| format!("wave {}{}", gate.wave, of(gate))).collect();
        held.sort();
        held.dedup();
        held
    }

    /// Whether anything is to be done.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.due.is_empty() || self.waves.iter().flat_map(|wave| &wave.steps).any(|step| !step.effects.is_empty())
    }
}
