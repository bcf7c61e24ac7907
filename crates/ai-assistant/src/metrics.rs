//! Names and descriptions of this service's metrics.

use std::sync::Arc;

use chrono::NaiveDate;
use metrics::Unit;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::attachments::Kind as Kinds;
use crate::budget::Scope;
use crate::privacy::{Kind, Place};
use crate::providers::{Attempt, Failure, Remote};
use crate::tools::{OnecError, Tool};

/// Describes the metrics, and makes the series that alerts look at exist from the start: those of
/// language models for each that is connected.
pub(crate) fn describe(models: &[Arc<Remote>]) {
    metrics::describe_counter!(
        "assistant_requests_total",
        Unit::Count,
        "Questions and texts asked for, by operation, engine and outcome"
    );
    metrics::describe_counter!(
        "llm_tokens_total",
        Unit::Count,
        "Tokens of language models, by provider, model and direction"
    );
    metrics::describe_histogram!(
        "llm_request_duration_seconds",
        Unit::Seconds,
        "Time of one call of a language model to the end of its answer"
    );
    metrics::describe_histogram!(
        "llm_first_token_seconds",
        Unit::Seconds,
        "Time from the request to the first part of a language model's answer"
    );
    metrics::describe_counter!(
        "llm_tokens_estimated_total",
        Unit::Count,
        "Of the tokens of language models, those that the provider did not tell and that are guessed"
    );
    metrics::describe_gauge!(
        "llm_breaker_open",
        Unit::Count,
        "1 while a provider is left alone because it failed several times in a row"
    );
    metrics::describe_gauge!(
        "llm_model_shutdown_timestamp_seconds",
        Unit::Seconds,
        "When the provider of a model switches it off, in seconds since 1970"
    );
    metrics::describe_counter!(
        "llm_requests_total",
        Unit::Count,
        "Calls of language models, by provider, model and outcome"
    );
    metrics::describe_counter!(
        "llm_cost_microdollars_total",
        Unit::Count,
        "Cost of language models in millionths of a US dollar, as far as their prices are known"
    );
    metrics::describe_counter!(
        "llm_cost_unknown_total",
        Unit::Count,
        "Answers of models whose price is unknown"
    );
    metrics::describe_counter!(
        "tool_calls_total",
        Unit::Count,
        "Calls of tools, by tool and outcome"
    );
    metrics::describe_counter!(
        "assistant_attachments_total",
        Unit::Count,
        "Files given along with questions, by kind, or refused"
    );
    for kind in Kinds::ALL.map(Kinds::as_str).into_iter().chain(["refused"]) {
        metrics::counter!("assistant_attachments_total", "kind" => kind).absolute(0);
    }
    describe_privacy();
    describe_budgets();
    describe_chat();
    for operation in ["chat", "generate", "proxy", "mcp"] {
        for engine in ["rules", "llm"] {
            for outcome in ["answered", "failed", "cancelled"] {
                metrics::counter!("assistant_requests_total", "operation" => operation, "engine" => engine, "outcome" => outcome).absolute(0);
            }
        }
    }
    for tool in Tool::all() {
        for outcome in ["ok", "unreachable", "refused", "malformed", "denied"] {
            metrics::counter!("tool_calls_total", "tool" => tool.name(), "outcome" => outcome).absolute(0);
        }
    }
    for model in models {
        model_exists(model);
    }
}

/// Makes the series of a model exist.
pub(crate) fn model_exists(remote: &Remote) {
    let (provider, model) = (remote.provider.to_string(), remote.model.to_string());
    let labels = [("provider", provider.clone()), ("model", model.clone())];
    drop(metrics::histogram!("llm_request_duration_seconds", &labels));
    drop(metrics::histogram!("llm_first_token_seconds", &labels));
    metrics::counter!("llm_cost_microdollars_total", &labels).absolute(0);
    metrics::counter!("llm_tokens_estimated_total", &labels).absolute(0);
    metrics::counter!("llm_cost_unknown_total", "model" => model.clone()).absolute(0);
    let failures = Failure::ALL.map(Failure::as_str);
    for outcome in ["ok", "cancelled"].into_iter().chain(failures) {
        metrics::counter!("llm_requests_total", "provider" => provider.clone(), "model" => model.clone(), "outcome" => outcome).absolute(0);
    }
    for direction in ["input", "output"] {
        metrics::counter!("llm_tokens_total", "provider" => provider.clone(), "model" => model.clone(), "direction" => direction).absolute(0);
    }
    breaker_is(&provider, false);
    if let Some(shutdown) = remote.shutdown() {
        model_ends(remote, shutdown);
    }
}

/// The provider of a model has said when it ends.
pub(crate) fn model_ends(remote: &Remote, day: NaiveDate) {
    let seconds = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let labels = [
        ("provider", remote.provider.to_string()),
        ("model", remote.model.to_string()),
    ];
    // Exact far beyond any date.
    metrics::gauge!("llm_model_shutdown_timestamp_seconds", &labels).set(seconds as f64);
}

/// A provider is left alone, or is not.
pub(crate) fn breaker_is(provider: &str, open: bool) {
    metrics::gauge!("llm_breaker_open", "provider" => provider.to_owned()).set(if open { 1.0 } else { 0.0 });
}

/// One attempt to answer ended.
pub(crate) fn attempt_ended(operation: &'static str, engine: &'static str, outcome: &'static str) {
    metrics::counter!("assistant_requests_total", "operation" => operation, "engine" => engine, "outcome" => outcome).increment(1);
}

/// One try on a model ended.
pub(crate) fn model_called(attempt: &Attempt) {
    let (provider, model) = (
        attempt.remote.provider.to_string(),
        attempt.remote.model.to_string(),
    );
    let labels = [("provider", provider.clone()), ("model", model.clone())];
    metrics::histogram!("llm_request_duration_seconds", &labels).record(attempt.duration.as_secs_f64());
    if let Some(first_token) = attempt.first_token {
        metrics::histogram!("llm_first_token_seconds", &labels).record(first_token.as_secs_f64());
    }
    let (input, output) = (attempt.tokens.input, attempt.tokens.output);
    if attempt.estimated {
        metrics::counter!("llm_tokens_estimated_total", &labels).increment(input + output);
    }
    metrics::counter!("llm_requests_total", "provider" => provider.clone(), "model" => model.clone(), "outcome" => attempt.outcome.as_str()).increment(1);
    for (direction, tokens) in [("input", input), ("output", output)] {
        metrics::counter!("llm_tokens_total", "provider" => provider.clone(), "model" => model.clone(), "direction" => direction).increment(tokens);
    }
}

/// What an attempt to answer cost; `None` when the price of the model is not known.
pub(crate) fn attempt_cost(provider: &str, model: &str, dollars: Option<Decimal>) {
    let Some(dollars) = dollars else {
        cost_unknown(model);
        return;
    };
    // A counter holds whole numbers; what is below a millionth of a dollar is rounded.
    let micros = (dollars * Decimal::from(1_000_000)).round().to_u64().unwrap_or(0);
    metrics::counter!("llm_cost_microdollars_total", "provider" => provider.to_owned(), "model" => model.to_owned())
        .increment(micros);
}

/// A model without a known price answered.
fn cost_unknown(model: &str) {
    metrics::counter!("llm_cost_unknown_total", "model" => model.to_owned()).increment(1);
}

/// One call of a tool ended.
pub(crate) fn tool_called(tool: &'static str, outcome: Result<(), &OnecError>) {
    let outcome = match outcome {
        Ok(()) => "ok",
        Err(OnecError::Unreachable(_)) => "unreachable",
        Err(OnecError::Refused { .. }) => "refused",
        Err(OnecError::Malformed(_)) => "malformed",
    };
    metrics::counter!("tool_calls_total", "tool" => tool, "outcome" => outcome).increment(1);
}

/// A call of a tool was refused, because the caller lacks the right.
pub(crate) fn tool_denied(tool: &'static str) {
    metrics::counter!("tool_calls_total", "tool" => tool, "outcome" => "denied").increment(1);
}

/// A file was read, as that kind, or refused.
pub(crate) fn attachment_read(kind: &str) {
    metrics::counter!("assistant_attachments_total", "kind" => kind.to_owned()).increment(1);
}

/// Things of a kind were hidden from a model of others.
pub(crate) fn hidden(kind: &'static str, count: u64) {
    metrics::counter!("privacy_hidden_total", "kind" => kind).increment(count);
}

/// A text tried to command the assistant.
pub(crate) fn suspected(place: &'static str) {
    metrics::counter!("privacy_injections_suspected_total", "place" => place).increment(1);
}

/// Events of an answer could not be kept.
pub(crate) fn events_not_kept() {
    metrics::counter!("chat_events_unkept_total").increment(1);
}

/// A broken stream of events is read on, from what.
pub(crate) fn stream_resumed(source: &'static str) {
    metrics::counter!("chat_streams_resumed_total", "source" => source).increment(1);
}

/// The beginning of a conversation was to be summarised.
pub(crate) fn history_summarized(made: bool) {
    let outcome = if made { "made" } else { "failed" };
    metrics::counter!("chat_summaries_total", "outcome" => outcome).increment(1);
}

/// An answer was rated.
pub(crate) fn answer_rated(rating: &'static str) {
    metrics::counter!("chat_answers_rated_total", "rating" => rating).increment(1);
}

/// Figures of an answer were accounted for, or not.
pub(crate) fn figures_checked(outcome: &'static str) {
    metrics::counter!("assistant_figures_checked_total", "outcome" => outcome).increment(1);
}

/// A limit of that scope refused an attempt.
pub(crate) fn budget_refused(scope: &'static str) {
    metrics::counter!("budget_refusals_total", "scope" => scope).increment(1);
}

/// A soft limit of that scope was reached for the first time in its period.
pub(crate) fn budget_soft_reached(scope: &'static str) {
    metrics::counter!("budget_soft_reached_total", "scope" => scope).increment(1);
}

/// So many attempts never settled what they held.
pub(crate) fn reservations_expired(count: u64) {
    metrics::counter!("budget_reservations_expired_total").increment(count);
}

/// The cache was asked for an answer or a result of a tool.
pub(crate) fn cache_asked(kind: &'static str, outcome: &'static str) {
    metrics::counter!("assistant_cache_requests_total", "kind" => kind, "outcome" => outcome).increment(1);
}

fn describe_budgets() {
    metrics::describe_counter!(
        "assistant_cache_requests_total",
        Unit::Count,
        "Answers and results of tools that were looked for in the cache, by kind and outcome"
    );
    for kind in ["answer", "tool"] {
        for outcome in ["hit", "miss", "unavailable"] {
            metrics::counter!("assistant_cache_requests_total", "kind" => kind, "outcome" => outcome)
                .absolute(0);
        }
    }
    metrics::describe_counter!(
        "budget_refusals_total",
        Unit::Count,
        "Attempts that a hard limit refused, by the scope of the limit"
    );
    metrics::describe_counter!(
        "budget_soft_reached_total",
        Unit::Count,
        "Soft limits that were reached, once in each period, by scope"
    );
    metrics::describe_counter!(
        "budget_reservations_expired_total",
        Unit::Count,
        "Attempts that never settled what they held, because their replica died"
    );
    for scope in Scope::ALL {
        metrics::counter!("budget_refusals_total", "scope" => scope.as_str()).absolute(0);
        metrics::counter!("budget_soft_reached_total", "scope" => scope.as_str()).absolute(0);
    }
    metrics::counter!("budget_reservations_expired_total").absolute(0);
}

fn describe_chat() {
    metrics::describe_counter!(
        "chat_events_unkept_total",
        Unit::Count,
        "Times that Redis did not take events of a resumable answer; whoever resumes gets the whole at its end"
    );
    metrics::describe_counter!(
        "chat_streams_resumed_total",
        Unit::Count,
        "Streams of events that were read on, from kept events or from the kept answer"
    );
    metrics::describe_counter!(
        "chat_summaries_total",
        Unit::Count,
        "Beginnings of conversations that a language model was to summarise, by outcome"
    );
    metrics::describe_counter!(
        "chat_answers_rated_total",
        Unit::Count,
        "Ratings of answers by their readers"
    );
    metrics::counter!("chat_events_unkept_total").absolute(0);
    for outcome in ["made", "failed"] {
        metrics::counter!("chat_summaries_total", "outcome" => outcome).absolute(0);
    }
    for rating in ["up", "down"] {
        metrics::counter!("chat_answers_rated_total", "rating" => rating).absolute(0);
    }
    for source in ["events", "answer"] {
        metrics::counter!("chat_streams_resumed_total", "source" => source).absolute(0);
    }
}

fn describe_privacy() {
    metrics::describe_counter!(
        "privacy_hidden_total",
        Unit::Count,
        "Names and requisites that were first hidden from a model of others, by kind"
    );
    metrics::describe_counter!(
        "privacy_injections_suspected_total",
        Unit::Count,
        "Texts that tried to command the assistant, by place"
    );
    metrics::describe_counter!(
        "assistant_figures_checked_total",
        Unit::Count,
        "Answers of language models whose figures were checked, by outcome"
    );
    for kind in Kind::ALL {
        metrics::counter!("privacy_hidden_total", "kind" => kind.as_str()).absolute(0);
    }
    for place in Place::ALL {
        metrics::counter!("privacy_injections_suspected_total", "place" => place.as_str()).absolute(0);
    }
    for outcome in ["verified", "corrected", "unverified"] {
        metrics::counter!("assistant_figures_checked_total", "outcome" => outcome).absolute(0);
    }
}
