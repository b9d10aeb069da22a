//! Leader election.

use std::time::Duration;

use tidegate::cluster::lease::{Election, Standing, Times};
use tidegate::rehearse::apiserver::{ApiServer, Fault};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{env, faults, server};

/// What a single write may take, here.
const WRITE: Duration = Duration::from_secs(5);

struct Replica {
    standing: watch::Receiver<Standing>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(server: &ApiServer, identity: &str) -> Replica {
        let seed = identity.bytes().map(u64::from).sum();
        let (election, standing) = Election::new(env(server, identity, seed), "default", Times::default());
        let (stop, stopped) = watch::channel(false);
        Replica { standing, stop, task: tokio::spawn(election.run(stopped)) }
    }

    fn leads(&self) -> bool {
        self.standing.borrow().leads_for(WRITE)
    }

    fn term(&self) -> u64 {
        self.standing.borrow().term
    }
}

fn ready(server: &ApiServer) {
    server.ensure_namespace("tidegate").unwrap();
}

fn leases_written(server: &ApiServer) -> usize {
    server.take_audit().iter().filter(|record| record.changed && record.request.resource == "leases").count()
}

fn holder(server: &ApiServer) -> String {
    let lease = server.get("coordination.k8s.io/v1", "Lease", "tidegate", "tidegate-default").unwrap();
    lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

/// Counts, second by second, how many replicas would write.
async fn watch_for(replicas: &[&Replica], seconds: u64) -> (usize, u64) {
    let (mut most, mut without) = (0, 0);
    for _ in 0..seconds {
        sleep(Duration::from_secs(1)).await;
        let leaders = replicas.iter().filter(|replica| replica.leads()).count();
        most = most.max(leaders);
        without += u64::from(leaders == 0);
    }
    (most, without)
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_the_other_follows_when_it_dies() {
    let server = server();
    ready(&server);
    let (a, b) = (Replica::start(&server, "a"), Replica::start(&server, "b"));
    let (most, without) = watch_for(&[&a, &b], 60).await;
    assert_eq!((most, without), (1, 0));
    let (first, second) = if a.leads() { (a, b) } else { (b, a) };
    assert_eq!((first.term(), second.term()), (1, 0));
    first.task.abort();
    let died = Instant::now();
    while !second.leads() {
        sleep(Duration::from_millis(100)).await;
        assert!(!(first.leads() && second.leads()), "two leaders");
    }
    let took = died.elapsed();
    assert!(took >= Duration::from_secs(9) && took <= Duration::from_secs(19), "{took:?}");
    assert_eq!(second.term(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over_at_once() {
    let server = server();
    ready(&server);
    let a = Replica::start(&server, "a");
    sleep(Duration::from_secs(1)).await;
    let b = Replica::start(&server, "b");
    sleep(Duration::from_secs(10)).await;
    assert!(a.leads() && !b.leads());
    a.stop.send(true).unwrap();
    a.task.await.unwrap();
    assert_eq!(holder(&server), "");
    sleep(Duration::from_secs(3)).await;
    assert!(b.leads());
    assert_eq!(holder(&server), "b");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_writing_before_another_may_begin() {
    let server = server();
    ready(&server);
    let a = Replica::start(&server, "a");
    sleep(Duration::from_secs(1)).await;
    let b = Replica::start(&server, "b");
    sleep(Duration::from_secs(20)).await;
    // The leader is cut off from the API server, the other is not.
    faults(&server, |request| if request.caller == "a" { Fault::DropBeforeApplying } else { Fault::None });
    let mut free_since = None;
    for _ in 0..400 {
        sleep(Duration::from_millis(100)).await;
        assert!(!(a.standing.borrow().leads_for(Duration::ZERO) && b.standing.borrow().leads_for(Duration::ZERO)));
        if !a.leads() && free_since.is_none() {
            free_since = Some(Instant::now());
        }
    }
    assert!(b.leads() && free_since.is_some());
    assert!(a.standing.borrow().trouble.is_some());
    // Back again, it sees that it is no longer the leader, and does not take the lease back.
    server.set_faults(None);
    sleep(Duration::from_secs(30)).await;
    assert!(b.leads() && !a.leads());
    assert_eq!(&*a.standing.borrow().holder, "b");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_does_not_cost_the_lease() {
    let server = server();
    ready(&server);
    let a = Replica::start(&server, "a");
    sleep(Duration::from_secs(5)).await;
    // Every second renewal is applied, but the leader does not hear of it.
    faults(&server, |request| {
        let lost = request.verb == "update" && request.sequence % 2 == 0;
        if lost { Fault::TimeoutAfterApplying } else { Fault::None }
    });
    let (most, without) = watch_for(&[&a], 120).await;
    assert_eq!((most, without), (1, 0));
    assert_eq!(a.term(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_replica_that_comes_back_does_not_wait_for_itself() {
    let server = server();
    ready(&server);
    let a = Replica::start(&server, "pod-a");
    sleep(Duration::from_secs(5)).await;
    a.task.abort();
    let again = Replica::start(&server, "pod-a");
    sleep(Duration::from_secs(1)).await;
    assert!(again.leads());
}

#[tokio::test(start_paused = true)]
async fn an_idle_leader_writes_its_lease_and_nothing_else() {
    let server = server();
    ready(&server);
    let _a = Replica::start(&server, "a");
    sleep(Duration::from_secs(5)).await;
    server.take_audit();
    sleep(Duration::from_secs(60)).await;
    let records = server.take_audit();
    assert!(records.iter().all(|record| record.request.verb == "update" && record.request.resource == "leases"));
    assert_eq!(records.len(), 20);
    assert_eq!(leases_written(&server), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_made_again() {
    let server = server();
    ready(&server);
    let a = Replica::start(&server, "a");
    sleep(Duration::from_secs(5)).await;
    server.delete("coordination.k8s.io/v1", "Lease", "tidegate", "tidegate-default").unwrap();
    sleep(Duration::from_secs(7)).await;
    assert!(a.leads());
    assert_eq!(holder(&server), "a");
}
