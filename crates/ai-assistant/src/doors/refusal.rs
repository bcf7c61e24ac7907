//! What a language model refused or failed at, for clients of other protocols: they decide by the
//! status and the code whether to ask again.

use std::error::Error as _;

use common::Text;
use common::http::Problem;
use http::StatusCode;

use crate::error::Error;
use crate::providers::{Failure, ProviderError};

/// The problem of a failed turn.
pub(super) fn of_provider(error: ProviderError) -> Problem {
    let refused = |code: &'static str, title: Text| Problem::new(StatusCode::BAD_REQUEST, code, title);
    match error.failure {
        Failure::ContextTooLong => refused(
            "assistant.context_too_long",
            Text::new(
                "Запрос не помещается в окно модели",
                "The request does not fit the model's window",
            ),
        )
        .source(error),
        Failure::ContentRefused => refused(
            "assistant.content_refused",
            Text::new(
                "Правила поставщика модели не допускают этот запрос или ответ",
                "The rules of the model's provider forbid the request or the answer",
            ),
        )
        .source(error),
        Failure::InvalidRequest => {
            // It speaks of the client's own request.
            let said = error.source().map(ToString::to_string).unwrap_or_default();
            refused(
                "assistant.request_refused",
                Text::new("Модель не приняла запрос", "The model did not accept the request"),
            )
            .detail(Text::same(said))
            .source(error)
        }
        Failure::RateLimited | Failure::Overloaded | Failure::Resting => {
            let after = error.advice.after.map_or(5, |after| after.as_secs());
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "assistant.model_failed",
                Text::new("Языковая модель не ответила", "The language model did not answer"),
            )
            .detail(Text::new(
                "Она перегружена, повторите позже.",
                "It is overloaded, try again later.",
            ))
            .retry_after(after)
            .source(error)
        }
        Failure::Unreachable
        | Failure::NoFirstToken
        | Failure::Stalled
        | Failure::TimedOut
        | Failure::Interrupted
        | Failure::Malformed
        | Failure::QuotaExhausted
        | Failure::Unauthorized
        | Failure::ModelNotFound
        | Failure::Server
        | Failure::BudgetExhausted
        | Failure::PriceUnknown
        | Failure::BudgetUnavailable => Error::of_provider(error).into(),
    }
}
