//! What the tests stand on: a namespace, the controller as it is shipped, and what runs there.

use std::io::{Read, Write};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::scratch::Process;
use crate::support::{Cluster, Deployed, Install, objects};

/// How long something may take that takes well below a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with what the rules are about, and the controller as it is shipped.
pub struct Stage<'a> {
    pub cluster: &'a Cluster,
    pub admin: Client,
    pub namespace: String,
    pub deployed: Deployed,
}

impl<'a> Stage<'a> {
    pub async fn new(cluster: &'a Cluster, name: &str, rules: &str) -> Stage<'a> {
        Stage::with(cluster, name, &Install { rules, ..Install::default() }).await
    }

    pub async fn with(cluster: &'a Cluster, name: &str, install: &Install<'_>) -> Stage<'a> {
        let admin = cluster.admin().await;
        let namespace = cluster.namespace(&admin, name).await;
        let install = Install { watched: &namespace, ..install.clone() };
        let deployed = Deployed::install(cluster, &admin, &install).await;
        Stage { cluster, admin, namespace, deployed }
    }

    pub fn rules(&self, text: &str) {
        self.deployed.mount(text);
    }

    pub async fn start(&self, replica: &str) -> Controller {
        self.start_with(replica, &[]).await
    }

    pub async fn start_with(&self, replica: &str, more: &[&str]) -> Controller {
        let more: Vec<&str> = ["--lease-seconds=3"].iter().chain(more).copied().collect();
        let kubeconfig = &self.deployed.kubeconfig;
        let (process, port) = self.cluster.start_controller(&self.deployed, kubeconfig, replica, &more).await;
        Controller { process, port }
    }

    pub fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    pub async fn job(&self, name: &str) {
        self.job_with(name, json!({})).await;
    }

    pub async fn job_with(&self, name: &str, annotations: Value) {
        let container = json!({"name": "train", "image": "example.org/train:1"});
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
        let job = json!({"metadata": {"name": name, "annotations": annotations}, "spec": {"template": template}});
        self.jobs().create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
    }

    pub async fn notebook(&self, name: &str) {
        let spec = json!({"notebook": {"git": {"url": "https://example.org/n.git", "ref": "main"}, "path": "n.ipynb"},
            "podConfig": {"containerImage": "example.org/notebook:1"}});
        let notebook = json!({"apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob",
            "metadata": {"name": name}, "spec": spec});
        objects::create(&self.admin, &self.namespace, notebook).await;
    }

    /// What the job controller writes when the last pod has ended.
    pub async fn succeed(&self, name: &str) {
        let now = now();
        let condition =
            |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
        let status = json!({"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "active": 0,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
        let patch = Patch::Merge(json!({"status": status}));
        self.jobs().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn service(&self, name: &str) {
        let predictor = json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "pvc://models/fraud"}});
        let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {"name": name}, "spec": {"predictor": predictor}});
        objects::create(&self.admin, &self.namespace, isvc).await;
    }

    pub fn services(&self) -> Api<DynamicObject> {
        objects::inference_services(&self.admin, &self.namespace)
    }

    /// generation and the annotations of the predictor.
    pub async fn restarts(&self, name: &str) -> (i64, Value) {
        let isvc = self.services().get(name).await.unwrap();
        (isvc.metadata.generation.unwrap_or(0), isvc.data["spec"]["predictor"]["annotations"].clone())
    }

    /// Kind, name and reason of each Event, in order.
    pub async fn events(&self) -> Vec<String> {
        self.told().await.into_iter().map(|(what, _)| what).collect()
    }

    /// Kind, name and reason of each Event, and its message; in order.
    pub async fn told(&self) -> Vec<(String, String)> {
        let of = async |namespace: &str| {
            Api::<Event>::namespaced(self.admin.clone(), namespace).list(&ListParams::default()).await.unwrap().items
        };
        let mut events = of(&self.namespace).await;
        events.extend(of(&self.deployed.namespace).await);
        let line = |event: Event| {
            let on = event.involved_object;
            let what = format!("{} {} {}", on.kind.unwrap(), on.name.unwrap(), event.reason.unwrap());
            (what, event.message.unwrap())
        };
        let mut lines: Vec<(String, String)> = events.into_iter().map(line).collect();
        lines.sort();
        lines
    }

    pub async fn state(&self) -> Option<Value> {
        let maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), &self.deployed.namespace);
        let map = maps.get_opt("tidegate-state-default").await.unwrap()?;
        Some(serde_json::from_str(&map.data.unwrap()["state.json"]).unwrap())
    }
}

/// A running program.
pub struct Controller {
    pub process: Process,
    pub port: u16,
}

impl Controller {
    /// A GET without a client library: status code and body.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    pub fn status(&self) -> Value {
        let body = self.get("/status").map(|(_, body)| body).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    pub fn leads(&self) -> bool {
        self.status()["phase"] == "leading" && self.get("/readyz").is_some_and(|(code, _)| code == 200)
    }

    /// Waits until it is so; fails with the program's last words when it is not in time.
    pub async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < deadline, "not so: {what}\n{}\n{:#}", self.process.last_words(), self.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of the metric's line that begins so.
    pub fn metric(&self, start: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
    }

    pub fn kind(&self, short: &str) -> Value {
        let status = self.status();
        status["kinds"]
            .as_array()
            .and_then(|all| all.iter().find(|kind| kind["kind"] == short).cloned())
            .unwrap_or_default()
    }

    pub async fn until_leads(&self) {
        self.until("it leads and is ready", async || self.leads()).await;
    }
}

/// Now, in whole seconds, as Kubernetes writes it.
pub fn now() -> String {
    let now = k8s_openapi::jiff::Timestamp::now();
    k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string()
}

/// Kubernetes counts in whole seconds: what is to be older than a success must be so by one.
pub async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

/// A definition of the kind Thing, in a group that is its own in each test.
pub fn thing_definition(group: &str) -> Value {
    let names = json!({"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"});
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}})
}
