//! Links to report files that open without a token until they end: whoever has one has the file.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use chrono::{DateTime, Utc};
use common::sealing::{self, Unspecified};
use secrecy::SecretString;
use uuid::Uuid;

/// Why a link does not open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// It was not made here, or has been changed.
    Forged,
    /// Its time has passed.
    Ended,
}

/// Signs links and recognises its own.
#[derive(Debug)]
pub(crate) struct Links(hmac::Key);

impl Links {
    /// # Errors
    /// Only when the cryptography library fails.
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        let key = sealing::derive(secret, "analytics report links")?;
        Ok(Self(hmac::Key::new(HMAC_SHA256, &key)))
    }

    /// The query string of a link to a file, up to a moment.
    pub(crate) fn sign(&self, file: Uuid, until: DateTime<Utc>) -> String {
        let expires = until.timestamp();
        let signature = hmac::sign(&self.0, &signed(file, expires));
        format!("expires={expires}&signature={}", hex::encode(signature.as_ref()))
    }

    /// Checks a link.
    ///
    /// # Errors
    /// [`LinkError`]; a forged one is not told whether it has ended.
    pub(crate) fn check(
        &self,
        file: Uuid,
        expires: i64,
        signature: &str,
        now: DateTime<Utc>,
    ) -> Result<(), LinkError> {
        let signature = hex::decode(signature).map_err(|_| LinkError::Forged)?;
        hmac::verify(&self.0, &signed(file, expires), &signature).map_err(|_| LinkError::Forged)?;
        if expires > now.timestamp() {
            Ok(())
        } else {
            Err(LinkError::Ended)
        }
    }
}

fn signed(file: Uuid, expires: i64) -> Vec<u8> {
    [file.as_bytes().as_slice(), &expires.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use common::ids;

    #[test]
    fn a_link_opens_its_file_until_it_ends() {
        let links = Links::new(&SecretString::from("one")).unwrap();
        let (file, now) = (ids::new_id(), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let query = links.sign(file, now + Duration::hours(1));
        let (expires, signature) = query
            .strip_prefix("expires=")
            .and_then(|rest| rest.split_once("&signature="))
            .unwrap();
        let expires: i64 = expires.parse().unwrap();
        assert_eq!(links.check(file, expires, signature, now), Ok(()));
        let late = now + Duration::hours(1);
        assert_eq!(links.check(file, expires, signature, late), Err(LinkError::Ended));
        for (file, expires, signature) in [
            (ids::new_id(), expires, signature),
            (file, expires + 3600, signature),
            (file, expires, "00"),
            (file, expires, "not hex"),
            (file, expires, &signature[2..]),
        ] {
            assert_eq!(
                links.check(file, expires, signature, late),
                Err(LinkError::Forged)
            );
        }
        let others = Links::new(&SecretString::from("two")).unwrap();
        assert_eq!(
            others.check(file, expires, signature, now),
            Err(LinkError::Forged)
        );
    }
}
