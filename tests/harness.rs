//! What the other suites rely on: the harness' fake node runs Jobs, and nothing of it outlives the test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use kube::api::Api;
use kube::runtime::wait::await_condition;
use serde_json::json;
use support::deployed::acts_as;
use support::scratch::Scratch;
use support::{Parts, Shared, objects};

static CLUSTER: Shared = Shared::new(Parts { jobs: true, ..Parts::NONE });

#[tokio::test]
async fn jobs_complete_or_fail_on_the_fake_node() {
    let Some(cluster) = CLUSTER.get("jobs_complete_or_fail_on_the_fake_node") else { return };
    let client = cluster.admin().await;
    let namespace = cluster.namespace(&client, "jobs").await;
    for (name, outcome, expected) in [("good", "succeeds", "Complete"), ("bad", "fails", "Failed")] {
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {
                "metadata": {"labels": {"tidegate.test/outcome": outcome}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/train:1"}]},
            }},
        });
        objects::create(&client, &namespace, job).await;
        let ended = |job: Option<&Job>| {
            let conditions = job.and_then(|job| job.status.as_ref()?.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|one| one.type_ == expected && one.status == "True"))
        };
        let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, await_condition(api, name, ended)).await.expect(expected).unwrap();
    }
}

/// What is under test acts as the account that is shipped: the harness looks at who a kubeconfig is before it starts a controller.
#[tokio::test]
async fn a_controller_is_not_started_as_an_administrator() {
    let Some(cluster) = CLUSTER.get("a_controller_is_not_started_as_an_administrator") else { return };
    let client = cluster.admin().await;
    let namespace = cluster.namespace(&client, "who").await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tidegate"}});
    objects::create(&client, &namespace, account).await;
    let kubeconfig = cluster.account_kubeconfig(&client, &namespace, "tidegate").await;
    assert_eq!(acts_as(&kubeconfig).await, Ok(format!("system:serviceaccount:{namespace}:tidegate")));
    let refused = acts_as(cluster.admin_kubeconfig()).await.unwrap_err();
    assert!(refused.contains("`admin`") && refused.contains("system:masters"), "{refused}");
}

/// No test starts one in another way, which would go round that look.
#[test]
fn only_the_harness_starts_controllers() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut folders = vec![tests.clone()];
    let mut looked_at = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                let starts = [concat!("arg(\"r", "un\")"), concat!("([\"r", "un\""), concat!("&[\"r", "un\"")];
                let program = concat!("CARGO_BIN_EXE_", "tidegate");
                let found = text.contains(program) && starts.iter().any(|start| text.contains(start));
                assert!(!found, "{} starts a controller: use `Cluster::start_controller`", entry.display());
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 20);
}

#[test]
fn a_dropped_scratch_leaves_no_process_and_no_folder() {
    let scratch = Scratch::new("harness").unwrap();
    let folder = scratch.path().to_owned();
    // A grandchild too: a shell that starts another program and waits for it.
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & echo $! >pid; wait"]).current_dir(&folder);
    let process = scratch.spawn("shell", &command).unwrap();
    let pids = [process.id(), wait_for_pid(&folder.join("pid"))];
    assert!(pids.into_iter().all(alive));
    drop(scratch);
    drop(process);
    assert!(!folder.exists());
    // The signal is sent by now; when the system acts on it is its own affair.
    let deadline = Instant::now() + Duration::from_secs(30);
    while pids.into_iter().any(alive) {
        assert!(Instant::now() < deadline, "{pids:?} live on");
        std::thread::yield_now();
    }
}

#[test]
fn a_process_ends_by_itself_or_is_killed() {
    let scratch = Scratch::new("harness").unwrap();
    let mut short = scratch.spawn("short", Command::new("sh").args(["-c", "echo out; echo err >&2; exit 7"])).unwrap();
    let mut long = scratch.spawn("long", Command::new("sleep").arg("600")).unwrap();
    assert_eq!(long.ended().unwrap(), None);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&long.kill().unwrap()), Some(9));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&long.kill().unwrap()), Some(9));
    while short.ended().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(short.ended().unwrap().unwrap().code(), Some(7));
    assert_eq!(short.log(), "out\nerr\n");
}

fn wait_for_pid(file: &Path) -> u32 {
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().parse().unwrap();
        }
        std::thread::yield_now();
    }
}

/// A process that has ended, but whom nobody has reaped, counts as gone.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).is_some_and(|state| state != 'Z')
}
