//! `identity.challenges`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::challenges::{NewChallenge, Purpose};

/// Stores a challenge.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    challenge: &NewChallenge<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.challenges
             (id_hash, purpose, user_id, amr, passkey_challenge, created_at, expires_at, password_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &challenge.id_hash,
        challenge.purpose.as_str(),
        challenge.user_id,
        &challenge.proof.amr(),
        challenge.passkey_challenge.as_ref().map(<[u8; 32]>::as_slice),
        challenge.created_at,
        challenge.expires_at,
        challenge.proof.password
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

/// A challenge that is being met.
pub(crate) struct Stored {
    pub(crate) user_id: Option<Uuid>,
    pub(crate) amr: Vec<String>,
    pub(crate) passkey_challenge: Option<Vec<u8>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) password_version: Option<i64>,
}

/// Counts a try at a challenge; `None` when there is none that is alive and has tries left.
pub(crate) async fn take_try(
    connection: &mut PgConnection,
    id_hash: &[u8],
    purpose: Purpose,
    most_tries: i16,
    now: DateTime<Utc>,
) -> Result<Option<Stored>, StoreError> {
    sqlx::query_as!(
        Stored,
        "update identity.challenges set tries = tries + 1
         where id_hash = $1 and purpose = $2 and tries < $3 and expires_at > $4
         returning user_id, amr, passkey_challenge, created_at, password_version",
        id_hash,
        purpose.as_str(),
        most_tries,
        now
    )
    .fetch_optional(connection)
    .await
    .store("challenges_take_try")
}

/// Deletes a challenge that has been met.
pub(crate) async fn delete(connection: &mut PgConnection, id_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.challenges where id_hash = $1", id_hash)
        .execute(connection)
        .await
        .store("challenges_delete")?;
    Ok(())
}
