//! Stand-ins for the operators and controllers of a cluster.
//!
//! A run (notebook, Job) begins as soon as it is applied, and ends when the scenario says so. What serves (InferenceService,
//! Deployment, StatefulSet, DaemonSet) gets pods, is ready after [`ROLL`], and rolls again when its pods' template changes or one
//! of its pods is deleted. Volumes are bound at once. A CronJob makes no runs by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::apiserver::Stored;
use super::scene::{Place, Scene, Timer, meta};
use super::status::{health_text, known, merge, wanted, words};
use super::timeline::Who;
use super::witness::short;
use crate::rulebook::{HealthStatus, ObjectRef};
use crate::syntax::tree::Predicate;

/// How long pods take to be replaced and ready.
pub const ROLL: Duration = Duration::from_secs(30);
/// Pods of one owner, at most: more would tell nothing new.
const PODS_MAX: i64 = 3;

/// The stand-ins' memory.
#[derive(Default)]
pub struct Operators {
    /// By uid.
    rolls: BTreeMap<String, Roll>,
    /// Pods that a stand-in itself has deleted: namespace and name.
    replaced: BTreeSet<(String, String)>,
}

/// What serves, and its pods.
#[derive(Default)]
struct Roll {
    /// What its pods are made from.
    template: Json,
    /// Counts rolls, so that a timer of an earlier one does nothing.
    turn: u64,
    ready_before: bool,
    pods: Vec<String>,
    pods_made: u64,
}

/// What the pods of an object are made from; none for kinds without pods.
fn template(place: &Place, object: &Map<String, Json>) -> Option<Json> {
    let spec = object.get("spec").cloned().unwrap_or_default();
    match (place.group(), place.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") => {
            Some(json!([spec.get("template"), spec.get("replicas")]))
        }
        // KServe hands an InferenceService's own annotations on to its pods.
        ("serving.kserve.io", "InferenceService") => {
            Some(json!([spec, object.get("metadata").and_then(|meta| meta.get("annotations"))]))
        }
        _ => None,
    }
}

impl Operators {
    /// Something has changed in the cluster.
    pub fn hear(&mut self, scene: &mut Scene, change: &Stored) {
        match (&change.before, &change.after) {
            (before, Some(object)) => {
                let place = Place::of(object);
                match template(&place, object) {
                    Some(template) => self.served(scene, &place, object, template),
                    None if before.is_none() => begin(scene, &place, object),
                    None => {}
                }
            }
            (Some(gone), None) => self.gone(scene, gone),
            (None, None) => {}
        }
    }

    /// What serves was written.
    fn served(&mut self, scene: &mut Scene, place: &Place, object: &Map<String, Json>, template: Json) {
        let roll = self.rolls.entry(meta(object, "uid").to_owned()).or_default();
        if roll.template == template {
            return observe(scene, place, object);
        }
        let first = roll.turn == 0;
        roll.template = template;
        let as_given = first && object.get("status").and_then(Json::as_object).is_some_and(|status| !status.is_empty());
        if as_given {
            // A manifest with a status says how things stand.
            roll.turn += 1;
            roll.ready_before = true;
            return self.replace_pods(scene, place, &Json::Object(object.clone()));
        }
        if !first {
            scene.say(Who::Operators, format!("{} rolls its pods", scene.name(place)), "");
        }
        self.roll(scene, place, &Json::Object(object.clone()));
    }

    fn roll(&mut self, scene: &mut Scene, place: &Place, object: &Json) {
        let uid = object.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default();
        let roll = self.rolls.entry(uid.to_owned()).or_default();
        roll.turn += 1;
        let turn = roll.turn;
        let now = scene.now_text();
        if let Some(status) = known(place.group(), &place.kind, Predicate::Progressing, object, &now) {
            scene.patch_status(place, status);
        }
        scene.after(ROLL, Timer::Rolled(place.clone(), turn));
    }

    /// All pods of an object are new.
    pub fn rolled(&mut self, scene: &mut Scene, place: &Place, turn: u64) {
        let Some(object) = scene.get(place) else { return };
        let uid = object.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default();
        let Some(roll) = self.rolls.get_mut(uid).filter(|roll| roll.turn == turn) else { return };
        let again = std::mem::replace(&mut roll.ready_before, true);
        self.replace_pods(scene, place, &object);
        let now = scene.now_text();
        if let Some(status) = known(place.group(), &place.kind, Predicate::Healthy, &object, &now) {
            scene.patch_status(place, status);
            let how = if again { "is ready again, with new pods" } else { "is ready" };
            scene.say(Who::Operators, format!("{} {how}", scene.name(place)), "");
        }
    }

    fn replace_pods(&mut self, scene: &mut Scene, place: &Place, object: &Json) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let uid = text("/metadata/uid").to_owned();
        let Some(roll) = self.rolls.get_mut(&uid) else { return };
        for pod in std::mem::take(&mut roll.pods) {
            self.replaced.insert((place.namespace.clone(), pod.clone()));
            // One that is gone already is no loss.
            let _ = scene.server.delete("v1", "Pod", &place.namespace, &pod);
        }
        let inference = place.kind == "InferenceService";
        let labels = if inference {
            json!({"serving.kserve.io/inferenceservice": place.name, "component": "predictor"})
        } else {
            object.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default()
        };
        let pods = if inference { "/spec/predictor/minReplicas" } else { "/spec/replicas" };
        let pods = object.pointer(pods).and_then(Json::as_i64).unwrap_or(1).clamp(0, PODS_MAX);
        let stem = if inference { format!("{}-predictor", place.name) } else { place.name.clone() };
        for _ in 0..pods {
            roll.pods_made += 1;
            let name = format!("{stem}-{}", roll.pods_made);
            let owner = json!({"apiVersion": place.api_version, "kind": place.kind, "name": place.name, "uid": uid, "controller": true});
            let now = scene.now_text();
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": now});
            let pod = json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "namespace": place.namespace, "labels": labels, "ownerReferences": [owner]},
                "spec": {"containers": [{"name": "main", "image": "example.org/stand-in"}]},
                "status": {"phase": "Running", "conditions": [ready]},
            });
            if scene.server.put(pod).is_ok() {
                roll.pods.push(name);
            }
        }
    }

    /// Something was deleted: a pod is replaced by its owner.
    fn gone(&mut self, scene: &mut Scene, gone: &Map<String, Json>) {
        let place = Place::of(gone);
        if !place.is("", "Pod") || self.replaced.remove(&(place.namespace.clone(), place.name.clone())) {
            return;
        }
        let owner = gone.get("metadata").and_then(|meta| meta.pointer("/ownerReferences/0"));
        let text =
            |key: &str| owner.and_then(|owner| owner.get(key)).and_then(Json::as_str).unwrap_or_default().to_owned();
        let owner = Place {
            api_version: text("apiVersion"),
            kind: text("kind"),
            namespace: place.namespace,
            name: text("name"),
        };
        let Some(object) = scene.get(&owner) else { return };
        // Several pods that go at once are replaced at once.
        let rolling = scene.health(&owner, &object).is_some_and(|health| health.status == HealthStatus::Progressing);
        if !rolling {
            scene.say(Who::Operators, format!("{} replaces its pods", scene.name(&owner)), "");
            self.roll(scene, &owner, &object);
        }
    }

    /// The scenario says what becomes of an object. What cannot be is said.
    pub fn becomes(
        &mut self,
        scene: &mut Scene,
        object: &ObjectRef,
        predicate: Predicate,
        with: Option<&Json>,
    ) -> Result<(), String> {
        let place = Place::of_ref(&scene.rulebook, object).ok_or("no such kind")?;
        let name = scene.name(&place);
        let Some(live) = scene.get(&place) else {
            return Err(format!("{name} does not exist at this time, so it cannot be that it {}", words(predicate)));
        };
        let wanted = wanted(predicate).ok_or_else(|| format!("nothing makes {name} so; `delete` takes it away"))?;
        let now = scene.now_text();
        let built_in = known(place.group(), &place.kind, predicate, &live, &now);
        let mut status = built_in.clone().unwrap_or_else(|| json!({}));
        if let Some(with) = with {
            merge_keeping_nulls(&mut status, with);
        }
        let mut supposed = live.clone();
        merge(&mut supposed, &json!({ "status": status }));
        let health = scene.health(&place, &supposed).unwrap_or_default();
        if health.status != wanted {
            let help =
                if built_in.is_some() { "what `with` says makes it so" } else { "say its status with `with { … }`" };
            return Err(format!("{name} would not be {wanted} but {}: {help}", health_text(&health)));
        }
        if let Some(roll) = self.rolls.get_mut(live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default())
        {
            roll.turn += 1;
            roll.ready_before = true;
        }
        scene.patch_status(&place, status);
        let with = with.map(|with| format!(" with {}", short(&with.to_string()))).unwrap_or_default();
        scene.say(Who::Operators, format!("{name} {}{with}", words(predicate)), "");
        Ok(())
    }
}

/// A controller has seen a generation in which nothing of its pods has changed.
fn observe(scene: &mut Scene, place: &Place, object: &Map<String, Json>) {
    let observed = object.get("status").and_then(|status| status.get("observedGeneration")).and_then(Json::as_i64);
    let generation = object.get("metadata").and_then(|meta| meta.get("generation")).and_then(Json::as_i64);
    if observed.is_some_and(|observed| generation.is_some_and(|generation| observed < generation)) {
        scene.patch_status(place, json!({ "observedGeneration": generation }));
    }
}

/// As [`merge`], but a null stays one, to be sent as a patch.
fn merge_keeping_nulls(held: &mut Json, patch: &Json) {
    match (&mut *held, patch) {
        (Json::Object(map), Json::Object(changes)) => {
            for (key, value) in changes {
                merge_keeping_nulls(map.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        _ => held.clone_from(patch),
    }
}

/// What begins as soon as it exists.
fn begin(scene: &mut Scene, place: &Place, object: &Map<String, Json>) {
    let status = object.get("status");
    let has = |key: &str| status.and_then(|status| status.get(key)).is_some();
    let now = scene.now_text();
    match (place.group(), place.kind.as_str()) {
        ("mlops.mlops.dev", "NotebookValidationJob") if !has("phase") => {
            scene.patch_status(place, json!({"phase": "ValidationRunning", "startTime": now}));
        }
        ("batch", "Job") if !has("conditions") && !has("active") => {
            let suspended = object.get("spec").and_then(|spec| spec.get("suspend")) == Some(&Json::Bool(true));
            let how = if suspended { Predicate::Suspended } else { Predicate::Progressing };
            if let Some(status) = known("batch", "Job", how, &Json::Null, &now) {
                scene.patch_status(place, status);
            }
        }
        ("", "PersistentVolumeClaim") => scene.patch_status(place, json!({"phase": "Bound"})),
        ("", "Pod") if object.get("metadata").is_some_and(|meta| meta.get("ownerReferences").is_none()) => {
            if let Some(status) = known("", "Pod", Predicate::Healthy, &Json::Null, &now) {
                scene.patch_status(place, status);
            }
        }
        _ => {}
    }
}
