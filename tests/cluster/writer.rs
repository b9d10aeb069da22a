//! The writer.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::cluster::lease::Standing;
use tidegate::cluster::resource::Resource;
use tidegate::cluster::writer::{Job, Order, Outcome, Place, Writer};
use tidegate::rehearse::apiserver::{ApiServer, Fault};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{faults, job, jobs, server};

const DEADLINE: Duration = Duration::from_secs(5);

struct Desk {
    server: ApiServer,
    jobs: mpsc::Sender<Job>,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    standing: watch::Sender<Standing>,
}

impl Desk {
    fn new() -> Desk {
        let server = server();
        server.ensure_namespace("team").unwrap();
        server.put(job("train")).unwrap();
        let lead = Standing { until: Some(Instant::now() + Duration::from_secs(3600)), term: 1, ..Standing::default() };
        let (standing, receiver) = watch::channel(lead);
        let (jobs, queue) = mpsc::channel(32);
        let (sender, outcomes) = mpsc::channel(32);
        tokio::spawn(Writer::new(server.client_as("writer"), receiver, DEADLINE).run(queue, sender));
        Desk { server, jobs, outcomes, standing }
    }

    async fn ask(&mut self, orders: Vec<Order>) -> String {
        self.jobs.send(Job { id: 1, orders }).await.unwrap();
        let (id, outcome) = self.outcomes.recv().await.unwrap();
        assert_eq!(id, 1);
        let seen = |live: Vec<(Place, Option<Value>)>| -> String {
            let one = |(place, object): (Place, Option<Value>)| {
                let value = object.map_or("gone".to_owned(), |o| o["metadata"]["annotations"]["n"].to_string());
                format!(" {}={value}", place.name)
            };
            live.into_iter().map(one).collect()
        };
        match outcome {
            Outcome::Done(live) => format!("done{}", seen(live)),
            Outcome::Conflict(live) => format!("conflict{}", seen(live)),
            Outcome::Uncertain(live, why) => format!("uncertain{} ({why})", seen(live)),
            Outcome::Refused(live, why) => format!("refused{} ({why})", seen(live)),
            Outcome::Later(why, wait) => format!("later {wait:?} ({why})"),
            Outcome::NotLeader => "not leader".to_owned(),
        }
    }

    fn live(&self) -> Value {
        self.server.get("batch/v1", "Job", "team", "train").unwrap()
    }

    fn writes(&self) -> usize {
        self.server.take_audit().iter().filter(|record| record.request.is_write()).count()
    }
}

fn place(name: &str) -> Place {
    Place { resource: jobs(), namespace: "team".into(), name: name.into(), uid: "".into() }
}

fn annotate(version: &str, n: u32) -> Order {
    let body = json!({"metadata": {"resourceVersion": version, "annotations": {"n": n.to_string()}}});
    Order::Merge(place("train"), body)
}

fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

fn event(name: &str) -> Order {
    let body = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "team"},
        "involvedObject": {"namespace": "team", "name": "train"}, "reason": "Done", "message": "m", "type": "Normal"});
    let events = Resource::builtin("", "v1", "Event", "events");
    Order::Create(Place { resource: events, namespace: "team".into(), name: name.into(), uid: "".into() }, body)
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_and_the_object_comes_back() {
    let mut desk = Desk::new();
    let version = version(&desk.live());
    assert_eq!(desk.ask(vec![annotate(&version, 1)]).await, r#"done train="1""#);
    assert_eq!(desk.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_gives_the_live_object_and_changes_nothing() {
    let mut desk = Desk::new();
    let old = version(&desk.live());
    desk.server
        .patch("batch/v1", "Job", "team", "train", json!({"metadata": {"annotations": {"n": "other"}}}))
        .unwrap();
    assert_eq!(desk.ask(vec![annotate(&old, 1)]).await, r#"conflict train="other""#);
    desk.server.delete("batch/v1", "Job", "team", "train").unwrap();
    assert_eq!(desk.ask(vec![annotate(&old, 1)]).await, "conflict train=gone");
}

#[tokio::test(start_paused = true)]
async fn without_a_clear_answer_the_live_object_tells_what_happened() {
    for (fault, expected) in [
        (Fault::TimeoutAfterApplying, r#"uncertain train="1""#),
        (Fault::DropAfterApplying, r#"uncertain train="1""#),
        (Fault::DropBeforeApplying, "uncertain train=null"),
        (Fault::Error(500), "uncertain train=null"),
        (Fault::Error(504), "uncertain train=null"),
        (Fault::Delay(Duration::from_secs(60)), "uncertain train=null"),
    ] {
        let mut desk = Desk::new();
        let version = version(&desk.live());
        let injected = fault.clone();
        faults(&desk.server, move |request| if request.verb == "patch" { injected.clone() } else { Fault::None });
        let began = Instant::now();
        let told = desk.ask(vec![annotate(&version, 1)]).await;
        assert!(told.starts_with(expected), "{fault:?}: {told}");
        assert!(began.elapsed() <= DEADLINE, "{fault:?}");
        assert_eq!(desk.writes(), usize::from(!matches!(fault, Fault::Delay(_))), "{fault:?}: sent more than once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_words_of_the_server() {
    for (code, expected) in [(403, "refused"), (400, "refused"), (422, "refused"), (401, "later"), (429, "later")] {
        let mut desk = Desk::new();
        let version = version(&desk.live());
        faults(&desk.server, move |request| if request.is_write() { Fault::Error(code) } else { Fault::None });
        let told = desk.ask(vec![annotate(&version, 1)]).await;
        assert!(told.starts_with(expected) && told.contains(&format!("({code}: ")), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_would_lead_elsewhere_is_never_sent() {
    let mut desk = Desk::new();
    let hostile = Place { name: "../../secrets/token".into(), ..place("train") };
    let told = desk.ask(vec![Order::Merge(hostile, json!({}))]).await;
    assert!(told.starts_with("refused (422: `../../secrets/token` is not a name"), "{told}");
    assert!(desk.server.take_audit().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_exists_is_done() {
    let mut desk = Desk::new();
    assert_eq!(desk.ask(vec![event("e.1")]).await, "done e.1=null");
    assert_eq!(desk.ask(vec![event("e.1")]).await, "done");
    faults(&desk.server, |request| if request.verb == "create" { Fault::TimeoutAfterApplying } else { Fault::None });
    assert!(desk.ask(vec![event("e.2")]).await.starts_with("uncertain e.2=null"));
    desk.server.set_faults(None);
    assert_eq!(desk.ask(vec![event("e.2")]).await, "done");
}

#[tokio::test(start_paused = true)]
async fn orders_go_in_order_and_stop_at_the_first_that_fails() {
    let mut desk = Desk::new();
    let version = version(&desk.live());
    let told = desk.ask(vec![event("e.1"), annotate("1", 1), event("e.2")]).await;
    assert_eq!(told, "conflict e.1=null train=null");
    let told = desk.ask(vec![event("e.1"), annotate(&version, 1), event("e.2")]).await;
    assert_eq!(told, r#"done train="1" e.2=null"#);
}

#[tokio::test(start_paused = true)]
async fn invariant_4_one_writer_that_leads_and_has_time_left() {
    let mut desk = Desk::new();
    let version = version(&desk.live());
    desk.standing.send_modify(|standing| standing.until = Some(Instant::now() + DEADLINE - Duration::from_millis(1)));
    assert_eq!(desk.ask(vec![annotate(&version, 1)]).await, "not leader");
    desk.standing.send_modify(|standing| standing.until = None);
    assert_eq!(desk.ask(vec![annotate(&version, 1)]).await, "not leader");
    assert!(desk.server.take_audit().is_empty());
    desk.standing.send_modify(|standing| standing.until = Some(Instant::now() + DEADLINE));
    assert_eq!(desk.ask(vec![annotate(&version, 1)]).await, r#"done train="1""#);
}

#[tokio::test(start_paused = true)]
async fn pods_are_deleted_by_uid_if_they_are_old() {
    let mut desk = Desk::new();
    let pod = |name: &str, app: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team", "labels": {"app": app}}, "spec": {}});
    desk.server.put(pod("old-1", "fraud")).unwrap();
    desk.server.put(pod("old-2", "fraud")).unwrap();
    desk.server.put(pod("other", "else")).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    desk.server.put(pod("new", "fraud")).unwrap();
    let before = super::start() + jiff::SignedDuration::from_secs(30);
    let order = || Order::DeletePods { namespace: "team".into(), selector: "app=fraud".into(), before, owner: None };
    assert_eq!(desk.ask(vec![order()]).await, "done");
    let left: Vec<String> = desk
        .server
        .list("v1", "Pod", Some("team"))
        .unwrap()
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["new", "other"]);
    assert_eq!(desk.writes(), 2);
    assert_eq!(desk.ask(vec![order()]).await, "done");
    assert_eq!(desk.writes(), 0);
    let bad = Order::DeletePods { namespace: "team".into(), selector: "".into(), before, owner: None };
    assert!(desk.ask(vec![bad]).await.starts_with("refused"), "an empty selector would be every pod");
}

/// The queue is closed while jobs are in flight: those are finished.
#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_finished() {
    let mut desk = Desk::new();
    let version = version(&desk.live());
    faults(&desk.server, |_| Fault::Delay(Duration::from_secs(2)));
    desk.jobs.send(Job { id: 1, orders: vec![annotate(&version, 1)] }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (jobs, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut desk.jobs, jobs));
    assert!(matches!(desk.outcomes.recv().await, Some((1, Outcome::Done(_)))));
    assert!(desk.outcomes.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn writes_are_limited_in_their_rate() {
    let desk = Desk::new();
    let began = Instant::now();
    let mut outcomes = desk.outcomes;
    let (queue, server) = (desk.jobs.clone(), desk.server.clone());
    tokio::spawn(async move {
        for n in 0..160 {
            queue.send(Job { id: n, orders: vec![event(&format!("e.{n}"))] }).await.unwrap();
        }
    });
    for _ in 0..160 {
        assert!(matches!(outcomes.recv().await, Some((_, Outcome::Done(_)))));
    }
    // 60 at once, 100 at 20 a second.
    let took = began.elapsed();
    assert!((Duration::from_millis(4900)..Duration::from_millis(5100)).contains(&took), "{took:?}");
    assert_eq!(server.list("v1", "Event", Some("team")).unwrap().len(), 160);
}
