//! The gateway's own metrics. Requests by route and status come with the base layers.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use common::http::layers;

use crate::breaker::State;
use crate::limit::Class;
use crate::routing::{Service, TABLE};

const BREAKER_STATE: &str = "gateway_breaker_state";
const UPSTREAM_FAILURES: &str = "gateway_upstream_failures_total";
const RETRIES: &str = "gateway_upstream_retries_total";
const RATE_LIMITED: &str = "gateway_rate_limited_total";
const RATE_LIMIT_FALLBACK: &str = "gateway_rate_limit_fallback_total";
const EVENTS_PUBLISHED: &str = "gateway_request_events_published_total";
const EVENTS_DROPPED: &str = "gateway_request_events_dropped_total";
const TOKENS: &str = "gateway_token_cache_total";

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

/// Describes the metrics, and makes the series that alerts look at exist from the start.
pub(crate) fn describe() {
    describe_gauge!(
        BREAKER_STATE,
        "Circuit breaker of a replica: 0 closed, 1 half-open, 2 open"
    );
    describe_counter!(
        UPSTREAM_FAILURES,
        Unit::Count,
        "Requests that a service did not answer, by kind of failure"
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
    for service in Service::ALL {
        counter!(RETRIES, "upstream" => service.name()).absolute(0);
        for kind in Failure::ALL {
            counter!(UPSTREAM_FAILURES, "upstream" => service.name(), "kind" => kind.name()).absolute(0);
        }
    }
    for class in Class::ALL {
        counter!(RATE_LIMITED, "class" => class.name()).absolute(0);
    }
    counter!(RATE_LIMIT_FALLBACK).absolute(0);
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

pub(crate) fn breaker_state(service: Service, replica: &str, state: State) {
    let value = match state {
        State::Closed => 0.0,
        State::HalfOpen => 1.0,
        State::Open => 2.0,
    };
    gauge!(BREAKER_STATE, "upstream" => service.name(), "replica" => replica.to_owned()).set(value);
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

pub(crate) fn token_looked_up(known: bool) {
    counter!(TOKENS, "result" => if known { "hit" } else { "miss" }).increment(1);
}
