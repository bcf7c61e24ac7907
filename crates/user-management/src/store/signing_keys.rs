//! `identity.signing_keys`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::keys::{KeyState, NewKey, StoredKey};

/// All keys, oldest first.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<StoredKey>, StoreError> {
    let rows = sqlx::query!(
        "select kid, state, public_key, sealed_private_key, created_at, activated_at, retired_at
         from identity.signing_keys order by created_at, kid"
    )
    .fetch_all(connection)
    .await
    .store("signing_keys_list")?;
    Ok(rows
        .into_iter()
        .map(|row| StoredKey {
            kid: row.kid,
            state: KeyState::from_name(&row.state),
            public_key: row.public_key,
            sealed_private_key: row.sealed_private_key,
            created_at: row.created_at,
            activated_at: row.activated_at,
            retired_at: row.retired_at,
        })
        .collect())
}

/// Adds a key that does not sign yet.
pub(crate) async fn insert_next(
    connection: &mut PgConnection,
    key: &NewKey,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.signing_keys (kid, state, public_key, sealed_private_key, created_at)
         values ($1, 'next', $2, $3, $4)",
        key.kid,
        key.public_key,
        key.sealed_private_key,
        now
    )
    .execute(connection)
    .await
    .store("signing_keys_insert")?;
    Ok(())
}

/// Retires the active key, if there is one, and lets the next one sign.
pub(crate) async fn promote(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.signing_keys set state = 'retired', retired_at = $1 where state = 'active'",
        now
    )
    .execute(&mut *connection)
    .await
    .store("signing_keys_retire")?;
    sqlx::query!(
        "update identity.signing_keys set state = 'active', activated_at = $1 where state = 'next'",
        now
    )
    .execute(connection)
    .await
    .store("signing_keys_activate")?;
    Ok(())
}

/// Deletes keys that retired before `before`: no token that they signed is alive.
pub(crate) async fn delete_retired(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.signing_keys where state = 'retired' and retired_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("signing_keys_delete_retired")?;
    Ok(())
}
