//! What the tests stand on: Applications with a repository each, the controller as it is shipped, and what they are about.

use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::CLUSTER;
use crate::support::argocd::{ArgoCd, NAMESPACE};
use crate::support::scratch::Process;
use crate::support::{Cluster, Deployed, Install, objects};

/// How long a step may take that takes seconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub const NOTEBOOK: &str = r#"
apiVersion: mlops.mlops.dev/v1alpha1
kind: NotebookValidationJob
metadata: {name: train, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  notebook: {git: {url: https://example.org/notebooks.git, ref: main}, path: train.ipynb}
  podConfig: {containerImage: example.org/notebook:1}
"#;

pub const SERVICE: &str = r#"
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: fraud, annotations: {argocd.argoproj.io/sync-wave: "2"}}
spec: {predictor: {model: {modelFormat: {name: sklearn}, storageUri: "pvc://models/fraud"}}}
"#;

/// A Job whose pod runs until [`Stage::let_end`] says how it ends.
pub const JOB: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {tidegate.test/outcome: holds, tidegate.test/job: train}}
    spec: {restartPolicy: Never, containers: [{name: train, image: "example.org/train:1"}]}
"#;

/// A ConfigMap of that name in this wave.
pub fn config_map(name: &str, wave: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}}}\n\
         data: {{model: fraud}}\n"
    )
}

/// A test's part of the cluster.
pub struct Stage {
    pub cluster: &'static Cluster,
    pub client: Client,
    pub argocd: ArgoCd<'static>,
    /// A namespace of its own, into which its Applications deploy.
    pub namespace: String,
}

impl Stage {
    /// None when the machine lacks something.
    pub async fn new(test: &str, namespace: &str) -> Option<Stage> {
        let cluster = CLUSTER.get(test)?;
        let client = cluster.admin().await;
        let namespace = cluster.namespace(&client, namespace).await;
        let argocd = ArgoCd::of(cluster, &client);
        Some(Stage { cluster, client, argocd, namespace })
    }

    /// An Application with these files in its repository. Nothing syncs it yet unless `spec` says so.
    pub async fn application(&self, name: &str, files: &[(&str, &str)], spec: Value) {
        let repository = self.argocd.commit(name, files);
        self.argocd.create_with(name, &repository, &self.namespace, spec).await;
    }

    /// The controller as `deploy/base` ships it, with these rules. It watches the test's namespace and Argo CD's.
    pub async fn controller(&self, rules: &str, flags: &[&str]) -> (Process, Deployed) {
        let mut emit = vec!["--watch-namespace", NAMESPACE];
        emit.extend(flags.iter().filter(|flag| **flag == "--admission"));
        let install = Install { watched: &self.namespace, rules, emit: &emit, ..Install::default() };
        let deployed = Deployed::install(self.cluster, &self.client, &install).await;
        let both = [format!("--watch-namespace={}", self.namespace), format!("--watch-namespace={NAMESPACE}")];
        let mut more = vec![both[0].as_str(), both[1].as_str(), "--lease-seconds=3"];
        more.extend(flags);
        let (process, _) = self.cluster.start_controller(&deployed, &deployed.kubeconfig, "a", &more).await;
        let state: Api<ConfigMap> = Api::namespaced(self.client.clone(), &deployed.namespace);
        let leads = async || state.get_opt("tidegate-state-default").await.unwrap().is_some();
        self.until("the controller leads", leads).await;
        (process, deployed)
    }

    pub async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < deadline, "not so: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn is_there(&self, map: &str) -> bool {
        self.maps().get_opt(map).await.unwrap().is_some()
    }

    pub fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn make(&self, yaml: &str) {
        objects::create_all(&self.client, &self.namespace, yaml).await;
    }

    /// The pod of JOB ends, and the Job with it.
    pub async fn let_end(&self, job: &str, good: bool) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_job = ListParams::default().labels(&format!("tidegate.test/job={job}"));
        let runs = async || !pods.list(&of_job).await.unwrap().items.is_empty();
        self.until("the Job has a pod", runs).await;
        let outcome = if good { Value::Null } else { json!("fails") };
        for pod in pods.list(&of_job).await.unwrap() {
            let patch = Patch::Merge(json!({"metadata": {"labels": {"tidegate.test/outcome": outcome}}}));
            pods.patch(&pod.name_any(), &PatchParams::default(), &patch).await.unwrap();
        }
        let verdict = if good { "Complete" } else { "Failed" };
        let ended = async || {
            let status = self.jobs().get(job).await.unwrap().status.unwrap_or_default();
            status.conditions.unwrap_or_default().iter().any(|one| one.type_ == verdict && one.status == "True")
        };
        self.until("the Job has ended", ended).await;
    }

    pub async fn set_notebook(&self, status: Value) {
        objects::set_status(&objects::notebooks(&self.client, &self.namespace), "train", status).await;
    }

    /// The notebook succeeds, with this result of its only cell.
    pub async fn trained(&self, result: &str) {
        let results = json!([{"cellIndex": 0, "status": result}]);
        self.set_notebook(json!({"phase": "Succeeded", "completionTime": now(), "results": results})).await;
    }

    /// The notebook is made again by hand, still the Application's.
    pub async fn make_notebook_again(&self) {
        let notebooks = objects::notebooks(&self.client, &self.namespace);
        let old = notebooks.get("train").await.unwrap();
        notebooks.delete("train", &DeleteParams::default()).await.unwrap();
        self.until("the notebook is gone", async || notebooks.get_opt("train").await.unwrap().is_none()).await;
        let mut value = serde_json::to_value(&old).unwrap();
        value["metadata"] = json!({"name": "train", "annotations": old.annotations()});
        value.as_object_mut().unwrap().remove("status");
        objects::create(&self.client, &self.namespace, value).await;
    }

    /// Messages of the Events `ActionDone` on an Application that hold these words.
    pub async fn told(&self, application: &str, words: &str) -> usize {
        let events: Api<Event> = Api::namespaced(self.client.clone(), NAMESPACE);
        let all = events.list(&ListParams::default()).await.unwrap();
        let done = |event: &&Event| {
            event.reason.as_deref() == Some("ActionDone")
                && event.involved_object.name.as_deref() == Some(application)
                && event.message.as_deref().is_some_and(|text| text.contains(words))
        };
        all.items.iter().filter(done).count()
    }
}

/// What `tidegate` prints; it must succeed.
pub fn tidegate(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Now, in whole seconds, as Kubernetes writes it.
pub fn now() -> String {
    let now = k8s_openapi::jiff::Timestamp::now();
    k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string()
}

/// One etcd counts the versions of all objects, so this is the order of the writes, whatever was looked at in between.
pub fn version(object: &impl ResourceExt) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}
