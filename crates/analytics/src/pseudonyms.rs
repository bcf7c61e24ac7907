//! Users under other names: statistics count people and need not know who they are.
//!
//! The same user has the same pseudonym, so that distinct users can be counted; without the key
//! nobody gets from one to the other.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use common::sealing::{self, Unspecified};
use secrecy::SecretString;
use uuid::{Builder, Uuid};

/// Makes pseudonyms. After a change of the secret users have others and are counted anew.
#[derive(Debug, Clone)]
pub(crate) struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// # Errors
    /// Only when the cryptography library fails.
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        let key = sealing::derive(secret, "analytics pseudonyms of users")?;
        Ok(Self(hmac::Key::new(HMAC_SHA256, &key)))
    }

    /// The pseudonym of a user: a UUID of version 8, which no id of ours is.
    pub(crate) fn of(&self, user: Uuid) -> Uuid {
        let tag = hmac::sign(&self.0, user.as_bytes());
        let mut bytes = [0; 16];
        for (byte, of_tag) in bytes.iter_mut().zip(tag.as_ref()) {
            *byte = *of_tag;
        }
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_users_and_the_keys() {
        let of = |secret: &str, user| Pseudonyms::new(&SecretString::from(secret)).unwrap().of(user);
        let (one, other) = (common::ids::new_id(), common::ids::new_id());
        let pseudonym = of("secret", one);
        assert_eq!((pseudonym, pseudonym.get_version_num()), (of("secret", one), 8));
        assert_ne!(pseudonym, of("secret", other));
        assert_ne!(pseudonym, of("another", one));
    }
}
