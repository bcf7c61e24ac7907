//! `/auth/login`, `/auth/passkeys` and `/auth/step-up`: proving who one is.

use ::http::header::{CACHE_CONTROL, SET_COOKIE};
use ::http::{HeaderMap, HeaderValue};
use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Problem, Violations};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::passkeys::request_options;
use super::users::UserResponse;
use super::{Client, optional_secret, secret};
use crate::account::AccountKey;
use crate::challenges::{self, Challenge, Purpose};
use crate::error::Error;
use crate::login::{self, Method, Proof, Shown, Step};
use crate::second_factors::Answer;
use crate::sessions::{Grant, Issued, Kind};
use crate::webauthn::Assertion;
use crate::{AppState, store};

/// Tokens must not stay in a cache (RFC 6749, section 5.1).
pub(super) fn no_store() -> HeaderMap {
    HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Login {
    email: String,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    password: SecretString,
    /// Whether the refresh token is to be kept by the browser as a cookie.
    #[serde(default)]
    cookie: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct TokensResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    /// Absent when the browser keeps it as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What goes with the cookie, as the header `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    refresh_expires_in: i64,
    user: UserResponse,
}

/// An answer that carries tokens.
pub(crate) type TokensAnswer = (HeaderMap, Json<TokensResponse>);

/// The answer that carries these tokens, to a program or to a browser.
pub(super) fn tokens_answer(state: &AppState, issued: Issued) -> Result<TokensAnswer, Problem> {
    let mut headers = no_store();
    let refresh_token = issued.refresh_token.expose_secret();
    let (refresh_token, csrf_token) = match issued.kind {
        Kind::Bearer => (Some(refresh_token.to_owned()), None),
        Kind::Cookie => {
            let cookie = state
                .cookies
                .keep_refresh_token(refresh_token, issued.refresh_expires_in);
            headers.append(SET_COOKIE, cookie.map_err(Problem::internal)?);
            (None, Some(state.cookies.csrf_token(issued.session)))
        }
    };
    let body = TokensResponse {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.access_expires_in,
        refresh_token,
        csrf_token,
        refresh_expires_in: issued.refresh_expires_in,
        user: issued.user.into(),
    };
    Ok((headers, Json(body)))
}

/// What a factor led to, as an answer: tokens, or the question for a second factor.
pub(super) async fn finish(
    state: &AppState,
    client: &Client,
    request: &HeaderMap,
    step: Step,
    cookie: bool,
) -> Result<TokensAnswer, Problem> {
    let (user, proof) = match step {
        Step::Done { user, proof } => (user, proof),
        Step::SecondFactor(challenge) => return Err(second_factor_required(state, challenge).await?),
    };
    let now = state.clock.now();
    let account = AccountKey::of(user.email.as_str());
    let kind = if cookie { Kind::Cookie } else { Kind::Bearer };
    let device = state.cookies.device(request, now);
    let grant = Grant::own(kind);
    let issued = login::open(state, user, proof, client, device.as_ref(), grant).await?;
    let (mut headers, body) = tokens_answer(state, issued)?;
    let known = state.cookies.know_device(device.as_ref(), account, now);
    headers.append(SET_COOKIE, known.map_err(Problem::internal)?);
    Ok((headers, body))
}

/// 401 with what the second step of the login needs.
async fn second_factor_required(state: &AppState, challenge: Challenge) -> Result<Problem, Error> {
    let methods: Vec<&str> = challenge.methods.iter().map(|method| name(*method)).collect();
    // Without a host name passkeys cannot be used, and the other factors still can.
    let relying_party = state.second_factors.relying_party().ok();
    let passkeys = match (challenge.user_id, challenge.passkey_challenge, relying_party) {
        (Some(user), Some(bytes), Some(relying_party)) => {
            let mut connection = state.db.acquire().await.store("acquire")?;
            let passkeys = store::passkeys::list(&mut connection, user).await?;
            Some(request_options(relying_party, &bytes, &passkeys))
        }
        _ => None,
    };
    let problem = Problem::from(Error::SecondFactorRequired)
        .extension("challenge", challenge.token.expose_secret())
        .extension("methods", methods);
    Ok(match passkeys {
        Some(options) => problem.extension("public_key", options),
        None => problem,
    })
}

/// The name of a second factor, that of the member that shows it.
fn name(method: Method) -> &'static str {
    match method {
        Method::Otp => "code",
        Method::Recovery => "recovery_code",
        Method::Passkey => "passkey",
        Method::Pwd => "password",
        Method::Federated => "federated",
    }
}

/// Logs in by e-mail address and password.
pub(crate) async fn login(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<TokensAnswer, Problem> {
    let device = state.cookies.device(&headers, state.clock.now());
    let step = login::by_password(&state, &client, device.as_ref(), &body.email, &body.password).await?;
    finish(&state, &client, &headers, step, body.cookie).await
}

/// A second factor: one of the three.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Factor {
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    code: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    recovery_code: Option<SecretString>,
    passkey: Option<Assertion>,
}

impl Factor {
    /// What was shown; `None` when nothing was.
    fn into_answer(self) -> Result<Option<Answer>, Problem> {
        let mut answers = [
            self.code.map(Answer::Code),
            self.recovery_code.map(Answer::Recovery),
            self.passkey.map(Answer::Passkey),
        ]
        .into_iter()
        .flatten();
        let answer = answers.next();
        let mut violations = Violations::new();
        violations.check(
            answers.next().is_none(),
            "",
            Text::new(
                "Передайте что-то одно: code, recovery_code или passkey.",
                "Send one of code, recovery_code and passkey.",
            ),
        );
        violations.finish()?;
        Ok(answer)
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct SecondFactor {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    challenge: SecretString,
    #[serde(flatten)]
    factor: Factor,
    #[serde(default)]
    cookie: bool,
}

/// The second step of a login.
pub(crate) async fn second_factor(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<SecondFactor>,
) -> Result<TokensAnswer, Problem> {
    let Some(answer) = body.factor.into_answer()? else {
        let mut violations = Violations::new();
        violations.add(
            "",
            Text::new(
                "Передайте code, recovery_code или passkey.",
                "Send code, recovery_code or passkey.",
            ),
        );
        return Err(violations.finish().err().unwrap_or_else(Problem::not_found));
    };
    let (user, proof) = login::by_second_factor(&state, &client, &body.challenge, &answer).await?;
    finish(&state, &client, &headers, Step::Done { user, proof }, body.cookie).await
}

/// What a browser asks a passkey with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PasskeyRequest {
    challenge: String,
    public_key: Value,
}

/// Begins a login by passkey alone: the browser offers those that it has for this site.
pub(crate) async fn passkey_options(
    State(state): State<AppState>,
) -> Result<(HeaderMap, Json<PasskeyRequest>), Problem> {
    let relying_party = state.second_factors.relying_party()?;
    let now = state.clock.now();
    let nothing = Proof::nothing(now);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let methods = vec![Method::Passkey];
    let challenge = challenges::begin(
        &mut connection,
        Purpose::PasskeyLogin,
        None,
        &nothing,
        methods,
        now,
    )
    .await?;
    let bytes = challenge.passkey_challenge.unwrap_or_default();
    let body = PasskeyRequest {
        challenge: challenge.token.expose_secret().to_owned(),
        public_key: request_options(relying_party, &bytes, &[]),
    };
    Ok((no_store(), Json(body)))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct PasskeyLogin {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    challenge: SecretString,
    passkey: Assertion,
    #[serde(default)]
    cookie: bool,
}

/// Logs in by passkey alone.
pub(crate) async fn passkey_login(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<PasskeyLogin>,
) -> Result<TokensAnswer, Problem> {
    let (user, proof) = login::by_passkey(&state, &client, &body.challenge, &body.passkey).await?;
    finish(&state, &client, &headers, Step::Done { user, proof }, body.cookie).await
}

/// What a browser asks the caller's passkeys with, to prove again who they are.
pub(crate) async fn step_up_options(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<(HeaderMap, Json<PasskeyRequest>), Problem> {
    let relying_party = state.second_factors.relying_party()?;
    let challenge = login::begin_step_up(&state, &identity).await?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let passkeys = store::passkeys::list(&mut connection, identity.user_id).await?;
    let bytes = challenge.passkey_challenge.unwrap_or_default();
    let body = PasskeyRequest {
        challenge: challenge.token.expose_secret().to_owned(),
        public_key: request_options(relying_party, &bytes, &passkeys),
    };
    Ok((no_store(), Json(body)))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct StepUp {
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    password: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    challenge: Option<SecretString>,
    #[serde(flatten)]
    factor: Factor,
}

/// An access token that tells of the newest proof.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccessResponse {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: i64,
}

/// Proves again who the caller is, in the session that they have.
pub(crate) async fn step_up(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<StepUp>,
) -> Result<(HeaderMap, Json<AccessResponse>), Problem> {
    let shown = Shown {
        password: body.password,
        challenge: body.challenge,
        second_factor: body.factor.into_answer()?,
    };
    let access = login::step_up(&state, &client, &identity, &shown).await?;
    let body = AccessResponse {
        access_token: access.token,
        token_type: "Bearer",
        expires_in: access.expires_in,
    };
    Ok((no_store(), Json(body)))
}
