//! What makes two answers the same.

use common::auth::{Identity, Permission, Selected};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Version of what is kept: entries of other releases are not found.
const FORM: &str = "1";

/// A key in the making. Its parts are hashed with their lengths, so that no two lists of parts are the
/// same bytes; the texts themselves are not kept.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    kind: &'static str,
    hash: Sha256,
}

impl Key {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            hash: Sha256::new(),
        }
        .and(FORM)
    }

    /// One part more.
    #[must_use]
    pub(crate) fn and(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.hash.update((part.len() as u64).to_le_bytes());
        self.hash.update(part);
        self
    }

    /// An id, or none.
    #[must_use]
    pub(crate) fn and_id(self, id: Option<Uuid>) -> Self {
        self.and(id.map(|id| id.to_string()).unwrap_or_default())
    }

    /// The kind, for metrics.
    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name in Redis.
    pub(super) fn name(&self) -> String {
        let digest = self.hash.clone().finalize();
        let mut name = format!("assistant:cache:{}:", self.kind);
        for byte in digest {
            name.push_str(&format!("{byte:02x}"));
        }
        name
    }
}

/// Everything that decides what a caller may see. Callers with the same rights see the same.
pub(crate) fn rights(identity: &Identity) -> String {
    let names = |selected: &Selected| Vec::<String>::from(selected.clone()).join(",");
    let permissions: Vec<&str> = identity.permissions.iter().map(Permission::as_str).collect();
    format!(
        "{}|{}|{}",
        permissions.join(","),
        names(&identity.companies),
        names(&identity.infobases)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let name = |parts: &[&str]| {
            parts
                .iter()
                .fold(Key::new("answer"), |key, part| key.and(part))
                .name()
        };
        assert_eq!(name(&["ab", "c"]), name(&["ab", "c"]));
        for other in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"]] {
            assert_ne!(name(&["ab", "c"]), name(other), "{other:?}");
        }
        assert_ne!(Key::new("answer").name(), Key::new("tool").name());
    }
}
