//! Plays cases over a `kube::Client`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::normal::{Normal, pick};
use crate::script::{Case, Step};

pub const GROUP: &str = "conformance.tidegate.test";

/// Creates the definitions that the cases use, and waits until they are served.
pub async fn prepare(client: &Client) {
    for (plural, kind, status) in [("gauges", "Gauge", true), ("plains", "Plain", false)] {
        let definition = definition(GROUP, plural, kind, status);
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let (code, answer) = send(client, "POST", path, &[], definition.to_string()).await;
        assert!(code == 201 || code == 409, "{answer}");
        served(client, &format!("/apis/{GROUP}/v1/{plural}")).await;
    }
}

/// Waits until a path answers; a definition takes a moment to be served.
pub async fn served(client: &Client, path: &str) {
    for _ in 0..400 {
        if send(client, "GET", path, &[], String::new()).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not served: {path}");
}

/// A definition without a schema to speak of.
pub fn definition(group: &str, plural: &str, kind: &str, status: bool) -> Value {
    let mut version = json!({
        "name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    });
    if status {
        version["subresources"] = json!({"status": {}});
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [version]},
    })
}

/// Makes a namespace for a case.
pub async fn namespace(client: &Client) -> String {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "conformance-"}});
    let (code, answer) = send(client, "POST", "/api/v1/namespaces", &[], object.to_string()).await;
    assert_eq!(code, 201, "{answer}");
    answer["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Plays a case and gives it back with the answers of this server.
pub async fn play(client: &Client, case: &Case) -> Case {
    let namespace = namespace(client).await;
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    let mut streams: BTreeMap<String, Events> = BTreeMap::new();
    let mut normal = Normal::new(&namespace);
    let mut raw = Vec::new();
    for step in &case.steps {
        let fill = |text: &str| expand(text, &namespace, &kept);
        let words: Vec<String> = step.request.iter().map(|word| fill(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (code, answer) = match words.as_slice() {
            ["OPEN", name, path] => {
                let (code, events) = Events::open(client, path, &step.headers).await;
                streams.insert((*name).to_owned(), events);
                (code, Value::Null)
            }
            ["READ", name, count] => {
                let events = streams.get_mut(*name).unwrap();
                let read = match *count {
                    "bookmark" => events.bookmark().await,
                    count => events.read(count.parse().unwrap_or(usize::MAX)).await,
                };
                (200, read)
            }
            ["WATCH", path] => {
                let (code, mut events) = Events::open(client, path, &step.headers).await;
                (code, events.read(usize::MAX).await)
            }
            ["PATCH", flavour, path] => {
                let media = match *flavour {
                    "merge" => "application/merge-patch+json",
                    "json" => "application/json-patch+json",
                    "apply" => "application/apply-patch+yaml",
                    "strategic" => "application/strategic-merge-patch+json",
                    other => panic!("{}: no such patch: {other}", case.name),
                };
                let mut headers = step.headers.clone();
                headers.push(("Content-Type".to_owned(), media.to_owned()));
                send(client, "PATCH", path, &headers, fill(&step.body)).await
            }
            [method, path] => send(client, method, path, &step.headers, fill(&step.body)).await,
            other => panic!("{}: not a request: {other:?}", case.name),
        };
        normal.see(&answer);
        if let Some(name) = &step.save {
            kept.insert(name.clone(), answer.clone());
        }
        raw.push((code, answer));
    }
    let answered = case.steps.iter().zip(raw).map(|(step, (code, answer))| {
        let shown = pick(&normal.show(&answer), &step.only);
        Step { code: Some(code), answer: shown, ..step.clone() }
    });
    Case { name: case.name.clone(), steps: answered.collect() }
}

/// Fills in variables.
fn expand(text: &str, namespace: &str, kept: &BTreeMap<String, Value>) -> String {
    let mut text = text
        .replace("$configmaps", "/api/v1/namespaces/$ns/configmaps")
        .replace("$gauges", &format!("/apis/{GROUP}/v1/namespaces/$ns/gauges"))
        .replace("$plains", &format!("/apis/{GROUP}/v1/namespaces/$ns/plains"))
        .replace("$ns", namespace);
    while let Some(start) = text.find("$x(") {
        let end = start + text[start..].find(')').unwrap();
        let count: usize = text[start + 3..end].parse().unwrap();
        text.replace_range(start..=end, &"x".repeat(count));
    }
    while let Some(start) = text.find("${") {
        let end = start + text[start..].find('}').unwrap();
        let path = &text[start + 2..end];
        let (name, keys) = path.split_once('.').unwrap();
        let answer = kept.get(name).unwrap_or_else(|| panic!("no answer was kept as {name}"));
        let pointer = format!("/{}", keys.replace('.', "/"));
        let value = answer.pointer(&pointer).unwrap_or_else(|| panic!("{name} has no {keys}: {answer}"));
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.replace_range(start..=end, &value);
    }
    text
}

fn request(method: &str, path: &str, headers: &[(String, String)], body: String) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    let given = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    if !given("accept") {
        request = request.header("Accept", "application/json");
    }
    if !body.is_empty() && !given("content-type") {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(name.as_str(), value.as_str());
    }
    request.body(Body::from(body.into_bytes())).unwrap()
}

/// Sends a request. The answer's body is JSON, or a text where it is none.
pub async fn send(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: String,
) -> (u16, Value) {
    let response = client.send(request(method, path, headers, body)).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect_bytes().await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (code, serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text)))
}

/// The events of a watch.
struct Events {
    lines: futures::stream::BoxStream<'static, String>,
}

impl Events {
    async fn open(client: &Client, path: &str, headers: &[(String, String)]) -> (u16, Self) {
        let response = client.send(request("GET", path, headers, String::new())).await.unwrap();
        let code = response.status().as_u16();
        if code != 200 {
            let bytes = response.into_body().collect_bytes().await.unwrap();
            let line = String::from_utf8(bytes.to_vec()).unwrap().replace('\n', "");
            return (code, Self { lines: futures::stream::iter([line]).boxed() });
        }
        let body = http_body_util::BodyExt::into_data_stream(response.into_body());
        let body = futures::TryStreamExt::map_err(body, std::io::Error::other);
        let reader = futures::TryStreamExt::into_async_read(body);
        let lines = futures::StreamExt::map(reader.lines(), |line| line.unwrap());
        (code, Self { lines: lines.boxed() })
    }

    async fn next(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.lines.next()).await;
        let line = next.expect("the watch should have gone on or ended within 30 s")?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Reads so many events, or all until the stream ends. Bookmarks are left out, but for the one after initial events:
    /// a server sends them when it likes to.
    async fn read(&mut self, count: usize) -> Value {
        let mut events = Vec::new();
        while events.len() < count {
            match self.next().await {
                Some(event) if is_plain_bookmark(&event) => {}
                Some(event) => events.push(event),
                None => break,
            }
        }
        Value::Array(events)
    }

    /// Reads until a bookmark.
    async fn bookmark(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(event) if is_plain_bookmark(&event) => return event,
                Some(_) => {}
                None => return Value::Null,
            }
        }
    }
}

fn is_plain_bookmark(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && event["object"]["metadata"].get("annotations").is_none()
}
