//! What detectors look at: one happening with whom and where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::rule::Field;

/// One happening. A login, a request or an entry of the audit log may be several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    /// The event it was read from; with the signal, its identity.
    pub(crate) event_id: Uuid,
    /// What it is, such as `login_failed`.
    pub(crate) signal: String,
    pub(crate) at: DateTime<Utc>,
    /// As [`address_key`].
    pub(crate) ip: Option<String>,
    /// As [`network_key`].
    pub(crate) network: Option<String>,
    /// The account that was tried: SHA-256 of its address, or `user:<id>`.
    pub(crate) account: Option<String>,
    /// Who did it, as [`subject_of`].
    pub(crate) who: String,
    /// Fingerprint of the client's program.
    pub(crate) agent: Option<String>,
    /// Fingerprint of what was touched.
    pub(crate) target: Option<String>,
    /// How much, for rules that add up.
    pub(crate) value: i64,
    /// Particulars that the evidence repeats.
    pub(crate) details: Option<Value>,
    /// True when it was not there at the last look.
    pub(crate) fresh: bool,
}

impl Observation {
    /// The value of a field, if it has one.
    pub(crate) fn field(&self, field: Field) -> Option<&str> {
        match field {
            Field::Ip => self.ip.as_deref(),
            Field::Network => self.network.as_deref(),
            Field::Account => self.account.as_deref(),
            Field::Who => Some(&self.who),
            Field::Agent => self.agent.as_deref(),
            Field::Target => self.target.as_deref(),
            Field::Everybody => Some("everybody"),
        }
    }
}

/// Who did it, as threats name them: `user:<id>`, else `account:<hash>`, else `ip:<address>`.
pub(crate) fn subject_of(user: Option<Uuid>, account: Option<&str>, ip: Option<&str>) -> String {
    match (user, account, ip) {
        (Some(user), _, _) => format!("user:{user}"),
        (None, Some(account), _) => format!("account:{account}"),
        (None, None, Some(ip)) => format!("ip:{ip}"),
        (None, None, None) => "unknown".to_owned(),
    }
}

/// The name under which an address is counted: an IPv6 client has a whole /64 to itself, so all
/// of it counts as one. `None` for what is no address.
pub(crate) fn address_key(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => Some(v4.to_string()),
        IpAddr::V6(v6) => Some(format!("{}/64", Ipv6Addr::from(u128::from(v6) >> 64 << 64))),
    }
}

/// The network that people usually stay in: a /16 of IPv4, a /32 of IPv6 (what one provider has).
pub(crate) fn network_key(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => Some(format!("{}/16", Ipv4Addr::from(u32::from(v4) >> 16 << 16))),
        IpAddr::V6(v6) => Some(format!("{}/32", Ipv6Addr::from(u128::from(v6) >> 96 << 96))),
    }
}

/// Enough of a hash to tell texts apart without keeping them.
pub(crate) fn fingerprint(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_address() {
        for (address, expected, network) in [
            ("192.0.2.1", Some("192.0.2.1"), Some("192.0.0.0/16")),
            ("::ffff:192.0.2.1", Some("192.0.2.1"), Some("192.0.0.0/16")),
            (
                "2001:db8:1:2:3:4:5:6",
                Some("2001:db8:1:2::/64"),
                Some("2001:db8::/32"),
            ),
            ("not an address", None, None),
        ] {
            assert_eq!(address_key(address).as_deref(), expected, "{address}");
            assert_eq!(network_key(address).as_deref(), network, "{address}");
        }
    }

    #[test]
    fn a_user_is_told_before_an_account_and_an_address() {
        let user = Uuid::from_u128(7);
        assert_eq!(
            subject_of(Some(user), Some("a"), Some("192.0.2.1")),
            format!("user:{user}")
        );
        assert_eq!(subject_of(None, Some("a"), Some("192.0.2.1")), "account:a");
        assert_eq!(subject_of(None, None, Some("192.0.2.1")), "ip:192.0.2.1");
        assert_eq!(subject_of(None, None, None), "unknown");
    }
}
