//! Keeps the gauges up to date.

use common::db::{StoreError, StoreResult};

use crate::metrics::{DIRTY_HOURS, REPORT_JOBS};
use crate::state::AppState;
use crate::store;

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) async fn measure(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let dirty = store::rollups::count_dirty_hours(&mut connection).await?;
    metrics::gauge!(DIRTY_HOURS).set(dirty as f64);
    let jobs = store::reports::count_by_state(&mut connection).await?;
    for state in ["queued", "running", "succeeded", "failed"] {
        let count = jobs
            .iter()
            .find(|(name, _)| name == state)
            .map_or(0, |(_, count)| *count);
        metrics::gauge!(REPORT_JOBS, "state" => state).set(count as f64);
    }
    Ok(())
}
