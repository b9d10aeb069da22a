//! What is remembered: baselines of what was there before, and what keeps the state small.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tidegate::engine::{Ledger, Listing, State};

use crate::cluster::{Cluster, START};

pub fn at(minutes: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A Job with the label `team=ml` that ended in a minute.
pub fn ended(name: &str, good: bool, minute: i64) -> Json {
    let time = at(minute).to_string();
    let condition = |kind: &str| json!([{"type": kind, "status": "True", "lastTransitionTime": time}]);
    let status = match good {
        true => json!({"completionTime": time, "conditions": condition("Complete")}),
        false => json!({"conditions": condition("Failed")}),
    };
    let metadata = json!({"name": name, "labels": {"team": "ml"}});
    json!({"apiVersion": "batch/v1", "kind": "Job", "status": status, "metadata": metadata})
}

pub fn running(name: &str) -> Json {
    let metadata = json!({"name": name, "labels": {"team": "ml"}});
    json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"active": 1}, "metadata": metadata})
}

/// An old InferenceService.
pub fn isvc(name: &str) -> Json {
    let metadata = json!({"name": name, "creationTimestamp": "2020-01-01T00:00:00Z"});
    json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata})
}

/// A kind whose runs do not tell when they ended.
pub const THINGS: &str = "kind thing = a.io/v1 Thing (things) runs to completion {\n \
    healthy \"\" when self.?status.?done.orValue(false)\n progressing \"\" otherwise\n}\n";

const RESTART: &str = "restart isvc default/x because job default/a succeeded";

/// A cluster whose API server does not serve Jobs when the rules are loaded.
fn without_jobs(rules: &str) -> Cluster {
    let mut cluster = Cluster::new(rules).unwrap();
    let (rulebook, job) = (cluster.rulebook(), cluster.kind("job"));
    cluster.ledger = Ledger::new(rulebook.clone(), State::fresh());
    for kind in rulebook.fields().into_keys() {
        cluster.ledger.set_listing(kind, if kind == job { Listing::Absent } else { Listing::Listed });
    }
    cluster.apply_json(isvc("x"));
    cluster
}

#[test]
fn what_a_kind_holds_when_it_is_first_served_was_there_before_the_rule() {
    let mut cluster = without_jobs("when job a succeeds then restart isvc x");
    let job = cluster.kind("job");
    cluster.pass(at(600));
    cluster.put_quietly(ended("a", true, 595));
    cluster.ledger.set_listing(job, Listing::Listed);
    cluster.pass(at(700));
    assert_eq!(cluster.log, [""; 0], "it ended before the kind was served");
    cluster.delete("job default/a");
    cluster.apply_json(ended("a", true, 700));
    assert_eq!(cluster.log, [RESTART]);
}

#[test]
fn a_side_of_or_does_not_wait_for_the_kind_of_the_other() {
    let rules = format!("{THINGS}rule r {{ when job a succeeds or thing t succeeds; then restart isvc x }}");
    let mut cluster = Cluster::new(&rules).unwrap();
    let (rulebook, kind) = (cluster.rulebook(), cluster.kind("thing"));
    cluster.ledger = Ledger::new(rulebook.clone(), State::fresh());
    for other in rulebook.fields().into_keys() {
        cluster.ledger.set_listing(other, if other == kind { Listing::Absent } else { Listing::Listed });
    }
    cluster.apply_json(isvc("x"));
    cluster.apply_json(ended("a", true, 0));
    assert_eq!(cluster.log, [RESTART]);
}

#[test]
fn a_name_that_comes_to_stand_for_another_kind_begins_anew() {
    let rules = |kind: &str| {
        format!(
            "kind thing = a.io/v1 {kind} ({}s) runs to completion {{\n healthy \"\" when self.?status.?done.orValue(false)\n progressing \"\" otherwise\n \
             completion self.status.completionTime\n}}\nwhen thing t succeeds then notify done \"done\"\n",
            kind.to_lowercase()
        )
    };
    let mut cluster = Cluster::new(&rules("Wrong")).unwrap();
    cluster.pass(at(60));
    cluster = cluster.reload(&rules("Right")).unwrap();
    let kind = cluster.kind("thing");
    // What the new list holds had finished after the rule was first loaded, and before it meant this kind.
    cluster.ledger = Ledger::reloaded(cluster.rulebook(), cluster.ledger.world());
    for other in cluster.rulebook().fields().into_keys() {
        cluster.ledger.set_listing(other, if other == kind { Listing::Pending } else { Listing::Listed });
    }
    let status = json!({"done": true, "completionTime": at(30).to_string()});
    cluster.put_quietly(json!({"apiVersion": "a.io/v1", "kind": "Right", "metadata": {"name": "t"}, "status": status}));
    cluster.ledger.set_listing(kind, Listing::Listed);
    cluster.pass(at(120));
    assert_eq!(cluster.log, [""; 0]);
}

#[test]
fn a_run_that_appears_after_the_load_but_ended_long_before_it_is_baseline() {
    let mut cluster = Cluster::new("when job a succeeds then restart isvc x").unwrap();
    cluster.apply_json(isvc("x"));
    cluster.pass(at(30));
    // Restored from a backup.
    cluster.apply_json(ended("a", true, -60));
    cluster.pass(at(60));
    assert_eq!(cluster.log, [""; 0]);
}

#[test]
fn invariant_5_a_completion_time_in_the_future_silences_no_rule_and_waits_no_longer_than_others() {
    for minutes in [60, 60 * 24 * 365 * 70] {
        let mut cluster = Cluster::new("when job other succeeds then restart isvc x").unwrap();
        cluster.apply_json(isvc("x"));
        cluster.apply_json(ended("skewed", true, minutes));
        let rules = "when job a succeeds then restart isvc x\nwhen job b succeeds then restart isvc absent";
        cluster = cluster.reload(rules).unwrap();
        cluster.pass(at(20));
        cluster.apply_json(ended("a", true, 20));
        assert_eq!(cluster.log, [RESTART]);
        cluster.log.clear();
        cluster.apply_json(ended("b", true, 30 + minutes));
        cluster.pass(at(60 * 60));
        assert_eq!(cluster.log.len(), 1, "{:?}", cluster.log);
        assert!(cluster.log[0].starts_with("Event ActionGivenUp on job default/b"), "{:?}", cluster.log);
    }
}

#[test]
fn more_finished_runs_than_can_be_named_are_baseline_all_the_same() {
    let rules = format!(
        "{THINGS}rule r {{ when any thing succeeds; then notify done \"done\" }}\n\
         rule j {{ when any job with label team=ml fails; then notify failed \"failed\" }}"
    );
    let mut cluster = Cluster::new(&rules).unwrap();
    let rulebook = cluster.rulebook();
    cluster.now = at(1);
    for n in 0..tidegate::engine::BASELINE_RUNS_MAX + 500 {
        let thing = json!({"apiVersion": "a.io/v1", "kind": "Thing", "metadata": {"name": format!("t{n}")}, "status": {"done": true}});
        cluster.put_quietly(thing);
        cluster.put_quietly(ended(&format!("j{n}"), false, 0));
    }
    cluster.ledger = Ledger::new(rulebook, State::fresh());
    cluster.list();
    assert_eq!(cluster.log.len(), 0, "{:?}", cluster.log.first());
    let named: usize = cluster.ledger.world().state.loads.iter().map(|load| load.runs.len()).sum();
    assert!(named <= tidegate::engine::BASELINE_RUNS_MAX);
    // What comes after it counts.
    cluster.now = at(5);
    cluster.put_quietly(
        json!({"apiVersion": "a.io/v1", "kind": "Thing", "metadata": {"name": "new"}, "status": {"done": true}}),
    );
    cluster.put_quietly(ended("new", false, 5));
    cluster.settle();
    assert_eq!(cluster.log, ["failed Failed on job default/new: failed", "done Done on thing default/new: done"]);
}

#[test]
fn what_is_stored_nowhere_is_not_taken_for_stored_after_a_reload() {
    let rules = "when job a succeeds then restart isvc x";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.apply_json(ended("a", true, 0));
    let mark = *cluster.ledger.world().state.settled.keys().next().unwrap();
    assert!(!cluster.ledger.world().is_saved(mark));
    cluster = cluster.reload(&format!("{rules}\nwhen job b succeeds then restart isvc x")).unwrap();
    assert!(!cluster.ledger.world().is_saved(mark), "its target's record is still needed");
    let (_, marks) = cluster.ledger.world().storable();
    cluster.ledger.world_mut().saved(&marks);
    assert!(cluster.ledger.world().is_saved(mark));
}

#[test]
fn nothing_is_decided_on_the_first_page_of_a_kind_that_was_absent() {
    let rules = "application argocd/platform\n\
        rule r { when every job with label team=ml succeeds; then restart isvc x; block wave 4 }\n\
        rule m { when job late is missing; then notify missing \"missing\" }";
    let mut cluster = without_jobs(rules);
    let job = cluster.kind("job");
    cluster.apply_json(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "platform", "namespace": "argocd"}}));
    cluster.log.clear();
    cluster.pass(at(10));
    cluster.put_quietly(ended("a", true, 10));
    cluster.settle();
    let open = |cluster: &Cluster| cluster.ledger.gates().map(|gate| format!("{:?}", gate.open)).collect::<Vec<_>>();
    assert_eq!(open(&cluster), ["Unknown"]);
    assert!(!cluster.log.iter().any(|line| line.starts_with("restart")), "{:?}", cluster.log);
    cluster.put_quietly(running("b"));
    cluster.ledger.set_listing(job, Listing::Listed);
    cluster.settle();
    assert_eq!(open(&cluster), ["False"]);
    assert!(!cluster.log.iter().any(|line| line.starts_with("restart")), "{:?}", cluster.log);
}

const TIER: &str = "rule tier { when every job with label team=ml succeeds; then restart isvc x }";

/// A kind that is not served for a while: all its objects go and come again.
fn flake(cluster: &mut Cluster, meanwhile: impl Fn(&mut Cluster)) {
    let job = cluster.kind("job");
    let objects = |cluster: &Cluster| cluster.objects.keys().filter(|o| o.kind == job).cloned().collect::<Vec<_>>();
    for object in objects(cluster) {
        cluster.ledger.change(tidegate::engine::Change::Delete(object), cluster.now);
    }
    cluster.ledger.set_listing(job, Listing::Absent);
    cluster.settle();
    meanwhile(cluster);
    objects(cluster).iter().for_each(|object| cluster.show(object));
    cluster.ledger.set_listing(job, Listing::Listed);
    cluster.settle();
}

#[test]
fn members_that_were_out_of_sight_for_a_while_are_no_departures() {
    let mut cluster = Cluster::new(TIER).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.put_quietly(running("b"));
    cluster.put_quietly(ended("a", true, 5));
    cluster.pass(at(10));
    flake(&mut cluster, |cluster| {
        cluster.put_quietly(ended("b", true, 10));
        cluster.pass(at(12));
    });
    assert_eq!(cluster.log, ["restart isvc default/x because job default/a succeeded, job default/b succeeded"]);
}

#[test]
fn a_member_that_goes_away_while_its_kind_is_out_of_sight_never_fires() {
    let mut cluster = Cluster::new(TIER).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.put_quietly(running("b"));
    cluster.put_quietly(ended("a", true, 5));
    cluster.pass(at(10));
    flake(&mut cluster, |cluster| {
        let b = cluster.object("job default/b");
        cluster.objects.remove(&b);
    });
    cluster.pass(at(600));
    assert_eq!(cluster.log, [""; 0]);
}

/// The controller's clock is five minutes ahead of that of the objects.
#[test]
fn departures_are_told_by_the_clock_of_the_objects() {
    let mut cluster = Cluster::new(TIER).unwrap();
    cluster.apply_json(isvc("x"));
    for name in ["a", "b", "c"] {
        cluster.put_quietly(running(name));
    }
    cluster.put_quietly(ended("a", true, 5));
    cluster.pass(at(12));
    cluster.delete("job default/b");
    cluster.pass(at(13));
    cluster.apply_json(ended("c", true, 8));
    assert_eq!(cluster.log, ["restart isvc default/x because job default/a succeeded, job default/c succeeded"]);
    // Made again, as a hook is at each sync.
    cluster.log.clear();
    cluster.delete("job default/c");
    cluster.apply_json(running("c"));
    cluster.delete("job default/c");
    cluster.apply_json(running("c"));
    cluster.pass(at(20));
    cluster.apply_json(ended("c", true, 15));
    assert_eq!(cluster.log, ["restart isvc default/x because job default/c succeeded"]);
}

/// A `thing` that is done and does not tell since when.
pub fn thing(name: &str) -> Json {
    json!({"apiVersion": "a.io/v1", "kind": "Thing", "metadata": {"name": name}, "status": {"done": true}})
}

#[test]
fn invariant_5_nothing_waits_for_ever_though_its_time_is_not_told_and_the_controller_restarts_each_day() {
    let mut cluster = Cluster::new(&format!("{THINGS}when thing t succeeds then restart isvc absent")).unwrap();
    cluster.pass(at(1));
    cluster.apply_json(thing("t"));
    for day in 1..5 {
        cluster.pass(at(day * 23 * 60));
        cluster.restart(true);
    }
    assert_eq!(cluster.log.len(), 1, "{:?}", cluster.log);
    assert!(cluster.log[0].starts_with("Event ActionGivenUp on thing default/t"), "{:?}", cluster.log);
    let mark = cluster.ledger.world().state.settled.values().next().unwrap().at;
    assert_eq!(mark, at(24 * 60 + 1));
}

#[test]
fn a_target_that_is_made_between_a_cause_without_a_time_and_a_restart_is_younger_than_the_cause() {
    let mut cluster = Cluster::new(&format!("{THINGS}when thing t succeeds then restart isvc x")).unwrap();
    cluster.pass(at(1));
    cluster.apply_json(thing("t"));
    cluster.pass(at(20));
    let bare =
        json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "x"}});
    cluster.put_quietly(bare);
    cluster.now = at(30);
    // The controller was killed before it saw the target.
    let (state, _) = cluster.ledger.world().storable();
    cluster.ledger = Ledger::new(cluster.rulebook(), State::from_json(&state.to_json().unwrap()).unwrap());
    cluster.list();
    assert_eq!(cluster.log.len(), 1, "{:?}", cluster.log);
    assert!(cluster.log[0].starts_with("Event ActionNotNeeded on isvc default/x"), "{:?}", cluster.log);
}
