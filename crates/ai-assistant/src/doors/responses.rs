//! `POST /v1/responses`: OpenAI's Responses. Nothing is kept here, so a client sends the whole
//! conversation, as with `store: false` at OpenAI.

use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use common::auth::Identity;
use common::http::dialect::Dialect as Words;
use common::http::{Json, Problem};
use common::ids;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Items, Place, arguments, invalid, text_of, tool, unsupported};
use super::chat_completions::choice;
use super::events::{self, Step};
use super::{Asked, Door, End, start};
use crate::providers::{Finish, Options, Tokens, arguments_of};
use crate::state::AppState;
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// A request. What is not known is left alone, except where that would change the answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Request {
    model: String,
    input: Value,
    instructions: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    max_output_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    reasoning: Option<Value>,
    text: Option<Value>,
    stream: Option<bool>,
    background: Option<bool>,
    previous_response_id: Option<String>,
    conversation: Option<Value>,
    metadata: Option<Value>,
}

impl Request {
    fn asked(&self, place: Place) -> Result<Asked, Problem> {
        if self.previous_response_id.is_some() || self.conversation.as_ref().is_some_and(|one| !one.is_null())
        {
            return Err(unsupported(
                "previous_response_id, conversation (nothing is stored)",
            ));
        }
        if self.background == Some(true) {
            return Err(unsupported("background"));
        }
        let mut items = Items::default();
        if let Some(instructions) = &self.instructions {
            items.system(instructions.clone());
        }
        match &self.input {
            Value::String(text) => items.user(text.clone()),
            Value::Array(input) => add_all(input, &mut items)?,
            _ => return Err(invalid("input — текст или список.", "input is a text or a list.")),
        }
        let (system, items) = items.finish()?;
        let tools: Result<Vec<ToolSpec>, Problem> = self.tools.iter().flatten().map(spec).collect();
        let text = self.text.clone().unwrap_or_default();
        let schema = match text["format"]["type"].as_str() {
            None | Some("text") => None,
            Some("json_object") => Some(json!({"type": "object"})),
            Some("json_schema") => Some(text["format"]["schema"].clone()),
            Some(_) => return Err(unsupported("this text.format")),
        };
        Ok(Asked {
            door: Door::Responses,
            model: self.model.clone(),
            system,
            items,
            tools: tools?,
            max_output_tokens: self.max_output_tokens,
            options: Options {
                temperature: self.temperature,
                top_p: self.top_p,
                stop: Vec::new(),
                tool_choice: choice(self.tool_choice.as_ref())?,
                effort: self
                    .reasoning
                    .as_ref()
                    .and_then(|reasoning| reasoning["effort"].as_str())
                    .map(str::to_owned),
                schema,
                user: None,
            },
            place,
        })
    }
}

/// A turn of the model as its items come: thoughts, words and calls, in any order.
#[derive(Debug, Default)]
struct Pending {
    texts: Vec<String>,
    calls: Vec<ToolCall>,
    raw: Vec<Value>,
}

impl Pending {
    fn flush(&mut self, items: &mut Items) {
        let Self { texts, calls, raw } = std::mem::take(self);
        items.turn(texts.join("\n"), calls, raw);
    }
}

fn add_all(input: &[Value], items: &mut Items) -> Result<(), Problem> {
    let mut pending = Pending::default();
    for item in input {
        let role = item["role"].as_str();
        match (item["type"].as_str(), role) {
            (None | Some("message"), Some("assistant")) => {
                pending.texts.push(text_of(&item["content"])?);
                pending.raw.push(item.clone());
            }
            (None | Some("message"), Some("user")) => {
                pending.flush(items);
                items.user(text_of(&item["content"])?);
            }
            (None | Some("message"), Some("system" | "developer")) => {
                items.system(text_of(&item["content"])?);
            }
            (Some("function_call"), _) => {
                pending.calls.push(ToolCall {
                    id: item["call_id"].as_str().unwrap_or_default().to_owned(),
                    name: item["name"].as_str().unwrap_or_default().to_owned(),
                    arguments: arguments(&item["arguments"]),
                });
                pending.raw.push(item.clone());
            }
            (Some("function_call_output"), _) => {
                pending.flush(items);
                items.result(ToolResult {
                    id: item["call_id"].as_str().unwrap_or_default().to_owned(),
                    content: text_of(&item["output"])?,
                    is_error: false,
                });
            }
            // For its own model only, which gets it as it was.
            (Some("reasoning"), _) => pending.raw.push(item.clone()),
            _ => return Err(unsupported("an item of input of this type or role")),
        }
    }
    pending.flush(items);
    Ok(())
}

fn spec(value: &Value) -> Result<ToolSpec, Problem> {
    if value["type"] != "function" {
        return Err(unsupported("tools other than functions"));
    }
    tool(
        value["name"].as_str(),
        value["description"].as_str(),
        value.get("parameters"),
    )
}

/// Responses, as clients of OpenAI speak it.
#[tracing::instrument(name = "http.responses", skip_all)]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let stream = request.stream == Some(true);
    let asked = request.asked(Place::of(&headers)?)?;
    let mut frame = Frame::new(&request, state.context.clock.now().timestamp());
    let answering = start(&state, identity, asked)?;
    if stream {
        let answering = answering.opened().await?;
        return Ok(events::response(answering, move |step| frame.write(step)));
    }
    let end = answering.whole().await?;
    Ok(Json(frame.whole(&end)).into_response())
}

/// One response as it is written.
#[derive(Debug)]
struct Frame {
    /// The response without its answer.
    base: Value,
    message: String,
    sequence: u64,
    text: String,
    /// The item of the text has begun.
    open: bool,
}

impl Frame {
    fn new(request: &Request, created: i64) -> Self {
        let unique = ids::new_id().simple();
        let base = json!({
            "id": format!("resp_{unique}"),
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "model": request.model,
            "output": [],
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": request.reasoning.clone().unwrap_or_else(|| json!({"effort": null, "summary": null})),
            "store": false,
            "temperature": request.temperature,
            "text": request.text.clone().unwrap_or_else(|| json!({"format": {"type": "text"}})),
            "tool_choice": request.tool_choice.clone().unwrap_or_else(|| "auto".into()),
            "tools": request.tools.clone().unwrap_or_default(),
            "top_p": request.top_p,
            "truncation": "disabled",
            "usage": null,
            "metadata": request.metadata.clone().unwrap_or_else(|| json!({})),
        });
        Self {
            base,
            message: format!("msg_{unique}"),
            sequence: 0,
            text: String::new(),
            open: false,
        }
    }

    fn item(&self, text: &str, status: &str) -> Value {
        let content = if status == "completed" {
            json!([{"type": "output_text", "text": text, "annotations": []}])
        } else {
            json!([])
        };
        json!({"type": "message", "id": self.message, "status": status, "role": "assistant", "content": content})
    }

    fn whole(&self, end: &End) -> Value {
        let mut output: Vec<Value> = Vec::new();
        if !end.text.is_empty() {
            output.push(self.item(&end.text, "completed"));
        }
        output.extend(end.calls.iter().map(|call| call_of(call, "completed")));
        let mut whole = self.base.clone();
        whole["output"] = output.into();
        whole["usage"] = usage(end.tokens);
        whole["model"] = end.model.clone().into();
        match end.finish {
            Finish::Complete => whole["status"] = "completed".into(),
            Finish::Length => {
                whole["status"] = "incomplete".into();
                whole["incomplete_details"] = json!({"reason": "max_output_tokens"});
            }
        }
        if let Some(onec) = &end.onec {
            whole["onec"] = onec.clone();
        }
        whole
    }

    fn event(&mut self, name: &str, mut value: Value) -> Event {
        value["type"] = name.into();
        value["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        events::named(name, &value)
    }

    fn write(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::Begin => {
                let base = self.base.clone();
                vec![
                    self.event("response.created", json!({"response": base})),
                    self.event("response.in_progress", json!({"response": base})),
                ]
            }
            Step::Text(text) => {
                let mut written = Vec::new();
                if !std::mem::replace(&mut self.open, true) {
                    let item = self.item("", "in_progress");
                    written.push(self.event(
                        "response.output_item.added",
                        json!({"output_index": 0, "item": item}),
                    ));
                    let part = json!({"type": "output_text", "text": "", "annotations": []});
                    let added = self.in_text(json!({"part": part}));
                    written.push(self.event("response.content_part.added", added));
                }
                self.text.push_str(&text);
                let delta = self.in_text(json!({"delta": text, "logprobs": []}));
                written.push(self.event("response.output_text.delta", delta));
                written
            }
            Step::End(mut end) => {
                let mut written = Vec::new();
                let mut index = 0;
                // Item and response tell the same text as the pieces did.
                end.text = std::mem::take(&mut self.text);
                if self.open {
                    let done = self.in_text(json!({"text": end.text, "logprobs": []}));
                    written.push(self.event("response.output_text.done", done));
                    let part = json!({"type": "output_text", "text": end.text, "annotations": []});
                    let done = self.in_text(json!({"part": part}));
                    written.push(self.event("response.content_part.done", done));
                    let item = self.item(&end.text, "completed");
                    written.push(self.event(
                        "response.output_item.done",
                        json!({"output_index": 0, "item": item}),
                    ));
                    index = 1;
                }
                for call in &end.calls {
                    self.write_call(call, index, &mut written);
                    index += 1;
                }
                let name = match end.finish {
                    Finish::Complete => "response.completed",
                    Finish::Length => "response.incomplete",
                };
                let whole = self.whole(&end);
                written.push(self.event(name, json!({"response": whole})));
                written
            }
            Step::Failed(problem) => {
                let (_, words) = Words::OpenAi.error(&problem);
                let mut base = self.base.clone();
                base["status"] = "failed".into();
                base["error"] = json!({"code": words["error"]["code"], "message": words["error"]["message"]});
                vec![self.event("response.failed", json!({"response": base}))]
            }
        }
    }

    fn write_call(&mut self, call: &ToolCall, index: usize, written: &mut Vec<Event>) {
        let whole = call_of(call, "completed");
        let mut begun = call_of(call, "in_progress");
        begun["arguments"] = "".into();
        let (id, arguments) = (whole["id"].clone(), whole["arguments"].clone());
        written.push(self.event(
            "response.output_item.added",
            json!({"output_index": index, "item": begun}),
        ));
        written.push(self.event(
            "response.function_call_arguments.delta",
            json!({"item_id": id, "output_index": index, "delta": arguments}),
        ));
        written.push(self.event(
            "response.function_call_arguments.done",
            json!({"item_id": id, "output_index": index, "name": call.name, "arguments": arguments}),
        ));
        written.push(self.event(
            "response.output_item.done",
            json!({"output_index": index, "item": whole}),
        ));
    }

    /// The place of the text within the response.
    fn in_text(&self, mut value: Value) -> Value {
        value["item_id"] = self.message.clone().into();
        value["output_index"] = 0.into();
        value["content_index"] = 0.into();
        value
    }
}

fn call_of(call: &ToolCall, status: &str) -> Value {
    let arguments = match &call.arguments {
        Ok(_) => arguments_of(call).to_string(),
        // What the model wrote, for the client to judge.
        Err(text) => text.clone(),
    };
    json!({"type": "function_call", "id": format!("fc_{}", call.id), "call_id": call.id, "name": call.name,
        "arguments": arguments, "status": status})
}

fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.input + tokens.output,
    })
}
