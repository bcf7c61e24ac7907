//! Counts changed hours again.

use common::db::{StoreError, StoreResult};

use crate::state::AppState;
use crate::store::rollups as store;

/// Counts all hours that have changed before now, one transaction each, so that writers are held
/// up for one hour's work at most.
pub(super) async fn roll_up(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    // Hours that change while this runs are left for the next round, or it might never end.
    let started = store::database_time(&mut connection).await?;
    drop(connection);
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let Some(hour) = store::take_dirty_hour(&mut transaction, started).await? else {
            return Ok(());
        };
        store::recompute(&mut transaction, hour).await?;
        transaction.commit().await.store("commit")?;
    }
}
