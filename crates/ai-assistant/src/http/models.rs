//! `GET /models`.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use common::http::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::builtin;
use crate::providers::{Band, Health, Lifecycle, Remote, ToolCalling};
use crate::state::{AppState, Engine, Registry};

/// The engines on offer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelsResponse {
    items: Vec<ModelResponse>,
}

/// One engine.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelResponse {
    /// What to put into `model` of a request.
    id: String,
    provider: String,
    /// `llm` for a language model, `rules` for the built-in engine.
    kind: &'static str,
    /// The wire format; null for the built-in engine.
    dialect: Option<&'static str>,
    /// What is asked of it leaves the company.
    external: bool,
    capabilities: Vec<String>,
    /// `works` after a trial call or an entry in the data of models, `untried`, `fails`.
    tool_calling: &'static str,
    /// Tokens that fit into a request and its answer; null when unknown.
    context: Option<u64>,
    /// Tokens of an answer at most; null when unknown.
    max_output: Option<u64>,
    /// The price of today; null when unknown, which is not the same as free.
    price: Option<PriceResponse>,
    /// `preview`, `active`, `deprecated` or `retired`.
    lifecycle: &'static str,
    /// When its provider switches it off; null when no end is announced.
    shutdown_date: Option<NaiveDate>,
    health: HealthResponse,
    /// False for a model that is not asked now.
    available: bool,
    /// It answers when a request names none.
    default: bool,
}

/// What a model costs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PriceResponse {
    currency: &'static str,
    /// The prices are for so many tokens.
    tokens: u32,
    /// Since when; null when from ever.
    from: Option<NaiveDate>,
    bands: Vec<Band>,
}

/// How a model does.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HealthResponse {
    /// `unknown`, `up`, `failing` or `resting`: left alone for a while.
    state: &'static str,
    answered_at: Option<DateTime<Utc>>,
    /// When it failed, unless it has answered since.
    failed_at: Option<DateTime<Utc>>,
    /// How it failed then.
    failure: Option<&'static str>,
}

/// The models that the caller may use.
#[tracing::instrument(name = "http.models", skip_all)]
pub(crate) async fn list(State(state): State<AppState>) -> Json<ModelsResponse> {
    let default = state.models.engine(None);
    let is_default = |remote: &Arc<Remote>| match &default {
        Some(Engine::Model(default)) => Arc::ptr_eq(default, remote),
        Some(Engine::Rules) | None => false,
    };
    let remotes = state.models.remotes();
    let mut items: Vec<ModelResponse> = remotes
        .iter()
        .map(|remote| ModelResponse {
            default: is_default(remote),
            ..model(remote, &state.models)
        })
        .collect();
    items.push(ModelResponse {
        default: !remotes.iter().any(is_default),
        ..rules()
    });
    Json(ModelsResponse { items })
}

fn model(remote: &Remote, models: &Registry) -> ModelResponse {
    let seen = remote.seen();
    let health = remote.health();
    let lifecycle = remote.lifecycle();
    let named = models
        .find(&remote.model)
        .is_some_and(|first| first.provider == remote.provider);
    let tools = remote.calls_tools();
    let mut capabilities: Vec<String> = ["chat", "generate", "stream"].map(str::to_owned).to_vec();
    if tools {
        capabilities.push("tools".to_owned());
    }
    let data = remote.data();
    let more = data.iter().flat_map(|data| &data.capabilities);
    capabilities.extend(more.filter(|one| *one != "tools").cloned());
    ModelResponse {
        id: if named {
            remote.model.to_string()
        } else {
            remote.full_name()
        },
        provider: remote.provider.to_string(),
        kind: "llm",
        dialect: Some(remote.dialect.as_str()),
        external: remote.external,
        capabilities,
        tool_calling: match seen.tools {
            ToolCalling::Untried if data.is_some_and(|data| data.can("tools")) => ToolCalling::Works.as_str(),
            seen => seen.as_str(),
        },
        context: remote.context(),
        max_output: remote.max_output(),
        price: remote.price().map(|price| PriceResponse {
            currency: "USD",
            tokens: 1_000_000,
            from: price.from,
            bands: price.bands.clone(),
        }),
        lifecycle: lifecycle.as_str(),
        shutdown_date: remote.shutdown(),
        health: HealthResponse {
            state: health.as_str(),
            answered_at: seen.answered,
            failed_at: seen.failed.map(|(at, _)| at),
            failure: seen.failed.map(|(_, failure)| failure.as_str()),
        },
        available: health != Health::Resting && lifecycle != Lifecycle::Retired,
        default: false,
    }
}

fn rules() -> ModelResponse {
    ModelResponse {
        id: builtin::MODEL.to_owned(),
        provider: builtin::PROVIDER.to_owned(),
        kind: "rules",
        dialect: None,
        external: false,
        capabilities: ["chat", "stream", "templates"].map(str::to_owned).to_vec(),
        tool_calling: ToolCalling::Works.as_str(),
        context: None,
        max_output: None,
        price: None,
        lifecycle: Lifecycle::Active.as_str(),
        shutdown_date: None,
        health: HealthResponse {
            state: Health::Up.as_str(),
            answered_at: None,
            failed_at: None,
            failure: None,
        },
        available: true,
        default: false,
    }
}
