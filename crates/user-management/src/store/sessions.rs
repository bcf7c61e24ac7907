//! `identity.sessions`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sessions::{EndReason, Ended, Kind, Session};

/// Opens a session.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    session: &Session,
    ip: &str,
    user_agent: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.sessions
             (id, user_id, refresh_seed, generation, rotated_at, refresh_expires_at, expires_at,
              access_expires_at, created_at, ip, user_agent,
              amr, auth_time, client_id, scope, kind, last_seen_at, last_ip)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $5, $9, $10, $11, $12, $13, $14, $15, $5, $9)",
        session.id,
        session.user_id,
        session.refresh_seed,
        session.generation,
        session.rotated_at,
        session.refresh_expires_at,
        session.expires_at,
        session.access_expires_at,
        ip,
        user_agent,
        &session.amr,
        session.auth_time,
        session.client_id.as_deref(),
        session.scope.as_deref(),
        session.kind.as_str()
    )
    .execute(connection)
    .await
    .store("sessions_insert")?;
    Ok(())
}

/// The session.
pub(crate) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query!(
        "select id, user_id, refresh_seed, generation, rotated_at, refresh_expires_at, expires_at,
                access_expires_at, ended_at, amr, auth_time, client_id, scope, kind
         from identity.sessions where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("sessions_find")?;
    Ok(row.map(|row| Session {
        id: row.id,
        user_id: row.user_id,
        refresh_seed: row.refresh_seed,
        generation: row.generation,
        rotated_at: row.rotated_at,
        refresh_expires_at: row.refresh_expires_at,
        expires_at: row.expires_at,
        access_expires_at: row.access_expires_at,
        ended_at: row.ended_at,
        amr: row.amr,
        auth_time: row.auth_time,
        client_id: row.client_id,
        scope: row.scope,
        kind: Kind::from_name(&row.kind),
    }))
}

/// The session, which nobody else changes until the transaction ends.
pub(crate) async fn find_locked(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Session>, StoreError> {
    sqlx::query!(
        "select 1 as one from identity.sessions where id = $1 for update",
        id
    )
    .fetch_optional(&mut *connection)
    .await
    .store("sessions_lock")?;
    find(connection, id).await
}

/// Writes what a refresh, or another proof of who the user is, changes.
pub(crate) async fn update(
    connection: &mut PgConnection,
    session: &Session,
    now: DateTime<Utc>,
    ip: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.sessions
         set generation = $2, rotated_at = $3, refresh_expires_at = $4, access_expires_at = $5,
             amr = $6, auth_time = $7, last_seen_at = $8, last_ip = $9
         where id = $1",
        session.id,
        session.generation,
        session.rotated_at,
        session.refresh_expires_at,
        session.access_expires_at,
        &session.amr,
        session.auth_time,
        now,
        ip
    )
    .execute(connection)
    .await
    .store("sessions_update")?;
    Ok(())
}

/// Ends a session of the user; `None` when it has ended already or is not theirs.
pub(crate) async fn end(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Option<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $3, end_reason = $4
         where id = $1 and user_id = $2 and ended_at is null
         returning id, access_expires_at",
        id,
        user,
        now,
        reason.as_str()
    )
    .fetch_optional(connection)
    .await
    .store("sessions_end")
}

/// Ends all sessions of a user.
pub(crate) async fn end_all(
    connection: &mut PgConnection,
    user: Uuid,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $2, end_reason = $3
         where user_id = $1 and ended_at is null
         returning id, access_expires_at",
        user,
        now,
        reason.as_str()
    )
    .fetch_all(connection)
    .await
    .store("sessions_end_all")
}

/// How many sessions can be refreshed.
pub(crate) async fn count_active(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.sessions
           where ended_at is null and refresh_expires_at > $1"#,
        now
    )
    .fetch_one(connection)
    .await
    .store("sessions_count_active")
}

/// Deletes sessions that ended of themselves before `before`, and those of programs before
/// `programs_before`: some ask for a token for every call.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    programs_before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.sessions where expires_at < $1 or (expires_at < $2 and amr = '{}')",
        before,
        programs_before
    )
    .execute(connection)
    .await
    .store("sessions_delete_before")?;
    Ok(())
}

/// A session that can be refreshed, as it is shown.
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) client_id: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_ip: Option<String>,
    pub(crate) last_seen_at: Option<DateTime<Utc>>,
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: DateTime<Utc>,
    pub(crate) refresh_expires_at: DateTime<Utc>,
}

/// Most sessions that are shown: somebody with more has a program that logs in each time.
const MOST_LISTED: i64 = 200;

/// The sessions of a user that can be refreshed, the one that was used last first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, StoreError> {
    sqlx::query_as!(
        Listed,
        "select id, kind, client_id, user_agent, ip, created_at, last_ip, last_seen_at, amr, auth_time,
                refresh_expires_at
         from identity.sessions
         where user_id = $1 and ended_at is null and refresh_expires_at > $2
         order by coalesce(last_seen_at, created_at) desc, id desc
         limit $3",
        user,
        now,
        MOST_LISTED
    )
    .fetch_all(connection)
    .await
    .store("sessions_list")
}

/// Ends all sessions of a user but one.
pub(crate) async fn end_others(
    connection: &mut PgConnection,
    user: Uuid,
    kept: Uuid,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $3, end_reason = $4
         where user_id = $1 and id <> $2 and ended_at is null
         returning id, access_expires_at",
        user,
        kept,
        now,
        reason.as_str()
    )
    .fetch_all(connection)
    .await
    .store("sessions_end_others")
}
