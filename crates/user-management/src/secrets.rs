//! What is derived from `JWT_SECRET_KEY`: the key that signing keys are sealed with, and the key
//! that refresh tokens are made with. Each has its own purpose and cannot stand in for the other.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};
use secrecy::{ExposeSecret, SecretString};

/// Salt of the derivation (RFC 5869): not secret, only ours.
const SALT: &[u8] = b"ai-assistants-1c/user-management/v1";

/// Seals private keys for storage.
pub(crate) struct Sealer(RandomizedNonceKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// A sealed value that this secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed under another secret, or damaged")]
pub(crate) struct NotOurs;

impl Sealer {
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        let key = derive(secret, b"signing keys")?;
        Ok(Self(RandomizedNonceKey::new(&AES_256_GCM, &key)?))
    }

    /// Nonce, ciphertext and tag. The value opens only under the same `name`.
    pub(crate) fn seal(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = value.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// The value sealed under that name.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut rest = rest.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut rest);
        opened.map(|value| value.to_vec()).map_err(|_| NotOurs)
    }
}

/// The key that refresh tokens are made with.
pub(crate) fn refresh_key(secret: &SecretString) -> Result<hmac::Key, Unspecified> {
    Ok(hmac::Key::new(
        hmac::HMAC_SHA256,
        &derive(secret, b"refresh tokens")?,
    ))
}

fn derive(secret: &SecretString, purpose: &[u8]) -> Result<[u8; 32], Unspecified> {
    let secret = secret.expose_secret().as_bytes();
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
    let info = [purpose];
    let mut key = [0; 32];
    pseudorandom.expand(&info, hkdf::HKDF_SHA256)?.fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_and_name_open() {
        let sealer = Sealer::new(&SecretString::from("one")).unwrap();
        let sealed = sealer.seal("kid", b"private").unwrap();
        assert_ne!(
            sealed,
            sealer.seal("kid", b"private").unwrap(),
            "each has a nonce of its own"
        );
        assert_eq!(sealer.open("kid", &sealed).unwrap(), b"private");
        assert_eq!(sealer.open("other", &sealed), Err(NotOurs));
        let stranger = Sealer::new(&SecretString::from("two")).unwrap();
        assert_eq!(stranger.open("kid", &sealed), Err(NotOurs));
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open("kid", &damaged), Err(NotOurs));
        assert_eq!(sealer.open("kid", &sealed[..5]), Err(NotOurs));
    }

    #[test]
    fn purposes_have_different_keys() {
        let secret = SecretString::from("one");
        assert_ne!(
            derive(&secret, b"signing keys").unwrap(),
            derive(&secret, b"refresh tokens").unwrap()
        );
    }
}
