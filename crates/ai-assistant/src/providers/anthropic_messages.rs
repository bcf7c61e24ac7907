//! Anthropic Messages (`POST /v1/messages`, streaming). No sampling parameters are sent: newer
//! models refuse them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{ErrorObject, by_name};
use super::fold::Step;
use super::prompt::{arguments, arguments_of};
use super::sse::Event;
use super::{Author, Failure, Finish, Item, Prompt, ProviderError, Tokens, ToolChoice, Turn};
use crate::tools::ToolCall;

/// The body of a request. All results of a turn go into the one next user message.
pub(super) fn request(author: &Author, prompt: &Prompt<'_>) -> Value {
    let mut messages = Vec::new();
    for item in prompt.items {
        match item {
            Item::User(text) => messages.push(json!({"role": "user", "content": text})),
            Item::Said(text) => messages.push(json!({"role": "assistant", "content": text})),
            Item::Turn(turn) => {
                let content = match turn.raw_for(author) {
                    Some(raw) => raw.to_vec(),
                    None => told(turn),
                };
                messages.push(json!({"role": "assistant", "content": content}));
            }
            Item::Results(results) => {
                let blocks: Vec<Value> = results
                    .iter()
                    .map(|result| json!({"type": "tool_result", "tool_use_id": own_id(&result.id), "content": result.content, "is_error": result.is_error}))
                    .collect();
                messages.push(json!({"role": "user", "content": blocks}));
            }
        }
    }
    let mut body = json!({
        "model": author.model,
        "messages": messages,
        "max_tokens": prompt.max_output_tokens,
        "stream": true,
    });
    // The API refuses empty texts.
    if !prompt.system.is_empty() {
        body["system"] =
            json!([{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}]);
    }
    if !prompt.tools.is_empty() {
        let tools: Vec<Value> = prompt
            .tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}))
            .collect();
        body["tools"] = tools.into();
        let choice = match &prompt.options.tool_choice {
            ToolChoice::Auto => None,
            ToolChoice::None => Some(json!({"type": "none"})),
            ToolChoice::Required => Some(json!({"type": "any"})),
            ToolChoice::Named(name) => Some(json!({"type": "tool", "name": name})),
        };
        if let Some(choice) = choice {
            body["tool_choice"] = choice;
        }
    }
    let options = &prompt.options;
    if !options.stop.is_empty() {
        body["stop_sequences"] = json!(options.stop);
    }
    if let Some(user) = &options.user {
        body["metadata"] = json!({"user_id": user});
    }
    if let Some(effort) = &options.effort {
        body["output_config"]["effort"] = effort.clone().into();
    }
    if let Some(schema) = &options.schema {
        body["output_config"]["format"] = json!({"type": "json_schema", "schema": schema});
    }
    body
}

/// A turn of another model. A turn without a word and without a call does not exist.
fn told(turn: &Turn) -> Vec<Value> {
    let text = (!turn.text.is_empty()).then(|| json!({"type": "text", "text": turn.text}));
    let calls = turn.calls.iter().map(|call| {
        json!({"type": "tool_use", "id": own_id(&call.id), "name": call.name, "input": arguments_of(call)})
    });
    text.into_iter().chain(calls).collect()
}

/// Ids of calls have to be of `[a-zA-Z0-9_-]`; another provider's may not be.
fn own_id(id: &str) -> String {
    id.chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() || char == '-' {
                char
            } else {
                '_'
            }
        })
        .collect()
}

/// The events that a message would have been, of a server that does not stream.
pub(super) fn events_of(message: &Value) -> Vec<Value> {
    if message["error"].is_object() {
        // With status 200, and perhaps without its type.
        return vec![json!({"type": "error", "error": message["error"]})];
    }
    let mut events = vec![json!({"type": "message_start", "message": {"usage": message["usage"]}})];
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        let mut begun = block.clone();
        let delta = match block["type"].as_str() {
            Some("text") => {
                begun["text"] = "".into();
                Some(json!({"type": "text_delta", "text": block["text"]}))
            }
            Some("tool_use") => {
                Some(json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}))
            }
            _ => None,
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        events.extend(
            delta.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": message["stop_reason"]}, "usage": message["usage"]}));
    events.push(json!({"type": "message_stop"}));
    events
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    index: usize,
    message: Option<Message>,
    content_block: Option<Value>,
    delta: Option<Delta>,
    usage: Option<Usage>,
    error: Option<ErrorObject>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

#[derive(Debug)]
struct Block {
    value: Value,
    json: String,
}

/// The turn so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    text: String,
    blocks: Vec<Block>,
    uncached: u64,
    tokens: Tokens,
    stop_reason: Option<String>,
}

impl Fold {
    pub(super) fn tokens(&self) -> Tokens {
        Tokens {
            // Anthropic counts cached tokens apart.
            input: self.uncached + self.tokens.cache_read + self.tokens.cache_write,
            ..self.tokens
        }
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<Step, ProviderError> {
        if event.data.trim().is_empty() || event.data.trim() == "[DONE]" {
            return Ok(Step::Nothing);
        }
        let frame: Frame = serde_json::from_str(&event.data)
            .map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        match frame.kind.as_str() {
            "message_start" => {
                self.count(frame.message.and_then(|message| message.usage));
                Ok(Step::Nothing)
            }
            "content_block_start" => {
                // Blocks come one after another, in the order of their index.
                self.blocks.push(Block {
                    value: frame.content_block.unwrap_or_default(),
                    json: String::new(),
                });
                Ok(Step::Content(1))
            }
            "content_block_delta" => self.delta(frame.index, frame.delta.unwrap_or_default()),
            "message_delta" => {
                self.count(frame.usage);
                self.stop_reason = frame
                    .delta
                    .and_then(|delta| delta.stop_reason)
                    .or(self.stop_reason.take());
                Ok(Step::Nothing)
            }
            "message_stop" => Ok(Step::Done),
            "error" => {
                let error = frame.error.unwrap_or_default();
                let failure = by_name(&error).unwrap_or(Failure::Server);
                Err(ProviderError::because(failure, error.message.unwrap_or_default()))
            }
            _ => Ok(Step::Nothing),
        }
    }

    /// Later counts replace earlier ones; they are cumulative.
    fn count(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else {
            return;
        };
        let set = |old: &mut u64, new: Option<u64>| *old = new.unwrap_or(*old);
        set(&mut self.uncached, usage.input_tokens);
        set(&mut self.tokens.cache_read, usage.cache_read_input_tokens);
        set(&mut self.tokens.cache_write, usage.cache_creation_input_tokens);
        set(&mut self.tokens.output, usage.output_tokens);
    }

    fn delta(&mut self, index: usize, delta: Delta) -> Result<Step, ProviderError> {
        let Some(block) = self.blocks.get_mut(index) else {
            return Err(ProviderError::because(Failure::Malformed, "a delta of no block"));
        };
        match delta.kind.as_deref() {
            Some("text_delta") => {
                let text = delta.text.unwrap_or_default();
                append(&mut block.value, "text", &text);
                self.text.push_str(&text);
                return Ok(if text.is_empty() {
                    Step::Nothing
                } else {
                    Step::Text(text)
                });
            }
            Some("input_json_delta") => {
                let piece = delta.partial_json.unwrap_or_default();
                block.json.push_str(&piece);
                return Ok(Step::Content(piece.len().max(1)));
            }
            Some("thinking_delta") => {
                let piece = delta.thinking.unwrap_or_default();
                append(&mut block.value, "thinking", &piece);
                return Ok(Step::Content(piece.len().max(1)));
            }
            Some("signature_delta") => append(
                &mut block.value,
                "signature",
                delta.signature.as_deref().unwrap_or_default(),
            ),
            _ => return Ok(Step::Nothing),
        }
        Ok(Step::Content(1))
    }

    pub(super) fn end(self) -> Result<Turn, ProviderError> {
        let tokens = self.tokens();
        // The reason comes after the last block, so with it the answer is whole even when the
        // last mark is missing.
        if self.stop_reason.is_none() {
            return Err(ProviderError::new(Failure::Interrupted));
        }
        let finish = match self.stop_reason.as_deref() {
            Some("refusal") => return Err(ProviderError::new(Failure::ContentRefused)),
            Some("model_context_window_exceeded") => return Err(ProviderError::new(Failure::ContextTooLong)),
            Some("max_tokens") => Finish::Length,
            _ => Finish::Complete,
        };
        let mut raw = Vec::new();
        let mut calls = Vec::new();
        for mut block in self.blocks {
            match block.value["type"].as_str() {
                Some("tool_use") => {
                    let parsed = arguments(&block.json);
                    block.value["input"] = Value::Object(parsed.clone().unwrap_or_default());
                    calls.push(ToolCall {
                        id: block.value["id"].as_str().unwrap_or_default().to_owned(),
                        name: block.value["name"].as_str().unwrap_or_default().to_owned(),
                        arguments: parsed,
                    });
                }
                // The API refuses empty text blocks.
                Some("text") if block.value["text"].as_str().is_none_or(str::is_empty) => continue,
                _ => {}
            }
            raw.push(block.value);
        }
        if self.text.is_empty() && calls.is_empty() {
            return Err(ProviderError::because(Failure::Malformed, "an empty answer"));
        }
        Ok(Turn {
            text: self.text,
            calls,
            raw,
            tokens,
            finish,
            ..Turn::default()
        })
    }
}

fn append(value: &mut Value, member: &str, text: &str) {
    let mut whole = value[member].as_str().unwrap_or_default().to_owned();
    whole.push_str(text);
    value[member] = whole.into();
}
