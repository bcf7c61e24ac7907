//! Takes over what a release before this one appends to `security.audit_log`, while both run and when one
//! went back to it.

use common::db::{StoreError, StoreResult};

use super::verify::report;
use crate::audit::GENESIS;
use crate::audit::legacy::LegacyEntry;
use crate::chain::{Break, FirstBroken};
use crate::state::AppState;
use crate::store;

const BATCH: i64 = 500;

/// Takes over everything that waits.
pub(crate) async fn take_over(state: &AppState) -> Result<(), StoreError> {
    while take_some(state).await? {}
    Ok(())
}

/// True when there may be more.
async fn take_some(state: &AppState) -> Result<bool, StoreError> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let waiting = store::audit_legacy::waiting(&mut transaction, BATCH).await?;
    let Some((before, hash, entries)) = waiting else {
        return Ok(false);
    };
    let Some(last) = entries.last().map(|entry| entry.sequence) else {
        return Ok(false);
    };
    let broken = first_broken(before, hash.unwrap_or(GENESIS.to_vec()), &entries);
    let renewed = entries.into_iter().map(LegacyEntry::renewed).collect();
    let taken = store::audit::append(&mut transaction, renewed, state.clock.now()).await?;
    store::audit_legacy::taken_over(&mut transaction, last).await?;
    transaction.commit().await.store("commit")?;
    tracing::info!(
        "{} entries of an earlier release are in the audit log",
        taken.len()
    );
    if let Some(broken) = broken {
        // They are taken over all the same: a wrong entry is evidence.
        tracing::error!(
            "entry {} of security.audit_log is broken: {:?}",
            broken.sequence,
            broken.kind
        );
        report(state, &broken).await?;
    }
    Ok(true)
}

fn first_broken(before: i64, mut hash: Vec<u8>, entries: &[LegacyEntry]) -> Option<FirstBroken> {
    for (expected, entry) in (before + 1..).zip(entries) {
        let kind = if entry.sequence != expected {
            Break::Missing
        } else if !entry.is_intact() {
            Break::Edited
        } else if entry.prev_hash != hash {
            Break::Forged
        } else {
            hash.clone_from(&entry.hash);
            continue;
        };
        return Some(FirstBroken::new(kind, expected));
    }
    None
}
