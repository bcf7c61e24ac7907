//! Which addresses may be called when a user names them. Private networks are allowed, since 1C and
//! other programs of the company live there; what gives secrets to whoever asks is not: the metadata
//! services of clouds and all link-local addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Metadata services of clouds outside the link-local networks: Alibaba, Azure, AWS over IPv6.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Their names: a proxy would resolve them, not we.
const METADATA_NAMES: [&str; 3] = ["metadata", "metadata.google.internal", "instance-data"];

/// All addresses of a name are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name leads to a link-local address, to a metadata service or to no single host")]
pub struct Refused;

/// True for addresses that are never called.
#[must_use]
pub fn is_refused(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || METADATA_V4.contains(&ip)
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || ip == METADATA_V6
        }
    }
}

/// True for addresses whose host is never called. Names are looked at again when they are resolved.
#[must_use]
pub fn has_refused_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_refused(ip.into()),
        Some(Host::Ipv6(ip)) => is_refused(ip.into()),
        Some(Host::Domain(name)) => METADATA_NAMES.contains(&name.trim_end_matches('.')),
        None => true,
    }
}

/// The addresses of a name that may be called.
///
/// # Errors
/// When the name cannot be resolved, or all its addresses are [`Refused`].
pub async fn resolve(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await?.collect();
    let allowed: Vec<SocketAddr> = found.iter().filter(|at| !is_refused(at.ip())).copied().collect();
    if allowed.is_empty() && !found.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, Refused));
    }
    Ok(allowed)
}

/// Resolves names for the HTTP client, which thereby cannot be led to a refused address.
#[derive(Debug, Clone, Copy)]
pub struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = resolve(name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_called_and_metadata_services_are_not() {
        for (address, refused) in [
            ("http://10.0.0.5/base", false),
            ("http://192.168.1.2/base", false),
            ("http://127.0.0.1:8080/base", false),
            ("http://[fd12::5]/base", false),
            ("http://1c.firma.local/base", false),
            ("http://169.254.169.254/latest/meta-data", true),
            // The same in one number and within IPv6.
            ("http://2852039166/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://[fe80::1]/base", true),
            ("http://[fd00:ec2::254]/", true),
            ("http://100.100.100.200/", true),
            ("http://0.0.0.0/base", true),
            ("http://255.255.255.255/base", true),
            ("http://metadata.google.internal./", true),
        ] {
            assert_eq!(has_refused_host(&address.parse().unwrap()), refused, "{address}");
        }
    }
}
