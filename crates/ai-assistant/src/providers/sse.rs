//! Server-sent events as a client (WHATWG HTML, section 9.2), with limits.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Failure, ProviderError};

/// Bytes of one event; more is an error of the provider.
const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
    /// It is no event but the whole answer, of a server that does not stream.
    pub(super) is_whole: bool,
}

impl Event {
    /// An event without a name.
    pub(super) fn of(data: String) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }
}

/// Until when what has to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The first part of the answer.
    pub(super) first: Instant,
    /// The next part, from the one before.
    pub(super) idle: Duration,
    /// The end.
    pub(super) deadline: Instant,
}

/// Reads the events of a response.
#[derive(Debug)]
pub(super) struct Reader {
    response: reqwest::Response,
    parser: Parser,
    limits: Limits,
    began: bool,
    /// The body so far of a response that is no stream of events.
    whole: Option<Vec<u8>>,
}

impl Reader {
    pub(super) fn new(response: reqwest::Response, limits: Limits) -> Self {
        let is_json = response
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/json"));
        Self {
            response,
            parser: Parser::default(),
            limits,
            began: false,
            whole: is_json.then(Vec::new),
        }
    }

    /// From now on only pauses are measured.
    pub(super) fn content_began(&mut self) {
        self.began = true;
    }

    /// The next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, ProviderError> {
        loop {
            if let Some(event) = self.parser.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(bytes) = self.chunk().await? else {
                return Ok(self
                    .whole
                    .take()
                    .filter(|body| !body.is_empty())
                    .map(|body| Event {
                        data: String::from_utf8_lossy(&body).into_owned(),
                        is_whole: true,
                        ..Event::default()
                    }));
            };
            match &mut self.whole {
                Some(body) if body.len() + bytes.len() > MAX_EVENT_BYTES => {
                    return Err(ProviderError::because(
                        Failure::Malformed,
                        "an answer is too long",
                    ));
                }
                Some(body) => body.extend_from_slice(&bytes),
                None => self.parser.feed(&bytes)?,
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ProviderError> {
        // Lifecycle events and keep-alive comments do not count as the beginning.
        let (until, late) = if self.began {
            (Instant::now() + self.limits.idle, Failure::Stalled)
        } else {
            (self.limits.first, Failure::NoFirstToken)
        };
        let (until, late) = if self.limits.deadline <= until {
            (self.limits.deadline, Failure::TimedOut)
        } else {
            (until, late)
        };
        timeout_at(until, self.response.chunk())
            .await
            .map_err(|_| ProviderError::new(late))?
            .map_err(|error| ProviderError::because(Failure::Interrupted, error.without_url()))
    }
}

#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    after_cr: bool,
    events: VecDeque<Event>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), ProviderError> {
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    self.end_line(&line)?;
                }
                byte => {
                    self.after_cr = false;
                    self.line.push(*byte);
                }
            }
        }
        if self.line.len() + self.event.data.len() > MAX_EVENT_BYTES {
            return Err(ProviderError::because(Failure::Malformed, "an event is too long"));
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), ProviderError> {
        let line =
            std::str::from_utf8(line).map_err(|error| ProviderError::because(Failure::Malformed, error))?;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                self.events.push_back(event);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            // Comments, ids, retry times.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whatever_the_pieces() {
        let text = "\u{feff}: comment\r\nevent: a\r\ndata: один\r\ndata: два\r\n\r\n: keep-alive\n\ndata:x\n\nevent: nothing\n\ndata: [DONE]\n\n";
        for size in [1, 2, 3, 7, 1000] {
            let mut parser = Parser::default();
            for piece in text.as_bytes().chunks(size) {
                parser.feed(piece).unwrap();
            }
            let data: Vec<_> = parser
                .events
                .iter()
                .map(|e| (e.name.as_str(), e.data.as_str()))
                .collect();
            assert_eq!(
                data,
                [("a", "один\nдва"), ("", "x"), ("", "[DONE]")],
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn what_is_no_utf8_is_an_error() {
        assert!(Parser::default().feed(b"data: \xff\n").is_err());
    }
}
