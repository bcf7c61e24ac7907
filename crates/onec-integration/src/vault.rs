//! Passwords of infobases, encrypted at rest.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Separates this key from others that may be derived from the same secret.
const PURPOSE: &[u8] = b"onec-integration infobase passwords";

/// AES-256-GCM under a key derived from `ONEC_ENCRYPTION_KEY` by HKDF (RFC 5869). The id of the
/// infobase is authenticated too, so that a password cannot be moved to another row.
#[derive(Debug)]
pub(crate) struct Vault(RandomizedNonceKey);

/// A password cannot be read: another key or damaged data.
#[derive(Debug, thiserror::Error)]
#[error("a stored password cannot be decrypted: was ONEC_ENCRYPTION_KEY changed?")]
pub(crate) struct Undecryptable;

impl Vault {
    /// A vault under a secret.
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        Salt::new(HKDF_SHA256, b"ai-assistants-1c")
            .extract(secret.expose_secret().as_bytes())
            .expand(&[PURPOSE], HKDF_SHA256)?
            .fill(&mut key)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self)
    }

    /// Nonce, ciphertext and tag.
    pub(crate) fn seal(&self, infobase: Uuid, password: &SecretString) -> Result<Vec<u8>, Unspecified> {
        let mut body = password.expose_secret().as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(infobase), &mut body)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// The password.
    pub(crate) fn open(&self, infobase: Uuid, sealed: &[u8]) -> Result<SecretString, Undecryptable> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(Undecryptable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Undecryptable)?;
        let mut body = body.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(infobase), &mut body)
            .map_err(|_| Undecryptable)?;
        let password = String::from_utf8(plain.to_vec()).map_err(|_| Undecryptable)?;
        Ok(SecretString::from(password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_infobase_open() {
        let vault = Vault::new(&SecretString::from("one")).unwrap();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = vault.seal(a, &SecretString::from("пароль")).unwrap();
        assert_ne!(sealed, vault.seal(a, &SecretString::from("пароль")).unwrap());
        assert_eq!(vault.open(a, &sealed).unwrap().expose_secret(), "пароль");
        assert!(vault.open(b, &sealed).is_err());
        assert!(
            Vault::new(&SecretString::from("two"))
                .unwrap()
                .open(a, &sealed)
                .is_err()
        );
        assert!(vault.open(a, &sealed[..5]).is_err());
    }
}
