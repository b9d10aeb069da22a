//! The invariants that the engine alone can show, by their numbers in `docs/architecture.md`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tidegate::engine::{Ledger, Listing, Standing};
use tidegate::expr::Truth;

use crate::cluster::{Cluster, START, compile};

const RULES: &str = r#"
application argocd/platform
when job a succeeds then restart isvc x; block wave 4
rule both { when job a succeeds and job b succeeds; then restart isvc y; notify done "both" }
rule whichever { when any job with label team=ml fails; then notify failed "{job.metadata.name}" }
rule tier { when every job in wave 3 succeeds; then annotate deployment d example.org/tier=trained }
rule often { when any job with label team=ml succeeds; then notify often "{job.metadata.name}" on application argocd/other; cooldown 3m; at most 2 per 10m }
rule pair { when any job with label team=ml as each has failed and job c as last has succeeded; then notify pair "{each.metadata.name}" }
rule soak { when job a succeeds and isvc x is healthy for 7m; block wave 6 of application argocd/other }
rule slow { when job a succeeds and isvc x is healthy for 10m; within 1h; then sync application other; else notify late "late" }
"#;

fn job(name: &str, outcome: Option<bool>, minute: i64) -> Json {
    let ended = (START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)).to_string();
    let status = match outcome {
        None => json!({"active": 1}),
        Some(true) => {
            json!({"completionTime": ended, "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": ended}]})
        }
        Some(false) => json!({"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": ended}]}),
    };
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "status": status,
        "metadata": {"name": name, "labels": {"team": "ml"}, "annotations": {"argocd.argoproj.io/sync-wave": "3"}},
    })
}

fn targets(cluster: &mut Cluster) {
    for name in ["x", "y"] {
        cluster.apply_json(
            json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": name}}),
        );
    }
    cluster.apply_json(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}));
    for name in ["other", "platform"] {
        let metadata = json!({"name": name, "namespace": "argocd"});
        cluster.apply_json(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}));
    }
}

/// What the outside does, a minute each.
#[derive(Clone, Debug)]
enum Move {
    Job(usize, Option<bool>),
    Gone(usize),
    Restart,
    Relist,
    Again(usize),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let outcome = prop_oneof![Just(None), Just(Some(true)), Just(Some(false))];
    let one = prop_oneof![
        6 => (0..3_usize, outcome).prop_map(|(job, outcome)| Move::Job(job, outcome)),
        1 => (0..3_usize).prop_map(Move::Gone),
        2 => Just(Move::Restart),
        1 => Just(Move::Relist),
        2 => (0..3_usize).prop_map(Move::Again),
        1 => (1..200_i64).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..25)
}

fn gates(ledger: &Ledger) -> Vec<String> {
    ledger.gates().map(|gate| format!("{gate:?}")).collect()
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Plays moves; `disturbed`: with restarts, relists and repeated news, else without them. Gives every target action that was done.
fn play(moves: &[Move], disturbed: bool) -> Vec<String> {
    let mut cluster = Cluster::new(RULES).unwrap();
    targets(&mut cluster);
    let start = START.parse::<Timestamp>().unwrap();
    let mut minute = 1;
    let mut last: BTreeMap<usize, Json> = BTreeMap::new();
    for each in moves {
        minute += if let Move::Wait(minutes) = each { *minutes } else { 1 };
        cluster.pass(start + SignedDuration::from_mins(minute));
        match each {
            Move::Job(index, outcome) => {
                // A finished run never runs again in place.
                let done = last.get(index).is_some_and(|job| job["status"]["conditions"].is_array());
                if done {
                    cluster.delete(&format!("job default/{}", NAMES[*index]));
                }
                let object = job(NAMES[*index], *outcome, minute);
                cluster.apply_json(object.clone());
                last.insert(*index, object);
            }
            Move::Gone(index) if last.remove(index).is_some() => {
                cluster.delete(&format!("job default/{}", NAMES[*index]));
            }
            Move::Restart if disturbed => cluster.restart(true),
            Move::Relist if disturbed => cluster.list(),
            Move::Again(index) if disturbed && last.contains_key(index) => {
                let object = cluster.object(&format!("job default/{}", NAMES[*index]));
                cluster.show(&object);
            }
            _ => {}
        }
        cluster.settle();
    }
    cluster.pass(start + SignedDuration::from_mins(minute + 60));
    let mut log = cluster.log;
    log.retain(|line| !line.starts_with("wave ") && !line.starts_with("(the next"));
    log.sort();
    log
}

/// More in a release build, as CI runs them.
const HISTORIES: u32 = if cfg!(debug_assertions) { 30 } else { 400 };

proptest! {
    #![proptest_config(ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 2 and 3: restarts, relists and repeated news change nothing of what is done, and nothing is done twice.
    #[test]
    fn invariant_2_level_not_edge_and_3_an_effect_carries_its_own_record(moves in moves()) {
        prop_assert_eq!(play(&moves, true), play(&moves, false));
    }

    /// Invariant 1: deciding from the ledger's memory and deciding everything anew give the same.
    #[test]
    fn invariant_1_one_engine(moves in moves()) {
        let mut cluster = Cluster::new(RULES).unwrap();
        targets(&mut cluster);
        let start = START.parse::<Timestamp>().unwrap();
        let mut last: BTreeMap<usize, Json> = BTreeMap::new();
        for (minute, each) in moves.iter().enumerate() {
            let minute = i64::try_from(minute).unwrap() + 1;
            cluster.now = start + SignedDuration::from_mins(minute);
            if let Move::Job(index, outcome) = each {
                if last.contains_key(index) {
                    cluster.delete(&format!("job default/{}", NAMES[*index]));
                }
                let object = job(NAMES[*index], *outcome, minute);
                cluster.apply_json(object.clone());
                last.insert(*index, object);
            }
            let kept = cluster.ledger.tick(cluster.now).intents;
            let mut anew = Ledger::over(cluster.ledger.rulebook().clone(), cluster.ledger.world().clone());
            // What is left to tell is memory, not a decision.
            let told = |intents: Vec<tidegate::engine::Intent>| {
                let acts = intents.into_iter().filter(|i| !matches!(i.effect, tidegate::engine::Effect::Event(_)));
                acts.map(|i| format!("{i:?}")).collect::<Vec<_>>()
            };
            prop_assert_eq!(told(kept), told(anew.tick(cluster.now).intents));
            prop_assert_eq!(gates(&cluster.ledger), gates(&anew));
            cluster.settle();
        }
    }
}

/// Each form in which a rule can ask for Jobs, of which the first page of a list has come.
#[test]
fn invariant_2_nothing_is_decided_about_a_kind_before_it_has_been_listed() {
    let conditions = [
        "job a fails",
        "any job with label team=ml fails",
        "every job with label team=ml fails",
        "job a has failed",
        "any job with label team=ml has failed",
        "isvc x is missing and every job with label team=ml has failed",
        "isvc x is missing and every job with label team=ml is degraded",
        "job a is degraded",
        "job gone is missing",
        "deployment d is missing and job gone is missing",
        "isvc x is missing and not job gone has succeeded",
    ];
    for condition in conditions {
        for before in [Listing::Pending, Listing::Absent] {
            // What is missing in a cluster without the kind is missing: of that nothing else has to be listed.
            if before == Listing::Absent && (condition.contains("job gone")) {
                continue;
            }
            // `any` stands for each match, and a wave opens once.
            let block = if condition.starts_with("any") { "" } else { "; block wave 4" };
            let rules = format!(
                "application argocd/platform\nrule r {{ when {condition}; then notify failed \"a\"; catch up{block} }}"
            );
            let mut cluster = Cluster::new(&rules).unwrap();
            let kind = cluster.kind("job");
            let state = tidegate::engine::State::fresh();
            cluster.ledger = Ledger::new(cluster.rulebook(), state);
            cluster.log.clear();
            for other in cluster.rulebook().fields().into_keys() {
                cluster.ledger.set_listing(other, if other == kind { before } else { Listing::Listed });
            }
            cluster.settle();
            cluster.apply_json(job("a", Some(false), 1));
            let acted: Vec<_> = cluster.log.iter().filter(|line| !line.starts_with("wave")).collect();
            assert!(acted.is_empty(), "{condition}, {before:?}: {acted:?}");
            let open = |cluster: &Cluster| cluster.ledger.gates().map(|gate| gate.open).collect::<Vec<_>>();
            assert!(!open(&cluster).contains(&Truth::True), "{condition}, {before:?}: the gate is open");
            cluster.ledger.set_listing(kind, Listing::Listed);
            cluster.settle();
            let acted = cluster.log.iter().filter(|line| line.starts_with("failed Failed on")).count();
            let opened = if block.is_empty() { Vec::new() } else { vec![Truth::True] };
            assert_eq!((acted, open(&cluster)), (1, opened), "{condition}, {before:?}: {:?}", cluster.log);
        }
    }
}

#[test]
fn invariant_5_nothing_waits_for_ever() {
    let mut cluster = Cluster::new(RULES).unwrap();
    cluster.apply_json(job("a", Some(true), 0));
    cluster.pass(START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(60));
    let waiting: Vec<_> = cluster.ledger.verdicts().filter(|v| matches!(v.standing, Standing::Waiting(_))).collect();
    assert!(waiting.is_empty(), "{waiting:?}");
    let gave_up =
        cluster.log.iter().filter(|line| line.contains("ActionGivenUp") || line.contains("DeadlineExpired")).count();
    assert_eq!(gave_up, 4, "{:#?}", cluster.log);
}

#[test]
fn invariant_7_success_is_strict() {
    let mut cluster = Cluster::new("when job a succeeds then notify done \"a\"").unwrap();
    let conditions = [
        json!([]),
        json!([{"type": "SuccessCriteriaMet", "status": "True"}]),
        json!([{"type": "Complete", "status": "False"}]),
    ];
    for each in conditions {
        cluster.apply_json(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "status": {"succeeded": 1, "conditions": each}}));
    }
    cluster.delete("job default/a");
    assert!(cluster.log.is_empty(), "{:?}", cluster.log);
}

#[test]
fn invariant_8_no_write_churn() {
    let mut cluster = Cluster::new(&format!("{RULES}report every notebook to application argocd/platform\n")).unwrap();
    targets(&mut cluster);
    cluster.apply_json(job("a", Some(true), 1));
    for (name, phase, wave) in [("good", "Succeeded", "5"), ("bad", "Failed", "7"), ("busy", "ValidationRunning", "8")]
    {
        let metadata =
            json!({"name": name, "annotations": {"argocd.argoproj.io/sync-wave": "3", "mlops.dev/block-wave": wave}});
        let status = json!({"phase": phase, "completionTime": START});
        cluster.apply_json(json!({"apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob", "metadata": metadata, "status": status}));
    }
    cluster.pass(START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(60));
    for key in ["mlops.dev/notebook-status", "mlops.dev/notebook-summary", "tidegate.dev/gates.default"] {
        assert!(cluster.log.iter().any(|line| line.contains(key)), "{key} was written: {:?}", cluster.log);
    }
    cluster.log.clear();
    let (changes, objects) = (cluster.ledger.world().state_changes(), cluster.objects.clone());
    for hour in 61..80 {
        cluster.pass(START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour));
        cluster.ledger.decide_all();
        cluster.settle();
    }
    assert_eq!(cluster.objects, objects);
    assert!(cluster.log.is_empty(), "{:?}", cluster.log);
    assert_eq!(cluster.ledger.world().state_changes(), changes, "the state is not written either");
}

#[test]
fn invariant_9_same_input_same_output() {
    let one = || {
        let mut cluster = Cluster::new(RULES).unwrap();
        targets(&mut cluster);
        for name in NAMES {
            cluster.apply_json(job(name, Some(true), 1));
        }
        (cluster.log, cluster.ledger.world().storable().0.to_json().unwrap(), format!("{:?}", cluster.objects))
    };
    assert_eq!(one(), one());
    let turned: String = RULES.trim().lines().rev().collect::<Vec<_>>().join("\n");
    let names = |rules: &str| compile(rules).unwrap().rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(RULES), names(&turned), "rules are sorted, whatever the order of the text");
}

#[test]
fn invariant_10_bounded() {
    let mut cluster = Cluster::new("rule r { when every job in wave 3 succeeds; then notify done \"all\" }").unwrap();
    for number in 0..=tidegate::engine::MEMBERS_MAX {
        cluster.put_quietly(job(&format!("j{number}"), Some(true), 1));
    }
    cluster.settle();
    assert!(!cluster.log.iter().any(|line| line.starts_with("done")), "more members than `every` can hold");
    let why = cluster.ledger.units_of(&tidegate::engine::RuleId::Book(0));
    let verdict = cluster.ledger.verdict(&why[0], cluster.now).unwrap();
    assert!(verdict.reasons[0].why.contains("more than the 5000"), "{:?}", verdict.reasons);
}

/// The watch can show a write before its answer is taken in: what is said of it is said once all the same.
#[test]
fn invariant_3_a_write_that_is_seen_before_its_answer_is_told_once() {
    let mut cluster = Cluster::new("when job a succeeds then restart isvc x").unwrap();
    targets_of(&mut cluster, "x");
    cluster.put_quietly(job("a", Some(true), 1));
    let intents = cluster.ledger.tick(cluster.now).intents;
    let restart = intents.iter().find(|intent| !intent.firings.is_empty()).unwrap().clone();
    cluster.ledger.sent(&restart);
    let request = tidegate::engine::writes(cluster.ledger.rulebook(), cluster.ledger.world(), &restart).remove(0);
    let tidegate::engine::WriteOp::MergePatch(mut patch) = request.op else { panic!("not a patch") };
    patch["metadata"]["name"] = json!("x");
    cluster.put(restart.target.kind, patch);
    cluster.settle();
    cluster.ledger.done(&restart, cluster.now);
    cluster.settle();
    assert!(!cluster.log.iter().any(|line| line.contains("was there already")), "{:?}", cluster.log);
    assert_eq!(cluster.events.len(), 1, "{:?}", cluster.events);
}

fn targets_of(cluster: &mut Cluster, name: &str) {
    cluster.apply_json(
        json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": name}}),
    );
}
