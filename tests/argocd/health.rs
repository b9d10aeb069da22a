//! A notebook gates wave 4 by emitted health.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::stage::{NOTEBOOK, Stage, config_map, tidegate, version};
use crate::support::argocd::ArgoCd;
use crate::support::objects;

const RULES: &str = "
namespace models
application argocd/fraud
when notebook train succeeds then restart isvc fraud; block wave 4
";

/// Argo CD has the emitted health since this is set. Until then a notebook holds nothing, which is looked at first: so the check can fail.
static EMITTED: OnceCell<()> = OnceCell::const_new();

/// Gives Argo CD what `tidegate emit argocd-cm` prints. Every test that needs it asks for it here. False when the machine lacks something.
pub async fn emitted(test: &str) -> bool {
    let Some(stage) = Stage::new(test, "ignored").await else { return false };
    EMITTED.get_or_init(|| emit(&stage)).await;
    true
}

async fn emit(stage: &Stage) {
    let ignored = App::synced("ignored", stage).await;
    assert_eq!(stage.argocd.wait_ended("ignored", "1").await, "Succeeded");
    assert!(ignored.stage.is_there("served").await, "without a health check nothing holds wave 4");
    assert_eq!(ignored.notebook_status().await, Value::Null, "and the notebook had not even begun");
    stage.argocd.set(settings(stage)).await;
    wait_until_settings_count(&stage.argocd, "ignored").await;
}

/// The same two resources three times: without a health check for notebooks wave 4 passes at once; with the emitted one it waits until
/// the notebook has succeeded, and is never reached when the notebook fails.
#[tokio::test]
async fn emitted_health_holds_wave_4_on_a_real_argocd() {
    let test = "emitted_health_holds_wave_4_on_a_real_argocd";
    if !emitted(test).await {
        return;
    }
    let Some(stage) = Stage::new(test, "health").await else { return };
    let held = App::synced("held", &stage).await;
    held.wait_until_held().await;
    assert!(!stage.is_there("served").await, "the notebook has not begun");
    held.set(json!({"phase": "ValidationRunning"})).await;
    stage.argocd.refresh("held").await;
    held.wait_until_held().await;
    assert!(!stage.is_there("served").await, "the notebook is running");
    let succeeded = held.set(json!({"phase": "Succeeded", "completionTime": "2026-03-01T08:20:00Z"})).await;
    assert_eq!(stage.argocd.wait_ended("held", "1").await, "Succeeded");
    let applied = stage.maps().get("served").await.expect("the notebook has succeeded");
    assert!(version(&applied) > version(&succeeded), "wave 4 came after the success");

    let Some(stage) = Stage::new(test, "health-failed").await else { return };
    let failed = App::synced("failed", &stage).await;
    failed.wait_until_held().await;
    failed.set(json!({"phase": "Failed", "message": "cell 7 raised"})).await;
    assert_eq!(stage.argocd.wait_ended("failed", "1").await, "Failed");
    assert!(!stage.is_there("served").await, "the notebook has failed");
}

/// The data of the ConfigMap that `tidegate emit argocd-cm` prints for RULES.
fn settings(stage: &Stage) -> Value {
    let rules = stage.cluster.scratch().write("health.tide", RULES).unwrap();
    let mut emitted: Value = serde_yaml::from_str(&tidegate(&["emit", "argocd-cm", rules.to_str().unwrap()])).unwrap();
    assert_eq!(emitted["kind"], "ConfigMap");
    assert_eq!(
        (&emitted["metadata"]["name"], &emitted["metadata"]["namespace"]),
        (&json!("argocd-cm"), &json!("argocd"))
    );
    emitted["data"].take()
}

/// Argo CD takes up new settings when it sees them. It has when an Application whose notebook has no status is not healthy any more.
async fn wait_until_settings_count(argocd: &ArgoCd<'_>, application: &str) {
    let progressing = async {
        loop {
            argocd.refresh(application).await;
            let status = argocd.wait(application, "it has a health", |status| status["health"].is_object()).await;
            if status["health"]["status"] == "Progressing" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), progressing).await.expect("Argo CD takes up argocd-cm");
}

/// An Application with a notebook and what it gates, and a sync under way.
struct App<'a> {
    name: &'a str,
    stage: &'a Stage,
}

impl<'a> App<'a> {
    async fn synced(name: &'a str, stage: &'a Stage) -> Self {
        let notebook = NOTEBOOK.replace("sync-wave: \"1\"", "sync-wave: \"3\"");
        stage
            .application(name, &[("notebook.yaml", &notebook), ("served.yaml", &config_map("served", "4"))], json!({}))
            .await;
        stage.argocd.sync(name, "1").await;
        Self { name, stage }
    }

    /// Waits until the sync runs and names the notebook as what it waits for.
    async fn wait_until_held(&self) {
        let held = |state: &Value| {
            let message = state["message"].as_str().unwrap_or_default();
            state["phase"] == "Running" && message.contains("NotebookValidationJob/train")
        };
        self.stage.argocd.wait_operation(self.name, "1", "the sync waits for the notebook", held).await;
    }

    async fn notebook_status(&self) -> Value {
        let api = objects::notebooks(&self.stage.client, &self.stage.namespace);
        api.get("train").await.unwrap().data.get("status").cloned().unwrap_or_default()
    }

    async fn set(&self, status: Value) -> DynamicObject {
        objects::set_status(&objects::notebooks(&self.stage.client, &self.stage.namespace), "train", status).await
    }
}
