//! Cases that use kube's own types and runtime: each gives an observation, and both servers must give the expected one.

use std::time::Duration;

use futures::{FutureExt, StreamExt, future::BoxFuture};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, VersionMatch};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::discovery::{Discovery, Scope};
use kube::runtime::watcher as watch;
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::run;

type Play = fn(Client, String) -> BoxFuture<'static, Value>;

struct Case {
    name: &'static str,
    play: Play,
    expected: fn() -> Value,
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "kube's watcher: a list, then each change once and in order",
            play: |client, namespace| follow(client, namespace, watcher::Config::default()).boxed(),
            expected: followed,
        },
        Case {
            name: "kube's watcher with a streaming list",
            play: |client, namespace| follow(client, namespace, watcher::Config::default().streaming_lists()).boxed(),
            expected: followed,
        },
        Case {
            name: "kube's watcher with pages of one",
            play: |client, namespace| follow(client, namespace, watcher::Config::default().page_size(1)).boxed(),
            expected: followed,
        },
        Case {
            name: "kube's watcher with a label selector",
            play: |client, namespace| select(client, namespace).boxed(),
            expected: || json!(["init", "init a", "done", "apply b", "delete a"]),
        },
        Case {
            name: "kube's metadata watcher",
            play: |client, namespace| follow_metadata(client, namespace).boxed(),
            expected: || {
                json!([
                    ["init a", "PartialObjectMetadata", "meta.k8s.io/v1"],
                    ["apply b", "PartialObjectMetadata", "meta.k8s.io/v1"]
                ])
            },
        },
        Case {
            name: "kube's watcher goes on over many short watches",
            play: |client, namespace| follow(client, namespace, watcher::Config::default().timeout(1)).boxed(),
            expected: followed,
        },
        Case {
            name: "discovery, plain and aggregated, finds a custom kind",
            play: |client, _| discover(client).boxed(),
            expected: || {
                json!([["Gauge", "gauges", "Namespaced", ["status"]], ["Gauge", "gauges", "Namespaced", ["status"]]])
            },
        },
        Case {
            name: "two writers take one Lease with the same resourceVersion: one wins",
            play: |client, namespace| race(client, namespace).boxed(),
            expected: || json!({"codes": [200, 409], "reason": "Conflict", "the winner holds it": true}),
        },
        Case {
            name: "merge patches without a resourceVersion do not lose each other",
            play: |client, namespace| crowd(client, namespace).boxed(),
            expected: || json!({"refused": 0, "keys": 20}),
        },
        Case {
            name: "typed objects go there and back",
            play: |client, namespace| typed(client, namespace).boxed(),
            expected: || json!({"deleted": "Right", "gone": 404, "kept": {"a": "1"}, "made": true}),
        },
        Case {
            name: "a definition is served while it exists",
            play: |client, namespace| define(client, namespace).boxed(),
            expected: || {
                json!({
                    "before": 404, "established": ["NamesAccepted=True", "Established=True"], "created": 201,
                    "status": {"phase": "Ready"}, "deleted event": "DELETED", "after": 404, "group after": 404,
                })
            },
        },
    ]
}

/// How many cases there are.
pub fn count() -> usize {
    cases().len()
}

/// Plays all cases; gives the differences from what is expected.
pub async fn differences(client: &Client) -> Vec<String> {
    let play = |case: Case| async move {
        let namespace = run::namespace(client).await;
        let played = (case.play)(client.clone(), namespace);
        let seen = tokio::time::timeout(Duration::from_secs(60), played).await;
        let seen = seen.unwrap_or_else(|_| json!("not done after 60 s"));
        let wanted = (case.expected)();
        (seen != wanted).then(|| format!("{}\n  expected {wanted}\n  seen     {seen}\n", case.name))
    };
    futures::stream::iter(cases()).map(play).buffered(4).filter_map(|found| async { found }).collect().await
}

fn gauges(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(run::GROUP, "Gauge"))
}

fn resource(group: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind))
}

fn gauge(name: &str, labels: Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": format!("{}/v1", run::GROUP), "kind": "Gauge",
        "metadata": {"name": name, "labels": labels}, "spec": {"level": 1},
    }))
    .unwrap()
}

fn merge(value: Value) -> Patch<Value> {
    Patch::Merge(value)
}

fn word(event: Event<DynamicObject>) -> String {
    let level = |object: &DynamicObject| object.data["spec"]["level"].to_string();
    match event {
        Event::Init => "init".to_owned(),
        Event::InitApply(object) => format!("init {}", object.name_any()),
        Event::InitDone => "done".to_owned(),
        Event::Apply(object) => format!("apply {} {}", object.name_any(), level(&object)),
        Event::Delete(object) => format!("delete {}", object.name_any()),
    }
}

fn followed() -> Value {
    json!(["init", "init a", "init b", "done", "apply a 2", "apply c 1", "apply a 3", "delete b"])
}

/// Two objects before the watcher begins, four changes after.
async fn follow(client: Client, namespace: String, config: watcher::Config) -> Value {
    let api = gauges(&client, &namespace);
    let (post, patch) = (PostParams::default(), PatchParams::default());
    api.create(&post, &gauge("a", json!({}))).await.unwrap();
    let b = api.create(&post, &gauge("b", json!({}))).await.unwrap();
    // kube begins a streaming list at resourceVersion 0, from a cache that may be late: this waits for the cache.
    let fresh = ListParams::default().at(&b.resource_version().unwrap()).matching(VersionMatch::NotOlderThan);
    api.list(&fresh).await.unwrap();
    let mut events = watch(api.clone(), config).boxed();
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("done") {
        seen.push(word(events.next().await.unwrap().unwrap()));
    }
    api.patch("a", &patch, &merge(json!({"spec": {"level": 2}}))).await.unwrap();
    seen.push(word(events.next().await.unwrap().unwrap()));
    // Longer than one watch of the case with short watches.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    api.create(&post, &gauge("c", json!({}))).await.unwrap();
    api.patch("a", &patch, &merge(json!({"spec": {"level": 3}}))).await.unwrap();
    // Changes nothing, so that nothing is seen of it.
    api.patch("a", &patch, &merge(json!({"spec": {"level": 3}}))).await.unwrap();
    api.delete("b", &DeleteParams::default()).await.unwrap();
    for _ in 0..3 {
        seen.push(word(events.next().await.unwrap().unwrap()));
    }
    json!(seen)
}

/// Objects come into a selection and leave it.
async fn select(client: Client, namespace: String) -> Value {
    let api = gauges(&client, &namespace);
    let post = PostParams::default();
    api.create(&post, &gauge("a", json!({"tier": "training"}))).await.unwrap();
    api.create(&post, &gauge("b", json!({"tier": "other"}))).await.unwrap();
    let mut events = watch(api.clone(), watcher::Config::default().labels("tier=training")).boxed();
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("done") {
        seen.push(word(events.next().await.unwrap().unwrap()));
    }
    let label = |tier: &str| merge(json!({"metadata": {"labels": {"tier": tier}}}));
    api.patch("b", &PatchParams::default(), &label("training")).await.unwrap();
    api.patch("a", &PatchParams::default(), &label("other")).await.unwrap();
    for _ in 0..2 {
        seen.push(word(events.next().await.unwrap().unwrap()).trim_end_matches(" 1").to_owned());
    }
    json!(seen)
}

async fn follow_metadata(client: Client, namespace: String) -> Value {
    let api = gauges(&client, &namespace);
    api.create(&PostParams::default(), &gauge("a", json!({}))).await.unwrap();
    let metadata: Api<PartialObjectMeta<DynamicObject>> =
        Api::namespaced_with(client.clone(), &namespace, &resource(run::GROUP, "Gauge"));
    let mut events = watch(metadata, watcher::Config::default()).boxed();
    let mut seen = Vec::new();
    let row = |word: &str, object: &PartialObjectMeta<DynamicObject>| {
        let types = object.types.clone().unwrap_or_default();
        json!([format!("{word} {}", object.name_any()), types.kind, types.api_version])
    };
    loop {
        match events.next().await.unwrap().unwrap() {
            Event::InitApply(object) => seen.push(row("init", &object)),
            Event::InitDone => {
                api.create(&PostParams::default(), &gauge("b", json!({}))).await.unwrap();
            }
            Event::Apply(object) => {
                seen.push(row("apply", &object));
                return json!(seen);
            }
            Event::Init | Event::Delete(_) => {}
        }
    }
}

async fn discover(client: Client) -> Value {
    let kind = GroupVersionKind::gvk(run::GROUP, "v1", "Gauge");
    let plain = Discovery::new(client.clone()).filter(&[run::GROUP]).run().await.unwrap();
    let aggregated = Discovery::new(client).run_aggregated().await.unwrap();
    let row = |discovery: &Discovery| {
        let (resource, capabilities) = discovery.resolve_gvk(&kind).unwrap();
        let scope = if capabilities.scope == Scope::Namespaced { "Namespaced" } else { "Cluster" };
        let subresources: Vec<String> = capabilities.subresources.iter().map(|(r, _)| r.plural.clone()).collect();
        json!([resource.kind, resource.plural, scope, subresources])
    };
    json!([row(&plain), row(&aggregated)])
}

async fn race(client: Client, namespace: String) -> Value {
    let api: Api<Lease> = Api::namespaced(client, &namespace);
    let lease: Lease =
        serde_json::from_value(json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": ""}})).unwrap();
    let lease = api.create(&PostParams::default(), &lease).await.unwrap();
    let take = |who: &str| {
        let (api, mut lease, who) = (api.clone(), lease.clone(), who.to_owned());
        async move {
            lease.spec.as_mut().unwrap().holder_identity = Some(who.clone());
            (who, api.replace("l", &PostParams::default(), &lease).await)
        }
    };
    let (one, other) = futures::join!(take("one"), take("other"));
    let holder = api.get("l").await.unwrap().spec.unwrap().holder_identity;
    let mut codes = Vec::new();
    let mut reason = String::new();
    let mut winner = None;
    for (who, result) in [one, other] {
        match result {
            Ok(_) => {
                codes.push(200);
                winner = Some(who);
            }
            Err(kube::Error::Api(status)) => {
                codes.push(status.code);
                reason = status.reason.clone();
            }
            Err(other) => panic!("{other}"),
        }
    }
    codes.sort_unstable();
    json!({"codes": codes, "reason": reason, "the winner holds it": winner == holder})
}

async fn crowd(client: Client, namespace: String) -> Value {
    let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let object = ConfigMap {
        metadata: kube::core::ObjectMeta { name: Some("c".to_owned()), ..Default::default() },
        ..Default::default()
    };
    api.create(&PostParams::default(), &object).await.unwrap();
    let writes = (0..20).map(|number| {
        let api = api.clone();
        async move {
            let patch = merge(json!({"data": {format!("k{number}"): "v"}}));
            api.patch("c", &PatchParams::default(), &patch).await
        }
    });
    let refused = futures::future::join_all(writes).await.iter().filter(|result| result.is_err()).count();
    let keys = api.get("c").await.unwrap().data.unwrap_or_default().len();
    json!({"refused": refused, "keys": keys})
}

async fn typed(client: Client, namespace: String) -> Value {
    let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let object: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "c"}, "data": {"a": "1"}})).unwrap();
    let made = api.create(&PostParams::default(), &object).await.unwrap();
    let kept = api.list(&ListParams::default()).await.unwrap().items.remove(0);
    let deleted = api.delete("c", &DeleteParams::default()).await.unwrap();
    let gone = match api.get("c").await {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("{other:?}"),
    };
    let made = made.uid().is_some()
        && made.creation_timestamp().is_some()
        && made.resource_version() == kept.resource_version();
    json!({"made": made, "kept": kept.data, "deleted": if deleted.is_right() { "Right" } else { "Left" }, "gone": gone})
}

async fn define(client: Client, namespace: String) -> Value {
    let group = format!("{namespace}.test");
    let path = format!("/apis/{group}/v1/namespaces/{namespace}/tides");
    let get = |path: String| {
        let client = client.clone();
        async move { run::send(&client, "GET", &path, &[], String::new()).await }
    };
    let post = |path: &str, body: Value| {
        let (client, path) = (client.clone(), path.to_owned());
        async move { run::send(&client, "POST", &path, &[], body.to_string()).await }
    };
    let before = get(path.clone()).await.0;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let definition = run::definition(&group, "tides", "Tide", true);
    assert_eq!(post(definitions, definition).await.0, 201);
    run::served(&client, &path).await;
    let own = format!("{definitions}/tides.{group}");
    let conditions = get(own.clone()).await.1["status"]["conditions"].clone();
    let conditions = conditions.as_array().cloned().unwrap_or_default();
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let conditions: Vec<String> =
        conditions.iter().map(|c| format!("{}={}", text(c, "type"), text(c, "status"))).collect();
    let object = json!({"apiVersion": format!("{group}/v1"), "kind": "Tide", "metadata": {"name": "t"}});
    let created = post(&path, object).await.0;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource(&group, "Tide"));
    let patch = merge(json!({"status": {"phase": "Ready"}}));
    let object = api.patch_status("t", &PatchParams::default(), &patch).await.unwrap();
    let version = object.resource_version().unwrap();
    let mut events = api.watch(&kube::api::WatchParams::default().timeout(30), &version).await.unwrap().boxed();
    run::send(&client, "DELETE", &own, &[], String::new()).await;
    let event = match events.next().await {
        Some(Ok(kube::api::WatchEvent::Deleted(_))) => "DELETED".to_owned(),
        other => format!("{other:?}"),
    };
    let mut after = 200;
    let mut group_after = 200;
    for _ in 0..400 {
        (after, group_after) = (get(path.clone()).await.0, get(format!("/apis/{group}")).await.0);
        if after == 404 && group_after == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    json!({
        "before": before, "established": conditions, "created": created, "status": object.data["status"],
        "deleted event": event, "after": after, "group after": group_after,
    })
}
