//! Queues synchronisations that are due.

use std::time::Duration;

use common::db::{StoreError, StoreResult};
use common::ids;
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::metrics::{INFOBASE_REACHABLE, MIRROR_AGE};
use crate::state::AppState;
use crate::store::{infobases, jobs};

/// How often it is looked what is due.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run(state: AppState, interval: Duration, shutdown: CancellationToken) {
    loop {
        if let Err(error) = tick(&state, interval).await {
            tracing::warn!(error = %Chain(&error), "synchronisations cannot be scheduled");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn tick(state: &AppState, interval: Duration) -> Result<(), StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    for infobase in infobases::list(&mut connection, None).await? {
        let label = infobase.id.to_string();
        if let Some(as_of) = infobase.as_of {
            let age = (state.clock.now() - as_of).as_seconds_f64();
            metrics::gauge!(MIRROR_AGE, "infobase" => label.clone()).set(age.max(0.0));
        }
        if let Some(reachable) = infobase.reachable {
            metrics::gauge!(INFOBASE_REACHABLE, "infobase" => label).set(if reachable { 1.0 } else { 0.0 });
        }
        // The probe tells when it is worth trying again.
        if infobase.reachable == Some(false) || !infobase.is_called() {
            continue;
        }
        let interval = interval.as_secs_f64();
        if jobs::enqueue_due(&mut connection, ids::new_id(), infobase.id, interval).await? {
            state.queued.notify_one();
        }
    }
    Ok(())
}
