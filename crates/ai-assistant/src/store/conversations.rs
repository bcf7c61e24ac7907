//! Conversations and their messages. Every function names the user: another's conversation does
//! not exist.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A conversation in a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Conversation {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What the first message of a conversation follows.
pub(crate) const BEGINNING: Uuid = Uuid::nil();

/// A message.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    /// The message that it follows; nil of the first.
    pub(crate) parent_id: Uuid,
    /// `user` or `assistant`.
    pub(crate) role: String,
    pub(crate) content: String,
    /// `answered` or `cancelled`; a question has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// The whole answer as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Value>,
    /// What the reader thinks of it: `up` or `down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rating: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rating_comment: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

/// A message that is stored.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage<'a> {
    pub(crate) id: Uuid,
    pub(crate) parent_id: Uuid,
    pub(crate) role: &'a str,
    pub(crate) content: &'a str,
    pub(crate) status: Option<&'a str>,
    pub(crate) answer: Option<&'a Value>,
    /// What the built-in engine remembers after it.
    pub(crate) memory: Option<&'a Value>,
    pub(crate) created_at: DateTime<Utc>,
}

/// A message before a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Past {
    pub(crate) id: Uuid,
    pub(crate) role: String,
    pub(crate) content: String,
    /// What the built-in engine remembers after it.
    pub(crate) memory: Option<Value>,
    /// What was said up to it and with it.
    pub(crate) summary: Option<String>,
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

/// A conversation in the list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Listed {
    #[serde(flatten)]
    pub(crate) conversation: Conversation,
    /// The latest message with the words that were searched for; absent when only the title has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<FoundMessage>,
}

/// A message with the words that were searched for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FoundMessage {
    pub(crate) message_id: Uuid,
    /// Its text around them.
    pub(crate) excerpt: String,
}

/// The caller's conversations, the one used last first.
pub(crate) async fn conversation_page(
    db: &mut PgConnection,
    user: Uuid,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let (at, id) = after.map_or((None, None), |Position(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query_as!(
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
    .store("conversation_page")?;
    let listed = |conversation| Listed {
        conversation,
        found: None,
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// What is searched for: all of its words, each as the beginning of one in any of its Russian forms, or
/// the text as a part of a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    words: String,
    title: String,
}

impl Search {
    pub(crate) fn new(text: &str) -> Self {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(|word| format!("'{word}':*"))
            .collect();
        let mut title = String::from("%");
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                title.push('\\');
            }
            title.push(c);
        }
        title.push('%');
        Self {
            words: words.join(" & "),
            title,
        }
    }
}

/// Those of the caller's conversations that have these words, the one used last first.
pub(crate) async fn conversation_search(
    db: &mut PgConnection,
    user: Uuid,
    search: &Search,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let (at, id) = after.map_or((None, None), |Position(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query!(
        r#"select conversation.id, title, conversation.created_at, updated_at, found.id as "message_id?",
               ts_headline('russian', found.content, to_tsquery('russian', $5),
                   'StartSel="", StopSel="", MaxWords=30, MinWords=10') as excerpt
           from assistant.conversations conversation left join lateral (
               select message.id, message.content from assistant.messages message
               where message.conversation_id = conversation.id and message.words @@ to_tsquery('russian', $5)
               order by message.id desc limit 1) found on true
           where user_id = $1 and ($2::timestamptz is null or (updated_at, conversation.id) < ($2, $3))
               and (found.id is not null or title ilike $6)
           order by updated_at desc, conversation.id desc limit $4"#,
        user,
        at,
        id,
        limit + 1,
        search.words,
        search.title,
    )
    .fetch_all(db)
    .await
    .store("conversation_search")?;
    let listed = rows.into_iter().map(|row| Listed {
        conversation: Conversation {
            id: row.id,
            title: row.title,
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
        found: row.message_id.map(|message_id| FoundMessage {
            message_id,
            excerpt: row.excerpt.unwrap_or_default(),
        }),
    });
    Ok(listed.collect())
}

/// Gives it another title; `None` when there is no such conversation.
pub(crate) async fn conversation_rename(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
    title: &str,
) -> Result<Option<Conversation>, StoreError> {
    sqlx::query_as!(
        Conversation,
        "update assistant.conversations set title = $3 where id = $1 and user_id = $2 \
         returning id, title, created_at, updated_at",
        id,
        user,
        title,
    )
    .fetch_optional(db)
    .await
    .store("conversation_rename")
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
    message: &NewMessage<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.messages \
         (id, conversation_id, parent_id, role, content, status, answer, memory, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        message.id,
        conversation,
        message.parent_id,
        message.role,
        message.content,
        message.status,
        message.answer,
        message.memory,
        message.created_at,
    )
    .execute(db)
    .await
    .store("message_add")?;
    Ok(())
}

/// The latest message, on whatever branch.
pub(crate) async fn message_latest(
    db: &mut PgConnection,
    conversation: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from assistant.messages where conversation_id = $1 order by id desc limit 1",
        conversation,
    )
    .fetch_optional(db)
    .await
    .store("message_latest")
}

/// The latest message of the branches through this one; `None` when the conversation has no such message.
pub(crate) async fn branch_end(
    db: &mut PgConnection,
    conversation: Uuid,
    through: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        r#"with recursive below as (
               select id from assistant.messages where conversation_id = $1 and id = $2
               union all
               select message.id from below join assistant.messages message
               on message.conversation_id = $1 and message.parent_id = below.id)
           select id as "id!" from below order by id desc limit 1"#,
        conversation,
        through,
    )
    .fetch_optional(db)
    .await
    .store("branch_end")
}

/// The messages up to this one, the oldest first, `limit` of them at most. What is before a message with a
/// summary is left out, but the last three are always there: they may be taken away from the end.
pub(crate) async fn path(
    db: &mut PgConnection,
    conversation: Uuid,
    end: Uuid,
    limit: i32,
) -> Result<Vec<Past>, StoreError> {
    sqlx::query_as!(
        Past,
        r#"with recursive path as (
               select id, parent_id, summary, 1 as length from assistant.messages
               where conversation_id = $1 and id = $2
               union all
               select message.id, message.parent_id, message.summary, path.length + 1
               from path join assistant.messages message
               on message.conversation_id = $1 and message.id = path.parent_id
               where path.length < $3 and (path.summary is null or path.length <= 2))
           select message.id, role, content, memory, message.summary
           from path join assistant.messages message on message.id = path.id order by path.length desc"#,
        conversation,
        end,
        limit,
    )
    .fetch_all(db)
    .await
    .store("path")
}

/// The same as they are shown.
pub(crate) async fn messages_on_path(
    db: &mut PgConnection,
    conversation: Uuid,
    end: Uuid,
    limit: i32,
) -> Result<Vec<Message>, StoreError> {
    sqlx::query_as!(
        Message,
        r#"with recursive path as (
               select id, parent_id, 1 as length from assistant.messages where conversation_id = $1 and id = $2
               union all
               select message.id, message.parent_id, path.length + 1 from path join assistant.messages message
               on message.conversation_id = $1 and message.id = path.parent_id where path.length < $3)
           select message.id, message.parent_id, role, content, status, answer, rating, rating_comment, created_at
           from path join assistant.messages message on message.id = path.id order by path.length desc"#,
        conversation,
        end,
        limit,
    )
    .fetch_all(db)
    .await
    .store("messages_on_path")
}

/// Messages that follow the same one: edited questions, answers made anew.
#[derive(Debug, Clone)]
pub(crate) struct Siblings {
    pub(crate) ids: Vec<Uuid>,
}

/// Those of a conversation, where there are several, in the order of their making.
pub(crate) async fn siblings(db: &mut PgConnection, conversation: Uuid) -> Result<Vec<Siblings>, StoreError> {
    sqlx::query_as!(
        Siblings,
        r#"select array_agg(id order by id) as "ids!" from assistant.messages where conversation_id = $1
           group by parent_id, role having count(*) > 1"#,
        conversation,
    )
    .fetch_all(db)
    .await
    .store("siblings")
}

/// Keeps a summary with the last message that it covers.
pub(crate) async fn summary_set(
    db: &mut PgConnection,
    message: Uuid,
    summary: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update assistant.messages set summary = $2 where id = $1",
        message,
        summary,
    )
    .execute(db)
    .await
    .store("summary_set")?;
    Ok(())
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

/// Answers of a conversation that were stored since then.
pub(crate) async fn answers_since(
    db: &mut PgConnection,
    conversation: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from assistant.messages \
         where conversation_id = $1 and role = 'assistant' and created_at >= $2",
        conversation,
        since,
    )
    .fetch_all(db)
    .await
    .store("answers_since")
}

/// All messages in the order of their making, `limit` of them at most.
pub(crate) async fn messages_all(
    db: &mut PgConnection,
    conversation: Uuid,
    limit: i64,
) -> Result<Vec<Message>, StoreError> {
    sqlx::query_as!(
        Message,
        "select id, parent_id, role, content, status, answer, rating, rating_comment, created_at \
         from assistant.messages where conversation_id = $1 order by id limit $2",
        conversation,
        limit,
    )
    .fetch_all(db)
    .await
    .store("messages_all")
}

/// Sets or takes back what the reader thinks of an answer: `up` or `down`, and a comment. False when there
/// is no such answer.
pub(crate) async fn rating_set(
    db: &mut PgConnection,
    user: Uuid,
    message: Uuid,
    rating: Option<(&str, Option<&str>)>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (value, comment) = rating.map_or((None, None), |(value, comment)| (Some(value), comment));
    let updated = sqlx::query!(
        "update assistant.messages message set rating = $3, rating_comment = $4, rated_at = $5 \
         from assistant.conversations conversation \
         where conversation.id = message.conversation_id and user_id = $1 and message.id = $2 \
         and role = 'assistant'",
        user,
        message,
        value,
        comment,
        value.map(|_| now),
    )
    .execute(db)
    .await
    .store("rating_set")?;
    Ok(updated.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_no_syntax() {
        let search = Search::new("долги  100% & 'Вектор'");
        assert_eq!(search.words, "'долги':* & '100':* & 'Вектор':*");
        assert_eq!(search.title, "%долги  100\\% & 'Вектор'%");
        assert_eq!(Search::new("!").words, "");
    }
}
