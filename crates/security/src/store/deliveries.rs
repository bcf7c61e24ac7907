//! `security.deliveries`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use common::ids;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// One message to one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) channel: String,
    pub(crate) alert_id: Option<Uuid>,
    pub(crate) event: String,
    pub(crate) payload: Value,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) next_attempt_at: DateTime<Utc>,
    pub(crate) delivered_at: Option<DateTime<Utc>>,
    pub(crate) error: Option<String>,
}

/// Adds a message to be delivered.
pub(crate) async fn add(
    connection: &mut PgConnection,
    channel: &str,
    alert: Option<Uuid>,
    event: &str,
    payload: &Value,
    now: DateTime<Utc>,
) -> Result<Uuid, StoreError> {
    let id = ids::new_id();
    sqlx::query!(
        "insert into security.deliveries (id, channel, alert_id, event, payload, created_at, next_attempt_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        id,
        channel,
        alert,
        event,
        payload,
        now
    )
    .execute(connection)
    .await
    .store("delivery_add")?;
    Ok(id)
}

/// Takes up to `limit` messages that are due, for `lease` at most.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    lease: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    sqlx::query_as!(
        Delivery,
        "update security.deliveries set attempts = attempts + 1, next_attempt_at = $2
         where id in (
             select id from security.deliveries where state = 'pending' and next_attempt_at <= $1
             order by next_attempt_at limit $3 for update skip locked)
         returning id, channel, alert_id, event, payload, state, attempts, created_at, next_attempt_at,
                   delivered_at, error",
        now,
        lease,
        limit
    )
    .fetch_all(connection)
    .await
    .store("delivery_take")
}

/// Says what became of an attempt: delivered, to be tried again at a time, or given up.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    id: Uuid,
    state: &str,
    error: Option<&str>,
    again: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.deliveries set
             state = $2,
             error = $3,
             next_attempt_at = coalesce($4, next_attempt_at),
             delivered_at = case when $2 = 'delivered' then $5::timestamptz end
         where id = $1 and state = 'pending'",
        id,
        state,
        error,
        again,
        now
    )
    .execute(connection)
    .await
    .store("delivery_settle")?;
    Ok(())
}

/// Has a message that was given up delivered again; false when there is none.
pub(crate) async fn revive(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let revived = sqlx::query!(
        "update security.deliveries set state = 'pending', attempts = 0, created_at = $2, next_attempt_at = $2
         where id = $1 and state = 'dead'",
        id,
        now
    )
    .execute(connection)
    .await
    .store("delivery_revive")?;
    Ok(revived.rows_affected() == 1)
}

/// Up to `limit` messages, the latest first, before one.
pub(crate) async fn list(
    connection: &mut PgConnection,
    state: Option<&str>,
    alert: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    sqlx::query_as!(
        Delivery,
        "select id, channel, alert_id, event, payload, state, attempts, created_at, next_attempt_at, delivered_at,
                error
         from security.deliveries
         where ($1::uuid is null or id < $1)
           and ($2::text is null or state = $2)
           and ($3::uuid is null or alert_id = $3)
         order by id desc limit $4",
        before,
        state,
        alert,
        limit
    )
    .fetch_all(connection)
    .await
    .store("delivery_list")
}

/// Messages that wait, and those that were given up.
pub(crate) async fn waiting_and_dead(connection: &mut PgConnection) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state = 'pending') as "pending!", count(*) filter (where state = 'dead') as "dead!"
           from security.deliveries where state <> 'delivered'"#
    )
    .fetch_one(connection)
    .await
    .store("delivery_count")?;
    Ok((row.pending, row.dead))
}

/// Removes messages that were settled long ago.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from security.deliveries where created_at < $1 and state <> 'pending'",
        before
    )
    .execute(connection)
    .await
    .store("delivery_delete")?;
    Ok(())
}
