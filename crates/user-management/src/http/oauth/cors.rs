//! Which pages may read the answers of the endpoints that programs in a browser call (Fetch standard,
//! "CORS protocol"). No cookie counts at any of them, so that credentials are never allowed.
//!
//! What we say of ourselves may be read by every page. What belongs to somebody may be read by pages
//! of the origins that clients without a secret are sent back to.

use ::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::db::StoreResult;
use url::Url;

use crate::{AppState, store};

/// Lets every page read an answer.
pub(crate) const ANY_ORIGIN: (HeaderName, &str) = (ACCESS_CONTROL_ALLOW_ORIGIN, "*");

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, accept-language, x-request-id, traceparent");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("www-authenticate, retry-after, x-request-id");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origin of a page that may read the answer, if the request comes from such a page.
pub(super) async fn origin(state: &AppState, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let text = origin.to_str().ok().filter(|text| is_origin(text))?;
    let found = async {
        let mut connection = state.db.acquire().await.store("acquire")?;
        store::oauth_clients::has_origin(&mut connection, text).await
    };
    // Without the database there is nothing to be read anyway.
    found.await.unwrap_or(false).then(|| origin.clone())
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

/// The answer, for the page of that origin to be read.
pub(super) fn readable(answer: impl IntoResponse, origin: Option<HeaderValue>) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    response
}

/// `OPTIONS` of what belongs to somebody: a browser asks whether its page may call.
pub(crate) async fn preflight(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let origin = origin(&state, &headers).await;
    allowance(origin)
}

/// `OPTIONS` of what every page may read.
pub(crate) async fn preflight_of_any() -> Response {
    allowance(Some(HeaderValue::from_static("*")))
}

/// `OPTIONS` of the registration: where programs may register themselves, those in a browser do too.
pub(crate) async fn preflight_of_registration(State(state): State<AppState>) -> Response {
    allowance(of_registration(&state))
}

/// Who may read the answers of the registration.
pub(super) fn of_registration(state: &AppState) -> Option<HeaderValue> {
    let any = HeaderValue::from_static("*");
    state.provider.registration_open().then_some(any)
}

fn allowance(origin: Option<HeaderValue>) -> Response {
    let allowed = origin.is_some();
    let mut response = readable(StatusCode::NO_CONTENT, origin);
    if allowed {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_in_one_way() {
        for text in [
            "https://app.example.ru",
            "http://localhost:5173",
            "https://[::1]:8443",
        ] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "null",
            "*",
            "https://app.example.ru/",
            "https://App.example.ru",
            "https://app.example.ru:443",
            "https://user@app.example.ru",
            "cursor://x",
            "",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
