//! Against a real Argo CD, with the rights that are shipped: a sync that failed at a hook is done again, once, when the wave opens.
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

use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::argocd::{ArgoCd, NAMESPACE};
use support::{Deployed, Install, Parts, Shared, objects};

static CLUSTER: Shared = Shared::new(Parts { crds: &["notebookvalidationjobs"], argocd: true, ..Parts::NONE });

/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(90);

const RULES: &str = r#"
application argocd/reopened
rule good {
  when notebook train succeeds
   and notebook.status.results.all(r, r.status == "Success")
  then notify model-good "{notebook.metadata.name} is good"
  block wave 2
}
"#;

const NOTEBOOK: &str = r#"
apiVersion: mlops.mlops.dev/v1alpha1
kind: NotebookValidationJob
metadata: {name: train, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  notebook: {git: {url: https://example.org/notebooks.git, ref: main}, path: train.ipynb}
  podConfig: {containerImage: example.org/notebook:1}
"#;

const HOOK: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: wait-for-good
  annotations: {argocd.argoproj.io/hook: Sync, argocd.argoproj.io/sync-wave: "1"}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: wait, image: "example.org/tidegate:1", args: [wait]}]}
"#;

const SERVED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: served, annotations: {argocd.argoproj.io/sync-wave: "2"}}
data: {model: fraud}
"#;

struct Stage<'a> {
    client: &'a Client,
    namespace: &'a str,
}

impl Stage<'_> {
    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < deadline, "not so: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The hook's Job, another one than that with this uid, ends so.
    async fn end_hook(&self, good: bool, after: Option<&str>) -> String {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), self.namespace);
        let other = async || {
            let Some(job) = jobs.get_opt("wait-for-good").await.unwrap() else { return false };
            if job.metadata.deletion_timestamp.is_some() {
                // Argo CD deletes hooks in the foreground; here no collector of garbage ends that.
                let kept: Vec<&String> = job.finalizers().iter().filter(|name| *name != "foregroundDeletion").collect();
                let patch = Patch::Merge(json!({"metadata": {"finalizers": kept}}));
                let _ = jobs.patch("wait-for-good", &PatchParams::default(), &patch).await;
                return false;
            }
            job.uid().as_deref() != after
        };
        self.until("the hook runs", other).await;
        let (first, last) = if good { ("SuccessCriteriaMet", "Complete") } else { ("FailureTarget", "Failed") };
        let condition =
            |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now(), "lastProbeTime": now()});
        let mut status = json!({"startTime": now(), "active": 0, "conditions": [condition(first), condition(last)]});
        if good {
            status["completionTime"] = json!(now());
            status["succeeded"] = json!(1);
        } else {
            status["failed"] = json!(1);
        }
        let patch = Patch::Merge(json!({ "status": status }));
        jobs.patch_status("wait-for-good", &PatchParams::default(), &patch).await.unwrap().uid().unwrap()
    }

    async fn trained(&self, result: &str) {
        let status =
            json!({"phase": "Succeeded", "completionTime": now(), "results": [{"cellIndex": 0, "status": result}]});
        objects::set_status(&objects::notebooks(self.client, self.namespace), "train", status).await;
    }

    /// The notebook is made again by hand, still the Application's.
    async fn make_again(&self) {
        let notebooks = objects::notebooks(self.client, self.namespace);
        let old = notebooks.get("train").await.unwrap();
        notebooks.delete("train", &DeleteParams::default()).await.unwrap();
        self.until("the notebook is gone", async || notebooks.get_opt("train").await.unwrap().is_none()).await;
        let mut value = serde_json::to_value(&old).unwrap();
        value["metadata"] = json!({"name": "train", "annotations": old.annotations()});
        value.as_object_mut().unwrap().remove("status");
        objects::create(self.client, self.namespace, value).await;
    }

    async fn is_served(&self) -> bool {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), self.namespace);
        maps.get_opt("served").await.unwrap().is_some()
    }

    /// Events on the Application that a sync was done again.
    async fn told(&self) -> usize {
        let events: Api<Event> = Api::namespaced(self.client.clone(), NAMESPACE);
        let all = events.list(&ListParams::default()).await.unwrap();
        let done = |event: &&Event| {
            let text = event.message.as_deref().unwrap_or("");
            event.reason.as_deref() == Some("ActionDone") && text.contains("sync application argocd/reopened again")
        };
        all.items.iter().filter(done).count()
    }
}

fn now() -> String {
    let now = k8s_openapi::jiff::Timestamp::now();
    k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string()
}

#[tokio::test]
async fn a_sync_that_failed_at_its_hook_is_done_again_once_when_the_wave_opens() {
    let Some(cluster) = CLUSTER.get("a_sync_that_failed_at_its_hook_is_done_again_once_when_the_wave_opens") else {
        return;
    };
    let client = cluster.admin().await;
    let argocd = ArgoCd::of(cluster, &client);
    let namespace = cluster.namespace(&client, "reopened").await;
    let stage = Stage { client: &client, namespace: &namespace };
    let install =
        Install { watched: &namespace, rules: RULES, emit: &["--watch-namespace", NAMESPACE], ..Install::default() };
    let deployed = Deployed::install(cluster, &client, &install).await;
    let both = [format!("--watch-namespace={namespace}"), format!("--watch-namespace={NAMESPACE}")];
    let more = [both[0].as_str(), both[1].as_str(), "--lease-seconds=3"];
    let _controller = cluster.start_controller(&deployed, &deployed.kubeconfig, "a", &more).await;

    let files = [("notebook.yaml", NOTEBOOK), ("hook.yaml", HOOK), ("served.yaml", SERVED)];
    let repository = argocd.commit("reopened", &files);
    argocd.create("reopened", &repository, &namespace).await;
    argocd.sync("reopened", "1").await;
    let notebooks = objects::notebooks(&client, &namespace);
    stage.until("the notebook is applied", async || notebooks.get_opt("train").await.unwrap().is_some()).await;
    stage.trained("Failure").await;
    let hook = stage.end_hook(false, None).await;
    assert_eq!(argocd.wait_ended("reopened", "1").await, "Failed");
    let failed = argocd.wait("reopened", "it has failed", |status| status["operationState"]["phase"] == "Failed").await;
    let revision = failed["operationState"]["syncResult"]["revision"].clone();
    assert!(revision.is_string() && !stage.is_served().await, "{failed:#}");

    stage.make_again().await;
    stage.trained("Success").await;
    let opened = now();
    let ours = |status: &Value| status["operationState"]["operation"]["initiatedBy"]["username"] == "tidegate";
    let begun = argocd.wait("reopened", "tidegate syncs it again", ours).await;
    assert_eq!(begun["operationState"]["operation"]["sync"]["revision"], revision);
    let hook = stage.end_hook(true, Some(&hook)).await;
    let done = |status: &Value| ours(status) && status["operationState"]["phase"] == "Succeeded";
    argocd.wait("reopened", "that sync succeeds", done).await;
    assert!(stage.is_served().await, "wave 2 was applied");
    stage.until("it is told", async || stage.told().await > 0).await;

    // Another failure while the wave is open has another cause, and is left alone; what comes after it still works. Times are whole
    // seconds, and what comes about in the second in which a sync begins counts as after it, so this one begins in another.
    stage.until("another second has begun", async || now() > opened).await;
    argocd.sync("reopened", "2").await;
    let hook = stage.end_hook(false, Some(&hook)).await;
    assert_eq!(argocd.wait_ended("reopened", "2").await, "Failed");
    argocd.commit("reopened", &[("served.yaml", &SERVED.replace("fraud", "fraud-2"))]);
    argocd.sync("reopened", "3").await;
    stage.end_hook(true, Some(&hook)).await;
    assert_eq!(argocd.wait_ended("reopened", "3").await, "Succeeded");
    assert_eq!(stage.told().await, 1, "once");
}
