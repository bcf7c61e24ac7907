//! Tokens that others have signed (RFC 7515): by which algorithms and keys they count. What they
//! have to say is for those to check who ask for them.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

/// A longer token is none; parsing it would only cost time.
const MAX_TOKEN_BYTES: usize = 32 * 1024;
/// The algorithms that count: those with public keys.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwsError {
    #[error("the token is too long or has no readable header")]
    Unreadable,
    /// `none` and algorithms of a shared secret among them: a public key would be the secret.
    #[error("the algorithm is not one of public keys")]
    Algorithm,
    /// Keys that a token brings along prove nothing.
    #[error("the header names a key of its own")]
    EmbeddedKey,
    #[error("no published key fits")]
    UnknownKey,
    #[error("the signature is wrong")]
    Signature(#[source] jsonwebtoken::errors::Error),
}

/// How a token says that it was signed.
#[derive(Debug)]
pub(crate) struct Header {
    algorithm: Algorithm,
    pub(crate) kid: Option<String>,
}

impl Header {
    /// Reads the header, and refuses what no token needs.
    ///
    /// # Errors
    /// [`JwsError::Unreadable`], [`JwsError::Algorithm`], [`JwsError::EmbeddedKey`].
    pub(crate) fn read(token: &str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::Unreadable);
        }
        let raw = part(token, 0).ok_or(JwsError::Unreadable)?;
        if ["jwk", "jku", "x5u", "x5c", "crit"]
            .iter()
            .any(|name| raw.contains_key(*name))
        {
            return Err(JwsError::EmbeddedKey);
        }
        let algorithm = raw.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm: Algorithm = algorithm.parse().map_err(|_| JwsError::Algorithm)?;
        if !ALGORITHMS.contains(&algorithm) {
            return Err(JwsError::Algorithm);
        }
        let kid = raw.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { algorithm, kid })
    }

    /// The hash that belongs to the algorithm of the signature.
    pub(crate) fn hash(&self, text: &str) -> Vec<u8> {
        let algorithm = match self.algorithm {
            Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
            Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &SHA512,
            _ => &SHA256,
        };
        digest(algorithm, text.as_bytes()).as_ref().to_vec()
    }

    #[cfg(test)]
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        Self { algorithm, kid: None }
    }
}

/// What a token says before anybody has checked who says it.
pub(crate) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    (token.len() <= MAX_TOKEN_BYTES).then(|| part(token, 1))?
}

fn part(token: &str, index: usize) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The claims of a token that one of the keys has signed.
///
/// # Errors
/// [`JwsError::UnknownKey`], [`JwsError::Signature`].
pub(crate) fn open(token: &str, header: &Header, keys: &[Jwk]) -> Result<Map<String, Value>, JwsError> {
    let mut validation = Validation::new(header.algorithm);
    // Whoever asked for the token checks against our own clock, all at one place.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let mut result = Err(JwsError::UnknownKey);
    for key in keys.iter().filter(|key| may_sign(key, header.algorithm)) {
        let Ok(key) = DecodingKey::from_jwk(key) else {
            continue;
        };
        match jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation) {
            Ok(token) => return Ok(token.claims),
            Err(error) => result = Err(JwsError::Signature(error)),
        }
    }
    result
}

/// A key is for one algorithm, as far as it says so, and not for encryption.
fn may_sign(key: &Jwk, algorithm: Algorithm) -> bool {
    let fits = |stated: &jsonwebtoken::jwk::KeyAlgorithm| stated.to_string() == format!("{algorithm:?}");
    key.common.key_algorithm.as_ref().is_none_or(fits)
        && key
            .common
            .public_key_use
            .as_ref()
            .is_none_or(|stated| *stated == PublicKeyUse::Signature)
}

/// The text of a claim.
pub(crate) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// A time as seconds since 1970. Some send it with a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds since 1970, compared with a leeway"
)]
pub(crate) fn time(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    claims
        .get(name)
        .and_then(Value::as_f64)
        .map(|seconds| seconds as i64)
}

/// For whom the token is.
pub(crate) fn audiences(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
