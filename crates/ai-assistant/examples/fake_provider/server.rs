//! The protocols: OpenAI Responses, OpenAI Chat Completions, Anthropic Messages and GigaChat, as
//! streams. The name of the model chooses what happens.
//!
//! A model without a fault first asks for receivables, if it is given tools, and then writes one
//! sentence with the first debt it finds in the results. No model accepts an answer that is begun
//! for it («prefill»).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

#[path = "wire.rs"]
mod wire;

use wire::Wire;

/// The models and their faults.
pub(crate) const MODELS: &[&str] = &[
    "fake",               // asks for a tool, answers with its figure
    "fake-large",         // the same, under another name
    "fake-invents",       // answers with a figure that no tool returned
    "fake-slow",          // sends one piece of text, then a piece every 100 ms
    "fake-steady",        // the same, but for two seconds only
    "fake-loops",         // asks for the same tool for ever
    "fake-bad-arguments", // calls a tool with broken JSON first
    "fake-no-tools",      // never calls a tool
    "fake-quotes",        // looks up the first name of the question and repeats it, letter by letter
    "fake-corrects",      // answers with an invented figure until it is told so
    "fake-links",         // answers with a link and an image
    "fake-scripted",      // makes the calls and says what the last `#call name {…}` and `#say …` ask for
    "fault-401",
    "fault-429",         // Retry-After: 1, always
    "fault-429-once",    // then answers
    "fault-429-two",     // Retry-After: 2 once, then answers
    "fault-429-date",    // Retry-After: a date 1 s from now once, then answers
    "fault-429-long",    // Retry-After: 60, always
    "fault-quota",       // 429 that no waiting helps
    "fault-spend-limit", // the same in Anthropic's words
    "fault-500-once",    // then answers
    "fault-500-final",   // x-should-retry: false
    "fault-400-passing", // x-should-retry: true once, then answers
    "fault-503",
    "fault-529",
    "fault-context",        // the conversation is too long
    "fault-filter",         // the provider's rules forbid it
    "fault-late-error",     // 200, then an error in the stream before any text
    "fault-no-response",    // accepts the connection and sends nothing
    "fault-silent",         // begins a stream and says nothing
    "fault-slow-start",     // the first text comes after 20 s
    "fault-cut-early",      // the stream ends before any text
    "fault-cut",            // the stream ends in the middle of the text
    "fault-cut-late",       // the stream ends after 40 of 60 pieces
    "fault-stall",          // goes silent in the middle of the text
    "fault-malformed",      // sends broken JSON
    "fault-malformed-late", // sends broken JSON in the middle of the text
    "fault-reset",          // breaks the connection off in the middle
    "fault-no-done",        // leaves the last mark out
    "fault-flapping",       // fails three times, answers five times, and so on
    "quirk-unstreamed",     // answers at once with JSON
    "quirk-error-200",      // an error as JSON with status 200
    "quirk-llama-cpp",      // as llama.cpp's Python server
    "quirk-careless",       // as careless compatible servers
];

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) protocol: Protocol,
    pub(crate) model: String,
    headers: HeaderMap,
    body: Value,
}

/// What the server was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    requests: Arc<Mutex<Vec<Asked>>>,
    /// Tokens that GigaChat's exchange has given.
    tokens: Arc<AtomicU32>,
    /// Streams that ran to their end.
    finished: Arc<AtomicU32>,
    /// Streams whose reader went away, with the moment.
    left: Arc<Mutex<Vec<Instant>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Log {
    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        locked(&self.requests).clone()
    }

    /// The bodies so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        locked(&self.requests)
            .iter()
            .map(|asked| asked.body.clone())
            .collect()
    }

    /// A header of the latest request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let requests = locked(&self.requests);
        Some(requests.last()?.headers.get(name)?.to_str().ok()?.to_owned())
    }

    /// How many streams were read to their end.
    pub(crate) fn finished(&self) -> u32 {
        self.finished.load(Ordering::SeqCst)
    }

    /// When readers went away from streams that were not at their end.
    pub(crate) fn left(&self) -> Vec<Instant> {
        locked(&self.left).clone()
    }

    /// Forgets the requests.
    pub(crate) fn clear(&self) {
        locked(&self.requests).clear();
    }

    /// GigaChat's tokens so far are worth nothing any more.
    pub(crate) fn revoke(&self) {
        self.tokens.fetch_add(1, Ordering::SeqCst);
    }

    /// How many requests there were for that model, this one included.
    fn times(&self, model: &str) -> usize {
        locked(&self.requests)
            .iter()
            .filter(|asked| asked.model == model)
            .count()
    }
}

/// All protocols.
pub(crate) fn router(log: Log) -> Router {
    Router::new()
        .route("/v1/responses", post(responses))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/messages", post(messages))
        .route("/v1/models", get(models))
        .route("/gigachat/oauth", post(oauth))
        .route("/gigachat/api/v1/chat/completions", post(gigachat))
        .route("/control/clear", post(clear))
        .route("/control/revoke", post(revoke))
        .with_state(log)
}

async fn clear(State(log): State<Log>) {
    log.clear();
}

async fn revoke(State(log): State<Log>) {
    log.revoke();
}

/// Accepts connections, reads a little and resets them: a server that is going down.
pub(crate) async fn reset_all(listener: tokio::net::TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut some = [0; 16];
        if stream.readable().await.is_ok() {
            let _ = stream.try_read(&mut some);
        }
        // Unread bytes make the closing a reset.
        drop(stream);
    }
}

/// The protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Responses,
    Chat,
    Messages,
    GigaChat,
}

async fn responses(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Responses, &log, headers, &body).await
}

async fn chat(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Chat, &log, headers, &body).await
}

async fn messages(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    answer(Protocol::Messages, &log, headers, &body).await
}

async fn gigachat(State(log): State<Log>, headers: HeaderMap, body: Bytes) -> Response {
    let token = format!("Bearer token-{}", log.tokens.load(Ordering::SeqCst));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&token) {
        return (
            StatusCode::UNAUTHORIZED,
            axum::Json(json!({"status": 401, "message": "Unauthorized"})),
        )
            .into_response();
    }
    answer(Protocol::GigaChat, &log, headers, &body).await
}

/// GigaChat's exchange of a key for a token.
async fn oauth(State(log): State<Log>, headers: HeaderMap, body: String) -> Response {
    let well = headers.contains_key("rquid")
        && headers
            .get("authorization")
            .is_some_and(|value| value == "Basic sk-very-secret")
        && body == "scope=GIGACHAT_API_B2B";
    if !well {
        return (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({"code": 4, "message": "bad request"})),
        )
            .into_response();
    }
    let number = log.tokens.fetch_add(1, Ordering::SeqCst) + 1;
    // A far day: tests may have clocks of their own.
    axum::Json(json!({"access_token": format!("token-{number}"), "expires_at": 4_102_444_800_000_u64}))
        .into_response()
}

async fn models(headers: HeaderMap) -> Response {
    let data: Vec<Value> = MODELS
        .iter()
        .map(|model| {
            if headers.contains_key("anthropic-version") {
                json!({"id": model, "type": "model", "display_name": model, "lifecycle": "active", "max_input_tokens": 200_000})
            } else {
                json!({"id": model, "object": "model", "created": 1, "owned_by": "fake"})
            }
        })
        .collect();
    axum::Json(json!({"object": "list", "data": data, "has_more": false})).into_response()
}

async fn answer(protocol: Protocol, log: &Log, headers: HeaderMap, body: &Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return error(protocol, 400, "invalid_request_error", &[]);
    };
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    locked(&log.requests).push(Asked {
        at: Instant::now(),
        protocol,
        model: model.clone(),
        headers,
        body: body.clone(),
    });
    let messages = body
        .get("messages")
        .or(body.get("input"))
        .and_then(Value::as_array);
    let prefill = messages
        .and_then(|messages| messages.last())
        .is_some_and(|last| last["role"] == "assistant");
    if prefill {
        return error(protocol, 400, "invalid_request_error", &[]);
    }
    let times = log.times(&model);
    if let Some(response) = refusal(protocol, &model, times) {
        return response;
    }
    let wire = Wire { protocol };
    match model.as_str() {
        "fault-no-response" => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            StatusCode::OK.into_response()
        }
        "quirk-unstreamed" => axum::Json(wire.unstreamed("Данных у меня нет.")).into_response(),
        "quirk-error-200" => {
            axum::Json(json!({"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}}))
                .into_response()
        }
        model => streamed(script(protocol, model, &body), log.clone()),
    }
}

/// What some models answer instead of a stream; `times` is how often they were asked.
fn refusal(protocol: Protocol, model: &str, times: usize) -> Option<Response> {
    let error =
        |status, code, headers: &[(&'static str, String)]| Some(error(protocol, status, code, headers));
    let limited = |seconds: &str| error(429, "rate_limit_exceeded", &[("retry-after", seconds.to_owned())]);
    let first = times == 1;
    match model {
        "fault-401" => error(401, "authentication_error", &[]),
        "fault-429" => limited("1"),
        "fault-429-once" if first => limited("0"),
        "fault-429-two" if first => limited("2"),
        "fault-429-long" => limited("60"),
        "fault-429-date" if first => error(
            429,
            "rate_limit_exceeded",
            &[
                ("date", "Tue, 24 Nov 2026 10:00:00 GMT".to_owned()),
                ("retry-after", "Tue, 24 Nov 2026 10:00:01 GMT".to_owned()),
            ],
        ),
        "fault-quota" => error(
            429,
            "insufficient_quota",
            &[("x-should-retry", "true".to_owned())],
        ),
        "fault-spend-limit" => error(429, "rate_limit_error", &[]),
        "fault-500-once" if first => error(500, "server_error", &[]),
        "fault-500-final" => error(500, "server_error", &[("x-should-retry", "false".to_owned())]),
        "fault-400-passing" if first => error(
            400,
            "invalid_request_error",
            &[
                ("x-should-retry", "true".to_owned()),
                ("retry-after-ms", "10".to_owned()),
            ],
        ),
        "fault-503" => error(503, "server_error", &[]),
        "fault-529" => error(529, "overloaded_error", &[]),
        "fault-context" => error(400, "context_length_exceeded", &[]),
        "fault-filter" => error(400, "content_policy_violation", &[]),
        "fault-flapping" if (times - 1) % 8 < 3 => error(503, "server_error", &[]),
        _ => None,
    }
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
    let send = |frames: Vec<String>| frames.into_iter().map(Step::Send).collect::<Vec<_>>();
    let long = Duration::from_secs(600);
    let results = results_of(&body.to_string());
    let has_tools = ["tools", "functions"]
        .iter()
        .any(|name| body[name].as_array().is_some_and(|tools| !tools.is_empty()));
    // The tool of the service, or the only one that there is.
    let tool = if body.to_string().contains("get_receivables") {
        "get_receivables"
    } else {
        "get_stock"
    };
    let text = |debt: &str| format!("Больше всех нам должен первый в списке: {debt} ₽ [1].");
    let mut steps = send(wire.begin(model));
    let begun = |steps: &mut Vec<Step>| steps.extend(send(wire.text_begin("Долг составляет 1")));
    match model {
        "fault-late-error" => steps.extend(send(vec![wire.late_error()])),
        "fault-silent" => steps.push(Step::Wait(long)),
        "fault-slow-start" => {
            steps.push(Step::Wait(Duration::from_secs(20)));
            steps.extend(send(wire.whole_text("Долг составляет 1")));
        }
        "fault-cut-early" => {}
        "fault-cut" => begun(&mut steps),
        "fault-cut-late" => {
            begun(&mut steps);
            for _ in 1..40 {
                steps.extend(send(wire.text_more("0")));
            }
        }
        "fault-reset" => {
            begun(&mut steps);
            // The text is on its way before the connection breaks.
            steps.push(Step::Wait(Duration::from_millis(50)));
            steps.push(Step::Reset);
        }
        "fault-stall" => {
            begun(&mut steps);
            steps.push(Step::Wait(long));
        }
        "fault-malformed" => steps.push(Step::Send("event: x\ndata: {\"type\":\n\n".to_owned())),
        "fault-malformed-late" => {
            begun(&mut steps);
            steps.push(Step::Send("event: x\ndata: {\"type\":\n\n".to_owned()));
            steps.extend(send(wire.text_end("Долг составляет 1")));
        }
        "fault-no-done" => {
            steps.extend(send(wire.text_begin("Данных у меня нет.")));
            steps.extend(send(wire.text_end_unmarked("Данных у меня нет.")));
        }
        "fake-slow" | "fake-steady" => {
            steps.extend(send(wire.text_begin("Подождите")));
            for _ in 0..if model == "fake-slow" { 600 } else { 20 } {
                steps.push(Step::Wait(Duration::from_millis(100)));
                steps.extend(send(wire.text_more(".")));
            }
            steps.extend(send(wire.text_end("Подождите")));
        }
        "fake-scripted" => {
            let script = scripted(body);
            let next = script.calls.get(answered(&body.to_string())).filter(|_| has_tools);
            match next {
                Some((name, arguments)) => steps.extend(send(wire.call(name, arguments))),
                None => steps.extend(send(wire.whole_text(&script.words))),
            }
        }
        "fake-invents" => steps.extend(send(wire.whole_text("Нам должны 777 888 ₽."))),
        "fake-quotes" => {
            let name = quoted(body);
            match results {
                None if has_tools => {
                    let arguments = json!({"kind": "counterparty", "query": name});
                    steps.extend(send(wire.call("find_subject", &arguments.to_string())));
                }
                _ => {
                    let text = format!("Вы спросили о {name}; это {name}.");
                    steps.extend(send(wire.text_begin("")));
                    for letter in text.chars() {
                        steps.extend(send(wire.text_more(&letter.to_string())));
                    }
                    steps.extend(send(wire.text_end(&text)));
                }
            }
        }
        "fake-corrects" if body.to_string().contains("Проверка:") => {
            steps.extend(send(wire.whole_text("Нам должны 2000,50 ₽ [1].")))
        }
        "fake-corrects" if results.is_some() => {
            steps.extend(send(wire.whole_text("Нам должны 777 888 ₽.")))
        }
        "fake-links" => steps.extend(send(wire.whole_text(
            "См. [отчёт](https://evil.example/?d=1200) ![x](https://evil.example/p.png) и https://evil.example/x.",
        ))),
        "fake-no-tools" => steps.extend(send(wire.whole_text("Инструментов не знаю."))),
        "fake-loops" if has_tools => steps.extend(send(wire.call(tool, "{}"))),
        "fake-bad-arguments" if results.is_none() => {
            steps.extend(send(wire.call(tool, "{\"date\": \"2026-")))
        }
        "quirk-llama-cpp" if results.is_none() && has_tools => {
            steps = send(wire::call_of_llama_cpp(tool, "{\"limit\": 5}"));
        }
        "quirk-careless" => steps = send(wire::text_of_careless_servers("Данных у меня нет.")),
        _ => match results {
            None if has_tools && tool == "get_stock" => {
                steps.extend(send(wire.call(tool, "{\"item\": \"Бумага А4\"}")))
            }
            None if has_tools => steps.extend(send(wire.call(tool, "{\"limit\": 5}"))),
            None => steps.extend(send(wire.whole_text("Данных у меня нет."))),
            Some(debt) => steps.extend(send(wire.whole_text(&text(&debt)))),
        },
    }
    steps
}

/// What a question wants `fake-scripted` to do.
#[derive(Default)]
struct Script {
    calls: Vec<(String, String)>,
    words: String,
}

/// The script of the latest question that has one.
fn scripted(body: &Value) -> Script {
    let mut texts = Vec::new();
    texts_of(body, &mut texts);
    let text = texts.into_iter().rfind(|text| text.contains("#say "));
    let mut script = Script::default();
    for line in text.unwrap_or_default().lines() {
        if let Some((_, call)) = line.split_once("#call ") {
            let (name, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
            script.calls.push((name.to_owned(), arguments.to_owned()));
        } else if let Some((_, words)) = line.split_once("#say ") {
            script.words = words.chars().map(digit).collect();
        }
    }
    script
}

/// The question writes its digits in circles, so that they are not figures that it names.
fn digit(c: char) -> char {
    match c {
        'ⓐ'..='ⓙ' => char::from_digit(u32::from(c) - u32::from('ⓐ'), 10).unwrap_or(c),
        c => c,
    }
}

fn texts_of<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(map) => map.values().for_each(|value| texts_of(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How the protocols name the result of a tool.
const RESULTS: [&str; 4] = [
    "\"tool_call_id\"",
    "\"function_call_output\"",
    "\"tool_result\"",
    "\"role\":\"function\"",
];

/// How many results of tools there are.
fn answered(body: &str) -> usize {
    RESULTS.iter().map(|name| body.matches(name).count()).sum()
}

/// What stands behind «Вопрос:» up to the question mark.
fn quoted(body: &Value) -> String {
    let text = body.to_string();
    let behind = text.rsplit("Вопрос: ").next().unwrap_or_default();
    behind.split('?').next().unwrap_or_default().to_owned()
}

/// The first debt in the results of tools, when there are results.
fn results_of(body: &str) -> Option<String> {
    if answered(body) == 0 {
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

/// Notices the reader that goes away.
struct Guard {
    log: Log,
    ended: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.ended {
            locked(&self.log.left).push(Instant::now());
        }
    }
}

fn streamed(steps: Vec<Step>, log: Log) -> Response {
    let guard = Guard { log, ended: false };
    let body = stream::unfold((steps.into_iter(), guard), |(mut steps, mut guard)| async move {
        loop {
            match steps.next() {
                Some(Step::Send(frame)) => return Some((Ok(Bytes::from(frame)), (steps, guard))),
                Some(Step::Wait(pause)) => tokio::time::sleep(pause).await,
                Some(Step::Reset) => {
                    guard.ended = true;
                    return Some((Err(std::io::Error::other("reset")), (steps, guard)));
                }
                None => {
                    guard.ended = true;
                    guard.log.finished.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
            }
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

fn error(protocol: Protocol, status: u16, code: &str, headers: &[(&'static str, String)]) -> Response {
    let body = match protocol {
        Protocol::Messages => {
            // The spend limit of Anthropic is told in the details only.
            let details =
                (code == "rate_limit_error").then(|| json!({"error_code": "enforced_spend_limit_reached"}));
            json!({"type": "error", "error": {"type": code, "message": code, "details": details}, "request_id": "req_1"})
        }
        Protocol::Responses | Protocol::Chat if code == "rate_limit_error" => {
            json!({"error": {"message": code, "type": "insufficient_quota", "param": null, "code": null}})
        }
        Protocol::Responses | Protocol::Chat => {
            json!({"error": {"message": code, "type": code, "param": null, "code": code}})
        }
        Protocol::GigaChat => json!({"status": status, "message": code}),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(body)).into_response();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
