//! `plan --live` and `explain` in a cluster where a controller works: what they say is what it does, and they write nothing.

use std::process::Command;

use crate::stage::{Controller, Stage, next_second};
use crate::{CLUSTER, SENTENCE};

/// Runs a verb under the installed account: exit status, and what it printed.
fn ask(stage: &Stage<'_>, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(words).arg(stage.deployed.rules.join("rules.tide")).env("KUBECONFIG", &stage.deployed.kubeconfig);
    let output = command.args(["--watch-namespace", &stage.namespace, "--format", "plain"]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn plan(stage: &Stage<'_>) -> (Option<i32>, String) {
    ask(stage, &["plan", "--live", "--detailed-exitcode"])
}

async fn work(stage: &Stage<'_>, replica: &str) -> Controller {
    let controller = stage.start(replica).await;
    controller.until_leads().await;
    controller
}

#[tokio::test]
async fn a_live_plan_names_what_the_controller_then_does() {
    let Some(cluster) = CLUSTER.get("a_live_plan_names_what_the_controller_then_does") else { return };
    let rules = format!("application NAMESPACE/app\n{SENTENCE}");
    let stage = Stage::new(cluster, "live", &rules).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let (code, said) = plan(&stage);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no controller has run there yet"), "{said}");

    // It stores the baseline, and is away when the job succeeds.
    let mut controller = work(&stage, "a").await;
    controller.until("the baseline is stored", async || stage.state().await.is_some()).await;
    assert!(controller.process.terminate().unwrap().success());
    next_second().await;
    let (code, said) = ask(&stage, &["explain", "job", "train-fraud"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Progressing") && !said.contains("due now"), "{said}");
    stage.succeed("train-fraud").await;
    let (code, said) = plan(&stage);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("restart isvc fraud"), "{said}");
    let planned = said;
    let (code, said) = ask(&stage, &["explain", "job", "train-fraud"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("due now"), "{said}");
    assert_eq!(stage.restarts("fraud").await.0, 1, "asking changes nothing");

    let controller = work(&stage, "b").await;
    controller.until("it does what was planned", async || stage.restarts("fraud").await.0 == 2).await;
    let record = stage.restarts("fraud").await.1["tidegate.dev/fired.default"].as_str().unwrap().to_owned();
    assert!(planned.contains(&format!("[tidegate.dev/fired.default] = {record}")), "{record}: {planned}");
    controller
        .until("it is settled", async || {
            stage.state().await.is_some_and(|state| !state["settled"].as_object().unwrap().is_empty())
        })
        .await;
    let (code, said) = plan(&stage);
    assert_eq!(code, Some(0), "{said}");
}

/// `check --live`: the definitions of the cluster, as an account that may get them, and as one that may not.
#[tokio::test]
async fn a_live_check_reads_the_definitions_of_the_cluster() {
    let Some(cluster) = CLUSTER.get("a_live_check_reads_the_definitions_of_the_cluster") else { return };
    let admin = cluster.admin().await;
    let namespace = cluster.namespace(&admin, "schema").await;
    let account = serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ci"}});
    crate::support::objects::create(&admin, &namespace, account).await;
    let without = cluster.account_kubeconfig(&admin, &namespace, "ci").await;
    let rules = cluster
        .scratch()
        .write("schema.tide", "when notebook a succeeds and notebook.status.phse == \"x\" then restart isvc b\n");
    let rules = rules.unwrap();
    let check = |kubeconfig: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["check", "--live", "--format", "plain"]).arg(&rules).env("KUBECONFIG", kubeconfig);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, found, notes) = check(cluster.admin_kubeconfig());
    assert!(found.contains("error[TG205]: the schema has no field `phse` here"), "{found}{notes}");
    assert_eq!((code, notes.as_str()), (Some(1), ""), "{found}");
    let (code, found, notes) = check(&without);
    assert_eq!((code, found.as_str()), (Some(0), ""), "{notes}");
    let words = "note: no schema for notebook: 403: customresourcedefinitions.apiextensions.k8s.io \"notebookvalidationjobs.mlops.mlops.dev\" is forbidden";
    assert!(notes.contains(words) && notes.contains("note: no schema for isvc: 403"), "{notes}");
}
