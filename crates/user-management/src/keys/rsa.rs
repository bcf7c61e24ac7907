//! RS256: RSA keys of 2048 bits as they are published, and signing with them.

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Signs tokens with one key. The key is taken apart once, not for each token.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pair: RsaKeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The signer of a private key in PKCS #8.
    pub(super) fn new(kid: String, pkcs8: &[u8]) -> Result<Self, Unspecified> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_: KeyRejected| Unspecified)?;
        Ok(Self { kid, pair })
    }

    /// A JWT of these claims (RFC 7515, compact form).
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub(crate) fn jwt(&self, claims: &impl Serialize) -> Result<String, Unspecified> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid });
        let claims = serde_json::to_vec(claims).map_err(|_| Unspecified)?;
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// The published form of a public key (RFC 7518, section 6.3.1).
pub(super) fn jwk(kid: &str, public_key: &[u8]) -> Option<Value> {
    let (n, e) = components(public_key)?;
    let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
    Some(json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": n, "e": e }))
}

/// SHA-256 thumbprint of a public key (RFC 7638, section 3).
pub(super) fn thumbprint(public_key: &[u8]) -> Option<String> {
    let (n, e) = components(public_key)?;
    let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017, appendix A.1.1), without leading zeros.
fn components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (inside, _) = element(der, SEQUENCE)?;
    let (n, rest) = element(inside, INTEGER)?;
    let (e, _) = element(rest, INTEGER)?;
    let positive = |bytes: &'_ [u8]| bytes.iter().take_while(|byte| **byte == 0).count();
    Some((&n[positive(n)..], &e[positive(e)..]))
}

/// The content of a DER element of that tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (found == tag).then_some((content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7638, section 3.1, as an `RSAPublicKey`.
    fn example() -> Vec<u8> {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let n = URL_SAFE_NO_PAD.decode(n).unwrap();
        let mut inside = vec![0x02, 0x82, 0x01, 0x01, 0x00];
        inside.extend_from_slice(&n);
        inside.extend_from_slice(&[0x02, 0x03, 0x01, 0x00, 0x01]);
        let mut der = vec![0x30, 0x82];
        der.extend_from_slice(&u16::try_from(inside.len()).unwrap().to_be_bytes());
        der.extend_from_slice(&inside);
        der
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        assert_eq!(
            thumbprint(&example()).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        let jwk = jwk("k", &example()).unwrap();
        assert_eq!(
            (jwk["e"].as_str(), jwk["kty"].as_str()),
            (Some("AQAB"), Some("RSA"))
        );
    }

    #[test]
    fn what_is_no_key_is_none() {
        let good = example();
        for end in [0, 1, 4, 8, good.len() - 1] {
            assert!(components(&good[..end]).is_none(), "{end}");
        }
        assert!(components(&[0x02, 0x01, 0x01]).is_none());
        assert!(components(&[0x30, 0x85, 1, 1, 1, 1, 1]).is_none());
    }
}
