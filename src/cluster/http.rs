//! What the controller tells over HTTP: `/healthz`, `/readyz`, `/metrics`, `/status`. Nothing can be changed here.
//!
//! In: requests. Out: what the loop answers. The loop is asked, so an answer shows that it is alive; no answer in time shows that
//! it is not. Everything is bounded: waiting requests, the time to wait, the size of the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Questions that wait for the loop, at most; more are refused with 503.
pub const ASKS_MAX: usize = 16;
/// Of these, questions that cost the loop something: probes always find room, whoever asks for the status.
pub const COSTLY_ASKS_MAX: usize = 2;
/// A costly question makes room for the next no sooner than this.
const COSTLY_PAUSE: Duration = Duration::from_millis(100);
/// How long a costly question waits for that room.
const COSTLY_WAIT: Duration = Duration::from_secs(1);
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

/// Where questions go in.
#[derive(Clone)]
struct Door {
    asks: mpsc::Sender<Ask>,
    costly: Arc<Semaphore>,
}

/// Serves until `stop` becomes true.
pub async fn serve(listener: TcpListener, asks: mpsc::Sender<Ask>, mut stop: watch::Receiver<bool>) {
    let door = Door { asks, costly: Arc::new(Semaphore::new(COSTLY_ASKS_MAX)) };
    let route = |question| get(move |State(door): State<Door>| ask(door, question));
    let router = Router::new()
        .route("/healthz", route(Question::Health))
        .route("/readyz", route(Question::Ready))
        .route("/metrics", route(Question::Metrics))
        .route("/status", route(Question::Status))
        .with_state(door);
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

async fn ask(door: Door, question: Question) -> Response {
    let permit = match question {
        Question::Health | Question::Ready => None,
        Question::Metrics | Question::Status => {
            match tokio::time::timeout(COSTLY_WAIT, door.costly.acquire_owned()).await {
                Ok(Ok(permit)) => Some(permit),
                _ => return (StatusCode::SERVICE_UNAVAILABLE, "others are asking: try again\n").into_response(),
            }
        }
    };
    let response = answered(&door.asks, question).await;
    if let Some(permit) = permit {
        tokio::spawn(async move {
            tokio::time::sleep(COSTLY_PAUSE).await;
            drop(permit);
        });
    }
    response
}

async fn answered(asks: &mpsc::Sender<Ask>, question: Question) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_the_status_without_end_keeps_no_probe_out() {
        let (asks, mut asked) = mpsc::channel(ASKS_MAX);
        let door = Door { asks, costly: Arc::new(Semaphore::new(COSTLY_ASKS_MAX)) };
        let crowd: Vec<_> = (0..100).map(|_| tokio::spawn(ask(door.clone(), Question::Status))).collect();
        let probe = tokio::spawn(ask(door.clone(), Question::Health));
        let mut seen = Vec::new();
        while let Ok(Some(ask)) = tokio::time::timeout(Duration::from_secs(5), asked.recv()).await {
            seen.push(ask.question);
            let _ = ask.reply.send(Reply { good: true, text: String::new() });
        }
        // Two at once, ten times a second, for the one second that the others wait.
        let early = seen.iter().position(|question| *question == Question::Health);
        assert!(early.is_some_and(|at| at <= COSTLY_ASKS_MAX), "{seen:?}");
        assert!(seen.len() <= 11 * COSTLY_ASKS_MAX + 1, "{seen:?}");
        assert_eq!(probe.await.map(|answer| answer.status()).ok(), Some(StatusCode::OK));
        let mut refused = 0;
        for answer in crowd {
            refused += usize::from(answer.await.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE));
        }
        assert_eq!(refused, 101 - seen.len());
    }
}
