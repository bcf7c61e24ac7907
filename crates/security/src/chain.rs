//! Following the chain of the audit log.

use crate::audit::{Entry, GENESIS};

/// How a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Break {
    /// An entry is not there.
    Missing,
    /// An entry does not continue from its predecessor.
    Unlinked,
    /// The content of an entry is not what was hashed.
    Edited,
    /// Entries at the end are not there, or the end is another one than was last written.
    Truncated,
}

/// Where a chain is broken first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct FirstBroken {
    pub(crate) sequence: i64,
    pub(crate) kind: Break,
}

/// Follows a chain entry by entry, in constant memory.
#[derive(Debug)]
pub(crate) struct Verifier {
    sequence: i64,
    hash: Vec<u8>,
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self {
            sequence: 0,
            hash: GENESIS.to_vec(),
        }
    }

    /// Entries that were followed.
    pub(crate) fn entries(&self) -> i64 {
        self.sequence
    }

    /// Follows the next entry.
    pub(crate) fn follow(&mut self, entry: &Entry) -> Result<(), FirstBroken> {
        let expected = self.sequence + 1;
        let broken = |kind| FirstBroken {
            sequence: expected,
            kind,
        };
        if entry.sequence != expected {
            return Err(broken(Break::Missing));
        }
        if entry.prev_hash != self.hash {
            return Err(broken(Break::Unlinked));
        }
        if entry.computed_hash().as_slice() != entry.hash {
            return Err(broken(Break::Edited));
        }
        self.sequence = entry.sequence;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }

    /// Compares the last entry with the end that was recorded when it was appended.
    pub(crate) fn finish(&self, sequence: i64, hash: &[u8]) -> Result<(), FirstBroken> {
        if self.sequence == sequence && self.hash == hash {
            Ok(())
        } else {
            Err(FirstBroken {
                sequence: self.sequence.min(sequence) + 1,
                kind: Break::Truncated,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::new;
    use chrono::DateTime;

    fn chain(length: i64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for sequence in 1..=length {
            let prev = entries
                .last()
                .map_or(GENESIS.to_vec(), |entry| entry.hash.clone());
            entries.push(new(sequence.unsigned_abs().into()).chained(sequence, &prev, DateTime::UNIX_EPOCH));
        }
        entries
    }

    fn verify(entries: &[Entry], head: &Entry) -> Result<(), FirstBroken> {
        let mut verifier = Verifier::new();
        for entry in entries {
            verifier.follow(entry)?;
        }
        verifier.finish(head.sequence, &head.hash)
    }

    #[test]
    fn an_untouched_chain_is_valid() {
        let entries = chain(5);
        assert_eq!(verify(&entries, &entries[4]), Ok(()));
    }

    #[test]
    fn every_kind_of_tampering_is_found_where_it_is() {
        type Tamper = fn(&mut Vec<Entry>);
        let cases: [(&str, Tamper, i64, Break); 7] = [
            (
                "edited text",
                |e| e[2].action = "users.deleted".to_owned(),
                3,
                Break::Edited,
            ),
            (
                "edited time",
                |e| e[2].occurred_at += chrono::Duration::microseconds(1),
                3,
                Break::Edited,
            ),
            (
                "moved text",
                |e| {
                    e[2].target = None;
                    e[2].ip = Some("user:1".to_owned());
                },
                3,
                Break::Edited,
            ),
            (
                "removed",
                |e| {
                    e.remove(2);
                },
                3,
                Break::Missing,
            ),
            ("exchanged", |e| e.swap(1, 2), 2, Break::Missing),
            (
                "cut off",
                |e| {
                    e.truncate(3);
                },
                4,
                Break::Truncated,
            ),
            (
                "rehashed",
                |e| {
                    e[2].outcome = "failure".to_owned();
                    e[2].hash = e[2].computed_hash().to_vec();
                },
                4,
                Break::Unlinked,
            ),
        ];
        for (name, tamper, sequence, kind) in cases {
            let mut entries = chain(5);
            let head = entries[4].clone();
            tamper(&mut entries);
            assert_eq!(
                verify(&entries, &head),
                Err(FirstBroken { sequence, kind }),
                "{name}"
            );
        }
    }
}
