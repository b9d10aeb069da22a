//! What all stand-ins share: the API server, the clock, timers, names, health, the timeline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::apiserver::ApiServer;
use super::observer::Observer;
use super::timeline::{Timeline, Who};
use crate::cluster::Clock;
use crate::engine::later;
use crate::expr::Value;
use crate::rulebook::{AppName, Health, HealthStatus, KindIx, ObjectRef, Rulebook, health};

/// What is to be looked at later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// An object's pods are all new. The turn tells whether something came between.
    Rolled(Place, u64),
    /// Argo CD looks at an Application.
    Application(AppName),
    /// Hooks that run `tidegate wait` look again.
    Hooks,
    /// Argo CD deletes a hook, if it is still the one with this uid.
    DeleteHook(Place, String),
}

/// An object, by what a request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `v1`, `apps/v1`
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Place {
    /// Where an object lives.
    pub fn of(object: &Map<String, Json>) -> Place {
        let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let meta = |key: &str| meta(object, key).to_owned();
        Place { api_version: text("apiVersion"), kind: text("kind"), namespace: meta("namespace"), name: meta("name") }
    }

    /// Where an object of the rules lives.
    pub fn of_ref(rulebook: &Rulebook, object: &ObjectRef) -> Option<Place> {
        let kind = rulebook.kind(object.kind)?;
        let api_version = match &*kind.group {
            "" => kind.version.to_string(),
            group => format!("{group}/{}", kind.version),
        };
        let (namespace, name) = (object.namespace.to_string(), object.name.to_string());
        Some(Place { api_version, kind: kind.kind.to_string(), namespace, name })
    }

    /// The API group; empty for core.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is of this group and kind.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group() == group && self.kind == kind
    }
}

/// `metadata.KEY` as text; empty when absent.
pub fn meta<'o>(object: &'o Map<String, Json>, key: &str) -> &'o str {
    object.get("metadata").and_then(|meta| meta.get(key)).and_then(Json::as_str).unwrap_or_default()
}

/// The stage's common ground.
pub struct Scene {
    /// The cluster.
    pub server: ApiServer,
    /// Kinds and names.
    pub rulebook: Arc<Rulebook>,
    /// Virtual time.
    pub clock: Clock,
    /// When the scenario begins.
    pub start: Timestamp,
    /// What the engine sees of the cluster.
    pub observer: Observer,
    /// What is told.
    pub timeline: Timeline,
    timers: BTreeMap<(Timestamp, u64), Timer>,
    timers_set: u64,
}

impl Scene {
    /// An empty cluster at the scenario's start.
    pub fn new(server: ApiServer, rulebook: Arc<Rulebook>, clock: Clock, start: Timestamp) -> Scene {
        let observer = Observer::new(rulebook.clone());
        let (timeline, timers) = (Timeline::default(), BTreeMap::new());
        Scene { server, rulebook, clock, start, observer, timeline, timers, timers_set: 0 }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Now, as it stands in objects: whole seconds.
    pub fn now_text(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// How long after the start; nothing for what was before.
    pub fn at(&self) -> Duration {
        Duration::try_from(self.now().duration_since(self.start)).unwrap_or_default()
    }

    /// Tells what happened now, and gives its place in the timeline.
    pub fn say(&mut self, who: Who, what: impl Into<String>, why: impl Into<String>) -> usize {
        let at = self.at();
        self.timeline.happened(at, who, what.into(), why.into())
    }

    /// Sets a timer.
    pub fn after(&mut self, pause: Duration, timer: Timer) {
        let at = later(self.now(), pause);
        self.timers_set += 1;
        self.timers.insert((at, self.timers_set), timer);
    }

    /// When the next timer goes off.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// A timer that has gone off.
    pub fn take_timer(&mut self) -> Option<Timer> {
        let due = self.next_timer().is_some_and(|at| at <= self.now());
        if due { self.timers.pop_first().map(|(_, timer)| timer) } else { None }
    }

    /// The kind that the rules give to an object.
    pub fn kind_of(&self, place: &Place) -> Option<KindIx> {
        self.rulebook.kind_by_type(place.group(), &place.kind)
    }

    /// `notebook train`: with the namespace where that is not the rules' own.
    pub fn name(&self, place: &Place) -> String {
        let short = self.kind_of(place).and_then(|ix| self.rulebook.kind(ix)).map(|kind| kind.short.to_string());
        let short = short.unwrap_or_else(|| place.kind.clone());
        let home = if place.is("argoproj.io", "Application") {
            argo_namespace(&self.rulebook)
        } else {
            &*self.rulebook.namespace
        };
        if place.namespace.is_empty() || place.namespace == home {
            format!("{short} {}", place.name)
        } else {
            format!("{short} {}/{}", place.namespace, place.name)
        }
    }

    /// A text of the controller with the rules' own namespace left out of names.
    pub fn shorter(&self, text: &str) -> String {
        let text = text.replace(&format!(" {}/", self.rulebook.namespace), " ");
        text.replace(&format!(" application {}/", argo_namespace(&self.rulebook)), " application ")
    }

    /// The live object.
    pub fn get(&self, place: &Place) -> Option<Json> {
        self.server.get(&place.api_version, &place.kind, &place.namespace, &place.name).ok()
    }

    /// The health that the rules' kinds give an object; none for kinds that are not declared.
    pub fn health(&self, place: &Place, object: &Json) -> Option<Health> {
        let kind = self.rulebook.kind(self.kind_of(place)?)?;
        let unreadable =
            Health { status: HealthStatus::Unknown, message: "not readable".to_owned(), ..Health::default() };
        Some(Value::from_json(object).map_or(unreadable, |object| health(kind, &object)))
    }

    /// Merges into an object's status. What the server refuses is told.
    pub fn patch_status(&mut self, place: &Place, status: Json) {
        let Place { api_version, kind, namespace, name } = place;
        let result = if place.is("argoproj.io", "Application") {
            self.server.patch(api_version, kind, namespace, name, serde_json::json!({ "status": status }))
        } else {
            self.server.patch_status(api_version, kind, namespace, name, status)
        };
        if let Err(error) = result {
            let what = format!("the status of {} was refused: {error}", self.name(place));
            self.say(Who::Operators, what, "");
        }
    }
}

/// Where Applications live that do not say where.
pub fn argo_namespace(rulebook: &Rulebook) -> &str {
    rulebook.application.as_ref().map_or("argocd", |app| &app.namespace)
}
