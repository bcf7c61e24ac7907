//! `identity.sessions`, as far as they belong to OAuth clients and to the browsers that they were
//! granted in.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sessions::{EndReason, Ended};

/// Lets the session of a client end with its one access token, since it has no refresh token, and with
/// the session of the browser, if a browser was there.
pub(crate) async fn bind(
    connection: &mut PgConnection,
    session: Uuid,
    browser_session: Option<Uuid>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.sessions
         set parent_id = $2, refresh_expires_at = access_expires_at, expires_at = access_expires_at
         where id = $1",
        session,
        browser_session
    )
    .execute(connection)
    .await
    .store("oauth_sessions_bind")?;
    Ok(())
}

/// Ends a browser's session and those of clients that are bound to it.
pub(crate) async fn end_with_bound(
    connection: &mut PgConnection,
    browser_session: Uuid,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $2, end_reason = $3
         where (id = $1 or parent_id = $1) and ended_at is null
         returning id, access_expires_at",
        browser_session,
        now,
        reason.as_str()
    )
    .fetch_all(connection)
    .await
    .store("oauth_sessions_end_with_bound")
}

/// Ends the sessions of a client; of all users, or of one.
pub(crate) async fn end_of_client(
    connection: &mut PgConnection,
    client: &str,
    user: Option<Uuid>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $3, end_reason = $4
         where client_id = $1 and ($2::uuid is null or user_id = $2) and ended_at is null
         returning id, access_expires_at",
        client,
        user,
        now,
        reason.as_str()
    )
    .fetch_all(connection)
    .await
    .store("oauth_sessions_end_of_client")
}

/// Ends one session of a client.
pub(crate) async fn end_one(
    connection: &mut PgConnection,
    session: Uuid,
    client: &str,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Option<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.sessions set ended_at = $3, end_reason = $4
         where id = $1 and client_id = $2 and ended_at is null
         returning id, access_expires_at",
        session,
        client,
        now,
        reason.as_str()
    )
    .fetch_optional(connection)
    .await
    .store("oauth_sessions_end_one")
}

/// Notes that a browser is in use, so that its session goes on.
pub(crate) async fn touch(
    connection: &mut PgConnection,
    session: Uuid,
    idle_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.sessions
         set refresh_expires_at = least($2, expires_at), last_seen_at = $3
         where id = $1 and ended_at is null",
        session,
        idle_until,
        now
    )
    .execute(connection)
    .await
    .store("oauth_sessions_touch")?;
    Ok(())
}

/// Notes another proof of who sits at the browser.
pub(crate) async fn prove(
    connection: &mut PgConnection,
    session: Uuid,
    amr: &[String],
    auth_time: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.sessions set amr = $2, auth_time = $3 where id = $1 and ended_at is null",
        session,
        amr,
        auth_time
    )
    .execute(connection)
    .await
    .store("oauth_sessions_prove")?;
    Ok(())
}
