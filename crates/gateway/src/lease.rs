//! Requests taken from Redis in advance, so that most of them wait for nobody.
//!
//! A gateway that is asked often by the same user takes leave for several requests at once, by how often
//! that user asks, and renews it before it is used up. All leave comes out of the one quota in Redis
//! before it is used, so several gateways together never let more through than the quota; what a gateway
//! holds and does not use is given back. Quotas that are small, and those where one request too many
//! counts (logging in, questions to a model), are asked for one by one.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::cache::Redis;
use redis::{RedisResult, Script};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

use crate::limit::{Cell, Class, Subject, Verdict, interval, verdict};
use crate::metrics;

/// A lease should last so long at the rate of its user.
const LASTS: Duration = Duration::from_secs(20);
/// After that what is left of it is given back.
const HELD: Duration = Duration::from_secs(30);
/// One gateway holds at most this part of a quota.
const SHARE: u32 = 8;
/// How long one request's answer from Redis is waited for by others of the same user.
const ASKING: u64 = 1_000_000;
/// Renewals gather for so long.
const LINGER: Duration = Duration::from_millis(50);
/// Keys in one call.
const BATCH: usize = 256;
/// Between two looks for leases that nobody uses.
const SWEEP: Duration = Duration::from_secs(5);
/// What nobody has asked for so long is forgotten, in microseconds.
const FORGOTTEN: u64 = 60_000_000;
const SHARDS: usize = 64;
/// Subjects of a shard; more are asked for one by one.
const MOST: usize = 2000;

/// For each key: interval, whole quota, and how many requests are wanted; fewer than zero are given back.
///
/// Redis's own clock is used, so that gateways whose clocks differ agree. The theoretical arrival time is
/// written as a whole number explicitly: microseconds since 1970 have 16 digits, and Lua's own `tostring`
/// keeps 14.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i = 1, #KEYS do
  local interval, burst, wanted = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local tat = math.max(tonumber(redis.call('GET', KEYS[i])) or now, now)
  local capacity = interval * burst
  local granted = math.min(wanted, math.floor((capacity - (tat - now)) / interval))
  if wanted > 0 then granted = math.max(granted, 0) end
  local retry = 0
  if granted ~= 0 then
    tat = math.max(tat + granted * interval, now)
    redis.call('SET', KEYS[i], string.format('%.0f', tat), 'PX', math.max(math.ceil((tat - now) / 1000), 1))
  else
    retry = tat + interval - now - capacity
  end
  answer[4 * i - 3] = granted
  answer[4 * i - 2] = math.floor((capacity - (tat - now)) / interval)
  answer[4 * i - 1] = tat - now
  answer[4 * i] = retry
end
return answer
";

type Key = (Class, Subject);

/// The leases of this gateway.
pub(crate) struct Leases {
    redis: Redis,
    script: Script,
    started: Instant,
    hasher: RandomState,
    shards: Box<[Mutex<HashMap<Key, Held>>]>,
    renew: UnboundedSender<Renewal>,
    renewals: Mutex<Option<UnboundedReceiver<Renewal>>>,
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").finish_non_exhaustive()
    }
}

/// What is held for one subject. Times are microseconds since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Requests that may pass without asking.
    units: u32,
    /// What the last lease was, and the quota that it is a part of.
    size: u32,
    limit: u32,
    /// When the subject asked last.
    touched: u64,
    /// Requests that Redis still had after it.
    remaining: u64,
    /// When the whole quota is there again.
    full_at: u64,
    /// When the last lease was taken.
    since: u64,
    /// Requests since then.
    used: u32,
    /// Somebody asks for a lease; until then others ask for themselves only.
    asking_until: u64,
    /// A renewal is on its way. Who has to wait meanwhile does not wait for that one.
    renewing_until: u64,
    /// Redis has nothing until then.
    denied_until: u64,
}

/// A question to Redis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    class: Class,
    subject: Subject,
    limit: u32,
    wanted: u32,
}

#[derive(Debug, Clone, Copy)]
struct Renewal {
    key: Key,
    limit: u32,
    /// Fewer than zero are given back.
    wanted: i64,
}

/// What is known without Redis.
#[derive(Debug)]
pub(crate) enum Taken {
    Decided(Verdict),
    Ask(Asking),
}

impl Leases {
    pub(crate) fn new(redis: Redis) -> Self {
        let (renew, renewals) = mpsc::unbounded_channel();
        Self {
            redis,
            script: Script::new(SCRIPT),
            started: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            renew,
            renewals: Mutex::new(Some(renewals)),
        }
    }

    /// Decides by what is held, if that can be.
    pub(crate) fn take(&self, class: Class, subject: Subject, limit: u32) -> Taken {
        let now = self.now();
        let mut shard = self.shard(&(class, subject));
        let full = shard.len() >= MOST;
        let Some(held) = shard.get_mut(&(class, subject)) else {
            if !full {
                let held = Held {
                    touched: now,
                    ..Held::default()
                };
                shard.insert((class, subject), held);
            }
            return Taken::Ask(Asking {
                class,
                subject,
                limit,
                wanted: 1,
            });
        };
        held.touched = now;
        if held.units > 0 {
            held.units -= 1;
            held.used += 1;
            if held.units < held.size / 4 && held.renewing_until <= now {
                let wanted = i64::from(size(class, limit, held, now));
                held.renewing_until = now + ASKING;
                // Fails only at the end of the service.
                let _ = self.renew.send(Renewal {
                    key: (class, subject),
                    limit,
                    wanted,
                });
            }
            return Taken::Decided(held.pass(class, limit, now));
        }
        if held.denied_until > now {
            let cell = Cell {
                remaining: 0,
                reset: held.full_at.saturating_sub(now),
                retry_after: held.denied_until - now,
            };
            return Taken::Decided(verdict(class, limit, false, &cell));
        }
        held.used += 1;
        let wanted = if held.asking_until > now {
            1
        } else {
            size(class, limit, held, now)
        };
        if wanted > 1 {
            held.asking_until = now + ASKING;
        }
        Taken::Ask(Asking {
            class,
            subject,
            limit,
            wanted,
        })
    }

    /// Asks Redis.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(crate) async fn ask(&self, asking: Asking) -> RedisResult<Verdict> {
        let Asking {
            class,
            subject,
            limit,
            wanted,
        } = asking;
        let key = (class, subject);
        let renewal = Renewal {
            key,
            limit,
            wanted: wanted.into(),
        };
        let answers = self.call(&[renewal]).await?;
        let (granted, cell) = answers.first().copied().unwrap_or((0, EMPTY));
        let now = self.now();
        let mut shard = self.shard(&key);
        let mut unknown = Held::default();
        let held = shard.get_mut(&key).unwrap_or(&mut unknown);
        if wanted > 1 {
            held.asking_until = 0;
        }
        if granted > 0 {
            held.add(granted, limit, &cell, now);
        } else {
            held.full_at = now + cell.reset;
            held.remaining = 0;
            // What others hold for the same user meanwhile counts too.
            if held.units == 0 {
                held.denied_until = now + cell.retry_after;
                return Ok(verdict(class, limit, false, &cell));
            }
        }
        held.units -= 1;
        Ok(held.pass(class, limit, now))
    }

    /// Renews and gives back until `shutdown`, and then gives back everything.
    pub(crate) async fn keep(self: Arc<Self>, shutdown: CancellationToken) {
        let renewals = self
            .renewals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut renewals) = renewals else { return };
        let mut sweep = tokio::time::interval(SWEEP);
        let mut batch: Vec<Renewal> = Vec::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = sweep.tick() => batch.extend(self.sweep(false)),
                renewal = renewals.recv() => batch.extend(renewal),
            }
            if !batch.is_empty() {
                tokio::time::sleep(LINGER).await;
            }
            while let Ok(renewal) = renewals.try_recv() {
                batch.push(renewal);
            }
            self.settle(&mut batch).await;
        }
        batch.extend(self.sweep(true));
        self.settle(&mut batch).await;
    }

    async fn settle(&self, batch: &mut Vec<Renewal>) {
        while !batch.is_empty() {
            let part: Vec<Renewal> = batch.drain(..batch.len().min(BATCH)).collect();
            // Without Redis the leases run out, and requests find out for themselves.
            let Ok(answers) = self.call(&part).await else {
                continue;
            };
            let now = self.now();
            for (renewal, (granted, cell)) in part.iter().zip(answers) {
                if renewal.wanted > 0
                    && let Some(held) = self.shard(&renewal.key).get_mut(&renewal.key)
                {
                    held.renewing_until = 0;
                    if granted > 0 {
                        held.add(granted, renewal.limit, &cell, now);
                    }
                }
            }
        }
    }

    /// Takes unused leases away; all of them at the `end`.
    fn sweep(&self, end: bool) -> Vec<Renewal> {
        let now = self.now();
        let held_for = micros(HELD);
        let mut back = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, held) in shard.iter_mut() {
                if held.units > 0 && (end || now > held.since + held_for) {
                    back.push(Renewal {
                        key: *key,
                        limit: held.limit.max(1),
                        wanted: -i64::from(held.units),
                    });
                    held.units = 0;
                }
            }
            shard.retain(|_, held| {
                held.units > 0 || held.denied_until > now || now < held.touched + FORGOTTEN
            });
        }
        back
    }

    async fn call(&self, renewals: &[Renewal]) -> RedisResult<Vec<(u32, Cell)>> {
        let mut call = self.script.prepare_invoke();
        for renewal in renewals {
            let (class, subject) = renewal.key;
            call.key(format!("rate:{}:{subject}", class.name()));
            call.arg(interval(renewal.limit))
                .arg(renewal.limit)
                .arg(renewal.wanted);
        }
        metrics::rate_limit_asked();
        let mut connection = self.redis.connection();
        let numbers: Vec<i64> = call.invoke_async(&mut connection).await?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let answers = numbers.chunks_exact(4).map(|answer| {
            let cell = Cell {
                remaining: number(answer[1]),
                reset: number(answer[2]),
                retry_after: number(answer[3]),
            };
            (u32::try_from(answer[0]).unwrap_or(0), cell)
        });
        Ok(answers.collect())
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Held>> {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

const EMPTY: Cell = Cell {
    remaining: 0,
    reset: 0,
    retry_after: 1_000_000,
};

impl Held {
    fn add(&mut self, granted: u32, limit: u32, cell: &Cell, now: u64) {
        self.units += granted;
        self.size = granted;
        self.limit = limit;
        self.remaining = cell.remaining;
        self.full_at = now + cell.reset;
        self.since = now.max(1);
        self.used = 0;
        self.denied_until = 0;
    }

    fn pass(&self, class: Class, limit: u32, now: u64) -> Verdict {
        let cell = Cell {
            remaining: (self.remaining + u64::from(self.units)).min(limit.into()),
            reset: self.full_at.saturating_sub(now),
            retry_after: 0,
        };
        verdict(class, limit, true, &cell)
    }
}

/// How much to ask for: by how often the subject has asked since the last time.
fn size(class: Class, limit: u32, held: &Held, now: u64) -> u32 {
    let most = match class {
        Class::User => limit / SHARE,
        Class::Anonymous | Class::Address | Class::Chat => 1,
    };
    if most < 2 || held.since == 0 {
        return 1;
    }
    // A few requests at once are not a rate yet.
    let passed = (now - held.since).max(250_000);
    let wanted = u64::from(held.used) * micros(LASTS) / passed;
    u32::try_from(wanted).unwrap_or(u32::MAX).clamp(1, most)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts that a Redis has run.
    async fn scripts(redis: &Redis) -> u64 {
        let mut connection = redis.connection();
        let info: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut connection)
            .await
            .unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.and_then(|line| line.split(',').next()?.parse().ok())
            .unwrap_or(0)
    }

    async fn check(leases: &Leases, class: Class, subject: Subject, limit: u32) -> Verdict {
        match leases.take(class, subject, limit) {
            Taken::Decided(verdict) => verdict,
            Taken::Ask(asking) => leases.ask(asking).await.unwrap(),
        }
    }

    #[tokio::test]
    async fn three_gateways_together_let_a_quota_through_and_ask_seldom() {
        const LIMIT: u32 = 800;
        let server = common::testing::redis().await;
        let gateways: Vec<Arc<Leases>> = (0..3).map(|_| Arc::new(Leases::new(server.connect()))).collect();
        let shutdown = CancellationToken::new();
        let keepers = gateways
            .iter()
            .map(|leases| leases.clone().keep(shutdown.clone()));
        let keeping = futures_util::future::join_all(keepers);
        let subject = Subject::User(common::ids::new_id());
        let started = Instant::now();
        let asking = async {
            let mut allowed = 0_u32;
            for turn in 0..3000 {
                let verdict = check(&gateways[turn % 3], Class::User, subject, LIMIT).await;
                allowed += u32::from(verdict.allowed);
                assert!(verdict.allowed || !verdict.retry_after.is_zero());
            }
            // What refills meanwhile may pass too.
            let refilled = started.elapsed().as_secs_f64() * f64::from(LIMIT) / 60.0;
            let most = f64::from(LIMIT) + refilled.ceil();
            assert!(
                allowed >= LIMIT && f64::from(allowed) <= most,
                "{allowed} of {most}"
            );
            let scripts = scripts(&server.connect()).await;
            assert!(scripts <= 100, "{scripts} scripts for 3000 requests");
            shutdown.cancel();
        };
        futures_util::future::join(keeping, asking).await;
    }

    #[tokio::test]
    async fn what_is_not_used_is_given_back_at_the_end() {
        let server = common::testing::redis().await;
        let leases = Arc::new(Leases::new(server.connect()));
        let subject = Subject::User(common::ids::new_id());
        for _ in 0..3 {
            assert!(check(&leases, Class::User, subject, 800).await.allowed);
        }
        let other = Leases::new(server.connect());
        let taken = check(&other, Class::User, subject, 800).await.remaining;
        assert!(taken < 760, "the first holds a lease: {taken}");
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        leases.keep(shutdown).await;
        let given_back = Leases::new(server.connect());
        let free = check(&given_back, Class::User, subject, 800).await.remaining;
        assert!(free > 790, "{free}");
    }

    #[tokio::test]
    async fn a_login_is_asked_for_each_time() {
        let server = common::testing::redis().await;
        let leases = Leases::new(server.connect());
        let subject = Subject::address([192, 0, 2, 1].into());
        for _ in 0..50 {
            assert!(check(&leases, Class::Anonymous, subject, 800).await.allowed);
        }
        assert!(scripts(&server.connect()).await >= 50);
    }
}
