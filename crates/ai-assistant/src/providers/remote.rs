//! One model of a connection, and one try to get a turn from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use common::clock::Clock;
use common::http::client;
use rust_decimal::Decimal;
use tokio::time::Instant;
use url::Url;

use super::advice::Advice;
use super::breaker::{Breaker, State};
use super::catalog::{Catalog, Lifecycle, Model, Price};
use super::credentials::Credentials;
use super::fold::{Fold, Step};
use super::{
    Author, Dialect, Failure, Prompt, ProviderError, Tokens, ToolChoice, Turn, anthropic_messages, estimate,
    failure, gigachat, openai_chat, openai_responses, sse,
};
use crate::metrics;

/// How long a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To the connection.
    pub connect: Duration,
    /// From the request to the first part of the answer.
    pub first_token: Duration,
    /// Between two parts.
    pub idle: Duration,
    /// For one turn, all tries on all models together.
    pub total: Duration,
}

/// What all models of one provider share.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The name from the configuration, such as `openai`.
    pub(super) provider: Arc<str>,
    pub(super) dialect: Dialect,
    pub(super) base: Url,
    pub(super) credentials: Credentials,
    /// Further headers of each request.
    pub(super) headers: http::HeaderMap,
    /// Its texts leave the company.
    pub(super) external: bool,
    /// Its models are those that it tells of.
    pub(super) discovers: bool,
    /// Its models are trusted with tools only after a trial.
    pub(super) tried_first: bool,
    pub(super) patience: Patience,
    pub(super) http: reqwest::Client,
    pub(super) breaker: Mutex<Breaker>,
    pub(super) clock: Clock,
    pub(super) catalog: Arc<Catalog>,
}

/// Whether a model is known to call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ToolCalling {
    /// Nobody has tried.
    #[default]
    Untried,
    /// A trial call had valid arguments.
    Works,
    /// A trial call failed, or the model's data says that it has none.
    Fails,
}

impl ToolCalling {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Works => "works",
            Self::Fails => "fails",
        }
    }
}

/// What its server tells of a model; the data file goes before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) context: Option<u64>,
    pub(super) max_output: Option<u64>,
    pub(super) lifecycle: Option<Lifecycle>,
    pub(super) shutdown: Option<NaiveDate>,
}

/// What was last seen of a model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// When it last answered.
    pub(crate) answered: Option<DateTime<Utc>>,
    /// When and how it last failed, unless it has answered since.
    pub(crate) failed: Option<(DateTime<Utc>, Failure)>,
    pub(crate) tools: ToolCalling,
    /// It wants to be left alone until then.
    held_until: Option<DateTime<Utc>>,
    told: Told,
}

/// What is to be told of a model now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not asked yet.
    Unknown,
    /// It answered the last time.
    Up,
    /// It failed the last time, and is asked nonetheless.
    Failing,
    /// It is not asked for a while.
    Resting,
}

impl Health {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Failing => "failing",
            Self::Resting => "resting",
        }
    }
}

/// A model of a provider.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Name of the provider, such as `openai`.
    pub(crate) provider: Arc<str>,
    /// Name of the model, as the provider calls it.
    pub(crate) model: Arc<str>,
    pub(crate) dialect: Dialect,
    /// What is sent to it leaves the company.
    pub(crate) external: bool,
    pub(super) connection: Arc<Connection>,
    seen: Mutex<Seen>,
}

impl Remote {
    pub(super) fn new(connection: Arc<Connection>, model: &str) -> Self {
        let seen = Seen {
            tools: match connection.catalog.model(model) {
                Some(data) if !data.can("tools") => ToolCalling::Fails,
                Some(_) | None => ToolCalling::Untried,
            },
            ..Seen::default()
        };
        Self {
            provider: connection.provider.clone(),
            model: model.into(),
            dialect: connection.dialect,
            external: connection.external,
            connection,
            seen: Mutex::new(seen),
        }
    }

    /// `provider/model`, which names it even when several providers have a model of that name.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// True when that is its name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        *self.model == *name
            || name
                .strip_prefix(&*self.provider)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| rest == &*self.model)
    }

    /// What is known of the model from the data file.
    pub(crate) fn data(&self) -> Option<&Model> {
        self.connection.catalog.model(&self.model)
    }

    /// The price of today, when it is known.
    pub(crate) fn price(&self) -> Option<&Price> {
        self.data()?.price(self.connection.clock.now().date_naive())
    }

    /// What the tokens cost in US dollars, when the price is known.
    pub(crate) fn cost(&self, tokens: Tokens) -> Option<Decimal> {
        Some(self.price()?.cost(tokens))
    }

    /// Tokens that fit into a request and its answer, when it is known.
    pub(crate) fn context(&self) -> Option<u64> {
        self.data()
            .and_then(|data| data.context)
            .or(self.seen().told.context)
    }

    /// Tokens of an answer at most, when it is known.
    pub(crate) fn max_output(&self) -> Option<u64> {
        self.data()
            .and_then(|data| data.max_output)
            .or(self.seen().told.max_output)
    }

    /// When its provider switches it off, when it is known.
    pub(crate) fn shutdown(&self) -> Option<NaiveDate> {
        self.data()
            .and_then(|data| data.shutdown)
            .or(self.seen().told.shutdown)
    }

    /// Where it stands today: one whose end has come is retired, whatever is said of it.
    pub(crate) fn lifecycle(&self) -> Lifecycle {
        let today = self.connection.clock.now().date_naive();
        let said = self.data().map(|data| data.lifecycle);
        let said = match said {
            None | Some(Lifecycle::Active) => self.seen().told.lifecycle.or(said).unwrap_or_default(),
            Some(said) => said,
        };
        said.before(self.shutdown(), today)
    }

    /// What was last seen of it.
    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be told of it now.
    pub(crate) fn health(&self) -> Health {
        let (now, seen) = (self.connection.clock.now(), self.seen());
        if self.breaker_state() == State::Open || seen.held_until.is_some_and(|until| now < until) {
            Health::Resting
        } else if seen.failed.is_some() {
            Health::Failing
        } else if seen.answered.is_some() {
            Health::Up
        } else {
            Health::Unknown
        }
    }

    /// True when it may be asked for tool calls.
    pub(crate) fn calls_tools(&self) -> bool {
        match self.seen().tools {
            ToolCalling::Works => true,
            ToolCalling::Untried => !self.connection.tried_first,
            ToolCalling::Fails => false,
        }
    }

    pub(super) fn tell(&self, told: Told) {
        self.note(|seen| seen.told = told);
    }

    pub(super) fn set_tools(&self, tools: ToolCalling) {
        self.note(|seen| seen.tools = tools);
    }

    /// How long it wants to be left alone.
    pub(super) fn held_for(&self) -> Duration {
        let now = self.connection.clock.now();
        self.seen()
            .held_until
            .and_then(|until| (until - now).to_std().ok())
            .unwrap_or_default()
    }

    pub(super) fn breaker_state(&self) -> State {
        self.with_breaker(|breaker, now| breaker.state(now))
    }

    /// Asks the breaker of its provider; what it admits is to be ended by `learn`.
    pub(super) fn admits(&self) -> bool {
        self.with_breaker(Breaker::admits)
    }

    /// What the end of a try tells of the model and its provider; `None` when it was cancelled.
    pub(super) fn learn(&self, end: Option<Result<(), &ProviderError>>) {
        let now = self.connection.clock.now();
        match end {
            Some(Ok(())) => self.note(|seen| {
                seen.answered = Some(now);
                seen.failed = None;
                seen.held_until = None;
            }),
            Some(Err(error)) => self.note(|seen| {
                seen.failed = Some((now, error.failure));
                let held = error
                    .advice
                    .after
                    .and_then(|after| TimeDelta::from_std(after).ok());
                if let (true, Some(held)) = (error.failure.asks_to_wait(), held) {
                    seen.held_until = now.checked_add_signed(held);
                }
            }),
            None => {}
        }
        self.with_breaker(|breaker, now| match end {
            Some(Ok(())) => breaker.success(),
            Some(Err(error)) if error.failure.is_outage() => breaker.failure(now),
            // It answered, if only with a refusal.
            Some(Err(_)) | None => breaker.nothing(),
        });
        metrics::breaker_is(&self.provider, self.breaker_state() != State::Closed);
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn with_breaker<T>(&self, act: impl FnOnce(&mut Breaker, DateTime<Utc>) -> T) -> T {
        let now = self.connection.clock.now();
        let mut breaker = self
            .connection
            .breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(&mut breaker, now)
    }

    /// Asks the model once for one turn; `on_part` hears of each part as it comes.
    pub(super) async fn once(
        &self,
        prompt: &Prompt<'_>,
        deadline: Instant,
        on_part: &mut (dyn FnMut(Heard) + Send),
    ) -> Result<Turn, ProviderError> {
        let first = (Instant::now() + self.first_token_limit()).min(deadline);
        let late = |at: Instant| {
            ProviderError::new(if at >= deadline {
                Failure::TimedOut
            } else {
                Failure::NoFirstToken
            })
        };
        let response = tokio::time::timeout_at(first, self.send(prompt))
            .await
            .map_err(|_| late(first))??;
        on_part(Heard::Accepted);
        let limits = sse::Limits {
            first,
            idle: self.connection.patience.idle,
            deadline,
        };
        let mut events = sse::Reader::new(response, limits);
        let mut fold = Fold::new(self.dialect);
        loop {
            let event = match events.next().await {
                Ok(event) => event,
                Err(error) => return Err(error.using(fold.tokens())),
            };
            let Some(event) = event else { break };
            let steps = if event.is_whole {
                fold.whole(&event.data)
            } else {
                fold.event(&event).map(|step| vec![step])
            };
            let steps = match steps {
                Ok(steps) => steps,
                Err(error) => return Err(error.using(fold.tokens())),
            };
            let done = steps.contains(&Step::Done);
            for step in steps {
                match step {
                    Step::Text(text) => {
                        events.content_began();
                        on_part(Heard::Text(text));
                    }
                    Step::Content(length) => {
                        events.content_began();
                        on_part(Heard::Content(length));
                    }
                    Step::Nothing | Step::Done => {}
                }
            }
            if done {
                break;
            }
        }
        let tokens = fold.tokens();
        let mut turn = fold.end().map_err(|error| error.using(tokens))?;
        turn.author = Some(self.author());
        if turn.tokens == Tokens::default() {
            turn.estimated = true;
            turn.tokens = Tokens {
                input: estimate::prompt(prompt),
                output: estimate::tokens(&turn.text) + turn.calls.iter().map(estimate::call).sum::<u64>(),
                ..Tokens::default()
            };
        }
        Ok(turn)
    }

    fn first_token_limit(&self) -> Duration {
        let limit = self.connection.patience.first_token;
        match self.data() {
            // It thinks before it writes, and tells nothing of it.
            Some(data) if data.can("reasoning") => limit * 3,
            Some(_) | None => limit,
        }
    }

    fn author(&self) -> Author {
        Author {
            dialect: self.dialect,
            provider: self.provider.clone(),
            model: self.model.clone(),
        }
    }

    async fn send(&self, prompt: &Prompt<'_>) -> Result<reqwest::Response, ProviderError> {
        let author = self.author();
        // Servers refuse tools for models that know none. Where none is to be called they are left
        // out too, but not for Anthropic, which wants to know the tools of earlier calls.
        let known = self.seen().tools != ToolCalling::Fails;
        let wanted = prompt.options.tool_choice != ToolChoice::None;
        let told = known && (wanted || self.dialect == Dialect::AnthropicMessages);
        let prompt = &Prompt {
            tools: if told { prompt.tools } else { &[] },
            ..prompt.clone()
        };
        let body = match self.dialect {
            Dialect::OpenAiResponses => openai_responses::request(&author, prompt),
            Dialect::OpenAiChat => {
                let own = self.connection.base.host_str() == Some("api.openai.com");
                openai_chat::request(&author, prompt, own)
            }
            Dialect::AnthropicMessages => anthropic_messages::request(&author, prompt),
            Dialect::GigaChat => gigachat::request(&author, prompt),
        };
        let request = self
            .post(self.dialect.path())
            .await?
            .header("accept", "text/event-stream")
            .json(&body);
        let response = client::send(request).await.map_err(ProviderError::unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let mut error = failure::of_response(response, self.connection.clock.now()).await;
        if error.failure == Failure::Unauthorized && self.connection.credentials.forget() {
            // With a new token the same request may be taken.
            error.advice = Advice::again_at_once();
        }
        Err(error)
    }

    /// A request to the provider with everything that it wants but the body, such as
    /// `chat/completions`; for passing a client's own request on.
    pub(crate) async fn post(&self, path: &str) -> Result<reqwest::RequestBuilder, ProviderError> {
        self.connection.request(http::Method::POST, path).await
    }
}

impl Connection {
    pub(super) async fn request(
        &self,
        method: http::Method,
        path: &str,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        let base = self.base.as_str().trim_end_matches('/');
        let path = if base.ends_with("/v1") {
            path.trim_start_matches("v1/")
        } else {
            path
        };
        let request = self
            .http
            .request(method, format!("{base}/{path}"))
            .headers(self.headers.clone());
        self.credentials.sign(request, &self.http).await
    }
}

/// What a try hears of its answer.
#[derive(Debug)]
pub(super) enum Heard {
    /// The provider took the question.
    Accepted,
    Text(String),
    /// A part that is no text, of so many characters.
    Content(usize),
}
