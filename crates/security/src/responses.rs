//! What may be done by itself, to whom and for how long.

use chrono::Duration;
use uuid::Uuid;

use crate::network::Network;

/// The first ban; each further one within [`REMEMBERED`] doubles it.
const FIRST_BAN: Duration = Duration::minutes(10);
/// The longest ban.
const LONGEST_BAN: Duration = Duration::days(7);
/// Bans are forgotten after so long.
pub(crate) const REMEMBERED: Duration = Duration::days(7);
/// The largest networks that may be banned: a larger one is a mistake of writing.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;

/// How long a ban lasts after so many before it.
pub(crate) fn ban_length(before: i64) -> Duration {
    let doublings = u32::try_from(before.clamp(0, 16)).unwrap_or(16);
    FIRST_BAN
        .checked_mul(2_i32.saturating_pow(doublings))
        .map_or(LONGEST_BAN, |length| length.min(LONGEST_BAN))
}

/// Who can be banned or allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Network(Network),
    /// Those who show no token from there: where many good users share an address.
    Strangers(Network),
    User(Uuid),
    /// A session, or the session of an API key.
    Session(Uuid),
}

impl Subject {
    /// The subject of that name: `ip:<address or network>`, `stranger:<address or network>`, `user:<id>` or
    /// `session:<id>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (prefix, name) = text.split_once(':')?;
        match prefix {
            "ip" => name.parse().ok().map(Self::Network),
            "user" => name.parse().ok().map(Self::User),
            "session" => name.parse().ok().map(Self::Session),
            "stranger" => name.parse().ok().map(Self::Strangers),
            _ => None,
        }
    }

    /// Whether a ban of the subject would shut out more than anybody means.
    pub(crate) fn is_too_wide(self) -> bool {
        match self {
            Self::Network(network) | Self::Strangers(network) if network.is_ipv4() => {
                network.prefix() < WIDEST_V4
            }
            Self::Network(network) | Self::Strangers(network) => network.prefix() < WIDEST_V6,
            Self::User(_) | Self::Session(_) => false,
        }
    }

    /// Whether a ban would shut out the machine itself.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Network(network) | Self::Strangers(network) if network.is_loopback())
    }

    /// Whether a ban of the subject would touch somebody.
    pub(crate) fn touches(self, other: Self) -> bool {
        match (self, other) {
            (Self::Network(one) | Self::Strangers(one), Self::Network(other) | Self::Strangers(other)) => {
                one.overlaps(other)
            }
            (one, other) => one == other,
        }
    }
}

/// The member of the gateway's set of bans for a subject.
pub(crate) fn member(subject: &str) -> &str {
    subject.strip_prefix("ip:").unwrap_or(subject)
}

/// The user whom a threat is about, if it is about one.
pub(crate) fn user_of(subject: &str) -> Option<Uuid> {
    let subject = subject.strip_prefix("account:").unwrap_or(subject);
    subject.strip_prefix("user:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ban_is_twice_as_long_up_to_a_week() {
        assert_eq!(ban_length(0), Duration::minutes(10));
        assert_eq!(ban_length(1), Duration::minutes(20));
        assert_eq!(ban_length(6), Duration::minutes(640));
        assert_eq!(ban_length(10), Duration::days(7));
        assert_eq!(ban_length(i64::MAX), Duration::days(7));
        assert_eq!(ban_length(-1), Duration::minutes(10));
    }

    #[test]
    fn subjects_are_addresses_networks_users_sessions_and_keys() {
        let user = Uuid::from_u128(7);
        assert_eq!(Subject::parse(&format!("user:{user}")), Some(Subject::User(user)));
        assert_eq!(
            Subject::parse(&format!("session:{user}")),
            Some(Subject::Session(user))
        );
        assert!(matches!(
            Subject::parse("ip:2001:db8::/64"),
            Some(Subject::Network(_))
        ));
        for wrong in ["192.0.2.1", "ip:everywhere", "user:me", "account:abc", ""] {
            assert_eq!(Subject::parse(wrong), None, "{wrong}");
        }
        let parse = |text| Subject::parse(text).unwrap();
        assert!(parse("ip:0.0.0.0/0").is_too_wide() && !parse("ip:10.0.0.0/8").is_too_wide());
        assert!(parse("ip:127.0.0.1").is_own() && parse("ip:::1").is_own());
        assert!(parse("ip:192.0.2.0/24").touches(parse("stranger:192.0.2.9")));
        assert_eq!(member("ip:192.0.2.1"), "192.0.2.1");
        assert_eq!(user_of(&format!("account:user:{user}")), Some(user));
        assert_eq!(user_of("ip:192.0.2.1"), None);
    }
}
