//! `security.responses` and `security.allowed`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// What was done, or is to be done, against a subject.
#[derive(Debug, Clone)]
pub(crate) struct ResponseRow {
    pub(crate) id: Uuid,
    pub(crate) threat_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) done_at: Option<DateTime<Utc>>,
    pub(crate) undone_at: Option<DateTime<Utc>>,
    pub(crate) undone_by: Option<Uuid>,
    pub(crate) attempts: i32,
    pub(crate) error: Option<String>,
}

/// Who is never banned.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    pub(crate) id: Uuid,
    pub(crate) subject: String,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Uuid,
}

/// A response to be recorded.
#[derive(Debug)]
pub(crate) struct NewResponse<'a> {
    pub(crate) id: Uuid,
    pub(crate) threat_id: Option<Uuid>,
    pub(crate) action: &'a str,
    pub(crate) subject: &'a str,
    /// `pending` or `skipped`.
    pub(crate) state: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) error: Option<&'a str>,
}

/// Records a response.
pub(crate) async fn add(
    connection: &mut PgConnection,
    new: &NewResponse<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into security.responses
             (id, threat_id, action, subject, state, reason, created_at, created_by, expires_at, next_attempt_at, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $7, $10)",
        new.id,
        new.threat_id,
        new.action,
        new.subject,
        new.state,
        new.reason,
        now,
        new.created_by,
        new.expires_at,
        new.error
    )
    .execute(connection)
    .await
    .store("response_add")?;
    Ok(())
}

/// Whether a threat was answered by an action already.
pub(crate) async fn answered(
    connection: &mut PgConnection,
    threat: Uuid,
    action: &str,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from security.responses where threat_id = $1 and action = $2) as "answered!""#,
        threat,
        action
    )
    .fetch_one(connection)
    .await
    .store("response_answered")
}

/// The end of the ban of a subject that is in force, if one is.
pub(crate) async fn banned_until(
    connection: &mut PgConnection,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        r#"select max(expires_at) from security.responses
           where action = 'ban' and subject = $1 and state in ('pending', 'done') and expires_at > $2"#,
        subject,
        now
    )
    .fetch_one(connection)
    .await
    .store("response_banned_until")
}

/// How often a subject was banned since a time; bans that were undone were mistakes and do not count.
pub(crate) async fn bans_since(
    connection: &mut PgConnection,
    subject: &str,
    since: DateTime<Utc>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from security.responses
           where action = 'ban' and subject = $1 and state in ('pending', 'done') and created_at >= $2"#,
        subject,
        since
    )
    .fetch_one(connection)
    .await
    .store("response_bans_since")
}

/// All bans that are in force, and whether the gateways were told of each.
pub(crate) async fn bans_in_force(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<ResponseRow>, StoreError> {
    sqlx::query_as!(
        ResponseRow,
        "select id, threat_id, action, subject, state, reason, created_at, created_by, expires_at, done_at,
                undone_at, undone_by, attempts, error
         from security.responses
         where action = 'ban' and state in ('pending', 'done') and expires_at > $1
         order by id limit 100000",
        now
    )
    .fetch_all(connection)
    .await
    .store("response_bans_in_force")
}

/// Subjects whose bans were ours and were lifted since a time.
pub(crate) async fn lifted(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select distinct subject from security.responses where action = 'ban' and undone_at >= $1",
        since
    )
    .fetch_all(connection)
    .await
    .store("response_lifted")
}

/// Takes up to `limit` responses other than bans that are due, for `lease` at most.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    lease: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ResponseRow>, StoreError> {
    sqlx::query_as!(
        ResponseRow,
        "update security.responses set attempts = attempts + 1, next_attempt_at = $2
         where id in (
             select id from security.responses
             where state = 'pending' and action <> 'ban' and next_attempt_at <= $1
             order by next_attempt_at limit $3 for update skip locked)
         returning id, threat_id, action, subject, state, reason, created_at, created_by, expires_at, done_at,
                   undone_at, undone_by, attempts, error",
        now,
        lease,
        limit
    )
    .fetch_all(connection)
    .await
    .store("response_take")
}

/// Marks responses as done.
pub(crate) async fn done(
    connection: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.responses set state = 'done', done_at = $2, error = null
         where id = any($1) and state = 'pending'",
        ids,
        now
    )
    .execute(connection)
    .await
    .store("response_done")?;
    Ok(())
}

/// Says that an attempt has failed: for good, or to be tried again at a time.
pub(crate) async fn failed(
    connection: &mut PgConnection,
    id: Uuid,
    error: &str,
    again: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.responses set
             error = $2,
             state = case when $3::timestamptz is null then 'failed' else state end,
             next_attempt_at = coalesce($3, next_attempt_at)
         where id = $1 and state = 'pending'",
        id,
        error,
        again
    )
    .execute(connection)
    .await
    .store("response_failed")?;
    Ok(())
}

/// Locks the response with this id.
pub(crate) async fn locked(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ResponseRow>, StoreError> {
    sqlx::query_as!(
        ResponseRow,
        "select id, threat_id, action, subject, state, reason, created_at, created_by, expires_at, done_at,
                undone_at, undone_by, attempts, error
         from security.responses where id = $1 for update",
        id
    )
    .fetch_optional(connection)
    .await
    .store("response_locked")
}

/// Takes responses back.
pub(crate) async fn undo(
    connection: &mut PgConnection,
    ids: &[Uuid],
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.responses set state = 'undone', undone_at = $2, undone_by = $3 where id = any($1)",
        ids,
        now,
        user
    )
    .execute(connection)
    .await
    .store("response_undo")?;
    Ok(())
}

/// Up to `limit` responses, the latest first, before one.
pub(crate) async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<ResponseRow>, StoreError> {
    sqlx::query_as!(
        ResponseRow,
        "select id, threat_id, action, subject, state, reason, created_at, created_by, expires_at, done_at,
                undone_at, undone_by, attempts, error
         from security.responses
         where ($1::uuid is null or id < $1)
           and ($2::text is null or action = $2)
           and ($3::text is null or subject = $3)
           and ($4::uuid is null or threat_id = $4)
           and (not $5 or (action = 'ban' and state in ('pending', 'done') and expires_at > $6))
         order by id desc limit $7",
        before,
        filter.action,
        filter.subject,
        filter.threat,
        filter.in_force,
        now,
        limit
    )
    .fetch_all(connection)
    .await
    .store("response_list")
}

/// Which responses a list holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) action: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) threat: Option<Uuid>,
    /// Only bans that are in force.
    pub(crate) in_force: bool,
}

/// All who are never banned, the latest first.
pub(crate) async fn allowed(connection: &mut PgConnection) -> Result<Vec<Allowed>, StoreError> {
    sqlx::query_as!(
        Allowed,
        "select id, subject, reason, created_at, created_by from security.allowed order by id desc limit 10000"
    )
    .fetch_all(connection)
    .await
    .store("allowed_list")
}

/// Adds somebody who is never banned; false when the subject is there already.
pub(crate) async fn allow(connection: &mut PgConnection, entry: &Allowed) -> Result<bool, StoreError> {
    let added = sqlx::query!(
        "insert into security.allowed (id, subject, reason, created_at, created_by) values ($1, $2, $3, $4, $5)
         on conflict (subject) do nothing",
        entry.id,
        entry.subject,
        entry.reason,
        entry.created_at,
        entry.created_by
    )
    .execute(connection)
    .await
    .store("allowed_add")?;
    Ok(added.rows_affected() == 1)
}

/// Removes somebody from those who are never banned; the subject, if there was one.
pub(crate) async fn disallow(connection: &mut PgConnection, id: Uuid) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar!("delete from security.allowed where id = $1 returning subject", id)
        .fetch_optional(connection)
        .await
        .store("allowed_remove")
}
