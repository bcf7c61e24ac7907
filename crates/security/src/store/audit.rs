//! `security.audit_entries` and the end of its chain.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::{Entry, NewEntry, Place};

/// Which entries a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// A pattern of `like`.
    pub(crate) action: Option<String>,
    pub(crate) actor: Option<Uuid>,
    pub(crate) target: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) company: Option<Uuid>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    /// A pattern of `ilike` for target and particulars.
    pub(crate) text: Option<String>,
    /// The companies that the caller may see; all when absent.
    pub(crate) sight: Option<Vec<Uuid>>,
}

/// Appends those of the entries whose id the log does not have, in order, and returns them. The
/// end of the chain stays locked until the caller's transaction ends.
pub(crate) async fn append(
    connection: &mut PgConnection,
    entries: Vec<NewEntry>,
    now: DateTime<Utc>,
) -> Result<Vec<Entry>, StoreError> {
    let tip = sqlx::query!("select sequence, hash from security.audit_tip for update")
        .fetch_one(&mut *connection)
        .await
        .store("audit_tip_lock")?;
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    // Only now: what another writer has appended meanwhile is visible under the lock.
    let mut known: HashSet<Uuid> =
        sqlx::query_scalar!("select id from security.audit_entries where id = any($1)", &ids)
            .fetch_all(&mut *connection)
            .await
            .store("audit_known_ids")?
            .into_iter()
            .collect();
    let fresh: Vec<NewEntry> = entries
        .into_iter()
        .filter(|entry| known.insert(entry.id))
        .collect();
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let mut companies = counts(connection, &fresh).await?;
    let (mut sequence, mut hash) = (tip.sequence, tip.hash);
    let mut appended = Vec::with_capacity(fresh.len());
    for entry in fresh {
        sequence += 1;
        let company_sequence = companies.entry(entry.company_id()).or_default();
        *company_sequence += 1;
        let entry = entry.chained(Place {
            sequence,
            company_sequence: *company_sequence,
            prev_hash: &hash,
            recorded_at: now,
        });
        hash.clone_from(&entry.hash);
        appended.push(entry);
    }
    insert(connection, &appended).await?;
    let (ids, counts): (Vec<Uuid>, Vec<i64>) = companies.into_iter().unzip();
    sqlx::query!(
        "insert into security.audit_companies (company_id, sequence)
         select company_id, sequence from unnest($1::uuid[], $2::bigint[]) as count (company_id, sequence)
         on conflict (company_id) do update set sequence = excluded.sequence",
        &ids,
        &counts
    )
    .execute(&mut *connection)
    .await
    .store("audit_companies_count")?;
    let moved = sqlx::query!(
        "update security.audit_tip set sequence = $1, hash = $2",
        sequence,
        hash
    )
    .execute(&mut *connection)
    .await
    .store("audit_tip_move")?;
    debug_assert_eq!(moved.rows_affected(), 1, "there is one end");
    Ok(appended)
}

/// How many entries the companies of these have.
async fn counts(
    connection: &mut PgConnection,
    entries: &[NewEntry],
) -> Result<HashMap<Uuid, i64>, StoreError> {
    let companies: HashSet<Uuid> = entries.iter().map(NewEntry::company_id).collect();
    let companies: Vec<Uuid> = companies.into_iter().collect();
    let rows = sqlx::query!(
        "select company_id, sequence from security.audit_companies where company_id = any($1)",
        &companies
    )
    .fetch_all(connection)
    .await
    .store("audit_companies")?;
    Ok(rows
        .into_iter()
        .map(|row| (row.company_id, row.sequence))
        .collect())
}

async fn insert(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), StoreError> {
    fn column<'a, T>(entries: &'a [Entry], field: impl Fn(&'a Entry) -> T) -> Vec<T> {
        entries.iter().map(field).collect()
    }
    sqlx::query!(
        r#"insert into security.audit_entries
               (sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action, outcome,
                request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment, what_salt,
                target, details, prev_hash, hash)
           select sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action, outcome,
                  request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment, what_salt,
                  target, details::json, prev_hash, hash
           from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[],
                       $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[],
                       $12::bytea[], $13::uuid[], $14::text[], $15::text[], $16::bytea[], $17::bytea[],
                       $18::text[], $19::text[], $20::bytea[], $21::bytea[])
                as entry (sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action,
                          outcome, request_id, who_commitment, who_salt, actor_id, actor_role, ip,
                          what_commitment, what_salt, target, details, prev_hash, hash)"#,
        &column(entries, |e| e.sequence),
        &column(entries, |e| e.id),
        &column(entries, |e| e.company_id),
        &column(entries, |e| e.company_sequence),
        &column(entries, |e| e.occurred_at),
        &column(entries, |e| e.recorded_at),
        &column(entries, |e| e.source.as_str()) as &[&str],
        &column(entries, |e| e.action.as_str()) as &[&str],
        &column(entries, |e| e.outcome.as_str()) as &[&str],
        &column(entries, |e| e.request_id.as_deref()) as &[Option<&str>],
        &column(entries, |e| e.who_commitment.as_slice()) as &[&[u8]],
        &column(entries, |e| e.who_salt.as_deref()) as &[Option<&[u8]>],
        &column(entries, |e| e.actor_id) as &[Option<Uuid>],
        &column(entries, |e| e.actor_role.as_deref()) as &[Option<&str>],
        &column(entries, |e| e.ip.as_deref()) as &[Option<&str>],
        &column(entries, |e| e.what_commitment.as_slice()) as &[&[u8]],
        &column(entries, |e| e.what_salt.as_deref()) as &[Option<&[u8]>],
        &column(entries, |e| e.target.as_deref()) as &[Option<&str>],
        &column(entries, |e| e.details.as_deref()) as &[Option<&str>],
        &column(entries, |e| e.prev_hash.as_slice()) as &[&[u8]],
        &column(entries, |e| e.hash.as_slice()) as &[&[u8]],
    )
    .execute(connection)
    .await
    .store("audit_insert")?;
    Ok(())
}

/// The entries with these ids.
pub(crate) async fn by_ids(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"select sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action, outcome,
                  request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment, what_salt,
                  target, details::text as details, prev_hash, hash
           from security.audit_entries where id = any($1)"#,
        ids
    )
    .fetch_all(connection)
    .await
    .store("audit_by_ids")
}

/// Has the statements of the transaction planned with the values that they are called with, which
/// makes filters that are absent cost nothing, and ends those that take too long.
pub(crate) async fn prepare_search(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        "select set_config('plan_cache_mode', 'force_custom_plan', true) as plans,
                set_config('statement_timeout', '10s', true) as timeout"
    )
    .fetch_one(connection)
    .await
    .store("audit_search_prepare")?;
    Ok(())
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
        r#"select sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action, outcome,
                  request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment, what_salt,
                  target, details::text as details, prev_hash, hash
           from security.audit_entries
           where ($1::bigint is null or sequence < $1)
             and ($2::text is null or action like $2)
             and ($3::uuid is null or actor_id = $3)
             and ($4::text is null or target = $4)
             and ($5::text is null or outcome = $5)
             and ($6::text is null or source = $6)
             and ($7::text is null or ip = $7)
             and ($8::text is null or request_id = $8)
             and ($9::uuid is null or company_id = $9)
             and ($10::timestamptz is null or occurred_at >= $10)
             and ($11::timestamptz is null or occurred_at < $11)
             and ($12::text is null or target ilike $12 or details::text ilike $12)
             and ($13::uuid[] is null or company_id = any($13))
           order by sequence desc limit $14"#,
        before,
        filter.action,
        filter.actor,
        filter.target,
        filter.outcome,
        filter.source,
        filter.ip,
        filter.request_id,
        filter.company,
        filter.from,
        filter.to,
        filter.text,
        filter.sight.as_deref(),
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_list")
}

/// Up to `limit` entries, the earliest first, after the entry `after` and up to `up_to`.
pub(crate) async fn list_forward(
    connection: &mut PgConnection,
    filter: &Filter,
    after: i64,
    up_to: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"select sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action, outcome,
                  request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment, what_salt,
                  target, details::text as details, prev_hash, hash
           from security.audit_entries
           where sequence > $1 and ($15::bigint is null or sequence <= $15)
             and ($2::text is null or action like $2)
             and ($3::uuid is null or actor_id = $3)
             and ($4::text is null or target = $4)
             and ($5::text is null or outcome = $5)
             and ($6::text is null or source = $6)
             and ($7::text is null or ip = $7)
             and ($8::text is null or request_id = $8)
             and ($9::uuid is null or company_id = $9)
             and ($10::timestamptz is null or occurred_at >= $10)
             and ($11::timestamptz is null or occurred_at < $11)
             and ($12::text is null or target ilike $12 or details::text ilike $12)
             and ($13::uuid[] is null or company_id = any($13))
           order by sequence limit $14"#,
        after,
        filter.action,
        filter.actor,
        filter.target,
        filter.outcome,
        filter.source,
        filter.ip,
        filter.request_id,
        filter.company,
        filter.from,
        filter.to,
        filter.text,
        filter.sight.as_deref(),
        limit,
        up_to
    )
    .fetch_all(connection)
    .await
    .store("audit_list_forward")
}

/// Entries of the log, archived ones too.
pub(crate) async fn length(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!("select sequence from security.audit_tip")
        .fetch_one(connection)
        .await
        .store("audit_length")
}
