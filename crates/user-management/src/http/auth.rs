//! `/auth`: registering, logging in and out, and refreshing.

use ::http::header::{CACHE_CONTROL, SET_COOKIE};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use common::Text;
use common::auth::{Companies, Identity};
use common::db::{StoreError, StoreResult};
use common::http::{Json, Problem, Violations};
use common::ids;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::Client;
use super::users::UserResponse;
use crate::account::{AccountKey, Email, PersonName};
use crate::error::Error;
use crate::login::{self, Step};
use crate::record;
use crate::roles::NEWCOMER;
use crate::sessions::{self, EndReason, Grant, Issued, Kind, Refreshed};
use crate::store::users::{EMAIL_KEY, NewUser};
use crate::tokens::Presented;
use crate::{AppState, metrics, store};

/// Tokens must not stay in a cache (RFC 6749, section 5.1).
fn no_store() -> HeaderMap {
    HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

/// A secret, which is not repeated in the answer when it is no text.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    SecretString::deserialize(deserializer).map_err(|_| D::Error::custom("invalid type: expected a string"))
}

#[derive(Deserialize)]
pub(crate) struct Register {
    email: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    name: String,
}

#[derive(Serialize)]
pub(crate) struct Registered {
    user: UserResponse,
}

/// Makes an account of the least role, without companies.
pub(crate) async fn register(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    if !state.registration_open {
        return Err(Error::RegistrationClosed.into());
    }
    let (email, name) = check(&state, &body)?;
    let password_hash = state.passwords.hash(&body.password).await.map_err(Error::from)?;
    let id = ids::new_id();
    let new = NewUser {
        id,
        email: &email,
        name: &name,
        password_hash: &password_hash,
        role: NEWCOMER,
        companies: &Companies::Some(std::collections::BTreeSet::new()),
        created_at: state.clock.now(),
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    store::users::insert(&mut transaction, &new)
        .await
        .map_err(|error| {
            if error.breaks(EMAIL_KEY) {
                Error::EmailTaken
            } else {
                error.into()
            }
        })?;
    let user = store::users::find(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let account = AccountKey::of(email.as_str());
    record::registered(&mut transaction, &state.clock, &client, &user, account).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(Registered { user: user.into() })))
}

fn check(state: &AppState, body: &Register) -> Result<(Email, PersonName), Problem> {
    let mut violations = Violations::new();
    let email = body.email.parse::<Email>();
    let name = PersonName::parse(&body.name);
    match &email {
        Ok(email) => {
            let policy = state.passwords.policy();
            for objection in policy.objections(body.password.expose_secret(), email) {
                violations.add("/password", objection);
            }
        }
        Err(_) => violations.add(
            "/email",
            Text::new(
                "Это не адрес электронной почты.",
                "This is not an e-mail address.",
            ),
        ),
    }
    if let Err(detail) = &name {
        violations.add("/name", detail.clone());
    }
    violations.finish()?;
    match (email, name) {
        (Ok(email), Ok(name)) => Ok((email, name)),
        _ => Err(Problem::internal(
            "a wrong member was not recorded as a violation",
        )),
    }
}

#[derive(Deserialize)]
pub(crate) struct Login {
    email: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Serialize)]
pub(crate) struct TokensResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    refresh_expires_in: i64,
    user: UserResponse,
}

impl From<Issued> for TokensResponse {
    fn from(issued: Issued) -> Self {
        Self {
            access_token: issued.access_token,
            token_type: "Bearer",
            expires_in: issued.access_expires_in,
            refresh_token: issued.refresh_token.expose_secret().to_owned(),
            refresh_expires_in: issued.refresh_expires_in,
            user: issued.user.into(),
        }
    }
}

/// An answer that carries tokens.
type TokensAnswer = (HeaderMap, Json<TokensResponse>);

/// Logs in by e-mail address and password.
pub(crate) async fn login(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<TokensAnswer, Problem> {
    let device = state.cookies.device(&headers, state.clock.now());
    match login::by_password(&state, &client, device.as_ref(), &body.email, &body.password).await? {
        Step::SecondFactor(challenge) => Err(Error::SecondFactorRequired(Box::new(challenge)).into()),
        Step::Done { user, proof } => {
            let account = AccountKey::of(user.email.as_str());
            let issued = login::open(&state, user, proof, &client, Grant::own(Kind::Bearer)).await?;
            let known = state.cookies.know_device(device.as_ref(), account, state.clock.now());
            let mut headers = no_store();
            headers.insert(SET_COOKIE, known.map_err(Problem::internal)?);
            Ok((headers, Json(issued.into())))
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Refresh {
    #[serde(deserialize_with = "secret")]
    refresh_token: SecretString,
}

/// New tokens for a refresh token, which is replaced.
pub(crate) async fn refresh(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Refresh>,
) -> Result<TokensAnswer, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let token = body.refresh_token.expose_secret();
    let grant = Grant::own(Kind::Bearer);
    let refreshed = sessions::refresh(&mut transaction, &state.tokens, token, &grant, &client, &state.clock).await?;
    transaction.commit().await.store("commit")?;
    match refreshed {
        Refreshed::Issued(issued) => {
            metrics::refresh("success");
            Ok((no_store(), Json((*issued).into())))
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

#[derive(Default, Deserialize)]
pub(crate) struct Logout {
    refresh_token: Option<SecretString>,
}

/// Ends the session of the access token, and that of the refresh token when it is another one of
/// the same user. The body may be absent.
pub(crate) async fn logout(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = optional_body(request).await?;
    let mut sessions = vec![identity.session_id];
    let mut transaction = state.db.begin().await.store("begin")?;
    if let Some(other) = other_session(&state, &mut transaction, &identity, &body).await? {
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
    Ok(StatusCode::NO_CONTENT)
}

async fn optional_body(request: Request) -> Result<Logout, Problem> {
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
        return Ok(Logout::default());
    }
    let Json(body) = Json::from_request(Request::from_parts(parts, Body::from(bytes)), &()).await?;
    Ok(body)
}

async fn other_session(
    state: &AppState,
    connection: &mut sqlx::PgConnection,
    identity: &Identity,
    body: &Logout,
) -> Result<Option<Uuid>, StoreError> {
    let token = body.refresh_token.as_ref();
    let Some(presented) = token.and_then(|token| Presented::parse(token.expose_secret())) else {
        return Ok(None);
    };
    let session = store::sessions::find(connection, presented.session).await?;
    Ok(session
        .filter(|session| session.user_id == identity.user_id && session.id != identity.session_id)
        .filter(|session| state.tokens.made(&presented, session))
        .map(|session| session.id))
}
