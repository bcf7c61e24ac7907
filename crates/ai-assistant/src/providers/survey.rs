//! Asks servers for their models, at the start and from time to time: what they tell goes beside
//! what the data file knows, a server within the company may have new models, and those are tried
//! with a call of a tool before they are trusted with one.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use common::http::client;
use common::telemetry::Chain as Causes;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::catalog::Lifecycle;
use super::remote::{Connection, Told};
use super::{Dialect, Failure, Item, Prompt, ProviderError, Registry, Remote, ToolCalling, Turn, failure};
use crate::metrics;
use crate::tools::ToolSpec;

/// How long a list of models may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a trial call may take: a server may have to load the model first.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(180);
/// Models of one server that are tried in one round; each may have to be loaded.
const TRIALS: usize = 4;
/// Models of one server that are offered.
const MODELS: usize = 100;

/// Asks all servers until the service ends; none when `every` is nothing.
pub(crate) async fn watch(registry: Arc<Registry>, every: Duration, shutdown: CancellationToken) {
    if every.is_zero() {
        return shutdown.cancelled().await;
    }
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = round(&registry) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Asks all servers once.
pub(super) async fn round(registry: &Registry) {
    let connections = registry.connections();
    join_all(connections.iter().map(|connection| ask(registry, connection))).await;
}

async fn ask(registry: &Registry, connection: &Arc<Connection>) {
    match list(connection).await {
        Ok(listed) => registry.learn(connection, listed),
        Err(error) => {
            // Some have no such list. Of a server that is away, its models tell when asked.
            tracing::debug!(
                labels.provider = &*connection.provider,
                error = %Causes(&error),
                "a provider gave no list of its models"
            );
        }
    }
    if !connection.tried_first {
        return;
    }
    let untried = registry
        .remotes()
        .into_iter()
        .filter(|remote| Arc::ptr_eq(&remote.connection, connection))
        .filter(|remote| remote.seen().tools == ToolCalling::Untried);
    for remote in untried.take(TRIALS) {
        try_out(&remote).await;
    }
}

/// A model as a server tells of it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) told: Told,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct List {
    data: Vec<Entry>,
}

/// The members that providers of today use.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: Option<String>,
    lifecycle: Option<Lifecycle>,
    /// Anthropic's.
    retires_at: Option<Value>,
    max_input_tokens: Option<u64>,
    max_tokens: Option<u64>,
    /// OpenAI's.
    shutdown_date: Option<Value>,
    /// vLLM's.
    max_model_len: Option<u64>,
    /// That of gateways.
    context_length: Option<u64>,
    meta: Option<Meta>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    /// llama.cpp's: of the server, then of the model.
    n_ctx: Option<u64>,
    n_ctx_train: Option<u64>,
}

async fn list(connection: &Connection) -> Result<Vec<Listed>, ProviderError> {
    let path = match connection.dialect {
        Dialect::AnthropicMessages => "v1/models",
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::GigaChat => "models",
    };
    let asking = async {
        let request = connection.request(http::Method::GET, path).await?;
        let response = client::send(request.timeout(LIST_TIMEOUT))
            .await
            .map_err(ProviderError::unreachable)?;
        if !response.status().is_success() {
            return Err(failure::of_response(response, connection.clock.now()).await);
        }
        response
            .json::<List>()
            .await
            .map_err(|error| ProviderError::because(Failure::Malformed, error.without_url()))
    };
    let list = tokio::time::timeout(LIST_TIMEOUT, asking)
        .await
        .map_err(|_| ProviderError::new(Failure::TimedOut))??;
    let listed = list.data.into_iter().filter_map(|entry| {
        let meta = entry.meta.unwrap_or_default();
        Some(Listed {
            name: entry.id?,
            told: Told {
                context: entry
                    .max_input_tokens
                    .or(entry.max_model_len)
                    .or(entry.context_length)
                    .or(meta.n_ctx)
                    .or(meta.n_ctx_train),
                max_output: entry.max_tokens,
                lifecycle: entry.lifecycle,
                shutdown: entry
                    .retires_at
                    .or(entry.shutdown_date)
                    .and_then(|value| day(&value)),
            },
        })
    });
    Ok(listed.collect())
}

/// A day as a date, a time, or seconds since 1970.
fn day(value: &Value) -> Option<NaiveDate> {
    if let Some(seconds) = value.as_i64() {
        return Some(DateTime::from_timestamp(seconds, 0)?.date_naive());
    }
    let text = value.as_str()?;
    text.get(..10)?.parse().ok()
}

impl Registry {
    /// Takes in what a server told of its models.
    fn learn(&self, connection: &Arc<Connection>, listed: Vec<Listed>) {
        let own = |remote: &&Arc<Remote>| Arc::ptr_eq(&remote.connection, connection);
        let known: Vec<Arc<Remote>> = self.remotes().iter().filter(own).cloned().collect();
        let mut found = Vec::new();
        for Listed { name, told } in listed {
            if let Some(remote) = known.iter().find(|remote| *remote.model == *name) {
                remote.tell(told);
                found.push(remote.clone());
            } else if connection.discovers && writes(&name) && found.len() < MODELS {
                let remote = Arc::new(Remote::new(connection.clone(), &name));
                remote.tell(told);
                metrics::model_exists(&remote);
                tracing::info!(labels.provider = &*connection.provider, labels.model = %name, "found the language model `{name}`");
                found.push(remote);
            }
        }
        for remote in &known {
            if let Some(shutdown) = remote.shutdown() {
                metrics::model_ends(remote, shutdown);
            }
        }
        if connection.discovers {
            self.replace(connection, found);
        }
    }
}

/// False for models that give vectors or sounds, as far as their names tell.
fn writes(name: &str) -> bool {
    let name = name.to_lowercase();
    !["embed", "rerank", "whisper", "bge-", "tts"]
        .iter()
        .any(|word| name.contains(word))
}

/// Tries a model with one call of a tool.
async fn try_out(remote: &Remote) {
    let items = [Item::User(
        "Сколько бумаги А4 на складе? Вызови инструмент get_stock.".to_owned(),
    )];
    let tools = [ToolSpec {
        name: "get_stock".into(),
        description: "Остаток товара на складе.".into(),
        parameters: json!({
            "type": "object",
            "properties": {"item": {"type": "string", "description": "Название товара"}},
            "required": ["item"],
        }),
    }];
    let prompt = Prompt {
        system: "Ты отвечаешь на вопросы об остатках и для этого вызываешь инструменты.",
        items: &items,
        tools: &tools,
        max_output_tokens: 512,
        ..Prompt::default()
    };
    let result = remote
        .once(&prompt, Instant::now() + TRIAL_TIMEOUT, &mut |_| {})
        .await;
    let tools = match &result {
        Ok(turn) if calls_well(turn) => ToolCalling::Works,
        Ok(_) => ToolCalling::Fails,
        // As servers answer that know of no tools for the model.
        Err(error) if error.failure == Failure::InvalidRequest => ToolCalling::Fails,
        Err(_) => ToolCalling::Untried,
    };
    tracing::info!(
        labels.provider = &*remote.provider,
        labels.model = &*remote.model,
        "the language model `{}` was tried with a tool: {}",
        remote.model,
        tools.as_str()
    );
    remote.set_tools(tools);
    if tools != ToolCalling::Fails {
        remote.learn(Some(result.as_ref().map(|_| ())));
    }
}

fn calls_well(turn: &Turn) -> bool {
    turn.calls.iter().any(|call| {
        let item = call
            .arguments
            .as_ref()
            .ok()
            .and_then(|arguments| arguments.get("item"));
        call.name == "get_stock" && item.and_then(Value::as_str).is_some_and(|item| !item.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_in_three_forms() {
        let read = |value: Value| day(&value).map(|day| day.to_string());
        assert_eq!(read(json!("2027-01-14")).as_deref(), Some("2027-01-14"));
        assert_eq!(read(json!("2027-01-14T00:00:00Z")).as_deref(), Some("2027-01-14"));
        assert_eq!(read(json!(1_800_000_000)).as_deref(), Some("2027-01-15"));
        assert_eq!(read(json!("soon")), None);
        assert_eq!(read(json!(null)), None);
    }

    #[test]
    fn vectors_are_no_texts() {
        assert!(writes("qwen3:8b") && writes("GigaChat-2-Max"));
        assert!(!writes("nomic-embed-text:latest") && !writes("whisper-1"));
    }
}
