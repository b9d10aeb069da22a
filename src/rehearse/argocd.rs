//! A stand-in for Argo CD: full syncs in phases and waves, the status of Applications, refreshes and operations.
//!
//! A step begins when all of the one before is healthy by the health that the rules' kinds give. A block is held by that, and by the
//! hooks that run `tidegate wait` among the manifests; where a rule needs one that is not there, the wave passes, as it would in a cluster.
//! What it does not do: render, prune, compare fields, sync by itself, retry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::apiserver::Stored;
use super::scene::{Place, Scene, Timer, argo_namespace};
use super::status::{health_text, known, merge};
use super::sync::{Resource, Stage, Step, Sync, failed_hook};
use super::timeline::Who;
use crate::engine::later;
use crate::manifests::{DeletePolicy, Phase};
use crate::rulebook::{AppName, Health, HealthStatus};
use crate::syntax::tree::Predicate;

/// Argo CD's pause between two waves (`ARGOCD_SYNC_WAVE_DELAY`).
const WAVE_PAUSE: Duration = Duration::from_secs(2);
/// How long Argo CD takes to see an operation or a refresh.
const REACTION: Duration = Duration::from_millis(100);
/// Names in one line, at most.
const NAMES_MAX: usize = 6;

/// All Applications.
#[derive(Default)]
pub struct ArgoCd {
    apps: BTreeMap<AppName, App>,
    /// Something has changed since the Applications were looked at.
    stale: bool,
}

/// One Application and what Git holds for it.
struct App {
    resources: Vec<Resource>,
    revision: String,
    sync: Option<Sync>,
    /// The operation's end: phase, message, time.
    ended: Option<(String, String, String, String)>,
    /// Hooks that failed in it.
    failed_hooks: Vec<Json>,
    syncs: u64,
    /// What its status says, without times.
    told: Json,
}

impl ArgoCd {
    /// What Git holds for an Application.
    pub fn adopt(&mut self, app: AppName, resources: Vec<Resource>, revision: String) {
        let app_state =
            App { resources, revision, sync: None, ended: None, failed_hooks: Vec::new(), syncs: 0, told: Json::Null };
        self.apps.insert(app, app_state);
    }

    /// Something has changed in the cluster.
    pub fn hear(&mut self, scene: &mut Scene, change: &Stored) {
        let Some(object) = &change.after else {
            self.stale = true;
            return;
        };
        let place = Place::of(object);
        if place.kind == "Lease" || place.kind == "Event" {
            return;
        }
        self.stale = true;
        if !place.is("argoproj.io", "Application") {
            return;
        }
        let refresh = annotation(object, "argocd.argoproj.io/refresh").is_some();
        if refresh || object.contains_key("operation") {
            let app = AppName { namespace: place.namespace.into(), name: place.name.into() };
            scene.after(REACTION, Timer::Application(app));
        }
    }

    /// A sync that someone asks for. What cannot be is said.
    pub fn sync(&mut self, scene: &mut Scene, app: &AppName, by: &str) -> Result<(), String> {
        let name = scene.name(&place_of(app));
        let Some(state) = self.apps.get_mut(app) else {
            return Err(format!("no manifest belongs to {name}"));
        };
        if let Some(running) = &state.sync {
            let what = running.current.as_ref().map(|step| format!("it is in {}", step.name()));
            return Err(format!("a sync of {name} is running already: {}", what.unwrap_or_default()));
        }
        scene.say(Who::ArgoCd, format!("sync of {name} begins"), by);
        state.sync = Some(Sync::new(&state.resources, scene.now_text()));
        (state.ended, state.syncs) = (None, state.syncs + 1);
        self.stale = true;
        Ok(())
    }

    /// An Application's time has come: a refresh, an operation, a pause that is over.
    pub fn look_at(&mut self, scene: &mut Scene, app: &AppName) {
        self.stale = true;
        let place = place_of(app);
        let Some(live) = scene.get(&place) else { return };
        let how = live.pointer("/metadata/annotations/argocd.argoproj.io~1refresh").and_then(Json::as_str);
        if let Some(how) = how {
            scene.say(Who::ArgoCd, format!("{} is refreshed ({how})", scene.name(&place)), "");
            patch(
                scene,
                app,
                json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": null}}, "status": {"reconciledAt": scene.now_text()}}),
            );
        }
        if let Some(operation) = live.get("operation") {
            let by = operation.pointer("/initiatedBy/username").and_then(Json::as_str).unwrap_or("someone").to_owned();
            patch(scene, app, json!({ "operation": null }));
            if let Err(why) = self.sync(scene, app, &format!("{by} asked for it")) {
                scene.say(Who::ArgoCd, format!("the operation of {by} is lost"), why);
            }
        }
    }

    /// Does whatever can be done now. True if anything was looked at.
    pub fn settle(&mut self, scene: &mut Scene) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        for (name, app) in &mut self.apps {
            while app.advance(scene, name) {}
            app.tell(scene, name);
        }
        true
    }
}

fn place_of(app: &AppName) -> Place {
    let (namespace, name) = (app.namespace.to_string(), app.name.to_string());
    Place { api_version: "argoproj.io/v1alpha1".to_owned(), kind: "Application".to_owned(), namespace, name }
}

fn patch(scene: &mut Scene, app: &AppName, merge: Json) {
    let place = place_of(app);
    if let Err(error) = scene.server.patch(&place.api_version, &place.kind, &place.namespace, &place.name, merge) {
        let what = format!("{} cannot be written: {error}", scene.name(&place));
        scene.say(Who::ArgoCd, what, "");
    }
}

fn annotation<'o>(object: &'o Map<String, Json>, key: &str) -> Option<&'o str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

impl App {
    /// One move of the sync that runs. False when it has to wait for something.
    fn advance(&mut self, scene: &mut Scene, name: &AppName) -> bool {
        let Some(mut sync) = self.sync.take() else { return false };
        let moved = match sync.stage.clone() {
            Stage::Pause(until) if until > scene.now() => false,
            Stage::Pause(_) => {
                sync.stage = Stage::Next;
                true
            }
            Stage::Waits => self.await_health(scene, name, &mut sync),
            Stage::Next => self.next_step(scene, name, &mut sync),
        };
        let done = sync.stage == Stage::Next && sync.steps.is_empty();
        if !done {
            self.sync = Some(sync);
            return moved;
        }
        let (phase, message) = match &sync.failed {
            None => ("Succeeded", "successfully synced (all tasks run)".to_owned()),
            Some(why) => ("Failed", format!("one or more synchronization tasks completed unsuccessfully: {why}")),
        };
        // Argo CD deletes hooks that are to go at the end of the sync, not as they end.
        let policy = if sync.failed.is_none() { DeletePolicy::HookSucceeded } else { DeletePolicy::HookFailed };
        for place in sync.hooks.iter().filter(|hook| hook.delete.contains(&policy)).map(|hook| hook.place.clone()) {
            let uid = scene.get(&place).and_then(|live| Some(live.pointer("/metadata/uid")?.as_str()?.to_owned()));
            scene.after(REACTION, Timer::DeleteHook(place, uid.unwrap_or_default()));
        }
        let what = if sync.failed.is_none() { "succeeded" } else { "has failed" };
        scene.say(
            Who::ArgoCd,
            format!("sync of {} {what}", scene.name(&place_of(name))),
            sync.failed.clone().unwrap_or_default(),
        );
        self.failed_hooks = sync.failed_hooks;
        self.ended = Some((phase.to_owned(), message, sync.started.clone(), scene.now_text()));
        false
    }

    fn await_health(&self, scene: &mut Scene, name: &AppName, sync: &mut Sync) -> bool {
        let Some(step) = sync.current.clone() else { return false };
        let last = sync.steps.is_empty();
        for resource in &step.resources {
            // The last wave is not awaited, but for its hooks.
            if !sync.waits_for_health || (last && !resource.hook) {
                continue;
            }
            let Some(live) = scene.get(&resource.place) else { return false };
            let Some(health) = awaited(scene, &resource.place, &live) else { continue };
            match health.status {
                HealthStatus::Healthy => {}
                HealthStatus::Degraded => {
                    let why = format!("{} is {}", scene.name(&resource.place), health_text(&health));
                    if resource.hook && step.phase == Phase::Sync {
                        let Place { api_version, kind, namespace, name } = &resource.place;
                        let group = api_version.split_once('/').map_or("", |(group, _)| group);
                        sync.failed_hooks.push(failed_hook(group, kind, namespace, name));
                    }
                    Self::fail(sync, why);
                    return true;
                }
                _ => return false,
            }
        }
        sync.stage = if last {
            Stage::Next
        } else {
            scene.after(WAVE_PAUSE, Timer::Application(name.clone()));
            Stage::Pause(later(scene.now(), WAVE_PAUSE))
        };
        true
    }

    /// The sync has failed: only its SyncFail hooks are still to come.
    fn fail(sync: &mut Sync, why: String) {
        sync.steps.clear();
        sync.stage = Stage::Next;
        if sync.failed.is_none() && !sync.on_failure.is_empty() {
            let resources = std::mem::take(&mut sync.on_failure);
            sync.steps.push_back(Step { phase: Phase::SyncFail, wave: 0, resources });
        }
        sync.failed.get_or_insert(why);
    }

    fn next_step(&self, scene: &mut Scene, name: &AppName, sync: &mut Sync) -> bool {
        let Some(step) = sync.steps.pop_front() else { return false };
        self.apply(scene, name, &step, sync);
        sync.hooks.extend(step.resources.iter().filter(|resource| resource.hook).cloned());
        (sync.current, sync.stage) = (Some(step), Stage::Waits);
        true
    }

    fn apply(&self, scene: &mut Scene, name: &AppName, step: &Step, sync: &Sync) {
        let (mut applied, mut unchanged, mut waits, mut others) = (Vec::new(), Vec::new(), Vec::new(), 0_usize);
        for resource in &step.resources {
            let called = scene.name(&resource.place);
            match apply(scene, name, resource) {
                // What no rule can ask about is only counted.
                Ok(true) if scene.kind_of(&resource.place).is_none() && step.resources.len() > 1 => others += 1,
                Ok(true) => applied.push(called.clone()),
                Ok(false) => unchanged.push(called.clone()),
                Err(why) => {
                    scene.say(Who::ArgoCd, format!("{called} cannot be applied"), why);
                    continue;
                }
            }
            let waited_for = sync.waits_for_health && (resource.hook || !sync.steps.is_empty());
            let health = scene.get(&resource.place).and_then(|live| awaited(scene, &resource.place, &live));
            if waited_for && health.is_some_and(|health| health.status != HealthStatus::Healthy) {
                waits.push(called);
            }
        }
        let mut parts = Vec::new();
        match (names(&applied), others) {
            (named, 0) if !named.is_empty() => parts.push(format!("{named} applied")),
            (named, 1) if !named.is_empty() => parts.push(format!("{named} and one more applied")),
            (named, others) if !named.is_empty() => parts.push(format!("{named} and {others} more applied")),
            (_, others) if others > 0 => parts.push(format!("{others} objects applied")),
            _ => {}
        }
        if !unchanged.is_empty() {
            let what = if unchanged.len() == 1 { names(&unchanged) } else { format!("{} objects", unchanged.len()) };
            parts.push(format!("{what} unchanged"));
        }
        if !waits.is_empty() {
            let it = if waits.len() == 1 { "it is" } else { "they are" };
            parts.push(format!("waits until {it} healthy"));
        }
        scene.say(Who::ArgoCd, format!("{}: {}", step.name(), parts.join("; ")), "");
    }

    /// Brings the Application's status up to date, if what it says has changed.
    fn tell(&mut self, scene: &mut Scene, name: &AppName) {
        let (mut missing, mut worst) = (0_usize, HealthStatus::Healthy);
        let mut resources = Vec::new();
        for resource in self.resources.iter().filter(|resource| !resource.hook && !resource.phases.is_empty()) {
            let live = scene.get(&resource.place);
            missing += usize::from(live.is_none());
            let health = match &live {
                None => HealthStatus::Missing,
                Some(live) => {
                    awaited(scene, &resource.place, live).map_or(HealthStatus::Healthy, |health| health.status)
                }
            };
            worst = worse(worst, health);
            let (group, version) =
                resource.place.api_version.split_once('/').unwrap_or(("", &resource.place.api_version));
            let status = if live.is_some() { "Synced" } else { "OutOfSync" };
            let Place { kind, namespace, name, .. } = &resource.place;
            let mut entry = json!({"group": group, "version": version, "kind": kind, "namespace": namespace, "name": name, "status": status});
            if resource.wave != 0 {
                merge(&mut entry, &json!({"syncWave": resource.wave}));
            }
            resources.push(entry);
        }
        let synced = if missing == 0 { "Synced" } else { "OutOfSync" };
        let operation = match (&self.sync, &self.ended) {
            (Some(sync), _) => {
                let step = sync.current.as_ref().map(Step::name).unwrap_or_default();
                let message = format!("waiting for healthy state of {step}");
                json!({"phase": "Running", "message": message, "startedAt": sync.started, "operation": {"sync": {"revision": self.revision}}})
            }
            (None, Some((phase, message, started, finished))) => json!({
                "phase": phase, "message": message, "startedAt": started, "finishedAt": finished,
                "operation": {"sync": {"revision": self.revision}}, "syncResult": {"revision": self.revision, "resources": self.failed_hooks},
            }),
            (None, None) => Json::Null,
        };
        let mut status = json!({
            "sync": {"status": synced, "revision": self.revision},
            "health": {"status": worst.to_string()},
            "resources": resources,
            "operationState": operation,
        });
        if self.told == status {
            return;
        }
        self.told = status.clone();
        if let Some(status) = status.as_object_mut() {
            status.insert("reconciledAt".to_owned(), json!(scene.now_text()));
        }
        patch(scene, name, json!({ "status": status }));
    }
}

/// The health that a sync waits for. What no rule reads, no stand-in moves and nothing has given a status is taken to do what it is there
/// for: a rehearsal has no operator for it.
fn awaited(scene: &Scene, place: &Place, live: &Json) -> Option<Health> {
    let kind = scene.kind_of(place)?;
    let told = live.get("status").and_then(Json::as_object).is_some_and(|status| !status.is_empty());
    let played = known(place.group(), &place.kind, Predicate::Healthy, live, "").is_some();
    let alone =
        !told && !played && !scene.observer.reads(kind) && scene.rulebook.kind(kind).is_some_and(|kind| !kind.runs);
    if alone { None } else { scene.health(place, live) }
}

/// Argo CD's order of healths, from best to worst.
fn worse(a: HealthStatus, b: HealthStatus) -> HealthStatus {
    let rank = |status: HealthStatus| match status {
        HealthStatus::Healthy => 0,
        HealthStatus::Suspended => 1,
        HealthStatus::Progressing => 2,
        HealthStatus::Missing => 3,
        HealthStatus::Degraded => 4,
        HealthStatus::Unknown => 5,
    };
    if rank(b) > rank(a) { b } else { a }
}

fn names(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Deletes a hook; with a uid, only that one.
pub fn delete_hook(scene: &mut Scene, place: &Place, uid: Option<&str>) {
    let live = scene.get(place);
    let same = |uid| live.as_ref().and_then(|live| live.pointer("/metadata/uid")?.as_str()) == Some(uid);
    if uid.is_none_or(same)
        && scene.server.delete(&place.api_version, &place.kind, &place.namespace, &place.name).is_ok()
    {
        scene.server.collect_garbage();
    }
}

/// Applies one object with the annotation that says whose it is. Annotations that only the live object has stay. A hook is made
/// anew. True if anything changed.
fn apply(scene: &mut Scene, app: &AppName, resource: &Resource) -> Result<bool, String> {
    let Place { api_version, kind, namespace, name } = &resource.place;
    let of = if &*app.namespace == argo_namespace(&scene.rulebook) {
        app.name.to_string()
    } else {
        format!("{}_{}", app.namespace, app.name)
    };
    let tracking = format!("{of}:{}/{kind}:{namespace}/{name}", resource.place.group());
    let mut value = resource.value.clone();
    super::status::merge(
        &mut value,
        &json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": tracking}}}),
    );
    if !namespace.is_empty() {
        scene.server.ensure_namespace(namespace).map_err(|error| error.to_string())?;
    }
    if resource.hook && resource.delete.contains(&DeletePolicy::BeforeHookCreation) {
        delete_hook(scene, &resource.place, None);
    }
    let Some(live) = scene.get(&resource.place) else {
        return scene.server.put(value).map(|_| true).map_err(|error| error.to_string());
    };
    let written = scene.server.patch(api_version, kind, namespace, name, value).map_err(|error| error.to_string())?;
    let version = |object: &Json| object.pointer("/metadata/resourceVersion").cloned();
    Ok(version(&written) != version(&live))
}
