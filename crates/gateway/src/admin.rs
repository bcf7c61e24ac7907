//! `GET /upstreams` on the admin port: what the gateway knows of the services behind it.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::breaker;
use crate::replica::{Readiness, Replica};
use crate::routing::Service;
use crate::state::AppState;

/// The pages.
pub(crate) fn router(gateway: AppState) -> Router {
    Router::new()
        .route("/upstreams", get(upstreams))
        .with_state(gateway)
}

#[derive(Debug, Serialize)]
struct UpstreamState {
    service: &'static str,
    breaker: &'static str,
    replicas: Vec<ReplicaState>,
}

#[derive(Debug, Serialize)]
struct ReplicaState {
    address: String,
    breaker: &'static str,
    /// What its `/ready` said: `ready`, `not_ready`, or `unknown` when it has never said anything.
    readiness: &'static str,
    /// Left out for a while, because it failed far more requests than its peers.
    ejected: bool,
    in_flight: u32,
    /// The moving average of the time to the head of an answer; `null` before the first.
    latency_ms: Option<f64>,
}

async fn upstreams(State(gateway): State<AppState>) -> Json<Vec<UpstreamState>> {
    let states = Service::ALL.map(|service| {
        let upstream = gateway.upstream(service);
        UpstreamState {
            service: service.name(),
            breaker: breaker_name(upstream.breaker_state()),
            replicas: upstream
                .replicas()
                .iter()
                .map(|replica| replica_state(replica))
                .collect(),
        }
    });
    Json(states.into())
}

fn replica_state(replica: &Replica) -> ReplicaState {
    ReplicaState {
        address: replica.name.clone(),
        breaker: breaker_name(replica.breaker_state()),
        readiness: match replica.readiness() {
            Readiness::Unknown => "unknown",
            Readiness::Ready => "ready",
            Readiness::NotReady => "not_ready",
        },
        ejected: replica.record.is_ejected(std::time::Instant::now()),
        in_flight: replica.in_flight(),
        latency_ms: replica
            .latency(std::time::Instant::now())
            .map(|seconds| seconds * 1000.0),
    }
}

const fn breaker_name(state: breaker::State) -> &'static str {
    match state {
        breaker::State::Closed => "closed",
        breaker::State::HalfOpen => "half_open",
        breaker::State::Open => "open",
    }
}
