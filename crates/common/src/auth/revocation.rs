//! Sessions that ended before their tokens did.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use redis::AsyncCommands;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::BoxError;
use crate::cache::Redis;
use crate::clock::Clock;
use crate::telemetry::Chain;

/// Sorted set: member = session id, score = when its last token ends, seconds since 1970.
pub const REVOKED_SESSIONS_KEY: &str = "auth:revoked_sessions";
/// Channel on which `<session id> <seconds>` is published at each revocation.
pub const REVOCATION_CHANNEL: &str = "auth:revocations";

/// How often the whole set is read again, in case a message was lost.
const RELOAD_EVERY: Duration = Duration::from_secs(15);

/// The revoked sessions as this process knows them: loaded at the start, told of new ones within
/// milliseconds by Redis, and read again regularly. While Redis is down the known ones stay
/// revoked; tokens live 15 minutes at most.
#[derive(Debug, Clone, Default)]
pub struct Revocations(Arc<RwLock<HashMap<Uuid, DateTime<Utc>>>>);

impl Revocations {
    /// Nothing revoked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True when tokens of the session must not be accepted any more.
    #[must_use]
    pub fn contains(&self, session: Uuid) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&session)
    }

    /// Revokes a session in this process only; `until` is when its last token ends.
    pub fn insert(&self, session: Uuid, until: DateTime<Utc>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, until);
    }

    /// Revokes a session for all processes.
    ///
    /// # Errors
    /// When Redis does not answer; the session is revoked in this process all the same.
    pub async fn publish(
        &self,
        redis: &Redis,
        session: Uuid,
        until: DateTime<Utc>,
    ) -> redis::RedisResult<()> {
        self.insert(session, until);
        let mut connection = redis.connection();
        redis::pipe()
            .atomic()
            .zadd(REVOKED_SESSIONS_KEY, session.to_string(), until.timestamp())
            .ignore()
            .publish(REVOCATION_CHANNEL, format!("{session} {}", until.timestamp()))
            .ignore()
            .query_async::<()>(&mut connection)
            .await
    }

    /// Keeps the set up to date until `shutdown`. Run it as a background task.
    pub async fn follow(self, redis: Redis, clock: Clock, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let followed = tokio::select! {
                () = shutdown.cancelled() => return,
                followed = self.follow_once(&redis, &clock) => followed,
            };
            if let Err(error) = followed {
                tracing::warn!(error = %Chain(error.as_ref()), "revoked sessions cannot be followed; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn follow_once(&self, redis: &Redis, clock: &Clock) -> Result<(), BoxError> {
        // Subscribed before loading, so that nothing falls between the two.
        let mut channel = redis.subscribe(REVOCATION_CHANNEL).await?;
        let mut messages = channel.on_message();
        self.load(redis, clock).await?;
        let mut reload = tokio::time::interval(RELOAD_EVERY);
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return Err("the subscription ended".into()) };
                    let text: String = message.get_payload()?;
                    if let Some((session, until)) = parse(&text) {
                        self.insert(session, until);
                    }
                }
                _ = reload.tick() => self.load(redis, clock).await?,
            }
        }
    }

    async fn load(&self, redis: &Redis, clock: &Clock) -> Result<(), BoxError> {
        let now = clock.now();
        let mut connection = redis.connection();
        let _: () = connection
            .zrembyscore(REVOKED_SESSIONS_KEY, "-inf", now.timestamp() - 60)
            .await?;
        let revoked: Vec<(String, i64)> = connection.zrange_withscores(REVOKED_SESSIONS_KEY, 0, -1).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now - chrono::Duration::seconds(60));
        for (session, until) in revoked {
            if let (Ok(session), Some(until)) = (session.parse(), DateTime::from_timestamp(until, 0)) {
                known.insert(session, until);
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Option<(Uuid, DateTime<Utc>)> {
    let (session, until) = text.split_once(' ')?;
    Some((
        session.parse().ok()?,
        DateTime::from_timestamp(until.parse().ok()?, 0)?,
    ))
}
