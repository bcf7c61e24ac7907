//! `identity.passkeys`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::webauthn::{Registered, Used};

/// Name of the constraint that keeps credentials unique.
pub(crate) const CREDENTIAL_KEY: &str = "passkeys_credential_key";

/// A passkey, as a signature is verified with.
pub(crate) struct Passkey {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: i64,
}

/// A passkey, as its owner sees it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) name: String,
    pub(crate) transports: Vec<String>,
    pub(crate) backed_up: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// Adds a passkey; breaks [`CREDENTIAL_KEY`] when there is one of that credential.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    name: &str,
    registered: &Registered,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.passkeys
             (id, user_id, credential_id, public_key, name, sign_count, transports, aaguid, backed_up,
              created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        user,
        registered.credential_id,
        registered.public_key,
        name,
        i64::from(registered.sign_count),
        &registered.transports,
        registered.aaguid,
        registered.backed_up,
        now
    )
    .execute(connection)
    .await
    .store("passkeys_insert")?;
    Ok(())
}

/// The passkeys of an account, oldest first.
pub(crate) async fn list(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Listed>, StoreError> {
    sqlx::query_as!(
        Listed,
        "select id, credential_id, name, transports, backed_up, created_at, last_used_at
         from identity.passkeys where user_id = $1 order by created_at, id",
        user
    )
    .fetch_all(connection)
    .await
    .store("passkeys_list")
}

/// The passkey of a credential, which nobody else uses until the transaction ends.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    credential_id: &[u8],
) -> Result<Option<Passkey>, StoreError> {
    sqlx::query_as!(
        Passkey,
        "select id, user_id, public_key, sign_count
         from identity.passkeys where credential_id = $1 for update",
        credential_id
    )
    .fetch_optional(connection)
    .await
    .store("passkeys_hold")
}

/// Remembers a use.
pub(crate) async fn note_use(
    connection: &mut PgConnection,
    id: Uuid,
    used: Used,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.passkeys set sign_count = $2, backed_up = $3, last_used_at = $4 where id = $1",
        id,
        i64::from(used.sign_count),
        used.backed_up,
        now
    )
    .execute(connection)
    .await
    .store("passkeys_note_use")?;
    Ok(())
}

/// Gives a passkey of the user another name; false when they have no such passkey.
pub(crate) async fn rename(
    connection: &mut PgConnection,
    user: Uuid,
    id: Uuid,
    name: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update identity.passkeys set name = $3 where user_id = $1 and id = $2",
        user,
        id,
        name
    )
    .execute(connection)
    .await
    .store("passkeys_rename")?;
    Ok(done.rows_affected() == 1)
}

/// Removes a passkey of the user; false when they have no such passkey.
pub(crate) async fn delete(connection: &mut PgConnection, user: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from identity.passkeys where user_id = $1 and id = $2",
        user,
        id
    )
    .execute(connection)
    .await
    .store("passkeys_delete")?;
    Ok(done.rows_affected() == 1)
}
