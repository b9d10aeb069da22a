//! The stage: the API server in memory, the stand-ins around it, and virtual time that passes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::apiserver::{ApiServer, Resource, Stored};
use super::argocd::{self, ArgoCd};
use super::hooks::Hooks;
use super::observer::Observer;
use super::operators::Operators;
use super::scene::{Place, Scene, Timer, argo_namespace};
use super::script::Script;
use super::timeline::Who;
use super::witness::Witness;
use crate::cluster::Clock;
use crate::manifests::Phase;
use crate::rulebook::Rulebook;

/// Changes at one moment, at most: more would mean something that never rests.
const CHANGES_MAX: usize = 50_000;

/// Everything but the controller.
pub struct Stage {
    /// What all share.
    pub scene: Scene,
    /// What the controller did.
    pub witness: Witness,
    /// Conditions that are watched from the start.
    pub watchers: Vec<Observer>,
    argo: ArgoCd,
    operators: Operators,
    hooks: Hooks,
    changes: mpsc::UnboundedReceiver<Stored>,
    /// Changes at the present moment.
    seen: (Timestamp, usize),
}

impl Stage {
    /// A cluster with the kinds of the rules and of the manifests, and what is live from the start. Must be made in a runtime.
    pub fn new(server: ApiServer, rulebook: Arc<Rulebook>, clock: Clock, script: &mut Script) -> Stage {
        let changes = server.changes();
        let mut scene = Scene::new(server, rulebook, clock, script.start);
        serve(&scene, script);
        let mut argo = ArgoCd::default();
        let applications: Vec<Json> = script.git.keys().map(|app| bare(&app.namespace, &app.name)).collect();
        for object in applications.into_iter().chain(std::mem::take(&mut script.live)) {
            put(&mut scene, object);
        }
        for (app, resources) in std::mem::take(&mut script.git) {
            argo.adopt(app, resources, script.revision.clone());
        }
        let watchers = script.watched.iter().map(|rulebook| Observer::new(rulebook.clone())).collect();
        let (operators, witness) = (Operators::default(), Witness::default());
        let hooks = Hooks::new(std::mem::take(&mut script.hooks));
        Stage { scene, witness, watchers, argo, operators, hooks, changes, seen: (Timestamp::MIN, 0) }
    }

    /// Lets time pass, and everything in it happen. An error when it cannot pass, because something never rests.
    pub async fn pass_until(&mut self, until: Timestamp) -> Result<(), String> {
        loop {
            self.settle()?;
            let now = self.scene.now();
            if now >= until {
                return Ok(());
            }
            let next = self.scene.next_timer().map_or(until, |timer| timer.min(until));
            let left = Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO);
            tokio::select! {
                biased;
                Some(change) = self.changes.recv() => self.hear(&change)?,
                () = tokio::time::sleep_until(Instant::now() + left) => {}
            }
        }
    }

    /// Everything that can happen at this moment happens.
    pub fn settle(&mut self) -> Result<(), String> {
        loop {
            while let Ok(change) = self.changes.try_recv() {
                self.hear(&change)?;
            }
            if let Some(timer) = self.scene.take_timer() {
                match timer {
                    Timer::Rolled(place, turn) => self.operators.rolled(&mut self.scene, &place, turn),
                    Timer::Application(app) => self.argo.look_at(&mut self.scene, &app),
                    Timer::Hooks => self.hooks.look(),
                    Timer::DeleteHook(place, uid) => argocd::delete_hook(&mut self.scene, &place, Some(&uid)),
                }
            } else if !self.argo.settle(&mut self.scene) && !self.hooks.settle(&mut self.scene) {
                return Ok(());
            }
        }
    }

    fn hear(&mut self, change: &Stored) -> Result<(), String> {
        let now = self.scene.now();
        self.seen = if self.seen.0 == now { (now, self.seen.1 + 1) } else { (now, 1) };
        if self.seen.1 > CHANGES_MAX {
            let object = change.after.as_ref().or(change.before.as_ref());
            let name = object.map(|object| self.scene.name(&Place::of(object))).unwrap_or_default();
            let by = if change.by.is_empty() { "a stand-in" } else { &*change.by };
            return Err(format!("more than {CHANGES_MAX} changes at one moment; the last was of {name}, by {by}"));
        }
        self.scene.observer.hear(change, now);
        self.watchers.iter_mut().for_each(|watcher| watcher.hear(change, now));
        self.hooks.hear(change, now);
        self.witness.hear(&mut self.scene, change);
        self.operators.hear(&mut self.scene, change);
        self.argo.hear(&mut self.scene, change);
        Ok(())
    }

    /// `sync application A`
    pub fn sync(&mut self, app: &crate::rulebook::AppName) -> Result<(), String> {
        self.argo.sync(&mut self.scene, app, "")
    }

    /// `KIND NAME succeeds`
    pub fn becomes(
        &mut self,
        object: &crate::rulebook::ObjectRef,
        predicate: crate::syntax::tree::Predicate,
        with: Option<&Json>,
    ) -> Result<(), String> {
        self.operators.becomes(&mut self.scene, object, predicate, with)
    }

    /// `apply PATH`
    pub fn apply(&mut self, path: &str, objects: &[Json]) -> Result<(), String> {
        let mut names = Vec::new();
        for object in objects {
            let mut object = object.clone();
            own(&self.scene, &mut object);
            register(&self.scene, &object);
            let place = object.as_object().map(Place::of).ok_or("not an object")?;
            if !place.namespace.is_empty() {
                self.scene.server.ensure_namespace(&place.namespace).map_err(|error| error.to_string())?;
            }
            let put = self.scene.server.put(object).map_err(|error| format!("`{path}` cannot be applied: {error}"))?;
            names.push(self.scene.name(&put.as_object().map(Place::of).unwrap_or(place)));
        }
        self.scene.say(Who::Scenario, format!("{} applied by hand", names.join(", ")), "");
        Ok(())
    }

    /// `delete KIND NAME`
    pub fn delete(&mut self, object: &crate::rulebook::ObjectRef) -> Result<(), String> {
        let place = Place::of_ref(&self.scene.rulebook, object).ok_or("no such kind")?;
        let name = self.scene.name(&place);
        let Place { api_version, kind, namespace, name: called } = &place;
        self.scene
            .server
            .delete(api_version, kind, namespace, called)
            .map_err(|error| format!("{name} cannot be deleted: {error}"))?;
        self.scene.server.collect_garbage();
        self.scene.say(Who::Scenario, format!("{name} deleted by hand"), "");
        Ok(())
    }
}

/// An Application that only the rules or labels name.
fn bare(namespace: &str, name: &str) -> Json {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://example.org/platform.git", "path": ".", "targetRevision": "HEAD"},
            "destination": {"server": "https://kubernetes.default.svc"},
        },
    })
}

fn put(scene: &mut Scene, mut object: Json) {
    own(scene, &mut object);
    let Some(place) = object.as_object().map(Place::of) else { return };
    let namespace = if place.namespace.is_empty() { Ok(()) } else { scene.server.ensure_namespace(&place.namespace) };
    if let Err(error) = namespace.and_then(|()| scene.server.put(object)) {
        let what = format!("{} cannot be put into the cluster: {error}", scene.name(&place));
        scene.say(Who::Scenario, what, "");
    }
}

/// Owners that are named without a uid get that of the live object.
fn own(scene: &Scene, object: &mut Json) {
    let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default().to_owned();
    let owners = object.pointer_mut("/metadata/ownerReferences").and_then(Json::as_array_mut);
    for owner in owners.into_iter().flatten().filter_map(Json::as_object_mut) {
        let text = |key: &str| owner.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let place = Place {
            api_version: text("apiVersion"),
            kind: text("kind"),
            namespace: namespace.clone(),
            name: text("name"),
        };
        let uid = scene.get(&place).and_then(|live| live.pointer("/metadata/uid").cloned());
        if let Some(uid) = uid.filter(|_| !owner.contains_key("uid")) {
            owner.insert("uid".to_owned(), uid);
        }
    }
}

/// Serves the kinds that the rules declare and the manifests hold.
fn serve(scene: &Scene, script: &Script) {
    let _ = scene.server.ensure_namespace(super::replica::NAMESPACE);
    let _ = scene.server.ensure_namespace(argo_namespace(&scene.rulebook));
    for kind in &scene.rulebook.kinds {
        let api =
            if kind.group.is_empty() { kind.version.to_string() } else { format!("{}/{}", kind.group, kind.version) };
        if !scene.server.serves(&api, &kind.kind) {
            let status = !(&*kind.group == "argoproj.io" && &*kind.kind == "Application");
            let resource =
                Resource::custom(&kind.group, &kind.version, &kind.plural, &kind.kind, kind.namespaced, status);
            scene.server.register(resource);
        }
    }
    let in_git = script
        .git
        .values()
        .flatten()
        .filter(|resource| !resource.phases.is_empty() && resource.phases != [Phase::SyncFail]);
    in_git.map(|resource| &resource.value).chain(&script.live).for_each(|object| register(scene, object));
}

/// Kinds that nothing declares are served as they stand, under a plural that is as good as any.
fn register(scene: &Scene, object: &Json) {
    let Some(place) = object.as_object().map(Place::of) else { return };
    if scene.server.serves(&place.api_version, &place.kind) {
        return;
    }
    let (group, version) = place.api_version.split_once('/').unwrap_or(("", &place.api_version));
    let plural = format!("{}s", place.kind.to_lowercase());
    scene.server.register(Resource::custom(group, version, &plural, &place.kind, !place.namespace.is_empty(), true));
}
