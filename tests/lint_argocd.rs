//! What `lint` says about waves that never end, held against the real Argo CD: `argocd admin settings resource-overrides health`, which needs no cluster.
//!
//! TG606 speaks of what is never healthy as it is written; TG601 says what becomes of an object whose need is missing. Each case is an object as its
//! controller leaves it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "support/skip.rs"]
#[allow(dead_code)]
mod skip;
#[path = "support/tools.rs"]
#[allow(dead_code)]
mod tools;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tidegate::diagnostic::{Code, Sources};
use tidegate::lint::{Subject, manifests};
use tidegate::manifests::{Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{Options, load};

/// API version and Kind, what is written, what the controller adds, what Argo CD says, whether lint speaks of it in a wave before others.
fn cases() -> Vec<(&'static str, &'static str, Value, Value, &'static str, bool)> {
    let flux = "kustomize.toolkit.fluxcd.io/v1";
    let suspended = || json!({"spec": {"suspend": true}});
    let keda = |key: &str| json!({"metadata": {"annotations": {key: "true"}}, "spec": {}});
    let ready = |more: Value| json!({"conditions": [{"type": "Ready", "status": "True", "message": ""}, more]});
    let paused = || json!({"type": "Paused", "status": "True", "message": ""});
    let observed = || json!({"observedGeneration": 1});
    vec![
        ("apps/v1", "Deployment", json!({"spec": {"paused": true, "replicas": 1}}), observed(), "Suspended", true),
        ("apps/v1", "Deployment", json!({"spec": {"replicas": 0}}), observed(), "Healthy", false),
        ("apps/v1", "StatefulSet", json!({"spec": {"replicas": 0}}), observed(), "Healthy", false),
        (
            "batch/v1",
            "Job",
            suspended(),
            json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
            "Suspended",
            true,
        ),
        ("batch/v1", "CronJob", suspended(), json!({}), "Healthy", false),
        (
            "argoproj.io/v1alpha1",
            "Rollout",
            json!({"spec": {"paused": true}}),
            json!({"observedGeneration": "1", "phase": "Paused"}),
            "Suspended",
            true,
        ),
        (
            "argoproj.io/v1alpha1",
            "Rollout",
            json!({"spec": {"replicas": 0}}),
            json!({"observedGeneration": "1", "phase": "Healthy"}),
            "Healthy",
            false,
        ),
        ("argoproj.io/v1alpha1", "Workflow", suspended(), json!({"phase": "Running"}), "Progressing", true),
        ("argoproj.io/v1alpha1", "CronWorkflow", suspended(), json!({}), "Healthy", false),
        (
            "serving.kserve.io/v1beta1",
            "InferenceService",
            json!({"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}, "spec": {}}),
            json!({"conditions": [{"type": "Stopped", "status": "True"}]}),
            "Suspended",
            true,
        ),
        (flux, "Kustomization", suspended(), json!({}), "Suspended", true),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", suspended(), json!({}), "Suspended", true),
        ("source.toolkit.fluxcd.io/v1", "GitRepository", suspended(), json!({}), "Suspended", true),
        ("source.toolkit.fluxcd.io/v1", "OCIRepository", suspended(), json!({}), "Suspended", true),
        ("source.toolkit.fluxcd.io/v1", "Bucket", suspended(), json!({}), "Suspended", true),
        ("source.toolkit.fluxcd.io/v1", "HelmChart", suspended(), json!({}), "Suspended", true),
        ("source.toolkit.fluxcd.io/v1", "HelmRepository", suspended(), json!({}), "Suspended", true),
        ("image.toolkit.fluxcd.io/v1", "ImageRepository", suspended(), json!({}), "Suspended", true),
        ("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", suspended(), json!({}), "Suspended", true),
        ("notification.toolkit.fluxcd.io/v1", "Receiver", suspended(), json!({}), "Suspended", true),
        ("keda.sh/v1alpha1", "ScaledObject", keda("autoscaling.keda.sh/paused"), ready(paused()), "Suspended", true),
        (
            "keda.sh/v1alpha1",
            "ScaledObject",
            keda("autoscaling.keda.sh/paused-replicas"),
            ready(paused()),
            "Suspended",
            true,
        ),
        ("keda.sh/v1alpha1", "ScaledJob", keda("autoscaling.keda.sh/paused"), ready(paused()), "Suspended", true),
        (
            "apps.kruise.io/v1alpha1",
            "CloneSet",
            json!({"spec": {"updateStrategy": {"paused": true}}}),
            observed(),
            "Suspended",
            true,
        ),
        ("apps.kruise.io/v1alpha1", "AdvancedCronJob", json!({"spec": {"paused": true}}), json!({}), "Suspended", true),
        (
            "cluster.x-k8s.io/v1beta1",
            "Cluster",
            json!({"spec": {"paused": true}}),
            json!({"conditions": []}),
            "Suspended",
            true,
        ),
        (
            "kubevirt.io/v1",
            "VirtualMachine",
            json!({"spec": {"runStrategy": "Halted"}}),
            json!({"printableStatus": "Stopped", "conditions": []}),
            "Healthy",
            false,
        ),
        // What needs something that is not there. Reasons and conditions as the controllers write them.
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}]}),
            "Degraded",
            false,
        ),
        (
            "keda.sh/v1alpha1",
            "ScaledObject",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "Ready", "status": "False", "message": ""}]}),
            "Degraded",
            false,
        ),
        (
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}]}),
            "Healthy",
            false,
        ),
        ("v1", "PersistentVolumeClaim", json!({"spec": {}}), json!({"phase": "Pending"}), "Progressing", false),
        (
            "serving.kserve.io/v1beta1",
            "InferenceService",
            json!({"spec": {}}),
            json!({"modelStatus": {"transitionStatus": "InvalidSpec"}, "conditions": [{"type": "Ready", "status": "False"}]}),
            "Degraded",
            false,
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "SecretSyncedError"}]}),
            "Degraded",
            false,
        ),
        (
            "cert-manager.io/v1",
            "Certificate",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "Ready", "status": "False"}, {"type": "Issuing", "status": "True"}]}),
            "Progressing",
            false,
        ),
        ("batch/v1", "Job", json!({"spec": {}}), json!({}), "Progressing", false),
        (
            "argoproj.io/v1alpha1",
            "Workflow",
            json!({"spec": {}}),
            json!({"phase": "Error", "message": ""}),
            "Degraded",
            false,
        ),
        (
            "apiregistration.k8s.io/v1",
            "APIService",
            json!({"spec": {}}),
            json!({"conditions": [{"type": "Available", "status": "False"}]}),
            "Progressing",
            false,
        ),
    ]
}

/// The object as it stands in Git.
fn written(api: &str, kind: &str, text: &Value) -> Value {
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "it", "namespace": "ml"}});
    object["spec"] = text["spec"].clone();
    if let Some(annotations) = text.pointer("/metadata/annotations") {
        object["metadata"]["annotations"] = annotations.clone();
    }
    object
}

/// Whether lint says TG606 of it in a wave before another.
fn speaks(object: &Value) -> bool {
    let later = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": "ml", "annotations": {"argocd.argoproj.io/sync-wave": "1"}}});
    let compiled = load([], &Options::default());
    let (rulebook, mut sources) = (compiled.rulebook.unwrap(), Sources::default());
    let file = sources.add("m.yaml", format!("{object}\n{later}\n"));
    let mut read = Manifests::default();
    read_text(&sources, file, &mut read);
    let platform = Platform::new(read, &Defaults::default(), &sources);
    assert_eq!(platform.objects.len(), 2, "{object}");
    let graph = tidegate::graph::build(&rulebook, Some(&platform));
    let subject = Subject { platform: &platform, rulebook: &rulebook, graph: &graph, sources: &sources };
    manifests(&subject).iter().any(|found| found.code == Code::NEVER_HEALTHY)
}

fn ask(argocd: &Path, object: &Path, map: &Path) -> String {
    let mut command = Command::new(argocd);
    command.args(["admin", "settings", "resource-overrides", "health"]).arg(object).arg("--argocd-cm-path").arg(map);
    // The one binary takes its role from this variable.
    let output = command.env_remove("ARGOCD_BINARY_NAME").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.strip_prefix("STATUS: ").and_then(|rest| rest.lines().next());
    status.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

#[test]
fn lint_speaks_of_what_argocd_never_calls_healthy() {
    for (api, kind, text, _, status, wanted) in cases() {
        let object = written(api, kind, &text);
        assert!(!wanted || status != "Healthy", "{object}");
        assert_eq!(speaks(&object), wanted, "{object}");
    }
}

#[test]
fn the_real_argocd_says_the_same() {
    let tools = match tools::Tools::find(&["argocd"]) {
        Ok(tools) => tools,
        Err(need) => return skip::skipped("the_real_argocd_says_the_same", &need),
    };
    let argocd = tools.program("argocd");
    let scratch = tempfile::tempdir().unwrap();
    let map = scratch.path().join("cm.yaml");
    std::fs::write(&map, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {}\n").unwrap();
    let cases = cases();
    for (start, some) in cases.chunks(6).enumerate() {
        std::thread::scope(|scope| {
            for (at, (api, kind, text, added, status, _)) in some.iter().enumerate() {
                let path = scratch.path().join(format!("{start}-{at}.json"));
                let (argocd, map) = (&argocd, &map);
                scope.spawn(move || {
                    let mut object = written(api, kind, text);
                    object["metadata"]["generation"] = json!(1);
                    object["status"] = added.clone();
                    std::fs::write(&path, object.to_string()).unwrap();
                    assert_eq!(ask(argocd, &path, map), *status, "{object}");
                });
            }
        });
    }
}
