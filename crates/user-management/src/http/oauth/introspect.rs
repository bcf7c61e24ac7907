//! `POST /oauth2/introspect`: whether a token is good (RFC 7662).

use ::http::HeaderMap;
use axum::Extension;
use axum::extract::State;
use common::auth::Authenticator;
use common::db::StoreResult;
use common::http::Json;
use serde_json::{Value, json};

use super::{Form, authenticated};
use crate::http::Client;
use crate::oauth::client::OAuthClient;
use crate::oauth::error::OAuthError;
use crate::sessions::Session;
use crate::tokens::Presented;
use crate::{AppState, store};

/// Tells a client about its own tokens, and a client of ours about those of all clients. Of
/// anything else it learns no more than that it is not good.
pub(crate) async fn post(
    State(state): State<AppState>,
    Extension(authenticator): Extension<Authenticator>,
    headers: HeaderMap,
    caller: Client,
    Form(params): Form,
) -> Result<Json<Value>, OAuthError> {
    let client = authenticated(&state, &headers, &caller, &params).await?;
    if client.is_public() {
        return Err(OAuthError::UnauthorizedClient(
            "a client without a secret cannot introspect",
        ));
    }
    let token = params
        .get("token")
        .ok_or(OAuthError::InvalidRequest("token is missing"))?;
    let inactive = Ok(Json(json!({ "active": false })));
    if let Some(presented) = Presented::parse(token) {
        let Some(session) = session(&state, presented.session).await? else {
            return inactive;
        };
        let good = state.tokens.made(&presented, &session)
            && presented.generation == session.generation
            && session.is_alive(state.clock.now())
            && may_ask(&client, &session);
        if !good {
            return inactive;
        }
        let expires_at = session.refresh_expires_at.timestamp();
        return Ok(Json(about(&state, &session, expires_at, "refresh_token")));
    }
    let identity = match authenticator.verify(token).await {
        Ok(identity) => identity,
        Err(problem) if problem.status().is_client_error() => return inactive,
        Err(problem) => return Err(problem.into()),
    };
    let Some(session) = session(&state, identity.session_id).await? else {
        return inactive;
    };
    if session.ended_at.is_some() || !may_ask(&client, &session) {
        return inactive;
    }
    let mut told = about(&state, &session, identity.expires_at.timestamp(), "Bearer");
    told["role"] = json!(identity.role);
    Ok(Json(told))
}

fn may_ask(client: &OAuthClient, session: &Session) -> bool {
    match &session.client_id {
        Some(of) => *of == client.id || client.first_party,
        // Sessions of our own web page are nobody else's business.
        None => false,
    }
}

async fn session(state: &AppState, id: uuid::Uuid) -> Result<Option<Session>, OAuthError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    Ok(store::sessions::find(&mut connection, id).await?)
}

fn about(state: &AppState, session: &Session, expires_at: i64, token_type: &str) -> Value {
    json!({
        "active": true,
        "iss": state.provider.issuer(),
        "sub": session.user_id,
        "client_id": session.client_id,
        "scope": session.scope.as_ref().map(|names| names.join(" ")),
        "token_type": token_type,
        "exp": expires_at,
        "sid": session.id,
        "auth_time": session.auth_time.timestamp(),
        "amr": session.amr,
    })
}
