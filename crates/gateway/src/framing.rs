//! Heads that two readers could take for different requests: refused, whatever one of them would make of
//! them (RFC 9112, sections 3.2 and 6). The rest of that kind hyper does not read at all.

use common::http::Problem;
use http::Version;
use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;

use crate::problems;

/// Looks at where a request ends and whom it is for; `conflict` when it states its length in two ways.
///
/// # Errors
/// 400 for what has no single meaning.
pub(crate) fn check(parts: &Parts, conflict: bool) -> Result<(), Problem> {
    if conflict {
        return Err(problems::framing_invalid());
    }
    if parts.version > Version::HTTP_11 {
        return Ok(());
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // Any other coding would be lost with the header on the way to the service.
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() {
            return Err(problems::framing_invalid());
        }
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if parts.version == Version::HTTP_11 => Err(problems::host_invalid()),
        (Some(_), Some(_)) => Err(problems::host_invalid()),
        (Some(host), None) if !is_host(host.as_bytes()) => Err(problems::host_invalid()),
        _ => Ok(()),
    }
}

/// The characters that a host with a port may have (RFC 3986, section 3.2.2); an empty one is allowed.
fn is_host(host: &[u8]) -> bool {
    host.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn refused(headers: &[(&str, &str)], version: Version) -> Option<&'static str> {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, false).err().map(|problem| problem.code())
    }

    #[test]
    fn what_has_one_meaning_passes() {
        let framing = Some("request.framing_invalid");
        let host = Some("request.host_invalid");
        let (old, new) = (Version::HTTP_11, Version::HTTP_2);
        for (headers, version, expected) in [
            (&[("host", "a:80")][..], old, None),
            (&[("host", "[::1]:80")], old, None),
            (&[("host", "")], old, None),
            (&[], old, host),
            (&[], Version::HTTP_10, None),
            (&[], new, None),
            (&[("host", "a"), ("host", "a")], old, host),
            (&[("host", "a/b")], old, host),
            (&[("host", "a b")], old, host),
            (&[("host", "u@a")], old, host),
            (&[("host", "a"), ("transfer-encoding", "Chunked")], old, None),
            (
                &[("host", "a"), ("transfer-encoding", "gzip, chunked")],
                old,
                framing,
            ),
            (
                &[
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                old,
                framing,
            ),
        ] {
            assert_eq!(refused(headers, version), expected, "{headers:?}");
        }
        let (parts, ()) = Request::new(()).into_parts();
        assert_eq!(check(&parts, true).unwrap_err().code(), "request.framing_invalid");
    }
}
