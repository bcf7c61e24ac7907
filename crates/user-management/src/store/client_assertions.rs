//! `identity.client_assertions`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::oauth::assertion::Accepted;

/// Remembers that an assertion was shown; false when it was shown before.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    client_id: &str,
    accepted: &Accepted,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into identity.client_assertions (client_id, jti_hash, expires_at) values ($1, $2, $3)
         on conflict do nothing",
        client_id,
        accepted.jti_hash,
        accepted.expires_at
    )
    .execute(connection)
    .await
    .store("client_assertions_insert")?;
    Ok(done.rows_affected() == 1)
}

/// Forgets assertions that do not count any more.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.client_assertions where expires_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("client_assertions_delete_before")?;
    Ok(())
}
