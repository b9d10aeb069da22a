//! The whole controller on the API server in memory, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::cluster::http::{Ask, Question, Reply};
use tidegate::cluster::{Clock, Compiled, Env, Options, Random, RuleTexts, Rules, Times};
use tidegate::rehearse::apiserver::{ApiServer, AuditRecord, Fault};
use tidegate::rulebook;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{faults, server, start};

const SENTENCE: &str = "namespace team\nwhen job train-fraud succeeds then restart isvc fraud; block wave 4\n";

/// One replica of the controller.
struct Replica {
    rules: watch::Sender<RuleTexts>,
    asks: mpsc::Sender<Ask>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(server: &ApiServer, identity: &str, rules: &str) -> Replica {
        Replica::start_with(server, identity, rules, |_| {})
    }

    fn start_with(server: &ApiServer, identity: &str, text: &str, change: impl FnOnce(&mut Options)) -> Replica {
        let (rules, texts) = watch::channel(texts(text));
        let env = Env {
            clock: Clock::from(start()),
            random: Random::seeded(identity.bytes().map(u64::from).sum()),
            client: server.client_as(identity),
            rules: Rules::Channel(texts),
            namespace: "tidegate".into(),
            identity: identity.into(),
        };
        let mut options = Options {
            rulebook: "default".into(),
            observe: false,
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
        // A clock that starts with the test would run again from its beginning.
        let (stop, stopped) = watch::channel(false);
        let (asks, questions) = mpsc::channel(4);
        let task = tokio::spawn(tidegate::cluster::run(env, options, questions, stopped));
        Replica { rules, asks, stop, task }
    }

    async fn ask(&self, question: Question) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { question, reply }).await.map_err(|_| ()).unwrap();
        answer.await.unwrap()
    }

    async fn status(&self) -> Value {
        serde_json::from_str(&self.ask(Question::Status).await.text).unwrap()
    }

    async fn metric(&self, start: &str) -> String {
        let text = self.ask(Question::Metrics).await.text;
        text.lines().find(|line| line.starts_with(start)).unwrap_or("").to_owned()
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

fn texts(text: &str) -> RuleTexts {
    Ok(vec![("rules.tide".to_owned(), text.to_owned())])
}

fn crd(group: &str, version: &str, kind: &str, plural: &str, status: bool) -> Value {
    let subresources = if status { json!({"status": {}}) } else { json!({}) };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": version, "served": true, "storage": true, "subresources": subresources, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    })
}

fn isvc_crd() -> Value {
    crd("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices", true)
}

/// A cluster with the definitions, an InferenceService and a Job that runs.
fn world() -> ApiServer {
    let server = server();
    for namespace in ["team", "tidegate"] {
        server.ensure_namespace(namespace).unwrap();
    }
    server.put(isvc_crd()).unwrap();
    server.put(crd("mlops.mlops.dev", "v1alpha1", "NotebookValidationJob", "notebookvalidationjobs", true)).unwrap();
    server.put(crd("argoproj.io", "v1alpha1", "Application", "applications", false)).unwrap();
    isvc(&server, "fraud");
    job(&server, "train-fraud");
    server
}

fn isvc(server: &ApiServer, name: &str) {
    let metadata = json!({"name": name, "namespace": "team"});
    let spec = json!({"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}});
    server.put(json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec})).unwrap();
}

fn job(server: &ApiServer, name: &str) {
    server.put(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "team"}, "spec": {}})).unwrap();
}

/// Now, in the words of a status: tokio's time, from the common start.
fn succeed(server: &ApiServer, name: &str) {
    let now = server
        .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock", "namespace": "team"}}))
        .ok();
    drop(now);
    let _ = server.delete("v1", "ConfigMap", "team", "clock");
    let made = server
        .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock", "namespace": "team"}}))
        .unwrap();
    let now = made["metadata"]["creationTimestamp"].clone();
    let condition = json!({"type": "Complete", "status": "True", "lastTransitionTime": now});
    server
        .patch_status(
            "batch/v1",
            "Job",
            "team",
            name,
            json!({"succeeded": 1, "completionTime": now, "conditions": [condition]}),
        )
        .unwrap();
}

fn predictor(server: &ApiServer, name: &str) -> Value {
    server.get("serving.kserve.io/v1beta1", "InferenceService", "team", name).unwrap()["spec"]["predictor"].clone()
}

/// How often the target was written by the controller.
fn restarts(records: &[AuditRecord]) -> usize {
    records.iter().filter(|r| r.changed && r.request.is_write() && r.request.resource == "inferenceservices").count()
}

fn writes(records: &[AuditRecord]) -> Vec<String> {
    let told = |r: &AuditRecord| format!("{} {} {}", r.request.verb, r.request.resource, r.request.name);
    records.iter().filter(|r| r.request.is_write() && r.request.resource != "leases").map(told).collect()
}

fn events(server: &ApiServer, namespace: &str) -> Vec<String> {
    let events = server.list("v1", "Event", Some(namespace)).unwrap();
    let mut lines: Vec<String> = events
        .iter()
        .map(|event| {
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
            format!("{} {} {}", text("/involvedObject/kind"), text("/involvedObject/name"), text("/reason"))
        })
        .collect();
    lines.sort();
    lines
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_succeeds_restarts_the_service_once() {
    let server = world();
    let replica = Replica::start(&server, "a", SENTENCE);
    seconds(5).await;
    assert!(replica.ask(Question::Ready).await.good, "{}", replica.ask(Question::Ready).await.text);
    server.take_audit();
    succeed(&server, "train-fraud");
    seconds(5).await;
    let records = server.take_audit();
    assert_eq!(restarts(&records), 1, "{:?}", writes(&records));
    let annotations = predictor(&server, "fraud")["annotations"].clone();
    assert_eq!(annotations.as_object().map(serde_json::Map::len), Some(1), "{annotations}");
    assert!(
        events(&server, "team").contains(&"InferenceService fraud ActionDone".to_owned()),
        "{:?}",
        events(&server, "team")
    );
    assert!(replica.metric("tidegate_actions_total{rule=\"when-").await.ends_with("result=\"done\"} 1"));
    replica.stop().await;
    let state = server.get("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
    assert!(state["data"]["state.json"].as_str().unwrap().contains("\"done\""));
    // Again, and by another replica: nothing more.
    for identity in ["a", "b"] {
        let replica = Replica::start(&server, identity, SENTENCE);
        seconds(30).await;
        replica.stop().await;
        assert_eq!(restarts(&server.take_audit()), 0);
        assert_eq!(predictor(&server, "fraud")["annotations"], annotations);
    }
}
