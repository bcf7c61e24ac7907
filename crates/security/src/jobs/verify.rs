//! Recomputes the audit chain, asked or not; a broken one is a threat.

use std::time::Instant;

use common::db::{StoreError, StoreResult};
use serde_json::json;

use super::consume::raise;
use crate::chain::FirstBroken;
use crate::metrics::{AUDIT_VALID, AUDIT_VERIFICATION_SECONDS, AUDIT_VERIFICATIONS};
use crate::state::AppState;
use crate::store;
use crate::threats::{Finding, Kind};

/// The number of entries that are in order, and the first that is not.
pub(crate) async fn verify(state: &AppState) -> Result<(i64, Result<(), FirstBroken>), StoreError> {
    let started = Instant::now();
    let verified = follow(state).await;
    metrics::histogram!(AUDIT_VERIFICATION_SECONDS).record(started.elapsed().as_secs_f64());
    let result = match &verified {
        Ok((_, Ok(()))) => "valid",
        Ok((_, Err(_))) => "broken",
        Err(_) => "failed",
    };
    metrics::counter!(AUDIT_VERIFICATIONS, "result" => result).increment(1);
    let (entries, outcome) = verified?;
    metrics::gauge!(AUDIT_VALID).set(if outcome.is_ok() { 1.0 } else { 0.0 });
    if let Err(broken) = &outcome {
        tracing::error!(
            "the audit log is broken at entry {}: {:?}",
            broken.sequence,
            broken.kind
        );
        report(state, broken).await?;
    }
    Ok((entries, outcome))
}

async fn follow(state: &AppState) -> Result<(i64, Result<(), FirstBroken>), StoreError> {
    let mut transaction = state
        .db
        .begin_with("begin isolation level repeatable read read only")
        .await
        .store("begin")?;
    let verified = store::audit::verify(&mut transaction).await?;
    transaction.rollback().await.store("rollback")?;
    Ok(verified)
}

async fn report(state: &AppState, broken: &FirstBroken) -> Result<(), StoreError> {
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
