//! `/users/me/applications`: the programs that somebody has let in.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, Path, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::http::Client;
use crate::record::Audited;
use crate::sessions::EndReason;
use crate::{AppState, store};

/// A program, and what it may do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ApplicationResponse {
    client_id: String,
    client_name: String,
    scope: String,
    granted_at: DateTime<Utc>,
}

/// All of them; there are few, so that the list has one page.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Page<ApplicationResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let consents = store::consents::of_user(&mut connection, identity.user_id).await?;
    let items = consents.into_iter().map(|consent| ApplicationResponse {
        client_id: consent.client_id,
        client_name: consent.client_name,
        scope: consent.scopes.join(" "),
        granted_at: consent.granted_at,
    });
    Ok(Json(Page {
        items: items.collect(),
        next_cursor: None,
    }))
}

/// Takes the consent back and ends the sessions that the program has of the user.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    caller: Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if id.contains('\0') {
        return Err(Error::OAuthClientNotFound.into());
    }
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::consents::delete(&mut transaction, identity.user_id, &id).await? {
        return Err(Error::OAuthClientNotFound.into());
    }
    let (user, reason, now) = (identity.user_id, EndReason::TokenRevoked, state.clock.now());
    let ended = store::oauth_sessions::end_of_client(&mut transaction, &id, Some(user), reason, now).await?;
    let audited = Audited {
        action: "oauth.consent_withdrawn",
        outcome: Outcome::Success,
        user: Some(user),
        details: json!({ "client_id": id, "sessions": ended.len() }),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&caller))
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}
