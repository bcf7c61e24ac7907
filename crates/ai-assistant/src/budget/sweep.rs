//! What replicas that died held is given back.

use std::time::Duration;

use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::store::budgets;

const EVERY: Duration = Duration::from_secs(60);

/// Gives back from time to time what nobody has settled.
pub(crate) async fn sweep(db: PgPool, clock: Clock, shutdown: CancellationToken) {
    let mut timer = tokio::time::interval(EVERY);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = timer.tick() => {}
        }
        match once(&db, &clock).await {
            Ok(0) => {}
            Ok(given_back) => {
                tracing::warn!(
                    labels.reservations = %given_back,
                    "what attempts held was not settled in time"
                );
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "budgets could not be swept"),
        }
    }
}

/// Gives back what is late now; tells how many attempts held it.
pub(super) async fn once(db: &PgPool, clock: &Clock) -> Result<u64, StoreError> {
    let mut db = db.acquire().await.store("acquire")?;
    let given_back = budgets::sweep(&mut db, clock.now()).await?;
    metrics::reservations_expired(given_back);
    Ok(given_back)
}
