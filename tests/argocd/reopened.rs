//! With the rights that are shipped: a sync that failed at its hook is done again, once, when the wave opens.

use serde_json::{Value, json};

use crate::hooks::emit_hooks;
use crate::stage::{NOTEBOOK, Stage, config_map, now};
use crate::support::hooks::Hook;
use crate::support::objects;

const RULES: &str = r#"
application argocd/reopened
rule good {
  when notebook train succeeds
   and notebook.status.results.all(r, r.status == "Success")
  then notify model-good "{notebook.metadata.name} is good"
  block wave 2
}
"#;

#[tokio::test]
async fn a_sync_that_failed_at_its_hook_is_done_again_once_on_a_real_argocd() {
    let test = "a_sync_that_failed_at_its_hook_is_done_again_once_on_a_real_argocd";
    let Some(stage) = Stage::new(test, "reopened").await else { return };
    let (_controller, _deployed) = stage.controller(RULES, &[]).await;
    let hook = async |after: Option<&str>| Hook::start(stage.cluster, &stage.client, &stage.namespace, after).await;

    let served = config_map("served", "2");
    let manifests = [("notebook.yaml", NOTEBOOK), ("served.yaml", served.as_str())];
    let hooks = emit_hooks(&stage, RULES, &manifests);
    let files = [manifests.as_slice(), &[("hooks.yaml", hooks.as_str())]].concat();
    stage.application("reopened", &files, json!({})).await;
    stage.argocd.sync("reopened", "1").await;
    let notebooks = objects::notebooks(&stage.client, &stage.namespace);
    stage.until("the notebook is applied", async || notebooks.get_opt("train").await.unwrap().is_some()).await;
    let first = hook(None).await;
    stage.trained("Failure").await;
    let (code, said, uid) = first.end().await;
    assert_eq!(code, 1, "the quality gate: {said}");
    assert_eq!(stage.argocd.wait_ended("reopened", "1").await, "Failed");
    let failed = |status: &Value| status["operationState"]["phase"] == "Failed";
    let failed = stage.argocd.wait("reopened", "it has failed", failed).await;
    let revision = failed["operationState"]["syncResult"]["revision"].clone();
    assert!(revision.is_string() && !stage.is_there("served").await, "{failed:#}");

    stage.make_notebook_again().await;
    stage.trained("Success").await;
    let opened = now();
    let ours = |status: &Value| status["operationState"]["operation"]["initiatedBy"]["username"] == "tidegate";
    let begun = stage.argocd.wait("reopened", "tidegate syncs it again", ours).await;
    assert_eq!(begun["operationState"]["operation"]["sync"]["revision"], revision);
    let (code, said, uid) = hook(Some(&uid)).await.end().await;
    assert_eq!(code, 0, "{said}");
    let done = |status: &Value| ours(status) && status["operationState"]["phase"] == "Succeeded";
    stage.argocd.wait("reopened", "that sync succeeds", done).await;
    assert!(stage.is_there("served").await, "wave 2 was applied");
    let told = async || stage.told("reopened", "sync application argocd/reopened again").await;
    stage.until("it is told", async || told().await > 0).await;

    // Another failure while the wave is open has another cause, and is left alone; what comes after it still works. Times are whole
    // seconds, and what comes about in the second in which a sync begins counts as after it, so this one begins in another.
    stage.until("another second has begun", async || now() > opened).await;
    stage.argocd.sync("reopened", "2").await;
    let uid = hook(Some(&uid)).await.end_with(1).await;
    assert_eq!(stage.argocd.wait_ended("reopened", "2").await, "Failed");
    stage.argocd.commit("reopened", &[("served.yaml", &served.replace("fraud", "fraud-2"))]);
    stage.argocd.sync("reopened", "3").await;
    assert_eq!(hook(Some(&uid)).await.end().await.0, 0);
    assert_eq!(stage.argocd.wait_ended("reopened", "3").await, "Succeeded");
    assert_eq!(told().await, 1, "once");
}
