//! Keys of programs: `ak_<id>_<secret>_<checksum>`, shown once and kept as a hash.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::rights::Rights;

/// Life of the tokens that a key is exchanged for.
pub(crate) const TOKEN_LIFE: Duration = Duration::minutes(5);
/// Days that a key lives unless something else is asked for.
pub(crate) const DEFAULT_DAYS: i64 = 90;
/// Days that a key may live.
pub(crate) const MAX_DAYS: i64 = 366;
/// Hours that the former key goes on working after a rotation, unless something else is asked for.
pub(crate) const OVERLAP_HOURS: i64 = 24;
/// Hours that it may go on working.
pub(crate) const MAX_OVERLAP_HOURS: i64 = 7 * 24;
/// Keys that one account may have.
pub(crate) const MAX_KEYS: i64 = 50;

const PREFIX: &str = "ak_";
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// A key as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    /// Absent when the program signs with a key of its own.
    pub(crate) secret_hash: Vec<u8>,
    /// What the key may be used for, at most what its owner may do at that moment.
    pub(crate) rights: Rights,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) replaced_by: Option<Uuid>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// A key as somebody presents it: well formed, not yet known to be ours.
pub(crate) struct Presented {
    pub(crate) id: Uuid,
    hash: [u8; 32],
}

impl Presented {
    /// The parts of a key; `None` when it cannot be one of ours, as after a slip in typing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (body, checksum) = text.rsplit_once('_')?;
        if checksum != checksum_of(body) {
            return None;
        }
        let (id, _secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self {
            id: id.parse().ok()?,
            hash: Sha256::digest(text).into(),
        })
    }

    /// True when this is the key.
    pub(crate) fn is(&self, key: &ApiKey) -> bool {
        let hash = key.secret_hash.as_slice();
        self.id == key.id && verify_slices_are_equal(&self.hash, hash).is_ok()
    }
}

/// A new key and its hash.
pub(crate) fn generate(id: Uuid) -> (SecretString, Vec<u8>) {
    let secret = hex::encode(rand::random::<[u8; SECRET_BYTES]>());
    let body = format!("{PREFIX}{}_{secret}", id.simple());
    let key = SecretString::from(format!("{body}_{}", checksum_of(&body)));
    let hash = Sha256::digest(key.expose_secret()).to_vec();
    (key, hash)
}

/// Tells a mistyped key, and lets scanners of secrets know one of ours.
fn checksum_of(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    hex::encode(digest.split_at(CHECKSUM_BYTES).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::auth::PermissionSet;
    use common::ids;

    use crate::rights::Reach;

    #[test]
    fn a_key_is_itself_and_no_other() {
        let id = ids::new_id();
        let (key, hash) = generate(id);
        let text = key.expose_secret();
        let stored = ApiKey {
            id,
            owner: ids::new_id(),
            name: "test".to_owned(),
            secret_hash: hash,
            rights: Rights {
                permissions: PermissionSet::EMPTY,
                reach: Reach::ALL,
            },
            created_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH,
            last_used_at: None,
            replaced_by: None,
            revoked_at: None,
        };
        assert!(Presented::parse(text).unwrap().is(&stored));
        let (other, _) = generate(id);
        assert!(!Presented::parse(other.expose_secret()).unwrap().is(&stored));
        let slip = text.replacen(|c: char| c.is_ascii_digit(), "x", 1);
        for text in ["", "ak_", "ak_1_2_3", &text[..text.len() - 1], &slip] {
            assert!(Presented::parse(text).is_none(), "{text}");
        }
    }
}
