//! `/metrics`: the whole system in figures.

use std::collections::HashMap;

use ::http::HeaderMap;
use ::http::header::{ACCEPT, CONTENT_TYPE};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::http::{Json, Problem, Query};
use common::{Text, telemetry};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::dashboards;
use crate::error::Error;
use crate::period::{Range, Span};
use crate::prometheus::Saturation;
use crate::quantile::Histogram;
use crate::services::Health;
use crate::state::AppState;
use crate::store::system::{self, InfobaseState, ModelCount};

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MetricsQuery {
    range: Option<Range>,
    /// Instead of `range`, as dashboards have them: `now-7d/d`, `2026-11-01`.
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MetricsResponse {
    /// Absent when `from` and `to` were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(flatten)]
    span: Span,
    previous: Span,
    generated_at: DateTime<Utc>,
    services: Vec<ServiceMetrics>,
    models: Vec<ModelMetrics>,
    onec: Vec<InfobaseMetrics>,
    users: UserMetrics,
    prometheus: PrometheusState,
}

/// Whether saturation can be told.
#[derive(Debug, Serialize, JsonSchema)]
struct PrometheusState {
    configured: bool,
    up: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ServiceMetrics {
    name: &'static str,
    up: bool,
    replicas: usize,
    replicas_up: usize,
    version: Option<String>,
    /// Requests that the gateway forwarded to it; of the gateway, all requests.
    #[serde(flatten)]
    traffic: Traffic,
    previous: Traffic,
    /// How close it is to its limits now; null when Prometheus does not tell.
    saturation: Option<Saturation>,
}

/// Absent figures are null: without requests there is no share of errors and no percentile.
#[derive(Debug, Serialize, JsonSchema)]
struct Traffic {
    requests: i64,
    requests_per_second: f64,
    error_ratio: Option<f64>,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    p99_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ModelMetrics {
    provider: String,
    model: String,
    #[serde(flatten)]
    usage: Usage,
    previous: Option<Usage>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Usage {
    calls: i64,
    failures: i64,
    input_tokens: i64,
    output_tokens: i64,
    /// Null when the price of no call is known.
    cost_usd: Option<Decimal>,
    /// Calls that the cost leaves out, because their price is unknown.
    unpriced_calls: i64,
    /// Calls that were answered out of the cache.
    cache_hits: i64,
    /// Their share; null without calls.
    cache_hit_ratio: Option<f64>,
    average_ms: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct InfobaseMetrics {
    infobase_id: Uuid,
    infobase: String,
    last_sync_at: DateTime<Utc>,
    last_outcome: String,
    last_error: Option<String>,
    last_success_at: Option<DateTime<Utc>>,
    /// Seconds since the last success.
    age_seconds: Option<i64>,
    syncs: i64,
    failures: i64,
    rows: i64,
    /// Rows of a second of synchronising; null when there was none.
    rows_per_second: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UserMetrics {
    active: i64,
    previous_active: i64,
}

/// The state of the whole system.
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<MetricsQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if wants_prometheus(&headers) {
        let content_type = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        return Ok((content_type, telemetry::render_metrics()).into_response());
    }
    let now = state.clock.now();
    let (range, span) = span(&query, now, state.time_zone)?;
    let previous = span.before();
    let (health, saturation, figures) = futures_util::join!(
        state.services.health(),
        state.prometheus.saturation(),
        figures(&state, &identity, span, previous, now)
    );
    let figures = figures?;
    let response = MetricsResponse {
        range,
        span,
        previous,
        generated_at: now,
        prometheus: PrometheusState {
            configured: state.prometheus.is_configured(),
            up: saturation.is_some(),
        },
        services: services(health, saturation, &figures, span),
        models: figures.models,
        onec: figures.onec,
        users: figures.users,
    };
    Ok(Json(response).into_response())
}

/// The span that is asked for: the last hour unless said otherwise.
fn span(query: &MetricsQuery, now: DateTime<Utc>, zone: Tz) -> Result<(Option<Range>, Span), Error> {
    match (&query.from, &query.to, query.range) {
        (None, None, range) => {
            let range = range.unwrap_or_default();
            Ok((Some(range), range.current(now)))
        }
        (from, to, None) => {
            let from = from.as_deref().unwrap_or("now-1h");
            let to = to.as_deref().unwrap_or("now");
            let range = dashboards::range(from, to, now, zone)?;
            Ok((None, range.span))
        }
        (_, _, Some(_)) => Err(Problem::bad_request(Text::new(
            "Либо range, либо from и to.",
            "Either range, or from and to.",
        ))
        .into()),
    }
}

/// A Prometheus server names `text/plain`; browsers and programs that want JSON do not.
fn wants_prometheus(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accepted.contains("text/plain") && !accepted.contains("application/json")
}

/// Requests by upstream.
type Requests = HashMap<String, (Histogram, i64)>;

struct Figures {
    current: Requests,
    previous: Requests,
    models: Vec<ModelMetrics>,
    onec: Vec<InfobaseMetrics>,
    users: UserMetrics,
}

async fn figures(
    state: &AppState,
    caller: &Identity,
    span: Span,
    previous: Span,
    now: DateTime<Utc>,
) -> Result<Figures, StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let connection: &mut PgConnection = &mut connection;
    let models = system::models(connection, span).await?;
    let earlier = system::models(connection, previous).await?;
    Ok(Figures {
        current: requests(connection, span).await?,
        previous: requests(connection, previous).await?,
        models: compare(models, earlier),
        onec: system::infobases(connection, span, &caller.infobases)
            .await?
            .into_iter()
            .map(|state| infobase(state, now))
            .collect(),
        users: UserMetrics {
            active: system::active_users(connection, span.cover()).await?,
            previous_active: system::active_users(connection, previous.cover()).await?,
        },
    })
}

async fn requests(connection: &mut PgConnection, span: Span) -> Result<Requests, StoreError> {
    let mut requests = Requests::new();
    for row in system::requests(connection, span.cover()).await? {
        // Every request came through the gateway.
        for service in ["gateway", row.upstream.as_str()] {
            if service == "gateway" || row.upstream != "gateway" {
                let (histogram, errors) = requests.entry(service.to_owned()).or_default();
                histogram.add(row.bucket, row.count);
                *errors += row.errors;
            }
        }
    }
    Ok(requests)
}

fn services(
    health: Vec<Health>,
    saturation: Option<HashMap<String, Saturation>>,
    figures: &Figures,
    span: Span,
) -> Vec<ServiceMetrics> {
    let mut saturation = saturation.unwrap_or_default();
    health
        .into_iter()
        .map(|health| ServiceMetrics {
            traffic: traffic(figures.current.get(health.name), span),
            previous: traffic(figures.previous.get(health.name), span),
            saturation: saturation.remove(health.name),
            name: health.name,
            up: health.up,
            replicas: health.replicas,
            replicas_up: health.replicas_up,
            version: health.version,
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn traffic(requests: Option<&(Histogram, i64)>, span: Span) -> Traffic {
    let empty = (Histogram::default(), 0);
    let (histogram, errors) = requests.unwrap_or(&empty);
    let count = histogram.count();
    Traffic {
        requests: count,
        requests_per_second: count as f64 / span.seconds() as f64,
        error_ratio: ratio(*errors, count),
        p50_ms: histogram.quantile(0.5),
        p95_ms: histogram.quantile(0.95),
        p99_ms: histogram.quantile(0.99),
    }
}

/// A share of a whole, unknown when there is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Models of this span with what they were in the one before; those that are no longer used too.
fn compare(current: Vec<ModelCount>, earlier: Vec<ModelCount>) -> Vec<ModelMetrics> {
    let mut before: HashMap<(String, String), Usage> = HashMap::new();
    let mut order = Vec::new();
    for count in earlier {
        let (key, usage) = split(count);
        order.push(key.clone());
        before.insert(key, usage);
    }
    let mut models: Vec<ModelMetrics> = current
        .into_iter()
        .map(|count| {
            let (key, usage) = split(count);
            ModelMetrics {
                previous: before.remove(&key),
                provider: key.0,
                model: key.1,
                usage,
            }
        })
        .collect();
    let gone = order
        .into_iter()
        .filter_map(|key| Some((before.remove(&key)?, key)));
    models.extend(gone.map(|(usage, (provider, model))| ModelMetrics {
        provider,
        model,
        usage: Usage::default(),
        previous: Some(usage),
    }));
    models
}

fn split(count: ModelCount) -> ((String, String), Usage) {
    let usage = Usage {
        calls: count.calls,
        failures: count.failures,
        input_tokens: count.input_tokens,
        output_tokens: count.output_tokens,
        cost_usd: count.cost_usd.map(|cost| cost.normalize()),
        unpriced_calls: count.unpriced,
        cache_hits: count.cached,
        cache_hit_ratio: ratio(count.cached, count.calls),
        average_ms: count.duration_ms.checked_div(count.calls),
    };
    ((count.provider, count.model), usage)
}

fn infobase(state: InfobaseState, now: DateTime<Utc>) -> InfobaseMetrics {
    InfobaseMetrics {
        infobase_id: state.infobase_id,
        infobase: state.infobase,
        last_sync_at: state.last_sync_at,
        last_outcome: state.last_outcome,
        last_error: state.last_error,
        age_seconds: state.last_success_at.map(|at| (now - at).num_seconds()),
        last_success_at: state.last_success_at,
        syncs: state.syncs,
        failures: state.failures,
        rows: state.rows,
        rows_per_second: ratio(state.rows.saturating_mul(1000), state.duration_ms),
    }
}
