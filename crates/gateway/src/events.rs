//! Request events on their way to the stream: a bounded buffer and one task that publishes.
//!
//! While Redis is away the buffer fills and is published later; what does not fit is counted.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::cache::Redis;
use common::contract::events::{ATTACK_SUSPECTED, AttackEvent, REQUEST_HANDLED};
use common::events::{Actor, Event, Stream};
use common::ids;
use http::{HeaderValue, Method, Uri};
use redis::{RedisResult, Script};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::inspection::Suspicion;
use crate::metrics;

/// Events that wait while Redis is away; at about half a kilobyte each.
pub(crate) const BUFFER: usize = 10_000;
/// Events published in one round trip.
const BATCH: usize = 500;
/// How long an event may wait for others.
const LINGER: Duration = Duration::from_millis(100);
/// First and longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long the end of the service waits for Redis to take the rest.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Appends a batch in one command: all of it or nothing, and nobody has to take five hundred commands
/// apart.
const APPEND: &str = "for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'event', ARGV[i]) end";

/// One handled request, not yet an event: nothing is copied or put into words on the request's time.
#[derive(Debug)]
pub(crate) struct Handled {
    pub(crate) time: DateTime<Utc>,
    pub(crate) request_id: String,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) method: Method,
    pub(crate) route: &'static str,
    pub(crate) upstream: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) duration: Duration,
    pub(crate) client: IpAddr,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) code: Option<&'static str>,
    /// What was asked for, when it was refused (status 400 to 499).
    pub(crate) refused: Option<Uri>,
    /// Set in the event that tells of an attack, which is one of its own.
    pub(crate) suspicion: Option<Box<Suspicion>>,
}

/// The label of requests that no route was found for.
pub(crate) const UNMATCHED: &str = "unmatched";
/// Clients choose these texts; an event keeps so many characters of them.
const MAX_TEXT: usize = 256;
const MAX_METHOD: usize = 16;

/// Where requests are reported. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub(crate) struct EventBuffer(mpsc::Sender<Handled>);

impl EventBuffer {
    /// The buffer and the task that empties it.
    pub(crate) fn new(redis: Redis, capacity: usize) -> (Self, Publisher) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), Publisher { receiver, redis })
    }

    /// Reports a request; when the buffer is full, the event is dropped and counted.
    pub(crate) fn report(&self, handled: Handled) {
        if self.0.try_send(handled).is_err() {
            metrics::events_dropped(1);
        }
    }
}

/// Publishes what is in the buffer.
#[derive(Debug)]
pub(crate) struct Publisher {
    receiver: mpsc::Receiver<Handled>,
    redis: Redis,
}

impl Publisher {
    /// Publishes until `shutdown`, and then what is left. Run it as a background task.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut batch: Vec<String> = Vec::new();
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = gather(&mut self.receiver, &mut batch) => {}
            }
            if batch.is_empty() {
                // The last router is gone, so the service is ending; when, is not for this to say.
                shutdown.cancelled().await;
                break;
            }
            // Redis may be away for long; the end of the service does not wait for it here.
            publish_surely(&self.redis, &mut batch, &shutdown).await;
        }
        self.receiver.close();
        let flush = async {
            let patient = CancellationToken::new();
            let mut ids = Ids::new();
            loop {
                publish_surely(&self.redis, &mut batch, &patient).await;
                while batch.len() < BATCH
                    && let Ok(handled) = self.receiver.try_recv()
                {
                    batch.push(event(&mut ids, &handled));
                }
                if batch.is_empty() {
                    break;
                }
            }
        };
        if tokio::time::timeout(FLUSH_WITHIN, flush).await.is_err() {
            let lost = batch.len() + self.receiver.len();
            metrics::events_dropped(lost);
            tracing::warn!("{lost} request events are lost: Redis did not take them before the end");
        }
    }
}

/// Waits for a first event, then a little for more. What was gathered stays in `batch` when the
/// future is dropped.
async fn gather(receiver: &mut mpsc::Receiver<Handled>, batch: &mut Vec<String>) {
    let Some(first) = receiver.recv().await else {
        return;
    };
    let mut ids = Ids::new();
    batch.push(event(&mut ids, &first));
    if receiver.len() < BATCH {
        // Not by waiting for each of them: every request would have to wake this task.
        tokio::time::sleep(LINGER).await;
    }
    while batch.len() < BATCH
        && let Ok(handled) = receiver.try_recv()
    {
        batch.push(event(&mut ids, &handled));
    }
}

/// Tries until Redis has taken the batch, or until `stop` between two attempts; the batch is kept
/// then. An attempt is not broken off, because nobody would know whether Redis has got it; when
/// it is repeated for another reason, consumers know the events by their ids.
async fn publish_surely(redis: &Redis, batch: &mut Vec<String>, stop: &CancellationToken) {
    let mut pause = PAUSE.0;
    let mut failed = false;
    while let Err(error) = append(redis, batch).await {
        if !failed {
            tracing::warn!(error = %common::telemetry::Chain(&error), "request events wait for Redis");
            failed = true;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE.1);
    }
    metrics::events_published(batch.len());
    batch.clear();
}

async fn append(redis: &Redis, batch: &[String]) -> RedisResult<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let script = Script::new(APPEND);
    let mut call = script.key(Stream::Requests.key());
    for text in batch {
        call.arg(text);
    }
    call.invoke_async(&mut redis.connection()).await
}

/// An [`Event`] of a [`RequestEvent`] that owns nothing: there is one for each request.
///
/// [`Event`]: common::events::Event
/// [`RequestEvent`]: common::contract::events::RequestEvent
#[derive(Debug, Serialize)]
struct Told<'a> {
    id: Uuid,
    r#type: &'static str,
    source: &'static str,
    time: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ToldActor<'a>>,
    request_id: &'a str,
    data: ToldData<'a>,
}

#[derive(Debug, Serialize)]
struct ToldActor<'a> {
    user_id: Uuid,
    role: &'a str,
}

#[derive(Debug, Serialize)]
struct ToldData<'a> {
    method: &'a str,
    route: &'static str,
    upstream: Option<&'static str>,
    status: u16,
    duration_ms: u64,
    ip: IpAddr,
    user_id: Option<Uuid>,
    user_agent: Option<Cow<'a, str>>,
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

/// The event as JSON.
fn event(ids: &mut Ids, handled: &Handled) -> String {
    if let Some(suspicion) = &handled.suspicion {
        return attack(ids, handled, suspicion);
    }
    let identity = handled.identity.as_deref();
    let user_agent = handled.user_agent.as_ref();
    let refused = handled.refused.as_ref().map(Uri::path);
    let told = Told {
        id: ids.next(),
        r#type: REQUEST_HANDLED,
        source: crate::DEFINITION.name,
        time: handled.time,
        actor: identity.map(|identity| ToldActor {
            user_id: identity.user_id,
            role: &identity.role,
        }),
        request_id: &handled.request_id,
        data: ToldData {
            method: start(handled.method.as_str(), MAX_METHOD),
            route: handled.route,
            upstream: handled.upstream,
            status: handled.status,
            duration_ms: u64::try_from(handled.duration.as_millis()).unwrap_or(u64::MAX),
            ip: handled.client,
            user_id: identity.map(|identity| identity.user_id),
            user_agent: user_agent.map(|value| match String::from_utf8_lossy(value.as_bytes()) {
                Cow::Borrowed(text) => Cow::Borrowed(start(text, MAX_TEXT)),
                Cow::Owned(text) => Cow::Owned(start(&text, MAX_TEXT).to_owned()),
            }),
            code: handled.code,
            target: refused.map(fingerprint),
            path: refused
                .filter(|_| handled.route == UNMATCHED)
                .map(|path| start(path, MAX_TEXT)),
        },
    };
    serde_json::to_string(&told).unwrap_or_default()
}

/// The event that tells of an attack. There are few of them.
fn attack(ids: &mut Ids, handled: &Handled, suspicion: &Suspicion) -> String {
    let identity = handled.identity.as_deref();
    let user_agent = handled.user_agent.as_ref();
    let event = Event {
        id: ids.next(),
        kind: ATTACK_SUSPECTED.to_owned(),
        source: crate::DEFINITION.name.to_owned(),
        time: handled.time,
        subject: None,
        actor: identity.map(Actor::from),
        request_id: Some(handled.request_id.clone()),
        data: AttackEvent {
            method: start(handled.method.as_str(), MAX_METHOD).to_owned(),
            route: handled.route.to_owned(),
            ip: handled.client.to_string(),
            user_id: identity.map(|identity| identity.user_id),
            session_id: identity.map(|identity| identity.session_id),
            user_agent: user_agent
                .map(|value| start(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT).to_owned()),
            score: suspicion.score(),
            blocked: suspicion.blocked,
            findings: suspicion.findings(),
        },
    };
    serde_json::to_string(&event).unwrap_or_default()
}

/// Ids of one batch: a new one, and those that follow it. Random bits are asked for once, and ids still
/// differ from all others as that one does.
#[derive(Debug)]
struct Ids(u128);

impl Ids {
    fn new() -> Self {
        Self(ids::new_id().as_u128())
    }

    fn next(&mut self) -> Uuid {
        let id = Uuid::from_u128(self.0);
        // The lowest 62 bits are random (RFC 9562, section 5.7); the others stay.
        let random = (1_u128 << 62) - 1;
        self.0 = (self.0 & !random) | (self.0.wrapping_add(1) & random);
        id
    }
}

/// Enough of a hash to tell paths apart without keeping them.
fn fingerprint(path: &str) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(path.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn start(text: &str, length: usize) -> &str {
    let end = text.char_indices().nth(length).map(|(at, _)| at);
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
    use common::contract::events::RequestEvent;
    use redis::AsyncCommands;
    use redis::streams::StreamRangeReply;

    use super::*;

    fn handled(n: usize) -> Handled {
        Handled {
            time: Clock::system().now(),
            request_id: n.to_string(),
            identity: None,
            method: Method::GET,
            route: "/mcp",
            upstream: None,
            status: 200,
            duration: Duration::from_millis(1),
            client: IpAddr::from([192, 0, 2, 1]),
            user_agent: None,
            code: None,
            refused: None,
            suspicion: None,
        }
    }

    #[test]
    fn an_event_is_what_the_contract_says() {
        let mut handled = handled(7);
        handled.user_agent = Some(HeaderValue::from_bytes(&[b'\xd0'; 300]).unwrap());
        handled.upstream = Some("analytics");
        let mut ids = Ids::new();
        let texts = [event(&mut ids, &handled), event(&mut ids, &handled)];
        let events = texts.map(|text| serde_json::from_str::<Event>(&text).unwrap());
        assert_ne!(events[0].id, events[1].id);
        assert_eq!(events[1].id.get_version_num(), 7);
        let again: Event<RequestEvent> =
            serde_json::from_value(serde_json::to_value(&events[0]).unwrap()).unwrap();
        assert_eq!(
            (again.kind.as_str(), again.source.as_str()),
            (REQUEST_HANDLED, "gateway")
        );
        assert_eq!(again.time, handled.time);
        assert_eq!(
            (again.request_id.as_deref(), again.subject, again.actor),
            (Some("7"), None, None)
        );
        let data = again.data;
        assert_eq!(
            (data.method.as_str(), data.route.as_str(), data.status),
            ("GET", "/mcp", 200)
        );
        assert_eq!(
            (data.upstream.as_deref(), data.ip.as_str()),
            (Some("analytics"), "192.0.2.1")
        );
        assert_eq!(data.user_agent.unwrap().chars().count(), MAX_TEXT);
        assert_eq!((data.user_id, data.code, data.duration_ms), (None, None, 1));
    }

    #[test]
    fn ids_of_a_batch_keep_their_form_past_the_end_of_their_random_bits() {
        let last = Uuid::from_u128(u128::from(u64::MAX >> 2) | 0x7000 << 64 | 2 << 62);
        let mut ids = Ids(last.as_u128());
        assert_eq!(ids.next(), last);
        assert_eq!(ids.next().as_u128(), 0x7000 << 64 | 2 << 62);
    }

    /// The request ids in the stream.
    async fn published(redis: &Redis) -> Vec<String> {
        let mut connection = redis.connection();
        let range: StreamRangeReply = connection.xrange_all(Stream::Requests.key()).await.unwrap();
        let texts = range
            .ids
            .iter()
            .map(|entry| entry.get::<String>("event").unwrap());
        let events = texts.map(|text| serde_json::from_str::<Event>(&text).unwrap());
        events.map(|event| event.request_id.unwrap()).collect()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_counted_and_the_rest_comes_in_order() {
        common::telemetry::install_recorder();
        let server = common::testing::redis().await;
        let (buffer, publisher) = EventBuffer::new(server.connect(), 1200);
        // Nobody publishes yet.
        for n in 0..1203 {
            buffer.report(handled(n));
        }
        let metrics = common::telemetry::render_metrics();
        assert!(
            metrics.contains("gateway_request_events_dropped_total 3"),
            "{metrics}"
        );
        // The service ends before the task ever ran: it publishes what is there and ends.
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        publisher.run(shutdown).await;
        let ids = published(&server.connect()).await;
        let expected: Vec<String> = (0..1200).map(|n: usize| n.to_string()).collect();
        assert_eq!(ids, expected);
    }

    #[tokio::test]
    async fn it_outlives_the_last_router_until_the_shutdown() {
        let server = common::testing::redis().await;
        let redis = server.connect();
        let (buffer, publisher) = EventBuffer::new(redis.clone(), 10);
        let shutdown = CancellationToken::new();
        let mut running = std::pin::pin!(publisher.run(shutdown.clone()));
        buffer.report(handled(1));
        drop(buffer);
        let arrives = async {
            while published(&redis).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = &mut running => panic!("a task that ends before the shutdown counts as crashed"),
            () = arrives => {}
        }
        shutdown.cancel();
        tokio::time::timeout(FLUSH_WITHIN, running).await.unwrap();
    }
}
