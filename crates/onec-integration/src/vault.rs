//! Passwords of infobases, encrypted at rest.

use common::sealing::{Sealer, Unspecified};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Seals passwords under `ONEC_ENCRYPTION_KEY`, each for its infobase only.
#[derive(Debug)]
pub(crate) struct Vault(Sealer);

/// A password cannot be read: another key or damaged data.
#[derive(Debug, thiserror::Error)]
#[error("a stored password cannot be decrypted: was ONEC_ENCRYPTION_KEY changed?")]
pub(crate) struct Undecryptable;

impl Vault {
    /// A vault under a secret.
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        Sealer::new(secret, "onec-integration infobase passwords").map(Self)
    }

    /// The password as it is stored.
    pub(crate) fn seal(&self, infobase: Uuid, password: &SecretString) -> Result<Vec<u8>, Unspecified> {
        self.0
            .seal(infobase.as_bytes(), password.expose_secret().as_bytes())
    }

    /// The password.
    pub(crate) fn open(&self, infobase: Uuid, sealed: &[u8]) -> Result<SecretString, Undecryptable> {
        let plain = self
            .0
            .open(infobase.as_bytes(), sealed)
            .map_err(|_| Undecryptable)?;
        let password = String::from_utf8(plain).map_err(|_| Undecryptable)?;
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
