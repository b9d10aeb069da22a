//! What the API server in memory has beyond a real one: faults, an audit log, a clock and a history of its own, and calls
//! for simulators. How it answers requests is held by the suite `conformance`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tidegate::rehearse::apiserver::{ApiServer, AuditRecord, Fault, RequestInfo, Resource, Settings};

const ISVC: (&str, &str) = ("serving.kserve.io/v1beta1", "InferenceService");

/// A server whose clock stands still, with one custom kind.
fn server() -> ApiServer {
    let server = ApiServer::new(Arc::new(|| "2026-03-01T08:00:00Z".parse().unwrap()));
    server.register(Resource::custom("serving.kserve.io", "v1beta1", "inferenceservices", ISVC.1, true, true));
    server
}

fn isvc(name: &str) -> Value {
    json!({"apiVersion": ISVC.0, "kind": ISVC.1, "metadata": {"name": name, "namespace": "default"}, "spec": {}})
}

fn isvcs(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("serving.kserve.io", "v1beta1", ISVC.1);
    Api::namespaced_with(client.clone(), "default", &ApiResource::from_gvk(&kind))
}

fn configmaps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

fn configmap(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn annotate(key: &str, value: &str) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"annotations": {key: value}}}))
}

/// The code of a refusal; 200 for none, 0 for a broken connection.
fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(kube::Error::Service(_)) => 0,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn faults_happen_before_or_after_a_write_is_applied() {
    let cases = [
        (Fault::None, 200, true),
        (Fault::Error(403), 403, false),
        (Fault::Error(409), 409, false),
        (Fault::Error(429), 429, false),
        (Fault::Error(500), 500, false),
        (Fault::TimeoutAfterApplying, 504, true),
        (Fault::DropBeforeApplying, 0, false),
        (Fault::DropAfterApplying, 0, true),
        (Fault::Delay(Duration::from_secs(5)), 200, true),
        (Fault::AnswerLate(Duration::from_secs(5)), 200, true),
    ];
    for (fault, expected, applied) in cases {
        let server = server();
        let api = configmaps(&server.client());
        api.create(&PostParams::default(), &configmap("a")).await.unwrap();
        let hook = fault.clone();
        server.set_faults(Some(Arc::new(
            move |request: &RequestInfo| {
                if request.verb == "patch" { hook.clone() } else { Fault::None }
            },
        )));
        let begin = tokio::time::Instant::now();
        let got = code(api.patch("a", &PatchParams::default(), &annotate("x", "y")).await);
        let waited = matches!(fault, Fault::Delay(_) | Fault::AnswerLate(_));
        assert_eq!(begin.elapsed() >= Duration::from_secs(5), waited, "{fault:?}");
        let seen = api.get("a").await.unwrap().annotations().contains_key("x");
        assert_eq!((got, seen), (expected, applied), "{fault:?}");
        let record = server.audit().into_iter().find(|record| record.request.verb == "patch").unwrap();
        assert_eq!((record.code, record.applied, record.changed), (expected, applied, applied), "{fault:?}");
        assert_eq!(record.fault, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_applied_at_once_and_a_delayed_request_is_not() {
    for (fault, early) in
        [(Fault::AnswerLate(Duration::from_secs(9)), true), (Fault::Delay(Duration::from_secs(9)), false)]
    {
        let server = server();
        let api = configmaps(&server.client());
        server
            .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}))
            .unwrap();
        server.set_faults(Some(Arc::new(move |_: &RequestInfo| fault.clone())));
        let (params, patch) = (PatchParams::default(), annotate("x", "y"));
        let patching = api.patch("a", &params, &patch);
        let answer = tokio::time::timeout(Duration::from_secs(1), patching).await;
        assert!(answer.is_err(), "the client gave up");
        let live = server.get("v1", "ConfigMap", "default", "a").unwrap();
        assert_eq!(live["metadata"]["annotations"]["x"] == "y", early);
    }
}

#[tokio::test(start_paused = true)]
async fn the_audit_log_names_each_request() {
    let server = server();
    let (one, two) = (server.client_as("one"), server.client_as("two"));
    isvcs(&one).create(&PostParams::default(), &serde_json::from_value(isvc("a")).unwrap()).await.unwrap();
    isvcs(&one).list(&ListParams::default()).await.unwrap();
    isvcs(&two).patch("a", &PatchParams::default(), &annotate("x", "y")).await.unwrap();
    isvcs(&two).patch("a", &PatchParams::default(), &annotate("x", "y")).await.unwrap();
    isvcs(&two).patch_status("a", &PatchParams::default(), &Patch::Merge(json!({"status": {"x": 1}}))).await.unwrap();
    assert_eq!(code(isvcs(&two).get("absent").await), 404);
    drop(isvcs(&one).watch(&WatchParams::default().timeout(1), "0").await.unwrap());
    isvcs(&one).delete("a", &DeleteParams::default()).await.unwrap();
    // A simulator's calls are no requests.
    server.put(isvc("b")).unwrap();
    let row = |record: &AuditRecord| {
        let request = &record.request;
        let what = format!("{} {} {}/{}", request.caller, request.verb, request.resource, request.name);
        (format!("{what}{}", request.subresource), record.code, record.changed)
    };
    let rows: Vec<(String, u16, bool)> = server.audit().iter().map(row).collect();
    let expected = [
        ("one create inferenceservices/", 201, true),
        ("one list inferenceservices/", 200, false),
        ("two patch inferenceservices/a", 200, true),
        ("two patch inferenceservices/a", 200, false),
        ("two patch inferenceservices/astatus", 200, true),
        ("two get inferenceservices/absent", 404, false),
        ("one watch inferenceservices/", 200, false),
        ("one delete inferenceservices/a", 200, true),
    ];
    let expected: Vec<(String, u16, bool)> = expected.iter().map(|(w, c, m)| ((*w).to_owned(), *c, *m)).collect();
    assert_eq!(rows, expected);
    let log = server.take_audit();
    assert!(
        log.iter().all(|record| record.request.namespace == "default" && record.request.group == "serving.kserve.io")
    );
    assert_eq!(log.iter().filter(|record| record.request.is_write()).count(), 5);
    assert_eq!(log.iter().map(|record| record.request.sequence).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert_eq!(log[2].resource_version, log[3].resource_version, "the second patch changed nothing");
    assert!(log[2].request.body_bytes > 10);
    assert_eq!(server.audit(), []);
}

/// Same input, same output: a run over several objects and clients, twice.
#[tokio::test(start_paused = true)]
async fn two_servers_that_are_asked_the_same_hold_the_same() {
    let mut dumps = Vec::new();
    for _ in 0..2 {
        let server = server();
        let api = configmaps(&server.client());
        let generated = serde_json::from_value(json!({"metadata": {"generateName": "run-"}})).unwrap();
        let params = PostParams::default();
        let creations = (0..40).map(|_| api.create(&params, &generated));
        let names: Vec<String> =
            futures::future::join_all(creations).await.into_iter().map(|made| made.unwrap().name_any()).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 40);
        dumps.push((server.list("v1", "ConfigMap", None).unwrap(), names, server.audit()));
    }
    assert_eq!(dumps[0], dumps[1]);
}

#[tokio::test(start_paused = true)]
async fn time_is_the_clocks() {
    let start: jiff::Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    let begin = tokio::time::Instant::now();
    let server = ApiServer::new(Arc::new(move || start + begin.elapsed()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let made = configmaps(&server.client()).create(&PostParams::default(), &configmap("a")).await.unwrap();
    assert_eq!(made.creation_timestamp().unwrap().0.to_string(), "2026-03-01T09:00:00Z");
    assert_eq!(server.audit()[0].at.to_string(), "2026-03-01T09:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn what_the_history_forgot_is_expired() {
    let settings = Settings { history_changes_max: 3, ..Settings::new(Arc::new(|| jiff::Timestamp::UNIX_EPOCH)) };
    let server = ApiServer::with_settings(settings);
    let api = configmaps(&server.client());
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &configmap(name)).await.unwrap();
    }
    let page = api.list(&ListParams::default().limit(1)).await.unwrap();
    let version = page.metadata.resource_version.clone().unwrap();
    let mut running = api.watch(&WatchParams::default().timeout(60), &version).await.unwrap().boxed();
    for number in 0..4 {
        server.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}, "data": {"n": number.to_string()}})).unwrap();
    }
    // This one did not read while four changes passed a history of three.
    let Some(Ok(WatchEvent::Error(status))) = running.next().await else { panic!("an error was due") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(running.next().await.is_none());
    let mut late = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    assert!(matches!(late.next().await, Some(Ok(WatchEvent::Error(status))) if status.code == 410));
    let next = ListParams::default().continue_token(page.metadata.continue_.as_deref().unwrap());
    assert_eq!(code(api.list(&next).await), 410);
    let exact = ListParams::default().at(&version).matching(kube::api::VersionMatch::Exact);
    assert_eq!(code(api.list(&exact).await), 410);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_recovers_from_lost_history_and_cut_watches() {
    let server = server();
    let api = isvcs(&server.client());
    server.put(isvc("a")).unwrap();
    let mut events = watcher(api, watcher::Config::default()).boxed();
    let mut next = async || {
        loop {
            match events.next().await.unwrap() {
                Ok(watcher::Event::Apply(object)) => return format!("apply {}", object.name_any()),
                Ok(watcher::Event::Delete(object)) => return format!("delete {}", object.name_any()),
                Ok(watcher::Event::InitApply(object)) => return format!("init {}", object.name_any()),
                Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
                Err(error) => return format!("error {}", error.to_string().contains("Expired")),
            }
        }
    };
    assert_eq!(next().await, "init a");
    server.put(isvc("b")).unwrap();
    assert_eq!(next().await, "apply b");
    // A watch that has seen everything goes on, whatever is forgotten.
    server.forget_history();
    server.put(isvc("c")).unwrap();
    assert_eq!(next().await, "apply c");
    // A watch that ends cleanly is taken up where it was.
    server.end_watches();
    server.delete(ISVC.0, ISVC.1, "default", "c").unwrap();
    assert_eq!(next().await, "delete c");
    // One that was away for longer lists again.
    server.put(isvc("d")).unwrap();
    server.forget_history();
    assert_eq!([next().await, next().await, next().await], ["error true", "init a", "init b"]);
    assert_eq!(next().await, "init d");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_gets_a_bookmark_a_minute() {
    let server = server();
    let api = isvcs(&server.client());
    let begin = tokio::time::Instant::now();
    let version = server.revision().to_string();
    let mut events = api.watch(&WatchParams::default().timeout(290), &version).await.unwrap().boxed();
    let mut seconds = Vec::new();
    while let Some(event) = events.next().await {
        assert!(matches!(event, Ok(WatchEvent::Bookmark(_))), "{event:?}");
        seconds.push(begin.elapsed().as_secs());
    }
    assert_eq!(seconds, [60, 120, 180, 240, 288]);
    assert_eq!(begin.elapsed().as_secs(), 290);
}

#[tokio::test(start_paused = true)]
async fn simulators_write_status_and_spec_in_one_step() {
    let server = server();
    let made = server.put(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train", "namespace": "default"},
        "spec": {"suspend": false}, "status": {"active": 1},
    }));
    let made = made.unwrap();
    assert_eq!((&made["status"], &made["metadata"]["generation"]), (&json!({"active": 1}), &json!(1)));
    let again = server.put(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train", "namespace": "default"},
        "spec": {"suspend": true},
    }));
    let again = again.unwrap();
    assert_eq!((&again["status"], &again["metadata"]["generation"]), (&json!({"active": 1}), &json!(2)));
    assert_eq!(again["metadata"]["uid"], made["metadata"]["uid"]);
    let done = server.patch_status("batch/v1", "Job", "default", "train", json!({"active": null, "succeeded": 1}));
    assert_eq!(done.unwrap()["status"], json!({"succeeded": 1}));
    let patched =
        server.patch("batch/v1", "Job", "default", "train", json!({"status": null, "spec": {"suspend": null}}));
    let patched = patched.unwrap();
    assert_eq!((&patched["status"], &patched["spec"]), (&json!({"succeeded": 1}), &json!({})));
    assert_eq!(server.list("batch/v1", "Job", Some("elsewhere")).unwrap(), Vec::<Value>::new());
    server.delete("batch/v1", "Job", "default", "train").unwrap();
    assert_eq!(server.get("batch/v1", "Job", "default", "train").unwrap_err().code, 404);
    assert_eq!(server.get("example.org/v1", "Absent", "default", "a").unwrap_err().code, 404);
    assert!(!server.serves("example.org/v1", "Absent") && server.serves(ISVC.0, ISVC.1));
}

#[tokio::test(start_paused = true)]
async fn the_collector_does_what_the_controller_manager_would() {
    let server = server();
    let uid = |object: Value| object["metadata"]["uid"].as_str().unwrap().to_owned();
    let owned = |name: &str, owner: &str| {
        server.put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": "owner", "uid": owner}]},
        }))
    };
    let job = |name: &str| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "default"}});
    let jobs: Api<k8s_openapi::api::batch::v1::Job> = Api::namespaced(server.client(), "default");
    let names = |kind: (&str, &str)| -> Vec<String> {
        let objects = server.list(kind.0, kind.1, Some("default")).unwrap();
        objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for (name, params, left) in [
        ("orphaning", DeleteParams::default(), vec!["pod-of-orphaning"]),
        ("background", DeleteParams::background(), vec![]),
        ("foreground", DeleteParams::foreground(), vec![]),
    ] {
        let pod = format!("pod-of-{name}");
        owned(&pod, &uid(server.put(job(name)).unwrap())).unwrap();
        assert_eq!(server.collect_garbage(), 0, "{name}: nothing is garbage yet");
        jobs.delete(name, &params).await.unwrap();
        server.collect_garbage();
        assert_eq!(names(("batch/v1", "Job")), Vec::<String>::new(), "{name}");
        assert_eq!(names(("v1", "Pod")), left, "{name}");
        if !left.is_empty() {
            let kept = server.get("v1", "Pod", "default", &pod).unwrap();
            assert_eq!(kept["metadata"].get("ownerReferences"), None);
            server.delete("v1", "Pod", "default", &pod).unwrap();
        }
    }
    server.ensure_namespace("team-a").unwrap();
    server
        .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "team-a"}}))
        .unwrap();
    server.delete("v1", "Namespace", "", "team-a").unwrap();
    assert_eq!(server.get("v1", "Namespace", "", "team-a").unwrap()["status"]["phase"], "Terminating");
    server.collect_garbage();
    assert_eq!(server.get("v1", "Namespace", "", "team-a").unwrap_err().code, 404);
    assert_eq!(server.collect_garbage(), 0);
}

/// Many writers and a reader on several threads: every change is seen once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watch_sees_every_change_of_many_writers() {
    const WRITERS: u64 = 8;
    const WRITES: u64 = 50;
    let server = server();
    server.put(isvc("a")).unwrap();
    let version = server.revision().to_string();
    let client = server.client();
    let mut events = isvcs(&client).watch(&WatchParams::default().timeout(120), &version).await.unwrap().boxed();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let api = isvcs(&server.client());
        writers.push(tokio::spawn(async move {
            for number in 0..WRITES {
                let patch = annotate(&format!("w{writer}"), &number.to_string());
                api.patch("a", &PatchParams::default(), &patch).await.unwrap();
            }
        }));
    }
    let mut last = 0;
    for _ in 0..WRITERS * WRITES {
        let event = events.next().await.unwrap().unwrap();
        let WatchEvent::Modified(object) = event else { panic!("{event:?}") };
        let version: u64 = object.resource_version().unwrap().parse().unwrap();
        assert!(version > last);
        last = version;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let object = isvcs(&client).get("a").await.unwrap();
    assert_eq!(object.resource_version().unwrap(), last.to_string());
    assert!(object.annotations().values().all(|value| *value == (WRITES - 1).to_string()));
    assert_eq!(server.audit().iter().filter(|record| record.changed).count() as u64, WRITERS * WRITES);
}
