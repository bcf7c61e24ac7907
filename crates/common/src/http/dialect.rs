//! Problems in the words of the protocols that clients of language models speak: OpenAI's and
//! Anthropic's. Their SDKs read the type of an error, its code and its message out of these bodies.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// SDKs obey it before they look at the status.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// No problem of ours is longer.
const MAX_BYTES: usize = 64 * 1024;

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Chat Completions and Responses.
    OpenAi,
    /// Messages.
    Anthropic,
}

impl Dialect {
    /// The protocol of a request; `None` for our own paths.
    #[must_use]
    pub fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        let rest = path.strip_prefix("/v1")?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let anthropic = rest == "/messages"
            || rest.starts_with("/messages/")
            || rest.starts_with("/models") && headers.contains_key(ANTHROPIC_VERSION);
        Some(if anthropic { Self::Anthropic } else { Self::OpenAi })
    }

    /// The body of an error, and its status, for a problem as [`Problem::to_json`] gives it.
    ///
    /// [`Problem::to_json`]: super::Problem::to_json
    #[must_use]
    pub fn error(self, problem: &Value) -> (StatusCode, Value) {
        let status = status_of(problem);
        let code = problem["code"].as_str().unwrap_or_default();
        let message = message_of(problem);
        match self {
            Self::OpenAi => {
                let (kind, code) = openai(status, code);
                let body = json!({"error": {"message": message, "type": kind, "param": param_of(problem), "code": code}});
                (status, body)
            }
            Self::Anthropic => {
                let status = if is_budget(code) {
                    StatusCode::PAYMENT_REQUIRED
                } else {
                    status
                };
                let error = json!({"type": anthropic(status), "message": message});
                (
                    status,
                    json!({"type": "error", "error": error, "request_id": problem["request_id"]}),
                )
            }
        }
    }

    /// The same response; a problem in it is put into the words of the protocol.
    pub async fn translate(self, response: Response) -> Response {
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
        if !is_problem {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let bytes = to_bytes(body, MAX_BYTES).await.unwrap_or_default();
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let (status, body) = self.error(&problem);
        parts.status = status;
        parts.headers.remove(CONTENT_LENGTH);
        parts
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if is_budget(problem["code"].as_str().unwrap_or_default()) {
            parts
                .headers
                .insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        Response::from_parts(parts, Body::from(body.to_string()))
    }
}

/// Money or tokens that are used up: waiting a moment brings none.
fn is_budget(code: &str) -> bool {
    code.ends_with("budget_exhausted")
}

fn status_of(problem: &Value) -> StatusCode {
    let status = problem["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match problem["code"].as_str().unwrap_or_default() {
        "assistant.unknown_model" => StatusCode::NOT_FOUND,
        code if is_budget(code) => StatusCode::TOO_MANY_REQUESTS,
        _ if status == StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        _ => status,
    }
}

/// Title, detail and what is wrong with single members, in one sentence after another.
fn message_of(problem: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let members = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| {
            Some(format!(
                "{}: {}",
                error["pointer"].as_str()?,
                error["detail"].as_str()?
            ))
        });
    let parts: Vec<String> = text(&problem["title"])
        .into_iter()
        .chain(text(&problem["detail"]))
        .chain(members)
        .collect();
    parts.join(". ")
}

/// The first wrong member, as OpenAI names it: `messages.0.content`.
fn param_of(problem: &Value) -> Value {
    let pointer = problem["errors"][0]["pointer"].as_str();
    pointer.map_or(Value::Null, |pointer| {
        pointer.trim_start_matches(['/', '?']).replace('/', ".").into()
    })
}

fn openai(status: StatusCode, code: &str) -> (&'static str, String) {
    let own = |code: &str| code.to_owned();
    if is_budget(code) {
        return ("insufficient_quota", own("insufficient_quota"));
    }
    let known = match code {
        "assistant.unknown_model" => Some("model_not_found"),
        "assistant.context_too_long" => Some("context_length_exceeded"),
        "assistant.content_refused" => Some("content_policy_violation"),
        "gateway.rate_limited" => Some("rate_limit_exceeded"),
        _ => None,
    };
    let kind = match status.as_u16() {
        401 => return ("authentication_error", own("invalid_api_key")),
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    (kind, own(known.unwrap_or(code)))
}

fn anthropic(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(dialect: Dialect, status: u16, code: &str) -> (u16, Value) {
        let problem = json!({"status": status, "code": code, "title": "T", "detail": "D", "request_id": "r",
            "errors": [{"pointer": "/messages/0", "detail": "E"}]});
        let (status, body) = dialect.error(&problem);
        (status.as_u16(), body)
    }

    #[test]
    fn paths_have_protocols() {
        let none = HeaderMap::new();
        let versioned = HeaderMap::from_iter([(ANTHROPIC_VERSION, HeaderValue::from_static("2023-06-01"))]);
        assert_eq!(Dialect::of("/v1/chat/completions", &none), Some(Dialect::OpenAi));
        assert_eq!(
            Dialect::of("/v1/messages/count_tokens", &none),
            Some(Dialect::Anthropic)
        );
        assert_eq!(Dialect::of("/v1/models", &none), Some(Dialect::OpenAi));
        assert_eq!(Dialect::of("/v1/models", &versioned), Some(Dialect::Anthropic));
        assert_eq!(Dialect::of("/v1x/models", &versioned), None);
        assert_eq!(Dialect::of("/mcp", &none), None);
    }

    #[test]
    fn problems_speak_the_protocol() {
        let (status, body) = error(Dialect::OpenAi, 422, "assistant.unknown_model");
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["type"]),
            (404, &json!("model_not_found"), &json!("invalid_request_error"))
        );
        assert_eq!(body["error"]["message"], "T. D. /messages/0: E");
        assert_eq!(body["error"]["param"], "messages.0");
        let (status, body) = error(Dialect::OpenAi, 429, "ai.budget_exhausted");
        assert_eq!(
            (status, &body["error"]["code"]),
            (429, &json!("insufficient_quota"))
        );
        let (status, body) = error(Dialect::Anthropic, 429, "ai.budget_exhausted");
        assert_eq!((status, &body["error"]["type"]), (402, &json!("billing_error")));
        let (status, body) = error(Dialect::Anthropic, 422, "request.validation_failed");
        assert_eq!(
            (status, &body["error"]["type"]),
            (400, &json!("invalid_request_error"))
        );
        assert_eq!(
            (&body["type"], &body["request_id"]),
            (&json!("error"), &json!("r"))
        );
        let (_, body) = error(Dialect::OpenAi, 401, "auth.token_required");
        assert_eq!(body["error"]["code"], "invalid_api_key");
    }
}
