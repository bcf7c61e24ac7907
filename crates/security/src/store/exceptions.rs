//! `security.exceptions` and `security.silences`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// What is no threat.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) id: Uuid,
    pub(crate) rule: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Uuid,
}

/// A time in which nobody is told.
#[derive(Debug, Clone)]
pub(crate) struct Silence {
    pub(crate) id: Uuid,
    pub(crate) rule: Option<String>,
    pub(crate) up_to: Option<String>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Uuid,
}

/// Exceptions in force, the latest first.
pub(crate) async fn active(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Exception>, StoreError> {
    sqlx::query_as!(
        Exception,
        "select id, rule, network, subject, until, reason, created_at, created_by from security.exceptions
         where ended_at is null and (until is null or until > $1) order by id desc limit 1000",
        now
    )
    .fetch_all(connection)
    .await
    .store("exceptions_active")
}

/// Adds an exception.
pub(crate) async fn add(connection: &mut PgConnection, exception: &Exception) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into security.exceptions (id, rule, network, subject, until, reason, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        exception.id,
        exception.rule,
        exception.network,
        exception.subject,
        exception.until,
        exception.reason,
        exception.created_at,
        exception.created_by
    )
    .execute(connection)
    .await
    .store("exception_add")?;
    Ok(())
}

/// Ends an exception; false when none of that id is in force.
pub(crate) async fn end(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "update security.exceptions set ended_at = $2, ended_by = $3 where id = $1 and ended_at is null",
        id,
        now,
        user
    )
    .execute(connection)
    .await
    .store("exception_end")?;
    Ok(ended.rows_affected() == 1)
}

/// Silences that have not ended, the latest first.
pub(crate) async fn silences(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Silence>, StoreError> {
    sqlx::query_as!(
        Silence,
        "select id, rule, up_to, starts_at, ends_at, reason, created_at, created_by from security.silences
         where ends_at > $1 order by id desc limit 1000",
        now
    )
    .fetch_all(connection)
    .await
    .store("silences_list")
}

/// Adds a silence.
pub(crate) async fn silence(connection: &mut PgConnection, silence: &Silence) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into security.silences (id, rule, up_to, starts_at, ends_at, reason, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        silence.id,
        silence.rule,
        silence.up_to,
        silence.starts_at,
        silence.ends_at,
        silence.reason,
        silence.created_at,
        silence.created_by
    )
    .execute(connection)
    .await
    .store("silence_add")?;
    Ok(())
}

/// Ends a silence before its time; false when there is none.
pub(crate) async fn end_silence(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "delete from security.silences where id = $1 and ends_at > $2",
        id,
        now
    )
    .execute(connection)
    .await
    .store("silence_end")?;
    Ok(ended.rows_affected() == 1)
}
