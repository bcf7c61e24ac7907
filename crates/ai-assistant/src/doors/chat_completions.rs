//! `POST /v1/chat/completions`: OpenAI's Chat Completions.

use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use common::auth::Identity;
use common::http::dialect::Dialect;
use common::http::{Json, Problem};
use common::ids;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Items, Place, arguments, invalid, text_of, tool, unsupported};
use super::events::{self, Step};
use super::{Asked, Door, End, start};
use crate::providers::{Finish, Options, Tokens, ToolChoice, arguments_of};
use crate::state::AppState;
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// A request. What is not known is left alone, except where that would change the answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Request {
    model: String,
    messages: Vec<Message>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Value>,
    max_completion_tokens: Option<u32>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stop: Option<Stop>,
    n: Option<u32>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    response_format: Option<Value>,
    reasoning_effort: Option<String>,
    functions: Option<Value>,
    audio: Option<Value>,
    logprobs: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// One text or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Stop {
    One(String),
    Several(Vec<String>),
}

impl Stop {
    pub(super) fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

/// A message; the whole of it is kept for a model that speaks this protocol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Message(Value);

#[derive(Debug, Deserialize, JsonSchema)]
struct Tool {
    #[serde(rename = "type")]
    kind: Option<String>,
    function: Option<Function>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Function {
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Value>,
}

impl Request {
    fn asked(self, place: Place) -> Result<Asked, Problem> {
        if self.n.is_some_and(|n| n != 1) {
            return Err(unsupported("n > 1"));
        }
        if self.functions.is_some_and(|functions| !functions.is_null()) {
            return Err(unsupported("functions (use tools)"));
        }
        if self.audio.is_some_and(|audio| !audio.is_null()) {
            return Err(unsupported("audio"));
        }
        if self.logprobs == Some(true) {
            return Err(unsupported("logprobs"));
        }
        let mut items = Items::default();
        for message in self.messages {
            message.add_to(&mut items)?;
        }
        let (system, items) = items.finish()?;
        let tools: Result<Vec<ToolSpec>, Problem> = self
            .tools
            .unwrap_or_default()
            .into_iter()
            .map(Tool::spec)
            .collect();
        Ok(Asked {
            door: Door::ChatCompletions,
            model: self.model,
            system,
            items,
            tools: tools?,
            max_output_tokens: self.max_completion_tokens.or(self.max_tokens),
            options: Options {
                temperature: self.temperature,
                top_p: self.top_p,
                stop: self.stop.map(Stop::list).unwrap_or_default(),
                tool_choice: choice(self.tool_choice.as_ref())?,
                effort: self.reasoning_effort,
                schema: schema(self.response_format.as_ref())?,
                user: None,
            },
            place,
        })
    }
}

impl Message {
    fn add_to(self, items: &mut Items) -> Result<(), Problem> {
        let content = text_of(&self.0["content"])?;
        match self.0["role"].as_str().unwrap_or_default() {
            "system" | "developer" => items.system(content),
            "user" => items.user(content),
            "assistant" => {
                let calls = self.0["tool_calls"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(call)
                    .collect();
                items.turn(content, calls, vec![self.0]);
            }
            "tool" => items.result(ToolResult {
                id: self.0["tool_call_id"].as_str().unwrap_or_default().to_owned(),
                content,
                is_error: false,
            }),
            _ => {
                return Err(invalid(
                    "Роль сообщения — system, developer, user, assistant или tool.",
                    "The role of a message is system, developer, user, assistant or tool.",
                ));
            }
        }
        Ok(())
    }
}

fn call(value: &Value) -> ToolCall {
    let function = &value["function"];
    ToolCall {
        id: value["id"].as_str().unwrap_or_default().to_owned(),
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        arguments: arguments(&function["arguments"]),
    }
}

impl Tool {
    fn spec(self) -> Result<ToolSpec, Problem> {
        match (self.kind.as_deref(), self.function) {
            (None | Some("function"), Some(function)) => tool(
                function.name.as_deref(),
                function.description.as_deref(),
                function.parameters.as_ref(),
            ),
            _ => Err(unsupported("tools other than functions")),
        }
    }
}

/// `"auto"`, `"none"`, `"required"`, or one function, in the form of either OpenAI protocol.
pub(super) fn choice(value: Option<&Value>) -> Result<ToolChoice, Problem> {
    let Some(value) = value else {
        return Ok(ToolChoice::Auto);
    };
    match value {
        Value::Null => Ok(ToolChoice::Auto),
        Value::String(name) => match name.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(unsupported("this tool_choice")),
        },
        other => other["function"]["name"]
            .as_str()
            .or(other["name"].as_str())
            .map(|name| ToolChoice::Named(name.to_owned()))
            .ok_or_else(|| unsupported("this tool_choice")),
    }
}

fn schema(format: Option<&Value>) -> Result<Option<Value>, Problem> {
    let Some(format) = format.filter(|format| !format.is_null()) else {
        return Ok(None);
    };
    match format["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(json!({"type": "object"}))),
        Some("json_schema") => Ok(Some(format["json_schema"]["schema"].clone())),
        _ => Err(unsupported("this response_format")),
    }
}

/// Chat Completions, as clients of OpenAI speak it.
#[tracing::instrument(name = "http.chat_completions", skip_all)]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let stream = request.stream == Some(true);
    let include_usage = request
        .stream_options
        .as_ref()
        .is_some_and(|options| options.include_usage == Some(true));
    let asked = request.asked(Place::of(&headers)?)?;
    let mut frame = Frame {
        id: format!("chatcmpl-{}", ids::new_id().simple()),
        created: state.context.clock.now().timestamp(),
        model: asked.model.clone(),
        include_usage,
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

/// What all parts of one answer have in common.
#[derive(Debug)]
struct Frame {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
}

impl Frame {
    fn whole(&self, end: &End) -> Value {
        let mut message = json!({
            "role": "assistant",
            "content": (!end.text.is_empty() || end.calls.is_empty()).then_some(&end.text),
            "refusal": null,
            "annotations": [],
        });
        if !end.calls.is_empty() {
            message["tool_calls"] = end.calls.iter().map(call_of).collect();
        }
        let mut whole = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(end)}],
            "usage": usage(end.tokens),
        });
        if let Some(onec) = &end.onec {
            whole["onec"] = onec.clone();
        }
        whole
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn write(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::Begin => {
                let delta = json!({"role": "assistant", "content": "", "refusal": null});
                vec![events::data(&self.chunk(&delta, None))]
            }
            Step::Text(text) => vec![events::data(&self.chunk(&json!({"content": text}), None))],
            Step::End(end) => {
                let mut written = Vec::new();
                for (index, call) in end.calls.iter().enumerate() {
                    let mut call = call_of(call);
                    call["index"] = index.into();
                    written.push(events::data(&self.chunk(&json!({"tool_calls": [call]}), None)));
                }
                let mut last = self.chunk(&json!({}), Some(reason(&end)));
                if let Some(onec) = end.onec.clone() {
                    last["onec"] = onec;
                }
                written.push(events::data(&last));
                if self.include_usage {
                    let mut counted = self.chunk(&json!({}), None);
                    counted["choices"] = json!([]);
                    counted["usage"] = usage(end.tokens);
                    written.push(events::data(&counted));
                }
                written.push(Event::default().data("[DONE]"));
                written
            }
            // Without the last mark: the answer is not complete.
            Step::Failed(problem) => vec![events::data(&Dialect::OpenAi.error(&problem).1)],
        }
    }
}

fn call_of(call: &ToolCall) -> Value {
    let text = match &call.arguments {
        Ok(_) => arguments_of(call).to_string(),
        // What the model wrote, for the client to judge.
        Err(text) => text.clone(),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}})
}

fn reason(end: &End) -> &'static str {
    match end.finish {
        Finish::Length => "length",
        Finish::Complete if !end.calls.is_empty() => "tool_calls",
        Finish::Complete => "stop",
    }
}

fn usage(tokens: Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
    })
}
