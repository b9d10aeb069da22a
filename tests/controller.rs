//! The controller's own program against a real kube-apiserver, under an account with a role of its own.
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

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::scratch::Process;
use support::{Cluster, Parts, Shared, objects};
use tokio::time::Instant;

static CLUSTER: Shared =
    Shared::new(Parts { crds: &["notebookvalidationjobs", "inferenceservices", "applications"], ..Parts::NONE });

/// How long something may take that takes well below a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with an account, a rule folder, and what is in it.
struct Stage<'a> {
    cluster: &'a Cluster,
    admin: Client,
    namespace: String,
    rules: PathBuf,
    kubeconfig: PathBuf,
}

impl<'a> Stage<'a> {
    async fn new(cluster: &'a Cluster, name: &str, rules: &str) -> Stage<'a> {
        let admin = cluster.admin().await;
        let namespace = cluster.namespace(&admin, name).await;
        objects::create_all(&admin, &namespace, &ACCOUNT.replace("NAMESPACE", &namespace)).await;
        let kubeconfig = cluster.account_kubeconfig(&admin, &namespace, "tidegate").await;
        let folder = cluster.scratch().path().join(format!("{namespace}-rules"));
        std::fs::create_dir(&folder).unwrap();
        let stage = Stage { cluster, admin, namespace, rules: folder, kubeconfig };
        stage.rules(rules);
        stage
    }

    fn rules(&self, text: &str) {
        std::fs::write(self.rules.join("rules.tide"), format!("namespace {}\n{text}", self.namespace)).unwrap();
    }

    fn start(&self, replica: &str) -> Controller {
        self.start_with(replica, &[])
    }

    fn start_with(&self, replica: &str, more: &[&str]) -> Controller {
        let port = support::cluster::free_port().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("run").arg("--rules").arg(&self.rules).arg("--kubeconfig").arg(&self.kubeconfig);
        command.args(["--identity", replica, "--lease-seconds", "3", "--watch-namespace", &self.namespace]);
        command.arg(format!("--listen=127.0.0.1:{port}")).args(more);
        let name = format!("{}-{replica}", self.namespace);
        Controller { process: self.cluster.scratch().spawn(&name, &command).unwrap(), port }
    }

    fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    async fn job(&self, name: &str) {
        let container = json!({"name": "train", "image": "example.org/train:1"});
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
        let job = json!({"metadata": {"name": name}, "spec": {"template": template}});
        self.jobs().create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
    }

    /// What the job controller writes when the last pod has ended.
    async fn succeed(&self, name: &str) {
        let now = k8s_openapi::jiff::Timestamp::now();
        let now = k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string();
        let condition =
            |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
        let status = json!({"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "active": 0,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
        let patch = Patch::Merge(json!({"status": status}));
        self.jobs().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    async fn service(&self, name: &str) {
        let predictor = json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "pvc://models/fraud"}});
        let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {"name": name}, "spec": {"predictor": predictor}});
        objects::create(&self.admin, &self.namespace, isvc).await;
    }

    fn services(&self) -> Api<DynamicObject> {
        objects::inference_services(&self.admin, &self.namespace)
    }

    /// generation and the annotations of the predictor.
    async fn restarts(&self, name: &str) -> (i64, Value) {
        let isvc = self.services().get(name).await.unwrap();
        (isvc.metadata.generation.unwrap_or(0), isvc.data["spec"]["predictor"]["annotations"].clone())
    }

    async fn events(&self) -> Vec<String> {
        let events =
            Api::<Event>::namespaced(self.admin.clone(), &self.namespace).list(&ListParams::default()).await.unwrap();
        let line = |event: &Event| {
            let on = &event.involved_object;
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{} {} {}", text(&on.kind), text(&on.name), text(&event.reason))
        };
        let mut lines: Vec<String> = events.iter().map(line).collect();
        lines.sort();
        lines
    }

    async fn state(&self) -> Option<Value> {
        let maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), &self.namespace);
        let map = maps.get_opt("tidegate-state-default").await.unwrap()?;
        Some(serde_json::from_str(&map.data.unwrap()["state.json"]).unwrap())
    }
}

/// A running program.
struct Controller {
    process: Process,
    port: u16,
}

impl Controller {
    /// A GET without a client library: status code and body.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn status(&self) -> Value {
        let body = self.get("/status").map(|(_, body)| body).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    fn leads(&self) -> bool {
        self.status()["phase"] == "leading" && self.get("/readyz").is_some_and(|(code, _)| code == 200)
    }

    /// Waits until it is so; fails with the program's last words when it is not in time.
    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < deadline, "not so: {what}\n{}\n{:#}", self.process.last_words(), self.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_leads(&self) {
        self.until("it leads and is ready", async || self.leads()).await;
    }
}

const SENTENCE: &str = "when job train-fraud succeeds then restart isvc fraud; block wave 4\n";

/// The sentence, end to end: one restart, recorded, told, settled; and never again, whatever happens to the controller.
#[tokio::test]
async fn a_job_that_succeeds_restarts_the_service_once() {
    let Some(cluster) = CLUSTER.get("a_job_that_succeeds_restarts_the_service_once") else { return };
    let stage = Stage::new(cluster, "once", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let mut controller = stage.start("a");
    controller.until_leads().await;
    assert_eq!(stage.restarts("fraud").await, (1, Value::Null));
    // The service must be older than the success by Kubernetes' clock of whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    stage.succeed("train-fraud").await;
    controller.until("it restarted", async || stage.restarts("fraud").await.0 == 2).await;
    let restarted = stage.restarts("fraud").await;
    assert_eq!(restarted.1.as_object().map(serde_json::Map::len), Some(1), "{restarted:?}");
    controller
        .until("it said so", async || stage.events().await.contains(&"InferenceService fraud ActionDone".to_owned()))
        .await;
    let settled =
        async || stage.state().await.is_some_and(|state| state["settled"].as_object().is_some_and(|s| !s.is_empty()));
    controller.until("it is settled", settled).await;

    controller.process.kill().unwrap();
    let mut again = stage.start("a");
    again.until_leads().await;
    assert!(again.process.terminate().unwrap().success(), "{}", again.process.last_words());
    let other = stage.start("b");
    other.until_leads().await;
    assert_eq!(stage.restarts("fraud").await, restarted);
    let done = stage.events().await.iter().filter(|line| line.ends_with("ActionDone")).count();
    assert_eq!(done, 1);
    let job = stage.jobs().get("train-fraud").await.unwrap();
    assert!(job.annotations().keys().all(|key| key.starts_with("mlops.dev/")), "{:?}", job.annotations());
}

/// What the controller may do, and nothing else.
const ACCOUNT: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: tidegate}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tidegate}
rules:
  - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
  - {apiGroups: [''], resources: [configmaps], verbs: [get, create, patch]}
  - {apiGroups: [''], resources: [events], verbs: [get, create]}
  - {apiGroups: [batch], resources: [jobs], verbs: [get, list, watch, patch]}
  - {apiGroups: [apps], resources: [deployments, statefulsets], verbs: [get, list, watch, patch]}
  - {apiGroups: [mlops.mlops.dev], resources: [notebookvalidationjobs], verbs: [get, list, watch, patch]}
  - {apiGroups: [serving.kserve.io], resources: [inferenceservices], verbs: [get, list, watch, patch]}
  - {apiGroups: [argoproj.io], resources: [applications], verbs: [get, list, watch, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tidegate}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tidegate}
subjects: [{kind: ServiceAccount, name: tidegate}]
";
