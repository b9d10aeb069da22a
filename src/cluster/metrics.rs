//! Metrics: one table, from which they are registered and `docs/metrics.md` is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Series of one metric, at most. Rules and annotations name them, so what is beyond is counted in `tidegate_series_dropped`.
pub const SERIES_MAX: usize = 10_000;

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows; `_total` is added to its name.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name, without a counter's `_total`.
    pub name: &'static str,
    /// What it does.
    pub kind: Type,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! table {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// A metric's place in [`TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the table says what each is")]
        pub enum Id { $($id),* }

        /// Every metric that there is.
        pub const TABLE: &[Metric] =
            &[$(Metric { name: $name, kind: Type::$kind, labels: &[$($label),*], help: $help }),*];
    };
}

table! {
    Actions: Counter "tidegate_actions" ["rule", "action", "result"]
        "Actions by rule, action (its text; of a notification without the message) and result: done, conflict (decided again on the live object), uncertain (no clear answer; read again), refused, later (the server asks to wait), not-leader, observed (would be done, but the rule or the controller only observes). Rules of annotations share the rule `annotation`; what tidegate writes of its own (Events, wave records, status annotations) has the rule `tidegate`";
    GateHeld: Gauge "tidegate_gate_held_seconds" ["rule", "application", "wave"]
        "For how long a wave has been held; 0 while it is open. Waves that annotations of live objects hold share the rule `annotation`, without wave: the longest counts";
    RuleState: Gauge "tidegate_rule_state" ["rule", "state"]
        "Matches of a rule in each state that is not at rest: waiting, due, expired, refused, would (observe)";
    OldestDue: Gauge "tidegate_oldest_due_seconds" []
        "Age of the oldest cause whose action is due and not done; 0 when nothing is due";
    QueueDepth: Gauge "tidegate_queue_depth" []
        "Effects that are due or being written";
    WatchErrors: Counter "tidegate_watch_errors" ["kind"]
        "Errors of lists and watches by kind";
    KindState: Gauge "tidegate_kind_state" ["kind", "state"]
        "1 for the state that a kind is in: listed, pending (not listed yet), refused (it may not be read), missing (the cluster does not serve it)";
    Objects: Gauge "tidegate_objects" ["kind"]
        "Objects held by kind";
    LastGoodReload: Gauge "tidegate_rules_last_good_reload_timestamp_seconds" []
        "When rules were last loaded that compile";
    ReloadsRefused: Counter "tidegate_rules_refused" []
        "Rules that were read and could not be used; the last good ones stay";
    RulesGood: Gauge "tidegate_rules_good" []
        "1 if the rules on disk are the rules in use, 0 if they were refused";
    Decisions: Counter "tidegate_decisions" []
        "Times that the engine was asked what is to be done. A rate far above that of changes in the cluster is a fault";
    Leader: Gauge "tidegate_leader" []
        "1 if this replica leads";
    StateWrites: Counter "tidegate_state_writes" ["result"]
        "Writes of the state object by result: done, failed";
    StateBytes: Gauge "tidegate_state_bytes" []
        "Size of the state object's data";
    AdmissionWrites: Counter "tidegate_admission_writes" ["result"]
        "Writes of the parameters of the admission policy by result: done, failed";
    Dropped: Counter "tidegate_series_dropped" []
        "Values that were not kept since their metric has too many series";
}

type Labels = Vec<(&'static str, String)>;

enum Series {
    Counter(Family<Labels, Counter>),
    Gauge(Family<Labels, Gauge<f64, AtomicU64>>),
}

/// The metrics of one replica. A clone shares them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    series: Vec<Series>,
    /// Label sets in use, by metric.
    seen: Mutex<Vec<BTreeSet<Labels>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// All metrics of the table, those without labels at 0.
    #[must_use]
    pub fn new() -> Metrics {
        let mut registry = Registry::default();
        let mut series = Vec::new();
        for metric in TABLE {
            match metric.kind {
                Type::Counter => {
                    let family = Family::<Labels, Counter>::default();
                    registry.register(metric.name, metric.help, family.clone());
                    series.push(Series::Counter(family));
                }
                Type::Gauge => {
                    let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
                    registry.register(metric.name, metric.help, family.clone());
                    series.push(Series::Gauge(family));
                }
            }
        }
        let seen = Mutex::new(vec![BTreeSet::new(); TABLE.len()]);
        let metrics = Metrics(Arc::new(Inner { registry, series, seen }));
        for (index, metric) in TABLE.iter().enumerate().filter(|(_, metric)| metric.labels.is_empty()) {
            metrics.touch(index, metric.kind);
        }
        metrics
    }

    fn touch(&self, index: usize, kind: Type) {
        match (self.0.series.get(index), kind) {
            (Some(Series::Counter(family)), Type::Counter) => drop(family.get_or_create(&Vec::new())),
            (Some(Series::Gauge(family)), Type::Gauge) => drop(family.get_or_create(&Vec::new())),
            _ => {}
        }
    }

    /// Adds one to a counter. Label values in the order of the table.
    pub fn count(&self, id: Id, values: &[&str]) {
        if let (Some(Series::Counter(family)), Some(labels)) = (self.0.series.get(id as usize), self.labels(id, values))
        {
            family.get_or_create(&labels).inc();
        }
    }

    /// Sets a gauge. Label values in the order of the table.
    pub fn set(&self, id: Id, values: &[&str], to: f64) {
        if let (Some(Series::Gauge(family)), Some(labels)) = (self.0.series.get(id as usize), self.labels(id, values)) {
            family.get_or_create(&labels).set(to);
        }
    }

    /// Forgets all series of a gauge, before its present ones are set.
    pub fn clear(&self, id: Id) {
        if let Some(Series::Gauge(family)) = self.0.series.get(id as usize) {
            family.clear();
            if let Some(seen) = self.seen().get_mut(id as usize) {
                seen.clear();
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<BTreeSet<Labels>>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The labels, unless the metric has too many series already.
    fn labels(&self, id: Id, values: &[&str]) -> Option<Labels> {
        let names = TABLE.get(id as usize)?.labels;
        let labels: Labels = names.iter().copied().zip(values.iter().map(|value| (*value).to_owned())).collect();
        let mut seen = self.seen();
        let seen = seen.get_mut(id as usize)?;
        if seen.len() < SERIES_MAX || seen.contains(&labels) {
            seen.insert(labels.clone());
            return Some(labels);
        }
        if let Some(Series::Counter(dropped)) = self.0.series.get(Id::Dropped as usize) {
            dropped.get_or_create(&Vec::new()).inc();
        }
        None
    }

    /// In the text format of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

/// `docs/metrics.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nServed by `tidegate run` at `/metrics`. Written from the table in `src/cluster/metrics.rs`; \
         `TIDEGATE_BLESS=1 cargo test --test metrics` writes it again.\n\n| metric | type | labels | what it says |\n|---|---|---|---|\n",
    );
    for metric in TABLE {
        let (name, kind) = match metric.kind {
            Type::Counter => (format!("{}_total", metric.name), "counter"),
            Type::Gauge => (metric.name.to_owned(), "gauge"),
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {} |", labels.join(", "), metric.help);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_appear_with_their_labels() {
        let metrics = Metrics::new();
        metrics.count(Id::Actions, &["reload", "restart isvc \"fraud\"\n", "done"]);
        metrics.set(Id::Leader, &[], 1.0);
        let text = metrics.text();
        let line = r#"tidegate_actions_total{rule="reload",action="restart isvc \"fraud\"\n",result="done"} 1"#;
        assert!(text.contains(line) && text.contains("tidegate_leader{} 1.0"), "{text}");
        metrics.set(Id::GateHeld, &["r", "a", "4"], 3.0);
        metrics.clear(Id::GateHeld);
        assert!(!metrics.text().contains("tidegate_gate_held_seconds{"));
    }

    #[test]
    fn series_are_bounded() {
        let metrics = Metrics::new();
        for n in 0..SERIES_MAX + 5 {
            metrics.count(Id::WatchErrors, &[&n.to_string()]);
        }
        assert!(metrics.text().contains("tidegate_series_dropped_total{} 5"));
    }
}
