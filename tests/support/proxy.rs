//! A proxy between a program under test and the API server: it writes down what is asked, and may end the program at a moment that
//! no clock could hit.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode, header};
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longest body of a request.
const BODY_BYTES_MAX: usize = 16 << 20;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is forwarded, and its answer comes back.
    Pass,
    /// The hook has done what it wanted; the request is lost.
    Lose,
    /// It is forwarded; when the server has answered, `after` is called, and the answer is lost.
    LoseAnswer,
}

/// What decides about requests. Called on the proxy's own threads.
pub trait Hook: Send + Sync + 'static {
    /// Before a request is forwarded.
    fn before(&self, _asked: &Asked) -> Fate {
        Fate::Pass
    }

    /// After [`Fate::LoseAnswer`], when the server has answered.
    fn after(&self, _asked: &Asked) {}
}

/// No faults.
pub struct Calm;

impl Hook for Calm {}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, `PATCH`…
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// Body, if it is text.
    pub body: String,
    /// The server's answer; 0 as long as there is none.
    pub code: u16,
}

impl Asked {
    /// Whether it means to change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Whether it lists (a watch does not).
    pub fn is_list(&self) -> bool {
        self.method == "GET" && self.uri.contains("limit=") && !self.uri.contains("watch=")
    }
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

struct Shared {
    client: Client,
    hook: Box<dyn Hook>,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// Forwards everything through `client`, in whose name it then is.
    pub async fn start(client: Client, hook: impl Hook) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { client, hook: Box::new(hook), log: Arc::clone(&log) });
        let router = axum::Router::new().fallback(forward).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Proxy { port, log, task }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A kubeconfig that leads here.
    pub fn kubeconfig(&self, namespace: &str) -> String {
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url()}}],
            "users": [{"name": "proxy", "user": {"token": "the proxy has its own"}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy", "namespace": namespace}}],
            "current-context": "proxy",
        })
        .to_string()
    }

    /// What was asked so far, in the order in which it was answered.
    pub fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    // A caller that goes away must not take back what the server is already doing.
    let task = tokio::spawn(async move { exchange(&shared, request).await });
    task.await.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

async fn exchange(shared: &Shared, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let mut asked = Asked {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        code: 0,
    };
    let fate = shared.hook.before(&asked);
    if fate == Fate::Lose {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let answer = match shared.client.send(onward(&parts, bytes.to_vec())).await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    asked.code = answer.status().as_u16();
    shared.log.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    if fate == Fate::LoseAnswer {
        shared.hook.after(&asked);
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::TRANSFER_ENCODING);
    Response::from_parts(head, Body::new(body))
}

fn onward(parts: &Parts, body: Vec<u8>) -> Request<kube::client::Body> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(parts.method.clone()).uri(path);
    for name in [header::CONTENT_TYPE, header::ACCEPT, header::USER_AGENT] {
        if let Some(value) = parts.headers.get(&name) {
            request = request.header(name, value);
        }
    }
    request.body(kube::client::Body::from(body)).unwrap()
}
