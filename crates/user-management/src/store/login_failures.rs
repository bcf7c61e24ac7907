//! `identity.login_failures`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::account::AccountKey;
use crate::throttle::Failures;

/// Failures so far. Holds their row, which is made when there is none, until the transaction ends:
/// attempts on one account are decided one after another.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    account: AccountKey,
    now: DateTime<Utc>,
) -> Result<Failures, StoreError> {
    sqlx::query_as!(
        Failures,
        "insert into identity.login_failures as f (email_hash, failures, last_failed_at)
         values ($1, 0, $2)
         on conflict (email_hash) do update set failures = f.failures
         returning consecutive, locked_until",
        account.as_bytes(),
        now
    )
    .fetch_one(connection)
    .await
    .store("login_failures_hold")
}

/// Counts one failure in the row that [`hold`] holds, and returns how many there are; those
/// before `forget_before` do not count any more.
pub(crate) async fn count(
    connection: &mut PgConnection,
    account: AccountKey,
    now: DateTime<Utc>,
    forget_before: DateTime<Utc>,
) -> Result<i32, StoreError> {
    sqlx::query_scalar!(
        "update identity.login_failures
         set failures = case when last_failed_at < $3 then 1 else failures + 1 end,
             consecutive = consecutive + 1, last_failed_at = $2, locked_until = null
         where email_hash = $1
         returning failures",
        account.as_bytes(),
        now,
        forget_before
    )
    .fetch_one(connection)
    .await
    .store("login_failures_count")
}

/// Locks the account.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    account: AccountKey,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.login_failures set locked_until = $2 where email_hash = $1",
        account.as_bytes(),
        until
    )
    .execute(connection)
    .await
    .store("login_failures_lock")?;
    Ok(())
}

/// Forgets the failures of an account.
pub(crate) async fn clear(connection: &mut PgConnection, account: AccountKey) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.login_failures where email_hash = $1",
        account.as_bytes()
    )
    .execute(connection)
    .await
    .store("login_failures_clear")?;
    Ok(())
}

/// Deletes what is older than `before`.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.login_failures where last_failed_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("login_failures_delete_before")?;
    Ok(())
}
