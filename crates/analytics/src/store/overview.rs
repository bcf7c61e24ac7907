//! Figures of the report on usage, from the rollups.

use chrono::NaiveDate;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

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
