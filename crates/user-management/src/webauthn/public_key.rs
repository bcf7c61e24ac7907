//! Keys of credentials: COSE_Key (RFC 9052, section 7; RFC 9053).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ciborium::Value;

use super::Refused;

pub(super) const ES256: i64 = -7;
pub(super) const EDDSA: i64 = -8;
pub(super) const RS256: i64 = -257;

/// A key of one of the kinds that we offer.
pub(super) enum PublicKey {
    /// P-256: the uncompressed point.
    Es256(Vec<u8>),
    Ed25519(Vec<u8>),
    /// Modulus and exponent.
    Rs256(Vec<u8>, Vec<u8>),
}

impl PublicKey {
    /// The key of a COSE_Key.
    pub(super) fn parse(cose: &[u8]) -> Result<Self, Refused> {
        let value: Value = ciborium::from_reader(cose).map_err(|_| Refused::Malformed("key"))?;
        let members = value.into_map().map_err(|_| Refused::Malformed("key"))?;
        let member = |label: i64| {
            let mut found = members
                .iter()
                .filter(|(key, _)| key.as_integer() == Some(label.into()));
            found.next().map(|(_, value)| value)
        };
        let number = |label| {
            member(label)
                .and_then(Value::as_integer)
                .and_then(|n| i64::try_from(n).ok())
        };
        let bytes = |label| {
            member(label)
                .and_then(Value::as_bytes)
                .ok_or(Refused::Malformed("key"))
        };
        // kty, alg, crv.
        match (number(1), number(3), number(-1)) {
            (Some(2), Some(ES256), Some(1)) => {
                let (x, y) = (bytes(-2)?, bytes(-3)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(Refused::Malformed("key"));
                }
                Ok(Self::Es256([&[4], x.as_slice(), y.as_slice()].concat()))
            }
            (Some(1), Some(EDDSA), Some(6)) => Ok(Self::Ed25519(bytes(-2)?.clone())),
            // -1 and -2 are modulus and exponent here (RFC 8230, section 4).
            (Some(3), Some(RS256), None) => Ok(Self::Rs256(bytes(-1)?.clone(), bytes(-2)?.clone())),
            _ => Err(Refused::UnsupportedKey),
        }
    }

    /// Refuses a signature of another key or of another message.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let verified = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256(n, e) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.map_err(|_| Refused::WrongSignature)
    }
}
