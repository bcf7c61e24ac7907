//! Addresses and users that are shut out for a time, told by way of Redis.
//!
//! Whoever bans writes into one sorted set, [`BANS_KEY`], and publishes anything on [`BANS_CHANNEL`]: all
//! gateways then read the set again, and they do so regularly in case the message was lost. While Redis is
//! away the known bans stay until their end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use common::BoxError;
use common::cache::Redis;
use common::telemetry::Chain;
use futures_util::StreamExt;
use redis::AsyncCommands;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::client_address::Network;

/// Sorted set: member = an address, a network such as `192.0.2.0/24`, `user:<id>`, `session:<id>` (also of an
/// API key), or `stranger:` before an address or network: those who show no token there, for addresses that
/// many good users share; score = the end of the ban in seconds since 1970.
pub const BANS_KEY: &str = "security:bans";
/// Channel on which a change of the set is made known; the message does not matter.
pub const BANS_CHANNEL: &str = "security:bans:changed";

/// How often the set is read again without a message.
const RELOAD_EVERY: Duration = Duration::from_secs(15);
/// Between attempts while Redis is away.
const PAUSE: Duration = Duration::from_secs(1);

/// The bans as this process knows them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bans(Arc<ArcSwap<Known>>);

#[derive(Debug, Default, PartialEq)]
struct Known {
    addresses: HashMap<IpAddr, i64>,
    networks: Vec<(Network, i64)>,
    users: HashMap<Uuid, i64>,
    sessions: HashMap<Uuid, i64>,
    strangers: Vec<(Network, i64)>,
}

impl Known {
    fn of(members: &[(String, i64)]) -> Self {
        let mut known = Self::default();
        for (member, until) in members {
            if let Some(user) = member.strip_prefix("user:").and_then(|user| user.parse().ok()) {
                known.users.insert(user, *until);
            } else if let Some(session) = member.strip_prefix("session:").and_then(|id| id.parse().ok()) {
                known.sessions.insert(session, *until);
            } else if let Some(network) = member
                .strip_prefix("stranger:")
                .and_then(|from| from.parse().ok())
            {
                known.strangers.push((network, *until));
            } else if let Ok(address) = member.parse::<IpAddr>() {
                known.addresses.insert(address.to_canonical(), *until);
            } else if let Ok(network) = member.parse() {
                known.networks.push((network, *until));
            } else {
                tracing::warn!("a ban is of nothing that is known here and has no effect");
            }
        }
        known
    }
}

impl Bans {
    /// When the ban of an address ends, if there is one.
    pub(crate) fn of_address(&self, address: IpAddr, now: DateTime<Utc>) -> Option<Duration> {
        let known = self.0.load();
        let until = known.addresses.get(&address).copied();
        rest(until.max(latest(&known.networks, address))?, now)
    }

    /// When the ban of a user or of a session ends, if there is one.
    pub(crate) fn of_caller(&self, user: Uuid, session: Uuid, now: DateTime<Utc>) -> Option<Duration> {
        let known = self.0.load();
        let (user, session) = (known.users.get(&user), known.sessions.get(&session));
        rest(*user.max(session)?, now)
    }

    /// When those at an address who show no token are let in again, if they are shut out.
    pub(crate) fn of_stranger(&self, address: IpAddr, now: DateTime<Utc>) -> Option<Duration> {
        rest(latest(&self.0.load().strangers, address)?, now)
    }

    /// Keeps the bans up to date until `shutdown`. Run it as a background task.
    pub(crate) async fn follow(self, redis: Redis, shutdown: CancellationToken) {
        let mut away = false;
        while !shutdown.is_cancelled() {
            let following = self.follow_once(&redis, &mut away);
            let Some(ended) = shutdown.run_until_cancelled(following).await else {
                return;
            };
            if let Err(error) = ended
                && !away
            {
                away = true;
                tracing::warn!(error = %Chain(error.as_ref()), "new bans are not heard of while Redis is away");
            }
            let _ = shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }

    async fn follow_once(&self, redis: &Redis, away: &mut bool) -> Result<(), BoxError> {
        // First the subscription, then the set: a change in between is not missed.
        let mut messages = redis.subscribe(BANS_CHANNEL).await?.into_on_message();
        loop {
            let mut connection = redis.connection();
            let members: Vec<(String, i64)> = connection.zrange_withscores(BANS_KEY, 0, -1).await?;
            self.0.store(Arc::new(Known::of(&members)));
            *away = false;
            match tokio::time::timeout(RELOAD_EVERY, messages.next()).await {
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return Err("the subscription has ended".into()),
            }
        }
    }
}

/// The latest end among the networks that have the address.
fn latest(networks: &[(Network, i64)], address: IpAddr) -> Option<i64> {
    let having = networks.iter().filter(|(network, _)| network.contains(address));
    having.map(|(_, until)| *until).max()
}

fn rest(until: i64, now: DateTime<Utc>) -> Option<Duration> {
    let seconds = u64::try_from(until - now.timestamp()).ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_is_of_an_address_a_network_a_user_or_a_session_and_ends() {
        let (user, session, other) = (
            common::ids::new_id(),
            common::ids::new_id(),
            common::ids::new_id(),
        );
        let members = [
            ("192.0.2.1".to_owned(), 100),
            ("198.51.100.0/24".to_owned(), 200),
            ("2001:db8::/32".to_owned(), 200),
            (format!("user:{user}"), 100),
            (format!("session:{session}"), 200),
            ("stranger:203.0.113.0/24".to_owned(), 100),
            ("nonsense".to_owned(), 100),
        ];
        let bans = Bans(Arc::new(ArcSwap::from_pointee(Known::of(&members))));
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let address = |text: &str, seconds| bans.of_address(text.parse().unwrap(), at(seconds));
        assert_eq!(address("192.0.2.1", 90), Some(Duration::from_secs(10)));
        assert_eq!(address("192.0.2.1", 100), None);
        assert_eq!(address("192.0.2.2", 90), None);
        assert_eq!(address("198.51.100.7", 190), Some(Duration::from_secs(10)));
        assert_eq!(address("2001:db8:1::1", 190), Some(Duration::from_secs(10)));
        assert_eq!(bans.of_caller(user, other, at(90)), Some(Duration::from_secs(10)));
        assert_eq!(bans.of_caller(user, other, at(101)), None);
        assert_eq!(
            bans.of_caller(user, session, at(101)),
            Some(Duration::from_secs(99))
        );
        assert_eq!(bans.of_caller(other, other, at(90)), None);
        let stranger = |text: &str| bans.of_stranger(text.parse().unwrap(), at(90));
        assert_eq!(stranger("203.0.113.7"), Some(Duration::from_secs(10)));
        assert_eq!(stranger("192.0.2.1"), None);
        assert_eq!(address("203.0.113.7", 90), None);
    }
}
