//! Looks for users whose requests of the last hours are far above their own past.

use chrono::{Duration, DurationRound, TimeDelta};
use common::db::{StoreError, StoreResult};

use super::detect::{detect_own, unusual_rate};
use crate::detect::anomaly;
use crate::state::AppState;
use crate::store;

/// The past that is compared with.
const PAST: Duration = Duration::days(30);
/// Fewer requests in an hour are not looked at.
const LEAST: i64 = 600;

pub(super) async fn look(state: &AppState) -> Result<(), StoreError> {
    let now = state.clock.now();
    let Ok(this) = now.duration_trunc(TimeDelta::hours(1)) else {
        return Ok(());
    };
    for hour in [this - Duration::hours(1), this] {
        let mut transaction = state.db.begin().await.store("begin")?;
        let mut unusual = Vec::new();
        for (who, count) in store::observations::busy(&mut transaction, hour, LEAST).await? {
            let past = store::observations::past_rates(&mut transaction, &who, hour, hour - PAST).await?;
            let count = count.unsigned_abs();
            if let Some(found) = anomaly(&past, count) {
                store::observations::tell_rate(&mut transaction, &who, hour).await?;
                tracing::info!(
                    "{count} requests of {who} in an hour, {:.1} deviations above the mean",
                    found.deviations
                );
                unusual.push(unusual_rate(&who, hour, count, found.median));
            }
        }
        if !unusual.is_empty() {
            detect_own(&mut transaction, &state.defence, unusual, now).await?;
        }
        transaction.commit().await.store("commit")?;
    }
    state.defence.ring();
    Ok(())
}
