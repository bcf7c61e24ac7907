//! The web console, and the description of the API for people and for programs: pages with their scripts
//! and styles, put into the program by `build.rs`.
//!
//! The page is asked for again each time and names its files under a version, so that they may be kept for
//! ever. It loads nothing from elsewhere, and its policy has no script or style inside the page.

use bytes::Bytes;
use common::http::Problem;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, VARY, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::body::Answer;
use crate::problems;

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// What metrics and logs name.
pub(crate) const LABEL: &str = "console";

/// The parts of the console, each an address of the same page.
const SECTIONS: [&str; 9] = [
    "", "login", "chat", "overview", "reports", "letters", "bases", "profile", "admin",
];

/// What the page may load: its own files. Nothing in it may become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Nothing of the device is needed but passkeys and the clipboard.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For a year: the version in the address changes with the content.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked for each time.
const REVALIDATED: &str = "no-cache";

/// One file.
struct File {
    name: &'static str,
    content_type: &'static str,
    etag: &'static str,
    gzip_etag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// The console's answer, when the path is one of its own.
///
/// # Errors
/// 404 for a file that there is not, 405 for another method than `GET` and `HEAD`.
pub(crate) fn answer(parts: &Parts) -> Option<Result<Response<Answer>, Problem>> {
    let path = parts.uri.path().strip_prefix('/')?;
    let found = match path.strip_prefix("assets/") {
        Some(asset) => find_asset(asset),
        None if path == "api/docs" => Some((&DOCS, REVALIDATED)),
        None if path == "api/openapi.json" => Some((&OPENAPI, REVALIDATED)),
        None if is_section(path) => Some((&PAGE, REVALIDATED)),
        None => return None,
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Some(Err(problems::method_not_allowed()));
    }
    let answer = found.ok_or_else(Problem::not_found);
    Some(answer.map(|(file, caching)| file.response(caching, &parts.headers)))
}

fn is_section(path: &str) -> bool {
    let section = path.split_once('/').map_or(path, |(section, _)| section);
    SECTIONS.contains(&section) && (!section.is_empty() || path.is_empty())
}

/// A file and how long it may be kept. While a deployment replaces replicas, the page of one version may
/// ask a replica of another; it gets the file of that one, to be asked for again.
fn find_asset(path: &str) -> Option<(&'static File, &'static str)> {
    let (version, name) = path.rsplit_once('/').unwrap_or(("", path));
    if !version.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let file = ASSETS.iter().find(|file| file.name == name)?;
    Some((file, if version == VERSION { FOREVER } else { REVALIDATED }))
}

impl File {
    fn response(&self, caching: &'static str, request: &HeaderMap) -> Response<Answer> {
        let compressed = takes_gzip(request);
        let (content, etag) = if compressed {
            (self.gzip, self.gzip_etag)
        } else {
            (self.plain, self.etag)
        };
        let unchanged = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|known| known.trim().trim_start_matches("W/") == etag);
        let body = if unchanged { &[] } else { content };
        let mut response = Response::new(Answer::Own(Bytes::from_static(body).into()));
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_static(etag));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        // For browsers that do not know `frame-ancestors`.
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
        headers.insert(
            CROSS_ORIGIN_OPENER_POLICY,
            HeaderValue::from_static("same-origin"),
        );
        headers.insert(
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("same-origin"),
        );
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(content.len()));
        if compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// True when the client takes gzip (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = parameters
                .trim()
                .strip_prefix("q=")
                .and_then(|weight| weight.trim().parse::<f32>().ok())
                .is_some_and(|weight| weight <= 0.0);
            matches!(name.trim(), "gzip" | "*") && !refused
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str, fields: &[(HeaderName, &'static str)]) -> Option<Response<Answer>> {
        let mut request = http::Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in fields {
            request
                .headers_mut()
                .append(name, HeaderValue::from_static(value));
        }
        answer(&request.into_parts().0).map(Result::unwrap)
    }

    #[test]
    fn the_page_answers_at_each_section_and_nowhere_else() {
        for path in [
            "/",
            "/chat",
            "/chat/1",
            "/admin/users",
            "/reports/sales?from=2026-01-01",
        ] {
            let response = ask(Method::GET, path, &[]).unwrap();
            assert_eq!(
                response.headers()[CONTENT_TYPE],
                "text/html; charset=utf-8",
                "{path}"
            );
            assert_eq!(response.headers()[CACHE_CONTROL], REVALIDATED, "{path}");
        }
        for path in [
            "/api/ai/chat",
            "/health",
            "/nowhere",
            "//",
            "/chatter",
            "/v1/models",
        ] {
            assert!(ask(Method::GET, path, &[]).is_none(), "{path}");
        }
    }

    #[test]
    fn files_of_this_version_may_be_kept() {
        let at = |version: &str| format!("/assets/{version}main.js");
        let caching = |path: &str| {
            let response = ask(Method::GET, path, &[]).unwrap();
            response.headers()[CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert_eq!(caching(&at(&format!("{VERSION}/"))), FOREVER);
        assert_eq!(caching(&at("0123456789ab/")), REVALIDATED);
        assert_eq!(caching(&at("")), REVALIDATED);
        let page = std::str::from_utf8(PAGE.plain).unwrap();
        assert!(page.contains(&at(&format!("{VERSION}/"))));
    }

    #[test]
    fn what_there_is_not_is_not_found_and_cannot_be_posted_to() {
        let refused = |method: Method, path: &str| {
            let mut request = http::Request::new(());
            *request.method_mut() = method;
            *request.uri_mut() = path.parse().unwrap();
            answer(&request.into_parts().0).unwrap().unwrap_err().status()
        };
        for path in [
            "/assets/nothing.js",
            "/assets/a/b/main.js",
            "/assets/",
            "/assets/../main.js",
        ] {
            assert_eq!(refused(Method::GET, path), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(refused(Method::POST, "/chat"), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_client_that_has_a_file_gets_none() {
        let gzip = (ACCEPT_ENCODING, "br, gzip;q=0.5");
        let first = ask(Method::GET, "/assets/main.js", std::slice::from_ref(&gzip)).unwrap();
        assert_eq!(first.headers()[CONTENT_ENCODING], "gzip");
        let refusing = (ACCEPT_ENCODING, "gzip;q=0");
        let plain = ask(Method::GET, "/assets/main.js", &[refusing]).unwrap();
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        assert_ne!(first.headers()[ETAG], plain.headers()[ETAG]);
        let file = ASSETS.iter().find(|file| file.name == "main.js").unwrap();
        let again = ask(
            Method::GET,
            "/assets/main.js",
            &[gzip, (IF_NONE_MATCH, file.gzip_etag)],
        )
        .unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(!again.headers().contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn the_first_load_is_small() {
        let compressed: usize = ASSETS.iter().map(|file| file.gzip.len()).sum();
        assert!(compressed + PAGE.gzip.len() < 150 * 1024, "{compressed} bytes");
    }
}
