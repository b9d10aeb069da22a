//! Once: however often the controller dies, each firing is one write to its target, on a real kube-apiserver.
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

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::proxy::{Asked, Calm, Fate, Hook, Proxy};
use support::scratch::Process;
use support::{Cluster, Deployed, Install, Parts, Shared, objects};

static CLUSTER: Shared = Shared::new(Parts {
    crds: &["notebookvalidationjobs", "inferenceservices", "applications"],
    kubectl: true,
    ..Parts::NONE
});

/// Jobs, and as many targets.
const JOBS: usize = 20;
/// How often the controller is killed.
const KILLS: usize = 100;
/// How long something may take that takes well below a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with services and jobs, and the controller as it is shipped, with rules about them.
struct Stage<'a> {
    cluster: &'a Cluster,
    admin: Client,
    namespace: String,
    deployed: Deployed,
    /// Leads to the proxy.
    kubeconfig: PathBuf,
}

impl<'a> Stage<'a> {
    /// For each n: job `one-n` restarts `shared`, job `each-n` restarts `own-n`.
    async fn new(cluster: &'a Cluster, name: &str) -> Stage<'a> {
        let admin = cluster.admin().await;
        let namespace = cluster.namespace(&admin, name).await;
        let mut rules = String::new();
        service(&admin, &namespace, "shared").await;
        for n in 0..JOBS {
            service(&admin, &namespace, &format!("own-{n}")).await;
            job(&admin, &namespace, &format!("one-{n}")).await;
            job(&admin, &namespace, &format!("each-{n}")).await;
            rules += &format!(
                "when job one-{n} succeeds then restart isvc shared\nwhen job each-{n} succeeds then restart isvc own-{n}\n"
            );
        }
        let install = Install { watched: &namespace, rules: &rules, ..Install::default() };
        let deployed = Deployed::install(cluster, &admin, &install).await;
        let kubeconfig = cluster.scratch().path().join(format!("{namespace}-proxy.kubeconfig"));
        Stage { cluster, admin, namespace, deployed, kubeconfig }
    }

    /// A proxy in the account's name.
    async fn proxy(&self, hook: impl Hook) -> Proxy {
        let proxy = Proxy::start(self.cluster.client(&self.deployed.token).await, hook).await;
        std::fs::write(&self.kubeconfig, proxy.kubeconfig(&self.deployed.namespace)).unwrap();
        proxy
    }

    async fn start(&self) -> Process {
        self.cluster.start_controller(&self.deployed, &self.kubeconfig, "a", &[]).await.0
    }

    /// Always the same replica: it takes its own lease back at once, as a container that was restarted does.
    fn restart(&self) -> Process {
        self.cluster.restart_controller(&self.deployed, &self.kubeconfig, "a", &[]).0
    }

    async fn succeed(&self, name: &str) {
        let now = k8s_openapi::jiff::Timestamp::now();
        let now = k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap().to_string();
        let condition =
            |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
        let status = json!({"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "active": 0,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
        let jobs: Api<Job> = Api::namespaced(self.admin.clone(), &self.namespace);
        jobs.patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap();
    }

    /// Generation and marks of a service.
    async fn service(&self, name: &str) -> (i64, BTreeSet<String>) {
        let isvc = objects::inference_services(&self.admin, &self.namespace).get(name).await.unwrap();
        (isvc.metadata.generation.unwrap(), marks(&isvc.data))
    }

    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < deadline, "not so: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many Events of this reason there are.
    async fn events(&self, reason: &str) -> usize {
        let events: Api<Event> = Api::namespaced(self.admin.clone(), &self.namespace);
        let events = events.list(&ListParams::default()).await.unwrap();
        events.iter().filter(|event| event.reason.as_deref() == Some(reason)).count()
    }

    /// What the controller has stored.
    async fn state(&self) -> Option<Value> {
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(self.admin.clone(), &self.deployed.namespace);
        let map = maps.get_opt("tidegate-state-default").await.unwrap()?;
        Some(serde_json::from_str(&map.data.unwrap()["state.json"]).unwrap())
    }

    async fn settled(&self) -> usize {
        self.state().await.map_or(0, |state| state["settled"].as_object().unwrap().len())
    }

    /// How many actions and events of rules have a baseline: eleven characters each.
    async fn loaded(&self) -> usize {
        let Some(state) = self.state().await else { return 0 };
        state["items"].as_object().unwrap().values().map(|items| items.as_str().unwrap().len() / 11).sum()
    }

    /// Each firing is recorded once: no mark twice, no write without a new mark, one write for each target of its own.
    async fn check(&self, log: &[Asked]) {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut writes: BTreeMap<String, i64> = BTreeMap::new();
        for asked in log.iter().filter(|asked| is_target_write(asked) && asked.code == 200) {
            let name = asked.uri.split(['/', '?']).find(|part| part.starts_with("own-") || *part == "shared").unwrap();
            let new = marks(&serde_json::from_str(&asked.body).unwrap());
            let held = seen.entry(name.to_owned()).or_default();
            assert!(!new.is_subset(held), "a write to {name} that records nothing new: {}", asked.body);
            held.extend(new);
            *writes.entry(name.to_owned()).or_default() += 1;
        }
        let mut all = BTreeSet::new();
        for n in 0..JOBS {
            let name = format!("own-{n}");
            let (generation, held) = self.service(&name).await;
            assert_eq!((generation, held.len(), writes.get(&name)), (2, 1, Some(&1)), "{name}");
            all.extend(held);
        }
        let (generation, held) = self.service("shared").await;
        assert_eq!((held.len(), Some(&(generation - 1))), (JOBS, writes.get("shared")));
        all.extend(held);
        assert_eq!(all.len(), 2 * JOBS);
        print_counts(log);
    }
}

fn print_counts(log: &[Asked]) {
    let count =
        |of: &dyn Fn(&Asked) -> bool| log.iter().filter(|asked| (200..300).contains(&asked.code) && of(asked)).count();
    let to = |part: &'static str| move |asked: &Asked| asked.is_write() && asked.uri.contains(part);
    println!(
        "firings {}, writes: targets {}, source marks {}, Events {}, state {}, lease {}",
        2 * JOBS,
        count(&is_target_write),
        count(&to("/jobs/")),
        count(&to("/events")),
        count(&to("/configmaps")),
        count(&to("/leases"))
    );
}

fn is_target_write(asked: &Asked) -> bool {
    asked.is_write() && asked.uri.contains("/inferenceservices/")
}

fn marks(isvc: &Value) -> BTreeSet<String> {
    let annotations = isvc["spec"]["predictor"]["annotations"].as_object();
    let values = annotations.into_iter().flat_map(|map| map.values()).filter_map(Value::as_str);
    values.flat_map(|value| value.split(',')).map(str::to_owned).collect()
}

async fn service(admin: &Client, namespace: &str, name: &str) {
    let predictor = json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "pvc://models/fraud"}});
    let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": name}, "spec": {"predictor": predictor}});
    objects::create(admin, namespace, isvc).await;
}

async fn job(admin: &Client, namespace: &str, name: &str) {
    let template =
        json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "train", "image": "example.org/train:1"}]}});
    let job = serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"template": template}})).unwrap();
    Api::<Job>::namespaced(admin.clone(), namespace).create(&PostParams::default(), &job).await.unwrap();
}

/// All at once, without a fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_jobs_with_one_target_and_twenty_with_their_own() {
    let Some(cluster) = CLUSTER.get("twenty_jobs_with_one_target_and_twenty_with_their_own") else { return };
    let stage = Stage::new(cluster, "calm").await;
    let proxy = stage.proxy(Calm).await;
    let mut process = stage.start().await;
    stage.until("the baseline is stored", async || stage.loaded().await >= 2 * JOBS).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for n in 0..JOBS {
        stage.succeed(&format!("one-{n}")).await;
        stage.succeed(&format!("each-{n}")).await;
    }
    stage.until("all is settled", async || stage.settled().await >= 2 * JOBS).await;
    assert!(process.terminate().unwrap().success());
    stage.check(&proxy.log()).await;
    assert_eq!(proxy.log().iter().filter(|asked| asked.uri.contains("/events") && asked.code == 409).count(), 0);
}

/// Kills the program before a target write is forwarded, the next time after it was applied and before its answer; and at some other
/// writes.
#[derive(Clone, Default)]
struct Killer(Arc<Mutex<Deaths>>);

#[derive(Default)]
struct Deaths {
    process: Option<Process>,
    /// Attempts on each target since its last write that came through.
    attempts: BTreeMap<String, usize>,
    before: usize,
    after: usize,
    other: usize,
    requests: usize,
}

impl Killer {
    fn deaths(&self) -> std::sync::MutexGuard<'_, Deaths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deaths {
    fn all(&self) -> usize {
        self.before + self.after + self.other
    }

    fn kill(&mut self) -> bool {
        self.process.take().is_some_and(|mut process| process.kill().is_ok())
    }
}

impl Hook for Killer {
    fn before(&self, asked: &Asked) -> Fate {
        let mut deaths = self.deaths();
        // The harness asks who it is.
        if asked.uri.contains("/selfsubjectreviews") {
            return Fate::Pass;
        }
        if !asked.is_write() || deaths.process.is_none() || deaths.all() >= KILLS {
            return if deaths.process.is_none() { Fate::Lose } else { Fate::Pass };
        }
        if !is_target_write(asked) {
            deaths.requests += 1;
            // Events, source marks, state and lease: every eleventh, applied or not.
            let other = KILLS - 4 * JOBS;
            if !deaths.requests.is_multiple_of(11) || deaths.other >= other || !deaths.kill() {
                return Fate::Pass;
            }
            deaths.other += 1;
            return if deaths.other.is_multiple_of(2) { Fate::Lose } else { Fate::LoseAnswer };
        }
        let attempt = deaths.attempts.entry(asked.uri.clone()).or_default();
        *attempt += 1;
        if attempt.is_multiple_of(2) {
            return Fate::LoseAnswer;
        }
        if deaths.kill() {
            deaths.before += 1;
        }
        Fate::Lose
    }

    fn after(&self, asked: &Asked) {
        let mut deaths = self.deaths();
        if is_target_write(asked) && deaths.kill() {
            deaths.after += 1;
        }
    }
}

/// Invariant 3: an effect carries its own record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_change_nothing() {
    let Some(cluster) = CLUSTER.get("a_hundred_kills_change_nothing") else { return };
    let stage = Stage::new(cluster, "kills").await;
    let killer = Killer::default();
    let proxy = stage.proxy(killer.clone()).await;
    let first = stage.start().await;
    killer.deaths().process = Some(first);
    let baseline = async || stage.loaded().await >= 2 * JOBS;
    stage.until("the baseline is stored", async || alive(&stage, &killer) && baseline().await).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for n in 0..JOBS {
        stage.succeed(&format!("one-{n}")).await;
        stage.succeed(&format!("each-{n}")).await;
        let recorded = async || {
            alive(&stage, &killer)
                && stage.service("shared").await.1.len() > n
                && !stage.service(&format!("own-{n}")).await.1.is_empty()
        };
        stage.until("both are recorded", recorded).await;
    }
    // Those that are left, whenever they come.
    while killer.deaths().all() < KILLS {
        alive(&stage, &killer);
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut deaths = killer.deaths();
        if deaths.kill() {
            deaths.other += 1;
        }
    }
    stage.until("all is settled", async || alive(&stage, &killer) && stage.settled().await >= 2 * JOBS).await;
    let process = killer.deaths().process.take();
    assert!(process.unwrap().terminate().unwrap().success());
    stage.check(&proxy.log()).await;
    assert_eq!(stage.events("ActionDone").await, 2 * JOBS);
    let deaths = killer.deaths();
    let (hit, all) = (deaths.before + deaths.after, deaths.all());
    println!(
        "{all} kills; {hit} between the sending of a target write and its being seen: {} lost, {} applied",
        deaths.before, deaths.after
    );
    assert!(all >= KILLS && hit * 2 >= all);
}

/// Starts the program again if it was killed.
fn alive(stage: &Stage<'_>, killer: &Killer) -> bool {
    let mut deaths = killer.deaths();
    if deaths.process.is_none() {
        deaths.process = Some(stage.restart());
    }
    true
}

/// Invariant 8: in a world that does not change, nothing is written, the lease aside, and nothing is listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_controller_writes_its_lease_and_lists_nothing() {
    let Some(cluster) = CLUSTER.get("an_idle_controller_writes_its_lease_and_lists_nothing") else { return };
    let stage = Stage::new(cluster, "idle").await;
    let proxy = stage.proxy(Calm).await;
    let _process = stage.start().await;
    // What ends before a rule is loaded is its baseline, and a rule is loaded when its kinds have been listed.
    stage.until("every rule is loaded", async || stage.loaded().await >= 2 * JOBS).await;
    stage.succeed("one-0").await;
    stage.until("it is settled", async || stage.settled().await > 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = proxy.log().len();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = proxy.log().split_off(before);
    let others: Vec<&Asked> = idle.iter().filter(|asked| !asked.uri.contains("/leases/")).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!((2..=5).contains(&idle.len()), "{}", idle.len());
}
