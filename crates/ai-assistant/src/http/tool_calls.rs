//! `GET /messages/{id}/tool-calls`: what an answer of the caller's rests on.

use axum::extract::State;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Path, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Error;
use crate::state::AppState;
use crate::store::tool_calls::{self as store, ToolCall};

/// The calls of one answer; there are few of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Calls {
    items: Vec<ToolCall>,
}

/// What was called for an answer: names, arguments, rows, durations.
#[tracing::instrument(name = "http.tool_calls.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Path(message): Path<Uuid>,
) -> Result<Json<Calls>, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let items = store::of_message(&mut db, identity.user_id, message).await?;
    if items.is_empty() && !store::message_exists(&mut db, identity.user_id, message).await? {
        return Err(Error::MessageNotFound.into());
    }
    Ok(Json(Calls { items }))
}
