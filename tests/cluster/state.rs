//! The state object: lost, unreadable, deleted, changed by another, refused.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::rehearse::apiserver::{Fault, RequestInfo};

use super::faults;
use super::stage::{SENTENCE, Stage, seconds};

fn state_map(text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tidegate-state-default", "namespace": "tidegate"},
        "data": {"state.json": text}})
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_lost_makes_now_the_baseline_says_so_and_fires_nothing() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    replica.stop().await;
    stage.succeed("train-fraud");
    stage.server.delete("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
    let replica = stage.start("a", SENTENCE);
    seconds(60).await;
    assert_eq!(stage.marks("fraud"), 0);
    let told = stage.events("tidegate").iter().filter(|event| event.ends_with("NewBaseline")).count();
    assert_eq!(told, 2, "one for each object");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_read_is_left_alone_until_an_operator_decides() {
    for broken in ["{", "[]", r#"{"version": 99}"#, ""] {
        let stage = Stage::new();
        stage.server.put(state_map(broken)).unwrap();
        let replica = stage.start("a", SENTENCE);
        seconds(10).await;
        stage.succeed("train-fraud");
        seconds(300).await;
        assert_eq!(stage.marks("fraud"), 0);
        let ready = replica.ready().await;
        assert!(
            ready.contains("ConfigMap tidegate-state-default cannot be used") && ready.contains("delete the ConfigMap"),
            "{ready}"
        );
        let map = stage.server.get("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
        assert_eq!(map["data"]["state.json"], broken);
        assert_eq!(stage.events("tidegate"), ["ConfigMap tidegate-state-default StateUnreadable"]);
        stage.server.delete("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
        seconds(30).await;
        assert_eq!(replica.ready().await, "ready\n");
        assert_eq!(stage.marks("fraud"), 0, "now is the baseline");
        replica.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_deleted_while_in_use_is_made_again() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let before = stage.state().unwrap();
    stage.server.delete("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
    stage.succeed("train-fraud");
    seconds(10).await;
    assert_eq!(stage.marks("fraud"), 1);
    assert_eq!(stage.state().unwrap()["loads"], before["loads"]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_another_wrote_is_loaded_again() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let map = stage.server.get("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
    let mut text: Value = serde_json::from_str(map["data"]["state.json"].as_str().unwrap()).unwrap();
    text["dealt_until"] = "2026-01-01T00:00:00Z".into();
    stage.server.put(state_map(&text.to_string())).unwrap();
    stage.succeed("train-fraud");
    seconds(10).await;
    assert_eq!(stage.marks("fraud"), 1);
    assert_eq!(stage.state().unwrap()["dealt_until"], "2026-01-01T00:00:00Z");
    let settled = stage.state().unwrap()["settled"].clone();
    assert_eq!(settled.as_object().map(serde_json::Map::len), Some(1), "{settled}");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_stored_is_shown() {
    let stage = Stage::new();
    faults(&stage.server, |r| if r.resource == "configmaps" && r.is_write() { Fault::Error(403) } else { Fault::None });
    let replica = stage.start("a", SENTENCE);
    seconds(30).await;
    assert!(replica.ready().await.starts_with("the state cannot be stored: 403"), "{}", replica.ready().await);
    stage.server.set_faults(None);
    seconds(10).await;
    assert_eq!(replica.ready().await, "ready\n");
    assert!(stage.state().is_some());
    replica.stop().await;
}

/// An episode that goes on when tidegate is first installed is told; one that goes on when the state was lost is not told again.
#[tokio::test(start_paused = true)]
async fn episodes_are_told_at_an_installation_and_not_again_when_the_state_is_lost() {
    const RULE: &str = "rule gone { when isvc absent is missing; then notify serving-missing \"it is not there\" }\n";
    let told = ["InferenceService absent ServingMissing"];
    let stage = Stage::new();
    let one = stage.start("one", RULE);
    seconds(30).await;
    assert_eq!(stage.events("team"), told);
    one.stop().await;
    // The lease says that tidegate has run here.
    stage.server.delete("v1", "ConfigMap", "tidegate", "tidegate-state-default").unwrap();
    for event in stage.server.list("v1", "Event", Some("team")).unwrap() {
        stage.server.delete("v1", "Event", "team", event["metadata"]["name"].as_str().unwrap()).unwrap();
    }
    for identity in ["two", "one"] {
        let replica = stage.start(identity, RULE);
        seconds(60).await;
        assert_eq!(stage.events("team"), [""; 0]);
        replica.stop().await;
    }
    // It comes and goes: another episode.
    let two = stage.start("two", RULE);
    seconds(30).await;
    stage.isvc("absent");
    seconds(5).await;
    stage.server.delete("serving.kserve.io/v1beta1", "InferenceService", "team", "absent").unwrap();
    seconds(5).await;
    assert_eq!(stage.events("team"), told);
    two.stop().await;
}

/// A cluster in which everything that happens is about a rule: each decision has something to decide.
#[tokio::test(start_paused = true)]
async fn the_state_of_a_busy_cluster_does_not_grow() {
    const HOURS: usize = 60;
    let stage = Stage::new();
    let page = "rule r { when any job with label team=ml fails; then notify failed \"{job.metadata.name}\" }\n";
    // A lease of hours, since its renewals are not what this is about.
    let hours = std::time::Duration::from_secs(4 * 3600);
    let replica = stage.start_with("a", page, |options| options.times = tidegate::cluster::Times::of(hours));
    seconds(60).await;
    for n in 0..HOURS {
        let name = format!("j-{n}");
        let metadata = json!({"name": name, "namespace": "team", "labels": {"team": "ml"}});
        stage.server.put(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}})).unwrap();
        seconds(1800).await;
        let failed = json!([{"type": "Failed", "status": "True", "lastTransitionTime": stage.now()}]);
        stage.server.patch_status("batch/v1", "Job", "team", &name, json!({"conditions": failed})).unwrap();
        seconds(1800).await;
        stage.server.delete("batch/v1", "Job", "team", &name).unwrap();
    }
    seconds(60).await;
    let state = stage.state().unwrap();
    let count = |key: &str| state[key].as_object().map_or(0, serde_json::Map::len);
    let told = stage.events("team").iter().filter(|event| event.ends_with("Failed")).count();
    assert_eq!((told, count("acted"), count("fired")), (HOURS, 0, 0));
    assert!((40..=52).contains(&count("settled")), "{}", count("settled"));
    replica.stop().await;
}

/// More events and actions than the state can hold are refused, visibly, and the last good rules stay.
#[tokio::test(start_paused = true)]
async fn rules_that_are_too_many_to_be_remembered_are_refused() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let many = tidegate::engine::ITEMS_MAX / 2 + 1;
    let rules: String = (0..many).map(|n| format!("when job j{n} succeeds then restart isvc x{n}\n")).collect();
    replica.rules(&rules);
    seconds(5).await;
    let refused = replica.status().await["rules"]["refused"][0].as_str().unwrap_or("").to_owned();
    assert!(refused.contains("no more than 20000 can be remembered"), "{refused}");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

/// A leader whose first questions are not answered gives the lease to one whose are; alone, it takes it again, later each time.
#[tokio::test(start_paused = true)]
async fn a_leader_whose_first_answers_do_not_come_lets_another_lead() {
    let hangs = |r: &RequestInfo| match (r.caller.as_str(), r.verb, r.resource.as_str()) {
        ("a", "get", "configmaps") => Fault::Delay(Duration::from_secs(100_000)),
        _ => Fault::None,
    };
    let lists = |r: &RequestInfo| match (r.caller.as_str(), r.verb, r.resource.as_str()) {
        ("a", "list", "jobs") => Fault::Delay(Duration::from_secs(100_000)),
        _ => Fault::None,
    };
    for (what, fault) in [
        ("the state", Box::new(hangs) as Box<dyn Fn(&RequestInfo) -> Fault + Send + Sync>),
        ("a kind", Box::new(lists)),
    ] {
        let stage = Stage::new();
        faults(&stage.server, fault);
        let a = stage.start("a", SENTENCE);
        seconds(10).await;
        assert_eq!(a.status().await["leader"], "a", "{what}");
        let b = stage.start("b", SENTENCE);
        seconds(40).await;
        assert_eq!(b.status().await["leader"], "b", "{what}");
        stage.succeed("train-fraud");
        seconds(5).await;
        assert_eq!(stage.marks("fraud"), 1, "{what}");
        seconds(300).await;
        assert_eq!(b.status().await["leader"], "b", "{what}: it stays");
        b.stop().await;
        seconds(60).await;
        let transitions = || {
            let lease = stage.server.get("coordination.k8s.io/v1", "Lease", "tidegate", "tidegate-default").unwrap();
            lease["spec"]["leaseTransitions"].as_u64().unwrap()
        };
        let before = transitions();
        seconds(2000).await;
        let times = transitions() - before;
        assert!((2..=8).contains(&times), "{what}: {times}");
        a.kill().await;
    }
}
