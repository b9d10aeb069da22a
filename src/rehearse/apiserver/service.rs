//! The server as a tower service: what `kube::Client` speaks to. Faults are put in here, and the audit log written.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response, header};
use kube::client::Body as KubeBody;
use serde_json::Value;

use super::ApiServer;
use super::answer::{Answer, Call};
use super::failure::ApiError;
use super::request::{Query, RequestInfo, Route};

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    #[default]
    None,
    /// It is refused with this HTTP code and a Status, and not applied.
    Error(u16),
    /// It is applied, and then answered `504 Timeout`: the client cannot know.
    TimeoutAfterApplying,
    /// The connection breaks before it is applied.
    DropBeforeApplying,
    /// It is applied, and the connection breaks before the answer.
    DropAfterApplying,
    /// It is applied and answered after a pause (tokio time).
    Delay(Duration),
    /// It is applied at once, and answered after a pause (tokio time).
    AnswerLate(Duration),
}

/// Decides what becomes of each request; called before it is applied, outside the server's lock.
pub type FaultHook = Arc<dyn Fn(&RequestInfo) -> Fault + Send + Sync>;

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// When the request was carried out or refused, by the server's clock.
    pub at: jiff::Timestamp,
    /// The request.
    pub request: RequestInfo,
    /// What the fault hook said.
    pub fault: Fault,
    /// The HTTP code that the client got; 0 when the connection broke.
    pub code: u16,
    /// Reason of a refusal, such as `Conflict`; empty otherwise.
    pub reason: String,
    /// resourceVersion of the object or list in the server's answer, also when the client did not get it.
    pub resource_version: Option<String>,
    /// Whether the server carried the request out without refusing it, whatever the client was told.
    pub applied: bool,
    /// Whether the request changed what is stored.
    pub changed: bool,
}

/// The tower service behind a client.
#[derive(Clone)]
pub struct ApiService {
    pub(super) server: ApiServer,
    pub(super) caller: Arc<str>,
}

impl tower::Service<Request<KubeBody>> for ApiService {
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<KubeBody>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { service.handle(request).await })
    }
}

impl ApiService {
    async fn handle(&self, request: Request<KubeBody>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(Error::other)?;
        let header = |name: header::HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let route = Route::parse(parts.uri.path());
        let mut info = RequestInfo {
            sequence: self.server.shared.next_sequence(),
            caller: self.caller.to_string(),
            user_agent: header(header::USER_AGENT),
            verb: "other",
            uri: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            group: String::new(),
            resource: String::new(),
            subresource: String::new(),
            namespace: String::new(),
            name: String::new(),
            body_bytes: body.len(),
        };
        info.describe(&parts.method, &route, query.flag("watch"));
        let agent = info.user_agent.split('/').next().unwrap_or_default();
        let manager = if agent.is_empty() { self.caller.to_string() } else { agent.to_owned() };
        let call = Call {
            method: parts.method,
            route,
            query,
            accept: header(header::ACCEPT),
            content_type: header(header::CONTENT_TYPE),
            manager: if manager.is_empty() { "unknown".to_owned() } else { manager },
            body,
        };
        self.serve(call, info).await
    }

    async fn serve(&self, call: Call, info: RequestInfo) -> Result<Response<Body>, Error> {
        let fault = self.server.shared.fault(&info);
        match fault {
            Fault::Delay(pause) => tokio::time::sleep(pause).await,
            Fault::Error(code) => {
                let error = ApiError::injected(code);
                self.audit(info, fault, Outcome { code, reason: error.reason.clone(), ..Outcome::default() });
                return Ok(refusal(&error));
            }
            Fault::DropBeforeApplying => {
                self.audit(info, fault, Outcome::default());
                return Err(broken());
            }
            Fault::None | Fault::TimeoutAfterApplying | Fault::DropAfterApplying | Fault::AnswerLate(_) => {}
        }
        let (answer, changed) = {
            let mut state = self.server.shared.state();
            let before = state.revision;
            state.caller = Some(Arc::clone(&self.caller));
            let answer = call.answer(&mut state);
            state.caller = None;
            (answer, state.revision != before)
        };
        let mut outcome = Outcome::of(&answer, changed);
        let response = match (&fault, answer) {
            (Fault::TimeoutAfterApplying, _) => {
                let error = ApiError::injected(504);
                (outcome.code, outcome.reason) = (504, error.reason.clone());
                Ok(refusal(&error))
            }
            (Fault::DropAfterApplying, _) => {
                outcome.code = 0;
                Err(broken())
            }
            (_, Ok(Answer::Watch(watch))) => {
                let stream = watch.stream(&self.server.shared);
                Ok(respond(200, "application/json", Body::from_stream(stream)))
            }
            (_, Ok(Answer::Json { code, body })) => Ok(respond(code, "application/json", Body::from(body.to_string()))),
            (_, Ok(Answer::Text(text))) => Ok(respond(200, "text/plain; charset=utf-8", Body::from(text))),
            (_, Err(error)) => Ok(refusal(&error)),
        };
        let pause = if let Fault::AnswerLate(pause) = fault { pause } else { Duration::ZERO };
        self.audit(info, fault, outcome);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        response
    }

    fn audit(&self, request: RequestInfo, fault: Fault, outcome: Outcome) {
        let Outcome { code, reason, resource_version, applied, changed } = outcome;
        let at = (self.server.shared.settings.clock)();
        self.server.shared.log(AuditRecord { at, request, fault, code, reason, resource_version, applied, changed });
    }
}

/// What the audit log says of the end of a request.
#[derive(Default)]
struct Outcome {
    code: u16,
    reason: String,
    resource_version: Option<String>,
    applied: bool,
    changed: bool,
}

impl Outcome {
    fn of(answer: &Result<Answer, ApiError>, changed: bool) -> Self {
        match answer {
            Ok(Answer::Json { code, body }) => {
                let version = body.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
                Self { code: *code, resource_version: version, applied: true, changed, ..Self::default() }
            }
            Ok(_) => Self { code: 200, applied: true, changed, ..Self::default() },
            Err(error) => Self { code: error.code, reason: error.reason.clone(), ..Self::default() },
        }
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::ConnectionReset, "connection reset by an injected fault")
}

fn refusal(error: &ApiError) -> Response<Body> {
    if error.plain {
        return respond(error.code, "text/plain; charset=utf-8", Body::from(error.message.clone()));
    }
    respond(error.code, "application/json", Body::from(error.to_status().to_string()))
}

fn respond(code: u16, media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media));
    response
}
