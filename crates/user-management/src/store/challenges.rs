//! `identity.challenges`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::challenges::NewChallenge;

/// Stores a challenge.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    challenge: &NewChallenge<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.challenges
             (id_hash, purpose, user_id, amr, passkey_challenge, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &challenge.id_hash,
        challenge.purpose.as_str(),
        challenge.user_id,
        &challenge.proof.amr(),
        challenge.passkey_challenge.as_ref().map(<[u8; 32]>::as_slice),
        challenge.created_at,
        challenge.expires_at
    )
    .execute(connection)
    .await
    .store("challenges_insert")?;
    Ok(())
}

/// Deletes those that ended before `now`.
pub(crate) async fn delete_expired(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.challenges where expires_at < $1", now)
        .execute(connection)
        .await
        .store("challenges_delete_expired")?;
    Ok(())
}
