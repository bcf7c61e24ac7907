//! What a model is asked and what it answers, in no provider's wire format.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Dialect;
use crate::privacy::Mask;
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// One part of a conversation with a model.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    User(String),
    /// An earlier answer, known by its text only.
    Said(String),
    /// A turn of this very exchange; its model wants it back exactly as it sent it.
    Turn(Turn),
    Results(Vec<ToolResult>),
}

/// What a model is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prompt<'a> {
    pub(crate) system: &'a str,
    pub(crate) items: &'a [Item],
    pub(crate) tools: &'a [ToolSpec],
    pub(crate) max_output_tokens: u32,
    pub(crate) options: Options,
    /// What is hidden from models of others.
    pub(crate) mask: Option<&'a Arc<Mask>>,
    /// All of it is a client's own, the system prompt and the tools too.
    pub(crate) of_client: bool,
}

/// How the answer is to be made. What a dialect or a model does not take is left out of the
/// request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Options {
    /// Never sent to Anthropic, whose newer models refuse it.
    pub(crate) temperature: Option<f64>,
    /// Never sent to Anthropic either.
    pub(crate) top_p: Option<f64>,
    /// Texts that end the answer; the Responses API has none.
    pub(crate) stop: Vec<String>,
    pub(crate) tool_choice: ToolChoice,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`.
    pub(crate) effort: Option<String>,
    /// JSON Schema that the text of the answer has to fit.
    pub(crate) schema: Option<Value>,
    /// An opaque name of the user, by which providers notice abuse.
    pub(crate) user: Option<String>,
}

/// Whether tools are to be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
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

/// Which model wrote a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) dialect: Dialect,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
}

/// One complete turn of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn {
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    /// The turn as the provider sent it.
    pub(crate) raw: Vec<Value>,
    /// Who sent `raw`; nobody else understands all of it.
    pub(crate) author: Option<Author>,
    pub(crate) tokens: Tokens,
    /// The provider told no tokens; `tokens` is a guess from the length of the texts.
    pub(crate) estimated: bool,
    pub(crate) finish: Finish,
}

impl Turn {
    /// The turn as its author sent it, when the same model is to get it back.
    pub(super) fn raw_for(&self, author: &Author) -> Option<&[Value]> {
        (self.author.as_ref() == Some(author)).then_some(&self.raw)
    }
}

/// Arguments as a model wrote them; none at all mean an empty object.
pub(super) fn arguments(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) | Err(_) => Err(text.chars().take(200).collect()),
    }
}

/// Arguments of a call as an object, for a model that did not write them. What was no object is
/// left out: the result of the call says what was wrong with it.
pub(crate) fn arguments_of(call: &ToolCall) -> Value {
    Value::Object(call.arguments.clone().unwrap_or_default())
}
