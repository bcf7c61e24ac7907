//! Rotates the signing keys on schedule and takes over what other replicas did.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::sealing::{Sealer, Unspecified};
use common::telemetry::Chain;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::keys::rsa::Signer;
use crate::keys::{self, KeyError, KeyRing, Schedule};
use crate::metrics;

/// A replica signs with a retired key no longer than this; the key stays published for longer.
const PAUSE: Duration = Duration::from_secs(60);

/// What the job works with.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    pub(crate) db: PgPool,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) schedule: Schedule,
    pub(crate) ring: KeyRing,
    pub(crate) clock: Clock,
}

impl Keeper {
    async fn maintain(&self, id_tokens: bool) -> Result<(), KeyError> {
        let now = self.clock.now();
        let stored = keys::maintain(&self.db, &self.sealer, &self.schedule, id_tokens, now).await?;
        self.ring.replace(&stored, &self.sealer)
    }

    /// What signs ID tokens; made now if there has been none, or another replica has made it.
    pub(crate) async fn id_tokens(&self) -> Result<Arc<Signer>, KeyError> {
        if let Some(signer) = self.ring.id_tokens() {
            return Ok(signer);
        }
        self.maintain(true).await?;
        self.ring.id_tokens().ok_or(KeyError::Cryptography(Unspecified))
    }

    async fn tend(&self) -> Result<(), KeyError> {
        self.maintain(false).await?;
        let now = self.clock.now();
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
