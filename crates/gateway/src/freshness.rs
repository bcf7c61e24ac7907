//! Whether an answer may be shown again, to whom and for how long (RFC 9111).
//!
//! Stricter than the standard where it leaves a choice: what is not said is not kept.

use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, COOKIE, PRAGMA, RANGE, SET_COOKIE,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::cache_rule::{Caching, Scope};

/// Headers of a request that an answer may depend on: each set of values has an answer of its own. Host and
/// scheme are what the gateway says they are; a service that writes addresses writes them by these.
pub(crate) static VARIES: [HeaderName; 6] = [
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    http::header::ACCEPT,
    http::header::ACCEPT_LANGUAGE,
    HeaderName::from_static("x-company-id"),
    HeaderName::from_static("x-infobase-id"),
];
/// Further names in `Vary` that change nothing here: whoever calls has answers of their own, and bodies are
/// compressed after this.
const HARMLESS: [&str; 3] = ["authorization", "accept-encoding", "x-api-key"];
/// Nothing is kept for longer: a day.
const LONGEST: u64 = 24 * 60 * 60;

/// What a request says about kept answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any answer will do.
    Any,
    /// It wants one that is made for it.
    New,
    /// It has nothing to do with kept answers.
    Nothing,
}

/// Looks at a request; `empty` when it has no body.
pub(crate) fn wanted(method: &Method, headers: &HeaderMap, empty: bool) -> Wanted {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !reads || !empty || headers.contains_key(RANGE) {
        return Wanted::Nothing;
    }
    let mut wanted = Wanted::Any;
    for (name, value) in directives(headers, &CACHE_CONTROL) {
        match name.as_str() {
            "no-store" => return Wanted::Nothing,
            "no-cache" => wanted = Wanted::New,
            "max-age" if value == Some(0) => wanted = Wanted::New,
            _ => {}
        }
    }
    let old = headers.get(PRAGMA).map(HeaderValue::as_bytes);
    if old == Some(b"no-cache") && !headers.contains_key(CACHE_CONTROL) {
        wanted = Wanted::New;
    }
    wanted
}

/// True when a request shows who sends it in a way that the gateway has not looked at.
pub(crate) fn has_secrets(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE) || headers.contains_key(AUTHORIZATION)
}

/// How long an answer may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// As it is, in seconds from when it came.
    pub(crate) fresh: u64,
    /// After that, while another is fetched.
    pub(crate) stale: u64,
    /// How old it was when it came.
    pub(crate) age: u64,
}

/// The lifetime of an answer to `GET` for `scope`, when it has one; `secrets` as [`has_secrets`] of the
/// request.
pub(crate) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    rule: Caching,
    scope: Scope,
    secrets: bool,
) -> Option<Lifetime> {
    let own = [SET_COOKIE, CONTENT_ENCODING, CONTENT_RANGE];
    let unfit = status != StatusCode::OK || own.iter().any(|name| headers.contains_key(name));
    if unfit || !depends_on_known(headers) {
        return None;
    }
    let mut max_age = None;
    let mut shared_age = None;
    let mut stale = 0;
    let mut public = false;
    for (name, value) in directives(headers, &CACHE_CONTROL) {
        match name.as_str() {
            "no-store" | "no-cache" => return None,
            "private" if scope == Scope::Public => return None,
            "public" => public = true,
            // A number that is none is the least one.
            "max-age" => max_age = Some(value.unwrap_or(0)),
            "s-maxage" => shared_age = Some(value.unwrap_or(0)),
            "stale-while-revalidate" => stale = value.unwrap_or(0),
            _ => {}
        }
    }
    let told = match scope {
        Scope::Public => shared_age.or(max_age),
        Scope::Session => max_age,
    };
    let fresh = match (rule, told) {
        (Caching::Never, _) | (Caching::AsTold, None) => return None,
        (_, Some(told)) => {
            // For all to see only where the service says so.
            if scope == Scope::Public && !public && shared_age.is_none() && rule == Caching::AsTold {
                return None;
            }
            told
        }
        (Caching::For { time, scope: of }, None) => {
            if of != scope {
                return None;
            }
            time.as_secs()
        }
    };
    if secrets && !public {
        return None;
    }
    let age = headers.get(AGE).and_then(number).unwrap_or(0);
    let fresh = fresh.min(LONGEST).saturating_sub(age);
    (fresh > 0).then_some(Lifetime {
        fresh,
        stale: stale.min(LONGEST),
        age,
    })
}

fn depends_on_known(headers: &HeaderMap) -> bool {
    let values = headers.get_all(VARY).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .all(|name| {
            let mut known = VARIES.iter().map(HeaderName::as_str).chain(HARMLESS);
            known.any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
}

/// Names in small letters and numbers of the directives of a header.
fn directives(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = (String, Option<u64>)> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let value = value.trim().trim_matches('"').parse().ok();
            (name.trim().to_ascii_lowercase(), value)
        })
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn requests_say_what_they_want() {
        let get = |fields| wanted(&Method::GET, &map(fields), true);
        assert_eq!(get(&[]), Wanted::Any);
        assert_eq!(get(&[("cache-control", "max-age=60")]), Wanted::Any);
        assert_eq!(get(&[("cache-control", "No-Cache")]), Wanted::New);
        assert_eq!(get(&[("cache-control", "max-age=0")]), Wanted::New);
        assert_eq!(get(&[("pragma", "no-cache")]), Wanted::New);
        assert_eq!(get(&[("cache-control", "x, no-store")]), Wanted::Nothing);
        assert_eq!(get(&[("range", "bytes=0-1")]), Wanted::Nothing);
        assert_eq!(wanted(&Method::HEAD, &map(&[]), true), Wanted::Any);
        assert_eq!(wanted(&Method::GET, &map(&[]), false), Wanted::Nothing);
        assert_eq!(wanted(&Method::POST, &map(&[]), true), Wanted::Nothing);
    }

    fn told(control: &'static str, scope: Scope) -> Option<(u64, u64)> {
        let headers = map(&[("cache-control", control)]);
        let lifetime = lifetime(StatusCode::OK, &headers, Caching::AsTold, scope, false);
        lifetime.map(|lifetime| (lifetime.fresh, lifetime.stale))
    }

    #[test]
    fn services_say_what_may_be_kept() {
        use Scope::{Public, Session};
        for (control, scope, expected) in [
            ("public, max-age=300", Public, Some((300, 0))),
            ("max-age=300", Public, None),
            ("s-maxage=5, max-age=300", Public, Some((5, 0))),
            ("s-maxage=5, max-age=300", Session, Some((300, 0))),
            ("private, max-age=60", Session, Some((60, 0))),
            ("private, max-age=60", Public, None),
            (
                "MAX-AGE=\"60\", stale-while-revalidate=30",
                Session,
                Some((60, 30)),
            ),
            ("no-store, max-age=60", Session, None),
            ("no-cache, max-age=60", Session, None),
            ("max-age=0, stale-while-revalidate=30", Session, None),
            ("max-age=soon", Session, None),
            ("max-age=-1", Session, None),
            ("max-age=999999999", Session, Some((86_400, 0))),
            ("public", Public, None),
            ("", Session, None),
        ] {
            assert_eq!(told(control, scope), expected, "{control} for {scope:?}");
        }
    }

    #[test]
    fn a_rule_counts_where_the_service_says_nothing() {
        let rule = Caching::For {
            time: Duration::from_secs(10),
            scope: Scope::Session,
        };
        let fresh = |fields, scope, status| {
            lifetime(status, &map(fields), rule, scope, false).map(|lifetime| lifetime.fresh)
        };
        let ok = StatusCode::OK;
        assert_eq!(fresh(&[], Scope::Session, ok), Some(10));
        assert_eq!(fresh(&[], Scope::Public, ok), None);
        assert_eq!(fresh(&[], Scope::Session, StatusCode::NOT_FOUND), None);
        assert_eq!(fresh(&[("cache-control", "no-store")], Scope::Session, ok), None);
        assert_eq!(
            fresh(&[("cache-control", "max-age=3")], Scope::Session, ok),
            Some(3)
        );
        assert_eq!(fresh(&[("set-cookie", "a=1")], Scope::Session, ok), None);
        assert_eq!(fresh(&[("content-encoding", "br")], Scope::Session, ok), None);
        assert_eq!(
            fresh(&[("vary", "Accept-Language, authorization")], Scope::Session, ok),
            Some(10)
        );
        assert_eq!(fresh(&[("vary", "origin")], Scope::Session, ok), None);
        assert_eq!(fresh(&[("vary", "*")], Scope::Session, ok), None);
        assert_eq!(fresh(&[("age", "4")], Scope::Session, ok), Some(6));
        assert_eq!(fresh(&[("age", "10")], Scope::Session, ok), None);
        let never = lifetime(
            ok,
            &map(&[("cache-control", "max-age=9")]),
            Caching::Never,
            Scope::Session,
            false,
        );
        assert_eq!(never, None);
    }

    #[test]
    fn what_was_asked_with_a_cookie_is_for_all_only_when_the_service_says_so() {
        let of = |control| {
            let headers = map(&[("cache-control", control)]);
            lifetime(StatusCode::OK, &headers, Caching::AsTold, Scope::Public, true)
        };
        assert!(of("public, max-age=300").is_some());
        assert_eq!(of("s-maxage=300"), None);
    }
}
