//! What goes wrong with providers, and what follows from it.

use chrono::{DateTime, Utc};
use common::BoxError;
use http::StatusCode;
use serde::Deserialize;

use super::Tokens;
use super::advice::Advice;
use crate::budget::Refusal;

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection.
    Unreachable,
    /// It accepted the question and began no answer in time.
    NoFirstToken,
    /// It stopped in the middle.
    Stalled,
    /// The whole turn took too long.
    TimedOut,
    /// The stream ended before the answer did.
    Interrupted,
    /// It sent what its protocol does not know.
    Malformed,
    /// Too many requests for now.
    RateLimited,
    /// The money is used up; waiting does not help.
    QuotaExhausted,
    /// The key is wrong.
    Unauthorized,
    /// The conversation does not fit the model.
    ContextTooLong,
    /// The provider's rules forbid the question or the answer.
    ContentRefused,
    /// It has no such model.
    ModelNotFound,
    /// It does not accept the request.
    InvalidRequest,
    /// It is overloaded.
    Overloaded,
    /// It failed.
    Server,
    /// It has failed too often and is left alone for a while; it was not asked.
    Resting,
    /// The budget of the caller does not leave enough; nobody was asked.
    BudgetExhausted,
    /// The budget is one of money and the price of the model is not known; it was not asked.
    PriceUnknown,
    /// The budget cannot be looked at; nobody was asked.
    BudgetUnavailable,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The same model may answer a moment later.
    Again,
    /// Another model may answer.
    Next,
    /// A model of another provider may answer: the account or the key is at fault.
    Elsewhere,
    /// A model with a larger window may answer.
    Larger,
    /// Nobody is asked any more.
    Stop,
}

impl Failure {
    /// What a call can end with; where a budget refuses, there is no call.
    pub(crate) const ALL: [Self; 16] = [
        Self::Unreachable,
        Self::NoFirstToken,
        Self::Stalled,
        Self::TimedOut,
        Self::Interrupted,
        Self::Malformed,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Unauthorized,
        Self::ContextTooLong,
        Self::ContentRefused,
        Self::ModelNotFound,
        Self::InvalidRequest,
        Self::Overloaded,
        Self::Server,
        Self::Resting,
    ];

    /// The name in metrics and usage rows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NoFirstToken => "no_first_token",
            Self::Stalled => "stalled",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Malformed => "malformed",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Unauthorized => "unauthorized",
            Self::ContextTooLong => "context_too_long",
            Self::ContentRefused => "content_refused",
            Self::ModelNotFound => "model_not_found",
            Self::InvalidRequest => "invalid_request",
            Self::Overloaded => "overloaded",
            Self::Server => "server_error",
            Self::Resting => "resting",
            Self::BudgetExhausted => "budget_exhausted",
            Self::PriceUnknown => "price_unknown",
            Self::BudgetUnavailable => "budget_unavailable",
        }
    }

    /// What is done next.
    pub(super) const fn then(self) -> Then {
        match self {
            Self::Unreachable
            | Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::Interrupted
            | Self::Malformed => Then::Again,
            Self::NoFirstToken
            | Self::Stalled
            | Self::ModelNotFound
            | Self::InvalidRequest
            | Self::PriceUnknown
            | Self::Resting => Then::Next,
            Self::QuotaExhausted | Self::Unauthorized => Then::Elsewhere,
            Self::ContextTooLong => Then::Larger,
            // Another provider is not asked what one has refused to speak of.
            Self::ContentRefused | Self::TimedOut | Self::BudgetExhausted | Self::BudgetUnavailable => {
                Then::Stop
            }
        }
    }

    /// True when the provider does not work, rather than not liking this request.
    pub(super) const fn is_outage(self) -> bool {
        match self {
            Self::Unreachable
            | Self::NoFirstToken
            | Self::Stalled
            | Self::Interrupted
            | Self::Malformed
            | Self::Overloaded
            | Self::Server => true,
            Self::TimedOut
            | Self::RateLimited
            | Self::QuotaExhausted
            | Self::Unauthorized
            | Self::ContextTooLong
            | Self::ContentRefused
            | Self::ModelNotFound
            | Self::InvalidRequest
            | Self::Resting
            | Self::BudgetExhausted
            | Self::PriceUnknown
            | Self::BudgetUnavailable => false,
        }
    }

    /// True when it is the caller's budget that refuses, not the provider.
    pub(crate) const fn is_budget(self) -> bool {
        matches!(
            self,
            Self::BudgetExhausted | Self::PriceUnknown | Self::BudgetUnavailable
        )
    }

    /// True when the provider's advice of when to come back holds for all requests.
    pub(super) const fn asks_to_wait(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Server)
    }
}

/// A turn that failed.
#[derive(Debug, thiserror::Error)]
#[error("the model provider failed: {}", failure.as_str())]
pub(crate) struct ProviderError {
    pub(crate) failure: Failure,
    /// When the provider wants to be asked again.
    pub(crate) advice: Advice,
    /// What the failed turn used, as far as the provider said.
    pub(crate) tokens: Tokens,
    #[source]
    source: Option<BoxError>,
}

impl ProviderError {
    pub(crate) fn new(failure: Failure) -> Self {
        Self {
            failure,
            advice: Advice::default(),
            tokens: Tokens::default(),
            source: None,
        }
    }

    pub(super) fn because(failure: Failure, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(failure)
        }
    }

    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        Self::because(Failure::Unreachable, error.without_url())
    }

    /// The same, after so many tokens.
    pub(super) fn using(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// The budget that refuses.
    pub(super) fn of_budget(refusal: Refusal) -> Self {
        let failure = match refusal {
            Refusal::Exhausted { .. } => Failure::BudgetExhausted,
            Refusal::PriceUnknown => Failure::PriceUnknown,
            Refusal::Store(_) => Failure::BudgetUnavailable,
        };
        Self::because(failure, refusal)
    }

    /// Why a budget refuses, when it is one that does.
    pub(crate) fn into_refusal(self) -> Result<Refusal, Self> {
        match self.source {
            Some(source) if self.failure.is_budget() => match source.downcast::<Refusal>() {
                Ok(refusal) => Ok(*refusal),
                Err(source) => Err(Self {
                    source: Some(source),
                    ..self
                }),
            },
            source => Err(Self { source, ..self }),
        }
    }

    /// True when the same model may answer a moment later. What the provider says of it goes
    /// before what the failure means, but for money: waiting brings none.
    pub(super) fn may_pass(&self) -> bool {
        if self.failure == Failure::QuotaExhausted {
            return false;
        }
        self.advice.should.unwrap_or(self.failure.then() == Then::Again)
    }
}

/// An error object of any provider, in a body or in a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorObject {
    pub(super) message: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) code: Option<serde_json::Value>,
    pub(super) details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    error_code: Option<String>,
}

/// The error of a body or of a chunk: an object, or a text as some servers have it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AnyError {
    Object(ErrorObject),
    Text(String),
    Other(serde_json::Value),
}

impl AnyError {
    pub(super) fn object(self) -> ErrorObject {
        match self {
            Self::Object(object) => object,
            Self::Text(message) => ErrorObject {
                message: Some(message),
                ..ErrorObject::default()
            },
            Self::Other(value) => ErrorObject {
                message: Some(value.to_string()),
                ..ErrorObject::default()
            },
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Option<AnyError>,
    /// Where GigaChat and others say it.
    message: Option<String>,
}

/// Reads the error out of a response that is no success.
pub(super) async fn of_response(mut response: reqwest::Response, now: DateTime<Utc>) -> ProviderError {
    let status = response.status();
    let advice = Advice::of(response.headers(), now);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > 64 * 1024 {
            break;
        }
    }
    let body = serde_json::from_slice::<ErrorBody>(&body).unwrap_or_default();
    let object = body.error.map(AnyError::object).unwrap_or(ErrorObject {
        message: body.message,
        ..ErrorObject::default()
    });
    let failure = by_status(status, &object);
    // Messages about keys quote parts of them.
    let message = if failure == Failure::Unauthorized {
        format!("status {status}")
    } else {
        let message: String = object.message.unwrap_or_default().chars().take(300).collect();
        format!("status {status}: {message}")
    };
    ProviderError {
        advice,
        ..ProviderError::because(failure, message)
    }
}

fn by_status(status: StatusCode, object: &ErrorObject) -> Failure {
    match status.as_u16() {
        401 | 403 => Failure::Unauthorized,
        402 => Failure::QuotaExhausted,
        404 => Failure::ModelNotFound,
        413 => Failure::ContextTooLong,
        529 => Failure::Overloaded,
        408 | 409 | 500.. => Failure::Server,
        429 => by_name(object)
            .filter(|failure| *failure == Failure::QuotaExhausted)
            .unwrap_or(Failure::RateLimited),
        _ => by_name(object).unwrap_or(Failure::InvalidRequest),
    }
}

/// The failure that an error object names.
pub(super) fn by_name(object: &ErrorObject) -> Option<Failure> {
    let code = object.code.as_ref().and_then(serde_json::Value::as_str);
    let spend_limit = object
        .details
        .as_ref()
        .and_then(|details| details.error_code.as_deref());
    let names = [code, object.kind.as_deref(), spend_limit];
    let is = |wanted: &[&str]| names.iter().flatten().any(|name| wanted.contains(name));
    let message = object.message.as_deref().unwrap_or_default().to_lowercase();
    if is(&[
        "insufficient_quota",
        "enforced_spend_limit_reached",
        "billing_error",
    ]) {
        Some(Failure::QuotaExhausted)
    } else if is(&["context_length_exceeded", "request_too_large"])
        || message.contains("context length")
        || message.contains("prompt is too long")
    {
        Some(Failure::ContextTooLong)
    } else if is(&["content_policy_violation", "content_filter"]) {
        Some(Failure::ContentRefused)
    } else if is(&["rate_limit_exceeded", "rate_limit_error"]) {
        Some(Failure::RateLimited)
    } else if is(&["overloaded_error"]) {
        Some(Failure::Overloaded)
    } else if is(&["authentication_error", "permission_error", "invalid_api_key"]) {
        Some(Failure::Unauthorized)
    } else if is(&["model_not_found", "not_found_error"]) {
        Some(Failure::ModelNotFound)
    } else if is(&["server_error", "api_error", "timeout_error"]) {
        Some(Failure::Server)
    } else {
        None
    }
}
