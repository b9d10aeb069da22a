//! What `lint` says of waves is what Argo CD then does with them: a claim that nobody binds and a paused Deployment hold the next wave, the last wave is not
//! awaited, a Namespace goes before what is in it whatever its wave.

use std::process::Command;

use k8s_openapi::api::core::v1::{ConfigMap, Event, ServiceAccount};
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::stage::{JOB, Stage, config_map};

/// The codes that lint has for these manifests, notes included.
fn lint(stage: &Stage, name: &str, files: &[(&str, &str)]) -> Vec<String> {
    let folder = stage.cluster.scratch().path().join(format!("{name}-lint"));
    std::fs::create_dir(&folder).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = command.args(["lint", "--format", "json", "--manifests"]).arg(&folder).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    found.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

/// The operation runs and says that it waits for this kind.
fn waits_for(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |status| {
        let state = &status["operationState"];
        state["phase"] == "Running" && state["message"].as_str().is_some_and(|text| text.contains(kind))
    }
}

#[tokio::test]
async fn what_lint_says_of_waves_holds_on_a_real_argocd() {
    let test = "what_lint_says_of_waves_holds_on_a_real_argocd";
    let Some(stage) = Stage::new(test, "waved").await else { return };
    early(&stage).await;
    unbound(&stage).await;
    paused(&stage).await;
    moved(&stage).await;
}

/// TG601: a Job whose service account comes in the next wave gets no pod, and the next wave waits for it.
async fn early(stage: &Stage) {
    let job = JOB.replace("restartPolicy: Never,", "restartPolicy: Never, serviceAccountName: trainer,");
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: trainer, annotations: {argocd.argoproj.io/sync-wave: \"1\"}}\n";
    let files = [("job.yaml", job.as_str()), ("account.yaml", account)];
    assert!(lint(stage, "waved-early", &files).contains(&"TG601".to_owned()));
    stage.application("waved-early", &files, json!({})).await;
    stage.argocd.sync("waved-early", "1").await;
    stage.argocd.wait("waved-early", "it waits for the Job", waits_for("Job")).await;
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let refused = async || {
        let all = events.list(&ListParams::default()).await.unwrap();
        all.iter()
            .any(|one| one.message.as_deref().is_some_and(|text| text.contains("serviceaccount \"trainer\" not found")))
    };
    stage.until("no pod can be made", refused).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(stage.client.clone(), &stage.namespace);
    assert!(accounts.get_opt("trainer").await.unwrap().is_none());
    // Made by hand, the way is free.
    stage.make("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: trainer}\n").await;
    stage.let_end("train", true).await;
    assert_eq!(stage.argocd.wait_ended("waved-early", "1").await, "Succeeded");
}

/// TG605, and the same claim in the last wave, of which it does not speak.
async fn unbound(stage: &Stage) {
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: waved-late}\nprovisioner: example.org/none\n\
        volumeBindingMode: WaitForFirstConsumer\n";
    let claim = |name: &str, wave: &str| {
        format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}}}\n\
             spec:\n  storageClassName: waved-late\n  accessModes: [ReadWriteOnce]\n  resources: {{requests: {{storage: 1Gi}}}}\n"
        )
    };
    let (early, late) = (claim("early", "0"), claim("late", "2"));
    let (after, before) = (config_map("after-claim", "1"), config_map("before-claim", "1"));
    let held = [("class.yaml", class), ("claim.yaml", early.as_str()), ("map.yaml", after.as_str())];
    assert_eq!(lint(stage, "waved-claim", &held), ["TG605"]);
    stage.application("waved-claim", &held, json!({})).await;
    stage.argocd.sync("waved-claim", "1").await;
    stage.argocd.wait("waved-claim", "it waits for the claim", waits_for("PersistentVolumeClaim")).await;

    let last = [("claim.yaml", late.as_str()), ("map.yaml", before.as_str())];
    assert!(lint(stage, "waved-free", &[("class.yaml", class), last[0], last[1]]).is_empty());
    stage.application("waved-free", &last, json!({})).await;
    stage.argocd.sync("waved-free", "1").await;
    assert_eq!(stage.argocd.wait_ended("waved-free", "1").await, "Succeeded");
    assert!(!stage.is_there("after-claim").await, "and the other one still waits");
}

/// TG606, and the last wave, of which it does not speak.
async fn paused(stage: &Stage) {
    let deployment = |wave: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api-{wave}, annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}}}\n\
             spec:\n  paused: true\n  selector: {{matchLabels: {{app: api}}}}\n  template:\n    metadata: {{labels: {{app: api}}}}\n    \
             spec: {{containers: [{{name: api, image: \"example.org/api:1\"}}]}}\n"
        )
    };
    let (first, last) = (deployment("0"), deployment("2"));
    let later = config_map("after-paused", "1");
    let held = [("deployment.yaml", first.as_str()), ("later.yaml", &later)];
    assert_eq!(lint(stage, "waved-paused", &held), ["TG606"]);
    stage.application("waved-paused", &held, json!({})).await;
    stage.argocd.sync("waved-paused", "1").await;
    stage.argocd.wait("waved-paused", "it waits for the Deployment", waits_for("Deployment")).await;
    assert!(!stage.is_there("after-paused").await);

    let before = config_map("before-paused", "1");
    let last = [("deployment.yaml", last.as_str()), ("before.yaml", &before)];
    assert!(lint(stage, "waved-last", &last).is_empty());
    stage.application("waved-last", &last, json!({})).await;
    stage.argocd.sync("waved-last", "1").await;
    assert_eq!(stage.argocd.wait_ended("waved-last", "1").await, "Succeeded");
}

/// TG610: that it is only a note, since nothing fails.
async fn moved(stage: &Stage) {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: waved-later, annotations: {argocd.argoproj.io/sync-wave: \"5\"}}\n";
    let inside = config_map("inside", "0").replace("{name: inside,", "{name: inside, namespace: waved-later,");
    let files = [("namespace.yaml", namespace), ("inside.yaml", inside.as_str())];
    assert_eq!(lint(stage, "waved-moved", &files), ["TG610"]);
    stage.application("waved-moved", &files, json!({})).await;
    stage.argocd.sync("waved-moved", "1").await;
    assert_eq!(stage.argocd.wait_ended("waved-moved", "1").await, "Succeeded");
    let maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), "waved-later");
    assert!(maps.get_opt("inside").await.unwrap().is_some());
}
