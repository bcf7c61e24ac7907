//! `identity.signing_keys`, for access tokens, and `identity.id_token_keys`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::keys::{Family, KeyState, NewKey, StoredKey};

struct KeyRow {
    kid: String,
    state: String,
    public_key: Vec<u8>,
    sealed_private_key: Vec<u8>,
    created_at: DateTime<Utc>,
    activated_at: Option<DateTime<Utc>>,
    retired_at: Option<DateTime<Utc>>,
}

impl From<KeyRow> for StoredKey {
    fn from(row: KeyRow) -> Self {
        Self {
            kid: row.kid,
            state: KeyState::from_name(&row.state),
            public_key: row.public_key,
            sealed_private_key: row.sealed_private_key,
            created_at: row.created_at,
            activated_at: row.activated_at,
            retired_at: row.retired_at,
        }
    }
}

/// All keys, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    family: Family,
) -> Result<Vec<StoredKey>, StoreError> {
    let rows = match family {
        Family::AccessTokens => {
            sqlx::query_as!(
                KeyRow,
                "select kid, state, public_key, sealed_private_key, created_at, activated_at, retired_at
                 from identity.signing_keys order by created_at, kid"
            )
            .fetch_all(connection)
            .await
        }
        Family::IdTokens => {
            sqlx::query_as!(
                KeyRow,
                "select kid, state, public_key, sealed_private_key, created_at, activated_at, retired_at
                 from identity.id_token_keys order by created_at, kid"
            )
            .fetch_all(connection)
            .await
        }
    };
    Ok(rows
        .store("signing_keys_list")?
        .into_iter()
        .map(StoredKey::from)
        .collect())
}

/// Adds a key that does not sign yet.
pub(crate) async fn insert_next(
    connection: &mut PgConnection,
    family: Family,
    key: &NewKey,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let inserted = match family {
        Family::AccessTokens => {
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
        }
        Family::IdTokens => {
            sqlx::query!(
                "insert into identity.id_token_keys (kid, state, public_key, sealed_private_key, created_at)
                 values ($1, 'next', $2, $3, $4)",
                key.kid,
                key.public_key,
                key.sealed_private_key,
                now
            )
            .execute(connection)
            .await
        }
    };
    inserted.store("signing_keys_insert")?;
    Ok(())
}

/// Retires the active key, if there is one, and lets the next one sign.
pub(crate) async fn promote(
    connection: &mut PgConnection,
    family: Family,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let retired =
        match family {
            Family::AccessTokens => sqlx::query!(
                "update identity.signing_keys set state = 'retired', retired_at = $1 where state = 'active'",
                now
            )
            .execute(&mut *connection)
            .await,
            Family::IdTokens => sqlx::query!(
                "update identity.id_token_keys set state = 'retired', retired_at = $1 where state = 'active'",
                now
            )
            .execute(&mut *connection)
            .await,
        };
    retired.store("signing_keys_retire")?;
    let activated =
        match family {
            Family::AccessTokens => sqlx::query!(
                "update identity.signing_keys set state = 'active', activated_at = $1 where state = 'next'",
                now
            )
            .execute(connection)
            .await,
            Family::IdTokens => sqlx::query!(
                "update identity.id_token_keys set state = 'active', activated_at = $1 where state = 'next'",
                now
            )
            .execute(connection)
            .await,
        };
    activated.store("signing_keys_activate")?;
    Ok(())
}

/// Deletes keys that retired before `before`: no token that they signed is alive.
pub(crate) async fn delete_retired(
    connection: &mut PgConnection,
    family: Family,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    let deleted = match family {
        Family::AccessTokens => {
            sqlx::query!(
                "delete from identity.signing_keys where state = 'retired' and retired_at < $1",
                before
            )
            .execute(connection)
            .await
        }
        Family::IdTokens => {
            sqlx::query!(
                "delete from identity.id_token_keys where state = 'retired' and retired_at < $1",
                before
            )
            .execute(connection)
            .await
        }
    };
    deleted.store("signing_keys_delete_retired")?;
    Ok(())
}
