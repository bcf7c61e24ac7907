//! `identity.authorization_codes`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::oauth::code::Code;

/// Keeps a code.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    code_hash: &[u8],
    code: &Code,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.authorization_codes
             (code_hash, client_id, user_id, browser_session, redirect_uri, scopes, nonce, code_challenge,
              amr, auth_time, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        code_hash,
        code.client_id,
        code.user_id,
        code.browser_session,
        code.redirect_uri.as_deref(),
        &code.scopes,
        code.nonce.as_deref(),
        code.code_challenge,
        &code.amr,
        code.auth_time,
        code.expires_at
    )
    .execute(connection)
    .await
    .store("authorization_codes_insert")?;
    Ok(())
}

/// The code, which nobody else redeems until the transaction ends.
pub(crate) async fn find_locked(
    connection: &mut PgConnection,
    code_hash: &[u8],
) -> Result<Option<Code>, StoreError> {
    sqlx::query_as!(
        Code,
        "select client_id, user_id, browser_session, redirect_uri, scopes, nonce, code_challenge, amr,
                auth_time, expires_at, used_at, session_id
         from identity.authorization_codes where code_hash = $1
         for update",
        code_hash
    )
    .fetch_optional(connection)
    .await
    .store("authorization_codes_find")
}

/// Notes the use, and the session that came of it.
pub(crate) async fn mark_used(
    connection: &mut PgConnection,
    code_hash: &[u8],
    session: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.authorization_codes set used_at = $2, session_id = $3 where code_hash = $1",
        code_hash,
        now,
        session
    )
    .execute(connection)
    .await
    .store("authorization_codes_mark_used")?;
    Ok(())
}

/// Deletes codes that ended before `before`.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.authorization_codes where expires_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("authorization_codes_delete_before")?;
    Ok(())
}
