//! Series of the dashboards, from the rollups.

use chrono::{DateTime, NaiveDate, Utc};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::period::Span;

/// Requests of one step whose durations are in one interval; `bucket` is absent in a step without
/// requests.
#[derive(Debug)]
pub(crate) struct StepCount {
    pub(crate) at: DateTime<Utc>,
    pub(crate) bucket: Option<i16>,
    pub(crate) count: i64,
    pub(crate) errors: i64,
}

/// Requests by `step` (`hour` or `day` of the time zone), steps without any included.
pub(crate) async fn requests(
    connection: &mut PgConnection,
    span: Span,
    step: &str,
    time_zone: &str,
) -> Result<Vec<StepCount>, StoreError> {
    sqlx::query_as!(
        StepCount,
        r#"with steps as (
               select local at time zone $4 as at
               from generate_series(date_trunc($3, $1::timestamptz at time zone $4),
                                    $2::timestamptz at time zone $4, ('1 ' || $3)::interval) as local
           ), counted as (
               select date_trunc($3, hour, $4) as at, duration_bucket, sum(count) as count,
                      sum(count) filter (where status_class = 5) as errors
               from analytics.requests_hourly
               where hour >= (select min(at) from steps) and hour < $2
               group by 1, 2
           )
           select steps.at as "at!", duration_bucket as "bucket?", coalesce(count, 0)::bigint as "count!",
                  coalesce(errors, 0)::bigint as "errors!"
           from steps left join counted on counted.at = steps.at
           order by steps.at, duration_bucket"#,
        span.from,
        span.to,
        step,
        time_zone
    )
    .fetch_all(connection)
    .await
    .store("overview_requests")
}

/// Questions of one day.
#[derive(Debug, serde::Serialize)]
pub(crate) struct DayQuestions {
    pub(crate) day: NaiveDate,
    pub(crate) answered: i64,
    pub(crate) failed: i64,
    pub(crate) cancelled: i64,
}

/// Questions to the assistant by day, days without any included.
pub(crate) async fn questions(
    connection: &mut PgConnection,
    span: Span,
    time_zone: &str,
) -> Result<Vec<DayQuestions>, StoreError> {
    sqlx::query_as!(
        DayQuestions,
        r#"with days as (
               select local::date as day
               from generate_series(date_trunc('day', $1::timestamptz at time zone $3),
                                    $2::timestamptz at time zone $3, interval '1 day') as local
           ), counted as (
               select (hour at time zone $3)::date as day, outcome, sum(calls) as calls
               from analytics.usage_hourly
               where hour >= $1::timestamptz - interval '1 day' and hour < $2
               group by 1, 2
           )
           select days.day as "day!",
                  coalesce(sum(calls) filter (where outcome = 'answered'), 0)::bigint as "answered!",
                  coalesce(sum(calls) filter (where outcome = 'failed'), 0)::bigint as "failed!",
                  coalesce(sum(calls) filter (where outcome = 'cancelled'), 0)::bigint as "cancelled!"
           from days left join counted on counted.day = days.day
           group by 1 order by 1"#,
        span.from,
        span.to,
        time_zone
    )
    .fetch_all(connection)
    .await
    .store("overview_questions")
}

/// Calls of one model on one day.
#[derive(Debug)]
pub(crate) struct DayUsage {
    pub(crate) day: NaiveDate,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) operation: String,
    pub(crate) calls: i64,
    pub(crate) failures: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cost_usd: Option<Decimal>,
    pub(crate) duration_ms: i64,
}

/// Calls by day, model and operation; at most `limit` rows.
pub(crate) async fn usage(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
    time_zone: &str,
    limit: i64,
) -> Result<Vec<DayUsage>, StoreError> {
    sqlx::query_as!(
        DayUsage,
        r#"select (hour at time zone $3)::date as "day!", provider, model, operation,
                  sum(calls)::bigint as "calls!",
                  coalesce(sum(calls) filter (where outcome = 'failed'), 0)::bigint as "failures!",
                  sum(input_tokens)::bigint as "input_tokens!", sum(output_tokens)::bigint as "output_tokens!",
                  sum(cost_usd) as cost_usd, sum(duration_ms)::bigint as "duration_ms!"
           from analytics.usage_hourly
           where hour >= $1::date::timestamp at time zone $3
             and hour < ($2::date + 1)::timestamp at time zone $3
           group by 1, 2, 3, 4 order by 1, 2, 3, 4 limit $4"#,
        from,
        to,
        time_zone,
        limit
    )
    .fetch_all(connection)
    .await
    .store("overview_usage")
}
