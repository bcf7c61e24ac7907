//! `analytics.events` and its months.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use common::db::{StoreError, StoreResult};
use common::events::Event;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ingest::{self, EventRow, Rejected};

/// Adds events and returns the ids of those that were not there.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    rows: &[EventRow],
) -> Result<HashSet<Uuid>, StoreError> {
    fn column<T>(rows: &[EventRow], field: impl Fn(&EventRow) -> T) -> Vec<T> {
        rows.iter().map(field).collect()
    }
    let stored = sqlx::query_scalar!(
        "insert into analytics.events
             (id, time, stream, kind, source, user_id, upstream, route, status, duration_ms, data)
         select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::uuid[],
                              $7::text[], $8::text[], $9::smallint[], $10::bigint[], $11::jsonb[])
         on conflict do nothing
         returning id",
        &column(rows, |r| r.id),
        &column(rows, |r| r.time),
        &column(rows, |r| r.stream.to_owned()),
        &column(rows, |r| r.kind.clone()),
        &column(rows, |r| r.source.clone()),
        &column(rows, |r| r.user_id) as &[Option<Uuid>],
        &column(rows, |r| r.upstream.clone()) as &[Option<String>],
        &column(rows, |r| r.route.clone()) as &[Option<String>],
        &column(rows, |r| r.status) as &[Option<i16>],
        &column(rows, |r| r.duration_ms) as &[Option<i64>],
        &column(rows, |r| r.data.clone()) as &[Value],
    )
    .fetch_all(connection)
    .await
    .store("events_insert")?;
    Ok(stored.into_iter().collect())
}

/// Keeps an event that is not counted.
pub(crate) async fn reject(
    connection: &mut PgConnection,
    stream: &str,
    event: &Event,
    reason: Rejected,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.events_rejected (id, stream, reason, event, received_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        event.id,
        stream,
        reason.as_str(),
        ingest::shell(event),
        now
    )
    .execute(connection)
    .await
    .store("event_reject")?;
    Ok(())
}

/// Makes the partition of a month, unless it is there.
pub(crate) async fn ensure_month(connection: &mut PgConnection, month: NaiveDate) -> Result<(), StoreError> {
    sqlx::query!("select analytics.ensure_month($1)", month)
        .fetch_one(connection)
        .await
        .store("ensure_month")?;
    Ok(())
}

/// Drops the months that ended before `cutoff`.
pub(crate) async fn drop_months_before(
    connection: &mut PgConnection,
    cutoff: DateTime<Utc>,
) -> Result<i32, StoreError> {
    let dropped = sqlx::query_scalar!("select analytics.drop_months_before($1)", cutoff)
        .fetch_one(connection)
        .await
        .store("drop_months")?;
    Ok(dropped.unwrap_or(0))
}

/// Removes rejected events and rollups that are older than these.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    rejected: DateTime<Utc>,
    rollups: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with rejected as (delete from analytics.events_rejected where received_at < $1),
              requests as (delete from analytics.requests_hourly where hour < $2),
              traffic as (delete from analytics.traffic_hourly where hour < $2),
              users as (delete from analytics.users_hourly where hour < $2),
              usage as (delete from analytics.usage_hourly where hour < $2),
              sync as (delete from analytics.sync_hourly where hour < $2)
         delete from analytics.auth_hourly where hour < $2",
        rejected,
        rollups
    )
    .execute(connection)
    .await
    .store("events_delete")?;
    Ok(())
}
