//! One request to a service and its answer, streamed both ways.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use common::http::Problem;
use http::header::CONTENT_TYPE;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use hyper::body::Incoming;

use crate::body::{Download, Upload};
use crate::client::{Client, SendError};
use crate::headers;
use crate::metrics::{self, Failure};
use crate::problems;
use crate::routing::Service;
use crate::upstream::{Lease, Upstream};

/// When a service that cannot be reached is worth another try, in seconds.
const RETRY_AFTER: u64 = 2;
/// Longest silence within an answer. Streams of events send a comment more often than that.
const SILENCE: Duration = Duration::from_secs(5 * 60);

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

/// Sends the request to a replica of the service. When it could not even be sent, another replica
/// gets it, once.
///
/// # Errors
/// A [`Problem`] when there is no answer.
pub(crate) async fn forward(
    client: &Client,
    upstream: &Upstream,
    outgoing: Outgoing,
) -> Result<Response, Problem> {
    let service = upstream.service();
    let mut lease = pick(upstream, None)?;
    match attempt(client, service, &outgoing, &mut lease).await {
        Err(Refusal::NotSent(first)) if outgoing.upload.is_untouched() => {
            let Ok(mut other) = upstream.pick(Some(&lease)) else {
                return Err(first);
            };
            metrics::retried(service);
            attempt(client, service, &outgoing, &mut other)
                .await
                .map_err(Refusal::into_problem)
        }
        other => other.map_err(Refusal::into_problem),
    }
}

fn pick(upstream: &Upstream, tried: Option<&Lease>) -> Result<Lease, Problem> {
    upstream.pick(tried).map_err(|wait| {
        problems::upstream_unavailable(upstream.service(), headers::whole_seconds(wait).max(1))
    })
}

/// Why an attempt gave no answer.
enum Refusal {
    /// The replica knows nothing of the request.
    NotSent(Problem),
    /// It may have got it.
    Final(Problem),
}

impl Refusal {
    fn into_problem(self) -> Problem {
        match self {
            Self::NotSent(problem) | Self::Final(problem) => problem,
        }
    }
}

async fn attempt(
    client: &Client,
    service: Service,
    outgoing: &Outgoing,
    lease: &mut Lease,
) -> Result<Response, Refusal> {
    let request = request(outgoing, lease).map_err(|error| Refusal::Final(Problem::internal(error)))?;
    let upload = &outgoing.upload;
    let mut answer = std::pin::pin!(client.send(request));
    let mut seen = upload.bytes();
    let answered = loop {
        match tokio::time::timeout(outgoing.patience, &mut answer).await {
            Ok(answered) => break answered,
            // The body is still on its way; the service's time begins after it.
            Err(_) if upload.bytes() != seen => seen = upload.bytes(),
            Err(_) if upload.waits_for_client() => return Err(Refusal::Final(problems::body_too_slow())),
            Err(_) => {
                lease.failed();
                metrics::upstream_failed(service, Failure::Timeout);
                return Err(Refusal::Final(problems::upstream_timeout(service)));
            }
        }
    };
    match answered {
        Ok(response) => {
            if is_answer_of_the_service(&response) {
                lease.succeeded();
            } else {
                lease.failed();
                metrics::upstream_failed(service, Failure::Gateway);
            }
            Ok(returned(response, service))
        }
        Err(SendError::NotConnected(error)) => {
            lease.failed();
            metrics::upstream_failed(service, Failure::Connect);
            let problem = problems::upstream_unavailable(service, RETRY_AFTER).source(error);
            Err(Refusal::NotSent(problem))
        }
        // The client's body ended the request, which says nothing about the replica.
        Err(SendError::Broken(_)) if upload.is_too_large() => {
            Err(Refusal::Final(problems::body_too_large(outgoing.body_limit)))
        }
        Err(SendError::Broken(error)) if upload.is_broken() => {
            Err(Refusal::Final(problems::body_broken().source(error)))
        }
        Err(SendError::Broken(error)) => {
            lease.failed();
            metrics::upstream_failed(service, Failure::Broken);
            Err(Refusal::Final(problems::upstream_broken(service).source(error)))
        }
    }
}

fn request(outgoing: &Outgoing, lease: &Lease) -> Result<Request<Upload>, http::Error> {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(lease.authority().clone());
    uri.path_and_query = Some(outgoing.path.clone());
    let mut request = Request::new(outgoing.upload.clone());
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = Uri::from_parts(uri)?;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = outgoing.headers.clone();
    Ok(request)
}

/// False for a 502, 503 or 504 of something in between. When the service itself says so, in a
/// problem document, it works and something behind it does not: 1C, a model, its database. Closing
/// the door to all of it would make that worse.
fn is_answer_of_the_service(response: &http::Response<Incoming>) -> bool {
    let gateway_error = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], http::HeaderValue::as_bytes);
    // `/health` answers 503 with plain JSON, which is an answer of the service as well.
    !gateway_error
        || content_type.starts_with(b"application/problem+json")
        || content_type.starts_with(b"application/json")
}

fn returned(response: http::Response<Incoming>, service: Service) -> Response {
    let (mut parts, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    // What the service's own HTTP version was is no business of the client's connection.
    parts.version = Version::default();
    parts.extensions.clear();
    Response::from_parts(parts, Body::new(Download::new(body, service, SILENCE)))
}
