//! How often somebody may ask: GCRA, counted in Redis for all gateways together (`lease`).
//!
//! The generic cell rate algorithm (ITU-T I.371) keeps one number per subject: the theoretical
//! arrival time (TAT) of the next request if they came evenly. A whole quota may be used at once;
//! after that requests are let through as it refills.
//!
//! While Redis is away, or slower than a request can wait, each gateway counts by itself with the
//! same limit: the service stays up, and a client gains at most one quota per gateway.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use common::cache::Redis;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::lease::{Leases, Taken};
use crate::metrics;
use crate::recent::Recent;

/// Quotas are per minute.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Subjects that one gateway counts by itself; at about 60 bytes each.
const LOCAL_SUBJECTS: usize = 50_000;
/// After a failure of Redis nobody waits for it again for so long.
const REST: Duration = Duration::from_secs(1);

/// Which quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Attempts to log in, and refused tokens, by address.
    Anonymous,
    /// Everything from one address, counted in this process only: it protects the gateway
    /// itself, and must not cost a round trip.
    Address,
    /// Requests of a user.
    User,
    /// Questions of a user to a model.
    Chat,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Anonymous, Self::Address, Self::User, Self::Chat];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Address => "address",
            Self::User => "user",
            Self::Chat => "chat",
        }
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Address(IpAddr),
    User(Uuid),
}

impl Subject {
    /// An address; of IPv6 the first 64 bits, since one client has all addresses of such a block.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(user) => user.fmt(f),
        }
    }
}

/// Requests per minute of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Attempts to log in and refused tokens, per address.
    pub anonymous: NonZeroU32,
    /// All requests, per address and gateway.
    pub address: NonZeroU32,
    /// Requests of a user.
    pub user: NonZeroU32,
    /// Questions of a user to a model.
    pub chat: NonZeroU32,
}

impl Quotas {
    fn of(&self, class: Class) -> u32 {
        match class {
            Class::Anonymous => self.anonymous,
            Class::Address => self.address,
            Class::User => self.user,
            Class::Chat => self.chat,
        }
        .get()
    }
}

/// The answer to "may this request pass?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    pub(crate) allowed: bool,
    /// The quota.
    pub(crate) limit: u32,
    /// Requests that would pass now.
    pub(crate) remaining: u32,
    /// When the whole quota is there again.
    pub(crate) reset: Duration,
    /// When the next request passes; zero when this one did.
    pub(crate) retry_after: Duration,
}

/// Decides on one request, with times in microseconds: the new TAT, or `None` for a refusal.
///
/// The script of `lease` is the same in Lua, for several requests at once.
fn gcra(tat: u64, now: u64, interval: u64, burst: u64) -> (Option<u64>, Cell) {
    let tat = tat.max(now);
    let next = tat + interval;
    let ahead = next - now;
    let capacity = interval * burst;
    if ahead > capacity {
        let cell = Cell {
            remaining: 0,
            reset: tat - now,
            retry_after: ahead - capacity,
        };
        return (None, cell);
    }
    let cell = Cell {
        remaining: (capacity - ahead) / interval,
        reset: ahead,
        retry_after: 0,
    };
    (Some(next), cell)
}

/// The state of a quota; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) remaining: u64,
    pub(crate) reset: u64,
    pub(crate) retry_after: u64,
}

/// The limiter.
#[derive(Debug)]
pub(crate) struct Limiter {
    quotas: ArcSwap<Quotas>,
    patience: Duration,
    started: Instant,
    local: Mutex<Recent<(Class, Subject), u64>>,
    shared: Arc<Leases>,
    /// Microseconds since `started` until which Redis is left alone; zero while it works.
    resting_until: AtomicU64,
}

impl Limiter {
    pub(crate) fn new(redis: Redis, quotas: Quotas, patience: Duration) -> Self {
        Self {
            quotas: ArcSwap::from_pointee(quotas),
            patience,
            started: Instant::now(),
            local: Mutex::new(Recent::new(LOCAL_SUBJECTS)),
            shared: Arc::new(Leases::new(redis)),
            resting_until: AtomicU64::new(0),
        }
    }

    /// Other quotas from now on.
    pub(crate) fn set_quotas(&self, quotas: Quotas) {
        self.quotas.store(Arc::new(quotas));
    }

    /// Renews leases before they are used up and gives unused ones back, until `shutdown`. Run it as
    /// a background task.
    pub(crate) fn keep_leases(&self, shutdown: CancellationToken) -> impl Future<Output = ()> + use<> {
        self.shared.clone().keep(shutdown)
    }

    /// Counts a request and says whether it may pass.
    pub(crate) async fn check(&self, class: Class, subject: Subject) -> Verdict {
        let limit = self.quotas.load().of(class);
        let shared = match class {
            Class::Address => None,
            Class::Anonymous | Class::User | Class::Chat => self.check_shared(class, subject, limit).await,
        };
        let verdict = shared.unwrap_or_else(|| self.check_local(class, subject, limit));
        if !verdict.allowed {
            metrics::rate_limited(class.name());
        }
        verdict
    }

    /// `None` while Redis cannot be asked.
    async fn check_shared(&self, class: Class, subject: Subject, limit: u32) -> Option<Verdict> {
        let asking = match self.shared.take(class, subject, limit) {
            Taken::Decided(verdict) => return Some(verdict),
            Taken::Ask(asking) => asking,
        };
        let resting_until = self.resting_until.load(Ordering::Relaxed);
        if resting_until > self.now() {
            metrics::rate_limit_fallback();
            return None;
        }
        let failure = match tokio::time::timeout(self.patience, self.shared.ask(asking)).await {
            Ok(Ok(verdict)) => {
                if resting_until != 0 && self.resting_until.swap(0, Ordering::Relaxed) != 0 {
                    tracing::info!("rate limits are counted in Redis again");
                }
                return Some(verdict);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", self.patience.as_millis()),
        };
        let rest = u64::try_from(REST.as_micros()).unwrap_or(u64::MAX);
        if self.resting_until.swap(self.now() + rest, Ordering::Relaxed) == 0 {
            tracing::warn!(
                error = failure,
                "rate limits are counted locally while Redis is away"
            );
        }
        metrics::rate_limit_fallback();
        None
    }

    fn check_local(&self, class: Class, subject: Subject, limit: u32) -> Verdict {
        let now = self.now();
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let known = local.get(&(class, subject));
        let tat = known.as_ref().map_or(now, |tat| **tat);
        let (next, cell) = gcra(tat, now, interval(limit), u64::from(limit));
        match (next, known) {
            (Some(next), Some(tat)) => *tat = next,
            (Some(next), None) => local.insert((class, subject), next),
            (None, _) => {}
        }
        verdict(class, limit, next.is_some(), &cell)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Microseconds in which one request of the quota comes back.
pub(crate) fn interval(limit: u32) -> u64 {
    let window = u64::try_from(WINDOW.as_micros()).unwrap_or(u64::MAX);
    (window / u64::from(limit)).max(1)
}

pub(crate) fn verdict(class: Class, limit: u32, allowed: bool, cell: &Cell) -> Verdict {
    Verdict {
        class,
        allowed,
        limit,
        remaining: u32::try_from(cell.remaining).unwrap_or(u32::MAX),
        reset: Duration::from_micros(cell.reset),
        retry_after: Duration::from_micros(cell.retry_after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 1_000_000;

    #[test]
    fn a_quota_may_be_used_at_once_and_refills_evenly() {
        let mut tat = 0;
        let mut pass = |now: u64| {
            let (next, cell) = gcra(tat, now, INTERVAL, 3);
            tat = next.unwrap_or(tat);
            (next.is_some(), cell.remaining, cell.reset, cell.retry_after)
        };
        let start = 5_000_000;
        assert_eq!(pass(start), (true, 2, 1_000_000, 0));
        assert_eq!(pass(start), (true, 1, 2_000_000, 0));
        assert_eq!(pass(start), (true, 0, 3_000_000, 0));
        assert_eq!(pass(start), (false, 0, 3_000_000, 1_000_000));
        assert_eq!(pass(start + 400_000), (false, 0, 2_600_000, 600_000));
        assert_eq!(pass(start + 1_000_000), (true, 0, 3_000_000, 0));
        assert_eq!(pass(start + 60_000_000), (true, 2, 1_000_000, 0));
    }

    #[test]
    fn an_ipv6_client_is_its_block() {
        let block = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(block("2001:db8:1:2:3:4:5:6"), block("2001:db8:1:2::1"));
        assert_ne!(block("2001:db8:1:3::1"), block("2001:db8:1:2::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
    }

    #[tokio::test]
    async fn the_script_decides_as_the_function_does() {
        let server = common::testing::redis().await;
        let quota = NonZeroU32::new(3).unwrap();
        let quotas = Quotas {
            anonymous: quota,
            address: quota,
            user: quota,
            chat: NonZeroU32::new(1).unwrap(),
        };
        let limiter = Limiter::new(server.connect(), quotas, Duration::from_secs(5));
        let subject = Subject::User(common::ids::new_id());
        for remaining in [2, 1, 0] {
            let shared = limiter.check_shared(Class::User, subject, 3).await.unwrap();
            let local = limiter.check_local(Class::User, subject, 3);
            assert!(shared.allowed && local.allowed);
            assert_eq!((shared.remaining, local.remaining), (remaining, remaining));
            assert_eq!(
                shared.reset.as_secs_f64().round(),
                local.reset.as_secs_f64().round()
            );
        }
        let shared = limiter.check_shared(Class::User, subject, 3).await.unwrap();
        let local = limiter.check_local(Class::User, subject, 3);
        assert!(!shared.allowed && !local.allowed);
        assert_eq!(
            shared.retry_after.as_secs_f64().ceil(),
            local.retry_after.as_secs_f64().ceil()
        );
        // Another class and another subject have quotas of their own.
        assert!(limiter.check(Class::Chat, subject).await.allowed);
        assert!(!limiter.check(Class::Chat, subject).await.allowed);
        let other = Subject::User(common::ids::new_id());
        assert!(limiter.check(Class::User, other).await.allowed);
    }
}
