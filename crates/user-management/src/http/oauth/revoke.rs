//! `POST /oauth2/revoke`: a client gives a token back (RFC 7009).

use ::http::{HeaderMap, StatusCode};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use common::auth::Authenticator;
use common::contract::events::Outcome;
use common::db::StoreResult;
use serde_json::json;

use super::{Form, authenticated, cors};
use crate::http::Client;
use crate::oauth::error::OAuthError;
use crate::record::Audited;
use crate::sessions::EndReason;
use crate::tokens::Presented;
use crate::{AppState, store};

/// Ends the session that the token belongs to, and so every token of it. A token that opens
/// nothing, or is another client's, is answered in the same way (section 2.2).
pub(crate) async fn post(
    State(state): State<AppState>,
    Extension(authenticator): Extension<Authenticator>,
    headers: HeaderMap,
    caller: Client,
    form: Result<Form, OAuthError>,
) -> Response {
    let answer = revoke(&state, &authenticator, &headers, &caller, form).await;
    cors::readable(answer, cors::origin(&state, &headers).await)
}

async fn revoke(
    state: &AppState,
    authenticator: &Authenticator,
    headers: &HeaderMap,
    caller: &Client,
    form: Result<Form, OAuthError>,
) -> Result<StatusCode, OAuthError> {
    let Form(params) = form?;
    let client = authenticated(state, headers, caller, &params).await?;
    let token = params
        .get("token")
        .ok_or(OAuthError::InvalidRequest("token is missing"))?;
    let mut transaction = state.db.begin().await.store("begin")?;
    let session = match Presented::parse(token) {
        Some(presented) => {
            let session = store::sessions::find(&mut transaction, presented.session).await?;
            session
                .filter(|session| state.tokens.made(&presented, session))
                .map(|session| session.id)
        }
        None => match authenticator.verify(token).await {
            Ok(identity) => Some(identity.session_id),
            Err(problem) if problem.status().is_client_error() => None,
            Err(problem) => return Err(problem.into()),
        },
    };
    let Some(session) = session else {
        return Ok(StatusCode::OK);
    };
    let (reason, now) = (EndReason::TokenRevoked, state.clock.now());
    let ended = store::oauth_sessions::end_one(&mut transaction, session, &client.id, reason, now).await?;
    if ended.is_some() {
        let audited = Audited {
            action: "oauth.token_revoked",
            outcome: Outcome::Success,
            user: None,
            details: json!({ "client_id": client.id, "session_id": session }),
        };
        audited
            .append(&mut transaction, &state.clock, None, Some(caller))
            .await?;
    }
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(ended.as_slice()).await;
    Ok(StatusCode::OK)
}
