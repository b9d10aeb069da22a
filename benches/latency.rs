//! Event to write: how long after a Job's success its InferenceService is written, by the controller and by a bare loop of kube's
//! watcher and a patch, on the same API server. Prints both and their ratios.
//!
//! `TIDEGATE_CORPUS=… cargo bench --bench latency [-- SAMPLES]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::json;
use support::{Parts, Shared, objects};
use tidegate::cluster::http::{Ask, Question};
use tidegate::cluster::{Clock, Compiled, Env, Options, Random, Rules, Times};
use tidegate::rulebook;
use tokio::sync::{mpsc, oneshot, watch};

static CLUSTER: Shared =
    Shared::new(Parts { crds: &["notebookvalidationjobs", "inferenceservices", "applications"], ..Parts::NONE });

/// Samples of each side, in alternating rounds of this many so that a slow minute of the machine meets both.
const ROUND: usize = 25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Tidegate,
    Bare,
}

fn main() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let samples: usize = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(400);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(samples));
}

async fn measure(samples: usize) {
    let Some(cluster) = CLUSTER.get("latency") else { return };
    let admin = cluster.admin().await;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..samples.div_ceil(ROUND) {
        for (side, times) in [Side::Tidegate, Side::Bare].into_iter().zip(&mut times) {
            let namespace = cluster.namespace(&admin, "latency").await;
            let took = one_round(&cluster.admin().await, &admin, &namespace, side).await;
            eprintln!("round {round} {side:?}: median {:?}", percentile(&took, 50));
            times.extend(took);
        }
    }
    let [tidegate, bare] = times;
    println!("{} samples of each", tidegate.len());
    for percent in [50, 90, 99] {
        let (ours, theirs) = (percentile(&tidegate, percent), percentile(&bare, percent));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!("p{percent}: tidegate {ours:?}, bare loop {theirs:?}, ratio {ratio:.2}");
    }
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

async fn one_round(client: &Client, admin: &Client, namespace: &str, side: Side) -> Vec<Duration> {
    let mut rules = format!("namespace {namespace}\n");
    for n in 0..ROUND {
        make(admin, namespace, n).await;
        rules += &format!("when job j-{n} succeeds then restart isvc s-{n}\n");
    }
    let (stop, stopped) = watch::channel(false);
    let (asks, questions) = mpsc::channel(1);
    let task = match side {
        Side::Tidegate => tokio::spawn(controller(client.clone(), namespace.to_owned(), rules, questions, stopped)),
        Side::Bare => tokio::spawn(bare_loop(client.clone(), namespace.to_owned())),
    };
    // The observer sees both in the same way.
    let services = objects::inference_services(admin, namespace);
    let seen = watcher(services.clone(), watcher::Config::default());
    let mut seen = seen.boxed();
    while !matches!(seen.next().await, Some(Ok(watcher::Event::InitDone))) {}
    while side == Side::Tidegate && !leads(&asks).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Kubernetes counts in whole seconds, and a service that is younger than the success is not restarted.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut times = Vec::new();
    for n in 0..ROUND {
        let began = succeed(admin, namespace, n).await;
        loop {
            let event = tokio::time::timeout(Duration::from_secs(30), seen.next()).await;
            let Ok(event) = event else { panic!("{side:?} wrote nothing for s-{n}: {:#}", status(&asks).await) };
            let Some(Ok(watcher::Event::Apply(isvc))) = event else { continue };
            if isvc.name_any() == format!("s-{n}") && isvc.data["spec"]["predictor"]["annotations"].is_object() {
                break;
            }
        }
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = stop.send(true);
    if side == Side::Bare {
        task.abort();
    }
    let _ = task.await;
    times
}

async fn make(admin: &Client, namespace: &str, n: usize) {
    let predictor = json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "pvc://models/fraud"}});
    let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": format!("s-{n}")}, "spec": {"predictor": predictor}});
    objects::create(admin, namespace, isvc).await;
    let container = json!({"name": "train", "image": "example.org/train:1"});
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    let job = json!({"metadata": {"name": format!("j-{n}")}, "spec": {"template": template}});
    let jobs: Api<Job> = Api::namespaced(admin.clone(), namespace);
    jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
}

/// When the server had taken the success.
async fn succeed(admin: &Client, namespace: &str, n: usize) -> Instant {
    let now = k8s_openapi::jiff::Timestamp::now();
    let now = k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string();
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
    let status = json!({"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "active": 0,
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
    let jobs: Api<Job> = Api::namespaced(admin.clone(), namespace);
    let began = Instant::now();
    jobs.patch_status(&format!("j-{n}"), &PatchParams::default(), &Patch::Merge(json!({"status": status})))
        .await
        .unwrap();
    began
}

async fn status(asks: &mpsc::Sender<Ask>) -> serde_json::Value {
    let (reply, answer) = oneshot::channel();
    asks.send(Ask { question: Question::Status, reply }).await.map_err(|_| ()).unwrap();
    serde_json::from_str(&answer.await.unwrap().text).unwrap()
}

async fn leads(asks: &mpsc::Sender<Ask>) -> bool {
    let status = status(asks).await;
    let listed = |kind: &serde_json::Value| kind["state"] == "listed";
    status["phase"] == "leading" && status["kinds"].as_array().is_some_and(|kinds| kinds.iter().all(listed))
}

async fn controller(
    client: Client,
    namespace: String,
    rules: String,
    questions: mpsc::Receiver<Ask>,
    stop: watch::Receiver<bool>,
) {
    let (_keep, texts) = watch::channel(Ok(vec![("rules.tide".to_owned(), rules)]));
    let env = Env {
        clock: Clock::system(),
        random: Random::seeded(1),
        client,
        rules: Rules::Channel(texts),
        namespace: namespace.as_str().into(),
        identity: "bench".into(),
    };
    let options = Options {
        rulebook: "default".into(),
        observe: false,
        admission: false,
        namespaces: vec![namespace.as_str().into()],
        times: Times::default(),
        write_deadline: Duration::from_secs(5),
        compile: Arc::new(|texts| {
            let compiled = rulebook::load(texts.iter().cloned(), &rulebook::Options::default());
            let rulebook::Compiled { sources, diagnostics, rulebook, .. } = compiled;
            Compiled { rulebook: rulebook.map(Arc::new), sources, diagnostics }
        }),
    };
    tidegate::cluster::run(env, options, questions, stop).await;
}

/// The least that does the same: kube's watcher on Jobs, and a merge patch for each that is complete.
async fn bare_loop(client: Client, namespace: String) {
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let services: Api<DynamicObject> = objects::inference_services(&client, &namespace);
    let mut events = watcher(jobs, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        let Ok(watcher::Event::Apply(job)) = event else { continue };
        if job.status.as_ref().is_some_and(|status| status.completion_time.is_some()) {
            let name = job.name_any().replace("j-", "s-");
            let patch = json!({"spec": {"predictor": {"annotations": {"restarted": job.uid()}}}});
            services.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
    }
}
