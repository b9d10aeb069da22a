//! What the controller writes, as Argo CD takes it: its annotations are no drift; syncs and refreshes are done.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{JOB, NOTEBOOK, SERVICE, Stage, config_map};
use crate::support::objects;

/// Records on a notebook and an InferenceService that Git owns, and on the Application itself, under selfHeal.
#[tokio::test]
async fn annotations_cause_no_out_of_sync_on_a_real_argocd() {
    let Some(stage) = Stage::new("annotations_cause_no_out_of_sync_on_a_real_argocd", "healed").await else { return };
    let rules = "application argocd/healed\n\
        when notebook train succeeds then restart isvc fraud; block wave 4\n";
    let (_controller, _deployed) = stage.controller(rules, &[]).await;
    let files = [("notebook.yaml", NOTEBOOK), ("service.yaml", SERVICE)];
    let spec = json!({"syncPolicy": {"automated": {"selfHeal": true, "prune": true}}});
    stage.application("healed", &files, spec).await;
    let notebooks = objects::notebooks(&stage.client, &stage.namespace);
    let services = objects::inference_services(&stage.client, &stage.namespace);
    stage.until("the notebook is applied", async || notebooks.get_opt("train").await.unwrap().is_some()).await;
    stage.trained("Success").await;
    let ended =
        |status: &Value| status["operationState"]["phase"] == "Succeeded" && status["sync"]["status"] == "Synced";
    let before = stage.argocd.wait("healed", "it is synced", ended).await;
    let written = async || {
        let (notebook, service) = (notebooks.get("train").await.unwrap(), services.get("fraud").await.unwrap());
        let application = stage.argocd.applications().get("healed").await.unwrap();
        notebook.annotations().contains_key("mlops.dev/wave-complete")
            && service.data["spec"]["predictor"]["annotations"].is_object()
            && application.annotations().contains_key("mlops.dev/notebook-status")
            && application.annotations().contains_key("tidegate.dev/gates.default")
    };
    stage.until("everything is written", written).await;
    for kind in ["normal", "hard"] {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": kind}}}));
        stage.argocd.applications().patch("healed", &PatchParams::default(), &patch).await.unwrap();
        stage.argocd.wait_refreshed("healed").await;
        let status = stage.argocd.wait("healed", "it is compared", |status| status["sync"].is_object()).await;
        assert_eq!(status["sync"]["status"], "Synced", "{status:#}");
        assert_eq!(status["operationState"]["startedAt"], before["operationState"]["startedAt"], "nothing is healed");
    }
    assert!(written().await, "and all of it is still there");
    // So the check can fail: a key that Git owns is drift, and is put right.
    let drift = Patch::Merge(json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": "7"}}}));
    services.patch("fraud", &PatchParams::default(), &drift).await.unwrap();
    let healed = async || services.get("fraud").await.unwrap().annotations()["argocd.argoproj.io/sync-wave"] == "2";
    stage.until("drift is put right", healed).await;
    assert!(written().await, "which leaves the rest");
}

/// `sync application` applies what Git has, `refresh application … hard` makes Argo CD look at Git and generate again.
#[tokio::test]
async fn a_sync_and_a_hard_refresh_do_what_they_say_on_a_real_argocd() {
    let test = "a_sync_and_a_hard_refresh_do_what_they_say_on_a_real_argocd";
    let Some(stage) = Stage::new(test, "acted").await else { return };
    let rules = "when job train succeeds then sync application argocd/acted\n\
        when job look succeeds then refresh application argocd/acted hard\n";
    let (_controller, _deployed) = stage.controller(rules, &[]).await;
    let job = |name: &str| JOB.replace("train", name).replace("acted", "train");
    stage.make(&job("train")).await;
    stage.make(&job("look")).await;
    stage.application("acted", &[("one.yaml", &config_map("one", "0"))], json!({})).await;
    stage.argocd.wait("acted", "it is compared", |status| status["sync"]["status"] == "OutOfSync").await;
    assert!(!stage.is_there("one").await, "nobody has synced it");
    stage.let_end("train", true).await;
    let done = |status: &Value| {
        let state = &status["operationState"];
        state["phase"] == "Succeeded" && state["operation"]["initiatedBy"]["username"] == "tidegate"
    };
    let synced = stage.argocd.wait("acted", "the sync is done", done).await;
    assert!(stage.is_there("one").await);

    stage.argocd.commit("acted", &[("two.yaml", &config_map("two", "0"))]);
    let old = synced["operationState"]["syncResult"]["revision"].clone();
    stage.let_end("look", true).await;
    let seen = |status: &Value| status["sync"]["revision"] != old && status["sync"]["status"] == "OutOfSync";
    let status = stage.argocd.wait("acted", "Argo CD has looked at Git", seen).await;
    assert_eq!(status["operationState"]["startedAt"], synced["operationState"]["startedAt"], "and synced nothing");
    stage.argocd.wait_refreshed("acted").await;
    let application = stage.argocd.applications().get("acted").await.unwrap();
    assert!(application.annotations().contains_key("argocd.argoproj.io/refresh-timestamp"), "it was a hard one");
    assert_eq!(stage.told("acted", "refresh application argocd/acted hard").await, 1);
}
