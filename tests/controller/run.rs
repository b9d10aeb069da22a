//! What the running controller does, and what it tells.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::stage::{Stage, next_second, thing_definition};
use crate::support::{Install, objects};
use crate::{CLUSTER, SENTENCE};

/// The sentence, end to end: one restart, recorded, told, settled; and never again, whatever happens to the controller.
#[tokio::test]
async fn a_job_that_succeeds_restarts_the_service_once() {
    let Some(cluster) = CLUSTER.get("a_job_that_succeeds_restarts_the_service_once") else { return };
    let stage = Stage::new(cluster, "once", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let mut controller = stage.start("a").await;
    controller.until_leads().await;
    assert_eq!(stage.restarts("fraud").await, (1, Value::Null));
    next_second().await;
    stage.succeed("train-fraud").await;
    controller.until("it restarted", async || stage.restarts("fraud").await.0 == 2).await;
    let restarted = stage.restarts("fraud").await;
    assert_eq!(restarted.1.as_object().map(serde_json::Map::len), Some(1), "{restarted:?}");
    controller
        .until("it said so", async || stage.events().await.contains(&"InferenceService fraud ActionDone".to_owned()))
        .await;
    let settled =
        async || stage.state().await.is_some_and(|state| state["settled"].as_object().is_some_and(|s| !s.is_empty()));
    controller.until("it is settled", settled).await;

    controller.process.kill().unwrap();
    let mut again = stage.start("a").await;
    again.until_leads().await;
    assert!(again.process.terminate().unwrap().success(), "{}", again.process.last_words());
    let other = stage.start("b").await;
    other.until_leads().await;
    assert_eq!(stage.restarts("fraud").await, restarted);
    let done = stage.events().await.iter().filter(|line| line.ends_with("ActionDone")).count();
    assert_eq!(done, 1);
    let job = stage.jobs().get("train-fraud").await.unwrap();
    assert!(job.annotations().keys().all(|key| key.starts_with("mlops.dev/")), "{:?}", job.annotations());
}

#[tokio::test]
async fn the_other_replica_takes_over_when_the_leader_dies() {
    let Some(cluster) = CLUSTER.get("the_other_replica_takes_over_when_the_leader_dies") else { return };
    let stage = Stage::new(cluster, "handover", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let mut first = stage.start("a").await;
    first.until_leads().await;
    let second = stage.start("b").await;
    second
        .until("it follows", async || {
            second.status()["leader"] == "a" && second.get("/readyz").is_some_and(|(code, _)| code == 200)
        })
        .await;
    assert_eq!(second.status()["phase"], "following");
    next_second().await;
    first.process.kill().unwrap();
    stage.succeed("train-fraud").await;
    second.until("it took over and acted", async || stage.restarts("fraud").await.0 == 2).await;
    let third = stage.start("c").await;
    third.until("it follows", async || third.status()["leader"] == "b").await;
    let mut second = second;
    assert!(second.process.terminate().unwrap().success());
    third.until_leads().await;
    third
        .until("it is settled", async || {
            stage.state().await.is_some_and(|state| !state["settled"].as_object().unwrap().is_empty())
        })
        .await;
    assert_eq!(stage.restarts("fraud").await.0, 2);
}

#[tokio::test]
async fn observe_says_what_it_would_do_and_changes_nothing() {
    let Some(cluster) = CLUSTER.get("observe_says_what_it_would_do_and_changes_nothing") else { return };
    let stage = Stage::new(cluster, "observe", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let controller = stage.start_with("a", &["--observe"]).await;
    controller.until_leads().await;
    next_second().await;
    stage.succeed("train-fraud").await;
    let observed = async || stage.state().await.is_some_and(|state| state["settled"].to_string().contains("observed"));
    controller.until("it decided", observed).await;
    let log = controller.process.log();
    let said = |line: &&str| line.contains("restart isvc") && line.contains("observe: would be done");
    let line = log.lines().find(said).unwrap_or_else(|| panic!("{log}"));
    assert!(serde_json::from_str::<Value>(line).unwrap()["message"].is_string());
    assert_eq!(stage.restarts("fraud").await, (1, Value::Null));
    assert_eq!(stage.events().await, [""; 0]);
    assert!(stage.jobs().get("train-fraud").await.unwrap().annotations().is_empty());
}

/// An account that lacks rights is told so, in `/readyz`, metrics, log and Events, and what it may do is done.
#[tokio::test]
async fn missing_rights_are_visible_and_harm_nothing_else() {
    let Some(cluster) = CLUSTER.get("missing_rights_are_visible_and_harm_nothing_else") else { return };
    let annotate = "when job train-fraud succeeds then annotate deployment web example.org/model=new\n";
    let restart = SENTENCE.replace("block wave 4", "retry 1 backoff 1s; block wave 4");
    let rules = format!("{restart}{annotate}when pod p is missing then restart isvc fraud\n");
    // Made for rules that know no pod, and that notify where these restart.
    let rights = format!("{annotate}when isvc fraud is degraded then notify bad \"bad\"\n");
    let install = Install { rules: &rules, rights_for: Some(&rights), ..Install::default() };
    let stage = Stage::with(cluster, "rights", &install).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "example.org/c"}]}}}});
    objects::create(&stage.admin, &stage.namespace, web).await;
    let controller = stage.start("a").await;
    controller.until("it leads", async || controller.status()["phase"] == "leading").await;
    controller
        .until("it says what it may not", async || {
            controller.kind("pod")["why"].as_str().is_some_and(|why| why.contains("403"))
        })
        .await;
    assert_eq!(
        controller
            .get("/readyz")
            .map(|(code, text)| (code, text.contains("but not for pod: cannot list: 403: pods is forbidden"))),
        Some((200, true))
    );
    next_second().await;
    stage.succeed("train-fraud").await;
    controller
        .until("what it may do is done", async || {
            stage.events().await.contains(&"Deployment web ActionDone".to_owned())
        })
        .await;
    controller
        .until("the refusal is told", async || {
            stage.events().await.iter().any(|event| event.ends_with("ActionRefused"))
        })
        .await;
    assert_eq!(stage.restarts("fraud").await.0, 1);
    assert!(controller.metric("tidegate_watch_errors_total{kind=\"Pod\"}").is_some_and(|errors| errors >= 1.0));
    assert!(controller.process.log().contains("is forbidden"));
}

#[tokio::test]
async fn a_kind_whose_crd_is_missing_is_waited_for_and_shown() {
    let Some(cluster) = CLUSTER.get("a_kind_whose_crd_is_missing_is_waited_for_and_shown") else { return };
    let thing = "kind thing = missing.example.org/v1 Thing (things)\nwhen thing x is healthy then restart isvc fraud\n";
    let stage = Stage::new(cluster, "missing", &format!("{SENTENCE}{thing}")).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    assert_eq!(controller.kind("thing")["state"], "missing");
    assert!(controller.process.log().contains("kind is missing; it is waited for"));
    next_second().await;
    stage.succeed("train-fraud").await;
    controller.until("the other rule acts", async || stage.restarts("fraud").await.0 == 2).await;
    let crd = thing_definition("missing.example.org");
    objects::create(&stage.admin, "", crd).await;
    controller.until("it is listed", async || controller.kind("thing")["state"] == "listed").await;
}
