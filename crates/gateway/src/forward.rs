//! One request to a service and its answer, streamed both ways.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use common::http::Problem;
use common::http::layers::X_REQUEST_TIMEOUT_MS;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use crate::body::{Answer, Download, Upload};
use crate::breaker::Outcome;
use crate::connections::{Line, SendError, Wire};
use crate::headers;
use crate::metrics::{self, Failure};
use crate::problems;
use crate::routing::Service;
use crate::ticks::Deadline;
use crate::upstream::{Lease, Upstream};
use crate::worker::Worker;

/// When a service that cannot be reached is worth another try, in seconds.
const RETRY_AFTER: u64 = 2;
/// Longest silence within an answer. Streams of events send a comment more often than that.
const SILENCE: Duration = Duration::from_secs(5 * 60);
/// The one replica of a service is not asked again before that, and half of it more at most.
const PAUSE: Duration = Duration::from_millis(20);

/// A request as the service will see it, but for the address.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) upload: Upload,
    pub(crate) body_limit: u64,
    /// How long the head of the answer may take, from the last part of the body on.
    pub(crate) patience: Duration,
}

impl Outgoing {
    /// The request for a replica. With `keep`, it can be made once more.
    fn request(&mut self, lease: &Lease, keep: bool) -> Request<Upload> {
        let mut request = Request::new(self.upload.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from(self.path.clone());
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = if keep {
            self.headers.clone()
        } else {
            std::mem::take(&mut self.headers)
        };
        let headers = request.headers_mut();
        headers.insert(HOST, lease.replica.host.clone());
        // Nobody is to work for a client that has given up.
        let millis = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        headers.insert(X_REQUEST_TIMEOUT_MS, HeaderValue::from(millis));
        request
    }

    /// The request to a service that is asked once only.
    pub(crate) fn into_request(mut self) -> Request<Upload> {
        let mut request = Request::new(self.upload.clone());
        *request.method_mut() = self.method;
        *request.uri_mut() = Uri::from(self.path);
        *request.headers_mut() = std::mem::take(&mut self.headers);
        request
    }

    /// True when a second request has the effect of one (RFC 9110, section 9.2.2).
    fn is_idempotent(&self) -> bool {
        matches!(
            self.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        )
    }
}

/// Sends the request to a replica of the service. When it could not be sent, or was not answered and
/// may be repeated, it is sent once more, to another replica if there is one, as far as the budget of
/// retries allows.
///
/// # Errors
/// A [`Problem`] when there is no answer.
pub(crate) async fn forward(
    worker: &Worker,
    upstream: &std::sync::Arc<Upstream>,
    mut outgoing: Outgoing,
) -> Result<Response<Answer>, Problem> {
    let service = upstream.service();
    let unavailable =
        |wait: Duration| problems::upstream_unavailable(service, headers::whole_seconds(wait).max(1));
    let admission = upstream.admit().map_err(unavailable)?;
    let mut lease = upstream.pick(None, worker.random()).map_err(unavailable)?;
    let mut attempted = attempt(worker, service, &mut outgoing, &mut lease).await;
    if let Err(refusal) = &attempted
        && refusal.may_be_repeated(&outgoing)
        && let Some(mut other) = second(worker, upstream, &lease, refusal).await
    {
        metrics::retried(service);
        attempted = attempt(worker, service, &mut outgoing, &mut other).await;
    }
    match attempted {
        Ok((response, outcome)) => {
            admission.ended(outcome);
            Ok(response)
        }
        Err(refusal) => {
            admission.ended(refusal.outcome);
            Err(*refusal.problem)
        }
    }
}

/// Who gets the request once more.
async fn second(worker: &Worker, upstream: &Upstream, first: &Lease, refusal: &Refusal) -> Option<Lease> {
    if let Ok(other) = upstream.pick(Some(first), worker.random()) {
        // A request that reached nobody is no more work for anybody the second time.
        let free = refusal.kind == Kind::NotConnected;
        return (free || upstream.retries.spend(Instant::now())).then_some(other);
    }
    // There is no other. One that takes no connection will take none in a moment either.
    if refusal.kind == Kind::NotConnected || !upstream.retries.spend(Instant::now()) {
        return None;
    }
    let jitter = u32::try_from(worker.random() % 50).unwrap_or(0);
    tokio::time::sleep(PAUSE + PAUSE * jitter / 100).await;
    upstream.pick(None, worker.random()).ok()
}

/// Why an attempt gave no answer.
#[derive(Debug)]
struct Refusal {
    kind: Kind,
    problem: Box<Problem>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The replica knows nothing of the request.
    NotConnected,
    /// It may have got the request, but nothing of an answer came.
    Unanswered,
    /// A second attempt would not help, or would not be right.
    Final,
}

impl Refusal {
    fn new(kind: Kind, problem: Problem, outcome: Outcome) -> Self {
        Self {
            kind,
            problem: Box::new(problem),
            outcome,
        }
    }

    fn may_be_repeated(&self, outgoing: &Outgoing) -> bool {
        let kind = match self.kind {
            Kind::NotConnected => true,
            Kind::Unanswered => outgoing.is_idempotent(),
            Kind::Final => false,
        };
        kind && outgoing.upload.is_untouched()
    }
}

async fn attempt(
    worker: &Worker,
    service: Service,
    outgoing: &mut Outgoing,
    lease: &mut Lease,
) -> Result<(Response<Answer>, Outcome), Refusal> {
    let mut wire = match worker.pool.connection(&lease.replica).await {
        Ok(wire) => wire,
        Err(error) => return Err(not_connected(service, lease, error)),
    };
    let keep = outgoing.is_idempotent() && outgoing.upload.is_untouched();
    let mut request = outgoing.request(lease, keep);
    let answered = loop {
        let reused = wire.used;
        match send(&mut wire, request, outgoing).await {
            Sent::TooLate => {
                lease.failed();
                metrics::upstream_failed(service, Failure::Timeout);
                let problem = problems::upstream_timeout(service);
                return Err(Refusal::new(Kind::Final, problem, Outcome::Failure));
            }
            Sent::WaitingForClient => {
                let problem = problems::body_too_slow();
                return Err(Refusal::new(Kind::Final, problem, Outcome::Unknown));
            }
            // The replica had closed the connection while nobody looked, which says nothing about it.
            Sent::Ended(Err(SendError::NotSent(back, _))) if reused => {
                request = *back;
                wire = match worker.pool.new_connection(&lease.replica).await {
                    Ok(wire) => wire,
                    Err(error) => return Err(not_connected(service, lease, error)),
                };
            }
            Sent::Ended(answered) => break answered,
        }
    };
    let upload = &outgoing.upload;
    let error = match answered {
        Ok(response) => {
            let outcome = if is_answer_of_the_service(&response) {
                lease.succeeded(response.status().is_server_error());
                Outcome::Success
            } else {
                lease.failed();
                metrics::upstream_failed(service, Failure::Gateway);
                Outcome::Failure
            };
            let line = Line::new(wire, lease.replica.id, worker.pool.clone());
            return Ok((returned(response, line, service), outcome));
        }
        Err(SendError::NotConnected(error) | SendError::NotSent(_, error) | SendError::Broken(error)) => {
            error
        }
    };
    // The client's body ended the request, which says nothing about the replica.
    if upload.is_too_large() {
        let problem = problems::body_too_large(outgoing.body_limit);
        return Err(Refusal::new(Kind::Final, problem, Outcome::Unknown));
    }
    if upload.is_broken() {
        let problem = problems::body_broken().source(error);
        return Err(Refusal::new(Kind::Final, problem, Outcome::Unknown));
    }
    lease.failed();
    metrics::upstream_failed(service, Failure::Broken);
    let problem = problems::upstream_broken(service).source(error);
    Err(Refusal::new(Kind::Unanswered, problem, Outcome::Failure))
}

fn not_connected(service: Service, lease: &mut Lease, error: SendError) -> Refusal {
    lease.failed();
    metrics::upstream_failed(service, Failure::Connect);
    let problem = problems::upstream_unavailable(service, RETRY_AFTER);
    let problem = match error {
        SendError::NotConnected(error) | SendError::NotSent(_, error) | SendError::Broken(error) => {
            problem.source(error)
        }
    };
    Refusal::new(Kind::NotConnected, problem, Outcome::Failure)
}

enum Sent {
    Ended(Result<Response<Incoming>, SendError>),
    /// The service took too long.
    TooLate,
    /// The client took too long with its body.
    WaitingForClient,
}

/// Sends the request and waits for the head of the answer, as long as that is worth it.
async fn send(wire: &mut Wire, request: Request<Upload>, outgoing: &Outgoing) -> Sent {
    let upload = &outgoing.upload;
    let mut seen = upload.bytes();
    let mut deadline = Deadline::after(outgoing.patience);
    let mut sending = pin!(wire.send(request));
    poll_fn(|cx| {
        if let Poll::Ready(ended) = sending.as_mut().poll(cx) {
            return Poll::Ready(Sent::Ended(ended));
        }
        while deadline.poll_passed(cx) {
            if upload.bytes() == seen {
                return Poll::Ready(if upload.waits_for_client() {
                    Sent::WaitingForClient
                } else {
                    Sent::TooLate
                });
            }
            // The body is still on its way; the service's time begins after it.
            seen = upload.bytes();
            deadline.reset(Instant::now() + outgoing.patience);
        }
        Poll::Pending
    })
    .await
}

/// False for a 502, 503 or 504 of something in between. When the service itself says so, in a
/// problem document, it works and something behind it does not: 1C, a model, its database. Closing
/// the door to all of it would make that worse.
fn is_answer_of_the_service(response: &Response<Incoming>) -> bool {
    let gateway_error = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    if !gateway_error {
        return true;
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    // `/health` answers 503 with plain JSON, which is an answer of the service as well.
    content_type.starts_with(b"application/problem+json") || content_type.starts_with(b"application/json")
}

fn returned(response: Response<Incoming>, line: Line, service: Service) -> Response<Answer> {
    let (mut parts, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    headers::add_via(&mut parts.headers, parts.version);
    // What the service's own HTTP version was is no business of the client's connection.
    parts.version = Version::default();
    parts.extensions.clear();
    Response::from_parts(
        parts,
        Answer::Service(Download::new(body, line, service, SILENCE)),
    )
}
