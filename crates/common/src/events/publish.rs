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
    if events.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::pipe();
    for (stream, event) in events {
        let body = serde_json::to_string(event).unwrap_or_default();
        pipeline
            .cmd("XADD")
            .arg(stream.key())
            .arg("*")
            .arg("event")
            .arg(body)
            .ignore();
    }
    pipeline.query_async::<()>(&mut redis.connection()).await
}
