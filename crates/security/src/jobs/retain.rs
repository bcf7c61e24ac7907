//! Removes login attempts that are too old for any window.

use chrono::Duration;
use common::db::{StoreError, StoreResult};

use crate::state::AppState;
use crate::store;

const KEEP: Duration = Duration::hours(24);

pub(super) async fn retain(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let deleted = store::attempts::delete_before(&mut connection, state.clock.now() - KEEP).await?;
    tracing::debug!("{deleted} login attempts were older than a day");
    Ok(())
}
