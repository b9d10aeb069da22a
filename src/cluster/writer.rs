//! The writer: performs what the engine decided, and adds nothing of its own.
//!
//! In: [`Job`]s, each an ordered list of writes for one object. Out: for each job, what became of it, with the object as it then is.
//! It re-checks leadership immediately before every write, and has a deadline, a rate limit and a bounded queue. After a conflict
//! or when no answer came it reads the live object, so that the engine can decide again.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use kube::Client;
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::lease::Standing;
use super::pods::{self, PodOwner};
use super::request::{self, Answer};
use super::resource::Resource;
use super::send::{self, Sent};

/// Jobs that wait for the writer, at most. What is due beyond that waits in the engine, where it stays up to date.
pub const QUEUE_JOBS_MAX: usize = 32;
/// Jobs that are performed at the same time, at most; each for another object.
pub const JOBS_AT_ONCE_MAX: usize = 8;
/// Writes a second, once the burst is used up.
pub const WRITES_PER_SECOND_MAX: u32 = 20;
/// Writes at once after a quiet time.
pub const WRITES_BURST_MAX: u32 = 60;

/// One object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its kind.
    pub resource: Resource,
    /// Its namespace; empty outside namespaces.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The uid that it had when this was decided; empty if that is not known.
    pub uid: Arc<str>,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Merge a patch, which holds the resourceVersion that the object must have.
    Merge(Place, Json),
    /// Create an object whose name says all: that it exists already is success.
    Create(Place, Json),
    /// Create an object that must not exist yet.
    CreateNew(Place, Json),
    /// Delete pods.
    DeletePods {
        /// Their namespace.
        namespace: Arc<str>,
        /// Label selector.
        selector: String,
        /// Only those created before.
        before: Timestamp,
        /// Only those of this workload, where they name it.
        owner: Option<PodOwner>,
    },
}

/// Writes in order, for one object.
#[derive(Debug)]
pub struct Job {
    /// Comes back with the outcome.
    pub id: u64,
    /// Empty: nothing to do.
    pub orders: Vec<Order>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way<'a> {
    /// With the resourceVersion that was sent, if any.
    Merge(Option<&'a str>),
    Create,
    CreateNew,
}

impl Way<'_> {
    /// Whether the live object is another than the one that a write was for. One that cannot be read may be.
    fn has_moved(self, live: &[Live]) -> bool {
        let Some((_, object)) = live.first() else { return true };
        match (self, object) {
            (Way::Merge(sent), Some(object)) => sent.is_some() && version(object) != sent,
            (Way::Merge(_), None) => true,
            (Way::Create | Way::CreateNew, object) => object.is_some(),
        }
    }
}

/// An object's resourceVersion; of a patch, the one that the object must have.
fn version(object: &Json) -> Option<&str> {
    object.pointer("/metadata/resourceVersion").and_then(Json::as_str)
}

/// A live object, as read or returned by a write; none if it does not exist.
pub type Live = (Place, Option<Json>);

/// What became of a job.
#[derive(Debug)]
pub enum Outcome {
    /// All writes are done. The objects as they are now.
    Done(Vec<Live>),
    /// An object had changed. As it is now.
    Conflict(Vec<Live>),
    /// No answer came, or one that does not tell. The objects as they are now, if that could be read.
    Uncertain(Vec<Live>, String),
    /// The server says no, and will say no again until someone changes something.
    Refused(Vec<Live>, String),
    /// The server cannot just now. How long it asks to wait.
    Later(String, Option<Duration>),
    /// This replica does not lead, or not for long enough; nothing was sent.
    NotLeader,
}

/// The writer's own end of the queue.
pub struct Writer {
    client: Client,
    standing: watch::Receiver<Standing>,
    bucket: Bucket,
    deadline: Duration,
}

impl Writer {
    /// A writer whose single requests may take so long.
    #[must_use]
    pub fn new(client: Client, standing: watch::Receiver<Standing>, deadline: Duration) -> Writer {
        Writer { client, standing, bucket: Bucket::new(WRITES_BURST_MAX, WRITES_PER_SECOND_MAX), deadline }
    }

    /// Performs jobs until the queue is closed, then finishes those in flight.
    pub async fn run(self, mut jobs: mpsc::Receiver<Job>, outcomes: mpsc::Sender<(u64, Outcome)>) {
        let mut flying = FuturesUnordered::new();
        let mut open = true;
        while open || !flying.is_empty() {
            tokio::select! {
                biased;
                Some(done) = flying.next(), if !flying.is_empty() => {
                    if outcomes.send(done).await.is_err() {
                        return;
                    }
                }
                job = jobs.recv(), if open && flying.len() < JOBS_AT_ONCE_MAX => match job {
                    Some(job) => flying.push(self.perform(job)),
                    None => open = false,
                },
            }
        }
    }

    async fn perform(&self, job: Job) -> (u64, Outcome) {
        let mut done = Vec::new();
        for order in &job.orders {
            self.bucket.take().await;
            // INVARIANT: between this and the sending of the request nothing waits.
            if !self.standing.borrow().leads_for(self.deadline) {
                return (job.id, Outcome::NotLeader);
            }
            let outcome = match order {
                Order::Merge(place, body) => {
                    self.one(place, self.merge(place, body).await, Way::Merge(version(body))).await
                }
                Order::Create(place, body) => self.one(place, self.create(place, body).await, Way::Create).await,
                Order::CreateNew(place, body) => self.one(place, self.create(place, body).await, Way::CreateNew).await,
                Order::DeletePods { namespace, selector, before, owner } => {
                    self.delete_pods(namespace, selector, *before, owner.as_ref()).await
                }
            };
            match outcome {
                Outcome::Done(objects) => done.extend(objects),
                Outcome::Conflict(objects) => return (job.id, Outcome::Conflict(together(done, objects))),
                Outcome::Uncertain(objects, why) => return (job.id, Outcome::Uncertain(together(done, objects), why)),
                Outcome::Refused(objects, why) => return (job.id, Outcome::Refused(together(done, objects), why)),
                later @ (Outcome::Later(..) | Outcome::NotLeader) if done.is_empty() => return (job.id, later),
                Outcome::Later(why, _) => return (job.id, Outcome::Uncertain(done, why)),
                Outcome::NotLeader => return (job.id, Outcome::NotLeader),
            }
        }
        (job.id, Outcome::Done(done))
    }

    async fn merge(&self, place: &Place, body: &Json) -> Sent {
        send::merge(&self.client, &place.resource, &place.namespace, &place.name, body, self.deadline).await
    }

    async fn create(&self, place: &Place, body: &Json) -> Sent {
        send::create(&self.client, &place.resource, &place.namespace, body, self.deadline).await
    }

    /// What the answer to one write means.
    async fn one(&self, place: &Place, sent: Sent, way: Way<'_>) -> Outcome {
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::Unanswered(why) => return Outcome::Uncertain(self.live(place).await, why),
        };
        match answer.status.as_u16() {
            200..=299 => Outcome::Done(vec![(place.clone(), Some(answer.body))]),
            409 if way == Way::Create && answer.reason() == "AlreadyExists" => Outcome::Done(Vec::new()),
            // A namespace that is going away, or a quota: not a matter of versions.
            409 if way == Way::Create => Outcome::Later(answer.message(), answer.retry_after),
            409 => {
                let live = self.live(place).await;
                match way.has_moved(&live) {
                    true => Outcome::Conflict(live),
                    // A webhook or a quota said so: the same write would meet the same answer at once.
                    false => Outcome::Later(answer.message(), answer.retry_after),
                }
            }
            404 if matches!(way, Way::Merge(_)) => Outcome::Conflict(vec![(place.clone(), None)]),
            401 | 429 => Outcome::Later(answer.message(), answer.retry_after),
            400..=499 => Outcome::Refused(self.live(place).await, answer.message()),
            _ => Outcome::Uncertain(self.live(place).await, answer.message()),
        }
    }

    /// The object as it is now; nothing where that cannot be read (Events may not even be readable for this account).
    async fn live(&self, place: &Place) -> Vec<Live> {
        let Ok(path) = place.resource.object(&place.namespace, &place.name) else { return Vec::new() };
        match request::get(&self.client, &path, self.deadline).await {
            Ok(answer) if answer.status.is_success() => vec![(place.clone(), Some(answer.body))],
            Ok(answer) if answer.status.as_u16() == 404 => vec![(place.clone(), None)],
            _ => Vec::new(),
        }
    }

    async fn delete_pods(
        &self,
        namespace: &str,
        selector: &str,
        before: Timestamp,
        owner: Option<&PodOwner>,
    ) -> Outcome {
        let pods = Resource::builtin("", "v1", "Pod", "pods");
        let mut from = None;
        loop {
            let page = match self.pods(&pods, namespace, selector, from.as_deref()).await {
                Ok(page) => page,
                Err(outcome) => return outcome,
            };
            for (name, uid) in pods::to_delete(&page, before, owner) {
                if let Some(stopped) = self.delete_pod(&pods, namespace, name, uid).await {
                    return stopped;
                }
            }
            from = pods::next_page(&page);
            if from.is_none() {
                return Outcome::Done(Vec::new());
            }
        }
    }

    /// None when the pod is gone.
    async fn delete_pod(&self, pods: &Resource, namespace: &str, name: &str, uid: &str) -> Option<Outcome> {
        self.bucket.take().await;
        if !self.standing.borrow().leads_for(self.deadline) {
            return Some(Outcome::NotLeader);
        }
        let answer = match send::delete(&self.client, pods, namespace, name, uid, self.deadline).await {
            Sent::Answered(answer) => answer,
            Sent::Unanswered(why) => return Some(Outcome::Later(why, None)),
        };
        match answer.status.as_u16() {
            // Gone, or another pod of this name: what had to go has gone.
            200..=299 | 404 | 409 => None,
            401 | 429 | 500..=599 => Some(Outcome::Later(answer.message(), answer.retry_after)),
            _ => Some(Outcome::Refused(Vec::new(), answer.message())),
        }
    }

    async fn pods(
        &self,
        pods: &Resource,
        namespace: &str,
        selector: &str,
        from: Option<&str>,
    ) -> Result<Json, Outcome> {
        let refused = |why: String| Outcome::Refused(Vec::new(), why);
        let query = pods::query(selector, from).map_err(refused)?;
        let path = format!("{}?{query}", pods.collection(namespace).map_err(refused)?);
        match request::get(&self.client, &path, self.deadline).await {
            Ok(Answer { status, body, .. }) if status.is_success() => Ok(body),
            // 410: the list has changed so much that it must begin anew.
            Ok(answer) if matches!(answer.status.as_u16(), 401 | 410 | 429 | 500..=599) => {
                Err(Outcome::Later(answer.message(), answer.retry_after))
            }
            Ok(answer) => Err(refused(answer.message())),
            Err(no_answer) => Err(Outcome::Later(no_answer.0, None)),
        }
    }
}

fn together(mut done: Vec<Live>, more: Vec<Live>) -> Vec<Live> {
    done.extend(more);
    done
}

/// A token bucket.
struct Bucket {
    tokens: std::sync::Mutex<(f64, Instant)>,
    burst: f64,
    per_second: f64,
}

impl Bucket {
    fn new(burst: u32, per_second: u32) -> Bucket {
        let burst = f64::from(burst);
        Bucket { tokens: std::sync::Mutex::new((burst, Instant::now())), burst, per_second: f64::from(per_second) }
    }

    /// Waits for a token and takes it.
    async fn take(&self) {
        let wait = {
            let mut state = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = Instant::now();
            let tokens = (state.0 + now.duration_since(state.1).as_secs_f64() * self.per_second).min(self.burst) - 1.0;
            *state = (tokens, now);
            // A token may be owed: whoever comes next waits for longer.
            Duration::from_secs_f64((-tokens / self.per_second).max(0.0))
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_bucket_lets_a_burst_through_and_then_so_many_a_second() {
        let bucket = Bucket::new(5, 10);
        let began = Instant::now();
        for _ in 0..5 {
            bucket.take().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            bucket.take().await;
        }
        let took = began.elapsed();
        assert!((Duration::from_millis(1990)..Duration::from_millis(2100)).contains(&took), "{took:?}");
    }
}
