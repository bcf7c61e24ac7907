//! Telling every process which tokens end before their time: those of sessions that have ended, of keys
//! that were revoked, and of users whose rights have changed.

use common::BoxError;
use common::auth::Revocations;
use common::cache::Redis;
use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use sqlx::PgPool;
use uuid::Uuid;

use crate::rights::{LONGEST_ACCESS, RightsChange};
use crate::sessions::Ended;
use crate::store;

/// Tells everybody. The database remembers who has not been told, so that
/// nothing is lost while Redis is down. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Revoker {
    db: PgPool,
    redis: Redis,
    revocations: Revocations,
    clock: Clock,
}

/// Revocations published in one go.
const BATCH: i64 = 500;

impl Revoker {
    pub(crate) fn new(db: PgPool, redis: Redis, revocations: Revocations, clock: Clock) -> Self {
        Self {
            db,
            redis,
            revocations,
            clock,
        }
    }

    /// Tells of sessions that the transaction committed just now has ended. A failure is only
    /// logged: [`Revoker::publish_pending`] tries again.
    pub(crate) async fn revoke(&self, ended: &[Ended]) {
        if let Err(error) = self.publish(ended).await {
            tracing::warn!(error = %Chain(error.as_ref()), "ended sessions will be published later");
        }
    }

    /// Makes every revocation that still matters be published again, for a Redis that may have
    /// lost them, and takes them over into this process.
    pub(crate) async fn reload(&self) -> Result<(), StoreError> {
        let since = self.clock.now();
        let mut connection = self.db.acquire().await.store("acquire")?;
        store::revocations::mark_unpublished(&mut connection, since).await?;
        for ended in store::revocations::unpublished(&mut connection, since, i64::MAX).await? {
            self.revocations.insert(ended.id, ended.access_expires_at);
        }
        store::rights::mark_unpublished(&mut connection, since - LONGEST_ACCESS).await?;
        for change in store::rights::unpublished(&mut connection, since - LONGEST_ACCESS, i64::MAX).await? {
            self.revocations
                .insert_rights(change.user, change.version, change.until());
        }
        Ok(())
    }

    /// Makes everybody refuse tokens of the users' former rights, once the transaction that changed
    /// them is committed. A failure is only logged: [`Revoker::publish_pending`] tries again.
    pub(crate) async fn outdate(&self, changes: &[RightsChange]) {
        if let Err(error) = self.publish_rights(changes).await {
            tracing::warn!(error = %Chain(error.as_ref()), "changed rights will be published later");
        }
    }

    async fn publish_rights(&self, changes: &[RightsChange]) -> Result<(), BoxError> {
        if changes.is_empty() {
            return Ok(());
        }
        for change in changes {
            self.revocations
                .insert_rights(change.user, change.version, change.until());
        }
        for change in changes {
            self.revocations
                .publish_rights(&self.redis, change.user, change.version, change.until())
                .await?;
        }
        let mut connection = self.db.acquire().await?;
        store::rights::mark_published(&mut connection, changes).await?;
        Ok(())
    }

    /// Publishes what could not be published before; returns how many are still waiting.
    pub(crate) async fn publish_pending(&self) -> Result<i64, BoxError> {
        let mut connection = self.db.acquire().await?;
        let since = self.clock.now();
        let pending = store::revocations::unpublished(&mut connection, since, BATCH).await?;
        let changes = store::rights::unpublished(&mut connection, since - LONGEST_ACCESS, BATCH).await?;
        drop(connection);
        let count = i64::try_from(pending.len().max(changes.len())).unwrap_or(BATCH);
        crate::metrics::revocations_pending(count);
        self.publish(&pending).await?;
        self.publish_rights(&changes).await?;
        crate::metrics::revocations_pending(0);
        Ok(if count == BATCH { count } else { 0 })
    }

    async fn publish(&self, ended: &[Ended]) -> Result<(), BoxError> {
        if ended.is_empty() {
            return Ok(());
        }
        for session in ended {
            self.revocations.insert(session.id, session.access_expires_at);
        }
        for session in ended {
            self.revocations
                .publish(&self.redis, session.id, session.access_expires_at)
                .await?;
        }
        let ids: Vec<Uuid> = ended.iter().map(|session| session.id).collect();
        let mut connection = self.db.acquire().await?;
        store::revocations::mark_published(&mut connection, &ids).await?;
        Ok(())
    }
}
