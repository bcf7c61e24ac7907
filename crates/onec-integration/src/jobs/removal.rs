//! Deletes the rows of infobases that were disconnected, in short transactions, so that nobody waits.

use std::time::Duration;

use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;
use crate::store::infobases;

/// How often it is looked whether there is anything to delete.
const TICK: Duration = Duration::from_secs(2);
/// Rows of one transaction.
const ROWS: i32 = 5000;

pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            done = step(&state) => match done {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %Chain(&error), "rows of an infobase cannot be deleted"),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Deletes some rows; false when there are none to delete.
async fn step(state: &AppState) -> Result<bool, StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let Some(id) = infobases::next_deleted(&mut connection).await? else {
        return Ok(false);
    };
    if infobases::delete_some(&mut connection, id, ROWS).await? {
        tracing::info!(labels.infobase = %id, "the mirror of a disconnected infobase is deleted");
    }
    Ok(true)
}
