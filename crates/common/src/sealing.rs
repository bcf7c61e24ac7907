//! Secrets encrypted at rest: AES-256-GCM under keys derived from one secret of the configuration.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
pub use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use secrecy::{ExposeSecret, SecretString};

/// Salt of the derivation: not secret, only ours.
const SALT: &[u8] = b"ai-assistants-1c/v1";

/// A key of 256 bits derived from a secret by HKDF-SHA-256 (RFC 5869). Keys of different purposes
/// cannot stand in for each other.
///
/// # Errors
/// Only when the cryptography library fails.
pub fn derive(secret: &SecretString, purpose: &str) -> Result<[u8; 32], Unspecified> {
    let pseudorandom = Salt::new(HKDF_SHA256, SALT).extract(secret.expose_secret().as_bytes());
    let info = [purpose.as_bytes()];
    let mut key = [0; 32];
    pseudorandom.expand(&info, HKDF_SHA256)?.fill(&mut key)?;
    Ok(key)
}

/// Seals values for storage.
pub struct Sealer(RandomizedNonceKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// A sealed value that this secret does not open, or not under this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed under another secret or name, or damaged")]
pub struct NotOurs;

impl Sealer {
    /// A sealer for one purpose, such as `user-management signing keys`.
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub fn new(secret: &SecretString, purpose: &str) -> Result<Self, Unspecified> {
        Ok(Self(RandomizedNonceKey::new(
            &AES_256_GCM,
            &derive(secret, purpose)?,
        )?))
    }

    /// Nonce, ciphertext and tag. The value opens only under the same `name`, so that it cannot be
    /// moved to another row.
    ///
    /// # Errors
    /// Only when the machine has no randomness.
    pub fn seal(&self, name: &[u8], value: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = value.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name), &mut sealed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// The value that was sealed under that name.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut rest = rest.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(name), &mut rest);
        opened.map(|value| value.to_vec()).map_err(|_| NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_purpose_and_name_open() {
        let one = SecretString::from("one");
        let sealer = Sealer::new(&one, "keys").unwrap();
        let sealed = sealer.seal(b"kid", "пароль".as_bytes()).unwrap();
        let again = sealer.seal(b"kid", "пароль".as_bytes()).unwrap();
        assert_ne!(sealed, again, "each has a nonce of its own");
        assert_eq!(sealer.open(b"kid", &sealed).unwrap(), "пароль".as_bytes());
        assert_eq!(sealer.open(b"other", &sealed), Err(NotOurs));
        let stranger = Sealer::new(&SecretString::from("two"), "keys").unwrap();
        assert_eq!(stranger.open(b"kid", &sealed), Err(NotOurs));
        let other_purpose = Sealer::new(&one, "passwords").unwrap();
        assert_eq!(other_purpose.open(b"kid", &sealed), Err(NotOurs));
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open(b"kid", &damaged), Err(NotOurs));
        assert_eq!(sealer.open(b"kid", &sealed[..5]), Err(NotOurs));
    }

    #[test]
    fn purposes_have_different_keys() {
        let secret = SecretString::from("one");
        assert_ne!(
            derive(&secret, "keys").unwrap(),
            derive(&secret, "tokens").unwrap()
        );
    }
}
