//! Answers that are being made: found and cancelled from any replica.
//!
//! A replica holds the cancellation of its own answers. A client that reaches another one is heard on a
//! channel of Redis. That an answer is alive is a key that ends with its process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::cache::Redis;
use common::service::Context;
use common::telemetry::Chain;
use common::{BoxError, idempotency};
use futures_util::StreamExt;
use http::HeaderMap;
use redis::RedisResult;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::events::{Numbered, Sink};
use super::kept;

/// Where cancellations are told.
const CHANNEL: &str = "assistant:cancellations";
/// A sign of life lasts so long; it is renewed in a third of that.
const ALIVE: Duration = Duration::from_secs(15);
/// Readers of kept events, each of which takes a connection to Redis.
const MAX_READERS: usize = 500;
/// The wait before a lost subscription is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// An answer of a user. Another's is another name, so nobody reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AnswerName {
    pub(crate) user: Uuid,
    pub(crate) message: Uuid,
}

impl fmt::Display for AnswerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.user, self.message)
    }
}

impl AnswerName {
    /// The opposite of `Display`; `None` for what a later release says.
    fn parse(text: &str) -> Option<Self> {
        let (user, message) = text.split_once(':')?;
        Some(Self {
            user: user.parse().ok()?,
            message: message.parse().ok()?,
        })
    }

    fn alive_key(self) -> String {
        format!("assistant:answer:{self}:alive")
    }
}

/// Holds the id of the answer that is made in a conversation; lasts as its sign of life does.
fn answering_key(user: Uuid, conversation: Uuid) -> String {
    format!("assistant:answering:{user}:{conversation}")
}

/// The text of an idempotency key, by which a repeated request finds the answer in the making.
#[derive(Debug, Clone)]
pub(crate) struct RepeatKey(String);

impl RepeatKey {
    /// `None` when the request has no key.
    pub(crate) fn read(headers: &HeaderMap, user: Uuid) -> Option<Self> {
        let text = idempotency::text(headers).ok().flatten()?;
        let hash = Sha256::digest(text.as_bytes());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self(format!("assistant:answer-of-key:{user}:{hex}")))
    }
}

/// How an answer is made that begins.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) conversation: Uuid,
    /// It goes on without the client, and its events are kept.
    pub(crate) resumable: bool,
    pub(crate) repeat: Option<RepeatKey>,
}

/// The answers in the making. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    redis: Redis,
    here: Arc<Mutex<HashMap<AnswerName, CancellationToken>>>,
    readers: Arc<Semaphore>,
}

/// An answer that has begun. It has ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    name: AnswerName,
    running: Running,
    pub(crate) cancel: CancellationToken,
    /// Its events can be read again.
    pub(crate) is_kept: bool,
    events: Option<mpsc::UnboundedSender<Numbered>>,
    /// Closing it tells the keeper of the end.
    _alive: mpsc::UnboundedSender<Numbered>,
}

impl Begun {
    /// Has the events kept, if they are to be.
    pub(crate) fn keeping(&self, sink: Sink) -> Sink {
        match &self.events {
            Some(events) => sink.keeping(events.clone()),
            None => sink,
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.running.lock().remove(&self.name);
    }
}

impl Running {
    pub(crate) fn new(redis: Redis) -> Self {
        Self {
            redis,
            here: Arc::default(),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AnswerName, CancellationToken>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer begins here.
    pub(crate) async fn begin(&self, context: &Context, name: AnswerName, manner: Manner) -> Begun {
        let cancel = CancellationToken::new();
        self.lock().insert(name, cancel.clone());
        let (sender, receiver) = mpsc::unbounded_channel();
        let keep = manner.resumable || manner.repeat.is_some();
        // Only whoever is promised events waits for Redis.
        let answering = answering_key(name.user, manner.conversation);
        let is_kept = keep && self.live(name, &answering, manner.repeat.as_ref()).await.is_ok();
        let running = self.clone();
        context.spawn_transient(async move {
            running.keep(name, &answering, receiver, is_kept).await;
        });
        Begun {
            name,
            running: self.clone(),
            cancel,
            is_kept,
            events: is_kept.then(|| sender.clone()),
            _alive: sender,
        }
    }

    /// Keeps the events and the sign of life, to the end of the answer.
    async fn keep(
        &self,
        name: AnswerName,
        answering: &str,
        mut receiver: mpsc::UnboundedReceiver<Numbered>,
        is_kept: bool,
    ) {
        let mut beat = tokio::time::interval(ALIVE / 3);
        let mut keeper = kept::Keeper::new(self.redis.clone(), name);
        let mut events = Vec::new();
        if is_kept {
            beat.reset();
        }
        loop {
            tokio::select! {
                biased;
                count = receiver.recv_many(&mut events, 256) => {
                    if count == 0 {
                        break;
                    }
                    keeper.keep(&events).await;
                    events.clear();
                }
                _ = beat.tick() => {
                    // Without Redis nobody elsewhere asks for it.
                    let _ = self.live(name, answering, None).await;
                }
            }
        }
        let ended: RedisResult<()> = redis::cmd("DEL")
            .arg(name.alive_key())
            .arg(answering)
            .query_async(&mut self.redis.connection())
            .await;
        // It ends by itself.
        drop(ended);
    }

    async fn live(&self, name: AnswerName, answering: &str, repeat: Option<&RepeatKey>) -> RedisResult<()> {
        let message = name.message.to_string();
        let mut pipeline = redis::pipe();
        pipeline
            .set_ex(name.alive_key(), 1, ALIVE.as_secs())
            .ignore()
            .set_ex(answering, &message, ALIVE.as_secs())
            .ignore();
        if let Some(RepeatKey(key)) = repeat {
            pipeline.set_ex(key, &message, kept::KEPT_FOR.as_secs()).ignore();
        }
        pipeline.query_async(&mut self.redis.connection()).await
    }

    /// True while a process makes this answer.
    pub(crate) async fn is_alive(&self, name: AnswerName) -> RedisResult<bool> {
        if self.lock().contains_key(&name) {
            return Ok(true);
        }
        redis::cmd("EXISTS")
            .arg(name.alive_key())
            .query_async(&mut self.redis.connection())
            .await
    }

    /// The answer that an earlier request with this key began.
    pub(crate) async fn of_key(&self, user: Uuid, RepeatKey(key): &RepeatKey) -> Option<AnswerName> {
        self.named(user, key).await
    }

    /// The answer that is being made in a conversation, as far as Redis tells.
    pub(crate) async fn in_conversation(&self, user: Uuid, conversation: Uuid) -> Option<AnswerName> {
        self.named(user, &answering_key(user, conversation)).await
    }

    async fn named(&self, user: Uuid, key: &str) -> Option<AnswerName> {
        let message: Option<String> = redis::cmd("GET")
            .arg(key)
            .query_async(&mut self.redis.connection())
            .await
            .ok()?;
        let message = message?.parse().ok()?;
        Some(AnswerName { user, message })
    }

    /// Room for one who reads kept events; `None` when too many do.
    pub(crate) fn reader(&self) -> Option<OwnedSemaphorePermit> {
        self.readers.clone().try_acquire_owned().ok()
    }

    /// What is kept of the events of an answer.
    pub(crate) fn kept(&self, name: AnswerName) -> kept::Kept {
        kept::Kept::new(self.redis.clone(), name)
    }

    /// Cancels an answer, wherever it is made; false when nobody makes it.
    pub(crate) async fn cancel(&self, name: AnswerName) -> RedisResult<bool> {
        if self.cancel_here(name) {
            return Ok(true);
        }
        // Told before it is looked for: the sign of life of an answer that has just begun may be on
        // its way.
        let (alive,): (bool,) = redis::pipe()
            .publish(CHANNEL, name.to_string())
            .ignore()
            .exists(name.alive_key())
            .query_async(&mut self.redis.connection())
            .await?;
        Ok(alive)
    }

    fn cancel_here(&self, name: AnswerName) -> bool {
        let cancel = self.lock().get(&name).cloned();
        if let Some(cancel) = &cancel {
            cancel.cancel();
        }
        cancel.is_some()
    }

    /// Hears of cancellations until `shutdown`. Run it as a background task.
    pub(crate) async fn listen(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = self.listen_once() => heard,
            };
            if let Err(error) = heard {
                tracing::warn!(error = %Chain(error.as_ref()), "cancellations of answers cannot be heard; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn listen_once(&self) -> Result<(), BoxError> {
        let mut channel = self.redis.subscribe(CHANNEL).await?;
        let mut messages = channel.on_message();
        while let Some(message) = messages.next().await {
            let text: String = message.get_payload()?;
            if let Some(name) = AnswerName::parse(&text) {
                self.cancel_here(name);
            }
        }
        Err("the subscription ended".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = AnswerName {
            user: Uuid::from_u128(1),
            message: Uuid::from_u128(2),
        };
        assert_eq!(AnswerName::parse(&name.to_string()), Some(name));
        assert_eq!(AnswerName::parse("later: something else"), None);
    }
}
