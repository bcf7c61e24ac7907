//! Headers that must not, or must, go through.

use std::net::IpAddr;

use bytes::Bytes;
use common::telemetry::RequestContext;
use http::header::{
    CONNECTION, CONTENT_SECURITY_POLICY, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    VIA, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::limit::{Verdict, WINDOW};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Headers that belong to one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What the gateway knows of a request beside what the client says.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) client: IpAddr,
    /// True when the client used HTTPS.
    pub(crate) secure: bool,
    /// The host that the client asked for.
    pub(crate) host: Option<HeaderValue>,
    /// The version in which the client asked.
    pub(crate) version: Version,
}

impl Origin {
    /// `Forwarded` (RFC 7239): the only proxy that services are told of is this one, since it knows
    /// whom to believe among those before it.
    fn forwarded(&self) -> Option<HeaderValue> {
        let mut text = match self.client {
            IpAddr::V4(address) => format!("for={address}"),
            IpAddr::V6(address) => format!("for=\"[{address}]\""),
        };
        let plain = |host: &&str| !host.contains(['"', '\\']);
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        if let Some(host) = host.filter(plain) {
            text.push_str(";host=\"");
            text.push_str(host);
            text.push('"');
        }
        text.push_str(if self.secure {
            ";proto=https"
        } else {
            ";proto=http"
        });
        HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
    }
}

/// Says that the message came through here (RFC 9110, section 7.6.3).
pub(crate) fn add_via(headers: &mut HeaderMap, received: Version) {
    headers.append(
        VIA,
        HeaderValue::from_static(match received {
            Version::HTTP_2 => "2.0 gateway",
            Version::HTTP_10 => "1.0 gateway",
            _ => "1.1 gateway",
        }),
    );
}

/// True for a request to leave HTTP on this connection. An offer of HTTP/2 is not meant: it may
/// be ignored (RFC 9110, section 7.8), and is.
pub(crate) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let upgrades = headers.get_all(UPGRADE).iter();
    upgrades
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Asks a service for a WebSocket, after the headers of the client's connection have been removed.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap, host: &HeaderValue) {
    headers.insert(HOST, host.clone());
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Removes the headers of the connection, those that `Connection` names among them.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Makes the headers of a request those that a service gets.
pub(crate) fn prepare_request(headers: &mut HeaderMap, origin: Origin, context: &RequestContext) {
    remove_hop_by_hop(headers);
    let unwanted: Vec<HeaderName> = headers.keys().filter(|name| is_unwanted(name)).cloned().collect();
    for name in unwanted {
        headers.remove(name);
    }
    join_cookies(headers);
    headers.reserve(10);
    if let Ok(address) = HeaderValue::from_maybe_shared(Bytes::from(origin.client.to_string())) {
        headers.insert(X_FORWARDED_FOR, address);
    }
    let scheme = if origin.secure { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(forwarded) = origin.forwarded() {
        headers.insert(FORWARDED, forwarded);
    }
    add_via(headers, origin.version);
    if let Some(host) = origin.host {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(common::http::layers::X_REQUEST_ID, id);
    }
    if let Ok(trace) = HeaderValue::from_maybe_shared(Bytes::from(context.trace.child().to_string())) {
        headers.insert(common::http::layers::TRACEPARENT, trace);
    }
}

/// Headers that say who the client is: only the token does. An underscore would let a second
/// spelling of such a name past. `Host` is made from the address of the service.
fn is_unwanted(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.contains('_')
        || text.starts_with("x-user-")
        || text.starts_with("x-internal-")
        || text.starts_with("x-forwarded-")
        || text == "x-real-ip"
        || *name == FORWARDED
        || *name == HOST
        || *name == EXPECT
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 wants one line (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let cookies: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Tells the client how much of its quota is left: the fields of
/// draft-ietf-httpapi-ratelimit-headers, and the older ones that many clients read.
pub(crate) fn add_quota(headers: &mut HeaderMap, verdict: &Verdict) {
    let (class, limit, remaining) = (verdict.class.name(), verdict.limit, verdict.remaining);
    let reset = whole_seconds(verdict.reset);
    let window = WINDOW.as_secs();
    let texts = [
        (RATELIMIT_POLICY, format!("\"{class}\";q={limit};w={window}")),
        (RATELIMIT, format!("\"{class}\";r={remaining};t={reset}")),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
            headers.insert(name, value);
        }
    }
    headers.insert(X_RATELIMIT_LIMIT, HeaderValue::from(limit));
    headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from(remaining));
    headers.insert(X_RATELIMIT_RESET, HeaderValue::from(reset));
}

/// Rounded up: trying again a moment early would be refused.
pub(crate) fn whole_seconds(duration: std::time::Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Protects browsers; `secure` when they reach the gateway by HTTPS. A service's own content
/// policy stays.
pub(crate) fn add_security(headers: &mut HeaderMap, secure: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("frame-ancestors 'none'"));
    if secure {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn headers_of_the_connection_stay_on_it() {
        let mut headers = map(&[
            ("connection", "close, X-Secret"),
            ("connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-checksum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("x-secret", "1"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["accept"]);
    }

    #[test]
    fn clients_cannot_say_who_they_are() {
        let mut headers = map(&[
            ("host", "example.org"),
            ("x-user-id", "1"),
            ("x-internal-token", "1"),
            ("x_user_id", "1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-port", "1"),
            ("x-real-ip", "1.1.1.1"),
            ("forwarded", "for=1.1.1.1"),
            ("expect", "100-continue"),
            ("authorization", "Bearer x"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]);
        let origin = Origin {
            client: "192.0.2.1".parse().unwrap(),
            secure: true,
            host: Some(HeaderValue::from_static("example.org")),
            version: Version::HTTP_11,
        };
        let context = RequestContext::background();
        prepare_request(&mut headers, origin, &context);
        assert_eq!(
            names(&headers),
            [
                "authorization",
                "cookie",
                "forwarded",
                "traceparent",
                "via",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-request-id"
            ]
        );
        assert_eq!(
            headers["forwarded"],
            "for=192.0.2.1;host=\"example.org\";proto=https"
        );
        assert_eq!(headers["via"], "1.1 gateway");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "example.org");
        assert_eq!(headers["cookie"], "a=1; b=2");
    }

    #[test]
    fn an_address_with_colons_and_a_host_with_quotes_are_written_as_they_must() {
        let mut origin = Origin {
            client: "2001:db8::1".parse().unwrap(),
            secure: false,
            host: Some(HeaderValue::from_static("a\";for=1.1.1.1")),
            version: Version::HTTP_2,
        };
        assert_eq!(origin.forwarded().unwrap(), "for=\"[2001:db8::1]\";proto=http");
        origin.host = None;
        assert_eq!(origin.forwarded().unwrap(), "for=\"[2001:db8::1]\";proto=http");
    }

    #[test]
    fn only_websockets_are_an_upgrade() {
        assert!(asks_for_upgrade(&map(&[("upgrade", "WebSocket")])));
        assert!(asks_for_upgrade(&map(&[("upgrade", "h2c, websocket")])));
        assert!(!asks_for_upgrade(&map(&[("upgrade", "h2c")])));
        assert!(!asks_for_upgrade(&map(&[])));
    }
}
