//! Against guessing: a lock on the account, and limits on the address and on its network.
//!
//! The lock is soft (it ends by itself within a quarter of an hour) and cannot be told from a
//! wrong password. Its count lives in the database; the count by address in Redis, and without
//! Redis logins go on uncounted.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::cache::Redis;
use common::telemetry::Chain;

use crate::config::ThrottleSettings;
use crate::metrics;
use crate::record::LoginFailure;

/// Failures that lock an account.
const LOCK_AFTER: i32 = 5;
/// The first lock; each further failure doubles it.
const FIRST_LOCK: Duration = Duration::from_secs(30);
/// The longest lock.
const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);
/// Failures older than this are forgotten.
pub(crate) const FORGET_FAILURES_AFTER: chrono::Duration = chrono::Duration::hours(12);

/// Failures without a success between, after which a password alone opens nothing any more until
/// it is set anew (SP 800-63B-4, section 3.2.2).
const MOST_CONSECUTIVE: i32 = 100;
/// They are remembered so long after the last of them.
pub(crate) const REMEMBER_CONSECUTIVE_FOR: chrono::Duration = chrono::Duration::days(30);

/// Failures of an account, of a device that is known for it, or of its second factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failures {
    pub(crate) consecutive: i32,
    pub(crate) locked_until: Option<DateTime<Utc>>,
}

impl Failures {
    /// Why a further attempt is refused, whatever it says.
    pub(crate) fn refusal(self, now: DateTime<Utc>) -> Option<LoginFailure> {
        if self.consecutive >= MOST_CONSECUTIVE {
            Some(LoginFailure::Blocked)
        } else if self.locked_until.is_some_and(|until| until > now) {
            Some(LoginFailure::Locked)
        } else {
            None
        }
    }
}

/// How long an account is locked after that many failures in a row.
pub(crate) fn lock_after(failures: i32) -> Option<chrono::Duration> {
    let doublings = u32::try_from(failures - LOCK_AFTER).ok()?;
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    let lock = FIRST_LOCK.saturating_mul(factor).min(LONGEST_LOCK);
    chrono::Duration::from_std(lock).ok()
}

/// How long Redis may take: a login must not wait for it longer.
const PATIENCE: Duration = Duration::from_millis(300);

/// Counts failed logins by address and by network. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AddressLimit {
    redis: Redis,
    failures: u32,
    failures_of_network: u32,
    window: Duration,
}

impl AddressLimit {
    pub(crate) fn new(redis: Redis, settings: &ThrottleSettings) -> Self {
        Self {
            redis,
            failures: settings.failures_per_address,
            failures_of_network: settings.failures_per_network,
            window: settings.window,
        }
    }

    /// Seconds to wait when the address, or the network that it is in, has failed too often.
    pub(crate) async fn wait(&self, address: IpAddr) -> Option<u64> {
        type Counted = (Option<u32>, i64);
        let (own, network) = (key(address), network_key(address));
        let mut connection = self.redis.connection();
        let mut pipeline = redis::pipe();
        pipeline.get(&own).ttl(&own).get(&network).ttl(&network);
        let asked = pipeline.query_async::<(Option<u32>, i64, Option<u32>, i64)>(&mut connection);
        let counted = answered(tokio::time::timeout(PATIENCE, asked).await)?;
        let (own, network): (Counted, Counted) = ((counted.0, counted.1), (counted.2, counted.3));
        let wait = |(failures, seconds): Counted, most| {
            (failures? >= most).then(|| u64::try_from(seconds).unwrap_or(1).max(1))
        };
        wait(own, self.failures).max(wait(network, self.failures_of_network))
    }

    /// Counts a failure of the address and of its network.
    pub(crate) async fn count(&self, address: IpAddr) {
        let mut connection = self.redis.connection();
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for key in [key(address), network_key(address)] {
            // The first failure begins the window; later ones do not move its end.
            pipeline
                .cmd("SET")
                .arg(&key)
                .arg(0)
                .arg("EX")
                .arg(self.window.as_secs())
                .arg("NX")
                .ignore()
                .incr(&key, 1)
                .ignore();
        }
        let counted = pipeline.query_async::<()>(&mut connection);
        answered(tokio::time::timeout(PATIENCE, counted).await);
    }
}

fn answered<T>(result: Result<redis::RedisResult<T>, tokio::time::error::Elapsed>) -> Option<T> {
    let error: common::BoxError = match result {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => error.into(),
        Err(error) => error.into(),
    };
    metrics::throttle_unavailable();
    tracing::warn!(error = %Chain(error.as_ref()), "a login is not counted by address");
    None
}

/// One subscriber has a whole /64 of IPv6.
fn key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("auth:login_failures:{v4}"),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("auth:login_failures:{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// What one provider gives out together: a /24 of IPv4, a /48 of IPv6.
fn network_key(address: IpAddr) -> String {
    format!("auth:login_failures:{}", network(address))
}

/// The network of an address: what one office or one customer of a provider has.
pub(crate) fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_a_quarter_of_an_hour() {
        let seconds: Vec<i64> = (4..=12)
            .map(|failures| lock_after(failures).map_or(0, |lock| lock.num_seconds()))
            .collect();
        assert_eq!(seconds, [0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(lock_after(i32::MAX).unwrap().num_seconds(), 900);
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let key = |text: &str| key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        let network = |text: &str| network_key(text.parse().unwrap());
        assert_eq!(network("192.0.2.1"), network("192.0.2.200"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("2001:db8:1::1"), key("2001:db8:1::1"));
    }
}
