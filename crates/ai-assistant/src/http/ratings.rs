//! `PUT`, `DELETE /messages/{id}/rating`: what a reader thinks of an answer.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Path, Problem, Violations};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;
use crate::metrics;
use crate::record;
use crate::state::AppState;
use crate::store::conversations as store;

/// Characters of a comment.
const MAX_COMMENT: usize = 2000;

/// Good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rating {
    Up,
    Down,
}

impl Rating {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What a reader thinks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RatingRequest {
    rating: Rating,
    comment: Option<String>,
}

/// Rates an answer.
#[tracing::instrument(name = "http.ratings.put", skip_all)]
pub(crate) async fn put(
    State(state): State<AppState>,
    identity: Identity,
    Path(message): Path<Uuid>,
    Json(request): Json<RatingRequest>,
) -> Result<StatusCode, Problem> {
    let comment = request.comment.as_deref().map(str::trim);
    let comment = comment.filter(|comment| !comment.is_empty());
    let mut violations = Violations::new();
    violations.check(
        comment.is_none_or(|comment| comment.chars().count() <= MAX_COMMENT),
        "/comment",
        Text::new(
            "Комментарий длиннее 2000 символов.",
            "The comment is longer than 2000 characters.",
        ),
    );
    violations.finish()?;
    let rating = request.rating.as_str();
    set(&state, &identity, message, Some((rating, comment))).await?;
    metrics::answer_rated(rating);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a rating back.
#[tracing::instrument(name = "http.ratings.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(message): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    set(&state, &identity, message, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(
    state: &AppState,
    identity: &Identity,
    message: Uuid,
    rating: Option<(&str, Option<&str>)>,
) -> Result<(), Error> {
    let (user, now) = (identity.user_id, state.context.clock.now());
    let mut tx = state.db.begin().await.store("begin")?;
    if !store::rating_set(&mut tx, user, message, rating, now).await? {
        return Err(Error::MessageNotFound);
    }
    // The comment is a text of the reader and stays here.
    let details = json!({"rating": rating.map(|(rating, _)| rating)});
    let target = Some(format!("message:{message}"));
    let outcome = Outcome::Success;
    record::audit(&mut tx, state, identity, "answer.rated", outcome, target, details).await?;
    tx.commit().await.store("commit")?;
    Ok(())
}
