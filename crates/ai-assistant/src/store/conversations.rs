//! Conversations and their messages. Every function names the user: another's conversation does
//! not exist.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A conversation in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    /// `user` or `assistant`.
    pub(crate) role: String,
    pub(crate) content: String,
    /// `answered` or `cancelled`; a question has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) status: Option<String>,
    /// The whole answer as it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) answer: Option<Value>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Position in the list of conversations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) DateTime<Utc>, pub(crate) Uuid);

pub(crate) async fn conversation_create(
    db: &mut PgConnection,
    user: Uuid,
    conversation: &Conversation,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.conversations (id, user_id, title, created_at, updated_at) values ($1, $2, $3, $4, $5)",
        conversation.id,
        user,
        conversation.title,
        conversation.created_at,
        conversation.updated_at,
    )
    .execute(db)
    .await
    .store("conversation_create")?;
    Ok(())
}

pub(crate) async fn conversation_get(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
) -> Result<Option<Conversation>, StoreError> {
    sqlx::query_as!(
        Conversation,
        "select id, title, created_at, updated_at from assistant.conversations where id = $1 and user_id = $2",
        id,
        user,
    )
    .fetch_optional(db)
    .await
    .store("conversation_get")
}

/// What the built-in engine remembers.
pub(crate) async fn conversation_state(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
) -> Result<Option<Value>, StoreError> {
    sqlx::query_scalar!(
        "select state from assistant.conversations where id = $1 and user_id = $2",
        id,
        user
    )
    .fetch_optional(db)
    .await
    .store("conversation_state")
}

/// Sets what is remembered; false when the conversation has been deleted.
pub(crate) async fn conversation_update(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
    state: Option<&Value>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let updated = sqlx::query!(
        "update assistant.conversations set state = coalesce($3, state), updated_at = $4 where id = $1 and user_id = $2",
        id,
        user,
        state,
        now,
    )
    .execute(db)
    .await
    .store("conversation_update")?;
    Ok(updated.rows_affected() == 1)
}

/// The caller's conversations, the one used last first.
pub(crate) async fn conversation_page(
    db: &mut PgConnection,
    user: Uuid,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Conversation>, StoreError> {
    let (at, id) = after.map_or((None, None), |Position(at, id)| (Some(at), Some(id)));
    sqlx::query_as!(
        Conversation,
        "select id, title, created_at, updated_at from assistant.conversations \
         where user_id = $1 and ($2::timestamptz is null or (updated_at, id) < ($2, $3)) \
         order by updated_at desc, id desc limit $4",
        user,
        at,
        id,
        limit + 1,
    )
    .fetch_all(db)
    .await
    .store("conversation_page")
}

/// False when there is no such conversation.
pub(crate) async fn conversation_delete(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from assistant.conversations where id = $1 and user_id = $2",
        id,
        user
    )
    .execute(db)
    .await
    .store("conversation_delete")?;
    Ok(deleted.rows_affected() == 1)
}

pub(crate) async fn message_add(
    db: &mut PgConnection,
    conversation: Uuid,
    message: &Message,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.messages (id, conversation_id, role, content, status, answer, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        message.id,
        conversation,
        message.role,
        message.content,
        message.status,
        message.answer,
        message.created_at,
    )
    .execute(db)
    .await
    .store("message_add")?;
    Ok(())
}

/// The latest messages, oldest first.
pub(crate) async fn messages_latest(
    db: &mut PgConnection,
    conversation: Uuid,
    limit: i64,
) -> Result<Vec<Message>, StoreError> {
    let mut messages = sqlx::query_as!(
        Message,
        "select id, role, content, status, answer, created_at from assistant.messages \
         where conversation_id = $1 order by id desc limit $2",
        conversation,
        limit,
    )
    .fetch_all(db)
    .await
    .store("messages_latest")?;
    messages.reverse();
    Ok(messages)
}

/// An answer of a user.
#[derive(Debug, Clone)]
pub(crate) struct KeptAnswer {
    pub(crate) id: Uuid,
    pub(crate) conversation_id: Uuid,
    /// What it follows.
    pub(crate) question_id: Uuid,
    pub(crate) content: String,
    /// `None` of a cancelled one.
    pub(crate) answer: Option<Value>,
}

pub(crate) async fn answer_get(
    db: &mut PgConnection,
    user: Uuid,
    message: Uuid,
) -> Result<Option<KeptAnswer>, StoreError> {
    sqlx::query_as!(
        KeptAnswer,
        "select message.id, conversation_id, parent_id as question_id, content, answer \
         from assistant.messages message join assistant.conversations conversation \
         on conversation.id = message.conversation_id \
         where message.id = $1 and user_id = $2 and role = 'assistant'",
        message,
        user,
    )
    .fetch_optional(db)
    .await
    .store("answer_get")
}
