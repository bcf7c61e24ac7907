//! What clients of language models and of MCP expect of a gateway: refusals in the words of their
//! protocol, the key in the header of theirs, and where to log in.

use axum::body::Body;
use common::http::dialect::Dialect;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Limited};

use crate::body::Answer;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// No problem of ours is longer.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;
const MCP: &str = "/mcp";
/// Where RFC 9728 has the metadata of `/mcp`.
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

/// What a request expects of its refusal.
#[derive(Debug)]
pub(crate) struct Expected {
    dialect: Option<Dialect>,
    /// The address of the metadata, for MCP clients.
    metadata: Option<String>,
}

impl Expected {
    pub(crate) fn of(parts: &Parts, secure: bool) -> Self {
        let path = parts.uri.path();
        let host = || {
            let of_uri = parts.uri.authority().map(|authority| authority.as_str());
            of_uri.or_else(|| parts.headers.get(HOST)?.to_str().ok())
        };
        let plain = |host: &&str| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        };
        let scheme = if secure { "https" } else { "http" };
        Self {
            dialect: Dialect::of(path, &parts.headers),
            metadata: (path == MCP)
                .then(host)
                .flatten()
                .filter(plain)
                .map(|host| format!("{scheme}://{host}{METADATA}")),
        }
    }

    /// The response as the client expects it.
    pub(crate) async fn finish(self, response: Response<Answer>) -> Response<Answer> {
        let mut response = match self.dialect {
            Some(dialect) if is_problem(&response) => {
                let (parts, body) = response.into_parts();
                let body = Limited::new(body, MAX_PROBLEM_BYTES).collect().await;
                let body = body.map(Collected::to_bytes).unwrap_or_default();
                let response = Response::from_parts(parts, Body::from(body));
                dialect.translate(response).await.map(Answer::Own)
            }
            Some(_) | None => response,
        };
        let error = match response.status() {
            StatusCode::UNAUTHORIZED => "",
            StatusCode::FORBIDDEN => ", error=\"insufficient_scope\", scope=\"onec:read\"",
            _ => return response,
        };
        if let Some(metadata) = self.metadata
            && let Ok(challenge) =
                HeaderValue::from_str(&format!("Bearer resource_metadata=\"{metadata}\"{error}"))
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn is_problem(response: &Response<Answer>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

/// Anthropic's SDK sends whatever it was given as a key in `x-api-key`, access tokens too: they go
/// where tokens belong.
pub(crate) fn move_token(headers: &mut HeaderMap) {
    let token = headers.get(X_API_KEY).and_then(|value| value.to_str().ok());
    let token = token.filter(|token| token.split('.').count() == 3);
    let bearer = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    if let Some(mut bearer) = bearer {
        bearer.set_sensitive(true);
        headers.remove(X_API_KEY);
        headers.insert(AUTHORIZATION, bearer);
    }
}
