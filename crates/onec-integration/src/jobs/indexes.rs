//! Builds indices that a first load has left behind.

use std::time::Duration;

use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;
use crate::store::indexes;

/// How often it is looked whether any are.
const TICK: Duration = Duration::from_secs(5);

pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            done = step(&state) => if let Err(error) = done {
                tracing::warn!(error = %Chain(&error), "indices of the mirror cannot be built");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn step(state: &AppState) -> Result<(), StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    if indexes::are_abandoned(&mut connection).await? {
        tracing::info!("a first load has ended early: the indices that it did without are built");
        indexes::restore(&mut connection).await?;
    }
    Ok(())
}
