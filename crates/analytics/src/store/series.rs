//! Figures over time, from the rollups: hours from hours, days and weeks from days, months from
//! months. Steps without events are left out.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::period::Span;

/// The span, the step (`hour`, `day`, `week` or `month`) and the time zone of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) span: Span,
    pub(crate) step: &'a str,
    pub(crate) zone: &'a str,
}

/// Requests of a step to a service with a class of statuses.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) at: DateTime<Utc>,
    pub(crate) upstream: String,
    pub(crate) status_class: i16,
    pub(crate) count: i64,
}

/// Requests by step, service and class of statuses.
pub(crate) async fn traffic(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<Traffic>, StoreError> {
    sqlx::query_as!(
        Traffic,
        r#"select date_trunc($3, at, $4) as "at!", upstream as "upstream!", status_class as "status_class!",
                  sum(count)::bigint as "count!"
           from (
               select hour as at, upstream, status_class, count from analytics.traffic_hourly
               where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select day::timestamp at time zone $4, upstream, status_class, count
               from analytics.requests_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select day::timestamp at time zone $4, upstream, status_class, count
               from analytics.requests_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) counted
           group by 1, 2, 3 order by 1, 2, 3"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_traffic")
}

/// Requests of a step whose durations are in one interval.
#[derive(Debug)]
pub(crate) struct Latency {
    pub(crate) at: DateTime<Utc>,
    pub(crate) bucket: i16,
    pub(crate) count: i64,
}

/// Durations of requests by step.
pub(crate) async fn latency(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<Latency>, StoreError> {
    sqlx::query_as!(
        Latency,
        r#"select date_trunc($3, at, $4) as "at!", bucket as "bucket!", sum(count)::bigint as "count!"
           from (
               select hour as at, duration_bucket as bucket, count from analytics.requests_hourly
               where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select day::timestamp at time zone $4, duration_bucket, count from analytics.requests_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select day::timestamp at time zone $4, duration_bucket, count from analytics.requests_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) counted
           group by 1, 2 order by 1, 2"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_latency")
}

/// Requests of the whole span to a service with a class of statuses and durations in one interval.
#[derive(Debug)]
pub(crate) struct RequestGroup {
    pub(crate) upstream: String,
    pub(crate) status_class: i16,
    pub(crate) bucket: i16,
    pub(crate) count: i64,
}

/// Requests of the span, whatever their step.
pub(crate) async fn requests(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<RequestGroup>, StoreError> {
    sqlx::query_as!(
        RequestGroup,
        r#"select upstream as "upstream!", status_class as "status_class!", bucket as "bucket!",
                  sum(count)::bigint as "count!"
           from (
               select upstream, status_class, duration_bucket as bucket, count from analytics.requests_hourly
               where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select upstream, status_class, duration_bucket, count from analytics.requests_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select upstream, status_class, duration_bucket, count from analytics.requests_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) counted
           group by 1, 2, 3"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_requests")
}

/// Calls of one model in a step.
#[derive(Debug)]
pub(crate) struct ModelUsage {
    pub(crate) at: DateTime<Utc>,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) outcome: String,
    pub(crate) calls: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cost_usd: Option<Decimal>,
    pub(crate) unpriced: i64,
    pub(crate) duration_ms: i64,
}

/// Calls of models by step, model and outcome.
pub(crate) async fn usage(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<ModelUsage>, StoreError> {
    sqlx::query_as!(
        ModelUsage,
        r#"select date_trunc($3, at, $4) as "at!", provider as "provider!", model as "model!",
                  outcome as "outcome!", sum(calls)::bigint as "calls!",
                  sum(input_tokens)::bigint as "input_tokens!", sum(output_tokens)::bigint as "output_tokens!",
                  sum(cost_usd) as cost_usd, sum(unpriced)::bigint as "unpriced!",
                  sum(duration_ms)::bigint as "duration_ms!"
           from (
               select hour as at, provider, model, outcome, calls, input_tokens, output_tokens, cost_usd,
                      unpriced, duration_ms
               from analytics.usage_hourly where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select day::timestamp at time zone $4, provider, model, outcome, calls, input_tokens,
                      output_tokens, cost_usd, unpriced, duration_ms
               from analytics.usage_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select day::timestamp at time zone $4, provider, model, outcome, calls, input_tokens,
                      output_tokens, cost_usd, unpriced, duration_ms
               from analytics.usage_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) counted
           group by 1, 2, 3, 4 order by 1, 2, 3, 4"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_usage")
}

/// Events of one kind in a step.
#[derive(Debug)]
pub(crate) struct KindCount {
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: String,
    pub(crate) count: i64,
}

/// Logins and the like by step and kind.
pub(crate) async fn logins(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<KindCount>, StoreError> {
    sqlx::query_as!(
        KindCount,
        r#"select date_trunc($3, at, $4) as "at!", kind as "kind!", sum(count)::bigint as "count!"
           from (
               select hour as at, kind, count from analytics.auth_hourly
               where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select day::timestamp at time zone $4, kind, count from analytics.auth_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select day::timestamp at time zone $4, kind, count from analytics.auth_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) counted
           group by 1, 2 order by 1, 2"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_logins")
}

/// Users of one step.
#[derive(Debug)]
pub(crate) struct UserCount {
    pub(crate) at: DateTime<Utc>,
    pub(crate) users: i64,
}

/// Distinct users by step.
pub(crate) async fn users(
    connection: &mut PgConnection,
    of: Steps<'_>,
) -> Result<Vec<UserCount>, StoreError> {
    sqlx::query_as!(
        UserCount,
        r#"select date_trunc($3, at, $4) as "at!", count(distinct user_id) as "users!"
           from (
               select hour as at, user_id from analytics.users_hourly
               where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select day::timestamp at time zone $4, user_id from analytics.users_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select day::timestamp at time zone $4, user_id from analytics.users_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) active
           group by 1 order by 1"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_all(connection)
    .await
    .store("series_users")
}

/// Distinct users of the whole span.
pub(crate) async fn distinct_users(connection: &mut PgConnection, of: Steps<'_>) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct user_id) as "users!"
           from (
               select user_id from analytics.users_hourly where $3 = 'hour' and hour >= $1 and hour < $2
               union all
               select user_id from analytics.users_daily
               where $3 in ('day', 'week') and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
               union all
               select user_id from analytics.users_monthly
               where $3 = 'month' and day >= ($1::timestamptz at time zone $4)::date
                 and day < $2::timestamptz at time zone $4
           ) active"#,
        of.span.from,
        of.span.to,
        of.step,
        of.zone
    )
    .fetch_one(connection)
    .await
    .store("series_distinct_users")
}

/// Events of one hour of the week.
#[derive(Debug)]
pub(crate) struct WeekHour {
    /// 1 is Monday.
    pub(crate) weekday: i32,
    /// 0 to 23.
    pub(crate) hour: i32,
    pub(crate) count: i64,
}

/// Requests by hour of the week.
pub(crate) async fn requests_by_week_hour(
    connection: &mut PgConnection,
    span: Span,
    zone: &str,
) -> Result<Vec<WeekHour>, StoreError> {
    sqlx::query_as!(
        WeekHour,
        r#"select extract(isodow from hour at time zone $3)::int as "weekday!",
                  extract(hour from hour at time zone $3)::int as "hour!", sum(count)::bigint as "count!"
           from analytics.traffic_hourly where hour >= $1 and hour < $2
           group by 1, 2 order by 1, 2"#,
        span.from,
        span.to,
        zone
    )
    .fetch_all(connection)
    .await
    .store("series_requests_by_week_hour")
}

/// Questions to the assistant by hour of the week.
pub(crate) async fn questions_by_week_hour(
    connection: &mut PgConnection,
    span: Span,
    zone: &str,
) -> Result<Vec<WeekHour>, StoreError> {
    sqlx::query_as!(
        WeekHour,
        r#"select extract(isodow from hour at time zone $3)::int as "weekday!",
                  extract(hour from hour at time zone $3)::int as "hour!", sum(calls)::bigint as "count!"
           from analytics.usage_hourly where hour >= $1 and hour < $2
           group by 1, 2 order by 1, 2"#,
        span.from,
        span.to,
        zone
    )
    .fetch_all(connection)
    .await
    .store("series_questions_by_week_hour")
}
