//! HTTP services of the configuration behind our API: which addresses may be reached, which headers
//! go through, and what the platform's own errors mean.

use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::odata::OdataError;

/// Largest body that is passed on.
pub(crate) const LARGEST_REQUEST: usize = 4 * 1024 * 1024;
/// Largest answer that is passed on.
pub(crate) const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// Headers that go to 1C. Never the caller's login or cookies.
pub(crate) const FORWARDED: [HeaderName; 6] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
];
/// Headers that come back. Never cookies of 1C, and no addresses of its network.
const RETURNED: [HeaderName; 8] = [
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
    HeaderName::from_static("x-total-count"),
];
/// Everything but what RFC 3986 leaves alone everywhere.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Most segments of a path.
const MOST_SEGMENTS: usize = 32;

/// Why a path is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// It could mean another place than it says.
    #[error("the path has segments that are not passed on")]
    Suspicious,
    /// No prefix of the list allows it.
    #[error("the path is not on the list of the infobase")]
    NotAllowed,
}

/// The segments of an encoded path, each decoded. Whatever two servers could understand differently
/// is refused: empty and dotted segments, encoded slashes and percent signs, control characters.
pub(crate) fn segments(path: &str) -> Result<Vec<String>, PathError> {
    let mut segments = Vec::new();
    // A slash at the end is the same place.
    let path = path.strip_suffix('/').unwrap_or(path);
    for segment in path.split('/') {
        let decoded = percent_decode_str(segment)
            .decode_utf8()
            .map_err(|_| PathError::Suspicious)?;
        let is_plain = !decoded.is_empty()
            && !decoded.starts_with("..")
            && decoded != "."
            && !decoded
                .chars()
                .any(|character| character.is_control() || matches!(character, '/' | '\\' | '%' | ';'));
        if !is_plain || segments.len() >= MOST_SEGMENTS {
            return Err(PathError::Suspicious);
        }
        segments.push(decoded.into_owned());
    }
    Ok(segments)
}

/// True when one of the prefixes is the beginning of the path, whole segments compared. An empty
/// prefix allows nothing.
pub(crate) fn is_allowed(segments: &[String], prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| {
        let prefix = prefix.trim_matches('/');
        let wanted: Vec<&str> = prefix.split('/').collect();
        !prefix.is_empty()
            && wanted.len() <= segments.len()
            && wanted.iter().zip(segments).all(|(wanted, given)| wanted == given)
    })
}

/// The address of a service below `root`, which ends in a slash.
pub(crate) fn address(root: &Url, segments: &[String], query: Option<&str>) -> Url {
    let path: Vec<String> = segments
        .iter()
        .map(|segment| utf8_percent_encode(segment, SEGMENT).to_string())
        .collect();
    let mut address = root.clone();
    address.set_path(&format!("{}{}", root.path(), path.join("/")));
    address.set_query(query.filter(|query| !query.is_empty()));
    address
}

/// The query without our own parameter, and that parameter's value.
pub(crate) fn split_query(query: &str, own: &str) -> (Option<String>, Option<String>) {
    let mut value = None;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            (name, given) if name == own => {
                value = percent_decode_str(given)
                    .decode_utf8()
                    .ok()
                    .map(std::borrow::Cow::into_owned);
            }
            _ => rest.push(pair),
        }
    }
    ((!rest.is_empty()).then(|| rest.join("&")), value)
}

/// The headers of an answer that may go to the caller.
pub(crate) fn returned(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in RETURNED {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    kept
}

/// What an answer means when the platform gave it, and not the service.
#[derive(Debug)]
pub(crate) enum Exception {
    /// There is no such service.
    NotFound,
    /// Something else.
    Platform(OdataError),
}

/// The exception of the platform behind an answer, if it is one: an HTML page or a JSON of
/// exceptions. A login that is refused is one always: the caller's own login is not meant.
pub(crate) fn exception(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Exception> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_html = content_type.is_some_and(|value| value.starts_with("text/html"));
    let head = body.get(..body.len().min(4096)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let is_page = is_html && (head.contains("1C:Enterprise 8") || head.contains("1С:Предприятие 8"));
    let is_exception = head.contains("\"#exception\"");
    let is_refusal = status == StatusCode::UNAUTHORIZED;
    // Proxies and the web server speak HTML as well; services answer errors in their own form.
    let is_foreign_page = is_html && (status.is_server_error() || status == StatusCode::NOT_FOUND);
    if !(is_page || is_exception || is_refusal || is_foreign_page) {
        return None;
    }
    if status == StatusCode::NOT_FOUND {
        return Some(Exception::NotFound);
    }
    Some(Exception::Platform(OdataError::from_answer(
        "hs",
        status.as_u16(),
        body,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefixes: &[&str]) -> Vec<String> {
        prefixes.iter().map(|prefix| (*prefix).to_owned()).collect()
    }

    #[test]
    fn paths_mean_what_they_say() {
        assert_eq!(
            segments("assistant/%D1%81%D0%BA%D0%BB%D0%B0%D0%B4/").unwrap(),
            ["assistant", "склад"]
        );
        for path in [
            "",
            "/",
            "a//b",
            "..",
            "a/../b",
            "a/%2e%2e/b",
            "a/.",
            "a%2fb",
            "a%5cb",
            "a\\b",
            "a/%252e%252e",
            "a/%00",
            "a/..;/b",
            "a;b",
            "%ff",
            "a/...",
        ] {
            assert_eq!(segments(path), Err(PathError::Suspicious), "{path}");
        }
        assert!(segments(&"a/".repeat(33)).is_err());
    }

    #[test]
    fn prefixes_are_compared_by_segments() {
        let allowed = |path: &str, prefixes: &[&str]| is_allowed(&segments(path).unwrap(), &list(prefixes));
        assert!(allowed("assistant/stock/1", &["assistant"]));
        assert!(allowed("assistant/stock/1", &["/assistant/stock/"]));
        assert!(!allowed("assistant-admin/x", &["assistant"]));
        assert!(!allowed("assistant", &["assistant/stock"]));
        assert!(!allowed("assistant", &[]));
        assert!(!allowed("assistant", &["", "/"]));
        assert!(!allowed("Assistant", &["assistant"]));
    }

    #[test]
    fn addresses_stay_below_the_root() {
        let root: Url = "http://1c/base/hs/".parse().unwrap();
        let address = address(&root, &list(&["a b", "?#", "склад"]), Some("x=1"));
        assert_eq!(
            address.as_str(),
            "http://1c/base/hs/a%20b/%3F%23/%D1%81%D0%BA%D0%BB%D0%B0%D0%B4?x=1"
        );
        assert_eq!(
            split_query("a=1&infobase_id=x%20y&b", "infobase_id"),
            (Some("a=1&b".to_owned()), Some("x y".to_owned()))
        );
        assert_eq!(split_query("", "infobase_id"), (None, None));
    }

    #[test]
    fn exceptions_of_the_platform_are_told_from_answers() {
        let headers = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
            headers.insert(http::header::SET_COOKIE, http::HeaderValue::from_static("a=b"));
            headers
        };
        let html = headers("text/html;charset=utf-8");
        let json = headers("application/json");
        let page = "<html><head><title>1C:Enterprise 8 application error</title></head>".as_bytes();
        let of = |status: u16, headers: &HeaderMap, body: &[u8]| {
            exception(StatusCode::from_u16(status).unwrap(), headers, body)
        };
        assert!(matches!(of(404, &html, page), Some(Exception::NotFound)));
        assert!(matches!(of(500, &html, page), Some(Exception::Platform(_))));
        assert!(matches!(of(200, &html, page), Some(Exception::Platform(_))));
        assert!(matches!(
            of(401, &json, b"{}"),
            Some(Exception::Platform(OdataError::CredentialsRefused))
        ));
        assert!(matches!(
            of(
                403,
                &json,
                "{\"#exception\":1,\"descr\":\"Начало сеанса с\"}".as_bytes()
            ),
            Some(Exception::Platform(OdataError::Locked))
        ));
        assert!(of(404, &json, b"{\"error\":1}").is_none());
        assert!(of(500, &json, b"{}").is_none());
        assert!(of(200, &html, b"<html>report</html>").is_none());
        assert!(!returned(&html).contains_key(http::header::SET_COOKIE));
    }
}
