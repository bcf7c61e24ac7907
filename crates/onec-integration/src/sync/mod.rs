//! Bringing the mirror up to date with an infobase.
//!
//! A full job reads everything, an incremental one what may have changed: catalogs by version,
//! documents and ledger entries of the last [`WINDOW_DAYS`]. Each page is written in one
//! transaction with the position after it, so that a job that was killed goes on where it stopped,
//! loses nothing and writes nothing twice.

mod catalogs;
mod dated;
mod documents;
mod ledger;
mod search_name;

use std::sync::Arc;

use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::infobase::{Connection, InfobaseError};
use crate::metrics::SYNC_ROWS;
use crate::odata::{DataError, OdataError};
use crate::profile::Plan;
use crate::store::jobs::{self, Held};

pub(crate) use search_name::search_name;

/// Documents and ledger entries of so many days are read again by an incremental job: entries are
/// often made for days past.
const WINDOW_DAYS: u64 = 60;

/// Why a synchronisation stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    /// 1C or the settings of the infobase.
    #[error("the infobase could not be read")]
    Infobase(#[from] InfobaseError),
    /// Our database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another replica has taken the job over.
    #[error("the job is held by another replica")]
    LeaseLost,
}

impl From<OdataError> for SyncError {
    fn from(error: OdataError) -> Self {
        Self::Infobase(error.into())
    }
}

impl From<DataError> for SyncError {
    fn from(error: DataError) -> Self {
        Self::Infobase(OdataError::from(error).into())
    }
}

/// A job at work.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
    pub(crate) job: Held,
    pub(crate) connection: Arc<Connection>,
    plan: Arc<Plan>,
}

impl Run {
    /// Prepares a job: what the infobase publishes decides what is read.
    pub(crate) async fn new(
        pool: PgPool,
        clock: Clock,
        job: Held,
        connection: Arc<Connection>,
    ) -> Result<Self, SyncError> {
        let plan = connection.plan().await?;
        Ok(Self {
            pool,
            clock,
            job,
            connection,
            plan,
        })
    }

    /// The configuration that the infobase has.
    pub(crate) fn profile_id(&self) -> &str {
        &self.plan.profile.id
    }

    /// Reads everything that the job has not read yet.
    pub(crate) async fn run(&self) -> Result<(), SyncError> {
        let plan = self.plan.clone();
        let names = plan
            .catalogs
            .iter()
            .map(|catalog| catalog.entity.as_str())
            .chain(plan.documents.iter().map(|document| document.entity.as_str()))
            .chain(plan.ledger.iter().map(|_| ledger::ENTITY));
        // All are listed before the first is read, so that progress shows what is to come.
        let mut connection = self.acquire().await?;
        for (ordinal, name) in names.enumerate() {
            let ordinal = i32::try_from(ordinal).unwrap_or(i32::MAX);
            jobs::entity_open(&mut connection, self.job.id, name, ordinal).await?;
        }
        drop(connection);
        for catalog in &plan.catalogs {
            catalogs::read(self, catalog).await?;
        }
        for document in &plan.documents {
            documents::read(self, document).await?;
        }
        if let Some(plan) = &plan.ledger {
            ledger::read(self, plan).await?;
        }
        Ok(())
    }

    async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.store("acquire")
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.store("begin")
    }

    fn infobase(&self) -> Uuid {
        self.job.infobase_id
    }

    /// Where the reading of an entity is; `None` when it is done.
    async fn open(&self, entity: &str) -> Result<Option<Option<Value>>, SyncError> {
        let mut connection = self.acquire().await?;
        let position = jobs::entity_position(&mut connection, self.job.id, entity).await?;
        Ok((position.state != "done").then_some(position.position))
    }

    /// Begins an entity.
    async fn begin_entity(&self, entity: &str, total: Option<u64>) -> Result<(), SyncError> {
        let mut connection = self.acquire().await?;
        let total = total.and_then(|total| i64::try_from(total).ok());
        jobs::entity_begin(&mut connection, self.job.id, entity, self.clock.now(), total).await?;
        Ok(())
    }

    /// Notes a page within the transaction that writes it.
    async fn page(
        &self,
        transaction: &mut PgConnection,
        entity: &str,
        read: usize,
        written: i64,
        position: &Value,
    ) -> Result<(), SyncError> {
        if !jobs::extend(transaction, &self.job, written).await? {
            return Err(SyncError::LeaseLost);
        }
        let read = i64::try_from(read).unwrap_or(i64::MAX);
        jobs::entity_move(transaction, self.job.id, entity, read, position).await?;
        metrics::counter!(SYNC_ROWS, "entity" => entity.to_owned())
            .increment(u64::try_from(written).unwrap_or(0));
        Ok(())
    }

    /// Ends an entity within the transaction that cleans up after it.
    async fn end_entity(
        &self,
        transaction: &mut PgConnection,
        entity: &str,
        written: i64,
    ) -> Result<(), SyncError> {
        if !jobs::extend(transaction, &self.job, written).await? {
            return Err(SyncError::LeaseLost);
        }
        jobs::entity_end(transaction, &self.job, entity).await?;
        Ok(())
    }
}
