//! Against a real Argo CD: what tidegate emits for it does what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod support;

use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::argocd::ArgoCd;
use support::{Cluster, Parts, Shared, objects};

static CLUSTER: Shared = Shared::new(Parts { crds: &["notebookvalidationjobs"], argocd: true, ..Parts::NONE });

const RULES: &str = "
namespace models
application argocd/fraud
when notebook train-fraud succeeds then restart isvc fraud; block wave 4
";

const NOTEBOOK: &str = r#"
apiVersion: mlops.mlops.dev/v1alpha1
kind: NotebookValidationJob
metadata: {name: train-fraud, annotations: {argocd.argoproj.io/sync-wave: "3"}}
spec:
  notebook: {git: {url: https://example.org/notebooks.git, ref: main}, path: train.ipynb}
  podConfig: {containerImage: example.org/notebook:1}
"#;

const SERVED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: served, annotations: {argocd.argoproj.io/sync-wave: "4"}}
data: {model: fraud}
"#;

/// The same two resources three times: without a health check for notebooks wave 4 passes at once; with the emitted one it waits until
/// the notebook has succeeded, and is never reached when the notebook fails.
#[tokio::test]
async fn emitted_health_holds_wave_4_on_a_real_argocd() {
    let Some(cluster) = CLUSTER.get("emitted_health_holds_wave_4_on_a_real_argocd") else { return };
    let client = cluster.admin().await;
    let argocd = ArgoCd::of(cluster, &client);

    let ignored = App::synced("ignored", cluster, &client, &argocd).await;
    assert_eq!(argocd.wait_ended("ignored", "1").await, "Succeeded");
    assert!(ignored.wave_4().await.is_some(), "without a health check nothing holds wave 4");
    assert_eq!(ignored.notebook_status().await, Value::Null, "and the notebook had not even begun");

    argocd.set(emitted_settings(cluster)).await;
    wait_until_settings_count(&argocd, "ignored").await;

    let held = App::synced("held", cluster, &client, &argocd).await;
    held.wait_until_held(&argocd).await;
    assert!(held.wave_4().await.is_none(), "the notebook has not begun");
    held.set_notebook_status(json!({"phase": "ValidationRunning"})).await;
    argocd.refresh("held").await;
    held.wait_until_held(&argocd).await;
    assert!(held.wave_4().await.is_none(), "the notebook is running");
    let success = json!({"phase": "Succeeded", "completionTime": "2026-03-01T08:20:00Z"});
    let succeeded = held.set_notebook_status(success).await;
    assert_eq!(argocd.wait_ended("held", "1").await, "Succeeded");
    let applied = held.wave_4().await.expect("the notebook has succeeded");
    // One etcd counts the versions of all objects, so this is the order of the writes, whatever was looked at in between.
    assert!(version(&applied) > version(&succeeded), "wave 4 came after the success");

    let failed = App::synced("failed", cluster, &client, &argocd).await;
    failed.wait_until_held(&argocd).await;
    failed.set_notebook_status(json!({"phase": "Failed", "message": "cell 7 raised"})).await;
    assert_eq!(argocd.wait_ended("failed", "1").await, "Failed");
    assert!(failed.wave_4().await.is_none(), "the notebook has failed");
}

fn version(object: &impl ResourceExt) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}

/// The data of the ConfigMap that `tidegate emit argocd-cm` prints for RULES.
fn emitted_settings(cluster: &Cluster) -> Value {
    let rules = cluster.scratch().write("rules.tide", RULES).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(["emit", "argocd-cm"]).arg(rules).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut emitted: Value = serde_yaml::from_slice(&output.stdout).unwrap();
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

/// An Application with NOTEBOOK and SERVED, in a namespace of its own, with a sync under way.
struct App<'a> {
    name: &'a str,
    namespace: String,
    client: &'a Client,
}

impl<'a> App<'a> {
    async fn synced(name: &'a str, cluster: &Cluster, client: &'a Client, argocd: &ArgoCd<'_>) -> Self {
        let namespace = cluster.namespace(client, name).await;
        let repository = argocd.commit(name, &[("notebook.yaml", NOTEBOOK), ("served.yaml", SERVED)]);
        argocd.create(name, &repository, &namespace).await;
        argocd.sync(name, "1").await;
        Self { name, namespace, client }
    }

    /// Waits until the sync runs and names the notebook as what it waits for.
    async fn wait_until_held(&self, argocd: &ArgoCd<'_>) {
        let held = |state: &Value| {
            let message = state["message"].as_str().unwrap_or_default();
            state["phase"] == "Running" && message.contains("NotebookValidationJob/train-fraud")
        };
        argocd.wait_operation(self.name, "1", "the sync waits for the notebook", held).await;
    }

    /// What wave 4 applies, if it was.
    async fn wave_4(&self) -> Option<ConfigMap> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        api.get_opt("served").await.unwrap()
    }

    async fn notebook_status(&self) -> Value {
        let api = objects::notebooks(self.client, &self.namespace);
        api.get("train-fraud").await.unwrap().data.get("status").cloned().unwrap_or_default()
    }

    async fn set_notebook_status(&self, status: Value) -> DynamicObject {
        objects::set_status(&objects::notebooks(self.client, &self.namespace), "train-fraud", status).await
    }
}
