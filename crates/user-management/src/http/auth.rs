//! `/auth`: registering, logging in and out, and refreshing.

use ::http::header::CACHE_CONTROL;
use ::http::{HeaderName, StatusCode};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use common::Text;
use common::auth::{Companies, Identity};
use common::db::{StoreError, StoreResult};
use common::http::{Json, Problem, Violations};
use common::{ids, telemetry};
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::Client;
use super::users::UserResponse;
use crate::account::{AccountKey, Email, PersonName};
use crate::error::Error;
use crate::password::Verdict;
use crate::record::{self, LoginFailure};
use crate::roles::NEWCOMER;
use crate::sessions::{self, EndReason, Issued, Refreshed};
use crate::store::users::{EMAIL_KEY, NewUser};
use crate::throttle::{FORGET_FAILURES_AFTER, lock_after};
use crate::tokens::Presented;
use crate::{AppState, metrics, store};

/// Tokens must not stay in a cache (RFC 6749, section 5.1).
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// A secret, which is not repeated in the answer when it is no text.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
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
type TokensAnswer = ([(HeaderName, &'static str); 1], Json<TokensResponse>);

/// Logs in. Unknown account, wrong password and locked account take the same way through the
/// same statements and get the same answer.
pub(crate) async fn login(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Login>,
) -> Result<TokensAnswer, Problem> {
    if let Some(retry_after) = state.address_limit.wait(client.ip).await {
        metrics::login("address_limited");
        return Err(Error::TooManyFailures { retry_after }.into());
    }
    let account = AccountKey::of(&body.email);
    let credentials = match body.email.parse::<Email>() {
        Ok(email) => {
            let mut connection = state.db.acquire().await.store("acquire")?;
            store::users::credentials(&mut connection, &email).await?
        }
        Err(_) => None,
    };
    let stored = credentials.as_ref().map(|(_, hash)| hash.clone());
    let verdict = state.passwords.verify(&body.password, stored).await;
    let verdict = verdict.map_err(|error| {
        metrics::login("overloaded");
        Error::from(error)
    })?;
    let user = credentials.as_ref().map(|(id, _)| *id);
    match attempt(&state, &client, account, user, verdict).await? {
        Ok(issued) => {
            metrics::login("success");
            if let (Some((id, outdated)), Verdict::Right { outdated: true }) = (credentials, verdict) {
                rehash(&state, id, &outdated, &body.password).await;
            }
            Ok((NO_STORE, Json((*issued).into())))
        }
        Err(failure) => {
            metrics::login(failure.as_str());
            state.address_limit.count(client.ip).await;
            Err(Error::InvalidCredentials.into())
        }
    }
}

/// Records the attempt and opens the session, all in one transaction. The lock is looked at under
/// the row's lock after the password was compared: of many guesses sent at once, those beyond the
/// allowed number count as wrong even when one is right.
async fn attempt(
    state: &AppState,
    client: &Client,
    account: AccountKey,
    user: Option<Uuid>,
    verdict: Verdict,
) -> Result<Result<Box<Issued>, LoginFailure>, Error> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let locked_until = store::login_failures::locked_until(&mut transaction, account, now).await?;
    // During a lock the verdict is not looked at, so that the time tells nothing of it either.
    let result = if locked_until.is_some_and(|until| until > now) {
        Err(LoginFailure::Locked)
    } else {
        match (user, verdict) {
            (Some(id), Verdict::Right { .. }) => store::users::find_steady(&mut transaction, id)
                .await?
                .ok_or(LoginFailure::UnknownAccount),
            (Some(_), Verdict::Wrong) => Err(LoginFailure::WrongPassword),
            (None, _) => Err(LoginFailure::UnknownAccount),
        }
    };
    let result = match result {
        Ok(found) => {
            store::login_failures::clear(&mut transaction, account).await?;
            record::login_succeeded(&mut transaction, &state.clock, client, &found, account).await?;
            let issued = sessions::open(&mut transaction, &state.tokens, found, client, now).await?;
            Ok(Box::new(issued))
        }
        Err(failure) => {
            // A lock that guesses could prolong would keep the owner out for good.
            if failure != LoginFailure::Locked {
                let forget_before = now - FORGET_FAILURES_AFTER;
                let failures =
                    store::login_failures::count(&mut transaction, account, now, forget_before).await?;
                if let Some(lock) = lock_after(failures) {
                    store::login_failures::lock(&mut transaction, account, now + lock).await?;
                }
            }
            record::login_failed(&mut transaction, &state.clock, client, user, account, failure).await?;
            Err(failure)
        }
    };
    transaction.commit().await.store("commit")?;
    Ok(result)
}

/// Replaces a hash that is cheaper than configured now. A failure only means that it stays until
/// the next login.
async fn rehash(state: &AppState, id: Uuid, outdated: &str, password: &SecretString) {
    let replaced: Result<(), Error> = async {
        let hash = state.passwords.hash(password).await?;
        let mut connection = state.db.acquire().await.store("acquire")?;
        store::users::replace_hash(&mut connection, id, outdated, &hash).await?;
        Ok(())
    }
    .await;
    if let Err(error) = replaced {
        tracing::warn!(error = %telemetry::Chain(&error), "an outdated password hash stays for now");
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
    let refreshed = sessions::refresh(&mut transaction, &state.tokens, token, &client, &state.clock).await?;
    transaction.commit().await.store("commit")?;
    match refreshed {
        Refreshed::Issued(issued) => {
            metrics::refresh("success");
            Ok((NO_STORE, Json((*issued).into())))
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
