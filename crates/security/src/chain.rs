//! Following the chain of the audit log.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use uuid::Uuid;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::{self, Hash, Tree};
use crate::audit::{ERASED, Entry, GENESIS};

/// How far an entry is looked for that was numbered anew.
const RENUMBERED_WITHIN: i64 = 1000;

/// How a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Break {
    /// An entry, a checkpoint or an archive is not there.
    Missing,
    /// The entry that belongs here is elsewhere.
    Reordered,
    /// The content of an entry is not what was hashed, or was erased without being recorded.
    Edited,
    /// Entries were written anew with hashes that fit each other, but not what was signed; or a
    /// checkpoint was not signed by us.
    Forged,
    /// Entries at the end are not there, or the end is another one than was last written.
    Truncated,
}

/// Where a chain is broken first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, JsonSchema)]
pub(crate) struct FirstBroken {
    pub(crate) sequence: i64,
    pub(crate) kind: Break,
    /// When only a signature over many entries tells: the last of those that may be meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
    /// The checkpoint that does not agree, or is not ours itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<i64>,
}

impl FirstBroken {
    pub(crate) fn new(kind: Break, sequence: i64) -> Self {
        Self {
            sequence,
            kind,
            until: None,
            checkpoint: None,
        }
    }

    pub(crate) fn of_checkpoint(kind: Break, checkpoint: &Checkpoint) -> Self {
        Self {
            checkpoint: Some(checkpoint.number),
            ..Self::new(kind, checkpoint.size)
        }
    }
}

/// An entry that does not fit where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The number that should have come.
    pub(crate) expected: i64,
    /// The hash that it should have continued from.
    pub(crate) continues: Vec<u8>,
    stands_at: i64,
    links: bool,
    intact: bool,
    renumbered: bool,
    after_trusted: bool,
}

impl Misfit {
    /// What has happened. `elsewhere` tells whether the log has an entry at another place that
    /// continues from where this one should.
    pub(crate) fn judge(&self, elsewhere: bool) -> FirstBroken {
        let at = |kind| FirstBroken::new(kind, self.expected);
        if self.links && self.stands_at == self.expected {
            return at(Break::Edited);
        }
        if elsewhere {
            return at(Break::Reordered);
        }
        if self.stands_at != self.expected {
            return at(Break::Missing);
        }
        if self.intact {
            // It is as it was written; so the one before it has got another hash.
            let sequence = if self.after_trusted {
                self.expected
            } else {
                self.expected - 1
            };
            return FirstBroken::new(Break::Forged, sequence);
        }
        if self.renumbered {
            at(Break::Missing)
        } else {
            at(Break::Edited)
        }
    }
}

/// Why following ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The entry does not fit; [`Misfit::judge`] says how.
    Misfit(Misfit),
    /// It is clear already.
    Broken(FirstBroken),
}

/// Follows a chain entry by entry and compares it with what was signed. Its memory is bounded by the
/// number of checkpoints, companies and erasures.
#[derive(Debug)]
pub(crate) struct Verifier {
    start: i64,
    hash: Vec<u8>,
    tree: Tree,
    /// Signed roots by size, with the checkpoints' numbers.
    signed: BTreeMap<i64, Vec<(i64, Vec<u8>)>>,
    /// The last size at which a signed root agreed.
    agreed: i64,
    compared: i64,
    companies: HashMap<Uuid, i64>,
    /// Entries whose who or what is not there.
    erased: Vec<(i64, bool, bool)>,
    /// What was erased as it should be, of who and of what.
    recorded: [Vec<[i64; 2]>; 2],
}

impl Verifier {
    /// Begins at the first entry. `signed` are checkpoints whose signatures are good.
    pub(crate) fn new<'a>(signed: impl IntoIterator<Item = &'a Checkpoint>) -> Self {
        Self::after(Tree::default(), GENESIS.to_vec(), signed)
    }

    /// Begins after what a checkpoint has signed.
    pub(crate) fn after<'a>(
        tree: Tree,
        hash: Vec<u8>,
        signed: impl IntoIterator<Item = &'a Checkpoint>,
    ) -> Self {
        let mut by_size: BTreeMap<i64, Vec<(i64, Vec<u8>)>> = BTreeMap::new();
        for checkpoint in signed {
            let roots = by_size.entry(checkpoint.size).or_default();
            roots.push((checkpoint.number, checkpoint.root.clone()));
        }
        Self {
            start: tree.size(),
            hash,
            agreed: tree.size(),
            tree,
            signed: by_size,
            compared: 0,
            companies: HashMap::new(),
            erased: Vec::new(),
            recorded: [Vec::new(), Vec::new()],
        }
    }

    /// The last entry that was followed.
    pub(crate) fn sequence(&self) -> i64 {
        self.tree.size()
    }

    /// Entries that were followed.
    pub(crate) fn entries(&self) -> i64 {
        self.tree.size() - self.start
    }

    /// Hash of the last entry.
    pub(crate) fn hash(&self) -> &[u8] {
        &self.hash
    }

    /// The tree of what was followed.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Signed roots that agreed.
    pub(crate) fn compared(&self) -> i64 {
        self.compared
    }

    /// Entries of which something has been erased.
    pub(crate) fn erased(&self) -> i64 {
        i64::try_from(self.erased.len()).unwrap_or(i64::MAX)
    }

    /// Follows the next entry. Returns the root of the block of the tree that is complete with it.
    pub(crate) fn follow(&mut self, entry: &Entry) -> Result<Option<Hash>, Stop> {
        let expected = self.sequence() + 1;
        let (links, intact) = (entry.prev_hash == self.hash, entry.is_intact());
        if entry.sequence != expected || !links || !intact {
            return Err(Stop::Misfit(Misfit {
                expected,
                continues: self.hash.clone(),
                stands_at: entry.sequence,
                links,
                intact,
                renumbered: !intact && is_renumbered(entry),
                after_trusted: expected == self.start + 1,
            }));
        }
        // Only somebody who computes hashes can have brought a wrong number in.
        let unknown = if self.start == 0 {
            0
        } else {
            entry.company_sequence - 1
        };
        let last = self.companies.entry(entry.company_id).or_insert(unknown);
        if entry.company_sequence != *last + 1 {
            return Err(Stop::Broken(FirstBroken::new(Break::Forged, expected)));
        }
        *last = entry.company_sequence;
        self.note_erasures(entry);
        let block = self.tree.push(merkle::leaf(&entry.hash));
        self.hash.clone_from(&entry.hash);
        for (number, root) in self.signed.get(&expected).into_iter().flatten() {
            if *root != self.tree.root() {
                return Err(Stop::Broken(FirstBroken {
                    until: Some(expected),
                    checkpoint: Some(*number),
                    ..FirstBroken::new(Break::Forged, self.agreed + 1)
                }));
            }
            self.agreed = expected;
            self.compared += 1;
        }
        Ok(block)
    }

    fn note_erasures(&mut self, entry: &Entry) {
        let (who, what) = (entry.who_salt.is_none(), entry.what_salt.is_none());
        if who || what {
            self.erased.push((entry.sequence, who, what));
        }
        if entry.action == ERASED
            && entry.source == crate::DEFINITION.name
            && let Some(details) = &entry.details
            && let Ok(erasure) = serde_json::from_str::<Erasure>(details)
        {
            self.recorded[0].extend(erasure.who);
            self.recorded[1].extend(erasure.what);
        }
    }

    /// The first entry of which something is not there although no erasure tells of it. Only after
    /// the log has been followed to its end.
    pub(crate) fn check_erasures(&mut self) -> Result<(), FirstBroken> {
        for ranges in &mut self.recorded {
            ranges.sort_unstable();
        }
        let is_recorded = |ranges: &[[i64; 2]], sequence: i64| {
            let before = ranges.partition_point(|[first, _]| *first <= sequence);
            // Ranges may lie within each other, so a few before it are looked at as well.
            ranges[..before].iter().rev().any(|[_, last]| *last >= sequence)
        };
        for (sequence, who, what) in &self.erased {
            let lawful = (!who || is_recorded(&self.recorded[0], *sequence))
                && (!what || is_recorded(&self.recorded[1], *sequence));
            if !lawful {
                return Err(FirstBroken::new(Break::Edited, *sequence));
            }
        }
        Ok(())
    }

    /// Compares the last entry with the end that was recorded when it was appended, and with what was
    /// signed of entries that should follow.
    pub(crate) fn finish(&self, sequence: i64, hash: &[u8]) -> Result<(), FirstBroken> {
        let end = self.sequence();
        if let Some((size, roots)) = self.signed.last_key_value()
            && *size > end
        {
            return Err(FirstBroken {
                until: Some(*size),
                checkpoint: roots.first().map(|(number, _)| *number),
                ..FirstBroken::new(Break::Truncated, end + 1)
            });
        }
        if end == sequence && self.hash == hash {
            Ok(())
        } else {
            Err(FirstBroken::new(Break::Truncated, end.min(sequence) + 1))
        }
    }
}

/// What the particulars of an erasure tell: ranges of numbers, both ends included.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Erasure {
    pub(crate) who: Vec<[i64; 2]>,
    pub(crate) what: Vec<[i64; 2]>,
}

/// True when the entry is as it was written but for its number, which was a later one.
fn is_renumbered(entry: &Entry) -> bool {
    (1..=RENUMBERED_WITHIN).any(|by| entry.computed_hash_at(entry.sequence + by) == entry.hash.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::tests::signer;
    use crate::audit::tests::{at, new};
    use chrono::DateTime;

    fn chain(length: i64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for sequence in 1..=length {
            let prev = entries
                .last()
                .map_or(GENESIS.to_vec(), |entry| entry.hash.clone());
            entries.push(at(new(sequence.unsigned_abs().into()), sequence, &prev));
        }
        entries
    }

    fn checkpoint(entries: &[Entry]) -> Checkpoint {
        let mut verifier = Verifier::new([]);
        for entry in entries {
            verifier.follow(entry).unwrap();
        }
        signer("one").sign(Checkpoint {
            number: 1,
            size: verifier.sequence(),
            root: verifier.tree().root().to_vec(),
            hash: verifier.hash().to_vec(),
            previous: vec![0; 32],
            made_at: DateTime::UNIX_EPOCH,
            key_id: String::new(),
            signature: Vec::new(),
        })
    }

    fn verify(entries: &[Entry], head: &Entry, signed: &[Checkpoint]) -> Result<(), FirstBroken> {
        let mut verifier = Verifier::new(signed);
        for entry in entries {
            match verifier.follow(entry) {
                Ok(_) => {}
                Err(Stop::Broken(broken)) => return Err(broken),
                Err(Stop::Misfit(misfit)) => {
                    let elsewhere = entries.iter().any(|other| {
                        other.prev_hash == misfit.continues && other.sequence != misfit.expected
                    });
                    return Err(misfit.judge(elsewhere));
                }
            }
        }
        verifier.check_erasures()?;
        verifier.finish(head.sequence, &head.hash)
    }

    #[test]
    fn an_untouched_chain_is_valid() {
        let entries = chain(5);
        let signed = [checkpoint(&entries[..3]), checkpoint(&entries)];
        assert_eq!(verify(&entries, &entries[4], &signed), Ok(()));
    }

    /// Changes the chain.
    type Tamper = fn(&mut Vec<Entry>);

    #[test]
    fn every_kind_of_tampering_is_found_where_it_is() {
        let cases: [(&str, Tamper, i64, Break); 12] = [
            (
                "text",
                |e| e[2].action = "users.deleted".to_owned(),
                3,
                Break::Edited,
            ),
            (
                "time",
                |e| e[2].occurred_at += chrono::Duration::microseconds(1),
                3,
                Break::Edited,
            ),
            (
                "who",
                |e| e[2].actor_role = Some("user".to_owned()),
                3,
                Break::Edited,
            ),
            ("what", |e| e[2].details = Some("{}".to_owned()), 3, Break::Edited),
            ("salt", |e| e[2].who_salt = Some(vec![0; 16]), 3, Break::Edited),
            ("hash", |e| e[2].hash[0] ^= 1, 3, Break::Edited),
            (
                "unrecorded erasure",
                |e| {
                    (e[2].who_salt, e[2].actor_id, e[2].actor_role) = (None, None, None);
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
            (
                "removed and numbered anew",
                |e| {
                    e.remove(2);
                    e[2].sequence = 3;
                    e[3].sequence = 4;
                },
                3,
                Break::Missing,
            ),
            (
                "exchanged",
                |e| {
                    e.swap(1, 2);
                    (e[1].sequence, e[2].sequence) = (2, 3);
                },
                2,
                Break::Reordered,
            ),
            ("cut off", |e| e.truncate(3), 4, Break::Truncated),
            (
                "hashed anew",
                |e| {
                    e[2].outcome = "failure".to_owned();
                    e[2].hash = e[2].computed_hash().to_vec();
                },
                3,
                Break::Forged,
            ),
        ];
        for (name, tamper, sequence, kind) in cases {
            let mut entries = chain(5);
            let head = entries[4].clone();
            tamper(&mut entries);
            assert_eq!(
                verify(&entries, &head, &[]),
                Err(FirstBroken::new(kind, sequence)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_log_written_anew_does_not_agree_with_what_was_signed() {
        let entries = chain(6);
        let signed = [checkpoint(&entries[..2]), checkpoint(&entries[..5])];
        let mut forged = chain(6);
        // The same first two, all others written anew by somebody who knows how.
        forged.splice(..2, entries[..2].iter().cloned());
        for n in 2..6 {
            forged[n].prev_hash = forged[n - 1].hash.clone();
            forged[n].hash = forged[n].computed_hash().to_vec();
        }
        assert_eq!(
            verify(&forged, &forged[5], &[]),
            Ok(()),
            "the chain alone does not tell"
        );
        let broken = verify(&forged, &forged[5], &signed).unwrap_err();
        assert_eq!(
            (broken.sequence, broken.until, broken.kind),
            (3, Some(5), Break::Forged)
        );
        // Cut off, and the end written anew.
        let broken = verify(&entries[..4], &entries[3], &signed).unwrap_err();
        assert_eq!(
            (broken.sequence, broken.until, broken.kind),
            (5, Some(5), Break::Truncated)
        );
    }

    #[test]
    fn a_recorded_erasure_is_in_order() {
        let mut entries = chain(3);
        let mut erasure = new(4);
        (erasure.source, erasure.action) = (crate::DEFINITION.name.to_owned(), ERASED.to_owned());
        erasure.details = serde_json::json!({"who": [[1, 1], [3, 3]], "what": []});
        entries.push(at(erasure, 4, &entries[2].hash));
        let head = entries[3].clone();
        let erase =
            |entry: &mut Entry| (entry.who_salt, entry.actor_id, entry.actor_role) = (None, None, None);
        erase(&mut entries[2]);
        assert_eq!(verify(&entries, &head, &[]), Ok(()));
        erase(&mut entries[1]);
        assert_eq!(
            verify(&entries, &head, &[]),
            Err(FirstBroken::new(Break::Edited, 2))
        );
    }
}
