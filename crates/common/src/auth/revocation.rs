//! What ends tokens before their time: the end of their session, and a change of the user's rights.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
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
/// Sorted set: member = `<user id> <version>`, score = when the last token of an earlier version
/// ends, seconds since 1970.
pub const RIGHTS_VERSIONS_KEY: &str = "auth:rights_versions";
/// Channel on which `<session id> <seconds>` is published at each revocation, and
/// `rights <user id> <version> <seconds>` at each change of rights.
pub const REVOCATION_CHANNEL: &str = "auth:revocations";

/// How often the whole set is read again, in case a message was lost.
const RELOAD_EVERY: Duration = Duration::from_secs(15);

/// The revoked sessions as this process knows them: loaded at the start, told of new ones within
/// milliseconds by Redis, and read again regularly. While Redis is down the known ones stay
/// revoked; tokens live 15 minutes at most.
#[derive(Debug, Clone, Default)]
pub struct Revocations(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<Uuid, DateTime<Utc>>,
    rights: HashMap<Uuid, Rights>,
}

/// The least version of a user's rights that tokens must have.
#[derive(Debug, Clone, Copy)]
struct Rights {
    version: i64,
    until: DateTime<Utc>,
}

impl Known {
    fn raise(&mut self, user: Uuid, version: i64, until: DateTime<Utc>) {
        let rights = self.rights.entry(user).or_insert(Rights { version, until });
        // Messages may come in another order than the changes.
        rights.version = rights.version.max(version);
        rights.until = rights.until.max(until);
    }
}

impl Revocations {
    /// Nothing revoked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True when tokens of the session must not be accepted any more.
    #[must_use]
    pub fn contains(&self, session: Uuid) -> bool {
        self.read().sessions.contains_key(&session)
    }

    /// True when the user's rights have changed since a token of that version was made.
    #[must_use]
    pub fn outdated(&self, user: Uuid, version: i64) -> bool {
        self.read()
            .rights
            .get(&user)
            .is_some_and(|rights| version < rights.version)
    }

    /// Revokes a session in this process only; `until` is when its last token ends.
    pub fn insert(&self, session: Uuid, until: DateTime<Utc>) {
        self.write().sessions.insert(session, until);
    }

    /// Refuses tokens of earlier versions of a user's rights in this process only; `until` is when
    /// the last of them ends.
    pub fn insert_rights(&self, user: Uuid, version: i64, until: DateTime<Utc>) {
        self.write().raise(user, version, until);
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

    /// Refuses tokens of earlier versions of a user's rights in all processes.
    ///
    /// # Errors
    /// When Redis does not answer; this process refuses them all the same.
    pub async fn publish_rights(
        &self,
        redis: &Redis,
        user: Uuid,
        version: i64,
        until: DateTime<Utc>,
    ) -> redis::RedisResult<()> {
        self.insert_rights(user, version, until);
        let seconds = until.timestamp();
        let mut connection = redis.connection();
        redis::pipe()
            .atomic()
            .zadd(RIGHTS_VERSIONS_KEY, format!("{user} {version}"), seconds)
            .ignore()
            .publish(REVOCATION_CHANNEL, format!("rights {user} {version} {seconds}"))
            .ignore()
            .query_async::<()>(&mut connection)
            .await
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
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
                    match Message::parse(&text) {
                        Some(Message::Session(session, until)) => self.insert(session, until),
                        Some(Message::Rights(user, version, until)) => self.insert_rights(user, version, until),
                        None => {}
                    }
                }
                _ = reload.tick() => self.load(redis, clock).await?,
            }
        }
    }

    async fn load(&self, redis: &Redis, clock: &Clock) -> Result<(), BoxError> {
        let now = clock.now();
        let mut connection = redis.connection();
        for key in [REVOKED_SESSIONS_KEY, RIGHTS_VERSIONS_KEY] {
            let _: () = connection.zrembyscore(key, "-inf", now.timestamp() - 60).await?;
        }
        let sessions: Vec<(String, i64)> = connection.zrange_withscores(REVOKED_SESSIONS_KEY, 0, -1).await?;
        let rights: Vec<(String, i64)> = connection.zrange_withscores(RIGHTS_VERSIONS_KEY, 0, -1).await?;
        let mut known = self.write();
        let alive = now - chrono::Duration::seconds(60);
        known.sessions.retain(|_, until| *until > alive);
        known.rights.retain(|_, rights| rights.until > alive);
        for (session, until) in sessions {
            if let (Ok(session), Some(until)) = (session.parse(), DateTime::from_timestamp(until, 0)) {
                known.sessions.insert(session, until);
            }
        }
        for (member, until) in rights {
            if let (Some((user, version)), Some(until)) =
                (user_and_version(&member), DateTime::from_timestamp(until, 0))
            {
                known.raise(user, version, until);
            }
        }
        Ok(())
    }
}

/// What is said on the channel.
enum Message {
    Session(Uuid, DateTime<Utc>),
    Rights(Uuid, i64, DateTime<Utc>),
}

impl Message {
    /// `None` for what a later version says.
    fn parse(text: &str) -> Option<Self> {
        let (what, seconds) = text.rsplit_once(' ')?;
        let until = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
        if let Some(rights) = what.strip_prefix("rights ") {
            let (user, version) = user_and_version(rights)?;
            return Some(Self::Rights(user, version, until));
        }
        Some(Self::Session(what.parse().ok()?, until))
    }
}

fn user_and_version(text: &str) -> Option<(Uuid, i64)> {
    let (user, version) = text.split_once(' ')?;
    Some((user.parse().ok()?, version.parse().ok()?))
}
