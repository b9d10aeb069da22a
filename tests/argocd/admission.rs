//! The admission policy under Argo CD: what belongs to a held wave is refused, and the failed sync is done again when the wave opens.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, config_map, tidegate};
use crate::support::{Deployed, objects};

/// Argo CD has no health check for this kind: no wave waits for it.
const RULES: &str = r#"
kind thing = limited.example.org/v1 Thing (things) runs to completion {
  healthy "done" when self.?phase.orValue("") == "Done"
  progressing "runs" otherwise
}
application argocd/limited
rule trained { when thing train succeeds then notify trained "trained"; block wave 4 }
"#;

const THING: &str = r#"
apiVersion: limited.example.org/v1
kind: Thing
metadata: {name: train, annotations: {argocd.argoproj.io/sync-wave: "1"}}
"#;

fn definition() -> Value {
    let names = json!({"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"});
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.limited.example.org"},
        "spec": {"group": "limited.example.org", "scope": "Namespaced", "names": names, "versions": [version]}})
}

async fn apply_policy(stage: &Stage, deployed: &Deployed) {
    let rules =
        stage.cluster.scratch().write("limited.tide", &format!("namespace {}\n{RULES}", stage.namespace)).unwrap();
    let only = format!("--only-namespace={}", stage.namespace);
    let policy = tidegate(&["emit", "admission", rules.to_str().unwrap(), "--namespace", &deployed.namespace, &only]);
    objects::create_all(&stage.client, &deployed.namespace, &policy).await;
}

/// Argo CD's retries are used up while the wave is held; that is no lasting failure.
#[tokio::test]
async fn a_refused_sync_is_done_again_when_the_wave_opens_on_a_real_argocd() {
    let test = "a_refused_sync_is_done_again_when_the_wave_opens_on_a_real_argocd";
    let Some(stage) = Stage::new(test, "limited").await else { return };
    objects::create(&stage.client, "", definition()).await;
    let gvk = GroupVersionKind::gvk("limited.example.org", "v1", "Thing");
    let served = async || kube::discovery::pinned_kind(&stage.client, &gvk).await.is_ok();
    stage.until("the definition is served", served).await;
    let (_controller, deployed) = stage.controller(RULES, &["--admission"]).await;
    apply_policy(&stage, &deployed).await;
    let gates = Api::<k8s_openapi::api::core::v1::ConfigMap>::namespaced(stage.client.clone(), &deployed.namespace);
    let held = async || {
        let map = gates.get_opt("tidegate-gates-default").await.unwrap();
        map.is_some_and(|map| map.data.is_some_and(|data| data.contains_key("argocd_limited")))
    };
    stage.until("the wave is held", held).await;

    let files = [("early.yaml", config_map("early", "0")), ("served.yaml", config_map("served", "4"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let files = [files.as_slice(), &[("thing.yaml", THING)]].concat();
    let retry = json!({"limit": 1, "backoff": {"duration": "1s", "factor": 1, "maxDuration": "1s"}});
    // Server-side apply tries each object on the server before the first wave; the policy lets that pass.
    let spec = json!({"syncPolicy": {"automated": {}, "retry": retry, "syncOptions": ["ServerSideApply=true"]}});
    stage.application("limited", &files, spec).await;
    let failed = |status: &Value| status["operationState"]["phase"] == "Failed";
    let failed = stage.argocd.wait("limited", "the sync has failed", failed).await;
    let message = failed["operationState"]["message"].as_str().unwrap();
    let says = "wave 4 of application limited is held: wave 4 and later since ";
    assert!(message.contains(says) && message.contains("by rule trained, which waits for thing"), "{failed:#}");
    assert_eq!(failed["operationState"]["retryCount"], 1, "{failed:#}");
    assert!(stage.is_there("early").await && !stage.is_there("served").await);

    // The comparison goes on, also where the server makes it.
    let server_side =
        json!({"metadata": {"annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}}});
    let applications = stage.argocd.applications();
    applications.patch("limited", &PatchParams::default(), &Patch::Merge(server_side)).await.unwrap();
    stage.argocd.refresh("limited").await;
    let status = stage.argocd.wait("limited", "it is compared", |status| status["sync"]["status"] == "OutOfSync").await;
    let errors = status["conditions"].to_string();
    assert!(!errors.contains("ComparisonError"), "{errors}");

    let things: Api<DynamicObject> =
        Api::namespaced_with(stage.client.clone(), &stage.namespace, &ApiResource::from_gvk(&gvk));
    let end = async |phase: &str| {
        things.patch("train", &PatchParams::default(), &Patch::Merge(json!({ "phase": phase }))).await.unwrap();
    };
    assert!(!stage.is_there("served").await, "Argo CD has given up");
    end("Done").await;
    let ours = |status: &Value| status["operationState"]["operation"]["initiatedBy"]["username"] == "tidegate";
    let done = |status: &Value| ours(status) && status["operationState"]["phase"] == "Succeeded";
    stage.argocd.wait("limited", "tidegate syncs it again", done).await;
    assert!(stage.is_there("served").await);
    let told = async || stage.told("limited", "sync application argocd/limited again").await;
    stage.until("it is told", async || told().await > 0).await;

    // Held again, what is there already may change: only what is created is refused.
    end("Running").await;
    stage.until("the wave is held again", held).await;
    stage.argocd.commit("limited", &[("served.yaml", &config_map("served", "4").replace("fraud", "fraud-2"))]);
    stage.argocd.refresh("limited").await;
    let changed = async || stage.maps().get("served").await.unwrap().data.unwrap()["model"] == "fraud-2";
    stage.until("the change is applied", changed).await;
    assert_eq!(told().await, 1, "once");
}
