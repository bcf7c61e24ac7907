//! Removes what the detectors do not look at any more.

use chrono::Duration;
use common::db::{StoreError, StoreResult};

use crate::state::AppState;
use crate::store;

/// Where somebody logs in is forgotten after so long without a login.
const KEEP_PLACES: Duration = Duration::days(180);
/// When API keys were made: keys are valid for a year at most.
const KEEP_KEYS: Duration = Duration::days(400);
/// Messages that were settled.
const KEEP_DELIVERIES: Duration = Duration::days(90);
/// Rounds of one run: at the next run the rest goes.
const MOST_ROUNDS: usize = 100;

pub(super) async fn retain(state: &AppState) -> Result<(), StoreError> {
    let now = state.clock.now();
    let keep = Duration::from_std(state.defence.settings().retention).unwrap_or(Duration::days(30));
    let mut connection = state.db.acquire().await.store("acquire")?;
    let mut total = 0;
    for _ in 0..MOST_ROUNDS {
        let (places, keys) = (now - KEEP_PLACES, now - KEEP_KEYS);
        let deleted = store::observations::delete_before(&mut connection, now - keep, places, keys).await?;
        total += deleted;
        if deleted == 0 {
            break;
        }
    }
    store::deliveries::delete_before(&mut connection, now - KEEP_DELIVERIES).await?;
    tracing::debug!("{total} observations were older than their retention");
    Ok(())
}
