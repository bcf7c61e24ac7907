//! Cross-origin requests of browsers (Fetch standard, "CORS protocol"): refused unless the origin
//! is listed. Tokens travel in a header, so credentials are never allowed.

use std::str::FromStr;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::routing::Origins;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, accept-language, idempotency-key, last-event-id, \
                               x-request-id, traceparent, mcp-session-id, mcp-protocol-version, mcp-method, \
                               mcp-name, x-api-key, anthropic-version, x-company-id, x-infobase-id";
const RESPONSE_HEADERS: &str = "x-request-id, retry-after, ratelimit, ratelimit-policy, location, \
                                content-disposition, mcp-session-id, www-authenticate";

/// The origins that may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

/// The text is not a list of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a list of origins such as https://app.example.org, separated by commas")]
pub struct NotOrigins;

impl FromStr for AllowedOrigins {
    type Err = NotOrigins;

    fn from_str(text: &str) -> Result<Self, NotOrigins> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origins: Option<Vec<String>> = parts
            .map(|part| {
                let url = Url::parse(part).ok()?;
                let origin = url.origin();
                let bare = origin.is_tuple() && url.path() == "/" && url.query().is_none();
                bare.then(|| origin.ascii_serialization())
            })
            .collect();
        origins.map(Self).ok_or(NotOrigins)
    }
}

impl AllowedOrigins {
    /// The origin of a request when it is one of these.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.0
            .iter()
            .any(|allowed| allowed == text)
            .then(|| origin.clone())
    }
}

/// The answer to the question that a browser asks before the request itself, if it is one.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(REQUEST_HEADERS),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(response)
}

/// Lets the page of that origin read an answer. What a service says about origins is removed, except
/// where it decides on them too.
pub(crate) fn finish(headers: &mut HeaderMap, origin: Option<HeaderValue>, decided: Origins) {
    if decided == Origins::Listed {
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(RESPONSE_HEADERS),
        );
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        let origins: AllowedOrigins = "https://app.example.org, http://localhost:5173/".parse().unwrap();
        let allowed = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            origins.of(&headers).is_some()
        };
        assert!(allowed("https://app.example.org"));
        assert!(allowed("http://localhost:5173"));
        for other in [
            "http://app.example.org",
            "https://app.example.org.evil",
            "null",
            "http://localhost",
        ] {
            assert!(!allowed(other), "{other}");
        }
        for text in [
            "*",
            "app.example.org",
            "https://app.example.org/path",
            "file:///x",
        ] {
            assert_eq!(text.parse::<AllowedOrigins>(), Err(NotOrigins), "{text}");
        }
    }
}
