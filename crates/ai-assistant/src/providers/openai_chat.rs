//! OpenAI Chat Completions (`POST /chat/completions`, streaming), as compatible servers speak it:
//! every field may be absent or null.

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{ErrorObject, by_name};
use super::sse::Event;
use super::{Failure, Finish, Item, Prompt, ProviderError, Step, Tokens, Turn, arguments};
use crate::tools::ToolCall;

/// The body of a request.
pub(super) fn request(model: &str, prompt: &Prompt<'_>) -> Value {
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    for item in prompt.items {
        match item {
            Item::User(text) => messages.push(json!({"role": "user", "content": text})),
            Item::Said(text) => messages.push(json!({"role": "assistant", "content": text})),
            Item::Turn(turn) => messages.extend(turn.raw.iter().cloned()),
            Item::Results(results) => {
                for result in results {
                    messages
                        .push(json!({"role": "tool", "tool_call_id": result.id, "content": result.content}));
                }
            }
        }
    }
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": prompt.max_output_tokens,
    });
    if !prompt.tools.is_empty() {
        let tools: Vec<Value> = prompt
            .tools
            .iter()
            .map(|tool| json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}))
            .collect();
        body["tools"] = tools.into();
    }
    body
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<ErrorObject>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallDelta {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// The turn so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    text: String,
    calls: Vec<Call>,
    tokens: Tokens,
    finish: Option<String>,
    done: bool,
}

impl Fold {
    pub(super) fn tokens(&self) -> Tokens {
        self.tokens
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<Step, ProviderError> {
        if event.data.trim() == "[DONE]" {
            self.done = true;
            return Ok(Step::Done);
        }
        let chunk: Chunk = serde_json::from_str(&event.data)
            .map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        if let Some(error) = chunk.error {
            let failure = by_name(&error).unwrap_or(Failure::Server);
            return Err(ProviderError::because(failure, error.message.unwrap_or_default()));
        }
        if let Some(usage) = chunk.usage {
            let details = usage.prompt_tokens_details.unwrap_or_default();
            self.tokens = Tokens {
                input: usage.prompt_tokens.unwrap_or(0),
                cache_read: details.cached_tokens.unwrap_or(0),
                cache_write: details.cache_write_tokens.unwrap_or(0),
                output: usage.completion_tokens.unwrap_or(0),
            };
        }
        let Some(choice) = chunk.choices.and_then(|choices| choices.into_iter().next()) else {
            return Ok(Step::Nothing);
        };
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason);
        }
        let delta = choice.delta.unwrap_or_default();
        if delta.refusal.is_some_and(|refusal| !refusal.is_empty()) {
            return Err(ProviderError::new(Failure::ContentRefused));
        }
        let calls = delta.tool_calls.unwrap_or_default();
        let has_calls = !calls.is_empty();
        for call in calls {
            self.call(call);
        }
        match delta.content.filter(|text| !text.is_empty()) {
            Some(text) => {
                self.text.push_str(&text);
                Ok(Step::Text(text))
            }
            None if has_calls => Ok(Step::Content),
            None => Ok(Step::Nothing),
        }
    }

    /// Some servers leave the index out, some repeat the name in every piece.
    fn call(&mut self, delta: CallDelta) {
        let index = delta.index.unwrap_or_else(|| match &delta.id {
            Some(id) if !id.is_empty() => self
                .calls
                .iter()
                .position(|call| call.id == *id)
                .unwrap_or(self.calls.len()),
            _ => self.calls.len().saturating_sub(1),
        });
        // Indices count up; a gap would only be a mistake of the server.
        let index = index.min(self.calls.len());
        if index == self.calls.len() {
            self.calls.push(Call::default());
        }
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        if let Some(id) = delta.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        let function = delta.function.unwrap_or_default();
        if let Some(name) = function.name.filter(|name| !name.is_empty()) {
            call.name = name;
        }
        call.arguments
            .push_str(function.arguments.as_deref().unwrap_or_default());
    }

    pub(super) fn end(self) -> Result<Turn, ProviderError> {
        if self.finish.is_none() && !self.done {
            return Err(ProviderError::new(Failure::Interrupted));
        }
        if self.finish.as_deref() == Some("content_filter") {
            return Err(ProviderError::new(Failure::ContentRefused));
        }
        if self.text.is_empty() && self.calls.is_empty() {
            return Err(ProviderError::because(Failure::Malformed, "an empty answer"));
        }
        let raw_calls: Vec<Value> = self
            .calls
            .iter()
            .map(|call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": if call.arguments.is_empty() { "{}" } else { &call.arguments }}}))
            .collect();
        let mut message = json!({"role": "assistant", "content": self.text});
        if !raw_calls.is_empty() {
            message["tool_calls"] = raw_calls.into();
        }
        Ok(Turn {
            calls: self
                .calls
                .into_iter()
                .map(|call| ToolCall {
                    id: call.id,
                    name: call.name,
                    arguments: arguments(&call.arguments),
                })
                .collect(),
            raw: vec![message],
            tokens: self.tokens,
            finish: if self.finish.as_deref() == Some("length") {
                Finish::Length
            } else {
                Finish::Complete
            },
        })
    }
}
