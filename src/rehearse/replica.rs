//! One replica of the controller: the very one of a cluster, on the API server in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::apiserver::{ApiServer, Fault, RequestInfo};
use super::witness::CALLER;
use crate::cluster::http::{Ask, Question};
use crate::cluster::{Clock, Compiled, Env, Options, Random, Rules, Times};
use crate::rulebook;

/// Where lease and state live.
pub const NAMESPACE: &str = "tidegate-system";

/// How replicas are made.
pub struct Replicas {
    server: ApiServer,
    clock: Clock,
    options: rulebook::Options,
    texts: Vec<(String, String)>,
    seed: u64,
    times: Times,
    made: u64,
    dead: Arc<Mutex<BTreeSet<String>>>,
    running: Option<Replica>,
}

struct Replica {
    caller: String,
    task: JoinHandle<()>,
    asks: mpsc::Sender<Ask>,
    /// Nobody ever says stop: a replica here is killed.
    _stop: watch::Sender<bool>,
    _rules: watch::Sender<crate::cluster::RuleTexts>,
}

impl Replicas {
    /// None runs yet.
    pub fn new(server: ApiServer, clock: Clock, rules: &super::script::Rules, seed: u64, times: Times) -> Replicas {
        let dead: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let killed = dead.clone();
        // What a killed replica still has on its way never arrives.
        let hook = move |request: &RequestInfo| {
            let killed = killed.lock().unwrap_or_else(PoisonError::into_inner);
            if killed.contains(&request.caller) { Fault::DropBeforeApplying } else { Fault::None }
        };
        server.set_faults(Some(Arc::new(hook)));
        let (options, texts) = (rules.options.clone(), rules.texts.clone());
        Replicas { server, clock, options, texts, seed, times, made: 0, dead, running: None }
    }

    /// Whether a replica runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts a replica, with an identity of its own.
    pub fn start(&mut self) {
        self.made += 1;
        let caller = format!("{CALLER}-{}", self.made);
        let (rules, texts) = watch::channel(Ok(self.texts.clone()));
        let env = Env {
            clock: self.clock.clone(),
            random: Random::seeded(self.seed.wrapping_add(self.made)),
            client: self.server.client_as(&caller),
            rules: Rules::Channel(texts),
            namespace: Arc::from(NAMESPACE),
            identity: Arc::from(caller.as_str()),
        };
        let compiling = self.options.clone();
        let options = Options {
            rulebook: Arc::from(self.options.id.as_str()),
            observe: false,
            admission: false,
            namespaces: Vec::new(),
            times: self.times,
            write_deadline: self.times.lease / 3,
            compile: Arc::new(move |texts| {
                let compiled = rulebook::load(texts.iter().cloned(), &compiling);
                Compiled {
                    rulebook: compiled.rulebook.map(Arc::new),
                    sources: compiled.sources,
                    diagnostics: compiled.diagnostics,
                }
            }),
        };
        let (asks, questions) = mpsc::channel(crate::cluster::http::ASKS_MAX);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(crate::cluster::run(env, options, questions, stopped));
        self.running = Some(Replica { caller, task, asks, _stop: stop, _rules: rules });
    }

    /// Kills the replica that runs.
    pub fn kill(&mut self) {
        if let Some(replica) = self.running.take() {
            self.dead.lock().unwrap_or_else(PoisonError::into_inner).insert(replica.caller);
            replica.task.abort();
        }
    }

    /// What the replica says of itself (`/status`).
    pub async fn status(&self) -> Option<Json> {
        let replica = self.running.as_ref()?;
        let (reply, answer) = oneshot::channel();
        replica.asks.send(Ask { question: Question::Status, reply }).await.ok()?;
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await.ok()?.ok()?;
        serde_json::from_str(&answer.text).ok()
    }
}
