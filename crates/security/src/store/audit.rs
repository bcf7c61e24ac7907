//! `security.audit_log` and the end of its chain.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::{Entry, NewEntry};
use crate::chain::{FirstBroken, Verifier};

/// Which entries a list holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) action: Option<String>,
    pub(crate) actor: Option<Uuid>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Appends those of the entries whose id the log does not have, in order, and returns them. The
/// end of the chain stays locked until the caller's transaction ends.
pub(crate) async fn append(
    connection: &mut PgConnection,
    entries: Vec<NewEntry>,
    now: DateTime<Utc>,
) -> Result<Vec<Entry>, StoreError> {
    let head = sqlx::query!("select sequence, hash from security.audit_head for update")
        .fetch_one(&mut *connection)
        .await
        .store("audit_head_lock")?;
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    // Only now: what another writer has appended meanwhile is visible under the lock.
    let mut known: HashSet<Uuid> =
        sqlx::query_scalar!("select id from security.audit_log where id = any($1)", &ids)
            .fetch_all(&mut *connection)
            .await
            .store("audit_known_ids")?
            .into_iter()
            .collect();
    let (mut sequence, mut hash) = (head.sequence, head.hash);
    let mut appended = Vec::with_capacity(entries.len());
    for entry in entries {
        if known.insert(entry.id) {
            sequence += 1;
            let entry = entry.chained(sequence, &hash, now);
            hash.clone_from(&entry.hash);
            appended.push(entry);
        }
    }
    if !appended.is_empty() {
        insert(connection, &appended).await?;
        let moved = sqlx::query!(
            "update security.audit_head set sequence = $1, hash = $2",
            sequence,
            hash
        )
        .execute(&mut *connection)
        .await
        .store("audit_head_move")?;
        debug_assert_eq!(moved.rows_affected(), 1, "there is one head");
    }
    Ok(appended)
}

async fn insert(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), StoreError> {
    fn column<T>(entries: &[Entry], field: impl Fn(&Entry) -> T) -> Vec<T> {
        entries.iter().map(field).collect()
    }
    sqlx::query!(
        r#"insert into security.audit_log
               (sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                target, ip, request_id, details, prev_hash, hash)
           select sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                  target, ip, request_id, details::json, prev_hash, hash
           from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[],
                       $6::text[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[],
                       $12::text[], $13::text[], $14::bytea[], $15::bytea[])
                as entry (sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id,
                          actor_role, target, ip, request_id, details, prev_hash, hash)"#,
        &column(entries, |e| e.sequence),
        &column(entries, |e| e.id),
        &column(entries, |e| e.occurred_at),
        &column(entries, |e| e.recorded_at),
        &column(entries, |e| e.source.clone()),
        &column(entries, |e| e.action.clone()),
        &column(entries, |e| e.outcome.clone()),
        &column(entries, |e| e.actor_id) as &[Option<Uuid>],
        &column(entries, |e| e.actor_role.clone()) as &[Option<String>],
        &column(entries, |e| e.target.clone()) as &[Option<String>],
        &column(entries, |e| e.ip.clone()) as &[Option<String>],
        &column(entries, |e| e.request_id.clone()) as &[Option<String>],
        &column(entries, |e| e.details.clone()),
        &column(entries, |e| e.prev_hash.clone()),
        &column(entries, |e| e.hash.clone()),
    )
    .execute(connection)
    .await
    .store("audit_insert")?;
    Ok(())
}

/// The entry with this id.
pub(crate) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"select sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                  target, ip, request_id, details::text as "details!", prev_hash, hash
           from security.audit_log where id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await
    .store("audit_by_id")
}

/// Up to `limit` entries, the latest first, before the entry `before`.
pub(crate) async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"select sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                  target, ip, request_id, details::text as "details!", prev_hash, hash
           from security.audit_log
           where ($1::bigint is null or sequence < $1)
             and ($2::text is null or action = $2)
             and ($3::uuid is null or actor_id = $3)
             and ($4::timestamptz is null or occurred_at >= $4)
             and ($5::timestamptz is null or occurred_at < $5)
           order by sequence desc limit $6"#,
        before,
        filter.action,
        filter.actor,
        filter.from,
        filter.to,
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_list")
}

/// Entries in the log.
pub(crate) async fn length(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!("select sequence from security.audit_head")
        .fetch_one(connection)
        .await
        .store("audit_length")
}

/// Recomputes the whole chain, one row in memory at a time. The connection must be in a
/// `repeatable read` transaction, or entries appended meanwhile would look like a broken end.
pub(crate) async fn verify(
    connection: &mut PgConnection,
) -> Result<(i64, Result<(), FirstBroken>), StoreError> {
    let head = sqlx::query!("select sequence, hash from security.audit_head")
        .fetch_optional(&mut *connection)
        .await
        .store("audit_head")?;
    let mut verifier = Verifier::new();
    let mut rows = sqlx::query_as!(
        Entry,
        r#"select sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                  target, ip, request_id, details::text as "details!", prev_hash, hash
           from security.audit_log order by sequence"#
    )
    .fetch(connection);
    while let Some(entry) = rows.try_next().await.store("audit_verify")? {
        if let Err(broken) = verifier.follow(&entry) {
            return Ok((verifier.entries(), Err(broken)));
        }
    }
    // A head that was deleted is as bad as one that was changed.
    let (sequence, hash) = head.map_or((0, Vec::new()), |head| (head.sequence, head.hash));
    Ok((verifier.entries(), verifier.finish(sequence, &hash)))
}
