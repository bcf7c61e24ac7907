//! `GET /models`.

use axum::extract::State;
use common::http::Json;
use serde::Serialize;

use crate::builtin;
use crate::state::AppState;

/// The engines on offer.
#[derive(Debug, Serialize)]
pub(crate) struct ModelsResponse {
    items: Vec<ModelResponse>,
}

/// One engine.
#[derive(Debug, Serialize)]
pub(crate) struct ModelResponse {
    /// What to put into `model` of a request.
    id: String,
    provider: String,
    /// `llm` for a language model, `rules` for the built-in engine.
    kind: &'static str,
    capabilities: &'static [&'static str],
    /// False for a model that cannot be asked now.
    available: bool,
    /// It answers when a request names none.
    default: bool,
}

#[tracing::instrument(name = "http.models", skip_all)]
pub(crate) async fn list(State(state): State<AppState>) -> Json<ModelsResponse> {
    let default = state.models.default_model();
    let remotes = state.models.remotes();
    let models = remotes.iter().map(|remote| ModelResponse {
        id: remote.model.to_string(),
        provider: remote.provider.to_string(),
        kind: "llm",
        capabilities: &["chat", "generate", "stream", "tools"],
        available: true,
        default: *remote.model == *default,
    });
    let rules = ModelResponse {
        id: builtin::MODEL.to_owned(),
        provider: builtin::PROVIDER.to_owned(),
        kind: "rules",
        capabilities: &["chat", "stream", "templates"],
        available: true,
        default: default == builtin::MODEL,
    };
    Json(ModelsResponse {
        items: models.chain([rules]).collect(),
    })
}
