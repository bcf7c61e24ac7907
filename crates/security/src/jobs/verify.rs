//! Follows the audit log, asked or not; a broken one is a threat.

use std::path::Path;
use std::time::Instant;

use common::db::{StoreError, StoreResult};
use serde_json::json;

use super::consume::raise;
use crate::audit::archive::Reader;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::Tree;
use crate::chain::{Break, FirstBroken, Stop, Verifier};
use crate::metrics::{AUDIT_VALID, AUDIT_VERIFICATION_SECONDS, AUDIT_VERIFICATIONS};
use crate::state::AppState;
use crate::store;
use crate::store::audit_segments::Segment;
use crate::threats::{Finding, Kind};

/// What is to be followed; by default all that is in the database.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// From the last checkpoint before this entry.
    pub(crate) from: Option<i64>,
    /// To the first checkpoint at or after this entry.
    pub(crate) to: Option<i64>,
    /// From the first entry ever, through the files of the archive.
    pub(crate) archive: bool,
    /// Copies of checkpoints that were kept elsewhere.
    pub(crate) copies: Vec<Checkpoint>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The entry after which following began: zero, or the last of a checkpoint.
    pub(crate) after: i64,
    /// Entries that are in order from there.
    pub(crate) entries: i64,
    /// Signed roots that agreed.
    pub(crate) checkpoints: i64,
    /// Entries of which something was erased.
    pub(crate) erased: i64,
    pub(crate) outcome: Result<(), FirstBroken>,
}

impl Verified {
    fn of(verifier: &Verifier, outcome: Result<(), FirstBroken>) -> Self {
        Self {
            after: verifier.sequence() - verifier.entries(),
            entries: verifier.entries(),
            checkpoints: verifier.compared(),
            erased: verifier.erased(),
            outcome,
        }
    }
}

/// Follows all that is in the database.
pub(crate) async fn verify(state: &AppState) -> Result<Verified, StoreError> {
    verify_what(state, Wanted::default()).await
}

/// Follows what is wanted.
pub(crate) async fn verify_what(state: &AppState, wanted: Wanted) -> Result<Verified, StoreError> {
    // Closed never; what is asked for many times at once must not take all connections.
    let _permit = state.audit.verifying.acquire().await.ok();
    let started = Instant::now();
    let whole = wanted.from.is_none() && wanted.to.is_none();
    let verified = follow(state, wanted).await;
    if whole {
        metrics::histogram!(AUDIT_VERIFICATION_SECONDS).record(started.elapsed().as_secs_f64());
    }
    let result = match &verified {
        Ok(verified) if verified.outcome.is_ok() => "valid",
        Ok(_) => "broken",
        Err(_) => "failed",
    };
    if whole || result == "broken" {
        metrics::counter!(AUDIT_VERIFICATIONS, "result" => result).increment(1);
    }
    let verified = verified?;
    if whole || verified.outcome.is_err() {
        metrics::gauge!(AUDIT_VALID).set(if verified.outcome.is_ok() { 1.0 } else { 0.0 });
    }
    if let Err(broken) = &verified.outcome {
        tracing::error!(
            "the audit log is broken at entry {}: {:?}",
            broken.sequence,
            broken.kind
        );
        report(state, broken).await?;
    }
    Ok(verified)
}

async fn follow(state: &AppState, wanted: Wanted) -> Result<Verified, StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let stored = store::audit_checkpoints::all(&mut connection).await?;
    let segments = store::audit_segments::all(&mut connection).await?;
    drop(connection);
    let (signed, unsigned) = believed(state, &stored);
    if let Some(copy) = wanted
        .copies
        .iter()
        .find(|copy| !state.audit.signer.has_signed(copy))
    {
        let broken = FirstBroken::of_checkpoint(Break::Forged, copy);
        return Ok(Verified::of(&Verifier::new([]), Err(broken)));
    }
    let signed: Vec<&Checkpoint> = signed.into_iter().chain(&wanted.copies).collect();

    let mut verifier = Verifier::new(signed.iter().copied());
    if wanted.archive
        && let Some(folder) = state.audit.archive.clone()
    {
        let files = segments.clone();
        let followed = tokio::task::spawn_blocking(move || {
            let outcome = follow_files(&folder, &files, &mut verifier);
            (verifier, outcome)
        });
        let (followed, outcome) = followed.await.map_err(|error| StoreError {
            operation: "audit_archive",
            source: sqlx::Error::Io(std::io::Error::other(error)),
        })?;
        if outcome.is_err() {
            return Ok(Verified::of(&followed, outcome));
        }
        verifier = followed;
    }

    let mut transaction = state
        .db
        .begin_with("begin isolation level repeatable read read only")
        .await
        .store("begin")?;
    let tip = store::audit_walk::tip(&mut transaction).await?;
    // An end that was deleted is as bad as one that was changed.
    let (end, end_hash) = tip.unwrap_or((0, Vec::new()));
    if verifier.sequence() == 0 {
        let first = store::audit_walk::first(&mut transaction).await?;
        let archived = segments.iter().map(|segment| segment.last_sequence);
        let archived = archived
            .filter(|last| first.is_none_or(|first| *last < first))
            .max();
        let begin = match wanted.from {
            Some(from) => signed
                .iter()
                .map(|checkpoint| checkpoint.size)
                .filter(|size| *size < from)
                .max()
                .max(archived),
            None => archived,
        };
        if let Some(size) = begin {
            let milestone = store::audit_checkpoints::largest(&mut transaction, size).await?;
            let trusted = milestone.filter(|milestone| {
                milestone.checkpoint.size == size && state.audit.signer.has_signed(&milestone.checkpoint)
            });
            let tree = trusted.as_ref().and_then(|milestone| {
                Tree::from_peaks(size, &milestone.peaks)
                    .filter(|tree| tree.root().as_slice() == milestone.checkpoint.root)
            });
            let (Some(milestone), Some(tree)) = (trusted, tree) else {
                let broken = FirstBroken::new(Break::Forged, size);
                return Ok(Verified::of(&verifier, Err(broken)));
            };
            verifier = Verifier::after(tree, milestone.checkpoint.hash, signed.iter().copied());
        }
    }
    let up_to = wanted.to.filter(|to| *to < end).map(|to| {
        let sizes = signed.iter().map(|checkpoint| checkpoint.size);
        sizes
            .filter(|size| *size >= to && *size <= end)
            .min()
            .unwrap_or(to)
    });
    let mut outcome = store::audit_walk::follow(
        &mut transaction,
        &mut verifier,
        up_to.unwrap_or(i64::MAX),
        |_, _| {},
    )
    .await?;
    transaction.rollback().await.store("rollback")?;
    outcome = outcome.and_then(|()| match up_to {
        Some(last) if verifier.sequence() < last => {
            Err(FirstBroken::new(Break::Truncated, verifier.sequence() + 1))
        }
        Some(_) => Ok(()),
        None => {
            verifier.finish(end, &end_hash)?;
            verifier.check_erasures()
        }
    });
    let outcome = outcome.and_then(|()| unsigned.map_or(Ok(()), Err));
    Ok(Verified::of(&verifier, outcome))
}

/// The checkpoints that are ours and follow each other, and what is wrong with the first that does not.
fn believed<'a>(state: &AppState, stored: &'a [Checkpoint]) -> (Vec<&'a Checkpoint>, Option<FirstBroken>) {
    let (mut number, mut hash) = (0, [0; 32]);
    let mut wrong = None;
    let mut good = Vec::with_capacity(stored.len());
    for checkpoint in stored {
        let kind = if !state.audit.signer.has_signed(checkpoint) {
            Some(Break::Forged)
        } else if checkpoint.number != number + 1 || checkpoint.previous != hash {
            Some(Break::Missing)
        } else {
            None
        };
        match kind {
            Some(kind) => wrong = wrong.or_else(|| Some(FirstBroken::of_checkpoint(kind, checkpoint))),
            None => good.push(checkpoint),
        }
        (number, hash) = (checkpoint.number, checkpoint.statement_hash());
    }
    (good, wrong)
}

fn follow_files(folder: &Path, segments: &[Segment], verifier: &mut Verifier) -> Result<(), FirstBroken> {
    for segment in segments {
        let missing = |_| FirstBroken::new(Break::Missing, segment.first_sequence);
        let mut file = Reader::open(&folder.join(&segment.file)).map_err(missing)?;
        if (file.head.first_sequence, file.head.last_sequence)
            != (segment.first_sequence, segment.last_sequence)
        {
            return Err(FirstBroken::new(Break::Reordered, segment.first_sequence));
        }
        while verifier.sequence() < segment.last_sequence {
            let next = verifier.sequence() + 1;
            let entry = file
                .next_entry()
                .map_err(|_| FirstBroken::new(Break::Edited, next))?;
            let entry = entry.ok_or_else(|| FirstBroken::new(Break::Missing, next))?;
            verifier.follow(&entry).map_err(|stop| match stop {
                Stop::Broken(broken) => broken,
                Stop::Misfit(misfit) => misfit.judge(false),
            })?;
        }
    }
    Ok(())
}

/// Makes a threat of a broken log.
pub(super) async fn report(state: &AppState, broken: &FirstBroken) -> Result<(), StoreError> {
    let now = state.clock.now();
    let finding = Finding {
        kind: Kind::AuditChainBroken,
        subject: "audit_log".to_owned(),
        first_seen: now,
        last_seen: now,
        count: 1,
        fresh: 1,
        evidence: json!({ "first_broken": broken }),
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    raise(&mut transaction, &state.defence, &finding, now).await?;
    transaction.commit().await.store("commit")
}
