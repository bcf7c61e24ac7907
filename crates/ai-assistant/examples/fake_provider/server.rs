//! The protocols: OpenAI Responses, OpenAI Chat Completions and Anthropic Messages, as streams. The
//! name of the model chooses what happens.
//!
//! A model without a fault first asks for receivables, if it is given tools, and then writes one
//! sentence with the first debt it finds in the results.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// The models and their faults.
pub(crate) const MODELS: &[&str] = &[
    "fake",               // asks for a tool, answers with its figure
    "fake-invents",       // answers with a figure that no tool returned
    "fake-slow",          // sends one piece of text, then a piece every 100 ms
    "fake-loops",         // asks for the same tool for ever
    "fake-bad-arguments", // calls a tool with broken JSON first
    "fault-401",
    "fault-429",      // Retry-After: 1, always
    "fault-429-once", // then answers
    "fault-quota",    // 429 that no waiting helps
    "fault-500-once", // then answers
    "fault-503",
    "fault-529",
    "fault-context",    // the conversation is too long
    "fault-late-error", // 200, then an error in the stream before any text
    "fault-silent",     // accepts and says nothing
    "fault-cut-early",  // the stream ends before any text
    "fault-cut",        // the stream ends in the middle of the text
    "fault-stall",      // goes silent in the middle of the text
    "fault-malformed",  // sends broken JSON
    "fault-reset",      // breaks the connection off in the middle
];

/// What the server was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    requests: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    failures: Arc<AtomicU32>,
    /// Streams that ran to their end.
    finished: Arc<AtomicU32>,
}

impl Log {
    /// The bodies so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let requests = self
            .requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// A header of the latest request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let requests = self
            .requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (headers, _) = requests.last()?;
        Some(headers.get(name)?.to_str().ok()?.to_owned())
    }

    /// How many streams were read to their end.
    pub(crate) fn finished(&self) -> u32 {
        self.finished.load(Ordering::SeqCst)
    }
}

/// All protocols.
pub(crate) fn router(log: Log) -> Router {
    Router::new()
        .route("/v1/responses", post(responses))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/messages", post(messages))
        .with_state(log)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Responses,
    Chat,
    Messages,
}

async fn responses(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Responses, &log, headers, &body)
}

async fn chat(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Chat, &log, headers, &body)
}

async fn messages(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Messages, &log, headers, &body)
}

fn answer(protocol: Protocol, log: &Log, headers: HeaderMap, body: &Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return error(protocol, 400, "invalid_request_error", None);
    };
    if let Ok(mut requests) = log.requests.lock() {
        requests.push((headers, body.clone()));
    }
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let first_failure = |log: &Log| log.failures.fetch_add(1, Ordering::SeqCst) == 0;
    match model.as_str() {
        "fault-401" => return error(protocol, 401, "authentication_error", None),
        "fault-429" => return error(protocol, 429, "rate_limit_exceeded", Some("1")),
        "fault-429-once" if first_failure(log) => {
            return error(protocol, 429, "rate_limit_exceeded", Some("0"));
        }
        "fault-quota" => return error(protocol, 429, "insufficient_quota", None),
        "fault-500-once" if first_failure(log) => return error(protocol, 500, "server_error", None),
        "fault-503" => return error(protocol, 503, "server_error", None),
        "fault-529" => return error(protocol, 529, "overloaded_error", None),
        "fault-context" => return error(protocol, 400, "context_length_exceeded", None),
        _ => {}
    }
    let steps = script(protocol, &model, &body);
    streamed(steps, log.clone())
}

/// One thing that the server does.
#[derive(Debug, Clone)]
enum Step {
    Send(String),
    Wait(Duration),
    Reset,
}

fn script(protocol: Protocol, model: &str, body: &Value) -> Vec<Step> {
    let wire = Wire { protocol };
    let begin = wire.begin(model);
    let send = |frames: Vec<String>| frames.into_iter().map(Step::Send).collect::<Vec<_>>();
    let results = results_of(&body.to_string());
    let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let text = |debt: &str| format!("Больше всех нам должен первый в списке: {debt} ₽ [1].");
    let mut steps = send(begin);
    match model {
        "fault-late-error" => steps.extend(send(vec![wire.late_error()])),
        "fault-silent" => steps.push(Step::Wait(Duration::from_secs(600))),
        "fault-cut-early" => {}
        "fault-cut" => steps.extend(send(wire.text_begin("Долг составляет 1"))),
        "fault-reset" => {
            steps.extend(send(wire.text_begin("Долг составляет 1")));
            // The text is on its way before the connection breaks.
            steps.push(Step::Wait(Duration::from_millis(50)));
            steps.push(Step::Reset);
        }
        "fault-stall" => {
            steps.extend(send(wire.text_begin("Долг составляет 1")));
            steps.push(Step::Wait(Duration::from_secs(600)));
        }
        "fault-malformed" => steps.push(Step::Send("event: x\ndata: {\"type\":\n\n".to_owned())),
        "fake-slow" => {
            steps.extend(send(wire.text_begin("Подождите")));
            for _ in 0..600 {
                steps.push(Step::Wait(Duration::from_millis(100)));
                steps.extend(send(wire.text_more(".")));
            }
            steps.extend(send(wire.text_end("Подождите")));
        }
        "fake-invents" => steps.extend(send(wire.whole_text("Нам должны 777 888 ₽."))),
        "fake-loops" if has_tools => steps.extend(send(wire.call("get_receivables", "{}"))),
        "fake-bad-arguments" if results.is_none() => {
            steps.extend(send(wire.call("get_receivables", "{\"date\": \"2026-")))
        }
        _ => match results {
            None if has_tools => steps.extend(send(wire.call("get_receivables", "{\"limit\": 5}"))),
            None => steps.extend(send(wire.whole_text("Данных у меня нет."))),
            Some(debt) => steps.extend(send(wire.whole_text(&text(&debt)))),
        },
    }
    steps
}

/// The first debt in the results of tools, when there are results.
fn results_of(body: &str) -> Option<String> {
    // How the three protocols name the result of a tool.
    let names = ["\"tool_call_id\"", "\"function_call_output\"", "\"tool_result\""];
    if !names.iter().any(|name| body.contains(name)) {
        return None;
    }
    // Results are JSON within JSON, perhaps more than once.
    let plain = body.replace('\\', "");
    let debt = plain
        .split("\"debt\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    Some(debt.unwrap_or("нет данных").replace('.', ","))
}

fn streamed(steps: Vec<Step>, log: Log) -> Response {
    let body = stream::unfold((steps.into_iter(), log), |(mut steps, log)| async move {
        loop {
            match steps.next() {
                Some(Step::Send(frame)) => return Some((Ok(Bytes::from(frame)), (steps, log))),
                Some(Step::Wait(pause)) => tokio::time::sleep(pause).await,
                Some(Step::Reset) => return Some((Err(std::io::Error::other("reset")), (steps, log))),
                None => {
                    log.finished.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
            }
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

fn error(protocol: Protocol, status: u16, code: &str, retry_after: Option<&str>) -> Response {
    let body = match protocol {
        Protocol::Messages => {
            json!({"type": "error", "error": {"type": code, "message": code}, "request_id": "req_1"})
        }
        Protocol::Responses | Protocol::Chat => {
            json!({"error": {"message": code, "type": code, "param": null, "code": code}})
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(body)).into_response();
    if let Some(seconds) = retry_after.and_then(|seconds| seconds.parse().ok()) {
        response.headers_mut().insert("retry-after", seconds);
    }
    response
}

/// Frames of one protocol.
#[derive(Debug, Clone, Copy)]
struct Wire {
    protocol: Protocol,
}

impl Wire {
    fn named(name: &str, data: &Value) -> String {
        format!("event: {name}\ndata: {data}\n\n")
    }

    fn chunk(delta: &Value, finish: Option<&str>) -> String {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}], "usage": null});
        format!("data: {chunk}\n\n")
    }

    fn begin(self, model: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => {
                let response = json!({"id": "resp_1", "object": "response", "status": "in_progress", "model": model, "output": [], "usage": null});
                ["response.created", "response.in_progress"]
                    .map(|name| {
                        Self::named(
                            name,
                            &json!({"type": name, "sequence_number": 0, "response": response}),
                        )
                    })
                    .to_vec()
            }
            Protocol::Chat => vec![
                ": keep-alive\n\n".to_owned(),
                Self::chunk(&json!({"role": "assistant", "content": null}), None),
            ],
            Protocol::Messages => vec![
                Self::named(
                    "message_start",
                    &json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                    "content": [], "model": model, "stop_reason": null, "usage": {"input_tokens": 100, "cache_read_input_tokens": 20, "output_tokens": 1}}}),
                ),
                Self::named("ping", &json!({"type": "ping"})),
            ],
        }
    }

    fn text_begin(self, text: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => vec![Self::named("response.output_item.added", &json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}}))],
            Protocol::Chat => Vec::new(),
            Protocol::Messages => vec![Self::named("content_block_start", &json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}))],
        }
        .into_iter()
        .chain(self.text_more(text))
        .collect()
    }

    fn text_more(self, text: &str) -> Vec<String> {
        vec![match self.protocol {
            Protocol::Responses => Self::named(
                "response.output_text.delta",
                &json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": text}),
            ),
            Protocol::Chat => Self::chunk(&json!({"content": text}), None),
            Protocol::Messages => Self::named(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            ),
        }]
    }

    fn text_end(self, text: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => {
                let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]});
                vec![
                    Self::named(
                        "response.output_item.done",
                        &json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                    ),
                    Self::completed(&item),
                ]
            }
            Protocol::Chat => Self::chat_end("stop"),
            Protocol::Messages => Self::messages_end("end_turn"),
        }
    }

    fn whole_text(self, text: &str) -> Vec<String> {
        let middle = text
            .char_indices()
            .nth(text.chars().count() / 2)
            .map_or(0, |(i, _)| i);
        let (one, two) = text.split_at(middle);
        let mut frames = self.text_begin(one);
        frames.extend(self.text_more(two));
        frames.extend(self.text_end(text));
        frames
    }

    fn call(self, name: &str, arguments: &str) -> Vec<String> {
        let middle = arguments.len() / 2;
        let (one, two) = arguments.split_at(middle);
        match self.protocol {
            Protocol::Responses => {
                let item = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments, "status": "completed"});
                let delta = |part: &str| {
                    Self::named(
                        "response.function_call_arguments.delta",
                        &json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": part}),
                    )
                };
                vec![
                    Self::named(
                        "response.output_item.added",
                        &json!({"type": "response.output_item.added", "output_index": 0,
                        "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": "", "status": "in_progress"}}),
                    ),
                    delta(one),
                    delta(two),
                    Self::named(
                        "response.output_item.done",
                        &json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                    ),
                    Self::completed(&item),
                ]
            }
            Protocol::Chat => {
                let mut frames = vec![
                    Self::chunk(
                        &json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": one}}]}),
                        None,
                    ),
                    // Some servers repeat the name in every piece.
                    Self::chunk(
                        &json!({"tool_calls": [{"index": 0, "function": {"name": name, "arguments": two}}]}),
                        None,
                    ),
                ];
                frames.extend(Self::chat_end("tool_calls"));
                frames
            }
            Protocol::Messages => {
                let delta = |part: &str| {
                    Self::named(
                        "content_block_delta",
                        &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}),
                    )
                };
                let mut frames = vec![
                    Self::named(
                        "content_block_start",
                        &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}}),
                    ),
                    delta(""),
                    delta(one),
                    delta(two),
                ];
                frames.extend(Self::messages_end("tool_use"));
                frames
            }
        }
    }

    fn late_error(self) -> String {
        match self.protocol {
            Protocol::Responses => Self::named("error", &json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null, "sequence_number": 2})),
            Protocol::Chat => "data: {\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}\n\n".to_owned(),
            Protocol::Messages => Self::named("error", &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
        }
    }

    fn completed(item: &Value) -> String {
        Self::named(
            "response.completed",
            &json!({"type": "response.completed", "sequence_number": 9, "response": {"id": "resp_1", "object": "response", "status": "completed",
            "output": [item], "usage": {"input_tokens": 120, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 15, "total_tokens": 135}}}),
        )
    }

    fn chat_end(reason: &str) -> Vec<String> {
        vec![
            Self::chunk(&json!({}), Some(reason)),
            "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":15,\"total_tokens\":135,\"prompt_tokens_details\":{\"cached_tokens\":20}}}\n\n".to_owned(),
            "data: [DONE]\n\n".to_owned(),
        ]
    }

    fn messages_end(reason: &str) -> Vec<String> {
        vec![
            Self::named(
                "content_block_stop",
                &json!({"type": "content_block_stop", "index": 0}),
            ),
            Self::named(
                "message_delta",
                &json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 15}}),
            ),
            Self::named("message_stop", &json!({"type": "message_stop"})),
        ]
    }
}
