//! Rotates the signing keys on schedule and takes over what other replicas did.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::sealing::Sealer;
use common::telemetry::Chain;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::keys::{self, KeyError, KeyRing, Schedule};
use crate::metrics;

/// A replica signs with a retired key no longer than this; the key stays published for longer.
const PAUSE: Duration = Duration::from_secs(60);

/// What the job works with.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) db: PgPool,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) schedule: Schedule,
    pub(crate) ring: KeyRing,
    pub(crate) clock: Clock,
}

impl Keeper {
    async fn tend(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        let stored = keys::maintain(&self.db, &self.sealer, &self.schedule, now).await?;
        self.ring.replace(&stored, &self.sealer)?;
        metrics::signing_key_age((now - self.ring.current().activated_at).num_seconds());
        Ok(())
    }
}

pub(crate) async fn run(keeper: Keeper, shutdown: CancellationToken) {
    loop {
        if let Err(error) = keeper.tend().await {
            tracing::warn!(error = %Chain(&error), "the signing keys were not looked after; trying again");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
