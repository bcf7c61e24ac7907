//! Figures of the whole system over a span.

use chrono::{DateTime, Utc};
use common::auth::Infobases;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::period::{Cover, Span};

/// Requests to one service whose durations are in one interval.
#[derive(Debug)]
pub(crate) struct RequestCount {
    pub(crate) upstream: String,
    pub(crate) bucket: i16,
    pub(crate) count: i64,
    pub(crate) errors: i64,
}

/// Requests of a span, by service and duration.
pub(crate) async fn requests(
    connection: &mut PgConnection,
    span: Cover,
) -> Result<Vec<RequestCount>, StoreError> {
    sqlx::query_as!(
        RequestCount,
        r#"select upstream as "upstream!", bucket as "bucket!", sum(count)::bigint as "count!",
                  coalesce(sum(count) filter (where status_class = 5), 0)::bigint as "errors!"
           from (
               select upstream, duration_bucket as bucket, status_class, count
               from analytics.requests_hourly where hour >= $1 and hour < $2
               union all
               select coalesce(upstream, ''), analytics.duration_bucket(duration_ms), status / 100, 1
               from analytics.events
               where stream = 'requests' and duration_ms is not null and time >= $3 and time < $4
               union all
               select coalesce(upstream, ''), analytics.duration_bucket(duration_ms), status / 100, 1
               from analytics.events
               where stream = 'requests' and duration_ms is not null and time >= $5 and time < $6
           ) counted
           group by 1, 2 order by 1, 2"#,
        span.hours.from,
        span.hours.to,
        span.head.from,
        span.head.to,
        span.tail.from,
        span.tail.to,
    )
    .fetch_all(connection)
    .await
    .store("system_requests")
}

/// Calls of one model.
#[derive(Debug)]
pub(crate) struct ModelCount {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) calls: i64,
    pub(crate) failures: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cost_usd: Option<Decimal>,
    pub(crate) unpriced: i64,
    /// Calls that were answered out of the cache.
    pub(crate) cached: i64,
    pub(crate) duration_ms: i64,
}

/// Calls of a span, by model. They are few enough to be counted from the raw events.
pub(crate) async fn models(connection: &mut PgConnection, span: Span) -> Result<Vec<ModelCount>, StoreError> {
    sqlx::query_as!(
        ModelCount,
        r#"select coalesce(data->>'provider', '') as "provider!", coalesce(data->>'model', '') as "model!",
                  count(*) as "calls!", count(*) filter (where data->>'outcome' = 'failed') as "failures!",
                  sum((data->>'input_tokens')::numeric)::bigint as "input_tokens!",
                  sum((data->>'output_tokens')::numeric)::bigint as "output_tokens!",
                  sum((data->>'cost_usd')::numeric) as cost_usd,
                  count(*) filter (where data->>'cost_usd' is null) as "unpriced!",
                  count(*) filter (where data->>'cached' = 'true') as "cached!",
                  coalesce(sum(duration_ms), 0)::bigint as "duration_ms!"
           from analytics.events
           where stream = 'usage' and kind = 'assistant.answered' and time >= $1 and time < $2
           group by 1, 2 order by 3 desc, 1, 2"#,
        span.from,
        span.to
    )
    .fetch_all(connection)
    .await
    .store("system_models")
}

/// The state of one infobase.
#[derive(Debug)]
pub(crate) struct InfobaseState {
    pub(crate) infobase_id: Uuid,
    pub(crate) infobase: String,
    pub(crate) last_sync_at: DateTime<Utc>,
    pub(crate) last_outcome: String,
    pub(crate) last_error: Option<String>,
    pub(crate) last_success_at: Option<DateTime<Utc>>,
    /// Synchronisations, failures and rows within the span.
    pub(crate) syncs: i64,
    pub(crate) failures: i64,
    pub(crate) rows: i64,
    /// Milliseconds that the synchronisations within the span took.
    pub(crate) duration_ms: i64,
}

/// Those of a caller's infobases that have been synchronised while raw events are kept.
pub(crate) async fn infobases(
    connection: &mut PgConnection,
    span: Span,
    visible: &Infobases,
) -> Result<Vec<InfobaseState>, StoreError> {
    let restriction = visible.restriction();
    let rows = sqlx::query!(
        r#"select (data->>'infobase_id')::uuid as "infobase_id!",
                  (array_agg(data order by time desc))[1] as "last!: Value",
                  max(time) as "last_sync_at!",
                  max(time) filter (where data->>'outcome' = 'succeeded') as last_success_at,
                  count(*) filter (where time >= $1 and time < $2) as "syncs!",
                  count(*) filter (where time >= $1 and time < $2 and data->>'outcome' <> 'succeeded') as "failures!",
                  coalesce(sum((data->>'rows')::numeric) filter (where time >= $1 and time < $2), 0)::bigint as "rows!",
                  coalesce(sum(duration_ms) filter (where time >= $1 and time < $2), 0)::bigint as "duration_ms!"
           from analytics.events
           where stream = 'sync' and kind = 'onec.sync_ended'
             and ($3::uuid[] is null or (data->>'infobase_id')::uuid = any($3))
           group by 1 order by 1"#,
        span.from,
        span.to,
        restriction.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("system_infobases")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(rows
        .into_iter()
        .map(|row| InfobaseState {
            infobase_id: row.infobase_id,
            infobase: text(&row.last["infobase"]).unwrap_or_default(),
            last_sync_at: row.last_sync_at,
            last_outcome: text(&row.last["outcome"]).unwrap_or_default(),
            last_error: text(&row.last["error"]),
            last_success_at: row.last_success_at,
            syncs: row.syncs,
            failures: row.failures,
            rows: row.rows,
            duration_ms: row.duration_ms,
        })
        .collect())
}

/// Users who did something within the span.
pub(crate) async fn active_users(connection: &mut PgConnection, span: Cover) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct user_id) as "count!" from (
               select user_id from analytics.users_hourly where hour >= $1 and hour < $2
               union all
               select user_id from analytics.events
               where stream in ('requests', 'usage') and time >= $3 and time < $4
               union all
               select user_id from analytics.events
               where stream in ('requests', 'usage') and time >= $5 and time < $6
           ) active"#,
        span.hours.from,
        span.hours.to,
        span.head.from,
        span.head.to,
        span.tail.from,
        span.tail.to,
    )
    .fetch_one(connection)
    .await
    .store("system_active_users")
}
