//! Answers kept for the next who asks: in Redis for all gateways, and the latest of them here.
//!
//! What is kept under one route for one session is one hash in Redis, so that a change by that session
//! takes all of it away at once. A copy here is believed for a second; after that Redis is asked whether it
//! is still there. While Redis is away copies live on until their end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::cache::Redis;
use common::telemetry::Chain;
use http::{HeaderMap, HeaderName, HeaderValue};
use redis::RedisResult;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::recent::Recent;

/// Bytes of an answer that is kept.
pub(crate) const MOST_BYTES: u64 = 1024 * 1024;
/// Bytes of an answer that is kept here too.
const SMALL_BYTES: usize = 64 * 1024;
/// Answers here; twice as many at most.
const CAPACITY: usize = 256;
/// Answers under one route for one session.
const MOST_OF_SESSION: u64 = 200;
/// A copy here is shown for so long without asking Redis.
const TRUST: Duration = Duration::from_secs(1);
/// After a failure of Redis nobody waits for it again for so long.
const REST: Duration = Duration::from_secs(1);

type Hash = [u8; 32];

/// What an answer is kept under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// The name of the route.
    label: &'static str,
    /// The route and the session, or all.
    group: Hash,
    /// The address and what else the answer depends on, with the group.
    one: Hash,
}

impl Name {
    /// `group` is the same for what one change takes away; `one` tells the answers of a group apart.
    pub(crate) fn new(label: &'static str, group: &[&[u8]], one: &[&[u8]]) -> Self {
        let group = hash(label.as_bytes(), group);
        Self {
            label,
            group,
            one: hash(&group, one),
        }
    }
}

/// Each part with its length: two lists of parts are never one text.
fn hash(before: &[u8], parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new_with_prefix(before);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A kept answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

/// All but the body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    /// When it came.
    pub(crate) at: DateTime<Utc>,
    /// Its age then, and how long from then on it is fresh and may be shown while another is fetched;
    /// seconds.
    pub(crate) age: u64,
    pub(crate) fresh: u64,
    pub(crate) stale: u64,
    headers: Vec<(String, String)>,
}

/// How an entry may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fresh,
    /// Another has to be fetched meanwhile.
    Stale,
    Ended,
}

impl Entry {
    /// `None` when a header is no text.
    pub(crate) fn new(
        at: DateTime<Utc>,
        (age, fresh, stale): (u64, u64, u64),
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<Self> {
        let headers = headers
            .iter()
            .map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect::<Option<_>>()?;
        let head = Head {
            at,
            age,
            fresh,
            stale,
            headers,
        };
        Some(Self { head, body })
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let fields = self.head.headers.iter();
        let mut headers = HeaderMap::with_capacity(self.head.headers.len() + 8);
        for (name, value) in fields {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        headers
    }

    /// Seconds since it came.
    fn passed(&self, now: DateTime<Utc>) -> u64 {
        u64::try_from((now - self.head.at).num_seconds()).unwrap_or(0)
    }

    /// Seconds since the service made it.
    pub(crate) fn age(&self, now: DateTime<Utc>) -> u64 {
        self.head.age + self.passed(now)
    }

    pub(crate) fn state(&self, now: DateTime<Utc>) -> State {
        let passed = self.passed(now);
        if passed < self.head.fresh {
            State::Fresh
        } else if passed < self.head.fresh + self.head.stale {
            State::Stale
        } else {
            State::Ended
        }
    }

    /// The head as a line of JSON, then the body.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// `None` for what another version has written.
    fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head = serde_json::from_slice(&bytes[..end]).ok()?;
        let body = Bytes::from(bytes).slice(end + 1..);
        Some(Self { head, body })
    }
}

#[derive(Debug)]
struct Copy {
    entry: Arc<Entry>,
    /// When Redis had it.
    seen: Instant,
    /// The changes of its group before it.
    changes: u64,
}

/// The answers.
#[derive(Debug)]
pub(crate) struct ResponseCache {
    redis: Redis,
    patience: Duration,
    copies: Mutex<Recent<Hash, Copy>>,
    /// How often each group was taken away.
    changes: Mutex<Recent<Hash, u64>>,
    /// Who is fetching what.
    flights: Mutex<HashMap<Hash, watch::Receiver<()>>>,
    /// How many fetches have ended.
    landed: AtomicU64,
    /// Routes under which something has been kept here: a few of them at most.
    labels: ArcSwap<Vec<&'static str>>,
    started: Instant,
    /// Milliseconds since `started` until which Redis is left alone.
    resting_until: AtomicU64,
}

/// Who fetches an answer. Dropped, it tells the others.
#[derive(Debug)]
pub(crate) struct Flight {
    cache: Arc<ResponseCache>,
    name: Name,
    /// The changes of the group when it began: what is fetched before a change is not kept after it.
    changes: u64,
    _ends: watch::Sender<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        lock(&self.cache.flights).remove(&self.name.one);
        self.cache.landed.fetch_add(1, Ordering::AcqRel);
    }
}

impl ResponseCache {
    /// `patience` is how long a request waits for Redis.
    pub(crate) fn new(redis: Redis, patience: Duration) -> Self {
        Self {
            redis,
            patience,
            copies: Mutex::new(Recent::new(CAPACITY)),
            changes: Mutex::new(Recent::new(CAPACITY)),
            flights: Mutex::default(),
            landed: AtomicU64::new(0),
            labels: ArcSwap::default(),
            started: Instant::now(),
            resting_until: AtomicU64::new(0),
        }
    }

    /// True when anything has been kept here under a route.
    pub(crate) fn is_used(&self, label: &str) -> bool {
        self.labels.load().contains(&label)
    }

    /// True when an answer of that name has been kept here, even if it has ended since.
    pub(crate) fn knows(&self, name: &Name) -> bool {
        self.is_used(name.label) && lock(&self.copies).get(&name.one).is_some()
    }

    /// The answer, if it can still be shown.
    pub(crate) async fn look(&self, name: &Name, now: DateTime<Utc>) -> Option<(Arc<Entry>, State)> {
        let usable = |entry: Arc<Entry>| {
            let state = entry.state(now);
            (state != State::Ended).then_some((entry, state))
        };
        let known = self.copy(name);
        if let Some((entry, true)) = &known
            && entry.state(now) == State::Fresh
        {
            return usable(entry.clone());
        }
        let changes = self.changes_of(name);
        let asked = self.ask(|redis| fetch(redis, *name)).await;
        match asked {
            // It was taken away, or never was.
            Some(None) => {
                self.outdate(name);
                None
            }
            Some(Some(bytes)) => {
                let entry = Arc::new(Entry::from_bytes(bytes)?);
                self.copy_in(name, entry.clone(), changes);
                usable(entry)
            }
            None => usable(known?.0),
        }
    }

    /// How many fetches have ended: what was not there before one of them may be there now.
    pub(crate) fn landed(&self) -> u64 {
        self.landed.load(Ordering::Acquire)
    }

    /// The right to fetch an answer, or `Err` with the end of somebody else's fetching.
    pub(crate) fn fly(self: &Arc<Self>, name: Name) -> Result<Flight, watch::Receiver<()>> {
        let mut flights = lock(&self.flights);
        if let Some(other) = flights.get(&name.one) {
            return Err(other.clone());
        }
        let (ends, end) = watch::channel(());
        flights.insert(name.one, end);
        Ok(Flight {
            cache: self.clone(),
            name,
            changes: self.changes_of(&name),
            _ends: ends,
        })
    }

    /// How often the group of that name has been taken away; for [`ResponseCache::keep`].
    pub(crate) fn changes_of(&self, name: &Name) -> u64 {
        lock(&self.changes).get(&name.group).map_or(0, |changes| *changes)
    }

    /// Keeps an answer that was asked for when the group had been taken away `changes` times.
    pub(crate) async fn keep(&self, name: &Name, entry: Arc<Entry>, changes: u64) {
        if self.changes_of(name) != changes {
            return;
        }
        if !self.is_used(name.label) {
            self.labels.rcu(|labels| {
                let mut labels = labels.to_vec();
                labels.push(name.label);
                labels
            });
        }
        self.copy_in(name, entry.clone(), changes);
        let bytes = entry.to_bytes();
        let time = Duration::from_secs(entry.head.fresh + entry.head.stale);
        let _ = self.ask(|redis| store(redis, *name, bytes, time)).await;
    }

    /// Takes away all of a group.
    pub(crate) async fn forget(&self, name: &Name) {
        {
            let mut changes = lock(&self.changes);
            let count = changes.get(&name.group).map_or(0, |count| *count);
            changes.insert(name.group, count + 1);
        }
        let _ = self.ask(|redis| delete(redis, *name)).await;
    }

    /// The copy here, and whether it may be shown without asking Redis.
    fn copy(&self, name: &Name) -> Option<(Arc<Entry>, bool)> {
        let changes = self.changes_of(name);
        let mut copies = lock(&self.copies);
        let copy = copies.get(&name.one)?;
        if copy.changes != changes {
            return None;
        }
        Some((copy.entry.clone(), copy.seen.elapsed() < TRUST))
    }

    fn copy_in(&self, name: &Name, entry: Arc<Entry>, changes: u64) {
        let mut copies = lock(&self.copies);
        let entry = if entry.body.len() <= SMALL_BYTES {
            entry
        } else {
            // That it may be kept is worth knowing; the rest is in Redis.
            Arc::new(Entry {
                head: Head {
                    fresh: 0,
                    stale: 0,
                    ..entry.head.clone()
                },
                body: Bytes::new(),
            })
        };
        let copy = Copy {
            entry,
            seen: Instant::now(),
            changes,
        };
        copies.insert(name.one, copy);
    }

    /// The copy is no more to be shown, but that there was one stays known.
    fn outdate(&self, name: &Name) {
        if let Some(copy) = lock(&self.copies).get(&name.one) {
            copy.changes = u64::MAX;
        }
    }

    /// `None` while Redis cannot be asked.
    async fn ask<T, F: Future<Output = RedisResult<T>>>(&self, ask: impl FnOnce(Redis) -> F) -> Option<T> {
        let now = || u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.resting_until.load(Ordering::Relaxed) > now() {
            return None;
        }
        match tokio::time::timeout(self.patience, ask(self.redis.clone())).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "Redis has no kept answers"),
            Err(_) => tracing::warn!(
                "Redis has no kept answers within {} ms",
                self.patience.as_millis()
            ),
        }
        let rest = u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
        self.resting_until.store(now() + rest, Ordering::Relaxed);
        None
    }
}

impl Flight {
    /// Keeps what was fetched.
    pub(crate) async fn keep(&self, entry: Arc<Entry>) {
        self.cache.keep(&self.name, entry, self.changes).await;
    }
}

fn key(name: Name) -> String {
    format!("response_cache:{}", hex(&name.group))
}

fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn fetch(redis: Redis, name: Name) -> RedisResult<Option<Vec<u8>>> {
    let mut command = redis::cmd("HGET");
    command.arg(key(name)).arg(&name.one[..]);
    command.query_async(&mut redis.connection()).await
}

async fn store(redis: Redis, name: Name, bytes: Vec<u8>, time: Duration) -> RedisResult<()> {
    let key = key(name);
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("HSET")
        .arg(&key)
        .arg(&name.one[..])
        .arg(bytes)
        .ignore();
    // Entries know their own end; the hash lives as long as the last of them was meant to.
    pipeline.cmd("PEXPIRE").arg(&key).arg(millis).ignore();
    pipeline.cmd("HLEN").arg(&key);
    let (count,): (u64,) = pipeline.query_async(&mut redis.connection()).await?;
    if count > MOST_OF_SESSION {
        return delete(redis, name).await;
    }
    Ok(())
}

async fn delete(redis: Redis, name: Name) -> RedisResult<()> {
    redis::cmd("DEL")
        .arg(key(name))
        .query_async::<()>(&mut redis.connection())
        .await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    fn entry(at: DateTime<Utc>, body: &'static str) -> Arc<Entry> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        let body = Bytes::from_static(body.as_bytes());
        Arc::new(Entry::new(at, (3, 10, 5), &headers, body).unwrap())
    }

    fn name(group: &str, one: &str) -> Name {
        Name::new("/r/*", &[group.as_bytes()], &[one.as_bytes()])
    }

    #[test]
    fn parts_of_names_do_not_run_together() {
        let of = |group: &[&[u8]], one: &[&[u8]]| Name::new("/r/*", group, one);
        assert_ne!(of(&[b"ab", b"c"], &[]), of(&[b"a", b"bc"], &[]));
        assert_ne!(of(&[b"a"], &[b"b"]), of(&[b"a"], &[b"b", b""]));
        assert_ne!(of(&[b"a"], &[b"x"]).one, of(&[b"b"], &[b"x"]).one);
    }

    #[test]
    fn an_entry_is_fresh_then_stale_then_ended() {
        let at = Clock::system().now();
        let entry = entry(at, "x");
        let after = |seconds| entry.state(at + chrono::TimeDelta::seconds(seconds));
        assert_eq!(
            [after(-5), after(9), after(10), after(14), after(15)],
            [
                State::Fresh,
                State::Fresh,
                State::Stale,
                State::Stale,
                State::Ended
            ]
        );
        assert_eq!(entry.age(at + chrono::TimeDelta::seconds(4)), 7);
        let again = Entry::from_bytes(entry.to_bytes()).unwrap();
        assert_eq!(again.body, "x");
        assert_eq!(again.headers()["content-type"], "text/plain");
        assert_eq!(again.head.at, at);
        assert!(Entry::from_bytes(b"{}\nx".to_vec()).is_none());
    }

    #[tokio::test]
    async fn gateways_share_answers_and_changes() {
        let server = common::testing::redis().await;
        let cache = || Arc::new(ResponseCache::new(server.connect(), Duration::from_secs(5)));
        let (first, second) = (cache(), cache());
        let now = Clock::system().now();
        let (one, other) = (name("a", "1"), name("b", "1"));
        let body = async |cache: &ResponseCache, name| {
            let found = cache.look(name, now).await;
            found.map(|(entry, _)| entry.body.clone())
        };
        assert_eq!(body(&first, &one).await, None);
        assert!(!first.is_used("/r/*"));
        first.keep(&one, entry(now, "x"), 0).await;
        first.keep(&other, entry(now, "y"), 0).await;
        for cache in [&first, &second] {
            assert_eq!(body(cache, &one).await.unwrap(), "x");
            assert_eq!(body(cache, &other).await.unwrap(), "y");
        }
        second.forget(&one).await;
        assert_eq!(body(&second, &one).await, None);
        assert_eq!(body(&second, &other).await.unwrap(), "y");
        // The other gateway believes its copy for a moment, and then asks.
        common::testing::eventually("the change is known", async || body(&first, &one).await.is_none()).await;
        assert!(first.knows(&one));
        // What was asked for before the change is not kept after it.
        second.keep(&one, entry(now, "old"), 0).await;
        assert_eq!(body(&second, &one).await, None);
        second.keep(&one, entry(now, "new"), 1).await;
        assert_eq!(body(&second, &one).await.unwrap(), "new");
    }

    #[tokio::test]
    async fn one_fetches_and_the_others_wait() {
        let server = common::testing::redis().await;
        let cache = Arc::new(ResponseCache::new(server.connect(), Duration::from_secs(5)));
        let name = name("a", "1");
        let flight = cache.fly(name).unwrap();
        let mut waiting = cache.fly(name).unwrap_err();
        let now = Clock::system().now();
        flight.keep(entry(now, "x")).await;
        drop(flight);
        // The sender has gone, which is the sign.
        assert!(waiting.changed().await.is_err());
        assert_eq!(cache.look(&name, now).await.unwrap().0.body, "x");
        assert!(cache.fly(name).is_ok());
    }

    #[tokio::test]
    async fn without_redis_copies_live_until_their_end() {
        let server = common::testing::redis().await;
        let address = server.url()[8..].trim_end_matches('/').parse().unwrap();
        let proxy = common::testing::Proxy::start(address).await;
        let config = common::config::Redis {
            url: format!("redis://{}/", proxy.address()).into(),
        };
        let cache = ResponseCache::new(Redis::new(&config).unwrap(), Duration::from_millis(200));
        let (name, now) = (name("a", "1"), Clock::system().now());
        cache.keep(&name, entry(now, "x"), 0).await;
        proxy.cut();
        lock(&cache.copies).get(&name.one).unwrap().seen = Instant::now().checked_sub(TRUST).unwrap();
        for _ in 0..3 {
            assert_eq!(cache.look(&name, now).await.unwrap().0.body, "x");
        }
        let later = now + chrono::TimeDelta::seconds(60);
        assert!(cache.look(&name, later).await.is_none());
    }
}
