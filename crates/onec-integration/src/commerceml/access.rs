//! Logins of exchanges: Basic authentication at the start, a cookie after it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Name of the cookie of a session.
pub(crate) const COOKIE_NAME: &str = "ONEC_EXCHANGE";
/// How long a session lives without a call. 1C calls every few seconds while it exchanges.
pub(crate) const SESSION_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Refused logins of an address that are answered, within [`REFUSALS_WITHIN`].
pub(crate) const MOST_REFUSALS: i32 = 10;
/// In what time refusals are counted.
pub(crate) const REFUSALS_WITHIN: TimeDelta = TimeDelta::minutes(15);

/// A new secret: 244 random bits, in letters and digits.
#[expect(
    clippy::disallowed_methods,
    reason = "a secret, not an id: it must be random throughout"
)]
pub(crate) fn secret() -> String {
    let halves = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
    URL_SAFE_NO_PAD.encode(halves.concat())
}

/// The login of an exchange.
pub(crate) fn login(id: Uuid) -> String {
    let id = id.simple().to_string();
    // The end is the random part.
    format!("1c-{}", id.get(20..).unwrap_or(&id))
}

/// What is stored of a password. It is long and random, so that one hash is enough.
pub(crate) fn password_hash(exchange: Uuid, password: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(exchange.as_bytes());
    hash.update(password.as_bytes());
    hash.finalize().to_vec()
}

/// What is stored of a cookie, and of a part of a file.
pub(crate) fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Compares without telling by time where the difference is.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Login and password of Basic authentication.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let (login, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

/// The value of our cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE_NAME && value.len() <= 100)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_cookies_are_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(basic(&headers), None);
        headers.insert(AUTHORIZATION, "Basic YTpiOmM=".parse().unwrap());
        assert_eq!(basic(&headers), Some(("a".to_owned(), "b:c".to_owned())));
        headers.insert(AUTHORIZATION, "Bearer YTpi".parse().unwrap());
        assert_eq!(basic(&headers), None);
        headers.insert(COOKIE, "x=1; ONEC_EXCHANGE=abc".parse().unwrap());
        assert_eq!(cookie(&headers), Some("abc"));
    }

    #[test]
    fn only_equal_bytes_are_the_same() {
        let one = Uuid::from_u128(1);
        assert!(is_same(&password_hash(one, "a"), &password_hash(one, "a")));
        assert!(!is_same(
            &password_hash(one, "a"),
            &password_hash(Uuid::from_u128(2), "a")
        ));
        assert!(!is_same(b"", b"a"));
        assert_ne!(secret(), secret());
        assert!(secret().len() >= 42);
    }
}
