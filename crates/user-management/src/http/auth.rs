//! `/auth`: refreshing and logging out.

use ::http::header::SET_COOKIE;
use ::http::{HeaderMap, StatusCode};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use common::Text;
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::http::{Json, Problem};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::login::{TokensAnswer, tokens_answer};
use super::users::violation;
use super::{Client, optional_secret};
use crate::error::Error;
use crate::sessions::{self, EndReason, Grant, Kind, Refreshed};
use crate::tokens::Presented;
use crate::{AppState, metrics, record, store};

#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Refresh {
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    refresh_token: Option<SecretString>,
}

/// New tokens for a refresh token, which is replaced. A program sends it in the body, a browser as
/// the cookie that it was given.
pub(crate) async fn refresh(
    State(state): State<AppState>,
    client: Client,
    request: Request,
) -> Result<TokensAnswer, Problem> {
    let headers = request.headers().clone();
    let body: Refresh = optional_body(request).await?;
    let (token, kind) = match (&body.refresh_token, state.cookies.refresh_token(&headers)) {
        (Some(token), _) => (token.expose_secret(), Kind::Bearer),
        (None, Some(token)) => (token, Kind::Cookie),
        (None, None) => {
            let detail = Text::new("Передайте токен обновления.", "Send a refresh token.");
            return Err(violation("/refresh_token", detail));
        }
    };
    if kind == Kind::Cookie {
        state.cookies.require_own_page(&headers, token)?;
    }
    let mut transaction = state.db.begin().await.store("begin")?;
    let (tokens, grant) = (&state.tokens, Grant::own(kind));
    let refreshed = sessions::refresh(&mut transaction, tokens, token, &grant, &client, &state.clock).await?;
    transaction.commit().await.store("commit")?;
    match refreshed {
        Refreshed::Issued(issued) => {
            metrics::refresh("success");
            tokens_answer(&state, *issued)
        }
        Refreshed::Reused(ended) => {
            metrics::refresh("reused");
            state.revoker.revoke(&[ended]).await;
            Err(Error::RefreshReused.into())
        }
        Refreshed::Invalid => {
            metrics::refresh("invalid");
            Err(Error::RefreshInvalid.into())
        }
    }
}

/// Ends the session of the access token, and that of the refresh token when it is another one of
/// the same user. The body may be absent. A browser's cookie is taken back.
pub(crate) async fn logout(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    request: Request,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let cookie = state.cookies.refresh_token(request.headers()).map(str::to_owned);
    let mut headers = HeaderMap::new();
    if let Some(token) = &cookie {
        state.cookies.require_own_page(request.headers(), token)?;
        headers.insert(
            SET_COOKIE,
            state.cookies.forget_refresh_token().map_err(Problem::internal)?,
        );
    }
    let body: Refresh = optional_body(request).await?;
    let token = body.refresh_token.or_else(|| cookie.map(SecretString::from));
    let mut sessions = vec![identity.session_id];
    let mut transaction = state.db.begin().await.store("begin")?;
    if let Some(other) = other_session(&state, &mut transaction, &identity, token.as_ref()).await? {
        sessions.push(other);
    }
    let mut ended = Vec::new();
    for session in sessions {
        let reason = EndReason::Logout;
        let now = state.clock.now();
        let one = store::sessions::end(&mut transaction, session, identity.user_id, reason, now).await?;
        ended.extend(one);
    }
    if !ended.is_empty() {
        record::logged_out(&mut transaction, &state.clock, &client, &identity).await?;
    }
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok((StatusCode::NO_CONTENT, headers))
}

async fn optional_body<T: Default + DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = Bytes::from_request(Request::new(body), &())
        .await
        .map_err(|rejection| {
            Problem::bad_request(Text::new(
                "Тело запроса не дочитано.",
                "The body could not be read.",
            ))
            .source(rejection)
        })?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    let Json(body) = Json::from_request(Request::from_parts(parts, Body::from(bytes)), &()).await?;
    Ok(body)
}

async fn other_session(
    state: &AppState,
    connection: &mut sqlx::PgConnection,
    identity: &Identity,
    token: Option<&SecretString>,
) -> Result<Option<Uuid>, StoreError> {
    let Some(presented) = token.and_then(|token| Presented::parse(token.expose_secret())) else {
        return Ok(None);
    };
    let session = store::sessions::find(connection, presented.session).await?;
    Ok(session
        .filter(|session| session.user_id == identity.user_id && session.id != identity.session_id)
        .filter(|session| state.tokens.made(&presented, session))
        .map(|session| session.id))
}
