//! Reading streams as a member of a consumer group.

use std::future::Future;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::streams::{
    StreamAutoClaimReply, StreamId, StreamInfoGroupsReply, StreamPendingReply, StreamRangeReply,
    StreamReadReply,
};
use redis::{AsyncCommands, RedisResult};
use tokio_util::sync::CancellationToken;

use super::{DEAD_LETTERS, Event, Stream};
use crate::BoxError;
use crate::cache::Redis;
use crate::db::StoreError;
use crate::telemetry::Chain;

/// How long the oldest event that is not handled has waited.
const OLDEST: &str = "events_oldest_unacknowledged_seconds";
const BATCH: usize = 500;
const BLOCK: Duration = Duration::from_secs(1);
/// Entries that another member has held for this long are taken over: it has died.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(20);

/// Why events could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Something that we depend on is away; the same events will be tried again.
    #[error("events cannot be handled now")]
    Retry(#[source] BoxError),
    /// The event itself is wrong and would fail for ever.
    #[error("the event cannot be handled")]
    Poison(#[source] BoxError),
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() || error.is_contention() {
            Self::Retry(error.into())
        } else {
            Self::Poison(error.into())
        }
    }
}

/// What a consumer does with its events.
pub trait Handler: Send + Sync + 'static {
    /// Handles a batch as a whole, in one transaction. Events may have been delivered before.
    /// After [`HandleError::Poison`] the batch is handed over again one event at a time.
    fn handle(&self, events: &[(Stream, Event)]) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// A member of a consumer group.
#[derive(Debug)]
pub struct Consumer<H> {
    redis: Redis,
    group: &'static str,
    member: String,
    streams: &'static [Stream],
    handler: H,
}

/// An entry with its position in the stream.
struct Delivery {
    stream: Stream,
    id: String,
    event: Result<Event, String>,
    raw: String,
}

impl<H: Handler> Consumer<H> {
    /// A member called `member`, unique among the replicas and the same after a restart.
    pub fn new(
        redis: Redis,
        group: &'static str,
        member: String,
        streams: &'static [Stream],
        handler: H,
    ) -> Self {
        Self {
            redis,
            group,
            member,
            streams,
            handler,
        }
    }

    /// Reads until `shutdown`. Run it as a background task.
    pub async fn run(self, shutdown: CancellationToken) {
        self.describe_metrics();
        while !shutdown.is_cancelled() {
            if let Err(error) = self.read_until_failure(&shutdown).await {
                tracing::warn!(
                    error = %Chain(error.as_ref()),
                    "group {} cannot read its streams; trying again", self.group
                );
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn read_until_failure(&self, shutdown: &CancellationToken) -> Result<(), BoxError> {
        let mut connection = self.redis.dedicated(BLOCK + Redis::TIMEOUT).await?;
        for stream in self.streams {
            create_group(&mut connection, *stream, self.group).await?;
        }
        // What was delivered before a restart and not acknowledged comes first.
        while !shutdown.is_cancelled() {
            let own = self.read(&mut connection, "0").await?;
            if own.is_empty() {
                break;
            }
            self.process(&mut connection, own).await?;
        }
        let mut housekeeping = Instant::now();
        while !shutdown.is_cancelled() {
            let fresh = self.read(&mut connection, ">").await?;
            if !fresh.is_empty() {
                self.process(&mut connection, fresh).await?;
            }
            if housekeeping.elapsed() >= HOUSEKEEPING_EVERY {
                housekeeping = Instant::now();
                for stream in self.streams {
                    let abandoned = self.claim_abandoned(&mut connection, *stream).await?;
                    self.process(&mut connection, abandoned).await?;
                    self.measure(&mut connection, *stream).await?;
                    trim(&mut connection, *stream).await?;
                }
            }
        }
        Ok(())
    }

    async fn read(&self, connection: &mut MultiplexedConnection, from: &str) -> RedisResult<Vec<Delivery>> {
        let keys: Vec<&str> = self.streams.iter().map(|stream| stream.key()).collect();
        let positions = vec![from; keys.len()];
        let reply: Option<StreamReadReply> = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg(self.group)
            .arg(&self.member)
            .arg("COUNT")
            .arg(BATCH)
            .arg("BLOCK")
            .arg(BLOCK.as_millis())
            .arg("STREAMS")
            .arg(keys)
            .arg(positions)
            .query_async(connection)
            .await?;
        let mut deliveries = Vec::new();
        for key in reply.map(|reply| reply.keys).unwrap_or_default() {
            if let Some(stream) = Stream::from_key(&key.key) {
                deliveries.extend(key.ids.into_iter().map(|id| delivery(stream, &id)));
            }
        }
        Ok(deliveries)
    }

    async fn claim_abandoned(
        &self,
        connection: &mut MultiplexedConnection,
        stream: Stream,
    ) -> RedisResult<Vec<Delivery>> {
        let reply: StreamAutoClaimReply = redis::cmd("XAUTOCLAIM")
            .arg(stream.key())
            .arg(self.group)
            .arg(&self.member)
            .arg(ABANDONED_AFTER.as_millis())
            .arg("0-0")
            .arg("COUNT")
            .arg(BATCH)
            .query_async(connection)
            .await?;
        Ok(reply.claimed.iter().map(|id| delivery(stream, id)).collect())
    }

    async fn process(
        &self,
        connection: &mut MultiplexedConnection,
        deliveries: Vec<Delivery>,
    ) -> Result<(), BoxError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let mut good = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match &delivery.event {
                Ok(event) => good.push(((delivery.stream, event.clone()), delivery)),
                Err(reason) => self.bury(connection, &delivery, reason).await?,
            }
        }
        let (events, deliveries): (Vec<_>, Vec<_>) = good.into_iter().unzip();
        if events.is_empty() {
            return Ok(());
        }
        match self.handler.handle(&events).await {
            Ok(()) => {
                self.count(&events, "handled");
                self.acknowledge(connection, &deliveries).await?;
            }
            Err(error @ HandleError::Retry(_)) => return Err(error.into()),
            Err(HandleError::Poison(_)) => {
                for (event, delivery) in events.iter().zip(&deliveries) {
                    match self.handler.handle(std::slice::from_ref(event)).await {
                        Ok(()) => {
                            self.count(std::slice::from_ref(event), "handled");
                            self.acknowledge(connection, std::slice::from_ref(delivery))
                                .await?;
                        }
                        Err(error @ HandleError::Retry(_)) => return Err(error.into()),
                        Err(error @ HandleError::Poison(_)) => {
                            let reason = Chain(&error).to_string();
                            self.bury(connection, delivery, &reason).await?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn acknowledge(
        &self,
        connection: &mut MultiplexedConnection,
        deliveries: &[Delivery],
    ) -> RedisResult<()> {
        let mut pipeline = redis::pipe();
        for delivery in deliveries {
            pipeline
                .xack(delivery.stream.key(), self.group, &[&delivery.id])
                .ignore();
        }
        pipeline.query_async(connection).await
    }

    /// Moves an entry out of the way, with the reason, for a person to look at.
    async fn bury(
        &self,
        connection: &mut MultiplexedConnection,
        delivery: &Delivery,
        reason: &str,
    ) -> RedisResult<()> {
        tracing::error!(
            error.message = reason,
            "an event of {} at {} went to the dead letters",
            delivery.stream.key(),
            delivery.id
        );
        metrics::counter!("events_dead_total", "group" => self.group, "stream" => delivery.stream.key())
            .increment(1);
        redis::pipe()
            .cmd("XADD")
            .arg(DEAD_LETTERS)
            .arg("*")
            .arg(&[
                ("group", self.group),
                ("stream", delivery.stream.key()),
                ("entry", &delivery.id),
                ("reason", reason),
                ("event", &delivery.raw),
            ])
            .ignore()
            .xack(delivery.stream.key(), self.group, &[&delivery.id])
            .ignore()
            .query_async(connection)
            .await
    }

    async fn measure(&self, connection: &mut MultiplexedConnection, stream: Stream) -> RedisResult<()> {
        let groups: StreamInfoGroupsReply = connection.xinfo_groups(stream.key()).await?;
        if let Some(group) = groups.groups.iter().find(|group| group.name == self.group) {
            let waiting = group.lag.unwrap_or(0) + group.pending;
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("events_stream_lag", "group" => self.group, "stream" => stream.key())
                .set(waiting as f64);
            let age = self
                .oldest(connection, stream, &group.last_delivered_id, group.pending)
                .await?;
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!(OLDEST, "group" => self.group, "stream" => stream.key()).set(age as f64 / 1000.0);
        }
        Ok(())
    }

    /// Milliseconds that the oldest event has waited which the group has not handled; 0 when there
    /// is none. By the clock of Redis, which made the ids.
    async fn oldest(
        &self,
        connection: &mut MultiplexedConnection,
        stream: Stream,
        last_delivered: &str,
        pending: usize,
    ) -> RedisResult<u64> {
        let mut oldest = None;
        if pending > 0 {
            let reply: StreamPendingReply = connection.xpending(stream.key(), self.group).await?;
            if let StreamPendingReply::Data(pending) = reply {
                oldest = position(&pending.start_id);
            }
        }
        if oldest.is_none() {
            let next: StreamRangeReply = connection
                .xrange_count(stream.key(), format!("({last_delivered}"), "+", 1)
                .await?;
            oldest = next.ids.first().and_then(|entry| position(&entry.id));
        }
        let Some((millis, _)) = oldest else { return Ok(0) };
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
        Ok((seconds * 1000 + micros / 1000).saturating_sub(millis))
    }

    fn count(&self, events: &[(Stream, Event)], outcome: &'static str) {
        for stream in self.streams {
            let count = events.iter().filter(|(of, _)| of == stream).count();
            if count > 0 {
                metrics::counter!("events_consumed_total", "group" => self.group, "stream" => stream.key(), "outcome" => outcome)
                    .increment(count as u64);
            }
        }
    }

    fn describe_metrics(&self) {
        metrics::describe_counter!(
            "events_consumed_total",
            "Events that a consumer group has handled"
        );
        metrics::describe_counter!("events_dead_total", "Events that went to the dead letters");
        metrics::describe_gauge!("events_stream_lag", "Events that a group has not handled yet");
        metrics::describe_gauge!(
            OLDEST,
            metrics::Unit::Seconds,
            "How long the oldest event has waited that a group has not handled"
        );
        for stream in self.streams {
            metrics::counter!("events_dead_total", "group" => self.group, "stream" => stream.key())
                .absolute(0);
            metrics::counter!("events_consumed_total", "group" => self.group, "stream" => stream.key(), "outcome" => "handled")
                .absolute(0);
        }
    }
}

fn delivery(stream: Stream, entry: &StreamId) -> Delivery {
    let raw: String = entry.get("event").unwrap_or_default();
    let event = serde_json::from_str(&raw).map_err(|error| error.to_string());
    Delivery {
        stream,
        id: entry.id.clone(),
        event,
        raw,
    }
}

async fn create_group(
    connection: &mut MultiplexedConnection,
    stream: Stream,
    group: &str,
) -> RedisResult<()> {
    // From the beginning: events published before the first consumer started count too.
    let created: RedisResult<()> = connection.xgroup_create_mkstream(stream.key(), group, "0").await;
    match created {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        other => other,
    }
}

/// Removes the entries that every group has read and acknowledged.
async fn trim(connection: &mut MultiplexedConnection, stream: Stream) -> RedisResult<()> {
    let reply: StreamInfoGroupsReply = connection.xinfo_groups(stream.key()).await?;
    let mut keep_from: Option<(u64, u64)> = None;
    for name in stream.groups() {
        // A group that has never come has not read anything.
        let Some(group) = reply.groups.iter().find(|group| group.name == *name) else {
            return Ok(());
        };
        let mut first = group.last_delivered_id.clone();
        if group.pending > 0 {
            let pending: StreamPendingReply = connection.xpending(stream.key(), *name).await?;
            if let StreamPendingReply::Data(pending) = pending {
                first = pending.start_id;
            }
        }
        let Some(first) = position(&first) else {
            return Ok(());
        };
        keep_from = Some(keep_from.map_or(first, |known| known.min(first)));
    }
    if let Some((millis, sequence)) = keep_from {
        redis::cmd("XTRIM")
            .arg(stream.key())
            .arg("MINID")
            .arg(format!("{millis}-{sequence}"))
            .query_async::<()>(connection)
            .await?;
    }
    Ok(())
}

fn position(id: &str) -> Option<(u64, u64)> {
    let (millis, sequence) = id.split_once('-')?;
    Some((millis.parse().ok()?, sequence.parse().ok()?))
}
