//! Networks of addresses, for exceptions and for those who are never banned.

use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291), or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| ())?;
        if prefix > bits {
            return Err(());
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// How many addresses it has, as the length of its prefix.
    pub(crate) fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the first address is one of IPv4.
    pub(crate) fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    pub(crate) fn is_loopback(self) -> bool {
        self.address.to_canonical().is_loopback()
    }

    /// Whether the networks have an address in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let prefix = u32::from(self.prefix.min(other.prefix));
        match (self.address, other.address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                one.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                one.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_where_they_share_an_address() {
        let overlaps =
            |one: &str, other: &str| one.parse::<Network>().unwrap().overlaps(other.parse().unwrap());
        assert!(overlaps("192.0.2.1", "192.0.2.0/24"));
        assert!(overlaps("192.0.0.0/16", "192.0.2.7"));
        assert!(overlaps("2001:db8::/64", "2001:db8::/32"));
        assert!(overlaps("0.0.0.0/0", "192.0.2.7"));
        assert!(!overlaps("192.0.2.1", "192.0.2.2"));
        assert!(!overlaps("192.0.2.1", "2001:db8::/32"));
        for wrong in ["192.0.2.1/33", "somewhere", "192.0.2.0/", "/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
