//! Days and months that are counted again as a whole from hours and from days.

use chrono::{DateTime, NaiveDate, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// Marks the day that an hour is in. An update and not `do nothing`: it locks the mark, so that
/// whoever takes it waits for this transaction.
pub(crate) async fn mark_day(
    connection: &mut PgConnection,
    hour: DateTime<Utc>,
    zone: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.dirty_days (day) values (($1::timestamptz at time zone $2)::date)
         on conflict (day) do update set marked_at = now()",
        hour,
        zone
    )
    .execute(connection)
    .await
    .store("dirty_day_mark")?;
    Ok(())
}

/// Takes the earliest day that was marked before `marked_before`, and marks its month. The mark is
/// gone when the caller's transaction ends, unless an hour changes meanwhile.
pub(crate) async fn take_dirty_day(
    connection: &mut PgConnection,
    marked_before: DateTime<Utc>,
) -> Result<Option<NaiveDate>, StoreError> {
    let day = sqlx::query_scalar!(
        "delete from analytics.dirty_days where day = (
             select day from analytics.dirty_days where marked_at <= $1
             order by day limit 1 for update skip locked
         ) returning day",
        marked_before
    )
    .fetch_optional(&mut *connection)
    .await
    .store("dirty_day_take")?;
    if let Some(day) = day {
        sqlx::query!(
            "insert into analytics.dirty_months (day) values (date_trunc('month', $1::date)::date)
             on conflict (day) do update set marked_at = now()",
            day
        )
        .execute(connection)
        .await
        .store("dirty_month_mark")?;
    }
    Ok(day)
}

/// Takes the earliest month that is marked.
pub(crate) async fn take_dirty_month(connection: &mut PgConnection) -> Result<Option<NaiveDate>, StoreError> {
    sqlx::query_scalar!(
        "delete from analytics.dirty_months where day = (
             select day from analytics.dirty_months order by day limit 1 for update skip locked
         ) returning day"
    )
    .fetch_optional(connection)
    .await
    .store("dirty_month_take")
}

/// Counts one day of the time zone again.
pub(crate) async fn recompute_day(
    connection: &mut PgConnection,
    day: NaiveDate,
    zone: &str,
) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.requests_daily where day = $1", day)
        .execute(&mut *connection)
        .await
        .store("requests_daily_delete")?;
    sqlx::query!(
        "insert into analytics.requests_daily (day, upstream, status_class, duration_bucket, count)
         select $1, upstream, status_class, duration_bucket, sum(count) from analytics.requests_hourly
         where hour >= $1::date::timestamp at time zone $2 and hour < ($1::date + 1)::timestamp at time zone $2
         group by 2, 3, 4",
        day,
        zone
    )
    .execute(&mut *connection)
    .await
    .store("requests_daily_insert")?;
    sqlx::query!("delete from analytics.usage_daily where day = $1", day)
        .execute(&mut *connection)
        .await
        .store("usage_daily_delete")?;
    sqlx::query!(
        "insert into analytics.usage_daily (day, provider, model, operation, outcome, calls, input_tokens,
             output_tokens, cost_usd, unpriced, tool_calls, duration_ms)
         select $1, provider, model, operation, outcome, sum(calls), sum(input_tokens), sum(output_tokens),
                sum(cost_usd), sum(unpriced), sum(tool_calls), sum(duration_ms)
         from analytics.usage_hourly
         where hour >= $1::date::timestamp at time zone $2 and hour < ($1::date + 1)::timestamp at time zone $2
         group by 2, 3, 4, 5",
        day,
        zone
    )
    .execute(&mut *connection)
    .await
    .store("usage_daily_insert")?;
    sqlx::query!("delete from analytics.sync_daily where day = $1", day)
        .execute(&mut *connection)
        .await
        .store("sync_daily_delete")?;
    sqlx::query!(
        "insert into analytics.sync_daily (day, infobase_id, succeeded, failed, rows, duration_ms)
         select $1, infobase_id, sum(succeeded), sum(failed), sum(rows), sum(duration_ms)
         from analytics.sync_hourly
         where hour >= $1::date::timestamp at time zone $2 and hour < ($1::date + 1)::timestamp at time zone $2
         group by 2",
        day,
        zone
    )
    .execute(&mut *connection)
    .await
    .store("sync_daily_insert")?;
    sqlx::query!("delete from analytics.auth_daily where day = $1", day)
        .execute(&mut *connection)
        .await
        .store("auth_daily_delete")?;
    sqlx::query!(
        "insert into analytics.auth_daily (day, kind, count)
         select $1, kind, sum(count) from analytics.auth_hourly
         where hour >= $1::date::timestamp at time zone $2 and hour < ($1::date + 1)::timestamp at time zone $2
         group by 2",
        day,
        zone
    )
    .execute(&mut *connection)
    .await
    .store("auth_daily_insert")?;
    sqlx::query!("delete from analytics.users_daily where day = $1", day)
        .execute(&mut *connection)
        .await
        .store("users_daily_delete")?;
    sqlx::query!(
        "insert into analytics.users_daily (day, user_id)
         select distinct $1::date, user_id from analytics.users_hourly
         where hour >= $1::date::timestamp at time zone $2 and hour < ($1::date + 1)::timestamp at time zone $2",
        day,
        zone
    )
    .execute(connection)
    .await
    .store("users_daily_insert")?;
    Ok(())
}

/// Counts one month again; `month` is its first day.
pub(crate) async fn recompute_month(
    connection: &mut PgConnection,
    month: NaiveDate,
) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.requests_monthly where day = $1", month)
        .execute(&mut *connection)
        .await
        .store("requests_monthly_delete")?;
    sqlx::query!(
        "insert into analytics.requests_monthly (day, upstream, status_class, duration_bucket, count)
         select $1, upstream, status_class, duration_bucket, sum(count) from analytics.requests_daily
         where day >= $1 and day < $1::date + interval '1 month' group by 2, 3, 4",
        month
    )
    .execute(&mut *connection)
    .await
    .store("requests_monthly_insert")?;
    sqlx::query!("delete from analytics.usage_monthly where day = $1", month)
        .execute(&mut *connection)
        .await
        .store("usage_monthly_delete")?;
    sqlx::query!(
        "insert into analytics.usage_monthly (day, provider, model, operation, outcome, calls, input_tokens,
             output_tokens, cost_usd, unpriced, tool_calls, duration_ms)
         select $1, provider, model, operation, outcome, sum(calls), sum(input_tokens), sum(output_tokens),
                sum(cost_usd), sum(unpriced), sum(tool_calls), sum(duration_ms)
         from analytics.usage_daily
         where day >= $1 and day < $1::date + interval '1 month' group by 2, 3, 4, 5",
        month
    )
    .execute(&mut *connection)
    .await
    .store("usage_monthly_insert")?;
    sqlx::query!("delete from analytics.auth_monthly where day = $1", month)
        .execute(&mut *connection)
        .await
        .store("auth_monthly_delete")?;
    sqlx::query!(
        "insert into analytics.auth_monthly (day, kind, count)
         select $1, kind, sum(count) from analytics.auth_daily
         where day >= $1 and day < $1::date + interval '1 month' group by 2",
        month
    )
    .execute(&mut *connection)
    .await
    .store("auth_monthly_insert")?;
    sqlx::query!("delete from analytics.users_monthly where day = $1", month)
        .execute(&mut *connection)
        .await
        .store("users_monthly_delete")?;
    sqlx::query!(
        "insert into analytics.users_monthly (day, user_id)
         select distinct $1::date, user_id from analytics.users_daily
         where day >= $1 and day < $1::date + interval '1 month'",
        month
    )
    .execute(connection)
    .await
    .store("users_monthly_insert")?;
    Ok(())
}

/// Marks all days that hours are kept of when the time zone of days is another than before, or has
/// never been told. Days that are older stay as they were counted. True when it did.
pub(crate) async fn settle_zone(connection: &mut PgConnection, zone: &str) -> Result<bool, StoreError> {
    let changed = sqlx::query!(
        "insert into analytics.rollup_zone (time_zone) values ($1)
         on conflict (singleton) do update set time_zone = excluded.time_zone
         where rollup_zone.time_zone <> excluded.time_zone",
        zone
    )
    .execute(&mut *connection)
    .await
    .store("rollup_zone_settle")?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    // Both the days of the new zone and those that the old one reached into.
    sqlx::query!(
        "insert into analytics.dirty_days (day)
         select distinct (hour at time zone $1)::date + around
         from (select hour from analytics.requests_hourly union select hour from analytics.usage_hourly
               union select hour from analytics.sync_hourly union select hour from analytics.auth_hourly
               union select hour from analytics.users_hourly) hours,
              generate_series(-1, 1) around
         on conflict (day) do update set marked_at = now()",
        zone
    )
    .execute(connection)
    .await
    .store("dirty_days_mark")?;
    Ok(true)
}

/// Removes days before this one; their months stay.
pub(crate) async fn delete_before(connection: &mut PgConnection, day: NaiveDate) -> Result<(), StoreError> {
    sqlx::query!(
        "with requests as (delete from analytics.requests_daily where day < $1),
              users as (delete from analytics.users_daily where day < $1),
              usage as (delete from analytics.usage_daily where day < $1),
              sync as (delete from analytics.sync_daily where day < $1)
         delete from analytics.auth_daily where day < $1",
        day
    )
    .execute(connection)
    .await
    .store("days_delete")?;
    Ok(())
}
