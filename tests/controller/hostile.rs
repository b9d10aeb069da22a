//! Input that means harm, or that somebody broke.

use serde_json::json;

use crate::stage::{Stage, next_second};
use crate::{CLUSTER, SENTENCE};

#[tokio::test]
async fn hostile_annotations_are_refused_visibly_and_harm_nothing() {
    let Some(cluster) = CLUSTER.get("hostile_annotations_are_refused_visibly_and_harm_nothing") else { return };
    let stage = Stage::new(cluster, "hostile", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let isvc = "apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, action: restart";
    let texts = [
        "{{{".to_owned(),
        "- {}".to_owned(),
        format!("- {{{isvc}, name: ../../secrets/token}}"),
        format!("- {{{isvc}, name: fraud, namespace: kube-system}}"),
        "- {apiVersion: v1, kind: Secret, name: token, action: delete}".to_owned(),
        format!("- {{{isvc}, name: {}}}", "x".repeat(200 * 1024)),
    ];
    for (n, text) in texts.iter().enumerate() {
        stage
            .job_with(
                &format!("hostile-{n}"),
                json!({"mlops.dev/on-success-trigger": text, "mlops.dev/block-wave": "\u{202e}four\n"}),
            )
            .await;
    }
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    for n in 0..texts.len() {
        stage.succeed(&format!("hostile-{n}")).await;
    }
    let refusals =
        async || stage.events().await.iter().filter(|event| event.ends_with("TriggerRefused")).count() >= texts.len();
    controller.until("each is refused", refusals).await;
    stage.succeed("train-fraud").await;
    controller.until("the rule acts", async || stage.restarts("fraud").await.0 == 2).await;
    assert_eq!(stage.restarts("fraud").await.0, 2);
}
