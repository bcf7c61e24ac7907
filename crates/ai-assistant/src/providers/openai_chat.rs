//! OpenAI Chat Completions (`POST /chat/completions`, streaming), as compatible servers speak it:
//! every field may be absent or null.

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{AnyError, by_name};
use super::fold::Step;
use super::prompt::{arguments, arguments_of};
use super::sse::Event;
use super::{Author, Failure, Finish, Item, Prompt, ProviderError, Tokens, ToolChoice, Turn};
use crate::tools::ToolCall;

/// The body of a request. `own` is OpenAI itself, whose newer models take no `max_tokens`.
pub(super) fn request(author: &Author, prompt: &Prompt<'_>, own: bool) -> Value {
    let mut messages = Vec::new();
    // Clients of our own door may have none.
    if !prompt.system.is_empty() {
        messages.push(json!({"role": "system", "content": prompt.system}));
    }
    for item in prompt.items {
        match item {
            Item::User(text) => messages.push(json!({"role": "user", "content": text})),
            Item::Said(text) => messages.push(json!({"role": "assistant", "content": text})),
            Item::Turn(turn) => match turn.raw_for(author) {
                Some(raw) => messages.extend(raw.iter().cloned()),
                None => messages.push(told(turn)),
            },
            Item::Results(results) => {
                for result in results {
                    messages
                        .push(json!({"role": "tool", "tool_call_id": result.id, "content": result.content}));
                }
            }
        }
    }
    let limit = if own {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body = json!({
        "model": author.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
        limit: prompt.max_output_tokens,
    });
    if !prompt.tools.is_empty() {
        let tools: Vec<Value> = prompt
            .tools
            .iter()
            .map(|tool| json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}))
            .collect();
        body["tools"] = tools.into();
    }
    add_options(&mut body, prompt);
    body
}

/// A turn of another model.
fn told(turn: &Turn) -> Value {
    let calls: Vec<Value> = turn
        .calls
        .iter()
        .map(|call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_of(call).to_string()}}))
        .collect();
    let mut message = json!({"role": "assistant", "content": turn.text});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    message
}

fn add_options(body: &mut Value, prompt: &Prompt<'_>) {
    let options = &prompt.options;
    let choice = match &options.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({"type": "function", "function": {"name": name}})),
    };
    let members = [
        ("tool_choice", choice.filter(|_| !prompt.tools.is_empty())),
        ("temperature", options.temperature.map(Value::from)),
        ("top_p", options.top_p.map(Value::from)),
        ("stop", (!options.stop.is_empty()).then(|| json!(options.stop))),
        ("reasoning_effort", options.effort.clone().map(Value::from)),
        (
            "response_format",
            options.schema.as_ref().map(
                |schema| json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}),
            ),
        ),
        ("user", options.user.clone().map(Value::from)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            body[name] = value;
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<AnyError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    /// `message` in an answer that is not streamed.
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
    /// The older form of a call, which GigaChat uses; some servers send both.
    function_call: Option<FunctionDelta>,
    /// GigaChat wants it back with the call.
    functions_state_id: Option<String>,
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
    /// A string, of which pieces come one after another; an object at GigaChat.
    arguments: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    /// GigaChat's name of cached tokens.
    precached_prompt_tokens: Option<u64>,
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

impl Call {
    /// Adds a piece and tells its length. Some servers repeat the name in every piece.
    fn add(&mut self, function: FunctionDelta) -> usize {
        if let Some(name) = function.name.filter(|name| !name.is_empty()) {
            self.name = name;
        }
        let before = self.arguments.len();
        match function.arguments {
            Some(Value::String(piece)) => self.arguments.push_str(&piece),
            Some(Value::Null) | None => {}
            Some(whole) => self.arguments = whole.to_string(),
        }
        // A piece with nothing but a name is one too.
        self.arguments.len().saturating_sub(before).max(1)
    }
}

/// The turn so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    text: String,
    calls: Vec<Call>,
    /// A call in the older form; void when one in the newer form comes too.
    older_call: Option<Call>,
    functions_state_id: Option<String>,
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
        if event.data.trim().is_empty() {
            return Ok(Step::Nothing);
        }
        let chunk: Chunk = serde_json::from_str(&event.data)
            .map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        if let Some(error) = chunk.error.map(AnyError::object) {
            let failure = by_name(&error).unwrap_or(Failure::Server);
            return Err(ProviderError::because(failure, error.message.unwrap_or_default()));
        }
        if let Some(usage) = chunk.usage {
            let details = usage.prompt_tokens_details.unwrap_or_default();
            self.tokens = Tokens {
                input: usage.prompt_tokens.unwrap_or(0),
                cache_read: details
                    .cached_tokens
                    .or(usage.precached_prompt_tokens)
                    .unwrap_or(0),
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
        let mut content = 0;
        for call in delta.tool_calls.unwrap_or_default() {
            content += self.call(call);
        }
        self.functions_state_id = delta.functions_state_id.or(self.functions_state_id.take());
        if let Some(function) = delta.function_call {
            content += self.older_call.get_or_insert_default().add(function);
        }
        match delta.content.filter(|text| !text.is_empty()) {
            Some(text) => {
                self.text.push_str(&text);
                Ok(Step::Text(text))
            }
            None if content > 0 => Ok(Step::Content(content)),
            None => Ok(Step::Nothing),
        }
    }

    /// Some servers leave the index out.
    fn call(&mut self, delta: CallDelta) -> usize {
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
            return 0;
        };
        if let Some(id) = delta.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        call.add(delta.function.unwrap_or_default())
    }

    pub(super) fn end(mut self) -> Result<Turn, ProviderError> {
        if self.finish.is_none() && !self.done {
            return Err(ProviderError::new(Failure::Interrupted));
        }
        match self.finish.as_deref() {
            // `blacklist` and `error` are GigaChat's.
            Some("content_filter" | "blacklist") => return Err(ProviderError::new(Failure::ContentRefused)),
            Some("error") => return Err(ProviderError::new(Failure::Server)),
            _ => {}
        }
        let older = self.older_call.take().filter(|_| self.calls.is_empty());
        let older_raw = older.as_ref().map(|call| {
            let arguments = arguments(&call.arguments).unwrap_or_default();
            json!({"name": call.name, "arguments": arguments})
        });
        if self.text.is_empty() && self.calls.is_empty() && older.is_none() {
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
        if let Some(call) = older_raw {
            message["function_call"] = call;
        }
        if let Some(id) = self.functions_state_id {
            message["functions_state_id"] = id.into();
        }
        Ok(Turn {
            text: self.text,
            calls: self
                .calls
                .into_iter()
                .chain(older)
                .enumerate()
                .map(|(number, call)| ToolCall {
                    // Results have to be told apart also where calls have no id.
                    id: if call.id.is_empty() {
                        format!("call_{number}")
                    } else {
                        call.id
                    },
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
            ..Turn::default()
        })
    }
}
