//! What has to hold for any request; for fuzz targets and property tests.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::client_address::TrustedProxies;
use crate::freshness::{self, Wanted};
use crate::headers::{self, Origin};
use crate::routing::{TABLE, find_in};
use crate::{compression, path};

/// Reads a path and headers as the gateway does.
///
/// # Errors
/// What does not hold.
pub fn request(path: &str, fields: &[(&str, &[u8])]) -> Result<(), &'static str> {
    if let Ok(normal) = path::normalise(path) {
        if path::normalise(&normal).as_deref() != Ok(&*normal) {
            return Err("a normal path is normal");
        }
        if let Some((_, inside)) = find_in(&TABLE, &normal)
            && path::normalise(&inside).as_deref() != Ok(&*inside)
        {
            return Err("the path inside is normal");
        }
    }
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            map.append(name, value);
        }
    }
    let _ = (compression::accepted(&map), headers::asks_for_upgrade(&map));
    if freshness::wanted(&http::Method::POST, &map, true) != Wanted::Nothing {
        return Err("only reading is answered from what is kept");
    }
    let all = "0.0.0.0/0".parse().map_err(|_| "a network is one")?;
    let peer = SocketAddr::from(([192, 0, 2, 1], 1));
    let client = TrustedProxies(vec![all]).client(peer, &map);
    let host = map.get(http::header::HOST).cloned();
    let origin = Origin {
        client,
        secure: false,
        host,
        version: Version::HTTP_11,
    };
    headers::prepare_request(&mut map, origin, &common::telemetry::RequestContext::background());
    if map.get("x-forwarded-for").and_then(|value| value.to_str().ok()) != Some(&client.to_string()) {
        return Err("services are told of one client");
    }
    let pretends = |name: &HeaderName| {
        let name = name.as_str();
        name.contains('_') || name.starts_with("x-user-") || name.starts_with("x-internal-")
    };
    let of_connection = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];
    if map.keys().any(pretends) || of_connection.iter().any(|name| map.contains_key(*name)) {
        return Err("a header that has no business there goes through");
    }
    if map.get_all("forwarded").iter().count() != 1 || map.get_all("x-forwarded-for").iter().count() != 1 {
        return Err("each statement about the client stands there once");
    }
    compression::restore_tags(&mut map);
    Ok(())
}
