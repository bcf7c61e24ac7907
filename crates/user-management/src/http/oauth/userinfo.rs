//! `/oauth2/userinfo`: who the user of an access token is (OpenID Connect Core, section 5.3).

use ::http::header::CACHE_CONTROL;
use ::http::{HeaderMap, HeaderName};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use common::auth::Authenticator;
use common::db::StoreResult;
use common::http::Json;
use serde_json::{Map, Value};

use super::cors;
use crate::oauth::claims;
use crate::oauth::error::OAuthError;
use crate::oauth::scope::{OPENID, has};
use crate::{AppState, store};

/// The claims that the token's scope names. The session is looked at here, so that what has ended
/// is not told of even before the news of its end has gone round.
pub(crate) async fn get(
    State(state): State<AppState>,
    Extension(authenticator): Extension<Authenticator>,
    headers: HeaderMap,
) -> Response {
    let answer = claims_of(&state, &authenticator, &headers).await;
    cors::readable(answer, cors::origin(&state, &headers).await)
}

type Answer = ([(HeaderName, &'static str); 1], Json<Map<String, Value>>);

async fn claims_of(
    state: &AppState,
    authenticator: &Authenticator,
    headers: &HeaderMap,
) -> Result<Answer, OAuthError> {
    let identity = match authenticator.authenticate(headers).await {
        Ok(identity) => identity,
        Err(problem) if problem.status().is_client_error() => return Err(OAuthError::InvalidToken),
        Err(problem) => return Err(problem.into()),
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let session = store::sessions::find(&mut connection, identity.session_id).await?;
    let session = session.filter(|session| session.ended_at.is_none());
    let session = session.ok_or(OAuthError::InvalidToken)?;
    let scopes = session.scope.as_deref();
    if !scopes.is_none_or(|scopes| has(scopes, OPENID)) {
        return Err(OAuthError::InsufficientScope);
    }
    let user = store::users::find(&mut connection, identity.user_id).await?;
    let user = user.ok_or(OAuthError::InvalidToken)?;
    Ok((
        [(CACHE_CONTROL, "no-store")],
        Json(claims::of_user(&user, scopes)),
    ))
}
