//! `tidegate wait` in virtual time: what it says meanwhile, and that it ends.

use std::time::Duration;

use serde_json::json;
use tidegate::cluster::{Waited, wait};
use tidegate::rehearse::apiserver::Fault;
use tidegate::rulebook;

use super::stage::{Stage, seconds};
use super::{env, faults};

/// Waits for CONDITION in the namespace `team` for at most `patience` seconds; how it ended, after how long, and what was said.
async fn waited(stage: &Stage, condition: &str, patience: u64) -> (Waited, u64, Vec<String>) {
    let options = rulebook::Options { default_namespace: Some("team".to_owned()), ..rulebook::Options::default() };
    let kinds = vec![("kinds.tide".to_owned(), "kind thing = a.io/v1 Thing (things) runs to completion {\n  healthy \"done\" when self.?status.?phase.orValue(\"\") == \"Done\"\n  progressing \"runs\" otherwise\n}\n".to_owned())];
    let compiled = rulebook::load_condition(kinds, condition, &options);
    let book = compiled.rulebook.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let mut said = Vec::new();
    let began = tokio::time::Instant::now();
    let mut here = env(&stage.server, "wait", 1);
    here.clock = stage.clock.clone();
    let ended = wait(&here, &book, Duration::from_secs(patience), |line| said.push(line.to_owned())).await;
    (ended, began.elapsed().as_secs(), said)
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_is_said_each_minute_until_the_deadline() {
    let stage = Stage::new();
    let (ended, took, said) = waited(&stage, "job train-fraud succeeds and isvc fraud is degraded", 210).await;
    let Waited::TimedOut(what) = ended else { panic!("{ended:?}") };
    assert!(
        what.contains("job team/train-fraud succeeds (") && what.contains("isvc team/fraud is degraded ("),
        "{what}"
    );
    assert_eq!(took, 210);
    assert_eq!(said, vec![format!("waiting for {what}"); 3]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_as_soon_as_it_holds_or_has_failed() {
    let stage = Stage::new();
    stage.job("bad");
    let play = async {
        seconds(100).await;
        stage.succeed("train-fraud");
    };
    let (ended, ()) = tokio::join!(waited(&stage, "job train-fraud succeeds", 3600), play);
    assert_eq!((&ended.0, ended.1), (&Waited::Holds, 100));
    assert_eq!(ended.2.len(), 1);

    let fail = async {
        seconds(10).await;
        let condition = json!({"type": "Failed", "status": "True", "lastTransitionTime": stage.now(), "reason": "BackoffLimitExceeded"});
        let status = json!({"failed": 1, "conditions": [condition]});
        stage.server.patch_status("batch/v1", "Job", "team", "bad", status).unwrap();
    };
    let (ended, ()) = tokio::join!(waited(&stage, "job bad succeeds", 3600), fail);
    assert!(matches!(&ended.0, Waited::Failed(why) if why.contains("job team/bad")), "{ended:?}");
    assert_eq!(ended.1, 10);
}

/// The API server does not answer: said once, with each minute's line, and not each time that it is tried.
#[tokio::test(start_paused = true)]
async fn trouble_with_the_server_is_said_once_and_passes() {
    let stage = Stage::new();
    faults(&stage.server, |request| if request.resource == "jobs" { Fault::Error(503) } else { Fault::None });
    stage.succeed("train-fraud");
    let mend = async {
        seconds(150).await;
        stage.server.set_faults(None);
    };
    let ((ended, took, said), ()) = tokio::join!(waited(&stage, "job train-fraud succeeds", 3600), mend);
    assert_eq!(ended, Waited::Holds);
    assert!((150..190).contains(&took), "{took}");
    assert_eq!(said.iter().filter(|line| line.starts_with("cannot list")).count(), 1, "{said:#?}");
    assert_eq!(said.iter().filter(|line| line.starts_with("waiting for ") && line.contains("503")).count(), 2);
    assert_eq!(said.len(), 3, "{said:#?}");
}

/// What may not be read is said at once and given up after a minute, since a role may be applied beside the hook; or at the deadline.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_given_up_after_a_minute() {
    let forbid = |stage: &Stage, code: u16| {
        faults(&stage.server, move |request| if request.resource == "jobs" { Fault::Error(code) } else { Fault::None });
    };
    for (code, patience, least) in [(403, 3600, 60), (401, 3600, 60), (403, 20, 20)] {
        let stage = Stage::new();
        forbid(&stage, code);
        let (ended, took, said) = waited(&stage, "job train-fraud succeeds", patience).await;
        let Waited::Refused(why) = ended else { panic!("{code}: {ended:?}") };
        assert!(why.starts_with(&format!("cannot list: {code}: ")), "{why}");
        assert!((least..least + 25).contains(&took), "{took}");
        let first = said.first().unwrap();
        assert!(first.starts_with(&why) && first.ends_with("; if that stays so for 60 s, it is given up"), "{said:#?}");
    }
    // The role comes in time.
    let stage = Stage::new();
    forbid(&stage, 403);
    stage.succeed("train-fraud");
    let mend = async {
        seconds(45).await;
        stage.server.set_faults(None);
    };
    let ((ended, ..), ()) = tokio::join!(waited(&stage, "job train-fraud succeeds", 3600), mend);
    assert_eq!(ended, Waited::Holds);
    // What holds without what may not be read, holds.
    let stage = Stage::new();
    forbid(&stage, 403);
    let (ended, ..) = waited(&stage, "job train-fraud succeeds or isvc fraud is progressing", 3600).await;
    assert_eq!(ended, Waited::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_the_cluster_lacks_is_waited_for() {
    let stage = Stage::new();
    let (ended, took, said) = waited(&stage, "thing x succeeds", 100).await;
    let Waited::TimedOut(what) = ended else { panic!("{ended:?}") };
    assert!(what.contains("thing team/x succeeds") && what.contains("install the CRD of Thing"), "{what}");
    assert_eq!((took, said.len()), (100, 2), "{said:#?}");
}

/// What the Application lists and is not there yet is waited for, and one failed member ends it at once.
#[tokio::test(start_paused = true)]
async fn members_that_the_application_lists_are_waited_for() {
    let stage = Stage::new();
    let member = |name: &str| json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "team", "name": name, "syncWave": 3});
    let metadata = json!({"name": "shop", "namespace": "argocd"});
    stage.server.ensure_namespace("argocd").unwrap();
    let status = json!({"resources": [member("one"), member("two")]});
    let app =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "status": status});
    stage.server.put(app).unwrap();
    let wave = json!({"argocd.argoproj.io/sync-wave": "3"});
    stage.job_with("one", &wave);
    stage.succeed("one");
    let condition = "every job in wave 3 of application argocd/shop succeeds";
    let tracked = |name: &str| json!({"argocd.argoproj.io/sync-wave": "3", "argocd.argoproj.io/tracking-id": format!("shop:batch/Job:team/{name}")});
    stage.job_with("one", &tracked("one"));
    let (ended, _, _) = waited(&stage, condition, 100).await;
    let Waited::TimedOut(what) = ended else { panic!("{ended:?}") };
    assert!(what.contains("two: application shop lists it, but it does not exist"), "{what}");

    let play = async {
        seconds(10).await;
        stage.job_with("two", &tracked("two"));
        seconds(10).await;
        stage.succeed("two");
    };
    let (ended, ()) = tokio::join!(waited(&stage, condition, 3600), play);
    assert_eq!((ended.0, ended.1), (Waited::Holds, 20));

    let failed = json!({"type": "Failed", "status": "True", "lastTransitionTime": stage.now(), "reason": "BackoffLimitExceeded"});
    stage.server.delete("batch/v1", "Job", "team", "two").unwrap();
    stage.job_with("two", &tracked("two"));
    stage.server.patch_status("batch/v1", "Job", "team", "two", json!({"failed": 1, "conditions": [failed]})).unwrap();
    let (ended, took, _) = waited(&stage, condition, 3600).await;
    assert!(matches!(&ended, Waited::Failed(why) if why.contains("two: failed")), "{ended:?}");
    assert_eq!(took, 0);
}

/// `for 10s` holds after ten seconds, though nothing else comes in.
#[tokio::test(start_paused = true)]
async fn it_looks_again_when_time_alone_decides() {
    let stage = Stage::new();
    let play = async {
        seconds(5).await;
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"conditions": conditions, "modelStatus": {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"}}});
        stage.server.patch_status("serving.kserve.io/v1beta1", "InferenceService", "team", "fraud", status).unwrap();
    };
    let (ended, ()) = tokio::join!(waited(&stage, "isvc fraud is healthy for 10s", 3600), play);
    assert_eq!(ended.0, Waited::Holds);
    assert!((15..18).contains(&ended.1), "{}", ended.1);
}

/// What is deleted while a watch is interrupted is gone, though another watch of its kind goes on.
#[tokio::test(start_paused = true)]
async fn a_list_that_comes_again_says_what_is_gone() {
    let stage = Stage::new();
    stage.job("a");
    stage.job("b");
    stage.succeed("a");
    let play = async {
        seconds(5).await;
        faults(&stage.server, |r| if r.verb == "watch" { Fault::Error(503) } else { Fault::None });
        stage.server.end_watches();
        stage.server.delete("batch/v1", "Job", "team", "a").unwrap();
        stage.server.forget_history();
        seconds(5).await;
        stage.server.set_faults(None);
        seconds(60).await;
        stage.succeed("b");
    };
    let ((ended, ..), ()) = tokio::join!(waited(&stage, "job a succeeds and job b succeeds", 300), play);
    assert!(matches!(&ended, Waited::TimedOut(what) if what.contains("job team/a")), "{ended:?}");
}
