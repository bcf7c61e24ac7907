//! `GET /conversations`, `GET /conversations/{id}`, `DELETE /conversations/{id}`: the caller's own.

use axum::extract::State;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query};
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Error;
use crate::state::AppState;
use crate::store::conversations::{self as store, Conversation, Message, Position};

/// Messages of a conversation that are returned, the latest ones.
const MAX_MESSAGES: i64 = 500;

/// A conversation with its messages.
#[derive(Debug, Serialize)]
pub(crate) struct ConversationResponse {
    #[serde(flatten)]
    conversation: Conversation,
    /// Oldest first.
    messages: Vec<Message>,
}

#[tracing::instrument(name = "http.conversations.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Conversation>>, Problem> {
    let after = page.after::<Position>()?;
    let mut db = state.db.acquire().await.store("acquire")?;
    let rows = store::conversation_page(&mut db, identity.user_id, after, page.limit()).await?;
    let page = Page::from_rows(rows, page.limit(), |row| Position(row.updated_at, row.id));
    Ok(Json(page))
}

#[tracing::instrument(name = "http.conversations.get", skip_all)]
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<ConversationResponse>, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let conversation = store::conversation_get(&mut db, identity.user_id, id)
        .await?
        .ok_or(Error::ConversationNotFound)?;
    let messages = store::messages_latest(&mut db, id, MAX_MESSAGES).await?;
    Ok(Json(ConversationResponse {
        conversation,
        messages,
    }))
}

#[tracing::instrument(name = "http.conversations.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    if store::conversation_delete(&mut db, identity.user_id, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::ConversationNotFound.into())
    }
}
