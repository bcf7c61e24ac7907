//! Hours that are counted again as a whole, never added to: repeating it changes nothing.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Takes the earliest hour that was marked before `marked_before` and that nobody is writing to or
/// counting. Its mark is gone when the caller's transaction ends, unless events come meanwhile.
pub(crate) async fn take_dirty_hour(
    connection: &mut PgConnection,
    marked_before: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        "delete from analytics.dirty_hours where hour = (
             select hour from analytics.dirty_hours where marked_at <= $1
             order by hour limit 1 for update skip locked
         ) returning hour",
        marked_before
    )
    .fetch_optional(connection)
    .await
    .store("dirty_hour_take")
}

/// The database's time, which marks are made with.
pub(crate) async fn database_time(connection: &mut PgConnection) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(connection)
        .await
        .store("database_time")
}

/// Hours that wait.
pub(crate) async fn count_dirty_hours(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from analytics.dirty_hours"#)
        .fetch_one(connection)
        .await
        .store("dirty_hours_count")
}

/// Counts the events of one hour again.
pub(crate) async fn recompute(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    requests(connection, hour).await?;
    usage(connection, hour).await?;
    sync(connection, hour).await?;
    auth(connection, hour).await?;
    users(connection, hour).await
}

async fn requests(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.requests_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("requests_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.requests_hourly (hour, upstream, route, status_class, duration_bucket, count)
         select $1, coalesce(upstream, ''), coalesce(route, ''), coalesce(status, 0) / 100,
                analytics.duration_bucket(duration_ms), count(*)
         from analytics.events
         where stream = 'requests' and time >= $1 and time < $1::timestamptz + interval '1 hour'
           and duration_ms is not null
         group by 2, 3, 4, 5",
        hour
    )
    .execute(&mut *connection)
    .await
    .store("requests_hourly_insert")?;
    sqlx::query!("delete from analytics.traffic_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("traffic_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.traffic_hourly (hour, upstream, status_class, count)
         select hour, upstream, status_class, sum(count) from analytics.requests_hourly
         where hour = $1 group by 1, 2, 3",
        hour
    )
    .execute(connection)
    .await
    .store("traffic_hourly_insert")?;
    Ok(())
}

async fn usage(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.usage_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("usage_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.usage_hourly (hour, provider, model, operation, outcome, calls, input_tokens,
             output_tokens, cost_usd, unpriced, tool_calls, duration_ms)
         select $1, data->>'provider', data->>'model', data->>'operation', data->>'outcome', count(*),
                sum((data->>'input_tokens')::numeric)::bigint, sum((data->>'output_tokens')::numeric)::bigint,
                sum((data->>'cost_usd')::numeric), count(*) filter (where data->>'cost_usd' is null),
                sum((data->>'tool_calls')::bigint)::bigint, sum(duration_ms)::bigint
         from analytics.events
         where kind = 'assistant.answered' and stream = 'usage'
           and time >= $1 and time < $1::timestamptz + interval '1 hour'
         group by 2, 3, 4, 5",
        hour
    )
    .execute(connection)
    .await
    .store("usage_hourly_insert")?;
    Ok(())
}

async fn sync(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.sync_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("sync_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.sync_hourly (hour, infobase_id, succeeded, failed, rows, duration_ms)
         select $1, (data->>'infobase_id')::uuid, count(*) filter (where data->>'outcome' = 'succeeded'),
                count(*) filter (where data->>'outcome' <> 'succeeded'),
                sum((data->>'rows')::numeric)::bigint, sum(duration_ms)::bigint
         from analytics.events
         where kind = 'onec.sync_ended' and stream = 'sync'
           and time >= $1 and time < $1::timestamptz + interval '1 hour'
         group by 2",
        hour
    )
    .execute(connection)
    .await
    .store("sync_hourly_insert")?;
    Ok(())
}

async fn auth(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.auth_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("auth_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.auth_hourly (hour, kind, count)
         select $1, kind, count(*) from analytics.events
         where stream = 'auth' and time >= $1 and time < $1::timestamptz + interval '1 hour'
         group by 2",
        hour
    )
    .execute(connection)
    .await
    .store("auth_hourly_insert")?;
    Ok(())
}

async fn users(connection: &mut PgConnection, hour: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.users_hourly where hour = $1", hour)
        .execute(&mut *connection)
        .await
        .store("users_hourly_delete")?;
    sqlx::query!(
        "insert into analytics.users_hourly (hour, user_id)
         select distinct $1::timestamptz, user_id from analytics.events
         where stream in ('requests', 'usage') and user_id is not null
           and time >= $1 and time < $1::timestamptz + interval '1 hour'",
        hour
    )
    .execute(connection)
    .await
    .store("users_hourly_insert")?;
    Ok(())
}

/// Users who are counted under their ids rather than under pseudonyms, which are of version 8.
pub(crate) async fn named_users(connection: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select distinct user_id from analytics.users_hourly where substr(user_id::text, 15, 1) <> '8'"
    )
    .fetch_all(connection)
    .await
    .store("users_named")
}

/// Counts users under other ids, in hours and in raw events.
pub(crate) async fn rename_users(
    connection: &mut PgConnection,
    users: &[Uuid],
    names: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "with names as (select * from unnest($1::uuid[], $2::uuid[]) as named (former, present)),
              raw as (update analytics.events set user_id = present from names where user_id = former)
         update analytics.users_hourly set user_id = present from names where user_id = former",
        users,
        names
    )
    .execute(connection)
    .await
    .store("users_rename")?;
    Ok(())
}
