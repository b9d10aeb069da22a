//! Leader election on a `coordination.k8s.io/v1` Lease, by compare-and-swap on its resourceVersion.
//!
//! As client-go does, another's `renewTime` is never compared with our clock: what counts is for how long, by our own clock, the
//! lease has not changed. The lease only narrows the time in which two leaders overlap; what makes an overlap harmless is the
//! compare-and-swap and the record of every write.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::env::Env;
use super::request::Answer;
use super::resource::Resource;
use super::send::{self, Sent};

/// A leader that steps down lets the others look at the lease so often before it does.
const STAND_BACK_LOOKS: u32 = 3;

/// Times of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// A lease that has not changed for so long is free.
    pub lease: Duration,
    /// How often the leader renews.
    pub renew: Duration,
    /// How often the others look.
    pub retry: Duration,
    /// How long before the end of its lease the leader stops writing.
    pub margin: Duration,
    /// How long one request may take.
    pub request: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Times::of(Duration::from_secs(15))
    }
}

impl Times {
    /// Everything in proportion to the length of the lease.
    #[must_use]
    pub fn of(lease: Duration) -> Times {
        Times { lease, renew: lease / 5, retry: lease / 8, margin: lease / 8, request: lease / 3 }
    }
}

/// Who leads, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Until when this replica may act as leader; none if it is not.
    pub until: Option<Instant>,
    /// Counts the times that this replica became leader.
    pub term: u64,
    /// The leader's identity; empty if there is none or it is not known.
    pub holder: Arc<str>,
    /// This replica made the lease, and nobody else has held it: tidegate has not run here before.
    pub first: bool,
    /// Why the lease cannot be read or written just now.
    pub trouble: Option<String>,
}

impl Standing {
    /// Whether this replica leads now and for as long as a write may take.
    #[must_use]
    pub fn leads_for(&self, deadline: Duration) -> bool {
        self.until.is_some_and(|until| Instant::now() + deadline <= until)
    }
}

/// The name of a rulebook's lease.
#[must_use]
pub fn name(rulebook: &str) -> String {
    format!("tidegate-{rulebook}")
}

/// One replica's part in the election.
pub struct Election {
    env: Env,
    name: String,
    times: Times,
    standing: watch::Sender<Standing>,
    /// The last lease that was seen, and since when it has been so by our clock.
    observed: Option<(Json, Instant)>,
    /// The lease was made by this replica.
    made: bool,
    /// Told when this replica cannot do a leader's work.
    step_down: Arc<Notify>,
}

fn leases() -> Resource {
    Resource::builtin("coordination.k8s.io", "v1", "Lease", "leases")
}

impl Election {
    /// A replica that does not lead yet. The receiver tells how it stands.
    #[must_use]
    pub fn new(env: Env, rulebook: &str, times: Times) -> (Election, watch::Receiver<Standing>) {
        let (standing, receiver) = watch::channel(Standing::default());
        (
            Election {
                env,
                name: name(rulebook),
                times,
                standing,
                observed: None,
                made: false,
                step_down: Arc::default(),
            },
            receiver,
        )
    }

    /// Tells the election that another should lead: it gives the lease back and leaves others the time to take it.
    #[must_use]
    pub fn step_down(&self) -> Arc<Notify> {
        self.step_down.clone()
    }

    /// Takes part until `stop` becomes true, then gives the lease back.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let step_down = self.step_down.clone();
        loop {
            let asked = Instant::now();
            self.step(asked).await;
            let leads = self.standing.borrow().until.is_some();
            let pause = if leads { self.times.renew } else { self.env.random.jitter(self.times.retry) };
            let told = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = step_down.notified() => true,
                () = tokio::time::sleep_until(asked + pause) => false,
            };
            if told {
                self.release().await;
                let others = self.times.retry * STAND_BACK_LOOKS;
                let _ = tokio::time::timeout(others, stop.wait_for(|stop| *stop)).await;
            }
        }
        self.release().await;
    }

    /// One look at the lease: renew it, take it, or see that another has it.
    async fn step(&mut self, asked: Instant) {
        // Only a lease that was seen to be ours is renewed unseen; the resourceVersion tells if it has changed since.
        let known = self.observed.as_ref().map(|(lease, _)| lease.clone()).filter(|lease| self.is_ours(lease));
        let lease = match known {
            Some(lease) => Ok(Some(lease)),
            None => self.read().await,
        };
        let outcome = match lease {
            Ok(Some(lease)) if self.may_take(&lease) => self.write(Some(&lease)).await,
            Ok(Some(lease)) => Ok(lease),
            Ok(None) => {
                let made = self.write(None).await;
                self.made = made.as_ref().is_ok_and(|lease| self.is_ours(lease));
                made
            }
            Err(trouble) => Err(trouble),
        };
        match outcome {
            Ok(lease) => self.stand(&lease, asked),
            Err(trouble) => {
                // The next look begins by reading, whatever became of this one.
                let seen = self.observed.take_if(|(lease, _)| holder(lease) == &*self.env.identity);
                tracing::debug!(lease = self.name, trouble, was_ours = seen.is_some(), "the lease was not renewed");
                self.standing.send_modify(|standing| {
                    standing.trouble = Some(trouble);
                    standing.until = standing.until.filter(|until| *until > Instant::now());
                });
            }
        }
    }

    /// Notes who holds the lease. Ours counts from when the request was sent, not from when it was answered.
    fn stand(&mut self, lease: &Json, asked: Instant) {
        let ours = self.is_ours(lease);
        let until = ours.then(|| asked + self.times.lease - self.times.margin);
        let holder: Arc<str> = holder(lease).into();
        self.observe(lease);
        let changed_hands = lease.pointer("/spec/leaseTransitions").and_then(Json::as_u64) != Some(0);
        let first = ours && self.made && !changed_hands;
        self.standing.send_if_modified(|standing| {
            let was = standing.until.is_some_and(|until| until > Instant::now());
            if ours && !was {
                standing.term += 1;
            }
            let told = Standing { until, term: standing.term, holder, first, trouble: None };
            let changed = *standing != told;
            if was != ours || standing.holder != told.holder {
                tracing::info!(leader = ours, holder = %told.holder, term = told.term, "leadership");
            }
            *standing = told;
            changed
        });
    }

    fn observe(&mut self, lease: &Json) {
        let same = self.observed.as_ref().is_some_and(|(seen, _)| version(seen) == version(lease));
        if !same {
            self.observed = Some((lease.clone(), Instant::now()));
        }
    }

    fn is_ours(&self, lease: &Json) -> bool {
        holder(lease) == &*self.env.identity
    }

    /// Whether the lease is ours, free, or has not changed for as long as it says that it lasts.
    fn may_take(&mut self, lease: &Json) -> bool {
        self.observe(lease);
        let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Json::as_u64);
        let lasts = seconds.map_or(self.times.lease, Duration::from_secs);
        let since = self.observed.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        holder(lease).is_empty() || self.is_ours(lease) || since.elapsed() >= lasts
    }

    async fn read(&self) -> Result<Option<Json>, String> {
        let path = leases().object(&self.env.namespace, &self.name)?;
        let answer = super::request::get(&self.env.client, &path, self.times.request).await;
        match answer {
            Ok(answer) if answer.status.is_success() => Ok(Some(answer.body)),
            Ok(answer) if answer.status.as_u16() == 404 => Ok(None),
            Ok(answer) => Err(answer.message()),
            Err(no_answer) => Err(no_answer.0),
        }
    }

    /// Makes the lease ours, if it still is as it was read. What comes back is the lease as it is now.
    async fn write(&mut self, old: Option<&Json>) -> Result<Json, String> {
        let body = self.ours(old);
        let sent = match old {
            None => send::create(&self.env.client, &leases(), &self.env.namespace, &body, self.times.request).await,
            Some(_) => {
                send::replace(&self.env.client, &leases(), &self.env.namespace, &self.name, &body, self.times.request)
                    .await
            }
        };
        match sent {
            Sent::Answered(Answer { status, body, .. }) if status.is_success() => Ok(body),
            // Another was quicker, or the lease is gone: see who has it now.
            Sent::Answered(Answer { status, .. }) if matches!(status.as_u16(), 404 | 409) => match self.read().await? {
                Some(lease) => Ok(lease),
                None => Err("the lease is gone".to_owned()),
            },
            Sent::Answered(answer) if !answer.status.is_server_error() => Err(answer.message()),
            Sent::Answered(answer) => self.seen(&body, answer.message()).await,
            Sent::Unanswered(why) => self.seen(&body, why).await,
        }
    }

    /// Without a clear answer: whether the lease is as it was sent.
    async fn seen(&self, sent: &Json, why: String) -> Result<Json, String> {
        let same = |lease: &Json, path: &str| lease.pointer(path) == sent.pointer(path);
        match self.read().await {
            Ok(Some(lease)) if same(&lease, "/spec/holderIdentity") && same(&lease, "/spec/renewTime") => Ok(lease),
            _ => Err(why),
        }
    }

    fn ours(&self, old: Option<&Json>) -> Json {
        let now = micro(self.env.clock.now());
        let spec = |key: &str| old.and_then(|lease| lease.get("spec")?.get(key)).cloned();
        let same = old.is_some_and(|lease| self.is_ours(lease));
        let transitions =
            spec("leaseTransitions").and_then(|t| t.as_u64()).unwrap_or(0) + u64::from(old.is_some() && !same);
        let acquired = spec("acquireTime").filter(|_| same).unwrap_or_else(|| now.clone().into());
        self.lease(
            old,
            &json!({
                "holderIdentity": *self.env.identity,
                "leaseDurationSeconds": self.times.lease.as_secs().max(1),
                "acquireTime": acquired,
                "renewTime": now,
                "leaseTransitions": transitions,
            }),
        )
    }

    fn lease(&self, old: Option<&Json>, spec: &Json) -> Json {
        let mut metadata = json!({"name": self.name, "namespace": *self.env.namespace});
        if let (Some(metadata), Some(version)) = (metadata.as_object_mut(), old.and_then(version)) {
            metadata.insert("resourceVersion".to_owned(), version.into());
            if let Some(labels) = old.and_then(|lease| lease.pointer("/metadata/labels")) {
                metadata.insert("labels".to_owned(), labels.clone());
            }
        }
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})
    }

    /// Lets another take the lease at once.
    async fn release(&mut self) {
        let held = self.observed.take().map(|(lease, _)| lease).filter(|lease| self.is_ours(lease));
        self.standing.send_modify(|standing| standing.until = None);
        let Some(lease) = held else { return };
        let transitions = lease.pointer("/spec/leaseTransitions").cloned().unwrap_or_else(|| 0.into());
        let now = micro(self.env.clock.now());
        let free = self.lease(Some(&lease), &json!({
            "holderIdentity": "", "leaseDurationSeconds": 1, "acquireTime": now, "renewTime": now, "leaseTransitions": transitions,
        }));
        let (client, namespace) = (&self.env.client, &self.env.namespace);
        match send::replace(client, &leases(), namespace, &self.name, &free, self.times.request).await {
            Sent::Answered(answer) if answer.status.is_success() => tracing::info!(lease = self.name, "lease released"),
            Sent::Answered(answer) => tracing::warn!(lease = self.name, why = answer.message(), "lease not released"),
            Sent::Unanswered(why) => tracing::warn!(lease = self.name, why, "lease not released"),
        }
    }
}

fn holder(lease: &Json) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Json::as_str).unwrap_or("")
}

fn version(lease: &Json) -> Option<&str> {
    lease.pointer("/metadata/resourceVersion").and_then(Json::as_str)
}

/// As Kubernetes' `MicroTime`: always six digits.
fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_times_have_six_digits() {
        let time: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap_or_default();
        assert_eq!(micro(time), "2026-03-01T08:00:00.000000Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_stops_writing_before_its_lease_ends() {
        let times = Times::default();
        let standing = Standing { until: Some(Instant::now() + times.lease - times.margin), ..Standing::default() };
        assert!(standing.leads_for(Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!standing.leads_for(Duration::from_secs(5)));
        assert!(standing.leads_for(Duration::from_secs(1)));
    }
}
