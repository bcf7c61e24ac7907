//! OpenAI Responses (`POST /responses`, streaming). Nothing is kept at the provider
//! (`store: false`), so reasoning comes encrypted and goes back with the next round.

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{ErrorObject, by_name};
use super::fold::Step;
use super::prompt::{arguments, arguments_of};
use super::sse::Event;
use super::{Author, Failure, Finish, Item, Prompt, ProviderError, Tokens, ToolChoice, Turn};
use crate::tools::ToolCall;

/// The body of a request.
pub(super) fn request(author: &Author, prompt: &Prompt<'_>) -> Value {
    let mut input = Vec::new();
    for item in prompt.items {
        match item {
            Item::User(text) => input.push(json!({"role": "user", "content": text})),
            Item::Said(text) => input.push(json!({"role": "assistant", "content": text})),
            Item::Turn(turn) => match turn.raw_for(author) {
                Some(raw) => input.extend(raw.iter().cloned()),
                None => input.extend(told(turn)),
            },
            Item::Results(results) => {
                for result in results {
                    input.push(json!({"type": "function_call_output", "call_id": result.id, "output": result.content}));
                }
            }
        }
    }
    let mut body = json!({
        "model": author.model,
        "instructions": prompt.system,
        "input": input,
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": prompt.max_output_tokens,
        "stream": true,
    });
    if !prompt.tools.is_empty() {
        let tools: Vec<Value> = prompt
            .tools
            .iter()
            .map(|tool| json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": false}))
            .collect();
        body["tools"] = tools.into();
        body["parallel_tool_calls"] = true.into();
    }
    add_options(&mut body, prompt);
    body
}

/// A turn of another model.
fn told(turn: &Turn) -> Vec<Value> {
    let text = (!turn.text.is_empty()).then(|| json!({"role": "assistant", "content": turn.text}));
    let calls = turn.calls.iter().map(|call| {
        json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments_of(call).to_string()})
    });
    text.into_iter().chain(calls).collect()
}

fn add_options(body: &mut Value, prompt: &Prompt<'_>) {
    let options = &prompt.options;
    let choice = match &options.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({"type": "function", "name": name})),
    };
    let members = [
        ("tool_choice", choice.filter(|_| !prompt.tools.is_empty())),
        ("temperature", options.temperature.map(Value::from)),
        ("top_p", options.top_p.map(Value::from)),
        (
            "reasoning",
            options.effort.as_ref().map(|effort| json!({"effort": effort})),
        ),
        (
            "text",
            options
                .schema
                .as_ref()
                .map(|schema| json!({"format": {"type": "json_schema", "name": "answer", "schema": schema}})),
        ),
        ("safety_identifier", options.user.clone().map(Value::from)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            body[name] = value;
        }
    }
}

/// The events that a response would have been, of a server that does not stream.
pub(super) fn events_of(response: &Value) -> Vec<Value> {
    let texts = response["output"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|item| {
            item["content"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| match part["type"].as_str() {
                    Some("output_text") => {
                        Some(json!({"type": "response.output_text.delta", "delta": part["text"]}))
                    }
                    Some("refusal") => Some(json!({"type": "response.refusal.delta"})),
                    _ => None,
                })
        });
    let end = match response["status"].as_str() {
        Some("failed") => "response.failed",
        Some("incomplete") => "response.incomplete",
        // An error object with status 200.
        _ if response["error"].is_object() => "response.failed",
        _ => "response.completed",
    };
    texts
        .chain([json!({"type": end, "response": response})])
        .collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    delta: Option<String>,
    item: Option<Value>,
    response: Option<Response>,
    /// Of the event `error`, whose members stand at the top.
    code: Option<Value>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    output: Option<Vec<Value>>,
    usage: Option<Usage>,
    error: Option<ErrorObject>,
    incomplete_details: Option<Incomplete>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

/// The turn so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    text: String,
    items: Vec<Value>,
    tokens: Tokens,
    finish: Option<Finish>,
}

impl Fold {
    pub(super) fn tokens(&self) -> Tokens {
        self.tokens
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<Step, ProviderError> {
        if event.data.trim().is_empty() || event.data.trim() == "[DONE]" {
            return Ok(Step::Nothing);
        }
        let frame: Frame = serde_json::from_str(&event.data)
            .map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        match frame.kind.as_str() {
            "response.output_text.delta" => {
                let text = frame.delta.unwrap_or_default();
                self.text.push_str(&text);
                Ok(if text.is_empty() {
                    Step::Nothing
                } else {
                    Step::Text(text)
                })
            }
            "response.refusal.delta" => Err(ProviderError::new(Failure::ContentRefused)),
            "response.function_call_arguments.delta" => {
                Ok(Step::Content(frame.delta.map_or(1, |delta| delta.len().max(1))))
            }
            "response.output_item.done" => {
                self.items.extend(frame.item);
                Ok(Step::Content(1))
            }
            "response.completed" => self.finished(frame.response.unwrap_or_default(), Finish::Complete),
            "response.incomplete" => {
                let response = frame.response.unwrap_or_default();
                let reason = response
                    .incomplete_details
                    .as_ref()
                    .and_then(|details| details.reason.clone());
                if reason.as_deref() == Some("content_filter") {
                    return Err(ProviderError::new(Failure::ContentRefused));
                }
                self.finished(response, Finish::Length)
            }
            "response.failed" => Err(failed(
                frame
                    .response
                    .and_then(|response| response.error)
                    .unwrap_or_default(),
            )),
            "error" => Err(failed(ErrorObject {
                message: frame.message,
                code: frame.code,
                ..ErrorObject::default()
            })),
            _ => Ok(Step::Nothing),
        }
    }

    fn finished(&mut self, response: Response, finish: Finish) -> Result<Step, ProviderError> {
        if let Some(output) = response.output.filter(|output| !output.is_empty()) {
            self.items = output;
        }
        if let Some(usage) = response.usage {
            let details = usage.input_tokens_details.unwrap_or_default();
            self.tokens = Tokens {
                input: usage.input_tokens.unwrap_or(0),
                cache_read: details.cached_tokens.unwrap_or(0),
                cache_write: details.cache_write_tokens.unwrap_or(0),
                output: usage.output_tokens.unwrap_or(0),
            };
        }
        self.finish = Some(finish);
        Ok(Step::Done)
    }

    pub(super) fn end(self) -> Result<Turn, ProviderError> {
        let Some(finish) = self.finish else {
            return Err(ProviderError::new(Failure::Interrupted));
        };
        let calls: Vec<ToolCall> = self
            .items
            .iter()
            .filter(|item| item["type"] == "function_call")
            .map(|item| {
                let member = |name: &str| item[name].as_str().unwrap_or_default();
                ToolCall {
                    // Results are matched by `call_id`, not by `id`.
                    id: member("call_id").to_owned(),
                    name: member("name").to_owned(),
                    arguments: arguments(member("arguments")),
                }
            })
            .collect();
        if self.text.is_empty() && calls.is_empty() {
            return Err(ProviderError::because(Failure::Malformed, "an empty answer"));
        }
        Ok(Turn {
            text: self.text,
            calls,
            raw: self.items,
            tokens: self.tokens,
            finish,
            ..Turn::default()
        })
    }
}

fn failed(error: ErrorObject) -> ProviderError {
    let failure = by_name(&error).unwrap_or(Failure::Server);
    ProviderError::because(failure, error.message.unwrap_or_default())
}
