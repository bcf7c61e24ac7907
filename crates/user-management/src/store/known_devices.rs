//! `identity.known_devices`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Notes a login. True when the user has logged in from elsewhere before, and never from there.
pub(crate) async fn note(
    connection: &mut PgConnection,
    user: Uuid,
    fingerprint: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"with former as (
               select fingerprint from identity.known_devices where user_id = $1
           ), noted as (
               insert into identity.known_devices (user_id, fingerprint, first_seen_at, last_seen_at)
               values ($1, $2, $3, $3)
               on conflict (user_id, fingerprint) do update set last_seen_at = excluded.last_seen_at
           )
           select exists (select from former)
              and not exists (select from former where fingerprint = $2) as "is_new!""#,
        user,
        fingerprint,
        now
    )
    .fetch_one(connection)
    .await
    .store("known_devices_note")
}

/// Deletes those of a user who is deleted.
pub(crate) async fn delete_of(connection: &mut PgConnection, user: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.known_devices where user_id = $1", user)
        .execute(connection)
        .await
        .store("known_devices_delete_of")?;
    Ok(())
}

/// Deletes those unseen since before `before`, but not a user's last one: without any, the next login
/// would be taken for the first.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.known_devices d
         where last_seen_at < $1
           and exists (select from identity.known_devices later
                       where later.user_id = d.user_id and later.last_seen_at > d.last_seen_at)",
        before
    )
    .execute(connection)
    .await
    .store("known_devices_delete_before")?;
    Ok(())
}
