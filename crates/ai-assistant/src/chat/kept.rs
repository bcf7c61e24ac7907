//! Events of an answer in Redis, so that a client whose connection broke reads on, at any replica.
//!
//! They are an aid and expire; the answer itself is in PostgreSQL. The last event of a complete answer is
//! therefore kept without its data, and of an answer with too many events, or one that Redis did not take
//! all of, only the last one counts.

use std::time::Duration;

use common::cache::Redis;
use common::telemetry::Chain;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{FromRedisValue, RedisResult};

use super::events::{ChatEvent, DONE, ERROR, Numbered};
use super::running::AnswerName;
use crate::metrics;

/// Events can be read for so long after the last one.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(600);
/// Events of one answer.
const MAX_EVENTS: usize = 10_000;
/// Bytes of their data.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Events that are read at once.
const BATCH: usize = 256;
/// How long a reader waits for the next one before it looks whether the answer is being made at all.
const BLOCK: Duration = Duration::from_secs(5);

fn events_key(name: AnswerName) -> String {
    format!("assistant:answer:{name}:events")
}

/// Writes the events of one answer.
#[derive(Debug)]
pub(super) struct Keeper {
    redis: Redis,
    key: String,
    events: usize,
    bytes: usize,
    has_gaps: bool,
}

impl Keeper {
    pub(super) fn new(redis: Redis, name: AnswerName) -> Self {
        Self {
            redis,
            key: events_key(name),
            events: 0,
            bytes: 0,
            has_gaps: false,
        }
    }

    /// Keeps these events.
    pub(super) async fn keep(&mut self, events: &[Numbered]) {
        let mut pipeline = redis::pipe();
        let mut any = false;
        for Numbered { id, event } in events {
            let is_last = matches!(event, ChatEvent::Done(_) | ChatEvent::Error { .. });
            let data = match event {
                ChatEvent::Done(_) => String::new(),
                other => other.data(),
            };
            self.events += 1;
            self.bytes += data.len();
            self.has_gaps |= self.events > MAX_EVENTS || self.bytes > MAX_BYTES;
            if self.has_gaps && !is_last {
                continue;
            }
            any = true;
            pipeline
                .cmd("XADD")
                .arg(&self.key)
                .arg(format!("0-{id}"))
                .arg("event")
                .arg(event.name())
                .arg("data")
                .arg(data)
                .arg("gaps")
                .arg(u8::from(self.has_gaps))
                .ignore();
        }
        if !any {
            return;
        }
        let seconds = i64::try_from(KEPT_FOR.as_secs()).unwrap_or(i64::MAX);
        pipeline.expire(&self.key, seconds).ignore();
        let kept: RedisResult<()> = pipeline.query_async(&mut self.redis.connection()).await;
        if let Err(error) = kept {
            if !std::mem::replace(&mut self.has_gaps, true) {
                tracing::warn!(error = %Chain(&error), "events of an answer could not be kept");
            }
            metrics::events_not_kept();
        }
    }
}

/// A kept event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptEvent {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Empty of a complete answer: it is in the database.
    pub(crate) data: String,
    /// Events before this one are missing.
    pub(crate) has_gaps: bool,
}

impl KeptEvent {
    /// Nothing comes after it.
    pub(crate) fn is_last(&self) -> bool {
        self.name == DONE || self.name == ERROR
    }

    /// It stands for the whole answer.
    pub(crate) fn is_done(&self) -> bool {
        self.name == DONE
    }
}

/// `None` for what no release has written.
fn event(entry: &StreamId) -> Option<KeptEvent> {
    Some(KeptEvent {
        id: entry.id.strip_prefix("0-")?.parse().ok()?,
        name: field(entry, "event")?,
        data: field(entry, "data")?,
        has_gaps: field::<u8>(entry, "gaps")? != 0,
    })
}

fn field<T: FromRedisValue>(entry: &StreamId, name: &str) -> Option<T> {
    entry.get(name)
}

/// What is kept of one answer.
#[derive(Debug)]
pub(crate) struct Kept {
    redis: Redis,
    name: AnswerName,
    connection: Option<MultiplexedConnection>,
}

impl Kept {
    pub(super) fn new(redis: Redis, name: AnswerName) -> Self {
        Self {
            redis,
            name,
            connection: None,
        }
    }

    /// The latest event; `None` when none are kept, or no longer.
    pub(crate) async fn latest(&self) -> RedisResult<Option<KeptEvent>> {
        let reply: StreamRangeReply = redis::cmd("XREVRANGE")
            .arg(events_key(self.name))
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1)
            .query_async(&mut self.redis.connection())
            .await?;
        Ok(reply.ids.first().and_then(event))
    }

    /// The next events after that one, which may take a while; none when nothing has come meanwhile.
    pub(crate) async fn after(&mut self, id: u64) -> RedisResult<Vec<KeptEvent>> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            // Waiting takes a connection of its own.
            None => {
                let dedicated = self.redis.dedicated(BLOCK + Redis::TIMEOUT).await?;
                self.connection.insert(dedicated)
            }
        };
        let reply: Option<StreamReadReply> = redis::cmd("XREAD")
            .arg("COUNT")
            .arg(BATCH)
            .arg("BLOCK")
            .arg(BLOCK.as_millis())
            .arg("STREAMS")
            .arg(events_key(self.name))
            .arg(format!("0-{id}"))
            .query_async(connection)
            .await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(keys.iter().flat_map(|key| &key.ids).filter_map(event).collect())
    }

    /// Forgets them.
    pub(crate) async fn forget(self) -> RedisResult<()> {
        redis::cmd("DEL")
            .arg(events_key(self.name))
            .query_async(&mut self.redis.connection())
            .await
    }
}
