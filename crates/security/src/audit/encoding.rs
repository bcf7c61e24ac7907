//! The canonical encoding that is hashed: numbers as 8 bytes big-endian, texts with their length before
//! them, optional fields with a byte that tells whether they are there.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Hashes fields so that none can flow into another.
pub(crate) struct Canonical(Sha256);

impl Canonical {
    /// Begins with a domain, which keeps these hashes apart from those of any other use.
    pub(crate) fn new(domain: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(domain);
        Self(hasher)
    }

    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    pub(crate) fn id(&mut self, id: &Uuid) -> &mut Self {
        self.0.update(id.as_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.update((value.len() as u64).to_be_bytes());
        self.0.update(value);
        self
    }

    pub(crate) fn optional(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => {
                self.0.update([1]);
                self.bytes(value)
            }
            None => {
                self.0.update([0]);
                self
            }
        }
    }

    pub(crate) fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        self.optional(value.map(str::as_bytes))
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
