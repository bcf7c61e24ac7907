//! What the tools were asked for, call by call. Every question names the user: calls of another's
//! answers do not exist.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A call.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ToolCall {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) arguments: Value,
    /// The number that the answer refers to its result by.
    pub(crate) source: Option<i32>,
    /// Rows that were found.
    pub(crate) row_count: Option<i64>,
    /// Rows that the model was shown.
    pub(crate) shown_rows: Option<i64>,
    pub(crate) duration_ms: i64,
    /// `ok`, `refused`, `denied`, `unreachable`, `malformed` or `unfinished`.
    pub(crate) outcome: String,
    pub(crate) error: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Keeps a call of an answer. Nothing is kept of a conversation that has been deleted meanwhile.
pub(crate) async fn add(
    db: &mut PgConnection,
    conversation: Uuid,
    message: Uuid,
    call: &ToolCall,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.tool_calls (id, conversation_id, message_id, name, arguments, source, row_count, \
         shown_rows, duration_ms, outcome, error, created_at) \
         select $1, c.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 from assistant.conversations c where c.id = $2",
        call.id,
        conversation,
        message,
        call.name,
        call.arguments,
        call.source,
        call.row_count,
        call.shown_rows,
        call.duration_ms,
        call.outcome,
        call.error,
        call.created_at,
    )
    .execute(db)
    .await
    .store("tool_call_add")?;
    Ok(())
}

/// True when the user has that message, or an answer of that id failed.
pub(crate) async fn message_exists(
    db: &mut PgConnection,
    user: Uuid,
    message: Uuid,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (
               select 1 from assistant.messages m join assistant.conversations c on c.id = m.conversation_id
               where m.id = $1 and c.user_id = $2
               union all
               select 1 from assistant.tool_calls t join assistant.conversations c on c.id = t.conversation_id
               where t.message_id = $1 and c.user_id = $2) as "exists!""#,
        message,
        user,
    )
    .fetch_one(db)
    .await
    .store("tool_call_message_exists")
}

/// The calls of an answer of the user's, in their order.
pub(crate) async fn of_message(
    db: &mut PgConnection,
    user: Uuid,
    message: Uuid,
) -> Result<Vec<ToolCall>, StoreError> {
    sqlx::query_as!(
        ToolCall,
        "select t.id, t.name, t.arguments, t.source, t.row_count, t.shown_rows, t.duration_ms, t.outcome, t.error, \
         t.created_at from assistant.tool_calls t join assistant.conversations c on c.id = t.conversation_id \
         where t.message_id = $1 and c.user_id = $2 order by t.id",
        message,
        user,
    )
    .fetch_all(db)
    .await
    .store("tool_calls_of_message")
}
