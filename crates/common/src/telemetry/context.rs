//! The identity of one request across services.

use std::cell::Cell;
use std::fmt;
use std::future::Future;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Locale;
use crate::clock::Clock;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// W3C trace context, version 00 (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Id of the whole trace.
    pub trace_id: u128,
    /// Id of this hop.
    pub span_id: u64,
    /// The `sampled` flag.
    pub sampled: bool,
}

impl TraceParent {
    /// Starts a trace.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trace_id: random_trace_id(),
            span_id: random_span_id(),
            sampled: true,
        }
    }

    /// Parses a `traceparent` header; `None` when the specification calls it invalid.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |s: &str, length| {
            s.len() == length
                && s.bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        // Later versions may append fields; version ff is forbidden.
        if !is_hex(version, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        if !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }

    /// The next hop of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: random_span_id(),
            ..self
        }
    }
}

impl Default for TraceParent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

thread_local! {
    /// xoshiro256++ (Blackman and Vigna), seeded by the operating system once for each thread. Ids of
    /// requests and traces have to differ and guard nothing, so they do not ask it each time.
    static STATE: Cell<[u64; 4]> = Cell::new(seed());
}

fn seed() -> [u64; 4] {
    #[expect(clippy::disallowed_methods, reason = "a source of random bits, not an id")]
    let (a, b) = (
        uuid::Uuid::new_v4().as_u64_pair(),
        uuid::Uuid::new_v4().as_u64_pair(),
    );
    [a.0, a.1, b.0, b.1]
}

/// Random bits that anybody may guess.
fn random_64() -> u64 {
    STATE.with(|cell| {
        let mut state = cell.get();
        let result = state[0]
            .wrapping_add(state[3])
            .rotate_left(23)
            .wrapping_add(state[0]);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        cell.set(state);
        result
    })
}

/// Never zero, which the specification forbids.
fn random_span_id() -> u64 {
    random_64().max(1)
}

fn random_trace_id() -> u128 {
    (u128::from(random_64()) << 64) | u128::from(random_span_id())
}

/// A UUIDv7 for a request.
pub(crate) fn request_id(now: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&random_64().to_ne_bytes());
    random[8..].copy_from_slice(&random_64().to_ne_bytes()[..2]);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// What is known of the request that is being handled.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// `X-Request-Id`, accepted from the client or made by the first of our services.
    pub request_id: String,
    /// This hop in the trace.
    pub trace: TraceParent,
    /// The language of the client.
    pub locale: Locale,
}

impl RequestContext {
    /// A context for work that no request asked for, such as a scheduled synchronisation.
    #[must_use]
    pub fn background() -> Self {
        Self {
            request_id: request_id(Clock::system().now()).to_string(),
            trace: TraceParent::new(),
            locale: Locale::default(),
        }
    }

    /// The context of the request being handled by this task, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The language of the request being handled; the default outside of requests.
    #[must_use]
    pub fn current_locale() -> Locale {
        CURRENT.try_with(|context| context.locale).unwrap_or_default()
    }

    /// Runs something that does not wait within this context.
    pub fn enter<T>(self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, run)
    }

    /// Runs a future within this context. Tasks that a handler spawns need this, since a task
    /// does not inherit the context of its parent.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

#[cfg(test)]
mod tests {
    use super::TraceParent;

    #[test]
    fn traceparent_is_parsed_as_the_specification_says() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceParent::parse(valid).unwrap().to_string(), valid);
        assert!(TraceParent::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-new").is_some());
        for invalid in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn made_ids_are_valid() {
        for _ in 0..1000 {
            let made = TraceParent::new().child();
            assert_eq!(TraceParent::parse(&made.to_string()), Some(made));
        }
        let now = crate::clock::Clock::system().now();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| super::request_id(now)).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
