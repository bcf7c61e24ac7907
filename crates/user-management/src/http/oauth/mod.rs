//! `/oauth2`: the endpoints of the OAuth 2.0 and OpenID Connect provider.
//!
//! What a person sees (`authorize`, `login`, `consent`, `logout`) answers with pages, what a program
//! calls with JSON as OAuth has it, and what an administrator calls (`clients`) as the rest of our API.

pub(crate) mod applications;
pub(crate) mod authorize;
pub(crate) mod clients;
pub(crate) mod consent;
pub(crate) mod cors;
pub(crate) mod discovery;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderName, StatusCode};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use common::Text;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::Problem;
use common::http::openapi::{Operation, Part};
use common::telemetry::Chain;
use secrecy::ExposeSecret;
use serde_json::json;

use super::Client;
use crate::jws::{self, Header, JwsError};
use crate::oauth::assertion;
use crate::oauth::client::{Credentials, OAuthClient, Shown};
use crate::oauth::client_keys::ClientKeys;
use crate::oauth::error::OAuthError;
use crate::oauth::params::Params;
use crate::record::Audited;
use crate::{AppState, store};

/// Says where a request comes from; only browsers send it, and no page can make them lie.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A longer body is no form of OAuth.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// A body of `application/x-www-form-urlencoded`.
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Params);

impl Part for Form {
    fn describe(operation: &mut Operation<'_>) {
        operation.body("application/x-www-form-urlencoded", &json!({"type": "object"}));
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        let form = read_form(request, state).await;
        form.map(Self).map_err(OAuthError::InvalidRequest)
    }
}

/// The form in a request, or why there is none.
pub(super) async fn read_form<S: Send + Sync>(request: Request, state: &S) -> Result<Params, &'static str> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default()
        .trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err("the body must be application/x-www-form-urlencoded");
    }
    let bytes = Bytes::from_request(request, state).await;
    let bytes = bytes.map_err(|_| "the body could not be read")?;
    if bytes.len() > MAX_FORM_BYTES {
        return Err("the body is too large");
    }
    Ok(Params::parse(&bytes))
}

/// The client that a request shows to come from.
async fn authenticated(
    state: &AppState,
    headers: &HeaderMap,
    caller: &Client,
    params: &Params,
) -> Result<OAuthClient, OAuthError> {
    if params.repeated().is_some() {
        return Err(OAuthError::InvalidRequest("a parameter is repeated"));
    }
    let authorization = match headers.get(AUTHORIZATION).map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(OAuthError::InvalidClient { basic: true }),
    };
    let shown = Credentials::read(authorization, params)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let client = store::oauth_clients::find(&mut connection, &shown.client_id).await?;
    let client = client.ok_or_else(|| shown.refused())?;
    match (&shown.proof, &client.keys) {
        (Shown::Assertion(assertion), Some(keys)) => {
            drop(connection);
            accept(state, caller, &client, keys, assertion.expose_secret()).await?;
        }
        _ => client.check(&shown, state.clock.now())?,
    }
    Ok(client)
}

/// Checks an assertion of the client, which is good once.
async fn accept(
    state: &AppState,
    caller: &Client,
    client: &OAuthClient,
    keys: &ClientKeys,
    token: &str,
) -> Result<(), OAuthError> {
    let now = state.clock.now();
    let refused = |error: JwsError| {
        tracing::debug!(labels.client_id = client.id, error = %Chain(&error), "an assertion is refused");
        OAuthError::InvalidAssertion("client_assertion is not signed with a key of the client")
    };
    let header = Header::read(token).map_err(refused)?;
    let published = state.provider.published_keys();
    let keys = published.of(keys, header.kid.as_deref(), now).await.map_err(|error| {
        tracing::warn!(labels.client_id = client.id, error = %Chain(error.as_ref()), "keys of a client cannot be had");
        OAuthError::InvalidAssertion("the keys of the client could not be read at its jwks_uri")
    })?;
    let claims = jws::open(token, &header, &keys).map_err(refused)?;
    let endpoint = state.provider.url("/oauth2/token");
    let audiences = [state.provider.issuer(), &endpoint];
    let accepted = assertion::check(&claims, &client.id, &audiences, now);
    let accepted = accepted.map_err(OAuthError::InvalidAssertion)?;
    let mut transaction = state.db.begin().await.store("begin")?;
    let new = store::client_assertions::insert(&mut transaction, &client.id, &accepted).await?;
    if !new {
        let audited = Audited {
            action: "oauth.assertion_reused",
            outcome: Outcome::Denied,
            user: client.service_account,
            details: json!({ "client_id": client.id }),
        };
        audited
            .append(&mut transaction, &state.clock, None, Some(caller))
            .await?;
    }
    transaction.commit().await.store("commit")?;
    if new {
        Ok(())
    } else {
        Err(OAuthError::InvalidAssertion(
            "the assertion was shown before: each needs a jti of its own",
        ))
    }
}

/// Refuses a form that a page of another site sent. Our own pages have `Referrer-Policy: no-referrer`,
/// by which browsers send `Origin: null` with forms, so that `Origin` tells nothing here.
pub(super) fn from_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(SEC_FETCH_SITE).map(::http::HeaderValue::as_bytes) {
        None | Some(b"same-origin") => Ok(()),
        Some(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "oauth.foreign_form",
            Text::new(
                "Форма отправлена с чужой страницы",
                "The form came from another site",
            ),
        )),
    }
}
