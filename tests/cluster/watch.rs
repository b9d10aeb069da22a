//! Watches.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::cluster::resource::Resource;
use tidegate::cluster::watch::{News, Watch};
use tidegate::rehearse::apiserver::{ApiServer, Fault};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{env, faults, job, jobs, server};

struct Told {
    news: mpsc::Receiver<(u64, News<String>)>,
}

impl Told {
    fn watch(server: &ApiServer, resource: Resource, namespace: Option<&str>) -> Told {
        let (sender, news) = mpsc::channel(1000);
        let decode = |object: &Value| {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or("");
            let name = text("/metadata/name");
            let key = (text("/metadata/namespace").into(), name.into());
            let row = format!("{name} {}", object["spec"]["n"]);
            (!name.is_empty()).then_some((key, row))
        };
        let namespace = namespace.map(Into::into);
        let watch = Watch { resource, namespace, name: None, decode: Box::new(decode), id: 7, news: sender };
        tokio::spawn(watch.run(env(server, "a", 1)));
        Told { news }
    }

    /// What was told within so many seconds, one line each.
    async fn within(&mut self, seconds: u64) -> Vec<String> {
        sleep(Duration::from_secs(seconds)).await;
        let mut lines = Vec::new();
        while let Ok((id, news)) = self.news.try_recv() {
            assert_eq!(id, 7);
            let names = |keys: BTreeSet<(_, _)>| -> Vec<String> {
                keys.into_iter()
                    .map(|(ns, name): (std::sync::Arc<str>, std::sync::Arc<str>)| format!("{ns}/{name}"))
                    .collect()
            };
            lines.push(match news {
                News::Absent(why) => format!("absent: {why}"),
                News::Upsert(row) => format!("upsert {row}"),
                News::Delete((namespace, name), _) => format!("delete {namespace}/{name}"),
                News::Listed(keys) => format!("listed {}", names(keys).join(" ")),
                News::Trouble(trouble) => format!("trouble {}", trouble.message),
            });
        }
        lines
    }
}

fn with_jobs(names: &[&str]) -> ApiServer {
    let server = server();
    server.ensure_namespace("team").unwrap();
    server.ensure_namespace("other").unwrap();
    for name in names {
        server.put(job(name)).unwrap();
    }
    server
}

fn changed(name: &str, n: u32) -> Value {
    let mut job = job(name);
    job["spec"]["n"] = n.into();
    job
}

#[tokio::test(start_paused = true)]
async fn a_list_and_then_every_change() {
    let server = with_jobs(&["a", "b"]);
    let mut told = Told::watch(&server, jobs(), None);
    let list = ["upsert a null", "upsert b null", "listed team/a team/b"];
    assert_eq!(told.within(1).await, list);
    server.put(changed("a", 1)).unwrap();
    server.delete("batch/v1", "Job", "team", "b").unwrap();
    server.put(job("c")).unwrap();
    assert_eq!(told.within(1).await, ["upsert a 1", "delete team/b", "upsert c null"]);
}

/// Deletions are lost when a watch was away for longer than the server remembers: a new list tells of them.
#[tokio::test(start_paused = true)]
async fn after_a_410_the_list_comes_again_and_what_it_lacks_is_gone() {
    let server = with_jobs(&["a", "b"]);
    let mut told = Told::watch(&server, jobs(), None);
    told.within(1).await;
    faults(&server, |request| if request.verb == "watch" { Fault::Error(503) } else { Fault::None });
    server.end_watches();
    let lines = told.within(20).await;
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("trouble cannot watch: 503")), "{lines:?}");
    server.delete("batch/v1", "Job", "team", "b").unwrap();
    server.put(job("c")).unwrap();
    server.forget_history();
    server.set_faults(None);
    let lines = told.within(60).await;
    assert_eq!(lines.last().map(String::as_str), Some("listed team/a team/c"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("trouble") && line.contains("410")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_of_a_watch_needs_no_list() {
    let server = with_jobs(&["a"]);
    let mut told = Told::watch(&server, jobs(), None);
    told.within(1).await;
    server.take_audit();
    server.end_watches();
    server.put(changed("a", 1)).unwrap();
    assert_eq!(told.within(5).await, ["upsert a 1"]);
    assert!(server.take_audit().iter().all(|record| record.request.verb != "list"));
}

#[tokio::test(start_paused = true)]
async fn a_403_is_told_with_pauses_that_grow_and_passes() {
    let server = with_jobs(&["a"]);
    faults(&server, |request| if request.resource == "jobs" { Fault::Error(403) } else { Fault::None });
    let mut told = Told::watch(&server, jobs(), None);
    let lines = told.within(60).await;
    assert!(lines.iter().all(|line| line.starts_with("trouble cannot list: 403")), "{lines:?}");
    assert!((5..=8).contains(&lines.len()), "{lines:?}");
    server.set_faults(None);
    assert_eq!(told.within(40).await, ["upsert a null", "listed team/a"]);
}

fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.a.io"},
        "spec": {"group": "a.io", "scope": "Namespaced", "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    })
}

#[tokio::test(start_paused = true)]
async fn a_kind_whose_crd_is_missing_is_waited_for() {
    let server = with_jobs(&[]);
    let mut told = Told::watch(&server, Resource::builtin("a.io", "v1", "Thing", "things"), None);
    let lines = told.within(100).await;
    assert!(
        lines.len() >= 3 && lines.iter().all(|line| line.starts_with("absent: the cluster does not serve `a.io/v1`"))
    );
    server.put(crd()).unwrap();
    server
        .put(json!({"apiVersion": "a.io/v1", "kind": "Thing", "metadata": {"name": "x", "namespace": "team"}}))
        .unwrap();
    assert_eq!(told.within(40).await, ["upsert x null", "listed team/x"]);
    // And when it goes, its objects do not exist.
    server.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.a.io").unwrap();
    server.end_watches();
    let lines = told.within(100).await;
    assert!(lines.iter().any(|line| line.starts_with("absent")), "{lines:?}");
    assert!(server.take_audit().iter().filter(|record| record.request.verb == "list").count() <= 3);
}

/// A server that starts anew says for a moment that it does not serve what it will serve.
#[tokio::test(start_paused = true)]
async fn one_answer_that_a_kind_is_not_served_is_not_believed() {
    let server = with_jobs(&["a"]);
    let mut told = Told::watch(&server, jobs(), None);
    assert_eq!(told.within(5).await, ["upsert a null", "listed team/a"]);
    faults(&server, |r| if r.uri.contains("/batch/") { Fault::Error(404) } else { Fault::None });
    server.end_watches();
    let lines = told.within(5).await;
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("trouble")), "{lines:?}");
    server.set_faults(None);
    let lines = told.within(30).await;
    assert!(lines.contains(&"listed team/a".to_owned()) && !lines.iter().any(|l| l.starts_with("absent")), "{lines:?}");
    faults(&server, |r| if r.uri.contains("/batch/") { Fault::Error(404) } else { Fault::None });
    server.end_watches();
    let lines = told.within(60).await;
    assert!(lines.iter().any(|line| line.starts_with("absent")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_one_namespace_sees_that_one_only() {
    let server = with_jobs(&["a"]);
    let mut other = job("b");
    other["metadata"]["namespace"] = "other".into();
    server.put(other).unwrap();
    let mut told = Told::watch(&server, jobs(), Some("team"));
    assert_eq!(told.within(1).await, ["upsert a null", "listed team/a"]);
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let names: Vec<String> = (0..600).map(|n| format!("job-{n:03}")).collect();
    let server = with_jobs(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut told = Told::watch(&server, jobs(), None);
    assert_eq!(told.within(1).await.len(), 601);
    assert_eq!(server.take_audit().iter().filter(|record| record.request.verb == "list").count(), 3);
}
