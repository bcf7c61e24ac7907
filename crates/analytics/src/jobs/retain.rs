//! Makes months ahead and removes what is too old.

use chrono::{Datelike, Duration, Months};
use common::db::{StoreError, StoreResult};

use crate::pseudonyms::Pseudonyms;
use crate::state::AppState;
use crate::store;

/// Hourly rollups are kept for thirteen months: a month can be compared with that of last year.
const KEEP_ROLLUPS: Duration = Duration::days(396);
const KEEP_REJECTED: Duration = Duration::days(7);
/// Days are kept for five years, months for ever.
const KEEP_DAYS: Duration = Duration::days(1827);
/// Links are listed for a month after their end.
const KEEP_LINKS: Duration = Duration::days(30);
const KEEP_JOBS: Duration = Duration::days(30);

/// Makes the partitions of this month and the next.
pub(super) async fn prepare_months(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let today = state.clock.now().date_naive();
    let this = today.with_day(1).unwrap_or(today);
    store::events::ensure_month(&mut connection, this).await?;
    if let Some(next) = this.checked_add_months(Months::new(1)) {
        store::events::ensure_month(&mut connection, next).await?;
    }
    Ok(())
}

/// Has days counted again when the time zone of the service is another than before.
pub(super) async fn settle_zone(state: &AppState) -> Result<(), StoreError> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let changed = store::calendar::settle_zone(&mut transaction, state.time_zone.name()).await?;
    transaction.commit().await.store("commit")?;
    if changed {
        tracing::info!("days are counted in the time zone {}", state.time_zone);
    }
    Ok(())
}

/// Gives users pseudonyms whom an earlier release has counted under their ids.
pub(super) async fn pseudonymise(state: &AppState, pseudonyms: &Pseudonyms) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let users = store::rollups::named_users(&mut connection).await?;
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = users.iter().map(|user| pseudonyms.of(*user)).collect();
    store::rollups::rename_users(&mut connection, &users, &names).await?;
    tracing::info!("{} users are counted under pseudonyms from now on", users.len());
    Ok(())
}

/// One round.
pub(super) async fn retain(state: &AppState, retention: Duration) -> Result<(), StoreError> {
    prepare_months(state).await?;
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let dropped = store::events::drop_months_before(&mut connection, now - retention).await?;
    if dropped > 0 {
        tracing::info!("{dropped} months of raw events were dropped");
    }
    store::events::delete_before(&mut connection, now - KEEP_REJECTED, now - KEEP_ROLLUPS).await?;
    store::dashboards::expire_links(&mut connection, now, now - KEEP_LINKS).await?;
    store::calendar::delete_before(&mut connection, (now - KEEP_DAYS).date_naive()).await?;
    store::reports::delete_expired(&mut connection, now, now - KEEP_JOBS).await
}
