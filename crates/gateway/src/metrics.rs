//! The gateway's metrics, those among them that other services have from the base layers.

use ::metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use common::http::layers;
use common::telemetry;
use http::StatusCode;

use crate::breaker::State;
use crate::inspection::Suspicion;
use crate::limit::Class;
use crate::routing::{Service, TABLE};

const BREAKER_STATE: &str = "gateway_breaker_state";
const SERVICE_BREAKER_STATE: &str = "gateway_service_breaker_state";
const REPLICA_READY: &str = "gateway_replica_ready";
const UPSTREAM_FAILURES: &str = "gateway_upstream_failures_total";
const RETRIES: &str = "gateway_upstream_retries_total";
const RATE_LIMITED: &str = "gateway_rate_limited_total";
const RATE_LIMIT_FALLBACK: &str = "gateway_rate_limit_fallback_total";
const RATE_LIMIT_ASKED: &str = "gateway_rate_limit_redis_calls_total";
const LOG_LINES_DROPPED: &str = "gateway_access_log_dropped_total";
const RELOADS: &str = "gateway_config_reloads_total";
const EVENTS_PUBLISHED: &str = "gateway_request_events_published_total";
const EVENTS_DROPPED: &str = "gateway_request_events_dropped_total";
const EJECTIONS: &str = "gateway_replica_ejections_total";
const UNREADABLE: &str = "gateway_unreadable_requests_total";
const KEPT: &str = "gateway_response_cache_total";
const CONNECTIONS: &str = "gateway_connections";
const TOKENS: &str = "gateway_token_cache_total";
const INSPECTION_DURATION: &str = "gateway_inspection_duration_seconds";
const ATTACKS: &str = "gateway_attacks_suspected_total";
const ATTACK_FAMILIES: &str = "gateway_attack_families_total";

/// Why a request to a service failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke before an answer.
    Broken,
    /// Something between the gateway and the service answered for it.
    Gateway,
    /// The answer stopped before its end.
    Stalled,
}

impl Failure {
    const ALL: [Self; 5] = [
        Self::Connect,
        Self::Timeout,
        Self::Broken,
        Self::Gateway,
        Self::Stalled,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Gateway => "gateway",
            Self::Stalled => "stalled",
        }
    }
}

/// What a kept answer was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was shown.
    Hit,
    /// It was shown while another was fetched.
    Stale,
    /// There was none, though there could have been.
    Miss,
}

impl Kept {
    /// As `X-Cache` tells it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Miss => "MISS",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
        }
    }
}

/// Describes the metrics, and makes the series that alerts look at exist from the start.
pub(crate) fn describe() {
    describe_gauge!(
        BREAKER_STATE,
        "Circuit breaker of a replica: 0 closed, 1 half-open, 2 open"
    );
    describe_gauge!(
        SERVICE_BREAKER_STATE,
        "Circuit breaker of a service: 0 closed, 1 half-open, 2 open"
    );
    describe_gauge!(
        REPLICA_READY,
        "Whether a replica says at /ready that it takes requests, or has never been found to say anything: 1, else 0"
    );
    describe_counter!(
        RATE_LIMIT_ASKED,
        Unit::Count,
        "Calls of Redis for rate limits, each for one or more leases"
    );
    describe_counter!(
        LOG_LINES_DROPPED,
        Unit::Count,
        "Access lines lost because the log was not written fast enough"
    );
    describe_counter!(
        UPSTREAM_FAILURES,
        Unit::Count,
        "Requests that a service did not answer, by kind of failure"
    );
    describe_counter!(
        EJECTIONS,
        Unit::Count,
        "Times that a replica was left out because it failed far more requests than its peers"
    );
    describe_counter!(RETRIES, Unit::Count, "Requests sent again to another replica");
    describe_counter!(
        RATE_LIMITED,
        Unit::Count,
        "Requests refused by a rate limit, by class"
    );
    describe_counter!(
        RATE_LIMIT_FALLBACK,
        Unit::Count,
        "Requests counted locally because Redis did not answer in time"
    );
    describe_counter!(EVENTS_PUBLISHED, Unit::Count, "Request events published");
    describe_counter!(
        EVENTS_DROPPED,
        Unit::Count,
        "Request events lost because the buffer was full or the shutdown came first"
    );
    describe_counter!(
        TOKENS,
        Unit::Count,
        "Tokens looked up among the verified ones, by result"
    );
    describe_counter!(
        UNREADABLE,
        Unit::Count,
        "Requests whose head could not be read or did not come in time, by status"
    );
    for status in ["400", "408", "414", "431"] {
        counter!(UNREADABLE, "status" => status).absolute(0);
    }
    describe_counter!(
        KEPT,
        Unit::Count,
        "Requests whose answer could have been kept from an earlier one, by what was found"
    );
    for kept in [Kept::Hit, Kept::Stale, Kept::Miss] {
        counter!(KEPT, "result" => kept.label()).absolute(0);
    }
    describe_gauge!(CONNECTIONS, "Connections of clients that are open");
    connections(0);
    describe_histogram!(
        INSPECTION_DURATION,
        Unit::Seconds,
        "Time that a look at what a request carries took, by part: head, body"
    );
    describe_counter!(
        ATTACKS,
        Unit::Count,
        "Requests that looked like an attack, by route and by what was done: blocked, passed"
    );
    describe_counter!(
        ATTACK_FAMILIES,
        Unit::Count,
        "Kinds of attacks in such requests; one may have several"
    );
    for family in waf::Family::ALL {
        counter!(ATTACK_FAMILIES, "family" => family.as_str()).absolute(0);
    }
    describe_counter!(RELOADS, Unit::Count, "Settings read again at SIGHUP, by result");
    for result in ["applied", "refused"] {
        counter!(RELOADS, "result" => result).absolute(0);
    }
    for service in Service::ALL {
        counter!(RETRIES, "upstream" => service.name()).absolute(0);
        counter!(EJECTIONS, "upstream" => service.name()).absolute(0);
        for kind in Failure::ALL {
            counter!(UPSTREAM_FAILURES, "upstream" => service.name(), "kind" => kind.name()).absolute(0);
        }
    }
    for class in Class::ALL {
        counter!(RATE_LIMITED, "class" => class.name()).absolute(0);
    }
    counter!(RATE_LIMIT_FALLBACK).absolute(0);
    counter!(RATE_LIMIT_ASKED).absolute(0);
    counter!(LOG_LINES_DROPPED).absolute(0);
    counter!(EVENTS_PUBLISHED).absolute(0);
    counter!(EVENTS_DROPPED).absolute(0);
    for result in ["hit", "miss"] {
        counter!(TOKENS, "result" => result).absolute(0);
    }
    // The table forwards every method; these two are all but all of what is called.
    for route in &TABLE {
        for method in ["GET", "POST"] {
            layers::failures_exist(crate::DEFINITION.name, method, route.label);
        }
    }
}

const fn breaker_value(state: State) -> f64 {
    match state {
        State::Closed => 0.0,
        State::HalfOpen => 1.0,
        State::Open => 2.0,
    }
}

pub(crate) fn breaker_state(service: Service, replica: &str, state: State) {
    gauge!(BREAKER_STATE, "upstream" => service.name(), "replica" => replica.to_owned())
        .set(breaker_value(state));
}

pub(crate) fn service_breaker_state(service: Service, state: State) {
    gauge!(SERVICE_BREAKER_STATE, "upstream" => service.name()).set(breaker_value(state));
}

pub(crate) fn replica_ready(service: Service, replica: &str, ready: bool) {
    let value = if ready { 1.0 } else { 0.0 };
    gauge!(REPLICA_READY, "upstream" => service.name(), "replica" => replica.to_owned()).set(value);
}

/// A replica is new or back; what is known of it is shown.
pub(crate) fn replica_came(service: Service, replica: &str) {
    telemetry::show_series(&[("upstream", service.name()), ("replica", replica)]);
}

/// A replica has left; gauges of it would say for ever how it was.
pub(crate) fn replica_left(service: Service, replica: &str) {
    telemetry::hide_series(&[("upstream", service.name()), ("replica", replica)]);
}

pub(crate) fn kept(kept: Kept) {
    counter!(KEPT, "result" => kept.label()).increment(1);
}

/// A head that there is no request for.
pub(crate) fn unreadable(status: StatusCode) {
    counter!(UNREADABLE, "status" => status.as_str().to_owned()).increment(1);
}

pub(crate) fn ejected(service: Service) {
    counter!(EJECTIONS, "upstream" => service.name()).increment(1);
}

/// `http_requests_total`, as the base layers of other services have it.
pub(crate) fn requests(method: &'static str, route: &'static str, status: u16) -> Counter {
    let service = crate::DEFINITION.name;
    counter!("http_requests_total", "service" => service, "method" => method, "route" => route, "status" => status.to_string())
}

/// `http_request_duration_seconds`, likewise.
pub(crate) fn request_duration(method: &'static str, route: &'static str) -> Histogram {
    let service = crate::DEFINITION.name;
    histogram!("http_request_duration_seconds", "service" => service, "method" => method, "route" => route)
}

pub(crate) fn in_flight(count: usize, limit: usize) {
    let service = crate::DEFINITION.name;
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    let (count, limit) = (count as f64, limit as f64);
    gauge!("http_requests_in_flight", "service" => service).set(count);
    gauge!("http_requests_in_flight_limit", "service" => service).set(limit);
}

pub(crate) fn connections(count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(CONNECTIONS).set(count as f64);
}

pub(crate) fn shed() {
    counter!("http_requests_shed_total", "service" => crate::DEFINITION.name).increment(1);
}

pub(crate) fn rate_limit_asked() {
    counter!(RATE_LIMIT_ASKED).increment(1);
}

pub(crate) fn reloaded(applied: bool) {
    let result = if applied { "applied" } else { "refused" };
    counter!(RELOADS, "result" => result).increment(1);
}

pub(crate) fn log_lines_dropped(count: u64) {
    counter!(LOG_LINES_DROPPED).increment(count);
}

pub(crate) fn upstream_failed(service: Service, kind: Failure) {
    counter!(UPSTREAM_FAILURES, "upstream" => service.name(), "kind" => kind.name()).increment(1);
}

pub(crate) fn retried(service: Service) {
    counter!(RETRIES, "upstream" => service.name()).increment(1);
}

pub(crate) fn rate_limited(class: &'static str) {
    counter!(RATE_LIMITED, "class" => class).increment(1);
}

pub(crate) fn rate_limit_fallback() {
    counter!(RATE_LIMIT_FALLBACK).increment(1);
}

pub(crate) fn events_published(count: usize) {
    counter!(EVENTS_PUBLISHED).increment(count as u64);
}

pub(crate) fn events_dropped(count: usize) {
    counter!(EVENTS_DROPPED).increment(count as u64);
}

/// `gateway_inspection_duration_seconds` of one part of requests.
pub(crate) fn inspection_duration(part: &'static str) -> Histogram {
    histogram!(INSPECTION_DURATION, "part" => part)
}

pub(crate) fn attack_suspected(route: &'static str, suspicion: &Suspicion) {
    let action = if suspicion.blocked { "blocked" } else { "passed" };
    counter!(ATTACKS, "route" => route, "action" => action).increment(1);
    for family in suspicion.families() {
        counter!(ATTACK_FAMILIES, "family" => family).increment(1);
    }
}

pub(crate) fn token_cache(result: &'static str) -> Counter {
    counter!(TOKENS, "result" => result)
}
