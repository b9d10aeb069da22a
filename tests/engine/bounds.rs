//! Invariant 10: what is remembered has limits, what is over is forgotten, and nothing that waits is forgotten in silence.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidegate::engine::{
    ACTED_MAX, BASELINE_RUNS_MAX, CLOCK_SKEW, DEPARTED_MAX, EPISODES_MAX, FIRED_MAX, How, ITEMS_MAX, LOADS_MAX, Mark,
    NOTES_MAX, OWED_BYTES_MAX, Owed, RunId, SETTLED_MAX, STATE_BYTES_MAX, State, TIMELESS_MAX,
};
use tidegate::rulebook::Outcome;

use crate::cluster::{Cluster, compile};
use crate::state::{THINGS, at, ended, isvc, running, thing};

/// As long as a time can be.
fn long(second: i64) -> Timestamp {
    at(0) + SignedDuration::new(second, 123_456_789)
}

fn mark(number: usize) -> Mark {
    Mark::of(&[&number.to_string()])
}

fn marks(numbers: std::ops::Range<usize>) -> BTreeSet<Mark> {
    numbers.map(mark).collect()
}

/// Fills everything beyond its limit, in the ways in which it is filled.
fn overfull() -> State {
    let mut state = State::default();
    let whole = marks(0..ITEMS_MAX);
    for n in 0..LOADS_MAX * 2 {
        let now = long(i64::try_from(n).unwrap() * 3600);
        let run = |number: usize| RunId {
            uid: Arc::from(format!("uid-{number}")),
            outcome: Outcome::Succeeded,
            completion: Arc::from(""),
            ended: number.is_multiple_of(2).then_some(now),
            created: Some(now),
            before: None,
        };
        let finished: Vec<RunId> = (n * 100..n * 100 + BASELINE_RUNS_MAX / 10).map(run).collect();
        state.load(&marks(n * 100..(n + 1) * 100), &whole, &finished, now);
    }
    for n in 0..SETTLED_MAX * 3 / 200 {
        let now = long(i64::try_from(n).unwrap());
        let hundred = |what: &str| (0..100).map(|m| Mark::of(&[what, &(n * 100 + m).to_string()])).collect::<Vec<_>>();
        if n < TIMELESS_MAX / 50 {
            state.settle(hundred("timeless"), How::CreatedAfter, true, now);
            state.settle(hundred("note"), How::Said, false, now);
        }
        state.settle(hundred("timed"), How::CreatedAfter, false, now);
        if let Some(until) = state.is_full() {
            state.drop_before(until);
        }
    }
    for n in 0..EPISODES_MAX {
        state.episodes.insert(mark(n), long(0));
    }
    for n in 0..ACTED_MAX * 3 {
        state.note_acted(mark(n), long(0));
        state.note_fired(mark(n), 3, long(1));
        state.note_fired(mark(n), 3, long(2));
        state.note_departed(mark(n), long(0));
    }
    state
}

#[test]
fn invariant_10_bounded_everything_at_its_limit_can_still_be_stored() {
    let mut state = overfull();
    let of =
        |how: How, timeless: bool| state.settled.values().filter(|s| s.how == how && s.timeless == timeless).count();
    assert!((1..=NOTES_MAX).contains(&of(How::Said, false)));
    assert!((1..=TIMELESS_MAX).contains(&of(How::CreatedAfter, true)));
    assert!((1..=SETTLED_MAX).contains(&of(How::CreatedAfter, false)));
    assert_eq!((state.loads.len(), state.acted.len()), (LOADS_MAX, ACTED_MAX));
    assert_eq!((state.fired.values().map(Vec::len).sum::<usize>(), state.departed.len()), (FIRED_MAX, DEPARTED_MAX));
    assert!(state.items.len() + state.early.len() <= ITEMS_MAX, "{} {}", state.items.len(), state.early.len());
    let named: usize = state.loads.iter().map(|load| load.runs.len()).sum();
    assert!((BASELINE_RUNS_MAX * 3 / 4..=BASELINE_RUNS_MAX).contains(&named), "{named}");
    // What the limits allow, to the last.
    let fill = |state: &mut State, how: How, timeless: bool, max: usize| {
        let held = state.settled.values().filter(|s| s.how == how && s.timeless == timeless).count();
        let new = (held..max).map(|n| Mark::of(&["more", &format!("{how:?}{timeless}"), &n.to_string()]));
        state.settle(new.collect::<Vec<_>>(), how, timeless, long(0));
    };
    fill(&mut state, How::Said, false, NOTES_MAX);
    fill(&mut state, How::CreatedAfter, true, TIMELESS_MAX);
    fill(&mut state, How::CreatedAfter, false, SETTLED_MAX);
    assert_eq!(state.settled.len(), NOTES_MAX + TIMELESS_MAX + SETTLED_MAX);
    for n in 0..ITEMS_MAX - state.early.len() - state.items.len() {
        state.items.insert(Mark::of(&["item", &n.to_string()]), n % LOADS_MAX);
    }
    for n in 0..BASELINE_RUNS_MAX - named {
        state.loads[n % LOADS_MAX].runs.insert(Mark::of(&["some run", &n.to_string()]));
    }
    for load in &mut state.loads {
        (load.created, load.episodes) = (Some(long(0)), true);
    }
    let text = std::iter::once(("notify".to_owned(), "x".repeat(1000))).collect();
    let owed = Owed { rule: "rule".to_owned(), otherwise: false, causes: Vec::new(), texts: text };
    let kept = (0..).take_while(|n| state.owe(mark(*n), owed.clone())).count();
    assert!((20..OWED_BYTES_MAX / 1000).contains(&kept), "{kept}");
    (state.dealt_until, state.dealt_created) = (Some(long(0)), Some(long(0)));
    let text = state.to_json().unwrap();
    println!("a full state has {} bytes", text.len());
    assert!(text.len() < STATE_BYTES_MAX, "{}", text.len());
    let read = State::from_json(&text).unwrap();
    assert_eq!(read.to_json().unwrap(), text);
}

#[test]
fn invariant_10_bounded_rules_with_too_many_items_do_not_push_out_others() {
    for mut state in [State::fresh(), State::default()] {
        state.load(&marks(0..10), &marks(0..ITEMS_MAX * 2), &[], long(0));
        state.load(&marks(0..ITEMS_MAX * 2), &marks(0..ITEMS_MAX * 2), &[], long(1));
        assert!(state.items.len() + state.early.len() <= ITEMS_MAX && state.loaded(mark(0)).is_some());
    }
}

#[test]
fn loads_that_become_one_keep_what_is_their_baseline() {
    let mut state = State::fresh();
    let run = |number: usize, now: Timestamp| RunId {
        uid: Arc::from(format!("uid-{number}")),
        outcome: Outcome::Succeeded,
        completion: Arc::from(""),
        ended: Some(now),
        created: Some(now),
        before: None,
    };
    let hour = |n: usize| long(i64::try_from(n).unwrap() * 3600);
    let all = marks(0..LOADS_MAX + 50);
    for n in 0..LOADS_MAX + 50 {
        state.load(&marks(n..n + 1), &all, &[run(n, hour(n))], hour(n));
    }
    for n in 0..LOADS_MAX + 50 {
        assert!(state.is_baseline(mark(n), &run(n, hour(n))), "{n}: what was there");
        if n > 50 {
            assert!(!state.is_baseline(mark(n), &run(n + 1, hour(n + 1))), "{n}: what came after it");
        }
    }
    // Rules that are gone take their loads with them, and not what these named.
    let last = LOADS_MAX + 49;
    let items = marks(last..last + 1);
    let keep = tidegate::engine::Keep { items: &items, horizon: None, pace: Timestamp::MIN, runs: None };
    assert!(state.prune(&keep));
    assert_eq!(state.loads.len(), 1);
    assert!(
        state.is_baseline(mark(last), &run(last, hour(last))) && state.is_baseline(mark(last), &run(1, hour(last)))
    );
    assert!(!state.is_baseline(mark(last), &run(last + 1, hour(last + 1))));
}

const PAGE: &str = "rule r { when any job with label team=ml fails; then notify failed \"{job.metadata.name}\" }";

/// Jobs that fail, one an hour, each deleted after it, in a cluster where nothing else happens.
#[test]
fn a_busy_rule_leaves_no_more_than_two_days_behind() {
    let mut cluster = Cluster::new(PAGE).unwrap();
    for hour in 0..200_i64 {
        cluster.pass(at(hour * 60));
        cluster.apply_json(ended(&format!("job-{hour}"), false, hour * 60));
        cluster.pass(at(hour * 60 + 30));
        cluster.delete(&format!("job default/job-{hour}"));
        cluster.settle();
        assert!(cluster.ledger.prune(cluster.now));
    }
    let state = &cluster.ledger.world().state;
    assert_eq!(cluster.log.len(), 200);
    assert!(state.settled.len() <= 50, "{}", state.settled.len());
    assert!(state.acted.is_empty() && state.fired.is_empty(), "the rule has no pace");
    assert!(state.dealt_until.is_some());
}

/// A kind that may not be read: it is not known what waits there, so no cause is over; everything else is pruned as ever.
#[test]
fn a_kind_that_cannot_be_listed_does_not_stop_pruning() {
    let paced = PAGE.replace("\" }", "\"; cooldown 5m }");
    let rules = format!("{paced}\nrule other {{ when pod p is healthy for 1h; then restart isvc x }}");
    let mut cluster = Cluster::new(&rules).unwrap();
    let pod = cluster.kind("pod");
    cluster.ledger.set_listing(pod, tidegate::engine::Listing::Pending);
    for hour in 0..100_i64 {
        cluster.pass(at(hour * 60));
        cluster.apply_json(ended(&format!("job-{hour}"), false, hour * 60));
        cluster.pass(at(hour * 60 + 30));
        cluster.delete(&format!("job default/job-{hour}"));
        cluster.settle();
        assert!(cluster.ledger.prune(cluster.now));
    }
    let state = &cluster.ledger.world().state;
    assert_eq!((state.settled.len(), state.dealt_until), (100, None));
    assert!((1..3).contains(&state.acted.len()), "{}", state.acted.len());
    cluster.ledger.set_listing(pod, tidegate::engine::Listing::Listed);
    cluster.settle();
    assert!(cluster.ledger.prune(cluster.now));
    assert!(cluster.ledger.world().state.settled.len() <= 50);
}

#[test]
fn what_waits_longer_than_two_days_is_not_forgotten() {
    let rules = "rule r { when job a succeeds and deployment d is healthy for 3d; then notify done \"x\" }\n\
                 when job b succeeds then notify other \"b\"";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(ended("b", true, 0));
    cluster.pass(at(120));
    let status = serde_json::json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    cluster.apply_json(serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 1}, "status": status}));
    cluster.apply_json(ended("a", true, 120));
    for hour in 3..110 {
        cluster.pass(at(hour * 60 + 1));
        cluster.delete("job default/b");
        cluster.apply_json(ended("b", true, hour * 60));
        assert!(cluster.ledger.prune(cluster.now));
    }
    let done: Vec<&String> = cluster.log.iter().filter(|line| !line.starts_with("other")).collect();
    assert_eq!(done, ["done Done on job default/a: x"]);
}

#[test]
fn more_firings_than_can_be_remembered_give_up_what_waits_and_say_so() {
    let rules = format!("{PAGE}\nwhen job a succeeds and job never succeeds then restart isvc x");
    let mut cluster = Cluster::new(&rules).unwrap();
    cluster.apply_json(isvc("x"));
    cluster.apply_json(ended("a", true, 0));
    cluster.apply_json(running("never"));
    for n in 0..SETTLED_MAX + 1 {
        cluster.now = at(60) + SignedDuration::from_secs(i64::try_from(n / 10).unwrap());
        let name = format!("job-{n}");
        cluster.put_quietly(ended(&name, false, 60));
        let intents = cluster.ledger.tick(cluster.now).intents;
        for intent in intents {
            cluster.ledger.sent(&intent);
            cluster.write(&intent);
        }
        cluster.delete(&format!("job default/{name}"));
    }
    cluster.settle();
    assert!(cluster.ledger.world().state.settled.len() <= SETTLED_MAX);
    let given_up: Vec<&String> = cluster.log.iter().filter(|line| line.contains("ActionGivenUp")).collect();
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert!(given_up[0].contains("on job default/a") && given_up[0].contains("more than 6000 firings"), "{given_up:?}");
}

/// An end by a clock that is ahead: its mark is dropped only when the run is over by that clock too.
#[test]
fn a_run_of_a_clock_that_is_ahead_does_not_fire_again_when_its_mark_goes() {
    for minutes in [9, 600] {
        let mut cluster =
            Cluster::new("when job a succeeds then notify done \"done\"\nwhen job b succeeds then notify other \"b\"")
                .unwrap();
        cluster.apply_json(ended("a", true, minutes));
        for hour in 1..120 {
            cluster.pass(at(hour * 60));
            let old = cluster.objects.keys().any(|object| &*object.name == "b");
            if old {
                cluster.delete("job default/b");
            }
            cluster.apply_json(ended("b", true, hour * 60));
            cluster.pass(at(hour * 60 + 20));
            cluster.ledger.prune(cluster.now);
            cluster.ledger.decide_all();
        }
        let done = cluster.log.iter().filter(|line| line.starts_with("done")).count();
        assert_eq!(done, 1, "{minutes} {CLOCK_SKEW:?}");
        assert!(cluster.ledger.world().state.dealt_until.is_some());
    }
}

#[test]
fn pruning_before_anything_was_listed_drops_no_baseline() {
    let rules = "application argocd/platform\nreport every notebook to application argocd/platform";
    let mut cluster = Cluster::new(rules).unwrap();
    assert!(!cluster.ledger.world().state.items.is_empty());
    let items = cluster.ledger.world().state.items.clone();
    let mut anew = tidegate::engine::Ledger::reloaded(cluster.rulebook(), cluster.ledger.world());
    cluster.now = at(600);
    anew.tick(cluster.now);
    anew.prune(cluster.now);
    assert_eq!(anew.world().state.items, items);
}

/// Whoever may annotate a job can make tidegate say something, and not forget something for it.
#[test]
fn refused_annotations_do_not_push_out_what_was_done() {
    let mut cluster = Cluster::new(&format!(
        "{THINGS}when thing t succeeds then notify done \"done\"\nwhen job b succeeds then notify other \"b\""
    ))
    .unwrap();
    cluster.apply_json(thing("t"));
    for n in 0..NOTES_MAX * 2 {
        let mut job = running("hostile");
        job["metadata"]["annotations"] = serde_json::json!({"mlops.dev/on-success-trigger": format!("- {n}")});
        job["metadata"]["uid"] = serde_json::json!(format!("hostile-{n}"));
        cluster.now = at(1) + SignedDuration::from_secs(i64::try_from(n).unwrap());
        cluster.apply_json(job);
    }
    let said = cluster.log.iter().filter(|line| line.contains("TriggerRefused")).count();
    assert_eq!(said, NOTES_MAX * 2);
    let state = &cluster.ledger.world().state;
    assert!(state.settled.len() <= NOTES_MAX + 1 && state.settled.values().any(|settled| settled.timeless));
    cluster.ledger.decide_all();
    cluster.settle();
    assert_eq!(cluster.log.iter().filter(|line| line.starts_with("done")).count(), 1);
}

#[test]
fn rules_with_more_items_than_can_be_remembered_are_counted() {
    let rules: String = (0..100).map(|n| format!("when job j{n} succeeds then restart isvc x\n")).collect();
    let count = tidegate::engine::item_count(&compile(&rules).unwrap());
    assert!((200..230).contains(&count), "{count}");
}

/// Nothing can be stored, and one target has more causes than its record may hold.
#[test]
fn invariant_10_bounded_a_record_holds_what_nothing_else_remembers() {
    let rules = "rule r { when any job with label team=ml succeeds; then restart isvc x }";
    let mut cluster = Cluster::new(rules).unwrap();
    cluster.apply_json(isvc("x"));
    let x = cluster.object("isvc default/x");
    let record = |cluster: &Cluster| -> BTreeSet<String> {
        let annotations = &cluster.objects[&x]["spec"]["predictor"]["annotations"];
        let text = annotations.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        text.split(',').map(str::to_owned).collect()
    };
    for n in 0..12 {
        cluster.now = at(n);
        (0..50).for_each(|m| cluster.put_quietly(ended(&format!("job-{n}-{m}"), true, n)));
        cluster.settle();
    }
    let held = record(&cluster);
    assert_eq!(held.len(), 512);
    let settled = &cluster.ledger.world().state.settled;
    let lost: Vec<Timestamp> =
        settled.iter().filter(|(mark, _)| !held.contains(&mark.to_string())).map(|(_, settled)| settled.at).collect();
    assert!(lost.len() == 88 && lost.iter().all(|settled| *settled <= at(1)), "the oldest go first: {lost:?}");
    // Once it is stored, the next write leaves it out.
    let (_, marks) = cluster.ledger.world().storable();
    cluster.ledger.world_mut().saved(&marks);
    cluster.apply_json(ended("last", true, 20));
    assert_eq!(record(&cluster).len(), 1);
}
