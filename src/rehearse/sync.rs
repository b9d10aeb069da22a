//! One sync: what is applied in which step. Source of the order: Argo CD, `gitops-engine/pkg/sync`.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::scene::Place;
use super::status::merge;
use crate::manifests::{DeletePolicy, Object, Phase};

/// An object in Git.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Where it lives.
    pub place: Place,
    /// As in Git, with its namespace.
    pub value: Json,
    /// Wave.
    pub wave: i64,
    /// The phases in which it is applied; none for what a sync never applies.
    pub phases: Vec<Phase>,
    /// A hook, not a resource of the application.
    pub hook: bool,
    /// When a hook is deleted.
    pub delete: Vec<DeletePolicy>,
}

impl Resource {
    /// From manifests.
    pub fn new(object: &Object) -> Resource {
        let api_version = match &*object.group {
            "" => object.version.to_string(),
            group => format!("{group}/{}", object.version),
        };
        let (mut value, mut name) = (object.value.clone(), object.name.to_string());
        if let Some(prefix) = object.name.strip_suffix('*') {
            // Argo CD makes a name from revision, phase and time.
            name = format!("{prefix}rehearsed");
            merge(&mut value, &json!({"metadata": {"name": name, "generateName": null}}));
        }
        // The status in a manifest is nobody's: the API server takes none from an apply.
        merge(&mut value, &json!({ "status": null }));
        let place = Place { api_version, kind: object.kind.to_string(), namespace: object.namespace.to_string(), name };
        Resource {
            place,
            value,
            wave: object.wave,
            phases: object.hook.phases.clone(),
            hook: object.hook.hook,
            delete: object.delete_policies.clone(),
        }
    }

    /// Within a step, definitions and namespaces come first.
    fn rank(&self) -> u8 {
        match self.place.kind.as_str() {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            _ => 2,
        }
    }
}

/// What is applied together: one phase and wave.
#[derive(Clone, Debug)]
pub struct Step {
    /// Phase.
    pub phase: Phase,
    /// Wave.
    pub wave: i64,
    /// In the order in which they are applied.
    pub resources: Vec<Resource>,
}

impl Step {
    /// `wave 3`, `PostSync wave 5`
    pub fn name(&self) -> String {
        match self.phase {
            Phase::Sync => format!("wave {}", self.wave),
            phase => format!("{} wave {}", phase.name(), self.wave),
        }
    }
}

/// How far a sync is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The next step may begin, unless it is held.
    Next,
    /// What was applied is not yet healthy.
    Waits,
    /// A pause between two waves.
    Pause(Timestamp),
}

/// A sync that runs.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Steps to come.
    pub steps: VecDeque<Step>,
    /// The step that was applied last.
    pub current: Option<Step>,
    /// How far it is.
    pub stage: Stage,
    /// Hooks that were applied.
    pub hooks: Vec<Resource>,
    /// The hooks that run when it fails.
    pub on_failure: Vec<Resource>,
    /// Several steps or hooks: health is awaited between them.
    pub waits_for_health: bool,
    /// Why it has failed, while its SyncFail hooks run.
    pub failed: Option<String>,
    /// Hooks that have failed, as the result names them.
    pub failed_hooks: Vec<Json>,
    /// When it began.
    pub started: String,
}

/// A hook of the Sync phase that has failed, in a sync's result.
pub fn failed_hook(group: &str, kind: &str, namespace: &str, name: &str) -> Json {
    json!({"group": group, "kind": kind, "namespace": namespace, "name": name, "syncPhase": "Sync", "hookType": "Sync",
        "hookPhase": "Failed"})
}

impl Sync {
    /// What a full sync of these resources does.
    pub fn new(resources: &[Resource], started: String) -> Sync {
        let mut steps: Vec<Step> = Vec::new();
        let mut on_failure = Vec::new();
        for resource in resources {
            for phase in &resource.phases {
                if *phase == Phase::SyncFail {
                    on_failure.push(resource.clone());
                    continue;
                }
                match steps.iter_mut().find(|step| step.phase == *phase && step.wave == resource.wave) {
                    Some(step) => step.resources.push(resource.clone()),
                    None => steps.push(Step { phase: *phase, wave: resource.wave, resources: vec![resource.clone()] }),
                }
            }
        }
        steps.sort_by_key(|step| (step.phase, step.wave));
        for step in &mut steps {
            step.resources.sort_by(|a, b| (a.rank(), &a.place).cmp(&(b.rank(), &b.place)));
        }
        let waits_for_health = steps.len() > 1 || resources.iter().any(|resource| resource.hook);
        Sync {
            steps: steps.into(),
            current: None,
            stage: Stage::Next,
            hooks: Vec::new(),
            on_failure,
            waits_for_health,
            failed: None,
            failed_hooks: Vec::new(),
            started,
        }
    }
}
