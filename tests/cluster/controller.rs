//! The whole controller on the API server in memory, in virtual time.

use serde_json::json;
use tidegate::cluster::http::{Question, Reply};
use tidegate::rehearse::apiserver::Fault;

use super::faults;
use super::stage::{SENTENCE, Stage, crd, isvc_crd, restarts, seconds};

#[tokio::test(start_paused = true)]
async fn a_job_that_succeeds_restarts_the_service_once() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    assert_eq!(replica.ready().await, "ready\n");
    stage.writes();
    stage.succeed("train-fraud");
    seconds(5).await;
    let writes = stage.writes();
    assert_eq!(restarts(&writes), 1, "{writes:?}");
    assert_eq!(stage.marks("fraud"), 1);
    assert!(
        stage.events("team").contains(&"InferenceService fraud ActionDone".to_owned()),
        "{:?}",
        stage.events("team")
    );
    assert_eq!(replica.metric("tidegate_actions_total{rule=\"when-").await, "1");
    replica.stop().await;
    let annotations = stage.annotations("fraud");
    // Again, and by another replica: nothing more.
    for identity in ["a", "b"] {
        let replica = stage.start(identity, SENTENCE);
        seconds(30).await;
        replica.stop().await;
        assert_eq!(stage.writes(), [""; 0]);
        assert_eq!(stage.annotations("fraud"), annotations);
    }
}

/// Invariant 2: decisions follow from the state of the world, never from having seen an event.
#[tokio::test(start_paused = true)]
async fn what_happened_while_it_was_down_is_caught_up() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    replica.kill().await;
    stage.succeed("train-fraud");
    seconds(3600).await;
    stage.writes();
    let replica = stage.start("b", SENTENCE);
    seconds(30).await;
    assert_eq!(restarts(&stage.writes()), 1);
    replica.stop().await;
}

/// Invariant 8: in a world that does not change nothing is written, the lease aside, and nothing is listed.
#[tokio::test(start_paused = true)]
async fn an_idle_controller_writes_its_lease_and_lists_nothing() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    stage.succeed("train-fraud");
    seconds(60).await;
    stage.server.take_audit();
    seconds(3600).await;
    let records = stage.server.take_audit();
    let others: Vec<_> =
        records.iter().filter(|r| r.request.resource != "leases" && r.request.verb != "watch").collect();
    assert!(others.is_empty(), "{others:?}");
    let renewals = records.iter().filter(|r| r.request.resource == "leases").count();
    assert!((1100..=1300).contains(&renewals), "{renewals}");
    replica.stop().await;
}

/// Rules that do not compile never replace those that do, and the refusal is visible.
#[tokio::test(start_paused = true)]
async fn invariant_6_the_last_good_rulebook_stays() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    replica.rules("when job train-fraud succeeds then dance\n");
    seconds(5).await;
    let status = replica.status().await;
    assert!(status["rules"]["refused"][0].as_str().unwrap().starts_with("rules.tide:2:"), "{status:#}");
    assert_eq!(replica.metric("tidegate_rules_refused_total").await, "1");
    assert_eq!(replica.metric("tidegate_rules_good").await, "0.0");
    assert!(stage.events("tidegate").contains(&"ConfigMap tidegate-state-default RulesRefused".to_owned()));
    replica.rules.send(Err("the folder is gone".to_owned())).unwrap();
    seconds(5).await;
    assert_eq!(replica.ready().await, "ready\n");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.rules(SENTENCE);
    seconds(5).await;
    assert_eq!(replica.status().await["rules"]["refused"], json!([]));
    assert_eq!(replica.metric("tidegate_rules_good").await, "1.0");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_good_rules_it_waits_for_them_and_leaves_the_lease_to_others() {
    let stage = Stage::new();
    let replica = stage.start("a", "when job train-fraud succeeds then dance\n");
    seconds(60).await;
    assert!(replica.ready().await.starts_with("rules: rules.tide:2:"), "{}", replica.ready().await);
    assert!(stage.server.get("coordination.k8s.io/v1", "Lease", "tidegate", "tidegate-default").is_err());
    replica.rules(SENTENCE);
    seconds(5).await;
    assert_eq!(replica.ready().await, "ready\n");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_rule_begins_with_what_comes_after_it_and_the_old_rule_is_not_disturbed() {
    let stage = Stage::new();
    stage.isvc("other");
    stage.job("train-other");
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    stage.succeed("train-other");
    stage.succeed("train-fraud");
    seconds(5).await;
    stage.writes();
    replica.rules(&format!("{SENTENCE}when job train-other succeeds then restart isvc other\n"));
    seconds(20).await;
    assert_eq!(restarts(&stage.writes()), 0, "that run was there before the rule");
    stage.server.delete("batch/v1", "Job", "team", "train-other").unwrap();
    stage.job("train-other");
    seconds(5).await;
    stage.succeed("train-other");
    seconds(5).await;
    assert_eq!(restarts(&stage.writes()), 1);
    assert_eq!(stage.marks("other"), 1);
    replica.stop().await;
}

/// A reload keeps the watches whose kinds stay the same: nothing is listed again.
#[tokio::test(start_paused = true)]
async fn a_reload_lists_only_what_is_new() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    stage.server.take_audit();
    replica.rules(&format!("{SENTENCE}when pod p is healthy for 10m then restart isvc fraud\n"));
    seconds(5).await;
    let records = stage.server.take_audit();
    let listed: Vec<&str> =
        records.iter().filter(|r| r.request.verb == "list").map(|r| r.request.resource.as_str()).collect();
    assert_eq!(listed, ["pods"]);
    assert_eq!(replica.ready().await, "ready\n");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_whose_crd_is_missing_is_waited_for_and_shown() {
    let stage = Stage::new();
    let rules =
        format!("{SENTENCE}kind thing = a.io/v1 Thing (things)\nwhen thing x is healthy then restart isvc fraud\n");
    let replica = stage.start("a", &rules);
    seconds(5).await;
    assert_eq!(replica.ready().await, "ready\n");
    let kind = async || {
        let status = replica.status().await;
        status["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == "thing").unwrap().clone()
    };
    assert_eq!(kind().await["state"], "missing");
    assert!(kind().await["why"].as_str().unwrap().contains("install the CRD"));
    assert_eq!(replica.metric("tidegate_kind_state{kind=\"Thing\"").await, "1.0");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1, "the other rules are not held up");
    stage.server.put(crd("a.io", "v1", "Thing", "things", true)).unwrap();
    seconds(60).await;
    assert_eq!(kind().await["state"], "listed");
    replica.stop().await;
}

/// A CRD that is installed or upgraded later brings runs that ended before: they are the baseline, as those of a new rule are.
#[tokio::test(start_paused = true)]
async fn runs_that_ended_before_their_kind_was_served_do_not_fire_and_those_after_it_do() {
    let stage = Stage::new();
    let rules = "kind thing = a.io/v1 Thing (things) runs to completion {\n healthy \"ok\" when self.?status.?phase.orValue(\"\") == \"Done\"\n \
                 progressing \"\" otherwise\n completion self.status.completionTime\n}\nwhen thing t succeeds then restart isvc fraud\n";
    let replica = stage.start("a", rules);
    seconds(3600).await;
    stage.server.put(crd("a.io", "v1", "Thing", "things", false)).unwrap();
    let thing = |time: &str| {
        json!({"apiVersion": "a.io/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "team"},
            "status": {"phase": "Done", "completionTime": time}})
    };
    stage.server.put(thing("2026-03-01T08:30:00Z")).unwrap();
    seconds(60).await;
    assert_eq!(stage.marks("fraud"), 0);
    stage.server.delete("a.io/v1", "Thing", "team", "t").unwrap();
    seconds(60).await;
    stage.server.put(thing(&stage.now())).unwrap();
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_other_replica_takes_over_what_the_first_left_undone() {
    let stage = Stage::new();
    let first = stage.start("a", SENTENCE);
    seconds(5).await;
    let second = stage.start("b", SENTENCE);
    seconds(5).await;
    assert_eq!(second.ready().await, "ready\n");
    assert_eq!(second.status().await["phase"], "following");
    assert_eq!(second.status().await["leader"], "a");
    first.kill().await;
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 0);
    seconds(20).await;
    assert_eq!(stage.marks("fraud"), 1);
    assert_eq!(second.metric("tidegate_leader").await, "1.0");
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn observe_says_what_it_would_do_and_changes_nothing_but_lease_and_state() {
    let stage = Stage::new();
    let replica = stage.start_with("a", SENTENCE, |options| options.observe = true);
    seconds(5).await;
    stage.succeed("train-fraud");
    seconds(60).await;
    let writes = stage.writes();
    assert!(writes.iter().all(|write| write.contains("configmaps")), "{writes:?}");
    assert!(stage.state().unwrap().to_string().contains("observed"), "{}", stage.state().unwrap());
    let status = replica.status().await;
    assert_eq!(status["observe"], true);
    assert_eq!(status["observed"][0]["action"], "restart isvc team/fraud", "{status:#}");
    let counted = replica.ask(Question::Metrics).await.text;
    assert!(counted.contains("action=\"restart isvc team/fraud\",result=\"observed\"} 1"), "{counted}");
    seconds(3600).await;
    assert_eq!(stage.writes(), [""; 0]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_tried_again_then_given_up_and_harms_nothing_else() {
    let stage = Stage::new();
    stage.isvc("other");
    stage.job("train-other");
    let rules = format!("{SENTENCE}when job train-other succeeds then restart isvc other\n");
    faults(&stage.server, |r| if r.verb == "patch" && r.name == "fraud" { Fault::Error(403) } else { Fault::None });
    let replica = stage.start("a", &rules);
    seconds(5).await;
    stage.succeed("train-fraud");
    stage.succeed("train-other");
    seconds(5).await;
    assert_eq!(stage.marks("other"), 1);
    seconds(600).await;
    let refused = stage.server.take_audit().iter().filter(|r| r.code == 403).count();
    assert_eq!(refused, 4, "the first try and three more");
    assert!(stage.events("team").iter().any(|event| event.ends_with("ActionRefused")), "{:?}", stage.events("team"));
    assert_eq!(stage.marks("fraud"), 0);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_read_is_shown_and_decides_nothing() {
    let stage = Stage::new();
    let rules = format!("{SENTENCE}when pod p is missing then restart isvc fraud\n");
    faults(&stage.server, |r| if r.resource == "pods" { Fault::Error(403) } else { Fault::None });
    let replica = stage.start("a", &rules);
    seconds(300).await;
    let Reply { good, text } = replica.ask(Question::Ready).await;
    assert!(good && text.starts_with("ready\nbut not for pod: cannot list: 403"), "{text}");
    assert_eq!(stage.marks("fraud"), 0, "a pod that cannot be listed is not missing");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    assert!(replica.metric("tidegate_watch_errors_total{kind=\"Pod\"}").await.parse::<u32>().unwrap() >= 5);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn hostile_annotations_are_refused_visibly_and_harm_nothing() {
    let stage = Stage::new();
    let trigger = "mlops.dev/on-success-trigger";
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    let escape =
        "- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: ../../secrets/x, action: restart}";
    let elsewhere = "- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: fraud, namespace: kube-system, action: restart}";
    let bomb = format!("- {{name: {}}}", "x".repeat(200 * 1024));
    let texts = [
        "",
        "{{{",
        "42",
        "- 1",
        "- {}",
        "- {kind: Secret, name: a, apiVersion: v1, action: delete}",
        escape,
        elsewhere,
        &bomb,
    ];
    for (n, text) in texts.iter().enumerate() {
        stage.job_with(&format!("hostile-{n}"), &json!({trigger: text, "mlops.dev/block-wave": "four"}));
    }
    seconds(5).await;
    (0..texts.len()).for_each(|n| stage.succeed(&format!("hostile-{n}")));
    seconds(30).await;
    let writes = stage.writes();
    assert!(writes.iter().all(|write| !write.starts_with("patch infer") && !write.contains("secret")), "{writes:?}");
    let told = stage.events("team").iter().filter(|event| event.ends_with("TriggerRefused")).count();
    assert!(told >= texts.len() - 1, "{:?}", stage.events("team"));
    assert_eq!(replica.ready().await, "ready\n");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_trigger_on_a_live_job_restarts_its_target() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    let trigger = "- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: fraud, action: restart}";
    stage.job_with("train", &json!({"mlops.dev/on-success-trigger": trigger}));
    seconds(5).await;
    stage.succeed("train");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1, "{:#}", replica.status().await);
    assert_eq!(replica.metric("tidegate_actions_total{rule=\"annotation\"").await, "1");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_given_namespaces_are_watched() {
    let stage = Stage::new();
    let replica = stage.start_with("a", SENTENCE, |options| options.namespaces = vec!["team".into(), "other".into()]);
    seconds(5).await;
    assert_eq!(replica.ready().await, "ready\n");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!(stage.marks("fraud"), 1);
    let reads: Vec<String> = stage
        .server
        .take_audit()
        .iter()
        .filter(|r| matches!(r.request.verb, "list" | "watch"))
        .map(|r| r.request.namespace.clone())
        .collect();
    assert!(
        reads.iter().all(|namespace| namespace == "team" || namespace == "other") && !reads.is_empty(),
        "{reads:?}"
    );
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_stores_the_state_and_gives_the_lease_back() {
    let stage = Stage::new();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    stage.succeed("train-fraud");
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    replica.stop().await;
    let lease = stage.server.get("coordination.k8s.io/v1", "Lease", "tidegate", "tidegate-default").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "");
    let settled = stage.state().unwrap()["settled"].as_object().map_or(0, serde_json::Map::len);
    assert!(settled <= 1 && stage.marks("fraud") == 1);
    // Whatever was stored by then, nothing is done twice.
    stage.writes();
    let replica = stage.start("b", SENTENCE);
    seconds(30).await;
    assert_eq!(restarts(&stage.writes()), 0);
    assert_eq!(stage.events("team").iter().filter(|event| event.ends_with("ActionDone")).count(), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn twenty_jobs_with_one_target_are_all_recorded_and_twenty_targets_are_each_restarted_once() {
    let stage = Stage::new();
    let mut rules = String::new();
    for n in 0..20 {
        stage.isvc(&format!("own-{n}"));
        stage.job(&format!("one-{n}"));
        stage.job(&format!("each-{n}"));
        rules += &format!(
            "when job one-{n} succeeds then restart isvc fraud\nwhen job each-{n} succeeds then restart isvc own-{n}\n"
        );
    }
    let replica = stage.start("a", &rules);
    seconds(10).await;
    stage.writes();
    for n in 0..20 {
        stage.succeed(&format!("one-{n}"));
        stage.succeed(&format!("each-{n}"));
    }
    seconds(30).await;
    let writes = stage.writes();
    assert_eq!(stage.marks("fraud"), 20);
    for n in 0..20 {
        let own = writes.iter().filter(|write| **write == format!("patch inferenceservices own-{n}")).count();
        assert_eq!((own, stage.marks(&format!("own-{n}"))), (1, 1));
    }
    println!(
        "one target, 20 causes: {} writes",
        writes.iter().filter(|write| *write == "patch inferenceservices fraud").count()
    );
    assert_eq!(replica.metric("tidegate_queue_depth").await, "0.0");
    replica.stop().await;
}

/// A loop that asks again and again without need would burn a core.
#[tokio::test(start_paused = true)]
async fn the_engine_is_asked_when_something_changes_or_is_due_and_not_otherwise() {
    let stage = Stage::new();
    stage.job("train-other");
    let rules = "when job train-fraud succeeds and isvc fraud is healthy for 5m within 2h then restart isvc fraud\n\
                 when isvc fraud is progressing for 10m then notify slow \"slow\"\n\
                 rule r { when job train-other succeeds then restart isvc fraud; cooldown 10m; retry 2 backoff 1m }\n";
    faults(&stage.server, |r| if r.verb == "patch" && r.name == "fraud" { Fault::Error(500) } else { Fault::None });
    let replica = stage.start("a", rules);
    seconds(5).await;
    stage.succeed("train-fraud");
    stage.succeed("train-other");
    seconds(4 * 3600).await;
    let decisions: f64 = replica.metric("tidegate_decisions_total").await.parse().unwrap();
    let tries = stage.server.take_audit().iter().filter(|r| r.code == 500).count();
    assert!(decisions < 400.0, "{decisions} decisions for {tries} tries");
    assert!((10..=100).contains(&tries), "{tries}");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_waits_and_why() {
    let stage = Stage::new();
    stage
        .server
        .delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "inferenceservices.serving.kserve.io")
        .unwrap();
    let replica = stage.start("a", SENTENCE);
    seconds(5).await;
    stage.succeed("train-fraud");
    seconds(5).await;
    let status = replica.status().await;
    assert_eq!(status["phase"], "leading");
    let verdict = &status["verdicts"][0];
    assert_eq!(verdict["standing"], "waiting", "{status:#}");
    assert_eq!(verdict["causes"][0], "job team/train-fraud succeeded");
    assert_eq!(status["gates"][0]["wave"], 4);
    assert_eq!(status["gates"][0]["open"], true);
    assert_eq!(replica.metric("tidegate_rule_state{rule=\"when-").await, "1.0");
    assert!(replica.ask(Question::Health).await.good);
    stage.server.put(isvc_crd()).unwrap();
    replica.stop().await;
}

/// A write whose answer was lost is counted as done when the target's record shows it, and is not written again.
#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_counts_as_done() {
    for fault in [Fault::TimeoutAfterApplying, Fault::DropAfterApplying] {
        let stage = Stage::new();
        let replica = stage.start("a", SENTENCE);
        seconds(20).await;
        let kind = fault.clone();
        faults(&stage.server, move |r| if r.verb == "patch" && r.name == "fraud" { kind.clone() } else { Fault::None });
        stage.succeed("train-fraud");
        seconds(10).await;
        assert_eq!(stage.marks("fraud"), 1);
        let text = replica.ask(Question::Metrics).await.text;
        let counted = |result: &str| {
            let line = |line: &&str| {
                line.starts_with("tidegate_actions_total{rule=\"when-")
                    && line.contains(&format!("result=\"{result}\""))
            };
            text.lines().find(line).and_then(|line| line.rsplit(' ').next().map(str::to_owned))
        };
        assert_eq!((counted("done").as_deref(), counted("uncertain")), (Some("1"), None), "{text}");
        replica.stop().await;
    }
}
