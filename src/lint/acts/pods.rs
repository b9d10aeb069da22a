//! What is known of the pods of a restart target: claims, GPUs, how many, how they are replaced.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::manifests::Object;

/// The pods of a Deployment or StatefulSet, or of one component of an InferenceService.
pub(super) struct Pods<'o> {
    /// `predictor`, `transformer`, `explainer`; empty for a Deployment.
    pub component: &'static str,
    /// From the object to the pod spec.
    pub path: Vec<&'static str>,
    /// The pod spec (of an InferenceService, its component).
    pub spec: &'o Value,
    /// How many run, at least.
    pub replicas: u64,
    /// How many more run during a rolling update, at least.
    pub surge: u64,
    /// How many fewer may run during a rolling update: 0 when each old pod waits for its new one. None: not known.
    pub unavailable: Option<u64>,
}

const COMPONENTS: [&str; 3] = ["predictor", "transformer", "explainer"];

/// The pods that a restart of an object rolls.
pub(super) fn of(object: &Object) -> Vec<Pods<'_>> {
    match (&*object.group, &*object.kind) {
        ("apps", "Deployment") => deployment(object).into_iter().collect(),
        ("apps", "StatefulSet") => stateful_set(object).into_iter().collect(),
        ("serving.kserve.io", "InferenceService") => {
            COMPONENTS.iter().filter_map(|component| inference(object, component)).collect()
        }
        _ => Vec::new(),
    }
}

fn deployment(object: &Object) -> Option<Pods<'_>> {
    let spec = object.value.pointer("/spec/template/spec")?;
    let replicas = object.value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let (surge, unavailable) = strategy(object.value.pointer("/spec/strategy"), replicas)?;
    let path = vec!["spec", "template", "spec"];
    Some(Pods { component: "", path, spec, replicas, surge, unavailable: Some(unavailable) })
}

/// It deletes a pod before it makes the new one.
fn stateful_set(object: &Object) -> Option<Pods<'_>> {
    let spec = object.value.pointer("/spec/template/spec")?;
    let replicas = object.value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let path = vec!["spec", "template", "spec"];
    Some(Pods { component: "", path, spec, replicas, surge: 0, unavailable: Some(1) })
}

fn inference<'o>(object: &'o Object, component: &'static str) -> Option<Pods<'o>> {
    let spec = object.value.get("spec")?.get(component)?;
    let path = vec!["spec", component];
    // 0 scales to zero; a restart makes one start nevertheless.
    let replicas = spec.get("minReplicas").and_then(Value::as_u64).unwrap_or(1).max(1);
    let (surge, unavailable) = match mode(object) {
        Mode::Standard => {
            let (surge, unavailable) = strategy(spec.get("deploymentStrategy"), replicas)?;
            (surge, Some(unavailable))
        }
        // A new revision has all its pods before the old one goes.
        Mode::Knative => (replicas, Some(0)),
        Mode::Unknown if spec.get("deploymentStrategy").is_some() => return None,
        Mode::Unknown => (replicas.div_ceil(4), (replicas < 4).then_some(0)),
    };
    Some(Pods { component, path, spec, replicas, surge, unavailable })
}

/// How KServe runs an InferenceService.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A Deployment.
    Standard,
    /// A Knative service.
    Knative,
    /// The cluster's configuration decides.
    Unknown,
}

/// Source: KServe `pkg/constants`, `DeploymentModeType`: the older words still count.
pub(super) fn mode(object: &Object) -> Mode {
    match object.annotation("serving.kserve.io/deploymentMode") {
        Some("RawDeployment" | "Standard") => Mode::Standard,
        Some("Serverless" | "Knative") => Mode::Knative,
        _ => Mode::Unknown,
    }
}

/// Surge and unavailable of a Deployment's strategy; none for `Recreate`, and for numbers that cannot be read.
///
/// Source: Kubernetes `pkg/controller/deployment/util`, `ResolveFenceposts`: 25 % each by default, surge rounded up, unavailable down, and 1 where both are 0.
/// KServe writes the same defaults.
fn strategy(strategy: Option<&Value>, replicas: u64) -> Option<(u64, u64)> {
    let of = |key: &str| strategy.and_then(|s| s.get(key));
    if of("type").and_then(Value::as_str) == Some("Recreate") {
        return None;
    }
    let rolling = of("rollingUpdate");
    let number = |key: &str, up: bool| match rolling.and_then(|r| r.get(key)) {
        None => Some(share(25, replicas, up)),
        Some(Value::String(text)) => Some(share(text.strip_suffix('%')?.parse().ok()?, replicas, up)),
        Some(value) => value.as_u64(),
    };
    let (surge, unavailable) = (number("maxSurge", true)?, number("maxUnavailable", false)?);
    Some((surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable }))
}

fn share(percent: u64, of: u64, up: bool) -> u64 {
    let product = percent.saturating_mul(of);
    if up { product.div_ceil(100) } else { product / 100 }
}

impl<'o> Pods<'o> {
    /// The claims that the pods mount, each with the field that names it, from the object inwards.
    pub fn claims(&self) -> BTreeMap<&'o str, Vec<String>> {
        let mut claims = BTreeMap::new();
        let at = |rest: &[&str]| self.path.iter().chain(rest).map(|step| (*step).to_owned()).collect::<Vec<_>>();
        for (n, volume) in list(self.spec, "volumes").enumerate() {
            let name = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str);
            if let Some(name) = name {
                let path = at(&["volumes", &n.to_string(), "persistentVolumeClaim", "claimName"]);
                claims.entry(name).or_insert(path);
            }
        }
        if let Some((uri, path)) = self.storage_uri()
            && let Some(rest) = uri.strip_prefix("pvc://")
        {
            let name = rest.split('/').next().unwrap_or_default();
            claims.entry(name).or_insert(path.into_iter().map(str::to_owned).collect());
        }
        claims
    }

    /// The URI of the model, with its field.
    pub fn storage_uri(&self) -> Option<(&'o str, Vec<&'o str>)> {
        let frameworks = self.spec.as_object()?.iter().filter(|(_, value)| value.is_object());
        let mut found = frameworks.filter_map(|(key, value)| Some((key, value.get("storageUri")?.as_str()?)));
        let (key, uri) = found.next()?;
        Some((uri, self.path.iter().copied().chain([key.as_str(), "storageUri"]).collect()))
    }

    /// GPUs of one pod, by resource: requests, else limits, of all its containers.
    pub fn gpus(&self) -> BTreeMap<&'o str, u64> {
        let mut gpus: BTreeMap<&str, u64> = BTreeMap::new();
        let model = self.spec.get("model").into_iter();
        let frameworks = self.spec.as_object().into_iter().flatten().filter(|(key, _)| *key != "model");
        let others = frameworks.map(|(_, value)| value).filter(|value| value.get("storageUri").is_some());
        let containers = list(self.spec, "containers").chain(model).chain(others);
        for container in containers {
            // An extended resource has the same request and limit.
            let resources: Vec<_> = ["requests", "limits"]
                .iter()
                .filter_map(|side| container.get("resources")?.get(side)?.as_object())
                .flatten()
                .collect();
            let mut seen = BTreeSet::new();
            for (key, value) in resources.into_iter().filter(|(key, _)| key.contains('/')) {
                if let (true, Some(count)) = (seen.insert(key.as_str()), quantity(value)) {
                    *gpus.entry(key.as_str()).or_default() += count;
                }
            }
        }
        gpus
    }

    /// Nothing but one node can run them, as far as they say.
    pub fn on_one_node(&self) -> bool {
        let has = |pointer: &str| self.spec.pointer(pointer).is_some();
        has("/nodeName") || has("/nodeSelector/kubernetes.io~1hostname") || has("/affinity/podAffinity")
    }
}

/// A whole number, as text or not.
pub(super) fn quantity(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Every claim that some object's pods mount, wherever in it their template stands.
pub(super) fn claims_within<'v>(value: &'v Value, claims: &mut BTreeSet<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| claims_within(item, claims)),
        Value::Object(map) => {
            for (key, value) in map {
                match value.get("claimName").and_then(Value::as_str).filter(|_| key == "persistentVolumeClaim") {
                    Some(name) => {
                        claims.insert(name);
                    }
                    None => claims_within(value, claims),
                }
            }
        }
        _ => {}
    }
}
