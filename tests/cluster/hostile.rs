//! Statuses of a form that no schema would let through: a CRD without one, or of another version than the rules were written for.

use serde_json::{Value, json};

use super::stage::{Stage, restarts, seconds};

/// Statuses that are not what the health of a notebook, a job or an InferenceService expects.
fn malformed() -> Vec<Value> {
    let deep = (0..200).fold(json!("end"), |inner, _| json!({ "a": inner }));
    vec![
        json!("Succeeded"),
        json!(7),
        json!([{"phase": "Succeeded"}]),
        json!({"phase": 7, "completionTime": [1]}),
        json!({"phase": {"phase": "Succeeded"}, "completionTime": {}}),
        json!({"phase": "Failed", "completionTime": "yesterday", "results": "none"}),
        json!({"phase": "succeeded", "completionTime": "2026-03-01T08:00:01Z"}),
        json!({"conditions": {"type": "Complete", "status": "True"}, "succeeded": "1"}),
        json!({"conditions": [null, "Complete", 3, {"type": 1}, {"status": "True"}, {"type": "Complete", "status": true}]}),
        json!({"completionTime": "9999-99-99T99:99:99Z", "conditions": "True"}),
        json!({"phase": "x".repeat(1 << 20), "message": deep}),
    ]
}

#[tokio::test(start_paused = true)]
async fn statuses_of_another_form_are_no_success_and_harm_nothing() {
    let stage = Stage::new();
    let rules = "
application argocd/app
when any notebook succeeds then restart isvc never; catch up
when any job with label hostile=yes succeeds then restart isvc never; catch up
when isvc odd is healthy then restart isvc never
report every notebook to application argocd/app
when job train-fraud succeeds then restart isvc fraud
";
    stage.server.ensure_namespace("argocd").unwrap();
    stage.isvc("never");
    let replica = stage.start("a", rules);
    seconds(5).await;
    for (n, status) in malformed().into_iter().enumerate() {
        let metadata = |name: String| json!({"name": name, "namespace": "team", "labels": {"hostile": "yes"}});
        for (api, kind) in [("mlops.mlops.dev/v1alpha1", "NotebookValidationJob"), ("batch/v1", "Job")] {
            let object =
                json!({"apiVersion": api, "kind": kind, "metadata": metadata(format!("odd-{n}")), "status": status});
            stage.server.put(object).unwrap();
        }
        let isvc = json!({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "odd", "namespace": "team"}, "spec": 3, "status": status});
        stage.server.put(isvc).unwrap();
        seconds(2).await;
    }
    seconds(30).await;
    assert_eq!(replica.ready().await, "ready\n");
    let writes = stage.writes();
    assert_eq!(restarts(&writes), 0, "{writes:#?}");
    stage.succeed("train-fraud");
    seconds(5).await;
    assert_eq!((stage.marks("fraud"), stage.marks("never")), (1, 0));
    replica.stop().await;
}
