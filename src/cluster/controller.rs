//! The controller: one loop that owns the engine's ledger.
//!
//! In: news of watches, outcomes of writes, rules, leadership, questions, time. Out: jobs for the writer. Whatever comes in is
//! taken in, and then the ledger is asked once what is to be done. Only a leader that has loaded the state decides; the others
//! keep their world warm.
//!
//! INVARIANT: a rulebook or a state is swapped only while nothing is in flight, so an outcome always meets the ledger that sent it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::act;
use super::admission::{Admission, Params, ParamsNews};
use super::env::Env;
use super::http::Ask;
use super::kinds::Kinds;
use super::lease::{Election, Standing, Times};
use super::metrics::{Id, Metrics};
use super::reload::{self, Compile, Load};
use super::store::Store;
use super::tenure::Tenure;
use super::watch::News;
use super::writer::{Job, Order, Outcome, QUEUE_JOBS_MAX, Writer};
use crate::engine::{Effect, ITEMS_MAX, Intent, Ledger, State, Would, item_count};
use crate::facts::Row;
use crate::rulebook::Rulebook;

/// News that are taken in before the ledger is asked, at most.
const BATCH_NEWS_MAX: usize = 1024;
/// The loop looks around so often though nothing comes in.
const LOOK_SECONDS: u64 = 30;
/// Jobs of the queue that are left to the controller's own writes.
const OWN_JOBS: usize = 4;
/// Observed actions that `/status` shows, at most.
const WOULD_MAX: usize = 100;
/// How often what is not needed any more is dropped from the state.
const PRUNE_SECONDS: u64 = 600;

/// What can be set.
#[derive(Clone)]
pub struct Options {
    /// The installation's name: part of lease, state and records.
    pub rulebook: Arc<str>,
    /// Decides and says, and changes nothing but lease and state.
    pub observe: bool,
    /// Keeps the parameters of the admission policy; not while it only observes.
    pub admission: bool,
    /// Only these namespaces are watched; all if empty.
    pub namespaces: Vec<Arc<str>>,
    /// Times of the election.
    pub times: Times,
    /// How long one write may take.
    pub write_deadline: Duration,
    /// Compiles rule files.
    pub compile: Compile<Rulebook>,
}

/// What is being written.
pub(super) enum Flight {
    /// For an intent of the ledger.
    Intent(Intent),
    /// The state: its text, the marks in it, the change that it is.
    State(String, BTreeSet<crate::engine::Mark>, u64),
    /// An Event of the controller's own.
    Event,
    /// The parameters of the admission policy.
    Params,
}

/// The loop and what it owns.
pub(super) struct Controller {
    pub(super) env: Env,
    pub(super) options: Options,
    pub(super) metrics: Metrics,
    pub(super) kinds: Kinds,
    /// None until there are rules.
    pub(super) ledger: Option<Ledger>,
    /// A rulebook that waits until nothing is in flight.
    pub(super) next_rules: Option<Arc<Rulebook>>,
    /// Why the rules that were read last cannot be used.
    pub(super) refused: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) store: Store,
    pub(super) tenure: Tenure,
    /// None unless it was asked for.
    pub(super) admission: Option<Admission>,
    pub(super) flights: BTreeMap<u64, Flight>,
    /// Since when a gate has been held, by rule, application and wave.
    pub(super) held: BTreeMap<(String, String, i32), Timestamp>,
    pub(super) reads: mpsc::Sender<(u64, Result<Option<Json>, String>)>,
    jobs: mpsc::Sender<Job>,
    next_job: u64,
    /// When the ledger wants to be asked again.
    wake: Option<Timestamp>,
    /// The ledger has something new to decide on.
    stale: bool,
    /// What `--observe` would have written of tidegate's own, last.
    observed: BTreeMap<String, Effect>,
    /// What was observed last, the newest first.
    pub(super) would: VecDeque<(Timestamp, Would)>,
    pruned: Instant,
    /// When the loop last looked around.
    looked: Instant,
    election: Option<(Election, watch::Receiver<bool>)>,
    pub(super) step_down: Arc<Notify>,
    stopping: bool,
}

/// Where things come in.
struct Doors {
    news: mpsc::Receiver<(u64, News<Row>)>,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    loads: mpsc::Receiver<Load<Rulebook>>,
    reads: mpsc::Receiver<(u64, Result<Option<Json>, String>)>,
    asks: mpsc::Receiver<Ask>,
    params: ParamsNews,
    standing: watch::Receiver<Standing>,
    stop: watch::Receiver<bool>,
}

enum Input {
    News(Vec<(u64, News<Row>)>),
    Outcome(u64, Outcome),
    Load(Load<Rulebook>),
    Read(u64, Result<Option<Json>, String>),
    Ask(Ask),
    Params(News<Params>),
    Standing,
    Time,
    Stop,
    /// A task that runs as long as the controller has ended: which.
    Broken(&'static str),
}

/// Runs one replica until `stop` becomes true or its sender is gone: then it finishes the writes in flight, stores the state and
/// gives the lease back. Ends by itself only when a part of it has broken, which is logged.
pub async fn run(env: Env, options: Options, asks: mpsc::Receiver<Ask>, stop: watch::Receiver<bool>) {
    let metrics = Metrics::new();
    let (kinds, news) = Kinds::new(env.clone(), options.namespaces.clone(), metrics.clone());
    let (election, standing) = Election::new(env.clone(), &options.rulebook, options.times);
    let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
    let (outcomes_in, outcomes) = mpsc::channel(QUEUE_JOBS_MAX);
    let (loads_in, loads) = mpsc::channel(1);
    let (reads_in, reads) = mpsc::channel(4);
    let writer = Writer::new(env.client.clone(), standing.clone(), options.write_deadline);
    let (lease_stop, lease_stopped) = watch::channel(false);
    let _tasks = [
        Task(tokio::spawn(writer.run(queue, outcomes_in))),
        Task(tokio::spawn(reload::run(env.rules.clone(), options.compile.clone(), loads_in))),
    ];
    let (admission, params) = Admission::new(&env, &options.rulebook, options.admission && !options.observe);
    let mut doors = Doors { news, outcomes, loads, reads, asks, params, standing: standing.clone(), stop };
    let store = Store::new(&env.namespace, &options.rulebook);
    let mut controller = Controller {
        env,
        options,
        metrics,
        kinds,
        ledger: None,
        next_rules: None,
        refused: Vec::new(),
        warnings: Vec::new(),
        standing,
        store,
        tenure: Tenure::default(),
        admission,
        flights: BTreeMap::new(),
        held: BTreeMap::new(),
        reads: reads_in,
        jobs,
        next_job: 0,
        wake: None,
        stale: false,
        observed: BTreeMap::new(),
        would: VecDeque::new(),
        pruned: Instant::now(),
        looked: Instant::now(),
        step_down: election.step_down(),
        election: Some((election, lease_stopped)),
        stopping: false,
    };
    let lease = controller.work(&mut doors).await;
    controller.finish(&mut doors).await;
    let _ = lease_stop.send(true);
    if let Some(mut lease) = lease {
        let _ = (&mut lease.0).await;
    }
}

/// A task that ends with its owner: when `run` is dropped, nothing of it goes on.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Doors {
    /// What comes in next; in a fixed order if several things wait, so that a run can be replayed.
    async fn next(&mut self, until: Instant) -> Input {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => Input::Stop,
            outcome = self.outcomes.recv() => outcome.map_or(Input::Broken("writer"), |(id, outcome)| Input::Outcome(id, outcome)),
            changed = self.standing.changed() => if changed.is_ok() { Input::Standing } else { Input::Broken("election") },
            Some((term, object)) = self.reads.recv() => Input::Read(term, object),
            load = self.loads.recv() => load.map_or(Input::Broken("reload"), Input::Load),
            Some(ask) = self.asks.recv() => Input::Ask(ask),
            Some((_, news)) = self.params.recv() => Input::Params(news),
            _ = self.news.recv_many(&mut batch, BATCH_NEWS_MAX) => Input::News(batch),
            () = tokio::time::sleep_until(until) => Input::Time,
        }
    }
}

impl Controller {
    /// The loop. Gives back the task of the election.
    async fn work(&mut self, doors: &mut Doors) -> Option<Task> {
        let mut lease = None;
        loop {
            let until = self.next_look();
            match doors.next(until).await {
                Input::Stop => return lease,
                Input::Broken(task) => {
                    tracing::error!(task, "a task has ended that must not; the controller ends, to be started again");
                    return lease;
                }
                input => self.take(input),
            }
            // Only a replica that has rules can lead: one without would hold the others up.
            if self.ledger.is_some()
                && let Some((election, stopped)) = self.election.take()
            {
                lease = Some(Task(tokio::spawn(election.run(stopped))));
            }
            self.turn();
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.env.clock.now();
        match input {
            Input::News(batch) => {
                let Some(ledger) = &mut self.ledger else { return };
                for (id, news) in batch {
                    self.stale |= self.kinds.hear(id, news, ledger, now);
                }
            }
            Input::Outcome(id, outcome) => self.ended(id, outcome),
            Input::Load(load) => self.loaded(load),
            Input::Read(term, object) => self.read(term, object),
            Input::Ask(ask) => self.answer(ask),
            Input::Params(news) => self.params_news(news),
            Input::Standing => self.stood(),
            // Whatever is due by time is looked at in `turn`.
            Input::Time | Input::Stop | Input::Broken(_) => {}
        }
    }

    /// Whatever is to be done after something came in.
    fn turn(&mut self) {
        let now = self.env.clock.now();
        self.stale |= self.wake.is_some_and(|wake| wake <= now);
        // Whatever came in: with news all the time, nothing else would.
        if self.looked.elapsed() >= Duration::from_secs(LOOK_SECONDS) {
            self.looked = Instant::now();
            self.note_gates(now);
            self.kinds.revive();
        }
        self.swap_rules();
        self.look_at_tenure();
        self.look_at_lease();
        if self.stale && self.may_decide() {
            self.decide();
        }
        if !self.stale {
            self.keep_params(now);
        }
        self.store_state(false);
    }

    /// A leader with the state loaded, and with time enough left for a write.
    pub(super) fn may_decide(&self) -> bool {
        !self.stopping
            && self.next_rules.is_none()
            && self.tenure.is_loaded()
            && self.standing.borrow().leads_for(self.options.write_deadline)
    }

    fn decide(&mut self) {
        let now = self.env.clock.now();
        let Some(ledger) = &mut self.ledger else { return };
        self.stale = false;
        self.metrics.count(Id::Decisions, &[]);
        let tick = ledger.tick(now);
        if let Some(admission) = &mut self.admission {
            admission.dirty = true;
            self.keep_params(now);
        }
        let Some(ledger) = &mut self.ledger else { return };
        // When all is decided, so that nothing is forgotten that still waits.
        if self.pruned.elapsed() > Duration::from_secs(PRUNE_SECONDS) && ledger.prune(now) {
            self.pruned = Instant::now();
        }
        self.wake = tick.wake;
        for would in tick.would {
            act::would(&self.metrics, &would);
            self.would.truncate(WOULD_MAX - 1);
            self.would.push_front((now, would));
        }
        for intent in tick.intents {
            if self.options.observe {
                act::observed(ledger, &intent, &mut self.observed, now);
                continue;
            }
            if self.flights.len() >= QUEUE_JOBS_MAX - OWN_JOBS {
                // The rest stays due; the next outcome asks again.
                break;
            }
            let orders = act::orders(ledger, &intent);
            if orders.is_empty() {
                let failure = crate::engine::Failure::passing("the target is gone");
                ledger.failed(&intent, &failure, now);
                continue;
            }
            let job = Job { id: self.next_job, orders };
            // The queue holds as many as may be in flight, so there is room.
            if self.jobs.try_send(job).is_err() {
                break;
            }
            ledger.sent(&intent);
            self.flights.insert(self.next_job, Flight::Intent(intent));
            self.next_job += 1;
        }
    }

    fn ended(&mut self, id: u64, outcome: Outcome) {
        let now = self.env.clock.now();
        match self.flights.remove(&id) {
            Some(Flight::Intent(intent)) => {
                let Some(ledger) = &mut self.ledger else { return };
                act::ended(ledger, &mut self.kinds, &self.metrics, &intent, outcome, now);
                self.stale = true;
            }
            Some(Flight::State(text, marks, change)) => self.state_ended(&text, &marks, change, outcome),
            Some(Flight::Params) => self.params_ended(outcome),
            Some(Flight::Event) => {
                if let Outcome::Refused(_, why) = outcome {
                    tracing::error!(why, "an Event was refused");
                }
            }
            None => {}
        }
    }

    /// Sends an order of the controller's own. False if there is no room just now.
    pub(super) fn send(&mut self, order: Order, flight: Flight) -> bool {
        let job = Job { id: self.next_job, orders: vec![order] };
        if self.jobs.try_send(job).is_err() {
            return false;
        }
        self.flights.insert(self.next_job, flight);
        self.next_job += 1;
        true
    }

    fn loaded(&mut self, load: Load<Rulebook>) {
        match load {
            Load::Good(rulebook, _) if item_count(&rulebook) > ITEMS_MAX => {
                let count = item_count(&rulebook);
                self.loaded(Load::Refused(vec![format!(
                    "these rules have {count} events and actions, and no more than {ITEMS_MAX} can be remembered: split them into \
                     two installations"
                )]));
            }
            Load::Good(rulebook, warnings) => {
                let seconds = self.env.clock.now().as_second();
                #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
                self.metrics.set(Id::LastGoodReload, &[], seconds as f64);
                self.metrics.set(Id::RulesGood, &[], 1.0);
                tracing::info!(rules = rulebook.rules.len(), warnings = warnings.len(), "rules loaded");
                for warning in &warnings {
                    tracing::warn!(warning, "rules");
                }
                (self.refused, self.warnings) = (Vec::new(), warnings);
                self.next_rules = Some(rulebook);
            }
            Load::Refused(why) => {
                self.metrics.count(Id::ReloadsRefused, &[]);
                self.metrics.set(Id::RulesGood, &[], 0.0);
                let kept = self.ledger.is_some() || self.next_rules.is_some();
                let what = if kept {
                    "rules refused; the last good ones stay"
                } else {
                    "rules refused; waiting for good ones"
                };
                for line in &why {
                    tracing::error!(why = line, "{what}");
                }
                self.refused = why;
                self.tell_refusal();
            }
        }
    }

    /// Puts new rules in place, once nothing is in flight. As after a restart: the state as it may be stored, the rows as they are; but
    /// what is not stored yet is not taken for stored.
    fn swap_rules(&mut self) {
        if !self.flights.is_empty() {
            return;
        }
        let Some(rulebook) = self.next_rules.take() else { return };
        let now = self.env.clock.now();
        let ledger = match &self.ledger {
            Some(old) => Ledger::reloaded(rulebook, old.world()),
            None => Ledger::new(rulebook, State::default()),
        };
        self.rebuild(ledger, now);
        self.tenure.compare();
    }

    /// A new ledger over the rows that are held.
    pub(super) fn rebuild(&mut self, mut ledger: Ledger, now: Timestamp) {
        let rulebook = ledger.rulebook().clone();
        ledger.world_mut().observe = self.options.observe;
        let old = self.ledger.take();
        self.kinds.follow(&rulebook, old.as_ref(), &mut ledger, now);
        self.ledger = Some(ledger);
        self.stale = true;
        self.wake = None;
    }

    fn next_look(&self) -> Instant {
        let mut until = self.looked + Duration::from_secs(LOOK_SECONDS);
        if self.may_decide()
            && let Some(wake) = self.wake
        {
            let left = Duration::try_from(wake.duration_since(self.env.clock.now())).unwrap_or(Duration::ZERO);
            until = until.min(Instant::now() + left);
        }
        for next in [self.tenure_look(), self.params_look()].into_iter().flatten() {
            until = until.min(next);
        }
        // Never without a pause: a clock of milliseconds may wake just before its time.
        until.max(Instant::now() + Duration::from_millis(1))
    }

    /// After `stop`: what is in flight ends, the state is stored, and nothing new begins.
    async fn finish(&mut self, doors: &mut Doors) {
        self.stopping = true;
        let limit = Instant::now() + self.options.write_deadline * 3;
        let finished = async {
            self.land(doors).await;
            if self.store_state(true) {
                self.land(doors).await;
            }
        };
        if tokio::time::timeout_at(limit, finished).await.is_err() {
            tracing::warn!("stopped before everything in flight had ended");
        }
        tracing::info!("stopped");
    }

    /// Waits until nothing is in flight.
    async fn land(&mut self, doors: &mut Doors) {
        while !self.flights.is_empty() {
            let Some((id, outcome)) = doors.outcomes.recv().await else { return };
            self.ended(id, outcome);
        }
    }
}
