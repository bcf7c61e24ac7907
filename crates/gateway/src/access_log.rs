//! One line for each request, off the way of the request.
//!
//! Lines gather in a buffer of the thread and go to standard error together, by a thread that does
//! nothing else: a slow terminal or collector delays no answer. When it is too slow for long, lines are
//! lost and counted. Failures of the gateway and its services are logged at once and never lost.

use std::io::Write as _;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::telemetry::{self, RequestContext};
use http::Method;
use tokio::sync::oneshot;

use crate::metrics;

/// A buffer of that size is written even before its time.
const FULL: usize = 60 * 1024;
/// Buffers that wait for a slow reader of the log.
const WAITING: usize = 32;
/// How long the end of the service waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Longer paths are cut: a line is for people and dashboards.
const MAX_PATH: usize = 2048;

/// Where full buffers go. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Writer(SyncSender<Message>);

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    /// Everything before it has been written.
    Written(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread that writes; it ends with the last copy of this.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = sync_channel::<Message>(WAITING);
        let write = move || {
            for message in receiver {
                match message {
                    Message::Lines(lines) => {
                        // There is nowhere to report that the log itself cannot be written.
                        let _ = std::io::stderr().lock().write_all(&lines);
                    }
                    Message::Written(told) => {
                        let _ = told.send(());
                    }
                }
            }
        };
        let started = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(write);
        if let Err(error) = started {
            tracing::error!(%error, "there is no access log: its thread could not be started");
        }
        Self(sender)
    }

    /// Waits until the lines handed over so far are written, but not for long.
    pub(crate) async fn written(&self) {
        let (told, hears) = oneshot::channel();
        if self.0.try_send(Message::Written(told)).is_ok() {
            let _ = tokio::time::timeout(LAST_LINES, hears).await;
        }
    }
}

/// What a line tells.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) nanos: u64,
    pub(crate) code: Option<&'static str>,
}

/// The lines of one thread.
#[derive(Debug)]
pub(crate) struct AccessLog {
    writer: Writer,
    buffer: Vec<u8>,
    lines: u64,
    second: Second,
}

/// The text of the second that the last line was in: thousands of lines share it.
#[derive(Debug, Default)]
struct Second {
    number: i64,
    text: String,
}

impl AccessLog {
    pub(crate) fn new(writer: Writer) -> Self {
        Self {
            writer,
            buffer: Vec::new(),
            lines: 0,
            second: Second::default(),
        }
    }

    /// Adds a line, if the log is to have it.
    pub(crate) fn add(&mut self, line: &Line<'_>) {
        let wanted = match (line.status, line.path) {
            // Logged as an event of its own.
            (500.., _) => return,
            (400.., _) => tracing::enabled!(tracing::Level::WARN),
            // Health checks come every few seconds and say nothing when they succeed.
            (_, "/health") => tracing::enabled!(tracing::Level::DEBUG),
            _ => tracing::enabled!(tracing::Level::INFO),
        };
        let (true, Some(json)) = (wanted, telemetry::writes_json()) else {
            return;
        };
        self.second.set(line.ended);
        let millis = line.ended.timestamp_subsec_millis();
        // Writing into a vector does not fail.
        let _ = if json {
            write_json(&mut self.buffer, &self.second.text, millis, line)
        } else {
            write_text(&mut self.buffer, &self.second.text, millis, line)
        };
        self.lines += 1;
        if self.buffer.len() >= FULL {
            self.flush();
        }
    }

    /// Hands the lines over.
    pub(crate) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        let buffer = std::mem::replace(&mut self.buffer, Vec::with_capacity(FULL + 1024));
        match self.writer.0.try_send(Message::Lines(buffer)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => metrics::log_lines_dropped(lines),
        }
    }
}

impl Second {
    fn set(&mut self, time: DateTime<Utc>) {
        if self.number != time.timestamp() || self.text.is_empty() {
            self.number = time.timestamp();
            self.text = time.format("%Y-%m-%dT%H:%M:%S").to_string();
        }
    }
}

fn level(line: &Line<'_>) -> &'static str {
    match (line.status, line.path) {
        (400.., _) => "warn",
        (_, "/health") => "debug",
        _ => "info",
    }
}

fn write_json(out: &mut Vec<u8>, second: &str, millis: u32, line: &Line<'_>) -> std::io::Result<()> {
    let (method, status, elapsed) = (line.method, line.status, line.nanos / 1_000_000);
    write!(
        out,
        "{{\"@timestamp\":\"{second}.{millis:03}Z\",\"ecs.version\":\"8.11.0\",\"event.duration\":{},\
         \"http.request.id\":\"",
        line.nanos
    )?;
    escape(out, &line.context.request_id);
    write!(
        out,
        "\",\"http.request.method\":\"{method}\",\"http.response.status_code\":{status},\
         \"labels.route\":\"{}\",\"log.level\":\"{}\",\"log.logger\":\"{}\",\"message\":\"{method} ",
        line.route,
        level(line),
        module_path!(),
    )?;
    let path = cut(line.path);
    escape(out, path);
    write!(out, " {status} in {elapsed} ms\",")?;
    if let Some(code) = line.code {
        write!(out, "\"error.code\":\"{code}\",")?;
    }
    write!(
        out,
        "\"service.name\":\"{}\",\"trace.id\":\"{:032x}\",\"url.path\":\"",
        crate::DEFINITION.name,
        line.context.trace.trace_id
    )?;
    escape(out, path);
    out.extend_from_slice(b"\"}\n");
    Ok(())
}

fn write_text(out: &mut Vec<u8>, second: &str, millis: u32, line: &Line<'_>) -> std::io::Result<()> {
    let level = level(line).to_ascii_uppercase();
    write!(out, "{second}.{millis:03}Z {level:>5} {} ", line.method)?;
    // A terminal obeys control characters.
    escape(out, cut(line.path));
    writeln!(out, " {} in {} ms", line.status, line.nanos / 1_000_000)
}

fn cut(path: &str) -> &str {
    let mut end = path.len().min(MAX_PATH);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

/// Writes a text as it stands within the quotes of a JSON string.
fn escape(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=31 | 127 => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use common::Locale;
    use common::telemetry::TraceParent;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_is_json_whatever_the_client_wrote() {
        let context = RequestContext {
            request_id: "a\"b\\c".to_owned(),
            trace: TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap(),
            locale: Locale::default(),
        };
        let mut line = Line {
            context: &context,
            ended: "2026-01-02T03:04:05.006Z".parse().unwrap(),
            method: &Method::GET,
            path: "/api/\"\\\u{1}д",
            route: "/api/1c/*",
            status: 404,
            nanos: 12_345_678,
            code: Some("request.not_found"),
        };
        let mut second = Second::default();
        second.set(line.ended);
        let mut out = Vec::new();
        write_json(&mut out, &second.text, 6, &line).unwrap();
        assert_eq!(out.pop(), Some(b'\n'));
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            value,
            json!({
                "@timestamp": "2026-01-02T03:04:05.006Z",
                "ecs.version": "8.11.0",
                "error.code": "request.not_found",
                "event.duration": 12_345_678,
                "http.request.id": "a\"b\\c",
                "http.request.method": "GET",
                "http.response.status_code": 404,
                "labels.route": "/api/1c/*",
                "log.level": "warn",
                "log.logger": "gateway::access_log",
                "message": "GET /api/\"\\\u{1}д 404 in 12 ms",
                "service.name": "gateway",
                "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "url.path": "/api/\"\\\u{1}д",
            })
        );
        let long = format!("/{}", "д".repeat(MAX_PATH));
        line.path = &long;
        out.clear();
        write_text(&mut out, &second.text, 6, &line).unwrap();
        assert!(String::from_utf8(out).unwrap().len() < MAX_PATH + 100);
    }
}
