//! The address of the client, as far as it can be believed.
//!
//! Services behind the gateway believe what it writes into `X-Forwarded-For`; the gateway itself
//! believes only the proxies that it was told of, because limits and detection go by this address.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291), or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a network such as 10.0.0.0/8")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| NotANetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse::<u8>().map_err(|_| NotANetwork)?,
            None => bits,
        };
        if prefix > bits {
            return Err(NotANetwork);
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Proxies in front of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<Network>);

impl TrustedProxies {
    /// True when the address is one of the proxies.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address: the peer, or, when that is a proxy of ours, the last address in
    /// `X-Forwarded-For` that is not.
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.ip().to_canonical();
        let forwarded = headers.get_all("x-forwarded-for");
        let mut entries = forwarded
            .iter()
            .rev()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.rsplit(','));
        while self.contains(client) {
            // What cannot be read ends the chain of those that can be believed.
            let Some(Ok(before)) = entries.next().map(|entry| entry.trim().parse::<IpAddr>()) else {
                break;
            };
            client = before.to_canonical();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies = proxies.split_whitespace().map(|text| text.parse().unwrap());
        let proxies = TrustedProxies(proxies.collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        proxies.client(peer, &headers).to_string()
    }

    #[test]
    fn only_known_proxies_are_believed() {
        for (proxies, peer, forwarded, expected) in [
            ("", "127.0.0.1", &["192.0.2.1"][..], "127.0.0.1"),
            ("10.0.0.0/8", "192.0.2.9", &["192.0.2.1"], "192.0.2.9"),
            ("10.0.0.0/8", "10.1.2.3", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            (
                "10.0.0.0/8",
                "10.1.2.3",
                &["1.1.1.1", "192.0.2.1, 10.9.9.9"],
                "192.0.2.1",
            ),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, nonsense"], "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3 fd00::/8", "fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("0.0.0.0/0", "10.1.2.3", &["192.0.2.1"], "192.0.2.1"),
        ] {
            assert_eq!(
                client(proxies, peer, forwarded),
                expected,
                "{proxies} {peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn networks_are_parsed_strictly() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "host"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
