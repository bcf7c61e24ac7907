//! `POST /v1/messages`: Anthropic's Messages, of both versions of its API.

use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Identity;
use common::http::dialect::Dialect as Words;
use common::http::{Json, Problem};
use common::ids;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Items, Place, arguments, invalid, text_of, tool, unsupported};
use super::events::{self, Step};
use super::{Asked, Door, End, start};
use crate::providers::{Dialect, Finish, Options, Prompt, Tokens, ToolChoice, arguments_of, estimate_prompt};
use crate::state::AppState;
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// The versions of the API.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// A request. What is not known is left alone, except where that would change the answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Request {
    model: String,
    messages: Vec<Value>,
    system: Option<Value>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
    output_config: Option<Value>,
    container: Option<Value>,
    mcp_servers: Option<Value>,
}

impl Request {
    /// What is asked; `counted` requests need no limit of the answer.
    pub(super) fn asked(self, place: Place, counted: bool) -> Result<Asked, Problem> {
        if !counted && self.max_tokens.is_none() {
            return Err(invalid("Не хватает max_tokens.", "max_tokens is missing."));
        }
        let given = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
        if given(&self.container) || given(&self.mcp_servers) {
            return Err(unsupported("container, mcp_servers"));
        }
        let mut items = Items::default();
        if let Some(system) = &self.system {
            items.system(text_of(system)?);
        }
        for message in self.messages {
            add(message, &mut items)?;
        }
        let (system, items) = items.finish()?;
        let tools: Result<Vec<ToolSpec>, Problem> = self.tools.iter().flatten().map(spec).collect();
        let output = self.output_config.unwrap_or_default();
        Ok(Asked {
            door: Door::Messages,
            model: self.model,
            system,
            items,
            tools: tools?,
            max_output_tokens: self.max_tokens,
            options: Options {
                temperature: self.temperature,
                top_p: self.top_p,
                stop: self.stop_sequences.unwrap_or_default(),
                tool_choice: choice(self.tool_choice.as_ref())?,
                effort: output["effort"].as_str().map(str::to_owned),
                schema: Some(output["format"]["schema"].clone()).filter(|schema| !schema.is_null()),
                user: None,
            },
            place,
        })
    }
}

/// Adds one message. Results of calls come first in a message of the user.
fn add(message: Value, items: &mut Items) -> Result<(), Problem> {
    let blocks = match message["content"].clone() {
        Value::Array(blocks) => blocks,
        other => vec![json!({"type": "text", "text": text_of(&other)?})],
    };
    let kind = |block: &Value| block["type"].as_str().unwrap_or_default().to_owned();
    match message["role"].as_str().unwrap_or_default() {
        "system" => items.system(text_of(&Value::Array(blocks))?),
        "user" => {
            let (results, rest): (Vec<Value>, Vec<Value>) =
                blocks.into_iter().partition(|block| kind(block) == "tool_result");
            for result in results {
                items.result(ToolResult {
                    id: result["tool_use_id"].as_str().unwrap_or_default().to_owned(),
                    content: text_of(&result["content"])?,
                    is_error: result["is_error"] == true,
                });
            }
            items.user(text_of(&Value::Array(rest))?);
        }
        "assistant" => {
            let (mut texts, mut calls) = (Vec::new(), Vec::new());
            for block in &blocks {
                match kind(block).as_str() {
                    "tool_use" => calls.push(ToolCall {
                        id: block["id"].as_str().unwrap_or_default().to_owned(),
                        name: block["name"].as_str().unwrap_or_default().to_owned(),
                        arguments: arguments(&block["input"]),
                    }),
                    // For its own model only, which gets the blocks as they were.
                    "thinking" | "redacted_thinking" => {}
                    _ => texts.push(block.clone()),
                }
            }
            items.turn(text_of(&Value::Array(texts))?, calls, blocks);
        }
        _ => {
            return Err(invalid(
                "Роль сообщения — user, assistant или system.",
                "The role of a message is user, assistant or system.",
            ));
        }
    }
    Ok(())
}

fn spec(value: &Value) -> Result<ToolSpec, Problem> {
    if !matches!(value["type"].as_str(), None | Some("custom")) {
        return Err(unsupported("tools of Anthropic's servers"));
    }
    tool(
        value["name"].as_str(),
        value["description"].as_str(),
        value.get("input_schema"),
    )
}

fn choice(value: Option<&Value>) -> Result<ToolChoice, Problem> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(ToolChoice::Auto);
    };
    match value["type"].as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("any") => Ok(ToolChoice::Required),
        Some("none") => Ok(ToolChoice::None),
        Some("tool") => Ok(ToolChoice::Named(
            value["name"].as_str().unwrap_or_default().to_owned(),
        )),
        _ => Err(unsupported("this tool_choice")),
    }
}

/// 400 for a version that is neither; none at all is taken for the newest.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(version) = headers.get("anthropic-version") else {
        return Ok(());
    };
    if VERSIONS
        .iter()
        .any(|known| version.as_bytes() == known.as_bytes())
    {
        return Ok(());
    }
    let known = VERSIONS.join(", ");
    Err(Problem::bad_request(Text::new(
        format!("Неизвестная версия в anthropic-version; есть {known}."),
        format!("Unknown anthropic-version; there are {known}."),
    )))
}

/// Messages, as clients of Anthropic speak it.
#[tracing::instrument(name = "http.messages", skip_all)]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    check_version(&headers)?;
    let stream = request.stream == Some(true);
    let asked = request.asked(Place::of(&headers)?, false)?;
    let mut frame = Frame {
        id: format!("msg_{}", ids::new_id().simple()),
        model: asked.model.clone(),
        input: tokens_of(&asked),
        open: None,
        next: 0,
    };
    let answering = start(&state, identity, asked)?;
    if stream {
        let answering = answering.opened().await?;
        return Ok(events::response(answering, move |step| frame.write(step)));
    }
    let end = answering.whole().await?;
    frame.model.clone_from(&end.model);
    Ok(Json(frame.whole(&end)).into_response())
}

/// `POST /v1/messages/count_tokens`: a guess, which is what the service reckons with when a
/// provider tells nothing.
#[tracing::instrument(name = "http.count_tokens", skip_all)]
pub(crate) async fn count_tokens(
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Result<Json<Value>, Problem> {
    check_version(&headers)?;
    let asked = request.asked(Place::of(&headers)?, true)?;
    Ok(Json(json!({"input_tokens": tokens_of(&asked)})))
}

fn tokens_of(asked: &Asked) -> u64 {
    estimate_prompt(&Prompt {
        system: &asked.system,
        items: &asked.items,
        tools: &asked.tools,
        max_output_tokens: 0,
        ..Prompt::default()
    })
}

/// One message as it is written.
#[derive(Debug)]
struct Frame {
    id: String,
    model: String,
    /// Tokens of the question, before its model has told them.
    input: u64,
    /// Index of the text block that is being written.
    open: Option<usize>,
    next: usize,
}

impl Frame {
    fn whole(&self, end: &End) -> Value {
        let content = match end.dialect {
            // Thinking and its signature too, for the client to send back.
            Some(Dialect::AnthropicMessages) => end.raw.clone(),
            Some(_) | None => {
                let text = (!end.text.is_empty()).then(|| json!({"type": "text", "text": end.text}));
                text.into_iter().chain(end.calls.iter().map(block_of)).collect()
            }
        };
        let mut whole = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason(end),
            "stop_sequence": null,
            "usage": usage(end.tokens),
        });
        if let Some(onec) = &end.onec {
            whole["onec"] = onec.clone();
        }
        whole
    }

    fn write(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::Begin => {
                let message = json!({
                    "id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": [],
                    "stop_reason": null, "stop_sequence": null,
                    "usage": {"input_tokens": self.input, "output_tokens": 1,
                        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
                });
                vec![
                    event("message_start", json!({"message": message})),
                    event("ping", json!({})),
                ]
            }
            Step::Text(text) => {
                let mut written = Vec::new();
                let index = match self.open {
                    Some(index) => index,
                    None => {
                        let index = self.begin(&json!({"type": "text", "text": ""}), &mut written);
                        self.open = Some(index);
                        index
                    }
                };
                written.push(delta(index, &json!({"type": "text_delta", "text": text})));
                written
            }
            Step::End(end) => {
                let mut written = Vec::new();
                if let Some(index) = self.open.take() {
                    written.push(event("content_block_stop", json!({"index": index})));
                }
                for call in &end.calls {
                    let mut block = block_of(call);
                    let input = block["input"].take().to_string();
                    block["input"] = json!({});
                    let index = self.begin(&block, &mut written);
                    written.push(delta(
                        index,
                        &json!({"type": "input_json_delta", "partial_json": input}),
                    ));
                    written.push(event("content_block_stop", json!({"index": index})));
                }
                let mut last = json!({
                    "delta": {"stop_reason": reason(&end), "stop_sequence": null},
                    "usage": usage(end.tokens),
                });
                if let Some(onec) = end.onec {
                    last["onec"] = onec;
                }
                written.push(event("message_delta", last));
                written.push(event("message_stop", json!({})));
                written
            }
            Step::Failed(problem) => vec![events::named("error", &Words::Anthropic.error(&problem).1)],
        }
    }

    fn begin(&mut self, block: &Value, written: &mut Vec<Event>) -> usize {
        let index = self.next;
        self.next += 1;
        written.push(event(
            "content_block_start",
            json!({"index": index, "content_block": block}),
        ));
        index
    }
}

/// An event with its name in it too.
fn event(name: &str, mut value: Value) -> Event {
    value["type"] = name.into();
    events::named(name, &value)
}

fn delta(index: usize, delta: &Value) -> Event {
    event("content_block_delta", json!({"index": index, "delta": delta}))
}

fn block_of(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)})
}

fn reason(end: &End) -> &'static str {
    match end.finish {
        Finish::Length => "max_tokens",
        Finish::Complete if !end.calls.is_empty() => "tool_use",
        Finish::Complete => "end_turn",
    }
}

/// Here cached tokens are told apart from the others.
fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.input.saturating_sub(tokens.cache_read + tokens.cache_write),
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "output_tokens": tokens.output,
    })
}
