//! Where a question stands in its conversation: after the latest message, after another one, in place of
//! an earlier question, or as that question asked once more. Nothing is overwritten; what is shown is the
//! branch of the latest message.

use chrono::{DateTime, Utc};
use common::ids;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::builtin;
use crate::error::Error;
use crate::store::conversations::{self as store, BEGINNING, Conversation, NewMessage, Past};

/// Messages before a question that are looked at.
const LONGEST: i32 = 200;
/// Characters of a title.
const TITLE_CHARS: usize = 80;

/// Where a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// After the latest message.
    #[default]
    Latest,
    /// After this message.
    After(Uuid),
    /// In place of this question.
    InPlaceOf(Uuid),
    /// This question, or that of this answer, is asked again.
    Again(Uuid),
}

/// A question in its conversation.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) conversation_id: Uuid,
    pub(crate) question_id: Uuid,
    /// The text of a question that is asked again.
    pub(crate) text: Option<String>,
    /// What goes before it, the oldest message first.
    pub(crate) history: Vec<Past>,
    /// What the built-in engine remembers.
    pub(crate) memory: builtin::State,
}

/// Puts a question into its conversation, or begins one.
pub(crate) async fn put(
    db: &mut PgConnection,
    user: Uuid,
    conversation: Option<Uuid>,
    place: Place,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Placed, Error> {
    let (conversation_id, memory) = match conversation {
        Some(id) => {
            let memory = store::conversation_state(db, user, id).await?;
            (id, memory.ok_or(Error::ConversationNotFound)?)
        }
        None => (begin(db, user, text, now).await?, serde_json::Value::Null),
    };
    let end = match place {
        Place::Latest if conversation.is_none() => None,
        Place::Latest => store::message_latest(db, conversation_id).await?,
        Place::After(id) | Place::InPlaceOf(id) | Place::Again(id) => Some(id),
    };
    let mut history = match end {
        Some(end) => store::path(db, conversation_id, end, LONGEST).await?,
        None => Vec::new(),
    };
    if place != Place::Latest && history.is_empty() {
        return Err(Error::MessageNotFound);
    }
    // A state of another release is forgotten: only follow-ups suffer.
    let known = |value: &serde_json::Value| serde_json::from_value(value.clone()).ok();
    let asked_before = match place {
        Place::Latest | Place::After(_) => None,
        Place::InPlaceOf(_) => Some(question(history.pop())?),
        Place::Again(_) => {
            let last = history.pop();
            let last = match last {
                Some(answer) if answer.role == "assistant" => history.pop(),
                other => other,
            };
            Some(question(last)?)
        }
    };
    let remembered = history
        .iter()
        .rev()
        .find_map(|past| past.memory.as_ref())
        .and_then(known);
    // The release before kept what is remembered of the latest message only.
    let remembered = remembered.or_else(|| known(&memory).filter(|_| place == Place::Latest));
    let again = match (place, asked_before) {
        (Place::Again(_), Some(question)) => Some(question),
        _ => None,
    };
    let question_id = match &again {
        Some(question) => question.id,
        None => {
            let id = ids::new_id();
            let message = NewMessage {
                id,
                parent_id: history.last().map_or(BEGINNING, |past| past.id),
                role: "user",
                content: text,
                status: None,
                answer: None,
                memory: None,
                created_at: now,
            };
            store::message_add(db, conversation_id, &message).await?;
            id
        }
    };
    Ok(Placed {
        conversation_id,
        question_id,
        text: again.map(|question| question.content),
        history,
        memory: remembered.unwrap_or_default(),
    })
}

fn question(message: Option<Past>) -> Result<Past, Error> {
    message
        .filter(|message| message.role == "user")
        .ok_or(Error::NotAQuestion)
}

async fn begin(db: &mut PgConnection, user: Uuid, text: &str, now: DateTime<Utc>) -> Result<Uuid, Error> {
    let conversation = Conversation {
        id: ids::new_id(),
        title: text.trim().chars().take(TITLE_CHARS).collect(),
        created_at: now,
        updated_at: now,
    };
    store::conversation_create(db, user, &conversation).await?;
    Ok(conversation.id)
}
