//! A turn put together from the events of any dialect.

use serde_json::Value;

use super::sse::Event;
use super::{
    Dialect, Failure, ProviderError, Tokens, Turn, anthropic_messages, openai_chat, openai_responses,
};

/// What an event meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Text(String),
    /// Part of the answer that is no text, of so many characters.
    Content(usize),
    Nothing,
    Done,
}

/// The turn so far, by dialect.
#[derive(Debug)]
pub(super) enum Fold {
    Responses(openai_responses::Fold),
    Chat(openai_chat::Fold),
    Messages(anthropic_messages::Fold),
}

impl Fold {
    pub(super) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiResponses => Self::Responses(openai_responses::Fold::default()),
            Dialect::OpenAiChat | Dialect::GigaChat => Self::Chat(openai_chat::Fold::default()),
            Dialect::AnthropicMessages => Self::Messages(anthropic_messages::Fold::default()),
        }
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<Step, ProviderError> {
        match self {
            Self::Responses(fold) => fold.event(event),
            Self::Chat(fold) => fold.event(event),
            Self::Messages(fold) => fold.event(event),
        }
    }

    /// The answer of a server that does not stream, as the events that it would have sent.
    pub(super) fn whole(&mut self, body: &str) -> Result<Vec<Step>, ProviderError> {
        let body: Value =
            serde_json::from_str(body).map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        let events = match self {
            Self::Responses(_) => openai_responses::events_of(&body),
            Self::Chat(_) => vec![body],
            Self::Messages(_) => anthropic_messages::events_of(&body),
        };
        events
            .into_iter()
            .map(|data| self.event(&Event::of(data.to_string())))
            .collect()
    }

    pub(super) fn tokens(&self) -> Tokens {
        match self {
            Self::Responses(fold) => fold.tokens(),
            Self::Chat(fold) => fold.tokens(),
            Self::Messages(fold) => fold.tokens(),
        }
    }

    pub(super) fn end(self) -> Result<Turn, ProviderError> {
        match self {
            Self::Responses(fold) => fold.end(),
            Self::Chat(fold) => fold.end(),
            Self::Messages(fold) => fold.end(),
        }
    }
}
