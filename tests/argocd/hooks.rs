//! The hook that `emit hooks` prints: it gates a job of another application; in the PreSync phase it waits for ever.

use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use crate::stage::{JOB, Stage, config_map, tidegate, version};
use crate::support::hooks::Hook;

/// What `emit hooks` prints for rules over these manifests.
pub fn emit_hooks(stage: &Stage, rules: &str, manifests: &[(&str, &str)]) -> String {
    let folder = stage.cluster.scratch().path().join(format!("{}-hooks", stage.namespace));
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in manifests {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let file = stage.cluster.scratch().path().join(format!("{}-hooks.tide", stage.namespace));
    std::fs::write(&file, format!("namespace {}\n{rules}", stage.namespace)).unwrap();
    let hooks = tidegate(&["emit", "hooks", file.to_str().unwrap(), "--manifests", folder.to_str().unwrap()]);
    assert!(hooks.contains("argocd.argoproj.io/hook: Sync"), "{hooks}");
    hooks
}

/// What `lint` says of these manifests.
fn lint(stage: &Stage, name: &str, manifests: &[(&str, &str)]) -> String {
    let folder = stage.cluster.scratch().path().join(format!("{}-{name}", stage.namespace));
    std::fs::create_dir(&folder).unwrap();
    for (file, text) in manifests {
        // As Argo CD does with what names no namespace.
        let text = text
            .replace("metadata: {name: train}", &format!("metadata: {{name: train, namespace: {}}}", stage.namespace));
        std::fs::write(folder.join(file), text).unwrap();
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = command.args(["lint", "--format", "plain", "--manifests"]).arg(&folder).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The job is another Application's, so no health of Argo CD's tells of it: a Sync hook in the wave before the held one asks.
#[tokio::test]
async fn the_hook_gates_a_job_of_another_application_on_a_real_argocd() {
    let test = "the_hook_gates_a_job_of_another_application_on_a_real_argocd";
    for (good, trainer, consumer) in [(true, "trainer", "consumer"), (false, "trainer-bad", "consumer-bad")] {
        let Some(stage) = Stage::new(test, consumer).await else { return };
        let rules = format!(
            "when job train succeeds then notify trained \"trained\"; block wave 4 of application argocd/{consumer}\n"
        );
        let served = config_map("served", "4");
        let manifests = [("settings.yaml", config_map("settings", "0")), ("served.yaml", served)];
        let manifests = manifests.each_ref().map(|(name, text)| (*name, text.as_str()));
        let hooks = emit_hooks(&stage, &rules, &manifests);
        let files = [manifests.as_slice(), &[("hooks.yaml", hooks.as_str())]].concat();
        stage.application(consumer, &files, json!({})).await;
        stage.argocd.sync(consumer, "1").await;
        let hook = Hook::start(stage.cluster, &stage.client, &stage.namespace, None).await;
        assert!(stage.is_there("settings").await && !stage.is_there("served").await);

        stage.application(trainer, &[("job.yaml", JOB)], json!({})).await;
        stage.argocd.sync(trainer, "1").await;
        stage.until("the job is applied", async || stage.jobs().get_opt("train").await.unwrap().is_some()).await;
        let running = |state: &Value| state["phase"] == "Running";
        stage.argocd.wait_operation(consumer, "1", "the sync waits for the hook", running).await;
        assert!(!stage.is_there("served").await, "the job runs");
        stage.let_end("train", good).await;
        let ended: Job = stage.jobs().get("train").await.unwrap();
        let (code, said, _) = hook.end().await;
        assert_eq!(code, i32::from(!good), "{said}");
        let phase = stage.argocd.wait_ended(consumer, "1").await;
        match good {
            true => {
                assert_eq!(phase, "Succeeded");
                assert!(version(&stage.maps().get("served").await.unwrap()) > version(&ended));
            }
            false => {
                assert_eq!(phase, "Failed");
                assert!(said.starts_with("failed: job ") && !stage.is_there("served").await, "{said}");
            }
        }
    }
}

/// A PreSync hook that waits for what the Sync phase creates: Argo CD does not come to the Sync phase, and does not take up the commit that
/// puts it right, until the hook gives up.
#[tokio::test]
async fn the_presync_form_deadlocks_on_a_real_argocd() {
    let Some(stage) = Stage::new("the_presync_form_deadlocks_on_a_real_argocd", "deadlock").await else { return };
    let rules =
        "when job train succeeds then notify trained \"trained\"; block wave 4 of application argocd/deadlock\n";
    let served = config_map("served", "4");
    let emitted = emit_hooks(&stage, rules, &[("served.yaml", &served)]);
    let presync = emitted.replace("hook: Sync", "hook: PreSync").replace("sync-wave: \"3\"", "sync-wave: \"-1\"");
    // Account and role come before it, in its own phase, or its pod could not even start.
    let presync = presync.replace(
        "  annotations:\n    argocd.argoproj.io/sync-wave: \"-1\"\n",
        "  annotations:\n    argocd.argoproj.io/hook: PreSync\n    argocd.argoproj.io/sync-wave: \"-2\"\n",
    );
    let presync = presync.replace("--timeout=24h", "--timeout=6s");
    let files = [("hooks.yaml", presync.as_str()), ("job.yaml", JOB), ("served.yaml", &served)];
    // `lint` says so beforehand, of this form alone.
    let said = lint(&stage, "presync", &files);
    assert!(said.contains("error[TG602]") && said.contains("waits for job `train`, which comes in wave 0"), "{said}");
    let right = lint(&stage, "sync", &[("hooks.yaml", emitted.as_str()), files[1], files[2]]);
    assert!(!right.contains("TG602"), "{right}");
    let automated = json!({"syncPolicy": {"automated": {}, "retry": {"limit": 0}}});
    stage.application("deadlock", &files, automated).await;
    let hook = Hook::start(stage.cluster, &stage.client, &stage.namespace, None).await;
    let running = |status: &Value| status["operationState"]["phase"] == "Running";
    let state = stage.argocd.wait("deadlock", "the sync runs", running).await;
    let old = state["operationState"]["operation"]["sync"]["revision"].clone();
    stage.argocd.commit("deadlock", &[("hooks.yaml", &emitted)]);
    stage.argocd.refresh("deadlock").await;
    let (code, said, uid) = hook.end().await;
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it does not exist"), "{said}");
    // What had been so for as long as the hook waited.
    assert!(stage.jobs().get_opt("train").await.unwrap().is_none(), "the Sync phase had not begun");
    let begun = |status: &Value| {
        let state = &status["operationState"];
        state["phase"] == "Failed" || state["operation"]["sync"]["revision"] != old
    };
    stage.argocd.wait("deadlock", "the deadlock ends with the hook", begun).await;
    // And then the Sync form works.
    stage.argocd.refresh("deadlock").await;
    let fixed = |status: &Value| status["operationState"]["operation"]["sync"]["revision"] != old;
    stage.argocd.wait("deadlock", "the fix is taken up", fixed).await;
    stage.until("the job is applied", async || stage.jobs().get_opt("train").await.unwrap().is_some()).await;
    stage.let_end("train", true).await;
    let hook = Hook::start(stage.cluster, &stage.client, &stage.namespace, Some(&uid)).await;
    assert_eq!(hook.end().await.0, 0);
    let done = |status: &Value| fixed(status) && status["operationState"]["phase"] == "Succeeded";
    stage.argocd.wait("deadlock", "it is synced", done).await;
    assert!(stage.is_there("served").await);
}
