//! Signed statements about the log: so many entries, this root (RFC 6962), this last hash.
//!
//! A chain alone does not stop somebody who owns the database from writing all of it anew. A checkpoint
//! is signed with a key that is not in the database, and copies of it leave for the outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use chrono::{DateTime, SecondsFormat, Utc};
use common::sealing;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::encoding::Canonical;

/// A statement about the first `size` entries, with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Number of the statement, from 1 without gaps.
    pub(crate) number: i64,
    /// Entries that it is about.
    pub(crate) size: i64,
    /// Root of their Merkle tree.
    pub(crate) root: Vec<u8>,
    /// Hash of entry `size`.
    pub(crate) hash: Vec<u8>,
    /// SHA-256 of the statement before this one; zeros for the first.
    pub(crate) previous: Vec<u8>,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) key_id: String,
    /// Ed25519 (RFC 8032) of [`Checkpoint::statement`].
    pub(crate) signature: Vec<u8>,
}

impl Checkpoint {
    /// What is signed: lines of text, so that `openssl` can check it.
    pub(crate) fn statement(&self) -> String {
        format!(
            "ai1c-audit-checkpoint/1\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.number,
            self.size,
            hex::encode(&self.root),
            hex::encode(&self.hash),
            hex::encode(&self.previous),
            self.made_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            self.key_id,
        )
    }

    /// What the next statement names as its predecessor.
    pub(crate) fn statement_hash(&self) -> [u8; 32] {
        Sha256::digest(self.statement()).into()
    }
}

/// A checkpoint as it is told and as copies of it are kept outside.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CheckpointJson {
    pub(crate) number: i64,
    pub(crate) size: i64,
    pub(crate) root: String,
    pub(crate) hash: String,
    pub(crate) previous: String,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) key_id: String,
    /// Hexadecimal.
    pub(crate) signature: String,
}

impl From<&Checkpoint> for CheckpointJson {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            number: checkpoint.number,
            size: checkpoint.size,
            root: hex::encode(&checkpoint.root),
            hash: hex::encode(&checkpoint.hash),
            previous: hex::encode(&checkpoint.previous),
            made_at: checkpoint.made_at,
            key_id: checkpoint.key_id.clone(),
            signature: hex::encode(&checkpoint.signature),
        }
    }
}

impl CheckpointJson {
    /// The checkpoint; `None` when a member is not hexadecimal.
    pub(crate) fn read(&self) -> Option<Checkpoint> {
        let bytes = |text: &str| hex::decode(text).ok();
        Some(Checkpoint {
            number: self.number,
            size: self.size,
            root: bytes(&self.root)?,
            hash: bytes(&self.hash)?,
            previous: bytes(&self.previous)?,
            made_at: self.made_at,
            key_id: self.key_id.clone(),
            signature: bytes(&self.signature)?,
        })
    }
}

/// A public key of 32 bytes.
pub(crate) type PublicKey = [u8; 32];

/// Signs checkpoints, and knows which keys have signed earlier ones. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
    key_id: String,
    trusted: Arc<BTreeMap<String, PublicKey>>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

impl Signer {
    /// The signer whose key is derived from `secret`. Checkpoints of the `earlier` keys are believed too.
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub fn new(secret: &SecretString, earlier: &[[u8; 32]]) -> Result<Self, Unspecified> {
        let seed = sealing::derive(secret, "security audit checkpoints")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Unspecified)?;
        let own: PublicKey = pair.public_key().as_ref().try_into().map_err(|_| Unspecified)?;
        let keys = earlier.iter().chain([&own]);
        Ok(Self {
            pair: Arc::new(pair),
            key_id: key_id(&own),
            trusted: Arc::new(keys.map(|key| (key_id(key), *key)).collect()),
        })
    }

    /// The key that signs now.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The keys that are believed, by their ids.
    pub(crate) fn trusted(&self) -> &BTreeMap<String, PublicKey> {
        &self.trusted
    }

    /// Puts key and signature on a statement.
    pub(crate) fn sign(&self, mut checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.key_id.clone_from(&self.key_id);
        let signature = self.pair.sign(checkpoint.statement().as_bytes());
        checkpoint.signature = signature.as_ref().to_vec();
        checkpoint
    }

    /// True when one of our keys has signed the statement.
    pub(crate) fn has_signed(&self, checkpoint: &Checkpoint) -> bool {
        self.trusted.get(&checkpoint.key_id).is_some_and(|key| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            let statement = checkpoint.statement();
            key.verify(statement.as_bytes(), &checkpoint.signature).is_ok()
        })
    }
}

fn key_id(key: &PublicKey) -> String {
    let mut canonical = Canonical::new(b"audit.key.v1");
    canonical.bytes(key);
    hex::encode(&canonical.finish()[..8])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A signer with a key of its own.
    pub(crate) fn signer(secret: &str) -> Signer {
        Signer::new(&SecretString::from(secret), &[]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            number: 1,
            size: 10,
            root: vec![1; 32],
            hash: vec![2; 32],
            previous: vec![0; 32],
            made_at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            key_id: String::new(),
            signature: Vec::new(),
        }
    }

    #[test]
    fn any_change_of_a_checkpoint_shows() {
        let signer = signer("one");
        let signed = signer.sign(checkpoint());
        assert!(signer.has_signed(&signed));
        let changes: [fn(&mut Checkpoint); 7] = [
            |c| c.number += 1,
            |c| c.size += 1,
            |c| c.root[0] ^= 1,
            |c| c.hash[31] ^= 1,
            |c| c.previous[0] ^= 1,
            |c| c.made_at += chrono::Duration::microseconds(1),
            |c| c.signature[5] ^= 1,
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(!signer.has_signed(&changed), "{changed:?}");
        }
    }

    #[test]
    fn a_stranger_is_not_believed_and_an_earlier_key_is() {
        let (old, new) = (signer("old"), signer("new"));
        let signed = old.sign(checkpoint());
        assert!(!new.has_signed(&signed));
        let earlier: Vec<PublicKey> = old.trusted().values().copied().collect();
        let heir = Signer::new(&SecretString::from("new"), &earlier).unwrap();
        assert!(heir.has_signed(&signed));
        assert_eq!(heir.key_id(), new.key_id());
    }

    #[test]
    fn a_copy_says_the_same() {
        let signed = signer("one").sign(checkpoint());
        let text = serde_json::to_string(&CheckpointJson::from(&signed)).unwrap();
        let copy: CheckpointJson = serde_json::from_str(&text).unwrap();
        assert_eq!(copy.read().unwrap(), signed);
    }
}
