//! One request, one answer, within a deadline. Knows no resource and decides nothing.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use serde_json::Value as Json;

use crate::diagnostic::plain_line;

/// Longest answer to a request that is not a list or a watch. etcd holds objects of 1.5 MiB at most.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest part of an error's message that is kept. Messages can hold what a hostile object says.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The server's answer, good or bad.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The object, or a `Status`; null when the body is no JSON.
    pub body: Json,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// What went wrong, in the server's words.
    #[must_use]
    pub fn message(&self) -> String {
        let text = self.body.get("message").and_then(Json::as_str).unwrap_or("no message");
        format!("{}: {}", self.status.as_u16(), shortened(text))
    }

    /// The machine-readable reason of a `Status`, as `AlreadyExists`.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.body.get("reason").and_then(Json::as_str).unwrap_or("")
    }
}

/// There is no answer: the request may have been applied or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub String);

/// Sends a request once.
///
/// # Errors
/// When no whole answer came within the deadline.
pub async fn send(client: &Client, request: Request<Vec<u8>>, deadline: Duration) -> Result<Answer, NoAnswer> {
    match tokio::time::timeout(deadline, exchange(client, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(NoAnswer(format!("no answer within {deadline:?}"))),
    }
}

async fn exchange(client: &Client, request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
    let response = client.send(request.map(kube::client::Body::from)).await.map_err(|error| NoAnswer(chain(&error)))?;
    let (head, body) = response.into_parts();
    let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| NoAnswer(shortened(&error.to_string())))?;
    let body = serde_json::from_slice(&bytes.to_bytes()).unwrap_or(Json::Null);
    Ok(Answer { status: head.status, body, retry_after: seconds.map(Duration::from_secs) })
}

/// Reads one path.
///
/// # Errors
/// As [`send`]; and when the path is none.
pub async fn get(client: &Client, path: &str, deadline: Duration) -> Result<Answer, NoAnswer> {
    let request = Request::get(path).body(Vec::new()).map_err(|error| NoAnswer(error.to_string()))?;
    send(client, request, deadline).await
}

/// An error with its causes: the outermost of hyper's says only `client error (Connect)`.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    shortened(&text)
}

/// At most [`MESSAGE_BYTES_MAX`], and on one line.
#[must_use]
pub fn shortened(text: &str) -> String {
    let mut kept = plain_line(text);
    if kept.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let text = shortened(&"é\n".repeat(1000));
        assert!(text.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8() && text.ends_with('…') && !text.contains('\n'));
        assert_eq!(shortened("ok"), "ok");
    }
}
