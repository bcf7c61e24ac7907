//! `identity.recovery_codes`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Puts these in the place of all that the account has.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    user: Uuid,
    hashes: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.recovery_codes where user_id = $1", user)
        .execute(&mut *connection)
        .await
        .store("recovery_codes_delete")?;
    sqlx::query!(
        "insert into identity.recovery_codes (user_id, code_hash, created_at)
         select $1, hash, $3 from unnest($2::bytea[]) hash",
        user,
        hashes,
        now
    )
    .execute(connection)
    .await
    .store("recovery_codes_insert")?;
    Ok(())
}

/// Uses a code up; false when there is none that is unused.
pub(crate) async fn use_one(
    connection: &mut PgConnection,
    user: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update identity.recovery_codes set used_at = $3
         where user_id = $1 and code_hash = $2 and used_at is null",
        user,
        hash,
        now
    )
    .execute(connection)
    .await
    .store("recovery_codes_use_one")?;
    Ok(done.rows_affected() == 1)
}

/// How many are left.
pub(crate) async fn count_unused(connection: &mut PgConnection, user: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.recovery_codes where user_id = $1 and used_at is null"#,
        user
    )
    .fetch_one(connection)
    .await
    .store("recovery_codes_count_unused")
}
