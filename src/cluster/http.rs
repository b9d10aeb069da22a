//! What the controller tells over HTTP: `/healthz`, `/readyz`, `/metrics`, `/status`. Nothing can be changed here.
//!
//! In: requests. Out: what the loop answers. The loop is asked, so an answer shows that it is alive; no answer in time shows that
//! it is not. Everything is bounded: waiting requests, the time to wait, the size of the answer.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that wait for the loop, at most; more are refused with 503.
pub const ASKS_MAX: usize = 16;
/// How long the loop may take to answer.
pub const ANSWER_SECONDS_MAX: u64 = 5;

/// What can be asked of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is it alive?
    Health,
    /// Are the rules loaded and the kinds listed?
    Ready,
    /// The metrics, up to date.
    Metrics,
    /// Everything that is not at rest, and why; JSON.
    Status,
}

/// What the loop says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Well, or not (503).
    pub good: bool,
    /// The text.
    pub text: String,
}

/// A question and where its answer goes.
pub struct Ask {
    /// The question.
    pub question: Question,
    /// The answer.
    pub reply: oneshot::Sender<Reply>,
}

/// Serves until `stop` becomes true.
pub async fn serve(listener: TcpListener, asks: mpsc::Sender<Ask>, mut stop: watch::Receiver<bool>) {
    let route = |question| get(move |State(asks): State<mpsc::Sender<Ask>>| ask(asks, question));
    let router = Router::new()
        .route("/healthz", route(Question::Health))
        .route("/readyz", route(Question::Ready))
        .route("/metrics", route(Question::Metrics))
        .route("/status", route(Question::Status))
        .with_state(asks);
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

async fn ask(asks: mpsc::Sender<Ask>, question: Question) -> Response {
    let (reply, answer) = oneshot::channel();
    if asks.try_send(Ask { question, reply }).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many questions wait, or the controller has ended\n")
            .into_response();
    }
    match tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), answer).await {
        Ok(Ok(Reply { good, text })) => {
            let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, [(header::CONTENT_TYPE, content_type(question))], text).into_response()
        }
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the controller has ended\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the controller does not answer\n").into_response(),
    }
}

fn content_type(question: Question) -> &'static str {
    match question {
        Question::Health | Question::Ready => "text/plain; charset=utf-8",
        Question::Metrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        Question::Status => "application/json",
    }
}
