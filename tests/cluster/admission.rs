//! The held waves that are kept for the admission policy, in virtual time; and syncs that the policy refused.

use serde_json::{Value, json};
use tidegate::rehearse::apiserver::Fault;

use super::faults;
use super::stage::{Replica, Stage, seconds};

const RULES: &str = "application argocd/shop\nrule trained {\n  when job train-fraud succeeds\n  then restart isvc fraud\n  block wave 4\n}\n";

fn stage() -> Stage {
    let stage = Stage::new();
    stage.server.ensure_namespace("argocd").unwrap();
    let metadata = json!({"name": "shop", "namespace": "argocd"});
    let shop = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": {}});
    stage.server.put(shop).unwrap();
    stage
}

fn start(stage: &Stage, identity: &str) -> Replica {
    stage.start_with(identity, RULES, |options| options.admission = true)
}

/// What the ConfigMap holds; none if it is not there.
fn held(stage: &Stage) -> Option<Value> {
    let map = stage.server.get("v1", "ConfigMap", "tidegate", "tidegate-gates-default").ok()?;
    Some(map.get("data").cloned().unwrap_or_else(|| json!({})))
}

/// Argo CD's sync that begins now fails at the policy, and no other is asked for.
fn refuse(stage: &Stage) {
    let message = "one or more objects failed to apply, reason: configmaps \"served\" is forbidden: ValidatingAdmissionPolicy \
        'tidegate-default.tidegate' with binding 'tidegate-default.tidegate' denied request: wave 4 of application shop is held: wave 4 \
        and later since 2026-03-01T08:00:00Z by rule trained, which waits for job team/train-fraud succeeds (retried 5 times).";
    let result = json!({"revision": "abc", "resources": [{"kind": "ConfigMap", "name": "served", "status": "SyncFailed", "hookPhase": "Failed"}]});
    let state = json!({"phase": "Failed", "message": message, "startedAt": stage.now(), "finishedAt": stage.now(), "syncResult": result});
    let patch = json!({"operation": null, "status": {"operationState": state}});
    stage.server.patch("argoproj.io/v1alpha1", "Application", "argocd", "shop", patch).unwrap();
}

/// The revision that is to be synced, if a sync is asked for.
fn asked(stage: &Stage) -> Option<String> {
    let shop = stage.server.get("argoproj.io/v1alpha1", "Application", "argocd", "shop").unwrap();
    shop.pointer("/operation/sync/revision").and_then(Value::as_str).map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_refused_sync_is_done_again_once_after_the_policy_knows() {
    let stage = stage();
    let replica = start(&stage, "a");
    seconds(20).await;
    assert!(held(&stage).unwrap()["argocd_shop"].as_str().unwrap().starts_with("4 * "), "{:?}", held(&stage));
    refuse(&stage);
    seconds(30).await;
    assert_eq!(asked(&stage), None, "it is still held");
    stage.writes();
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!((asked(&stage).as_deref(), held(&stage)), (Some("abc"), Some(json!({}))));
    let writes = stage.writes();
    let at = |what: &str| {
        writes.iter().position(|write| write.starts_with(what)).unwrap_or_else(|| panic!("{what}: {writes:?}"))
    };
    assert!(at("patch configmaps tidegate-gates-default") < at("patch applications shop"), "{writes:?}");
    // A later refusal is not about this opening.
    seconds(30).await;
    refuse(&stage);
    seconds(120).await;
    assert_eq!(asked(&stage), None);
    replica.stop().await;
}

/// The policy never learns that the wave is open: the sync is not asked for again and again.
#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_told_makes_no_loop() {
    let stage = stage();
    let replica = start(&stage, "a");
    seconds(20).await;
    refuse(&stage);
    faults(&stage.server, |r| match r.name.as_str() {
        "tidegate-gates-default" if r.is_write() => Fault::Error(403),
        _ => Fault::None,
    });
    stage.succeed("train-fraud");
    let mut syncs = 0;
    for _ in 0..300 {
        seconds(1).await;
        if asked(&stage).is_some() {
            syncs += 1;
            refuse(&stage);
        }
    }
    assert!((1..=6).contains(&syncs), "{syncs}");
    let trouble = replica.status().await["admission"]["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|why| why.starts_with("the ConfigMap cannot be written: 403")), "{trouble}");
    stage.server.set_faults(None);
    seconds(30).await;
    assert_eq!(held(&stage), Some(json!({})), "written when it may be");
    assert_eq!(replica.status().await["admission"]["trouble"], Value::Null);
    replica.stop().await;
}

/// Invariant 8: no write churn. A leader that comes after another says the same; annotations hold in their own namespace.
#[tokio::test(start_paused = true)]
async fn invariant_8_held_waves_are_written_when_they_change() {
    let stage = stage();
    let tracking = "shop:batch/Job:team/own";
    let annotations = json!({"mlops.dev/block-wave": "2", "argocd.argoproj.io/tracking-id": tracking, "argocd.argoproj.io/sync-wave": "1"});
    stage.job_with("own", &annotations);
    let first = start(&stage, "a");
    seconds(20).await;
    let before = held(&stage).unwrap();
    let lines: Vec<&str> = before["argocd_shop"].as_str().unwrap().lines().collect();
    assert!(lines[0].starts_with("2 team ") && lines[1].starts_with("4 * ") && lines.len() == 2, "{lines:?}");
    stage.writes();
    seconds(600).await;
    assert!(stage.writes().iter().all(|write| !write.contains("tidegate-gates")));
    first.kill().await;
    let second = start(&stage, "b");
    seconds(120).await;
    assert_eq!(second.status().await["leader"], "b");
    assert!(stage.writes().iter().all(|write| !write.contains("tidegate-gates")));
    assert_eq!(held(&stage).unwrap(), before, "since when stays");
    // One that only observes leaves it alone.
    second.stop().await;
    stage.succeed("train-fraud");
    let third = stage.start_with("c", RULES, |options| (options.admission, options.observe) = (true, true));
    seconds(60).await;
    assert_eq!(held(&stage).unwrap(), before);
    third.stop().await;
}
