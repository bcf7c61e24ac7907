//! Language models over HTTP: one request and one stream of events per turn, in the dialect of
//! the provider. A stream that ends early is an error, never a shorter answer.
//!
//! [`Registry`] knows the models; [`Registry::chain`] gives those that may answer a request, in
//! their order; [`Chain::turn`] gets a turn from the first that gives one. Below that, [`Remote`]
//! is one model and makes one try.

mod advice;
mod anthropic_messages;
mod attempt;
mod breaker;
mod catalog;
mod chain;
mod credentials;
mod estimate;
mod failure;
mod fold;
mod gigachat;
mod openai_chat;
mod openai_responses;
mod prompt;
mod registry;
mod remote;
mod sse;
mod survey;

pub use breaker::Breaking;
pub use catalog::{Catalog, CatalogError};
pub use registry::Fallback;
pub use remote::Patience;

pub(crate) use attempt::{Attempt, Outcome};
pub(crate) use catalog::{Band, Lifecycle};
pub(crate) use chain::{Chain, Part};
pub(crate) use estimate::{prompt as estimate_prompt, tokens as estimate_tokens};
pub(crate) use failure::{Failure, ProviderError};
pub(crate) use prompt::{Author, Finish, Item, Options, Prompt, Tokens, ToolChoice, Turn, arguments_of};
pub(crate) use registry::Registry;
pub(crate) use remote::{Health, Remote, ToolCalling};
pub(crate) use survey::watch;

/// The wire format of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI `POST /responses`: the only one in which newer OpenAI models call tools.
    OpenAiResponses,
    /// OpenAI `POST /chat/completions`, which compatible servers speak.
    OpenAiChat,
    /// Anthropic `POST /v1/messages`.
    AnthropicMessages,
    /// GigaChat's own form of `POST /chat/completions`.
    GigaChat,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OpenAiResponses,
        Self::OpenAiChat,
        Self::AnthropicMessages,
        Self::GigaChat,
    ];

    /// The name in settings and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiResponses => "openai-responses",
            Self::OpenAiChat => "openai-chat",
            Self::AnthropicMessages => "anthropic-messages",
            Self::GigaChat => "gigachat",
        }
    }

    /// Where turns are asked for, below the address of the provider.
    const fn path(self) -> &'static str {
        match self {
            Self::OpenAiResponses => "responses",
            Self::OpenAiChat | Self::GigaChat => "chat/completions",
            Self::AnthropicMessages => "v1/messages",
        }
    }
}
