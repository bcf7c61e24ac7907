//! Appending events to their streams.

use redis::RedisResult;

use super::{Event, Stream};
use crate::cache::Redis;

/// Appends events to their streams, in order, in one round trip. They are all in Redis when this
/// returns `Ok`; after an error some may be, so a retry can repeat them.
///
/// # Errors
/// When Redis does not answer.
pub async fn publish(redis: &Redis, events: &[(Stream, Event)]) -> RedisResult<()> {
    let bodies = events
        .iter()
        .map(|(stream, event)| (*stream, serde_json::to_string(event).unwrap_or_default()));
    publish_texts(redis, bodies).await
}

/// As [`publish`], of events that are JSON already.
///
/// # Errors
/// When Redis does not answer.
pub async fn publish_texts<T: AsRef<str>>(
    redis: &Redis,
    events: impl IntoIterator<Item = (Stream, T)>,
) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for (stream, body) in events {
        pipeline
            .cmd("XADD")
            .arg(stream.key())
            .arg("*")
            .arg("event")
            .arg(body.as_ref())
            .ignore();
    }
    // Redis has no answer to nothing.
    if pipeline.is_empty() {
        return Ok(());
    }
    pipeline.query_async::<()>(&mut redis.connection()).await
}
