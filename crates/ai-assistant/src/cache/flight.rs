//! The cache itself; what many ask for at once is made once.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use common::cache::Redis;
use common::ids;
use common::service::Context;
use common::telemetry::Chain;
use redis::{RedisResult, Script};

use super::Key;
use crate::metrics;

/// Bytes of an entry.
const LARGEST: usize = 1024 * 1024;
/// How long others wait for the one who makes an entry.
const PATIENCE: Duration = Duration::from_secs(30);
/// After that long without a word, whoever makes it is taken for dead.
const ABANDONED: Duration = Duration::from_secs(60);
/// Between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// The cache. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    redis: Redis,
    context: Context,
    /// How long answers are kept; zero: not at all.
    pub(crate) answers: Duration,
    /// The same of results of tools.
    pub(crate) tools: Duration,
}

/// Where a request stands with an entry.
#[derive(Debug)]
pub(crate) enum Seat {
    /// It is there.
    Found(Vec<u8>),
    /// It is to be made, by this request.
    Ours(Box<Flight>),
    /// The cache is no help.
    Alone,
}

/// An entry that is being made. Dropped without [`land`](Self::land), it is for others to make.
#[derive(Debug)]
pub(crate) struct Flight {
    cache: Cache,
    name: String,
    token: String,
    landed: bool,
}

impl Cache {
    pub(crate) fn new(redis: Redis, context: Context, answers: Duration, tools: Duration) -> Self {
        Self {
            redis,
            context,
            answers,
            tools,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }

    /// Finds an entry, waits for whoever makes it, or has it made by the caller.
    pub(crate) async fn seat(&self, key: &Key) -> Seat {
        let kind = key.kind();
        match self.look(key).await {
            Ok(seat) => {
                metrics::cache_asked(
                    kind,
                    match &seat {
                        Seat::Found(_) => "hit",
                        Seat::Ours(_) | Seat::Alone => "miss",
                    },
                );
                seat
            }
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "the cache does not answer");
                metrics::cache_asked(kind, "unavailable");
                Seat::Alone
            }
        }
    }

    async fn look(&self, key: &Key) -> RedisResult<Seat> {
        let name = key.name();
        let token = ids::new_id().to_string();
        // The entry, or nothing once the flight is ours, or 0 while it is another's.
        let script = Script::new(
            "local found = redis.call('GET', KEYS[1]) \
             if found then return found end \
             if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end \
             return 0",
        );
        let mut connection = self.redis.connection();
        let (began, mut pause) = (Instant::now(), FIRST_LOOK);
        loop {
            let answer: redis::Value = script
                .key(&name)
                .key(flight_of(&name))
                .arg(&token)
                .arg(millis(ABANDONED))
                .invoke_async(&mut connection)
                .await?;
            match answer {
                redis::Value::BulkString(found) => return Ok(Seat::Found(found)),
                redis::Value::Nil => {
                    return Ok(Seat::Ours(Box::new(Flight {
                        cache: self.clone(),
                        name,
                        token,
                        landed: false,
                    })));
                }
                _ if began.elapsed() >= PATIENCE => return Ok(Seat::Alone),
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }
}

impl Flight {
    /// Keeps the entry for everybody.
    pub(crate) async fn land(mut self, value: &[u8], keep: Duration) {
        if value.len() > LARGEST {
            return;
        }
        self.landed = true;
        let script = Script::new(
            "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
             if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end",
        );
        let mut connection = self.cache.redis.connection();
        let kept: RedisResult<()> = script
            .key(&self.name)
            .key(flight_of(&self.name))
            .arg(&self.token)
            .arg(value)
            .arg(millis(keep))
            .invoke_async(&mut connection)
            .await;
        if let Err(error) = kept {
            tracing::debug!(error = %Chain(&error), "the cache could not be written to");
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.landed {
            return;
        }
        let (name, token) = (std::mem::take(&mut self.name), std::mem::take(&mut self.token));
        let mut connection = self.cache.redis.connection();
        self.cache.context.spawn_transient(async move {
            let script =
                Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end");
            let _: RedisResult<()> = script
                .key(flight_of(&name))
                .arg(token)
                .invoke_async(&mut connection)
                .await;
        });
    }
}

/// Who makes an entry.
fn flight_of(name: &str) -> String {
    format!("{name}:flight")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
