//! The only requests that change a cluster.
//!
//! INVARIANT: no other file of this room builds a POST, PUT, PATCH or DELETE (`tests/tidy.rs` looks). The lease goes out directly,
//! since it must not wait in a queue; everything else goes through the `writer`.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, Request};
use kube::Client;
use serde_json::Value as Json;

use super::request::{self, Answer};
use super::resource::Resource;

/// Name of this program in `managedFields`.
pub const FIELD_MANAGER: &str = "tidegate";

/// What became of a request that changes something.
#[derive(Clone, Debug)]
pub enum Sent {
    /// The server answered.
    Answered(Answer),
    /// It did not: it may have done it or not. Why.
    Unanswered(String),
}

/// Creates an object in a namespace.
pub async fn create(client: &Client, resource: &Resource, namespace: &str, body: &Json, deadline: Duration) -> Sent {
    let path = resource.collection(namespace);
    write(client, Method::POST, path, "application/json", body, deadline).await
}

/// Replaces an object; `body` holds the resourceVersion that it must have.
pub async fn replace(
    client: &Client,
    resource: &Resource,
    namespace: &str,
    name: &str,
    body: &Json,
    deadline: Duration,
) -> Sent {
    let path = resource.object(namespace, name);
    write(client, Method::PUT, path, "application/json", body, deadline).await
}

/// Merges a patch into an object (RFC 7386); `body` holds the resourceVersion that it must have.
pub async fn merge(
    client: &Client,
    resource: &Resource,
    namespace: &str,
    name: &str,
    body: &Json,
    deadline: Duration,
) -> Sent {
    let path = resource.object(namespace, name);
    write(client, Method::PATCH, path, "application/merge-patch+json", body, deadline).await
}

/// Deletes the object of this name if it still has this uid.
pub async fn delete(
    client: &Client,
    resource: &Resource,
    namespace: &str,
    name: &str,
    uid: &str,
    deadline: Duration,
) -> Sent {
    let path = resource.object(namespace, name);
    let body = serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
    write(client, Method::DELETE, path, "application/json", &body, deadline).await
}

async fn write(
    client: &Client,
    method: Method,
    path: Result<String, String>,
    content_type: &'static str,
    body: &Json,
    deadline: Duration,
) -> Sent {
    let deletes = method == Method::DELETE;
    let request = path.and_then(|path| {
        let uri = if deletes { path } else { format!("{path}?fieldManager={FIELD_MANAGER}") };
        let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, content_type);
        request.body(body.to_string().into_bytes()).map_err(|error| error.to_string())
    });
    match request {
        // Not sent at all; said in the same way as the server would say it.
        Err(why) => Sent::Answered(Answer {
            status: http::StatusCode::UNPROCESSABLE_ENTITY,
            body: serde_json::json!({"message": why, "reason": "Invalid"}),
            retry_after: None,
        }),
        Ok(request) => match request::send(client, request, deadline).await {
            Ok(answer) => Sent::Answered(answer),
            Err(no_answer) => Sent::Unanswered(no_answer.0),
        },
    }
}
