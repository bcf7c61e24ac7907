//! `GET /v1/models` in the form of OpenAI, or of Anthropic for clients that name its version.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::http::{Json, Path, Problem};
use http::HeaderMap;
use serde_json::{Value, json};

use super::ASSISTANT;
use crate::error::Error;
use crate::providers::{Lifecycle, Remote};
use crate::state::AppState;

/// A model on offer.
#[derive(Debug)]
struct Offered {
    id: String,
    name: String,
    owner: String,
    remote: Option<std::sync::Arc<Remote>>,
}

/// The models, as clients of OpenAI and Anthropic list them.
#[tracing::instrument(name = "http.v1_models", skip_all)]
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap) -> Json<Value> {
    let anthropic = is_anthropic(&headers);
    let offered = offered(&state);
    let data: Vec<Value> = offered.iter().map(|one| one.shown(anthropic)).collect();
    Json(if anthropic {
        json!({"data": data, "has_more": false,
            "first_id": offered.first().map(|one| &one.id), "last_id": offered.last().map(|one| &one.id)})
    } else {
        json!({"object": "list", "data": data})
    })
}

/// One model, as clients of OpenAI and Anthropic ask for it.
#[tracing::instrument(name = "http.v1_model", skip_all)]
pub(crate) async fn get(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let one = offered(&state).into_iter().find(|one| one.id == id);
    let one = one.ok_or(Error::UnknownModel(id))?;
    Ok(Json(one.shown(is_anthropic(&headers))))
}

fn is_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

/// The assistant first, then every language model.
fn offered(state: &AppState) -> Vec<Offered> {
    let models = &state.models;
    let assistant = Offered {
        id: ASSISTANT.to_owned(),
        name: "Помощник 1С".to_owned(),
        owner: "1c".to_owned(),
        remote: None,
    };
    let remotes = models.remotes().into_iter().map(|remote| {
        let first = models
            .find(&remote.model)
            .is_some_and(|first| first.provider == remote.provider);
        Offered {
            id: if first {
                remote.model.to_string()
            } else {
                remote.full_name()
            },
            name: remote.model.to_string(),
            owner: remote.provider.to_string(),
            remote: Some(remote),
        }
    });
    std::iter::once(assistant).chain(remotes).collect()
}

impl Offered {
    fn shown(&self, anthropic: bool) -> Value {
        // Nobody knows when a model was made; Anthropic's own answer is the epoch then.
        let began = DateTime::<Utc>::UNIX_EPOCH;
        let remote = self.remote.as_deref();
        let shutdown = remote.and_then(Remote::shutdown);
        if !anthropic {
            let mut shown = json!({"id": self.id, "object": "model", "created": began.timestamp(), "owned_by": self.owner});
            if let Some(shutdown) = shutdown {
                shown["shutdown_date"] = shutdown.to_string().into();
            }
            return shown;
        }
        let lifecycle = remote.map_or(Lifecycle::Active, Remote::lifecycle);
        json!({
            "id": self.id,
            "type": "model",
            "display_name": self.name,
            "created_at": began,
            "lifecycle": lifecycle.as_str(),
            "retires_at": shutdown,
            "max_input_tokens": remote.and_then(Remote::context),
            "max_tokens": remote.and_then(Remote::max_output),
        })
    }
}
