//! `GET /conversations`, `GET`, `PATCH`, `DELETE /conversations/{id}`, `GET /conversations/{id}/export`:
//! the caller's own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Duration;
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query, Violations};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::builtin;
use crate::chat::export;
use crate::chat::kept::KEPT_FOR;
use crate::chat::running::AnswerName;
use crate::error::Error;
use crate::state::AppState;
use crate::store::conversations::{self as store, Conversation, Listed, Message, Position, Search};

/// Messages of a branch that are returned, the latest ones.
const MAX_MESSAGES: i32 = 500;
/// Messages of an export.
const MAX_EXPORTED: i64 = 10_000;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Characters of what is searched for.
const MAX_SEARCH: usize = 200;

/// What is asked of the list.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Words of a title, a question or an answer.
    q: Option<String>,
}

/// One's own conversations, the latest first; with `q` those in which that was said.
#[tracing::instrument(name = "http.conversations.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Listed>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let after = page.after::<Position>()?;
    let search = query.q.as_deref().map(str::trim).filter(|q| !q.is_empty());
    if search.is_some_and(|text| text.chars().count() > MAX_SEARCH) {
        return Err(Problem::bad_request(Text::new(
            "Строка поиска длиннее 200 символов.",
            "The text to search for is longer than 200 characters.",
        )));
    }
    let search = search.map(Search::new);
    let mut db = state.db.acquire().await.store("acquire")?;
    let user = identity.user_id;
    let rows = match &search {
        Some(search) => store::conversation_search(&mut db, user, search, after, page.limit()).await?,
        None => store::conversation_page(&mut db, user, after, page.limit()).await?,
    };
    let page = Page::from_rows(rows, page.limit(), |row| {
        Position(row.conversation.updated_at, row.conversation.id)
    });
    Ok(Json(page))
}

/// Which branch of a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BranchQuery {
    /// A message on it; the latest message when absent.
    message: Option<Uuid>,
}

/// A conversation with the messages of one branch.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConversationResponse {
    #[serde(flatten)]
    conversation: Conversation,
    /// Oldest first.
    messages: Vec<Shown>,
    /// The answer that is being made: its events can be read when it is resumable.
    #[serde(skip_serializing_if = "Option::is_none")]
    answering: Option<Uuid>,
}

/// A message, and what stands in its place on other branches.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shown {
    #[serde(flatten)]
    message: Message,
    /// All messages that follow the same one, this one too, in the order of their making; absent when it is
    /// the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    alternatives: Option<Vec<Uuid>>,
}

/// A conversation with its messages.
#[tracing::instrument(name = "http.conversations.get", skip_all)]
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(branch): Query<BranchQuery>,
) -> Result<Json<ConversationResponse>, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let conversation = own(&mut db, &identity, id).await?;
    let messages = branch_of(&mut db, id, branch.message).await?;
    let siblings = store::siblings(&mut db, id).await?;
    drop(db);
    let answering = state.running.in_conversation(identity.user_id, id).await;
    let messages = messages.into_iter().map(|message| {
        let of_message = siblings
            .iter()
            .find(|siblings| siblings.ids.contains(&message.id));
        Shown {
            alternatives: of_message.map(|siblings| siblings.ids.clone()),
            message,
        }
    });
    Ok(Json(ConversationResponse {
        conversation,
        messages: messages.collect(),
        answering: answering.map(|name| name.message),
    }))
}

async fn own(db: &mut PgConnection, identity: &Identity, id: Uuid) -> Result<Conversation, Error> {
    store::conversation_get(db, identity.user_id, id)
        .await?
        .ok_or(Error::ConversationNotFound)
}

/// The branch through a message, or that of the latest one.
async fn branch_of(db: &mut PgConnection, id: Uuid, through: Option<Uuid>) -> Result<Vec<Message>, Error> {
    let end = match through {
        Some(through) => {
            let end = store::branch_end(db, id, through).await?;
            Some(end.ok_or(Error::MessageNotFound)?)
        }
        None => store::message_latest(db, id).await?,
    };
    match end {
        Some(end) => Ok(store::messages_on_path(db, id, end, MAX_MESSAGES).await?),
        None => Ok(Vec::new()),
    }
}

/// A change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Renaming {
    title: String,
}

/// Gives a conversation another title.
#[tracing::instrument(name = "http.conversations.rename", skip_all)]
pub(crate) async fn rename(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Json(renaming): Json<Renaming>,
) -> Result<Json<Conversation>, Problem> {
    let title = renaming.title.trim();
    let mut violations = Violations::new();
    violations.check(
        (1..=MAX_TITLE).contains(&title.chars().count()) && !title.contains(char::is_control),
        "/title",
        Text::new(
            "Название — от 1 до 200 символов в одну строку.",
            "A title is 1 to 200 characters on one line.",
        ),
    );
    violations.finish()?;
    let mut db = state.db.acquire().await.store("acquire")?;
    let renamed = store::conversation_rename(&mut db, identity.user_id, id, title).await?;
    Ok(Json(renamed.ok_or(Error::ConversationNotFound)?))
}

/// Deletes a conversation with its messages.
#[tracing::instrument(name = "http.conversations.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let user = identity.user_id;
    let mut db = state.db.acquire().await.store("acquire")?;
    // Its events may be kept still: an answer is stored before the last of them.
    let kept_for = Duration::seconds(2 * i64::try_from(KEPT_FOR.as_secs()).unwrap_or(0));
    let since = state.context.clock.now() - kept_for;
    let answers = store::answers_since(&mut db, id, since).await?;
    if !store::conversation_delete(&mut db, user, id).await? {
        return Err(Error::ConversationNotFound.into());
    }
    drop(db);
    if let Some(name) = state.running.in_conversation(user, id).await {
        let _ = state.running.cancel(name).await;
    }
    for message in answers {
        // They expire by themselves when Redis is away.
        let _ = state.running.kept(AnswerName { user, message }).forget().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// The branch of the latest message, to read.
    #[default]
    Markdown,
    /// Everything, all branches too.
    Json,
}

/// What to export.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    #[serde(default)]
    format: Format,
}

/// All of a conversation.
#[derive(Debug, Serialize, JsonSchema)]
struct Exported {
    #[serde(flatten)]
    conversation: Conversation,
    /// In the order of their making; `parent_id` tells the branches.
    messages: Vec<Message>,
}

/// A conversation as a file: JSON or Markdown.
#[tracing::instrument(name = "http.conversations.export", skip_all)]
pub(crate) async fn export(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let conversation = own(&mut db, &identity, id).await?;
    let (kind, extension, body) = match query.format {
        Format::Json => {
            let messages = store::messages_all(&mut db, id, MAX_EXPORTED).await?;
            let exported = Exported {
                conversation,
                messages,
            };
            let body = serde_json::to_string_pretty(&exported).map_err(Problem::internal)?;
            ("application/json", "json", body)
        }
        Format::Markdown => {
            let messages = branch_of(&mut db, id, None).await?;
            let locale = builtin::language_of(&conversation.title);
            let body = export::markdown(&conversation, &messages, state.zone, locale);
            ("text/markdown; charset=utf-8", "md", body)
        }
    };
    let disposition = format!("attachment; filename=\"conversation-{id}.{extension}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, body).into_response())
}
