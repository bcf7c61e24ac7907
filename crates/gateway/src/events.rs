//! Request events on their way to the stream: a bounded buffer and one task that publishes.
//!
//! While Redis is away the buffer fills and is published later; what does not fit is counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::cache::Redis;
use common::contract::events::{ATTACK_SUSPECTED, AttackEvent, REQUEST_HANDLED, RequestEvent};
use common::events::{Actor, Event, Stream};
use common::ids;
use http::{HeaderValue, Method};
use redis::{RedisResult, Script};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

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
    /// Set in the event that tells of an attack, which is one of its own.
    pub(crate) suspicion: Option<Box<Suspicion>>,
}

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
            loop {
                publish_surely(&self.redis, &mut batch, &patient).await;
                while batch.len() < BATCH
                    && let Ok(handled) = self.receiver.try_recv()
                {
                    batch.push(event(handled));
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
    batch.push(event(first));
    if receiver.len() < BATCH {
        // Not by waiting for each of them: every request would have to wake this task.
        tokio::time::sleep(LINGER).await;
    }
    while batch.len() < BATCH
        && let Ok(handled) = receiver.try_recv()
    {
        batch.push(event(handled));
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

/// The event as JSON.
fn event(handled: Handled) -> String {
    let identity = handled.identity.as_deref();
    let user_agent = handled.user_agent.as_ref();
    let user_agent = user_agent.map(|value| start(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT));
    if let Some(suspicion) = handled.suspicion {
        let data = AttackEvent {
            method: start(handled.method.as_str(), MAX_METHOD),
            route: handled.route.to_owned(),
            ip: handled.client.to_string(),
            user_id: identity.map(|identity| identity.user_id),
            session_id: identity.map(|identity| identity.session_id),
            user_agent,
            ..suspicion.into_event()
        };
        return envelope(ATTACK_SUSPECTED, handled.time, handled.request_id, identity, data);
    }
    let data = RequestEvent {
        method: start(handled.method.as_str(), MAX_METHOD),
        route: handled.route.to_owned(),
        upstream: handled.upstream.map(str::to_owned),
        status: handled.status,
        duration_ms: u64::try_from(handled.duration.as_millis()).unwrap_or(u64::MAX),
        ip: handled.client.to_string(),
        user_id: identity.map(|identity| identity.user_id),
        user_agent,
        code: handled.code.map(str::to_owned),
    };
    envelope(REQUEST_HANDLED, handled.time, handled.request_id, identity, data)
}

fn envelope<D: serde::Serialize>(
    kind: &str,
    time: DateTime<Utc>,
    request_id: String,
    identity: Option<&Identity>,
    data: D,
) -> String {
    let event = Event {
        id: ids::new_id(),
        kind: kind.to_owned(),
        source: crate::DEFINITION.name.to_owned(),
        time,
        subject: None,
        actor: identity.map(Actor::from),
        request_id: Some(request_id),
        data,
    };
    serde_json::to_string(&event).unwrap_or_default()
}

fn start(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
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
            suspicion: None,
        }
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
