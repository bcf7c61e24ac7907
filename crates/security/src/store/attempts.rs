//! `security.auth_attempts`.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Attempts of one address or account that are looked at; an attack is found in far fewer.
const MAX_PER_SUBJECT: i64 = 1000;

/// A login, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptRow {
    pub(crate) event_id: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) success: bool,
    pub(crate) account: Option<String>,
    pub(crate) ip: Option<String>,
}

/// Makes the detection of concurrent batches happen one after the other until the transaction
/// ends: two halves of an attack must see each other.
pub(crate) async fn lock_detection(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('security.detection'))")
        .execute(connection)
        .await
        .store("detection_lock")?;
    Ok(())
}

/// Adds attempts and returns the ids of those that were not there.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    attempts: &[AttemptRow],
) -> Result<HashSet<Uuid>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|row| row.event_id).collect();
    let times: Vec<DateTime<Utc>> = attempts.iter().map(|row| row.occurred_at).collect();
    let successes: Vec<bool> = attempts.iter().map(|row| row.success).collect();
    let accounts: Vec<Option<String>> = attempts.iter().map(|row| row.account.clone()).collect();
    let ips: Vec<Option<String>> = attempts.iter().map(|row| row.ip.clone()).collect();
    let fresh = sqlx::query_scalar!(
        "insert into security.auth_attempts (event_id, occurred_at, success, account, ip)
         select * from unnest($1::uuid[], $2::timestamptz[], $3::boolean[], $4::text[], $5::text[])
         on conflict do nothing
         returning event_id",
        &ids,
        &times,
        &successes,
        &accounts as &[Option<String>],
        &ips as &[Option<String>],
    )
    .fetch_all(connection)
    .await
    .store("attempts_insert")?;
    Ok(fresh.into_iter().collect())
}

/// Attempts from these addresses within the times, in the order of address and time.
pub(crate) async fn by_addresses(
    connection: &mut PgConnection,
    addresses: &[String],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<AttemptRow>, StoreError> {
    sqlx::query_as!(
        AttemptRow,
        r#"select attempt.event_id as "event_id!", attempt.occurred_at as "occurred_at!",
                  attempt.success as "success!", attempt.account, attempt.ip
           from unnest($1::text[]) as subject (ip)
           cross join lateral (
               select * from security.auth_attempts a
               where a.ip = subject.ip and a.occurred_at between $2 and $3
               order by a.occurred_at desc limit $4
           ) attempt
           order by attempt.ip, attempt.occurred_at, attempt.event_id"#,
        addresses,
        from,
        to,
        MAX_PER_SUBJECT
    )
    .fetch_all(connection)
    .await
    .store("attempts_by_addresses")
}

/// Attempts on these accounts within the times, in the order of account and time.
pub(crate) async fn by_accounts(
    connection: &mut PgConnection,
    accounts: &[String],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<AttemptRow>, StoreError> {
    sqlx::query_as!(
        AttemptRow,
        r#"select attempt.event_id as "event_id!", attempt.occurred_at as "occurred_at!",
                  attempt.success as "success!", attempt.account, attempt.ip
           from unnest($1::text[]) as subject (account)
           cross join lateral (
               select * from security.auth_attempts a
               where a.account = subject.account and a.occurred_at between $2 and $3
               order by a.occurred_at desc limit $4
           ) attempt
           order by attempt.account, attempt.occurred_at, attempt.event_id"#,
        accounts,
        from,
        to,
        MAX_PER_SUBJECT
    )
    .fetch_all(connection)
    .await
    .store("attempts_by_accounts")
}

/// Removes attempts that no window can hold any more.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        "delete from security.auth_attempts where occurred_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("attempts_delete")?;
    Ok(deleted.rows_affected())
}
