//! Files of users. Every function names the user: another's file does not exist.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A file without its content.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// `text`, `csv` or `xlsx`.
    pub(crate) kind: String,
    /// Bytes of the file.
    pub(crate) size: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A file with its content.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) size: i64,
    pub(crate) content: Value,
    pub(crate) created_at: DateTime<Utc>,
}

/// What a user has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) files: i64,
    /// Bytes of content.
    pub(crate) stored: i64,
}

/// Position in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) Uuid);

/// Keeps a file; `stored` is how many bytes its content takes.
pub(crate) async fn add(db: &mut PgConnection, user: Uuid, row: &Row, stored: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.attachments (id, user_id, name, kind, size, stored, content, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.id,
        user,
        row.name,
        row.kind,
        row.size,
        stored,
        row.content,
        row.created_at,
    )
    .execute(db)
    .await
    .store("attachment_add")?;
    Ok(())
}

/// How much a user keeps. Whoever adds to it waits for whoever does so already.
pub(crate) async fn kept(db: &mut PgConnection, user: Uuid) -> Result<Kept, StoreError> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 0)) as locked",
        format!("assistant.attachments:{user}")
    )
    .fetch_one(&mut *db)
    .await
    .store("attachments_lock")?;
    sqlx::query_as!(
        Kept,
        r#"select count(*) as "files!", coalesce(sum(stored), 0)::bigint as "stored!"
           from assistant.attachments where user_id = $1"#,
        user
    )
    .fetch_one(db)
    .await
    .store("attachments_kept")
}

/// Removes what no conversation needs and is older than that.
pub(crate) async fn remove_old(
    db: &mut PgConnection,
    user: Uuid,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from assistant.attachments a where a.user_id = $1 and a.created_at < $2 and not exists \
         (select 1 from assistant.conversation_attachments c where c.attachment_id = a.id)",
        user,
        before
    )
    .execute(db)
    .await
    .store("attachments_remove_old")?;
    Ok(())
}

pub(crate) async fn get(db: &mut PgConnection, user: Uuid, id: Uuid) -> Result<Option<Row>, StoreError> {
    sqlx::query_as!(
        Row,
        "select id, name, kind, size, content, created_at from assistant.attachments where id = $1 and user_id = $2",
        id,
        user,
    )
    .fetch_optional(db)
    .await
    .store("attachment_get")
}

/// The user's files, the newest first.
pub(crate) async fn page(
    db: &mut PgConnection,
    user: Uuid,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    sqlx::query_as!(
        Listed,
        "select id, name, kind, size, created_at from assistant.attachments \
         where user_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        user,
        after.map(|Position(id)| id),
        limit,
    )
    .fetch_all(db)
    .await
    .store("attachment_page")
}

/// False when there is no such file.
pub(crate) async fn remove(db: &mut PgConnection, user: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let removed = sqlx::query!(
        "delete from assistant.attachments where id = $1 and user_id = $2",
        id,
        user
    )
    .execute(db)
    .await
    .store("attachment_remove")?;
    Ok(removed.rows_affected() == 1)
}

/// Puts files of the user into a conversation; how many of them there are.
pub(crate) async fn join(
    db: &mut PgConnection,
    user: Uuid,
    conversation: Uuid,
    ids: &[Uuid],
) -> Result<u64, StoreError> {
    // A file that is there already counts too.
    let joined = sqlx::query!(
        "insert into assistant.conversation_attachments (conversation_id, attachment_id) \
         select $2, a.id from assistant.attachments a where a.user_id = $1 and a.id = any($3) \
         on conflict (conversation_id, attachment_id) do update set conversation_id = excluded.conversation_id",
        user,
        conversation,
        ids,
    )
    .execute(db)
    .await
    .store("attachments_join")?;
    Ok(joined.rows_affected())
}

/// The user's files in a conversation, oldest first.
pub(crate) async fn of_conversation(
    db: &mut PgConnection,
    user: Uuid,
    conversation: Uuid,
) -> Result<Vec<Row>, StoreError> {
    sqlx::query_as!(
        Row,
        "select a.id, a.name, a.kind, a.size, a.content, a.created_at from assistant.attachments a \
         join assistant.conversation_attachments c on c.attachment_id = a.id \
         where c.conversation_id = $2 and a.user_id = $1 order by a.id",
        user,
        conversation,
    )
    .fetch_all(db)
    .await
    .store("attachments_of_conversation")
}
