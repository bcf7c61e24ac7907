//! Language models over HTTP: one request and one stream of events per turn, in the dialect of
//! the provider. A stream that ends early is an error, never a shorter answer.

mod anthropic_messages;
mod failure;
mod openai_chat;
mod openai_responses;
mod price;
mod sse;

use std::time::{Duration, Instant};

use common::http::client;
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use crate::metrics;
use crate::tools::{ToolCall, ToolResult, ToolSpec};

pub(crate) use failure::{Failure, ProviderError};
pub(crate) use price::cost;

/// The wire format of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI `POST /responses`: the only one in which newer OpenAI models call tools.
    OpenAiResponses,
    /// OpenAI `POST /chat/completions`, which compatible servers speak.
    OpenAiChat,
    /// Anthropic `POST /v1/messages`.
    AnthropicMessages,
}

/// How long a model may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To the first part of its answer.
    pub first_token: Duration,
    /// Between two parts.
    pub idle: Duration,
}

/// A model of a provider. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// Name of the provider, such as `openai`.
    pub(crate) provider: &'static str,
    /// Name of the model, as the provider calls it.
    pub(crate) model: String,
    pub(crate) dialect: Dialect,
    pub(crate) base: Url,
    pub(crate) key: Option<SecretString>,
    /// `anthropic-version`.
    pub(crate) version: String,
    pub(crate) patience: Patience,
    pub(crate) http: reqwest::Client,
}

/// An HTTP client for providers: streams have no limit in all, only between their parts.
pub(crate) fn http_client() -> reqwest::Result<reqwest::Client> {
    client::builder().timeout(Duration::from_secs(600)).build()
}

/// One part of a conversation with a model.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    User(String),
    /// An earlier answer, known by its text only.
    Said(String),
    /// A turn of this very exchange; providers want it back exactly as they sent it.
    Turn(Turn),
    Results(Vec<ToolResult>),
}

/// What a model is asked.
#[derive(Debug)]
pub(crate) struct Prompt<'a> {
    pub(crate) system: &'a str,
    pub(crate) items: &'a [Item],
    pub(crate) tools: &'a [ToolSpec],
    pub(crate) max_output_tokens: u32,
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Finish {
    /// The answer is complete, or tools are to be called.
    #[default]
    Complete,
    /// The limit of tokens was reached.
    Length,
}

/// Tokens of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tokens {
    /// All tokens that were sent, cached ones included.
    pub(crate) input: u64,
    /// Of them, read from the provider's cache.
    pub(crate) cache_read: u64,
    /// Of them, written into it.
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
    }
}

/// One complete turn of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn {
    pub(crate) calls: Vec<ToolCall>,
    /// The turn as the provider sent it.
    pub(crate) raw: Vec<Value>,
    pub(crate) tokens: Tokens,
    pub(crate) finish: Finish,
}

impl Remote {
    /// Asks the model for one turn; `on_text` gets the text as it comes.
    pub(crate) async fn turn(
        &self,
        prompt: &Prompt<'_>,
        on_text: &mut (dyn FnMut(String) + Send),
    ) -> Result<Turn, ProviderError> {
        let started = Instant::now();
        let result = self.stream(prompt, on_text).await;
        let (outcome, tokens) = match &result {
            Ok(turn) => ("ok", turn.tokens),
            Err(error) => (error.failure.as_str(), error.tokens),
        };
        metrics::model_called(
            self.provider,
            &self.model,
            outcome,
            started.elapsed(),
            tokens.input,
            tokens.output,
        );
        result
    }

    async fn stream(
        &self,
        prompt: &Prompt<'_>,
        on_text: &mut (dyn FnMut(String) + Send),
    ) -> Result<Turn, ProviderError> {
        let deadline = tokio::time::Instant::now() + self.patience.first_token;
        let response = tokio::time::timeout_at(deadline, self.send(prompt))
            .await
            .map_err(|_| ProviderError::new(Failure::NoFirstToken))??;
        let mut events = sse::Reader::new(response, deadline, self.patience.idle);
        let mut fold = match self.dialect {
            Dialect::OpenAiResponses => Fold::Responses(openai_responses::Fold::default()),
            Dialect::OpenAiChat => Fold::Chat(openai_chat::Fold::default()),
            Dialect::AnthropicMessages => Fold::Messages(anthropic_messages::Fold::default()),
        };
        let mut spoke = false;
        loop {
            let event = match events.next().await {
                Ok(event) => event,
                Err(error) => return Err(error.after(spoke, fold.tokens())),
            };
            let Some(event) = event else {
                return fold.end().map_err(|error| error.after(spoke, Tokens::default()));
            };
            match fold.event(&event) {
                Ok(Step::Text(text)) => {
                    events.content_began();
                    spoke = true;
                    on_text(text);
                }
                Ok(Step::Content) => events.content_began(),
                Ok(Step::Nothing) => {}
                Ok(Step::Done) => return fold.end().map_err(|error| error.after(spoke, Tokens::default())),
                Err(error) => return Err(error.after(spoke, fold.tokens())),
            }
        }
    }

    async fn send(&self, prompt: &Prompt<'_>) -> Result<reqwest::Response, ProviderError> {
        let (path, body) = match self.dialect {
            Dialect::OpenAiResponses => ("responses", openai_responses::request(&self.model, prompt)),
            Dialect::OpenAiChat => ("chat/completions", openai_chat::request(&self.model, prompt)),
            Dialect::AnthropicMessages => ("v1/messages", anthropic_messages::request(&self.model, prompt)),
        };
        let base = self.base.as_str().trim_end_matches('/');
        let path = if base.ends_with("/v1") {
            path.trim_start_matches("v1/")
        } else {
            path
        };
        let mut request = self
            .http
            .post(format!("{base}/{path}"))
            .header("accept", "text/event-stream")
            .json(&body);
        if let Some(key) = &self.key {
            request = if self.dialect == Dialect::AnthropicMessages {
                request.header("x-api-key", key.expose_secret())
            } else {
                request.bearer_auth(key.expose_secret())
            };
        }
        if self.dialect == Dialect::AnthropicMessages {
            request = request.header("anthropic-version", &self.version);
        }
        let response = client::send(request).await.map_err(ProviderError::unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(failure::of_response(response).await)
    }

    /// What the tokens cost in US dollars, when the price is known.
    pub(crate) fn cost(&self, tokens: Tokens) -> Option<Decimal> {
        cost(&self.model, tokens)
    }
}

/// What an event meant.
enum Step {
    Text(String),
    /// Part of the answer that is no text.
    Content,
    Nothing,
    Done,
}

/// The turn so far, by dialect.
enum Fold {
    Responses(openai_responses::Fold),
    Chat(openai_chat::Fold),
    Messages(anthropic_messages::Fold),
}

impl Fold {
    fn event(&mut self, event: &sse::Event) -> Result<Step, ProviderError> {
        match self {
            Self::Responses(fold) => fold.event(event),
            Self::Chat(fold) => fold.event(event),
            Self::Messages(fold) => fold.event(event),
        }
    }

    fn tokens(&self) -> Tokens {
        match self {
            Self::Responses(fold) => fold.tokens(),
            Self::Chat(fold) => fold.tokens(),
            Self::Messages(fold) => fold.tokens(),
        }
    }

    fn end(self) -> Result<Turn, ProviderError> {
        match self {
            Self::Responses(fold) => fold.end(),
            Self::Chat(fold) => fold.end(),
            Self::Messages(fold) => fold.end(),
        }
    }
}

/// Arguments as a model wrote them; none at all mean an empty object.
fn arguments(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) | Err(_) => Err(text.chars().take(200).collect()),
    }
}
