//! A small platform on the API server in memory, and replicas of the controller on it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate::cluster::http::{Ask, Question, Reply};
use tidegate::cluster::{Clock, Compiled, Env, Options, Random, RuleTexts, Rules, Times};
use tidegate::rehearse::apiserver::{ApiServer, AuditRecord};
use tidegate::rulebook;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{server_at, start};

pub const SENTENCE: &str = "when job train-fraud succeeds then restart isvc fraud; block wave 4\n";

/// One replica of the controller.
pub struct Replica {
    pub rules: watch::Sender<RuleTexts>,
    asks: mpsc::Sender<Ask>,
    stop: watch::Sender<bool>,
    pub task: JoinHandle<()>,
}

impl Replica {
    pub async fn ask(&self, question: Question) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { question, reply }).await.map_err(|_| ()).unwrap();
        answer.await.unwrap()
    }

    pub async fn ready(&self) -> String {
        let Reply { good, text } = self.ask(Question::Ready).await;
        assert_eq!(good, text == "ready\n");
        text
    }

    pub async fn status(&self) -> Value {
        serde_json::from_str(&self.ask(Question::Status).await.text).unwrap()
    }

    /// The value of the only series that begins so.
    pub async fn metric(&self, start: &str) -> String {
        let text = self.ask(Question::Metrics).await.text;
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(start)).collect();
        assert!(lines.len() <= 1, "{lines:?}");
        lines.first().and_then(|line| line.rsplit(' ').next()).unwrap_or("").to_owned()
    }

    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    /// As SIGKILL does.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub fn rules(&self, text: &str) {
        self.rules.send(texts(text)).unwrap();
    }
}

pub fn texts(text: &str) -> RuleTexts {
    Ok(vec![("rules.tide".to_owned(), format!("namespace team\n{text}"))])
}

/// The cluster.
pub struct Stage {
    pub server: ApiServer,
    pub clock: Clock,
}

impl Stage {
    /// Definitions, an InferenceService `fraud` and a Job `train-fraud` that runs.
    pub fn new() -> Stage {
        let clock = Clock::from(start());
        let stage = Stage { server: server_at(&clock), clock };
        for namespace in ["team", "tidegate"] {
            stage.server.ensure_namespace(namespace).unwrap();
        }
        stage.server.put(isvc_crd()).unwrap();
        stage.server.put(notebook_crd()).unwrap();
        stage.server.put(crd("argoproj.io", "v1alpha1", "Application", "applications", false)).unwrap();
        stage.isvc("fraud");
        stage.job("train-fraud");
        stage
    }

    pub fn start(&self, identity: &str, rules: &str) -> Replica {
        self.start_with(identity, rules, |_| {})
    }

    pub fn start_with(&self, identity: &str, text: &str, change: impl FnOnce(&mut Options)) -> Replica {
        let (rules, texts) = watch::channel(texts(text));
        let env = Env {
            clock: self.clock.clone(),
            random: Random::seeded(identity.bytes().map(u64::from).sum()),
            client: self.server.client_as(identity),
            rules: Rules::Channel(texts),
            namespace: "tidegate".into(),
            identity: identity.into(),
        };
        let mut options = Options {
            rulebook: "default".into(),
            observe: false,
            admission: false,
            namespaces: Vec::new(),
            times: Times::default(),
            write_deadline: Duration::from_secs(5),
            compile: Arc::new(|texts| {
                let compiled = rulebook::load(texts.iter().cloned(), &rulebook::Options::default());
                let rulebook::Compiled { sources, diagnostics, rulebook, .. } = compiled;
                Compiled { rulebook: rulebook.map(Arc::new), sources, diagnostics }
            }),
        };
        change(&mut options);
        let (stop, stopped) = watch::channel(false);
        let (asks, questions) = mpsc::channel(4);
        let task = tokio::spawn(tidegate::cluster::run(env, options, questions, stopped));
        Replica { rules, asks, stop, task }
    }

    pub fn isvc(&self, name: &str) {
        let metadata = json!({"name": name, "namespace": "team"});
        let spec = json!({"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}});
        let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec});
        self.server.put(isvc).unwrap();
    }

    pub fn job(&self, name: &str) {
        self.job_with(name, &json!({}));
    }

    pub fn job_with(&self, name: &str, annotations: &Value) {
        let metadata = json!({"name": name, "namespace": "team", "annotations": annotations});
        self.server.put(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}})).unwrap();
    }

    pub fn now(&self) -> String {
        Timestamp::from_second(self.clock.now().as_second()).unwrap().to_string()
    }

    /// The Job has succeeded, now.
    pub fn succeed(&self, name: &str) {
        let now = self.now();
        let condition = json!({"type": "Complete", "status": "True", "lastTransitionTime": now});
        let status = json!({"succeeded": 1, "completionTime": now, "conditions": [condition]});
        self.server.patch_status("batch/v1", "Job", "team", name, status).unwrap();
    }

    /// The predictor's annotations.
    pub fn annotations(&self, name: &str) -> Value {
        let isvc = self.server.get("serving.kserve.io/v1beta1", "InferenceService", "team", name).unwrap();
        isvc["spec"]["predictor"]["annotations"].clone()
    }

    /// How many marks the record of a service holds.
    pub fn marks(&self, name: &str) -> usize {
        let annotations = self.annotations(name);
        let Some(map) = annotations.as_object() else { return 0 };
        assert_eq!(map.len(), 1, "{map:?}");
        map.values().filter_map(Value::as_str).flat_map(|value| value.split(',')).count()
    }

    /// Kind, name and reason of each Event, sorted.
    pub fn events(&self, namespace: &str) -> Vec<String> {
        let events = self.server.list("v1", "Event", Some(namespace)).unwrap();
        let line = |event: &Value| {
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
            format!("{} {} {}", text("/involvedObject/kind"), text("/involvedObject/name"), text("/reason"))
        };
        let mut lines: Vec<String> = events.iter().map(line).collect();
        lines.sort();
        lines
    }

    pub fn state(&self) -> Option<Value> {
        let map = self.server.get("v1", "ConfigMap", "tidegate", "tidegate-state-default").ok()?;
        map["data"]["state.json"].as_str().map(|text| serde_json::from_str(text).unwrap())
    }

    /// The writes since the last call, lease aside: verb, resource and name of those that changed something.
    pub fn writes(&self) -> Vec<String> {
        let records = self.server.take_audit();
        let ours = |r: &&AuditRecord| r.changed && r.request.is_write() && r.request.resource != "leases";
        records
            .iter()
            .filter(ours)
            .map(|r| format!("{} {} {}", r.request.verb, r.request.resource, r.request.name))
            .collect()
    }
}

/// How many of these writes went to InferenceServices.
pub fn restarts(writes: &[String]) -> usize {
    writes.iter().filter(|write| write.starts_with("patch inferenceservices")).count()
}

pub fn crd(group: &str, version: &str, kind: &str, plural: &str, status: bool) -> Value {
    let subresources = if status { json!({"status": {}}) } else { json!({}) };
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let versions =
        json!([{"name": version, "served": true, "storage": true, "subresources": subresources, "schema": schema}]);
    let names =
        json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions},
    })
}

pub fn isvc_crd() -> Value {
    crd("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices", true)
}

pub fn notebook_crd() -> Value {
    crd("mlops.mlops.dev", "v1alpha1", "NotebookValidationJob", "notebookvalidationjobs", true)
}

pub async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
