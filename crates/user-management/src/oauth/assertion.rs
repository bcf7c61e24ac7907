//! Clients that prove to be themselves by a token that they sign: `private_key_jwt` (RFC 7523;
//! OpenID Connect Core, section 9).

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::jws;

/// The `client_assertion_type` of such tokens.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Clocks of two machines may differ by so much.
const LEEWAY: Duration = Duration::seconds(30);
/// No assertion is good for longer: until then it is remembered that it was shown.
const LONGEST: Duration = Duration::hours(1);
/// A longer id of a token is none.
const MAX_JTI_BYTES: usize = 256;

/// An assertion that counts, unless it has been shown before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// SHA-256 of its id.
    pub(crate) jti_hash: Vec<u8>,
    /// From when on it would not count anyway.
    pub(crate) expires_at: DateTime<Utc>,
}

/// The client that an assertion speaks of, before anybody has checked who made it.
pub(crate) fn client_of(assertion: &str) -> Option<String> {
    jws::text(&jws::unverified_claims(assertion)?, "sub").map(str::to_owned)
}

/// Checks what an assertion says whose signature is right. `audiences` are the names that we have:
/// the issuer and the token endpoint.
///
/// # Errors
/// What is wrong, for the client's developer.
pub(crate) fn check(
    claims: &Map<String, Value>,
    client_id: &str,
    audiences: &[&str],
    now: DateTime<Utc>,
) -> Result<Accepted, &'static str> {
    if jws::text(claims, "iss") != Some(client_id) || jws::text(claims, "sub") != Some(client_id) {
        return Err("iss and sub of the assertion must both be the client_id");
    }
    if !jws::audiences(claims).iter().any(|aud| audiences.contains(aud)) {
        return Err("aud of the assertion must be the issuer or the token endpoint");
    }
    let time = |name| jws::time(claims, name).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let expires_at = time("exp").and_then(|exp| exp.checked_add_signed(LEEWAY));
    let expires_at = expires_at.ok_or("the assertion has no exp")?;
    if expires_at <= now {
        return Err("the assertion has expired");
    }
    if expires_at > now + LONGEST + LEEWAY * 2 {
        return Err("exp of the assertion is more than an hour ahead");
    }
    if ["iat", "nbf"]
        .into_iter()
        .any(|name| time(name).is_some_and(|at| at > now + LEEWAY))
    {
        return Err("the assertion is not good yet");
    }
    let jti = jws::text(claims, "jti").filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()));
    let jti = jti.ok_or("the assertion has no jti")?;
    Ok(Accepted {
        jti_hash: Sha256::digest(jti).to_vec(),
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AUDIENCES: [&str; 2] = ["https://id.example.ru", "https://id.example.ru/oauth2/token"];

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(20_000)
    }

    fn claims(changes: Value) -> Map<String, Value> {
        let seconds = now().timestamp();
        let Value::Object(mut claims) = json!({
            "iss": "erp", "sub": "erp", "aud": AUDIENCES[1], "jti": "1", "iat": seconds, "exp": seconds + 60,
        }) else {
            unreachable!()
        };
        let Value::Object(changes) = changes else {
            unreachable!()
        };
        claims.extend(changes);
        claims
    }

    fn verdict(changes: Value) -> Result<Accepted, &'static str> {
        check(&claims(changes), "erp", &AUDIENCES, now())
    }

    #[test]
    fn an_assertion_is_of_the_client_for_us_and_good_for_a_while() {
        let seconds = now().timestamp();
        for fine in [
            json!({}),
            json!({ "aud": AUDIENCES[0] }),
            json!({ "aud": ["https://other.example", AUDIENCES[0]] }),
            // As authlib makes them.
            json!({ "exp": seconds + 3600 }),
            json!({ "exp": seconds - 29 }),
            json!({ "iat": null }),
        ] {
            assert!(verdict(fine.clone()).is_ok(), "{fine}");
        }
        for wrong in [
            json!({ "iss": "other" }),
            json!({ "sub": "other" }),
            json!({ "sub": null }),
            json!({ "aud": "https://other.example" }),
            json!({ "aud": null }),
            json!({ "aud": "https://id.example.ru/" }),
            json!({ "exp": null }),
            json!({ "exp": seconds - 30 }),
            json!({ "exp": seconds + 3700 }),
            json!({ "exp": 1e300 }),
            json!({ "iat": seconds + 31 }),
            json!({ "nbf": seconds + 31 }),
            json!({ "jti": null }),
            json!({ "jti": "" }),
            json!({ "jti": "x".repeat(257) }),
        ] {
            assert!(verdict(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_assertion_is_remembered_until_it_would_not_count_anyway() {
        let accepted = verdict(json!({})).unwrap();
        let late = accepted.expires_at;
        assert!(check(&claims(json!({})), "erp", &AUDIENCES, late - Duration::seconds(1)).is_ok());
        assert!(check(&claims(json!({})), "erp", &AUDIENCES, late).is_err());
    }
}
