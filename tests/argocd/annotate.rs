//! Waves that `annotate --write` puts into files, and those that the plugin generates, are what Argo CD goes by.

use std::path::Path;

use serde_json::{Value, json};

use crate::health::emitted;
use crate::stage::{Stage, tidegate, version};
use crate::support::argocd::Plugin;
use crate::support::objects;

/// No waves: Argo CD applies all of it at once.
const MANIFESTS: &str = r#"# The settings that the training reads.
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}   # kept
data: {epochs: "3"}
---
apiVersion: mlops.mlops.dev/v1alpha1
kind: NotebookValidationJob
metadata:
  name: train
spec:
  notebook: {git: {url: https://example.org/notebooks.git, ref: main}, path: train.ipynb}
  podConfig: {containerImage: example.org/notebook:1}
---
apiVersion: v1
kind: ConfigMap
metadata:
    name: served   # four spaces
data: {model: fraud}
"#;

/// Rules from which the waves 0, 1 and 2 follow.
fn rules(stage: &Stage, application: &str) -> String {
    format!(
        "namespace {}\napplication argocd/{application}\n\
         notebook train after configmap settings\nconfigmap served after notebook train\n",
        stage.namespace
    )
}

/// The sync waits in wave 1 for the notebook, and goes on to wave 2 when it has succeeded.
async fn check_waves_are_honoured(stage: &Stage, application: &str) {
    let held = |status: &Value| {
        let state = &status["operationState"];
        let message = state["message"].as_str().unwrap_or_default();
        state["phase"] == "Running" && message.contains("NotebookValidationJob/train")
    };
    let status = stage.argocd.wait(application, "the sync waits for the notebook", held).await;
    assert!(stage.is_there("settings").await && !stage.is_there("served").await, "{status:#}");
    stage.trained("Success").await;
    let done = |status: &Value| status["operationState"]["phase"] == "Succeeded";
    let status = stage.argocd.wait(application, "the sync has ended", done).await;
    let trained = objects::notebooks(&stage.client, &stage.namespace).get("train").await.unwrap();
    let (settings, served) = (stage.maps().get("settings").await.unwrap(), stage.maps().get("served").await.unwrap());
    assert!(version(&settings) < version(&trained) && version(&trained) < version(&served), "in this order");
    let wave = |name: &str| {
        let listed = status["syncResult"]["resources"].as_array().or(status["resources"].as_array()).unwrap();
        listed.iter().find(|one| one["name"] == name).map(|one| one["syncWave"].clone()).unwrap_or_default()
    };
    assert_eq!((wave("train"), wave("served")), (json!(1), json!(2)), "{status:#}");
}

#[tokio::test]
async fn annotated_waves_are_honoured_by_a_sync_on_a_real_argocd() {
    let test = "annotated_waves_are_honoured_by_a_sync_on_a_real_argocd";
    if !emitted(test).await {
        return;
    }
    let Some(before) = Stage::new(test, "unannotated").await else { return };
    // Without waves nothing waits: so the check can fail.
    before.application("unannotated", &[("all.yaml", MANIFESTS)], json!({})).await;
    before.argocd.sync("unannotated", "1").await;
    assert_eq!(before.argocd.wait_ended("unannotated", "1").await, "Succeeded");
    assert!(before.is_there("served").await, "while the notebook has not begun");

    let Some(stage) = Stage::new(test, "annotated").await else { return };
    let rules = stage.cluster.scratch().write("annotated.tide", &rules(&stage, "annotated")).unwrap();
    let folder = stage.cluster.scratch().path().join("annotated-manifests");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("all.yaml"), MANIFESTS).unwrap();
    tidegate(&["annotate", rules.to_str().unwrap(), "--manifests", folder.to_str().unwrap(), "--write"]);
    let written = std::fs::read_to_string(folder.join("all.yaml")).unwrap();
    let kept = |line: &&str| !line.contains("sync-wave") && line.trim() != "annotations:";
    assert_eq!(written.lines().filter(kept).collect::<Vec<_>>(), MANIFESTS.lines().collect::<Vec<_>>());
    stage.application("annotated", &[("all.yaml", &written)], json!({})).await;
    stage.argocd.sync("annotated", "1").await;
    check_waves_are_honoured(&stage, "annotated").await;
}

/// The same from manifests without waves and a rule file beside them: Argo CD finds the plugin by that file.
#[tokio::test]
async fn the_plugin_generates_waves_on_a_real_argocd() {
    let test = "the_plugin_generates_waves_on_a_real_argocd";
    if !emitted(test).await {
        return;
    }
    let Some(stage) = Stage::new(test, "plugged").await else { return };
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd-plugin");
    let _plugin = Plugin::start(stage.cluster, &shipped).await;
    let rules = rules(&stage, "plugged");
    let files = [("all.yaml", MANIFESTS), ("rules.tide", rules.as_str())];
    stage.application("plugged", &files, json!({})).await;
    let compared = |status: &Value| status["sourceType"] == "Plugin" && status["sync"]["status"] == "OutOfSync";
    stage.argocd.wait("plugged", "the plugin is found", compared).await;
    stage.argocd.sync("plugged", "1").await;
    check_waves_are_honoured(&stage, "plugged").await;

    // Rules that do not compile: the Application says what tidegate said, and what is there stays.
    let broken = rules.replace("notebook train", "notebok train");
    stage.argocd.commit("plugged", &[("rules.tide", &broken)]);
    stage.argocd.refresh("plugged").await;
    let said = |status: &Value| status["conditions"].to_string().contains("ComparisonError");
    let status = stage.argocd.wait("plugged", "generation fails", said).await;
    assert!(status["conditions"].to_string().contains("notebok"), "{:#}", status["conditions"]);
    assert!(stage.is_there("served").await);
}
