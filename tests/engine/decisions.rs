//! Decisions while writes are on their way, and after a write whose answer was lost.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tidegate::engine::{Effect, Failure, Intent, Ledger, WriteOp, writes};

use crate::cluster::{Cluster, START};

fn at(minute: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn ended(name: &str, succeeded: bool, minute: i64) -> Json {
    let time = at(minute).to_string();
    let status = if succeeded {
        json!({"completionTime": time, "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": time}]})
    } else {
        json!({"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": time}]})
    };
    json!({"apiVersion": "batch/v1", "kind": "Job", "status": status, "metadata": {"name": name, "labels": {"team": "ml"}}})
}

fn isvc(name: &str) -> Json {
    json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": name, "creationTimestamp": "2020-01-01T00:00:00Z"}})
}

fn application(name: &str) -> Json {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": "argocd"}})
}

/// What rules want written now.
fn wanted(cluster: &mut Cluster) -> Vec<Intent> {
    let intents = cluster.ledger.tick(cluster.now).intents;
    intents.into_iter().filter(|intent| !intent.firings.is_empty()).collect()
}

fn lost() -> Failure {
    Failure::passing("504")
}

#[test]
fn what_is_on_its_way_counts_for_at_most() {
    let rules = "rule page { when any job with label team=ml fails; then notify failed \"{job.metadata.name}\"; at most 1 per 1h }";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.put_quietly(ended("a", false, 1));
    let first = wanted(&mut cluster);
    assert_eq!(first.len(), 1);
    cluster.ledger.sent(&first[0]);
    cluster.put_quietly(ended("b", false, 1));
    assert!(wanted(&mut cluster).is_empty(), "the first is on its way");
    cluster.ledger.failed(&first[0], &lost(), cluster.now);
    let second = wanted(&mut cluster);
    assert_eq!(second.len(), 1, "the first waits for its next try, so another may go");
    assert_eq!(second[0].firings[0].causes[0].object.name.as_ref(), "b");
    cluster.ledger.sent(&second[0]);
    cluster.ledger.done(&second[0], cluster.now);
    cluster.pass(at(55));
    assert!(wanted(&mut cluster).is_empty(), "one an hour");
    cluster.pass(at(65));
    assert_eq!(cluster.log, ["failed Failed on job default/a: a"]);
}

#[test]
fn what_is_on_its_way_counts_for_the_cooldown() {
    let rules = "rule reload { when any job with label team=ml succeeds; then restart isvc x; cooldown 10m }";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.put_quietly(ended("a", true, 1));
    let first = wanted(&mut cluster);
    cluster.ledger.sent(&first[0]);
    cluster.put_quietly(ended("b", true, 1));
    assert!(wanted(&mut cluster).is_empty());
    cluster.write(&first[0]);
    cluster.pass(at(9));
    assert_eq!(cluster.log.len(), 1, "{:?}", cluster.log);
    cluster.pass(at(12));
    assert_eq!(cluster.log[1], "restart isvc default/x because job default/b succeeded");
}

/// A server that says how long to wait is not asked before; one that says it is not believed for ever.
#[test]
fn retry_after_is_kept_to() {
    for (asked, tries) in [(5, 10), (120, 120), (1_000_000, 3600)] {
        let mut cluster = Cluster::new("when job a succeeds then restart isvc x").unwrap();
        cluster.apply_json(isvc("x"));
        cluster.put_quietly(ended("a", true, 1));
        let restart = wanted(&mut cluster).remove(0);
        cluster.ledger.sent(&restart);
        let wait = Some(std::time::Duration::from_secs(asked));
        let began = cluster.now;
        cluster.ledger.failed(&restart, &Failure { wait, ..Failure::passing("429") }, began);
        let due = |cluster: &mut Cluster, seconds: i64| {
            cluster.now = began + SignedDuration::from_secs(seconds);
            cluster.ledger.decide_all();
            wanted(cluster).len()
        };
        assert_eq!(due(&mut cluster, tries - 1), 0, "asked for {asked}");
        assert_eq!(due(&mut cluster, tries), 1, "asked for {asked}");
    }
}

/// Nobody tells the leader that the write was done: it sees it on the target.
#[test]
fn a_write_whose_answer_was_lost_starts_the_cooldown() {
    let rules = "rule reload { when any job with label team=ml succeeds; then restart isvc x; cooldown 1h }";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.pass(at(1));
    cluster.put_quietly(ended("a", true, 1));
    let restart = wanted(&mut cluster).remove(0);
    cluster.ledger.sent(&restart);
    let request = writes(cluster.ledger.rulebook(), cluster.ledger.world(), &restart).remove(0);
    let WriteOp::MergePatch(mut patch) = request.op else { panic!("not a patch") };
    patch["metadata"]["name"] = json!("x");
    cluster.put(restart.target.kind, patch);
    let now = cluster.now;
    cluster.ledger.failed(&restart, &lost(), now);
    cluster.settle();
    cluster.pass(at(5));
    cluster.apply_json(ended("b", true, 5));
    cluster.pass(at(60));
    assert!(cluster.log.is_empty(), "cooldown: {:?}", cluster.log);
    cluster.pass(at(62));
    assert_eq!(cluster.log, ["restart isvc default/x because job default/b succeeded"]);
}

#[test]
fn refreshes_that_were_decided_at_different_times_are_one() {
    let rules = "when any job with label team=ml succeeds then refresh application argocd/prod";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(application("prod"));
    cluster.put_quietly(ended("a", true, 1));
    let first = wanted(&mut cluster).remove(0);
    cluster.ledger.sent(&first);
    for (minute, name) in [(2, "b"), (3, "c")] {
        cluster.now = at(minute);
        cluster.put_quietly(ended(name, true, minute));
        assert!(wanted(&mut cluster).is_empty(), "the application is being written");
    }
    cluster.write(&first);
    let rest = wanted(&mut cluster);
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert!(matches!(rest[0].effect, Effect::RefreshApplication { hard: false, .. }));
    assert_eq!(rest[0].firings.len(), 2);
}

const DEGRADED: &str = "rule trouble { when deployment d is degraded for 5m; then notify trouble \"d\" }";

/// `since`: when its conditions last changed; none: they do not say.
fn deployment(healthy: bool, since: Option<i64>) -> Json {
    let mut progressing = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"});
    if !healthy {
        progressing = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"});
    }
    if let Some(minute) = since {
        progressing["lastTransitionTime"] = json!(at(minute).to_string());
    }
    let ready = i32::from(healthy);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "uid": "the-same"}, "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready, "conditions": [progressing]}})
}

/// What a deployment does, by the minute; a leader that dies at `+3m`; when the notification comes.
fn takes_over(moves: &[(i64, bool)], conditions_tell: bool, follower_watches: bool) -> Vec<i64> {
    let mut leader = Cluster::new(DEGRADED).unwrap();
    let mut follower = Cluster::new(DEGRADED).unwrap();
    for (minute, healthy) in moves {
        let object = deployment(*healthy, conditions_tell.then_some(*minute));
        for cluster in [Some(&mut leader).filter(|_| *minute <= 3), Some(&mut follower)].into_iter().flatten() {
            cluster.pass(at(*minute));
            cluster.apply_json(object.clone());
        }
    }
    leader.pass(at(3));
    let mut ledger = Ledger::new(leader.rulebook(), leader.ledger.world().storable().0);
    if follower_watches {
        ledger.world_mut().take_over(follower.ledger.world());
    }
    follower.ledger = ledger;
    follower.log.clear();
    follower.pass(at(10));
    follower.list();
    let mut told = Vec::new();
    for minute in 10..40 {
        follower.pass(at(minute));
        told.extend(std::mem::take(&mut follower.log).iter().map(|_| minute));
    }
    told
}

#[test]
fn a_state_that_was_left_and_come_back_to_during_a_failover_lasts_anew() {
    let again = [(0, true), (1, false), (4, true), (9, false)];
    assert_eq!(takes_over(&again, true, false), [14], "its conditions tell");
    assert_eq!(takes_over(&again, false, true), [14], "the follower saw it");
    assert_eq!(takes_over(&again, true, true), [14]);
    let still = [(0, true), (1, false)];
    assert_eq!(takes_over(&still, true, false), [10], "the same episode goes on");
    assert_eq!(takes_over(&still, false, true), [10]);
}

/// Pods are found by the whole selector; a workload whose selector is not understood loses none.
#[test]
fn pods_are_found_by_the_whole_selector() {
    let web = |selector: Json| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "creationTimestamp": "2020-01-01T00:00:00Z"}, "spec": {"selector": selector}});
    let expressions = json!([
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "track", "operator": "NotIn", "values": ["canary"]},
        {"key": "x", "operator": "Exists"}, {"key": "y", "operator": "DoesNotExist"},
    ]);
    let cases = [
        (json!({"matchLabels": {"app": "web"}}), Some("app=web")),
        (
            json!({"matchLabels": {"app": "web"}, "matchExpressions": expressions}),
            Some("app=web,tier in (a,b),track notin (canary),x,!y"),
        ),
        (json!({"matchExpressions": [{"key": "x", "operator": "Near", "values": ["z"]}]}), None),
        (json!({}), None),
    ];
    for (selector, expected) in cases {
        let mut cluster = Cluster::new("when job a succeeds then restart deployment web by deleting pods").unwrap();
        cluster.apply_json(web(selector.clone()));
        cluster.put_quietly(ended("a", true, 1));
        let wanted = wanted(&mut cluster);
        let found = wanted.iter().find_map(|intent| match &intent.effect {
            Effect::DeletePods { selector, .. } => Some(selector.as_str()),
            _ => None,
        });
        assert_eq!(found, expected, "{selector}");
    }
}

/// An Event's name is valid wherever its object's is cut off.
#[test]
fn names_of_events_are_names() {
    let mut cluster = Cluster::new("when any job with label team=ml succeeds then notify done \"x\"").unwrap();
    cluster.put_quietly(ended(&format!("{}-.{}", "a".repeat(198), "b".repeat(40)), true, 1));
    let note = wanted(&mut cluster).remove(0);
    let request = writes(cluster.ledger.rulebook(), cluster.ledger.world(), &note).remove(0);
    assert!(request.object.name.starts_with(&format!("{}.", "a".repeat(198))), "{}", request.object.name);
}
