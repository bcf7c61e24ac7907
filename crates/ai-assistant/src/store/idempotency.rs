//! Keys of requests that may be repeated, and the first answers to them.

use chrono::{DateTime, Duration, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Answers are kept this long.
const KEEP: Duration = Duration::hours(24);
/// A request that has taken this long has died with its process.
const ABANDONED: Duration = Duration::minutes(10);

/// A key of a caller.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) user: Uuid,
    pub(crate) operation: &'static str,
    pub(crate) key: String,
    pub(crate) request_hash: Vec<u8>,
}

/// What is known of a key.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Nothing: the caller may go on.
    Free,
    /// The first request is being handled.
    InFlight,
    /// It was used for another request.
    OtherRequest,
    /// The first answer.
    Answered(Value),
}

/// Takes the key, or tells who has it.
pub(crate) async fn claim(db: &mut PgConnection, key: &Key, now: DateTime<Utc>) -> Result<Claim, StoreError> {
    sqlx::query!(
        "delete from assistant.idempotency_keys where created_at < $1 or (answer is null and created_at < $2)",
        now - KEEP,
        now - ABANDONED,
    )
    .execute(&mut *db)
    .await
    .store("idempotency_expire")?;
    let inserted = sqlx::query!(
        "insert into assistant.idempotency_keys (user_id, operation, key, request_hash, created_at) \
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        key.user,
        key.operation,
        key.key,
        key.request_hash,
        now,
    )
    .execute(&mut *db)
    .await
    .store("idempotency_claim")?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::Free);
    }
    let known = sqlx::query!(
        "select request_hash, answer from assistant.idempotency_keys where user_id = $1 and operation = $2 and key = $3",
        key.user,
        key.operation,
        key.key,
    )
    .fetch_optional(db)
    .await
    .store("idempotency_get")?;
    Ok(match known {
        // Released between the two statements.
        None => Claim::InFlight,
        Some(known) if known.request_hash != key.request_hash => Claim::OtherRequest,
        Some(known) => known.answer.map_or(Claim::InFlight, Claim::Answered),
    })
}

/// Keeps the answer.
pub(crate) async fn complete(db: &mut PgConnection, key: &Key, answer: &Value) -> Result<(), StoreError> {
    sqlx::query!(
        "update assistant.idempotency_keys set answer = $4 where user_id = $1 and operation = $2 and key = $3",
        key.user,
        key.operation,
        key.key,
        answer,
    )
    .execute(db)
    .await
    .store("idempotency_complete")?;
    Ok(())
}

/// Gives the key back after a failure: the request may be made again.
pub(crate) async fn release(db: &mut PgConnection, key: &Key) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from assistant.idempotency_keys where user_id = $1 and operation = $2 and key = $3 and answer is null",
        key.user,
        key.operation,
        key.key,
    )
    .execute(db)
    .await
    .store("idempotency_release")?;
    Ok(())
}
