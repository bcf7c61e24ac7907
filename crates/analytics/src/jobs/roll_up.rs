//! Counts changed hours again, then the days and the months that they are in.

use common::db::{StoreError, StoreResult};

use crate::state::AppState;
use crate::store::{calendar, rollups as store};

/// Counts all hours that have changed before now, one transaction each, so that writers are held
/// up for one hour's work at most.
pub(super) async fn roll_up(state: &AppState) -> Result<(), StoreError> {
    let zone = state.time_zone.name();
    let mut connection = state.db.acquire().await.store("acquire")?;
    // Hours that change while this runs are left for the next round, or it might never end.
    let started = store::database_time(&mut connection).await?;
    drop(connection);
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let Some(hour) = store::take_dirty_hour(&mut transaction, started).await? else {
            break;
        };
        store::recompute(&mut transaction, hour).await?;
        calendar::mark_day(&mut transaction, hour, zone).await?;
        transaction.commit().await.store("commit")?;
    }
    days(state, zone).await
}

/// Counts the days of changed hours again, then their months.
async fn days(state: &AppState, zone: &str) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let started = store::database_time(&mut connection).await?;
    drop(connection);
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let Some(day) = calendar::take_dirty_day(&mut transaction, started).await? else {
            break;
        };
        calendar::recompute_day(&mut transaction, day, zone).await?;
        transaction.commit().await.store("commit")?;
    }
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let Some(month) = calendar::take_dirty_month(&mut transaction).await? else {
            return Ok(());
        };
        calendar::recompute_month(&mut transaction, month).await?;
        transaction.commit().await.store("commit")?;
    }
}
