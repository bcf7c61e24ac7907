//! Keeps the gauges up to date.

use common::db::{StoreError, StoreResult};

use crate::metrics::{ALERTS_OPEN, AUDIT_ENTRIES, DELIVERIES_DEAD, DELIVERIES_PENDING};
use crate::state::AppState;
use crate::store;
use crate::threats::Severity;

pub(super) async fn measure(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let entries = store::audit::length(&mut connection).await?;
    metrics::counter!(AUDIT_ENTRIES).absolute(entries.unsigned_abs());
    let (pending, dead) = store::deliveries::waiting_and_dead(&mut connection).await?;
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    {
        metrics::gauge!(DELIVERIES_PENDING).set(pending as f64);
        metrics::gauge!(DELIVERIES_DEAD).set(dead as f64);
    }
    let unresolved = store::alerts::count_unresolved(&mut connection).await?;
    for severity in Severity::ALL {
        let count = unresolved
            .iter()
            .find(|(name, _)| name == severity.as_str())
            .map_or(0, |(_, count)| *count);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!(ALERTS_OPEN, "severity" => severity.as_str()).set(count as f64);
    }
    Ok(())
}
