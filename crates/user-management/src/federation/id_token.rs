//! ID tokens: whose word counts (OpenID Connect Core 1.0, section 3.1.3.7).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use serde_json::{Map, Value};

use crate::jws::{self, Header, JwsError};

/// Clocks of two machines may differ by this many seconds.
const LEEWAY_SECONDS: i64 = 60;

/// What a token has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    /// What the login began with; `None` for a token that answers no login of ours.
    pub(super) nonce: Option<&'a str>,
}

/// Why a token does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error(transparent)]
    Jws(#[from] JwsError),
    #[error("the claim `{0}` is absent or wrong")]
    Claim(&'static str),
}

/// The claims of a token that one of the keys signed and that is as expected.
pub(super) fn verify(
    token: &str,
    header: &Header,
    keys: &[Jwk],
    expected: Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Map<String, Value>, TokenError> {
    check(jws::open(token, header, keys)?, expected, now)
}

fn check(
    claims: Map<String, Value>,
    expected: Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Map<String, Value>, TokenError> {
    let text = |name: &str| jws::text(&claims, name);
    let time = |name: &str| jws::time(&claims, name);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Claim("iss"));
    }
    let audiences = jws::audiences(&claims);
    if !audiences.contains(&expected.audience) {
        return Err(TokenError::Claim("aud"));
    }
    let party = text("azp");
    if party.is_some_and(|party| party != expected.audience) || (audiences.len() > 1 && party.is_none()) {
        return Err(TokenError::Claim("azp"));
    }
    let now = now.timestamp();
    if time("exp").is_none_or(|exp| exp.saturating_add(LEEWAY_SECONDS) <= now) {
        return Err(TokenError::Claim("exp"));
    }
    if time("iat").is_none_or(|iat| iat > now.saturating_add(LEEWAY_SECONDS)) {
        return Err(TokenError::Claim("iat"));
    }
    if time("nbf").is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS)) {
        return Err(TokenError::Claim("nbf"));
    }
    if let Some(nonce) = expected.nonce {
        let given = text("nonce").unwrap_or_default();
        verify_slices_are_equal(given.as_bytes(), nonce.as_bytes())
            .map_err(|_| TokenError::Claim("nonce"))?;
    }
    if claims.get("sub").and_then(super::person::subject_of).is_none() {
        return Err(TokenError::Claim("sub"));
    }
    Ok(claims)
}

/// Checks that the access token is the one that came with the ID token, when that says so
/// (section 3.1.3.8).
pub(super) fn check_access_token(
    claims: &Map<String, Value>,
    header: &Header,
    access_token: &str,
) -> Result<(), TokenError> {
    let Some(stated) = claims.get("at_hash").and_then(Value::as_str) else {
        return Ok(());
    };
    let hash = header.hash(access_token);
    let (half, _) = hash.split_at(hash.len() / 2);
    if URL_SAFE_NO_PAD.encode(half) == stated {
        Ok(())
    } else {
        Err(TokenError::Claim("at_hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use chrono::Duration;
    use jsonwebtoken::jwk::PublicKeyUse;
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::json;

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://sso.example.com",
        audience: "ai1c",
        nonce: Some("n-0S6_WzA2Mj"),
    };

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(20_000)
    }

    fn claims() -> Value {
        let seconds = now().timestamp();
        json!({
            "iss": EXPECTED.issuer, "aud": EXPECTED.audience, "sub": "248289761001", "nonce": EXPECTED.nonce,
            "iat": seconds - 5, "exp": seconds + 300,
        })
    }

    fn pair() -> (EncodingKey, Jwk) {
        let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "alg": "EdDSA", "use": "sig" });
        (
            EncodingKey::from_ed_der(document.as_ref()),
            serde_json::from_value(jwk).unwrap(),
        )
    }

    fn sign(key: &EncodingKey, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
        header.kid = Some("one".to_owned());
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    fn verified(token: &str, keys: &[Jwk]) -> Result<Map<String, Value>, TokenError> {
        let header = Header::read(token)?;
        verify(token, &header, keys, EXPECTED, now())
    }

    #[test]
    fn a_token_counts_when_everything_fits() {
        common::service::install_crypto_provider();
        let (key, jwk) = pair();
        let mut claims = claims();
        assert!(verified(&sign(&key, &claims), std::slice::from_ref(&jwk)).is_ok());
        claims["aud"] = json!(["ai1c", "other"]);
        claims["azp"] = json!("ai1c");
        assert!(verified(&sign(&key, &claims), &[jwk]).is_ok());
    }

    #[test]
    fn every_wrong_claim_is_refused() {
        common::service::install_crypto_provider();
        let (key, jwk) = pair();
        let late = now().timestamp() - 61;
        let early = now().timestamp() + 61;
        for (name, value) in [
            ("iss", json!("https://sso.example.com/")),
            ("iss", json!(null)),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!(null)),
            ("azp", json!("other")),
            ("exp", json!(late)),
            ("exp", json!(null)),
            ("iat", json!(early)),
            ("iat", json!(null)),
            ("nbf", json!(early)),
            ("nonce", json!("other")),
            ("nonce", json!(null)),
            ("sub", json!("")),
            ("sub", json!(null)),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let result = verified(&sign(&key, &claims), std::slice::from_ref(&jwk));
            assert!(
                matches!(result, Err(TokenError::Claim(wrong)) if wrong == name),
                "{name} {value}"
            );
        }
        let mut claims = claims();
        claims["aud"] = json!(["ai1c", "other"]);
        let result = verified(&sign(&key, &claims), &[jwk]);
        assert!(
            matches!(result, Err(TokenError::Claim("azp"))),
            "several, and nobody is named"
        );
    }

    #[test]
    fn forged_signatures_are_refused() {
        common::service::install_crypto_provider();
        let ((key, jwk), (stranger, other)) = (pair(), pair());
        let token = sign(&key, &claims());
        assert!(matches!(
            verified(&sign(&stranger, &claims()), std::slice::from_ref(&jwk)),
            Err(TokenError::Jws(JwsError::Signature(_)))
        ));
        assert!(matches!(
            verified(&token, &[]),
            Err(TokenError::Jws(JwsError::UnknownKey))
        ));
        assert!(
            verified(&token, &[other, jwk.clone()]).is_ok(),
            "several keys of one id"
        );
        let mut encrypting = jwk.clone();
        encrypting.common.public_key_use = Some(PublicKeyUse::Encryption);
        assert!(matches!(
            verified(&token, &[encrypting]),
            Err(TokenError::Jws(JwsError::UnknownKey))
        ));

        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}.", part(json!({ "alg": "none" })), part(claims()));
        assert!(matches!(
            verified(&unsigned, std::slice::from_ref(&jwk)),
            Err(TokenError::Jws(JwsError::Algorithm))
        ));
        // The public key as the secret of an HMAC.
        let jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(public) = &jwk.algorithm else {
            panic!("{jwk:?}")
        };
        let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(&public.x).unwrap());
        let mut hmac = jsonwebtoken::Header::new(Algorithm::HS256);
        hmac.kid = Some("one".to_owned());
        let confused = jsonwebtoken::encode(&hmac, &claims(), &secret).unwrap();
        assert!(matches!(
            verified(&confused, std::slice::from_ref(&jwk)),
            Err(TokenError::Jws(JwsError::Algorithm))
        ));
        for name in ["jwk", "jku", "x5u", "x5c", "crit"] {
            let head = part(json!({ "alg": "EdDSA", "kid": "one", name: "x" }));
            let rest = token.split_once('.').unwrap().1;
            let result = verified(&format!("{head}.{rest}"), std::slice::from_ref(&jwk));
            assert!(
                matches!(result, Err(TokenError::Jws(JwsError::EmbeddedKey))),
                "{name}"
            );
        }
        for text in ["", ".", "a.b.c", &"x".repeat(40_000)] {
            assert!(
                matches!(
                    verified(text, std::slice::from_ref(&jwk)),
                    Err(TokenError::Jws(JwsError::Unreadable))
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn an_access_token_is_bound_when_the_id_token_says_so() {
        let header = Header::of(Algorithm::RS256);
        let claims = |hash: &str| Map::from_iter([("at_hash".to_owned(), json!(hash))]);
        // Computed by Python's hashlib.
        let token = "dNZX1hEZ9wBCzNL40Upu646bdzQA";
        assert!(check_access_token(&claims("wfgvmE9VxjAudsl9lc6TqA"), &header, token).is_ok());
        assert!(check_access_token(&claims("wfgvmE9VxjAudsl9lc6TqA"), &header, "other").is_err());
        assert!(check_access_token(&Map::new(), &header, "other").is_ok());
    }
}
