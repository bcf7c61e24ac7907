//! Names and descriptions of this service's metrics.

use std::time::Duration;

use metrics::Unit;

use crate::tools::OnecError;

/// Describes the metrics.
pub(crate) fn describe() {
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
    metrics::describe_counter!(
        "llm_requests_total",
        Unit::Count,
        "Calls of language models, by provider, model and outcome"
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
    for outcome in ["answered", "failed", "cancelled"] {
        metrics::counter!("assistant_requests_total", "operation" => "chat", "engine" => "rules", "outcome" => outcome).absolute(0);
    }
}

/// One attempt to answer ended.
pub(crate) fn attempt_ended(operation: &'static str, engine: &'static str, outcome: &'static str) {
    metrics::counter!("assistant_requests_total", "operation" => operation, "engine" => engine, "outcome" => outcome).increment(1);
}

/// One call of a model ended.
pub(crate) fn model_called(
    provider: &'static str,
    model: &str,
    outcome: &'static str,
    elapsed: Duration,
    input: u64,
    output: u64,
) {
    let labels = [("provider", provider.to_owned()), ("model", model.to_owned())];
    metrics::histogram!("llm_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    metrics::counter!("llm_requests_total", "provider" => provider, "model" => model.to_owned(), "outcome" => outcome).increment(1);
    for (direction, tokens) in [("input", input), ("output", output)] {
        metrics::counter!("llm_tokens_total", "provider" => provider, "model" => model.to_owned(), "direction" => direction).increment(tokens);
    }
}

/// A model without a known price answered.
pub(crate) fn cost_unknown(model: &str) {
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
