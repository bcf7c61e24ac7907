//! Erases personal data from the log, in the database and in the archive. What is erased is recorded
//! first, in the same transaction or before the file is written anew.

use std::sync::Arc;

use common::db::{StoreError, StoreResult};
use uuid::Uuid;

use crate::audit::NewEntry;
use crate::audit::archive::{self, Reader, Written};
use crate::chain::Erasure;
use crate::state::AppState;
use crate::store;
use crate::store::audit_erasures::Erasable;
use crate::store::audit_segments::Segment;

/// Entries that one entry tells of: their numbers must fit its particulars.
pub(crate) const BATCH: usize = 200;

/// What is to be erased.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Who this person is, and what they did or what was done to them.
    About(Uuid),
    /// These entries, whole.
    Entries(&'a [Uuid]),
}

/// Why nothing, or not all, was erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("entries are in an archive, and AUDIT_ARCHIVE_DIR is not set")]
    NoArchive,
    #[error("the archive cannot be read or written")]
    Archive(#[from] std::io::Error),
    #[error("the work on the archive was given up")]
    Abandoned(#[from] tokio::task::JoinError),
}

/// Erases in the database; how many entries.
pub(crate) async fn in_database(
    state: &AppState,
    wanted: Wanted<'_>,
    record: impl Fn(&Erasure, usize) -> NewEntry,
) -> Result<usize, StoreError> {
    let mut entries = 0;
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let found = match wanted {
            Wanted::About(user) => {
                let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
                store::audit_erasures::about(&mut transaction, user, limit).await?
            }
            Wanted::Entries(ids) => store::audit_erasures::of_ids(&mut transaction, ids).await?,
        };
        let erasure = erasure(&found);
        if erasure.who.is_empty() && erasure.what.is_empty() {
            return Ok(entries);
        }
        let numbers = |of: fn(&Erasable) -> bool| -> Vec<i64> {
            found
                .iter()
                .filter(|entry| of(entry))
                .map(|entry| entry.sequence)
                .collect()
        };
        let (who, what) = (numbers(|entry| entry.who), numbers(|entry| entry.what));
        store::audit_erasures::erase(&mut transaction, &who, &what).await?;
        let told = vec![record(&erasure, found.len())];
        store::audit::append(&mut transaction, told, state.clock.now()).await?;
        transaction.commit().await.store("commit")?;
        entries += found.len();
        if found.len() < BATCH {
            return Ok(entries);
        }
    }
}

/// Erases a person in the files of the archive; how many entries.
pub(crate) async fn in_archive(
    state: &AppState,
    user: Uuid,
    record: impl Fn(&Erasure, usize) -> NewEntry,
) -> Result<usize, Failure> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let segments = store::audit_segments::all(&mut transaction).await?;
    transaction.rollback().await.store("rollback")?;
    if segments.is_empty() {
        return Ok(0);
    }
    let folder = state.audit.archive.clone().ok_or(Failure::NoArchive)?;
    let mut entries = 0;
    for segment in segments {
        let (from, name) = (Arc::clone(&folder), segment.file.clone());
        let found = tokio::task::spawn_blocking(move || find(&from.join(name), user)).await??;
        if found.is_empty() {
            continue;
        }
        let mut transaction = state.db.begin().await.store("begin")?;
        for some in found.chunks(BATCH) {
            let told = vec![record(&erasure(some), some.len())];
            store::audit::append(&mut transaction, told, state.clock.now()).await?;
        }
        transaction.commit().await.store("commit")?;
        rewrite(state, &segment, user).await?;
        entries += found.len();
    }
    Ok(entries)
}

/// What of a file is about a person.
fn find(path: &std::path::Path, user: Uuid) -> std::io::Result<Vec<Erasable>> {
    let mut reader = Reader::open(path)?;
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let (who, what) = entry.is_about(user);
        if who || what {
            found.push(Erasable {
                sequence: entry.sequence,
                who,
                what,
            });
        }
    }
    Ok(found)
}

async fn rewrite(state: &AppState, segment: &Segment, user: Uuid) -> Result<(), Failure> {
    let mut transaction = state.db.begin().await.store("begin")?;
    // One at a time writes into the archive.
    store::audit_checkpoints::lock_in_turn(&mut transaction).await?;
    let folder = state.audit.archive.clone().ok_or(Failure::NoArchive)?;
    let name = segment.file.clone();
    let written: Written = tokio::task::spawn_blocking(move || {
        archive::rewrite(&folder, &name, |entry| {
            let (who, what) = entry.is_about(user);
            entry.erase(who, what);
        })
    })
    .await??;
    let last = segment.last_sequence;
    store::audit_segments::replaced(&mut transaction, last, written.bytes, &written.sha256).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

/// Numbers in order, of who and of what.
fn erasure(entries: &[Erasable]) -> Erasure {
    let numbers = |of: fn(&Erasable) -> bool| {
        let numbers: Vec<i64> = entries
            .iter()
            .filter(|entry| of(entry))
            .map(|entry| entry.sequence)
            .collect();
        ranges(&numbers)
    };
    Erasure {
        who: numbers(|entry| entry.who),
        what: numbers(|entry| entry.what),
    }
}

/// Numbers in order as ranges, both ends included.
fn ranges(numbers: &[i64]) -> Vec<[i64; 2]> {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    runs.filter_map(|run| Some([*run.first()?, *run.last()?]))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_become_ranges() {
        assert_eq!(super::ranges(&[1, 2, 3, 7, 9, 10]), [[1, 3], [7, 7], [9, 10]]);
        assert!(super::ranges(&[]).is_empty());
    }
}
