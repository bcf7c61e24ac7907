//! `identity.totp`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// An application that makes codes.
pub(crate) struct Totp {
    pub(crate) sealed_secret: Vec<u8>,
    pub(crate) last_step: i64,
    pub(crate) confirmed: bool,
}

/// Stores an application that does not count yet; false when there is one that does.
pub(crate) async fn put_pending(
    connection: &mut PgConnection,
    user: Uuid,
    sealed_secret: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into identity.totp as t (user_id, sealed_secret, created_at)
         values ($1, $2, $3)
         on conflict (user_id) do update
             set sealed_secret = excluded.sealed_secret, created_at = excluded.created_at, last_step = 0
             where t.confirmed_at is null",
        user,
        sealed_secret,
        now
    )
    .execute(connection)
    .await
    .store("totp_put_pending")?;
    Ok(done.rows_affected() == 1)
}

/// The application of the account, which nobody else uses until the transaction ends.
pub(crate) async fn hold(connection: &mut PgConnection, user: Uuid) -> Result<Option<Totp>, StoreError> {
    sqlx::query_as!(
        Totp,
        r#"select sealed_secret, last_step, confirmed_at is not null as "confirmed!"
           from identity.totp where user_id = $1 for update"#,
        user
    )
    .fetch_optional(connection)
    .await
    .store("totp_hold")
}

/// Remembers that the code of a step was taken; the first makes the application count.
pub(crate) async fn take_step(
    connection: &mut PgConnection,
    user: Uuid,
    step: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.totp set last_step = $2, confirmed_at = coalesce(confirmed_at, $3)
         where user_id = $1",
        user,
        step,
        now
    )
    .execute(connection)
    .await
    .store("totp_take_step")?;
    Ok(())
}

/// Removes the application; false when there was none that counted.
pub(crate) async fn delete(connection: &mut PgConnection, user: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from identity.totp where user_id = $1 and confirmed_at is not null",
        user
    )
    .execute(connection)
    .await
    .store("totp_delete")?;
    Ok(done.rows_affected() == 1)
}
