//! Errors as OAuth clients understand them: JSON with `error` and `error_description` (RFC 6749,
//! section 5.2; RFC 6750, section 3.1; RFC 7591, section 3.2.2).

use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use ::http::{HeaderValue, StatusCode};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use common::Locale;
use common::db::StoreError;
use common::http::Problem;
use common::http::layers::ProblemCode;
use serde_json::json;

use crate::error::Error;

/// A request of a client that is refused.
#[derive(Debug)]
pub(crate) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient {
        /// True when the client tried HTTP Basic authentication.
        basic: bool,
    },
    /// The token by which a client shows that it is itself does not count.
    InvalidAssertion(&'static str),
    InvalidGrant(&'static str),
    UnauthorizedClient(&'static str),
    UnsupportedGrantType,
    InvalidScope(&'static str),
    /// The access token is missing or opens nothing.
    InvalidToken,
    InsufficientScope,
    InvalidRedirectUri(String),
    InvalidClientMetadata(String),
    /// Not the client's fault.
    Other(Problem),
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

impl OAuthError {
    /// Status, code of the access log, and description. The last part of the code is the `error`.
    fn parts(&self) -> (StatusCode, &'static str, String) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest(text) => (S::BAD_REQUEST, "oauth.invalid_request", (*text).to_owned()),
            Self::InvalidClient { .. } => {
                let text = "the client is unknown or did not prove to be itself";
                (S::UNAUTHORIZED, "oauth.invalid_client", text.to_owned())
            }
            Self::InvalidAssertion(text) => (S::UNAUTHORIZED, "oauth.invalid_client", (*text).to_owned()),
            Self::InvalidGrant(text) => (S::BAD_REQUEST, "oauth.invalid_grant", (*text).to_owned()),
            Self::UnauthorizedClient(text) => {
                (S::BAD_REQUEST, "oauth.unauthorized_client", (*text).to_owned())
            }
            Self::UnsupportedGrantType => {
                let text = "grant_type is none of those in the metadata";
                (S::BAD_REQUEST, "oauth.unsupported_grant_type", text.to_owned())
            }
            Self::InvalidScope(text) => (S::BAD_REQUEST, "oauth.invalid_scope", (*text).to_owned()),
            Self::InvalidToken => {
                let text = "the access token is missing, expired or revoked";
                (S::UNAUTHORIZED, "oauth.invalid_token", text.to_owned())
            }
            Self::InsufficientScope => {
                let text = "the access token was not issued for openid";
                (S::FORBIDDEN, "oauth.insufficient_scope", text.to_owned())
            }
            Self::InvalidRedirectUri(text) => (S::BAD_REQUEST, "oauth.invalid_redirect_uri", text.clone()),
            Self::InvalidClientMetadata(text) => {
                (S::BAD_REQUEST, "oauth.invalid_client_metadata", text.clone())
            }
            Self::Other(problem) => {
                let (status, code) = (problem.status(), problem.code());
                let body = problem.to_json(Locale::En, None);
                let text = body["detail"]
                    .as_str()
                    .or(body["title"].as_str())
                    .unwrap_or_default();
                (status, code, text.to_owned())
            }
        }
    }

    /// What `WWW-Authenticate` says.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::InvalidClient { basic: true } => Some(r#"Basic realm="oauth""#),
            Self::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            Self::InsufficientScope => Some(r#"Bearer error="insufficient_scope", scope="openid""#),
            _ => None,
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, code, description) = self.parts();
        let challenge = self.challenge();
        let error = match (code.strip_prefix("oauth."), status) {
            (Some(error), _) => error,
            (None, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
                "temporarily_unavailable"
            }
            (None, status) if status.is_server_error() => "server_error",
            (None, _) => "invalid_request",
        };
        let body = Body::from(json!({ "error": error, "error_description": description }).to_string());
        let mut response = match self {
            // Logs the cause.
            Self::Other(problem) => problem.into_response(),
            _ => Response::new(Body::empty()),
        };
        *response.status_mut() = status;
        *response.body_mut() = body;
        response.extensions_mut().insert(ProblemCode(code));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}
