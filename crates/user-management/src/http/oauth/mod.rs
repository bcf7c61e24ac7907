//! `/oauth2`: the endpoints of the OAuth 2.0 and OpenID Connect provider.
//!
//! What a person sees (`authorize`, `login`, `consent`, `logout`) answers with pages, what a program
//! calls with JSON as OAuth has it, and what an administrator calls (`clients`) as the rest of our API.

pub(crate) mod applications;
pub(crate) mod authorize;
pub(crate) mod clients;
pub(crate) mod consent;
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
use common::db::StoreResult;
use common::http::Problem;

use crate::oauth::client::{Credentials, OAuthClient};
use crate::oauth::error::OAuthError;
use crate::oauth::params::Params;
use crate::{AppState, store};

/// Says where a request comes from; only browsers send it, and no page can make them lie.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A longer body is no form of OAuth.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// A body of `application/x-www-form-urlencoded`.
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Params);

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
    client.check(&shown, state.clock.now())?;
    Ok(client)
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
