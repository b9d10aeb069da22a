//! The controller's own program against a real kube-apiserver, under the account and the role that `deploy/base` ships.
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
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::scratch::Process;
use support::{Cluster, Deployed, Install, Parts, Shared, objects};
use tokio::time::Instant;

static CLUSTER: Shared =
    Shared::new(Parts { crds: &["notebookvalidationjobs", "inferenceservices", "applications"], ..Parts::NONE });

/// How long something may take that takes well below a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with what the rules are about, and the controller as it is shipped.
struct Stage<'a> {
    cluster: &'a Cluster,
    admin: Client,
    namespace: String,
    deployed: Deployed,
}

impl<'a> Stage<'a> {
    async fn new(cluster: &'a Cluster, name: &str, rules: &str) -> Stage<'a> {
        Stage::with(cluster, name, &Install { rules, ..Install::default() }).await
    }

    async fn with(cluster: &'a Cluster, name: &str, install: &Install<'_>) -> Stage<'a> {
        let admin = cluster.admin().await;
        let namespace = cluster.namespace(&admin, name).await;
        let install = Install { watched: &namespace, ..install.clone() };
        let deployed = Deployed::install(cluster, &admin, &install).await;
        Stage { cluster, admin, namespace, deployed }
    }

    fn rules(&self, text: &str) {
        self.deployed.mount(text);
    }

    async fn start(&self, replica: &str) -> Controller {
        self.start_with(replica, &[]).await
    }

    async fn start_with(&self, replica: &str, more: &[&str]) -> Controller {
        let more: Vec<&str> = ["--lease-seconds=3"].iter().chain(more).copied().collect();
        let kubeconfig = &self.deployed.kubeconfig;
        let (process, port) = self.cluster.start_controller(&self.deployed, kubeconfig, replica, &more).await;
        Controller { process, port }
    }

    fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    async fn job(&self, name: &str) {
        self.job_with(name, json!({})).await;
    }

    async fn job_with(&self, name: &str, annotations: Value) {
        let container = json!({"name": "train", "image": "example.org/train:1"});
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
        let job = json!({"metadata": {"name": name, "annotations": annotations}, "spec": {"template": template}});
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
        let of = async |namespace: &str| {
            Api::<Event>::namespaced(self.admin.clone(), namespace).list(&ListParams::default()).await.unwrap().items
        };
        let mut events = of(&self.namespace).await;
        events.extend(of(&self.deployed.namespace).await);
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
        let maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), &self.deployed.namespace);
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

    /// The value of the metric's line that begins so.
    fn metric(&self, start: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
    }

    fn kind(&self, short: &str) -> Value {
        let status = self.status();
        status["kinds"]
            .as_array()
            .and_then(|all| all.iter().find(|kind| kind["kind"] == short).cloned())
            .unwrap_or_default()
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
    let mut controller = stage.start("a").await;
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
    let mut again = stage.start("a").await;
    again.until_leads().await;
    assert!(again.process.terminate().unwrap().success(), "{}", again.process.last_words());
    let other = stage.start("b").await;
    other.until_leads().await;
    assert_eq!(stage.restarts("fraud").await, restarted);
    let done = stage.events().await.iter().filter(|line| line.ends_with("ActionDone")).count();
    assert_eq!(done, 1);
    let job = stage.jobs().get("train-fraud").await.unwrap();
    assert!(job.annotations().keys().all(|key| key.starts_with("mlops.dev/")), "{:?}", job.annotations());
}

/// Kubernetes counts in whole seconds: what is to be older than a success must be so by one.
async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn rules_are_read_again_when_the_configmap_changes_and_bad_ones_are_refused() {
    let Some(cluster) = CLUSTER.get("rules_are_read_again_when_the_configmap_changes_and_bad_ones_are_refused") else {
        return;
    };
    let more = format!("{SENTENCE}when job train-other succeeds then restart isvc fraud\n");
    // New rules may need new rights, so these come first.
    let install = Install { rules: SENTENCE, rights_for: Some(&more), ..Install::default() };
    let stage = Stage::with(cluster, "reload", &install).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    stage.job("train-other").await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    stage.rules("when job train-fraud suceeds then restart isvc fraud\n");
    controller.until("it refused", async || controller.metric("tidegate_rules_refused_total") == Some(1.0)).await;
    assert!(
        controller.status()["rules"]["refused"][0].as_str().unwrap().contains("suceeds"),
        "{:#}",
        controller.status()
    );
    let told = "ConfigMap tidegate-state-default RulesRefused".to_owned();
    controller.until("it said so", async || stage.events().await.contains(&told)).await;
    stage.succeed("train-fraud").await;
    controller.until("the last good rules stay", async || stage.restarts("fraud").await.0 == 2).await;
    stage.rules(&more);
    controller.until("it took the new rules", async || controller.status()["rules"]["count"] == 2).await;
    stage.succeed("train-other").await;
    controller.until("the new rule acts", async || stage.restarts("fraud").await.0 == 3).await;
    std::fs::remove_dir_all(&stage.deployed.rules).unwrap();
    controller.until("it noticed", async || controller.metric("tidegate_rules_good") == Some(0.0)).await;
    assert_eq!(controller.get("/readyz").map(|(code, _)| code), Some(200));
}

#[tokio::test]
async fn the_other_replica_takes_over_when_the_leader_dies() {
    let Some(cluster) = CLUSTER.get("the_other_replica_takes_over_when_the_leader_dies") else { return };
    let stage = Stage::new(cluster, "handover", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let mut first = stage.start("a").await;
    first.until_leads().await;
    let second = stage.start("b").await;
    second
        .until("it follows", async || {
            second.status()["leader"] == "a" && second.get("/readyz").is_some_and(|(code, _)| code == 200)
        })
        .await;
    assert_eq!(second.status()["phase"], "following");
    next_second().await;
    first.process.kill().unwrap();
    stage.succeed("train-fraud").await;
    second.until("it took over and acted", async || stage.restarts("fraud").await.0 == 2).await;
    let third = stage.start("c").await;
    third.until("it follows", async || third.status()["leader"] == "b").await;
    let mut second = second;
    assert!(second.process.terminate().unwrap().success());
    third.until_leads().await;
    third
        .until("it is settled", async || {
            stage.state().await.is_some_and(|state| !state["settled"].as_object().unwrap().is_empty())
        })
        .await;
    assert_eq!(stage.restarts("fraud").await.0, 2);
}

#[tokio::test]
async fn observe_says_what_it_would_do_and_changes_nothing() {
    let Some(cluster) = CLUSTER.get("observe_says_what_it_would_do_and_changes_nothing") else { return };
    let stage = Stage::new(cluster, "observe", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let controller = stage.start_with("a", &["--observe"]).await;
    controller.until_leads().await;
    next_second().await;
    stage.succeed("train-fraud").await;
    let observed = async || stage.state().await.is_some_and(|state| state["settled"].to_string().contains("observed"));
    controller.until("it decided", observed).await;
    let log = controller.process.log();
    let said = |line: &&str| line.contains("restart isvc") && line.contains("observe: would be done");
    let line = log.lines().find(said).unwrap_or_else(|| panic!("{log}"));
    assert!(serde_json::from_str::<Value>(line).unwrap()["message"].is_string());
    assert_eq!(stage.restarts("fraud").await, (1, Value::Null));
    assert_eq!(stage.events().await, [""; 0]);
    assert!(stage.jobs().get("train-fraud").await.unwrap().annotations().is_empty());
}

/// An account that lacks rights is told so, in `/readyz`, metrics, log and Events, and what it may do is done.
#[tokio::test]
async fn missing_rights_are_visible_and_harm_nothing_else() {
    let Some(cluster) = CLUSTER.get("missing_rights_are_visible_and_harm_nothing_else") else { return };
    let annotate = "when job train-fraud succeeds then annotate deployment web example.org/model=new\n";
    let restart = SENTENCE.replace("block wave 4", "retry 1 backoff 1s; block wave 4");
    let rules = format!("{restart}{annotate}when pod p is missing then restart isvc fraud\n");
    // Made for rules that know no pod, and that notify where these restart.
    let rights = format!("{annotate}when isvc fraud is degraded then notify bad \"bad\"\n");
    let install = Install { rules: &rules, rights_for: Some(&rights), ..Install::default() };
    let stage = Stage::with(cluster, "rights", &install).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "example.org/c"}]}}}});
    objects::create(&stage.admin, &stage.namespace, web).await;
    let controller = stage.start("a").await;
    controller.until("it leads", async || controller.status()["phase"] == "leading").await;
    controller
        .until("it says what it may not", async || {
            controller.kind("pod")["why"].as_str().is_some_and(|why| why.contains("403"))
        })
        .await;
    assert_eq!(
        controller.get("/readyz").map(|(code, text)| (code, text.contains("pods is forbidden"))),
        Some((503, true))
    );
    next_second().await;
    stage.succeed("train-fraud").await;
    controller
        .until("what it may do is done", async || {
            stage.events().await.contains(&"Deployment web ActionDone".to_owned())
        })
        .await;
    controller
        .until("the refusal is told", async || {
            stage.events().await.iter().any(|event| event.ends_with("ActionRefused"))
        })
        .await;
    assert_eq!(stage.restarts("fraud").await.0, 1);
    assert!(controller.metric("tidegate_watch_errors_total{kind=\"Pod\"}").is_some_and(|errors| errors >= 1.0));
    assert!(controller.process.log().contains("is forbidden"));
}

#[tokio::test]
async fn hostile_annotations_are_refused_visibly_and_harm_nothing() {
    let Some(cluster) = CLUSTER.get("hostile_annotations_are_refused_visibly_and_harm_nothing") else { return };
    let stage = Stage::new(cluster, "hostile", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let isvc = "apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, action: restart";
    let texts = [
        "{{{".to_owned(),
        "- {}".to_owned(),
        format!("- {{{isvc}, name: ../../secrets/token}}"),
        format!("- {{{isvc}, name: fraud, namespace: kube-system}}"),
        "- {apiVersion: v1, kind: Secret, name: token, action: delete}".to_owned(),
        format!("- {{{isvc}, name: {}}}", "x".repeat(200 * 1024)),
    ];
    for (n, text) in texts.iter().enumerate() {
        stage
            .job_with(
                &format!("hostile-{n}"),
                json!({"mlops.dev/on-success-trigger": text, "mlops.dev/block-wave": "\u{202e}four\n"}),
            )
            .await;
    }
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    for n in 0..texts.len() {
        stage.succeed(&format!("hostile-{n}")).await;
    }
    let refusals =
        async || stage.events().await.iter().filter(|event| event.ends_with("TriggerRefused")).count() >= texts.len();
    controller.until("each is refused", refusals).await;
    stage.succeed("train-fraud").await;
    controller.until("the rule acts", async || stage.restarts("fraud").await.0 == 2).await;
    assert_eq!(stage.restarts("fraud").await.0, 2);
}

#[tokio::test]
async fn a_kind_whose_crd_is_missing_is_waited_for_and_shown() {
    let Some(cluster) = CLUSTER.get("a_kind_whose_crd_is_missing_is_waited_for_and_shown") else { return };
    let thing = "kind thing = missing.example.org/v1 Thing (things)\nwhen thing x is healthy then restart isvc fraud\n";
    let stage = Stage::new(cluster, "missing", &format!("{SENTENCE}{thing}")).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    assert_eq!(controller.kind("thing")["state"], "missing");
    assert!(controller.process.log().contains("kind is missing; it is waited for"));
    next_second().await;
    stage.succeed("train-fraud").await;
    controller.until("the other rule acts", async || stage.restarts("fraud").await.0 == 2).await;
    let names = json!({"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"});
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let spec = json!({"group": "missing.example.org", "scope": "Namespaced", "names": names,
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]});
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.missing.example.org"}, "spec": spec});
    objects::create(&stage.admin, "", crd).await;
    controller.until("it is listed", async || controller.kind("thing")["state"] == "listed").await;
}
