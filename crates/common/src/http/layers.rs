//! The layers around every router.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument;

use super::Problem;
use super::extract::payload_too_large;
use crate::clock::Clock;
use crate::telemetry::{RequestContext, TraceParent, request_id};
use crate::{Locale, Text};

/// Header of the request id, in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Header of the trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long the caller waits for the head of the answer, in milliseconds: nobody works on for one that
/// has given up.
pub const X_REQUEST_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The code of a problem, left in the response for the access log.
#[derive(Debug, Clone, Copy)]
pub struct ProblemCode(pub &'static str);

/// The route that metrics and logs name, where the router's own path says too little. The
/// gateway, which forwards, puts it into its responses.
#[derive(Debug, Clone)]
pub struct RouteLabel(pub std::borrow::Cow<'static, str>);

/// Limits of the layers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests in flight; one more gets 503 with Retry-After.
    pub max_concurrent: usize,
    /// Bytes of a request body; one more gives 413.
    pub max_body_bytes: usize,
    /// How long a handler may take before its response begins.
    pub request_timeout: Duration,
}

struct Shared {
    service: &'static str,
    limits: Limits,
    in_flight: AtomicUsize,
    in_flight_gauge: metrics::Gauge,
}

/// Puts the layers around a router. From the outside in:
///
/// 1. the request context, access log and metrics, so that they see every outcome below;
/// 2. shedding of load, before any work is done;
/// 3. the catching of panics and the time limit, so that both become a [`Problem`];
/// 4. the limit of the body.
pub fn apply(router: Router, service: &'static str, limits: Limits) -> Router {
    let in_flight_gauge = metrics::gauge!("http_requests_in_flight", "service" => service);
    in_flight_gauge.set(0.0);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!("http_requests_in_flight_limit", "service" => service).set(limits.max_concurrent as f64);
    let shared = Arc::new(Shared {
        service,
        limits,
        in_flight: AtomicUsize::new(0),
        in_flight_gauge,
    });
    router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(DefaultBodyLimit::max(limits.max_body_bytes))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .layer(middleware::from_fn_with_state(shared, observe))
}

fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "request.method_not_allowed",
        Text::new("Метод не поддерживается", "Method not allowed"),
    )
}

/// What is told of a handler that panicked.
#[must_use]
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic");
    Problem::internal(format!("handler panicked: {message}"))
}

/// Layers 2 to 4.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let limits = shared.limits;
    let declared = request.headers().get(http::header::CONTENT_LENGTH);
    let declared = declared
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > limits.max_body_bytes as u64) {
        return payload_too_large().into_response();
    }
    let asked = patience_of(request.headers());
    let patience = asked.map_or(limits.request_timeout, |asked| asked.min(limits.request_timeout));
    if shared.in_flight.fetch_add(1, Ordering::SeqCst) >= limits.max_concurrent {
        shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        metrics::counter!("http_requests_shed_total", "service" => shared.service).increment(1);
        return overloaded().into_response();
    }
    shared.in_flight_gauge.increment(1.0);
    let _guard = InFlight(&shared);
    let handled = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(patience, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(&*panic).into_response(),
        Err(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "request.timeout",
            Text::new("Время ожидания истекло", "Time limit exceeded"),
        )
        .into_response(),
    }
}

/// How long the caller of a request will wait.
#[must_use]
pub fn patience_of(headers: &HeaderMap) -> Option<Duration> {
    let millis = headers.get(X_REQUEST_TIMEOUT_MS)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_millis(millis))
}

struct InFlight<'a>(&'a Shared);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.in_flight_gauge.decrement(1.0);
    }
}

/// 503: there are too many requests in flight.
#[must_use]
pub fn overloaded() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "request.overloaded",
        Text::new("Сервис перегружен", "Service overloaded"),
    )
    .retry_after(1)
}

/// Layer 1.
async fn observe(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = context_of(request.headers());
    let method = request.method().clone();
    let matched = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "request",
        request_id = %context.request_id,
        trace_id = %format_args!("{:032x}", context.trace.trace_id),
    );
    let mut request = request;
    request.extensions_mut().insert(context.clone());
    let mut response = context
        .clone()
        .scope(next.run(request))
        .instrument(span.clone())
        .await;

    let route = match response.extensions().get::<RouteLabel>() {
        Some(label) => label.0.to_string(),
        None => matched.unwrap_or_else(|| "unmatched".to_owned()),
    };
    let status = response.status();
    let elapsed = started.elapsed();
    record(shared.service, &method, &route, status, elapsed);
    let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
    span.in_scope(|| access_line(&method, &path, &route, status, elapsed, code));
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// The context of a request: accepts what the caller sent, as far as it is well formed, and makes the rest.
pub fn context_of(headers: &HeaderMap) -> RequestContext {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = text(&X_REQUEST_ID)
        .filter(|id| !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()))
        .map_or_else(|| request_id(Clock::system().now()).to_string(), str::to_owned);
    let trace = text(&TRACEPARENT)
        .and_then(TraceParent::parse)
        .map_or_else(TraceParent::new, TraceParent::child);
    let locale =
        text(&http::header::ACCEPT_LANGUAGE).map_or_else(Locale::default, Locale::from_accept_language);
    RequestContext {
        request_id,
        trace,
        locale,
    }
}

fn record(service: &'static str, method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    // A client may invent methods; a label may not grow with them.
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let status = status.as_str().to_owned();
    let labels = [
        ("service", service.to_owned()),
        ("method", method),
        ("route", route.to_owned()),
        ("status", status),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..3]).record(elapsed.as_secs_f64());
}

fn access_line(
    method: &Method,
    path: &str,
    route: &str,
    status: StatusCode,
    elapsed: Duration,
    code: Option<&'static str>,
) {
    let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    let millis = elapsed.as_millis();
    let status = status.as_u16();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                http.request.method = %method,
                url.path = path,
                labels.route = route,
                http.response.status_code = status,
                event.duration = nanos,
                error.code = code,
                "{method} {path} {status} in {millis} ms"
            )
        };
    }
    // Health checks come every few seconds and say nothing when they succeed.
    if status >= 500 {
        line!(error);
    } else if status >= 400 {
        line!(warn);
    } else if path == "/health" {
        line!(debug);
    } else {
        line!(info);
    }
}

/// Describes the metrics of this module, and makes the series that alerts look at exist from the
/// start.
pub(crate) fn describe_metrics(service: &'static str) {
    use metrics::Unit;
    metrics::describe_counter!(
        "http_requests_total",
        Unit::Count,
        "Requests handled, by route template and status"
    );
    metrics::describe_histogram!(
        "http_request_duration_seconds",
        Unit::Seconds,
        "Time from the request head to the response head"
    );
    metrics::describe_counter!(
        "http_requests_shed_total",
        Unit::Count,
        "Requests refused because of overload"
    );
    metrics::describe_gauge!(
        "http_requests_in_flight",
        Unit::Count,
        "Requests whose response head is not ready yet"
    );
    metrics::describe_gauge!(
        "http_requests_in_flight_limit",
        Unit::Count,
        "Requests in flight beyond which load is shed"
    );
    metrics::counter!("http_requests_shed_total", "service" => service).absolute(0);
    for route in ["unmatched", "/health"] {
        failures_exist(service, "GET", route);
        let labels = [("service", service), ("method", "GET"), ("route", route)];
        drop(metrics::histogram!("http_request_duration_seconds", &labels));
    }
}

/// Statuses of failures that are ours; each has a series from the start.
const FAILURES: [&str; 4] = ["500", "502", "503", "504"];

/// Makes the failures of a route exist as series at zero. A counter that first appears with its
/// first increment has no increase that Prometheus could see: the first failure would be lost.
pub fn failures_exist(service: &'static str, method: &'static str, route: &'static str) {
    for status in FAILURES {
        let labels = [
            ("service", service),
            ("method", method),
            ("route", route),
            ("status", status),
        ];
        metrics::counter!("http_requests_total", &labels).absolute(0);
    }
}
