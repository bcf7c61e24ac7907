//! Drafts of changes in 1C, and the changes that were made.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sight::Sight;

/// A draft.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) entity: String,
    pub(crate) reference: Uuid,
    pub(crate) is_new: bool,
    pub(crate) plan: Value,
    pub(crate) digest: String,
    /// `pending`, `writing`, `done` or `failed`.
    pub(crate) state: String,
    pub(crate) result: Option<Value>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Keeps a new draft.
pub(crate) async fn insert(connection: &mut PgConnection, draft: &Draft) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.drafts
             (id, infobase_id, user_id, entity, ref, is_new, plan, digest, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        draft.id,
        draft.infobase_id,
        draft.user_id,
        draft.entity,
        draft.reference,
        draft.is_new,
        draft.plan,
        draft.digest,
        draft.created_at,
        draft.expires_at,
    )
    .execute(connection)
    .await
    .store("draft_insert")?;
    Ok(())
}

/// A draft of a user's.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
) -> Result<Option<Draft>, StoreError> {
    sqlx::query_as!(
        Draft,
        r#"select id, infobase_id, user_id, entity, ref as "reference", is_new, plan, digest, state, result,
                  created_at, expires_at
           from onec.drafts where id = $1 and user_id = $2"#,
        id,
        user,
    )
    .fetch_optional(connection)
    .await
    .store("draft_get")
}

/// Removes a user's draft that was not carried out; false when there is none.
pub(crate) async fn remove(connection: &mut PgConnection, id: Uuid, user: Uuid) -> Result<bool, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.drafts where id = $1 and user_id = $2 and state = 'pending'",
        id,
        user
    )
    .execute(connection)
    .await
    .store("draft_remove")?;
    Ok(removed.rows_affected() > 0)
}

/// Removes drafts that nobody confirmed in time, and those carried out long ago: the history has them.
pub(crate) async fn remove_old(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from onec.drafts
         where (state = 'pending' and expires_at + interval '1 hour' < $1)
            or (state in ('done', 'failed') and expires_at + interval '1 day' < $1)",
        now
    )
    .execute(&mut *connection)
    .await
    .store("drafts_remove_old")?;
    // Whoever carried them out has ended on the way, and nobody asked what came of it.
    sqlx::query!(
        r#"update onec.drafts set state = 'failed', result = '{"code": "onec.outcome_unknown"}'
           where state = 'writing' and claimed_at + interval '1 day' < $1"#,
        now
    )
    .execute(connection)
    .await
    .store("drafts_give_up")?;
    Ok(())
}

/// Takes a draft upon oneself; false when somebody has, or when it is too late.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query!(
        "update onec.drafts set state = 'writing', claimed_at = $2
         where id = $1 and state = 'pending' and expires_at > $2",
        id,
        now,
    )
    .execute(connection)
    .await
    .store("draft_claim")?;
    Ok(claimed.rows_affected() > 0)
}

/// Marks a draft that is being carried out as still at work.
pub(crate) async fn stay(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.drafts set claimed_at = $2 where id = $1 and state = 'writing'",
        id,
        now
    )
    .execute(connection)
    .await
    .store("draft_stay")?;
    Ok(())
}

/// Takes over a draft that was last marked before `silent_since`; false when it is at work or has ended.
pub(crate) async fn take_over(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
    silent_since: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let taken = sqlx::query!(
        "update onec.drafts set claimed_at = $2 where id = $1 and state = 'writing' and claimed_at < $3",
        id,
        now,
        silent_since,
    )
    .execute(connection)
    .await
    .store("draft_take_over")?;
    Ok(taken.rows_affected() > 0)
}

/// Locks a draft that is being carried out; false when it has ended.
pub(crate) async fn hold(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        "select id from onec.drafts where id = $1 and state = 'writing' for update",
        id
    )
    .fetch_optional(connection)
    .await
    .store("draft_hold")?;
    Ok(held.is_some())
}

/// Gives a draft back: nothing was sent.
pub(crate) async fn release(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.drafts set state = 'pending', claimed_at = null where id = $1 and state = 'writing'",
        id
    )
    .execute(connection)
    .await
    .store("draft_release")?;
    Ok(())
}

/// Notes what came of a draft.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    id: Uuid,
    state: &str,
    result: &Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.drafts set state = $2, result = $3 where id = $1",
        id,
        state,
        result
    )
    .execute(connection)
    .await
    .store("draft_finish")?;
    Ok(())
}

/// A change that was made, or that may have been.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) id: Uuid,
    pub(crate) draft_id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) entity: String,
    pub(crate) reference: Uuid,
    pub(crate) is_new: bool,
    /// `written`, `written_with_differences` or `unknown`.
    pub(crate) outcome: String,
    pub(crate) before: Option<Value>,
    pub(crate) meant: Value,
    pub(crate) after: Option<Value>,
    pub(crate) was_posted: bool,
    pub(crate) is_posted: bool,
    /// True when this change posted it.
    pub(crate) posted_now: bool,
    /// Why 1C did not post it.
    pub(crate) posting_text: Option<String>,
    /// What would put a changed object back.
    pub(crate) undo: Option<Value>,
    /// The companies that it belongs to, as far as the writer was limited to some.
    pub(crate) companies: Vec<Uuid>,
    pub(crate) data_version: Option<String>,
    pub(crate) written_at: DateTime<Utc>,
    pub(crate) undone_at: Option<DateTime<Utc>>,
    pub(crate) undone_how: Option<String>,
}

/// Records a change.
pub(crate) async fn record(connection: &mut PgConnection, write: &Write) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.writes
             (id, draft_id, infobase_id, user_id, entity, ref, is_new, outcome, before, meant, after,
              was_posted, is_posted, posted_now, posting_text, undo, companies, data_version, written_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        write.id,
        write.draft_id,
        write.infobase_id,
        write.user_id,
        write.entity,
        write.reference,
        write.is_new,
        write.outcome,
        write.before,
        write.meant,
        write.after,
        write.was_posted,
        write.is_posted,
        write.posted_now,
        write.posting_text,
        write.undo,
        &write.companies,
        write.data_version,
        write.written_at,
    )
    .execute(connection)
    .await
    .store("write_record")?;
    Ok(())
}

/// Changes of infobases that the caller may see, after a position, the latest first: those of a user,
/// or all.
pub(crate) async fn writes(
    connection: &mut PgConnection,
    user: Option<Uuid>,
    sight: &Sight,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Write>, StoreError> {
    sqlx::query_as!(
        Write,
        r#"select id, draft_id, infobase_id, user_id, entity, ref as "reference", is_new, outcome, before, meant,
                  after, was_posted, is_posted, posted_now, posting_text, undo, companies, data_version, written_at,
                  undone_at, undone_how
           from onec.writes
           where ($1::uuid is null or user_id = $1) and ($2::uuid is null or id < $2)
             and ($4::uuid[] is null or infobase_id = any($4))
           order by id desc limit $3"#,
        user,
        before,
        limit,
        sight.infobases.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("writes_list")
}

/// A user's change.
pub(crate) async fn write(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
) -> Result<Option<Write>, StoreError> {
    sqlx::query_as!(
        Write,
        r#"select id, draft_id, infobase_id, user_id, entity, ref as "reference", is_new, outcome, before, meant,
                  after, was_posted, is_posted, posted_now, posting_text, undo, companies, data_version, written_at,
                  undone_at, undone_how
           from onec.writes where id = $1 and user_id = $2"#,
        id,
        user,
    )
    .fetch_optional(connection)
    .await
    .store("write_get")
}

/// Takes the undoing of a change upon oneself; false when somebody has.
pub(crate) async fn claim_undo(
    connection: &mut PgConnection,
    id: Uuid,
    by: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query!(
        "update onec.writes set undone_at = $3, undone_by = $2, undone_how = 'unknown'
         where id = $1 and undone_at is null",
        id,
        by,
        now
    )
    .execute(connection)
    .await
    .store("write_claim_undo")?;
    Ok(claimed.rows_affected() > 0)
}

/// Notes how a change was undone; with nothing, that it was not.
pub(crate) async fn note_undone(
    connection: &mut PgConnection,
    id: Uuid,
    how: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.writes
         set undone_how = $2,
             undone_at = case when $2::text is null then null else undone_at end,
             undone_by = case when $2::text is null then null else undone_by end
         where id = $1",
        id,
        how,
    )
    .execute(connection)
    .await
    .store("write_undone")?;
    Ok(())
}

/// The object of 1C that an id of ours, as a search tells it, stands for.
pub(crate) async fn subject(
    connection: &mut PgConnection,
    infobase: Uuid,
    id: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        r#"select ref as "ref!" from onec.counterparties where infobase_id = $1 and id = $2
           union all select ref from onec.items where infobase_id = $1 and id = $2
           union all select ref from onec.warehouses where infobase_id = $1 and id = $2
           union all select ref from onec.managers where infobase_id = $1 and id = $2
           union all select ref from onec.companies where infobase_id = $1 and id = $2
           limit 1"#,
        infobase,
        id,
    )
    .fetch_optional(connection)
    .await
    .store("draft_subject")
}

/// Members of an enumeration of the infobase; none when it has no enumeration of that name.
pub(crate) async fn members(
    connection: &mut PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    sqlx::query_scalar!(
        "select members from onec.metadata_types where infobase_id = $1 and name = $2 and form = 'enumeration'",
        infobase,
        name,
    )
    .fetch_optional(connection)
    .await
    .store("metadata_members")
}
