//! Bringing the mirror up to date with an infobase.
//!
//! A full job reads everything. An incremental one takes over what 1C has registered at a node of an
//! exchange plan or, without one, compares versions: those of catalogs, and those of documents of
//! the last [`WINDOW_DAYS`]. A reconciling one compares all versions. Each page is written in one
//! transaction with the position after it, so that a job that was killed or cancelled leaves whole
//! pages behind, and one that was killed goes on where it stopped, loses nothing and writes nothing
//! twice.

mod catalogs;
mod dated;
mod documents;
mod exchange;
mod ledger;
mod movements;
mod objects;
mod page_size;
mod search_name;
mod versions;

use std::sync::Arc;

use chrono::NaiveDateTime;
use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::infobase::{Connection, InfobaseError};
use crate::metrics::{SYNC_DEAD_OBJECTS, SYNC_ROWS};
use crate::odata::{DataError, OdataError, Query};
use crate::profile::{Book, Plan};
use crate::store::analytics_keys;
use crate::store::indexes;
use crate::store::jobs::{self, Added, Held, Mode};
use crate::store::progress::{self, DeadObject};
use crate::store::schedule::Exchange;
use crate::store::totals;

pub(crate) use search_name::search_name;

/// Versions of documents of so many days are compared by an incremental job: work is often done for
/// days past.
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
    /// Somebody cancelled the job.
    #[error("the job was cancelled")]
    Cancelled,
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

/// A job at work. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
    pub(crate) job: Held,
    pub(crate) connection: Arc<Connection>,
    /// Where 1C registers changes for the mirror.
    exchange: Exchange,
    plan: Arc<Plan>,
}

impl Run {
    /// Prepares a job: what the infobase publishes decides what is read.
    pub(crate) async fn new(
        pool: PgPool,
        clock: Clock,
        job: Held,
        exchange: Exchange,
        connection: Arc<Connection>,
    ) -> Result<Self, SyncError> {
        let plan = connection.plan().await?;
        Ok(Self {
            pool,
            clock,
            job,
            connection,
            exchange,
            plan,
        })
    }

    /// The configuration that the infobase has.
    pub(crate) fn profile_id(&self) -> &str {
        &self.plan.profile.id
    }

    /// Reads everything that the job has not read yet.
    pub(crate) async fn run(&self) -> Result<(), SyncError> {
        self.ensure_accounts().await?;
        if self.job.mode == Mode::Full {
            indexes::defer(&mut *self.acquire().await?).await?;
        }
        self.read().await?;
        // Reports are right without them, but slow.
        let (mut first, mut second) = (self.acquire().await?, self.acquire().await?);
        tokio::try_join!(
            totals::refresh(&mut first, self.infobase(), self.plan.chart()),
            indexes::restore(&mut second),
        )?;
        Ok(())
    }

    async fn read(&self) -> Result<(), SyncError> {
        // The node has to be known before anything is read: what changes from then on is registered.
        let point = if self.job.scope.is_empty() {
            exchange::find(self).await?
        } else {
            None
        };
        if self.job.mode == Mode::Incremental
            && let Some(point) = &point
            && exchange::is_set(self, point).await?
        {
            self.list(&[exchange::ENTITY.to_owned()]).await?;
            return exchange::apply(self, point, &self.entities()).await;
        }
        let mut listed = self.entities();
        listed.extend(point.iter().map(|_| exchange::ENTITY.to_owned()));
        self.list(&listed).await?;
        match self.job.mode {
            Mode::Full => {
                self.expect(point.is_some()).await?;
                self.read_all().await?;
            }
            // What a node registered before the mirror was whole is not enough.
            Mode::Incremental if point.is_none() => {
                let window = self.local_now().date() - chrono::Days::new(WINDOW_DAYS);
                self.compare(Some(window.and_time(chrono::NaiveTime::MIN)))
                    .await?;
            }
            Mode::Incremental | Mode::Reconcile => self.compare(None).await?,
        }
        if let Some(point) = &point {
            exchange::set(self, point).await?;
            exchange::apply(self, point, &self.entities()).await?;
        }
        Ok(())
    }

    /// Registers write to accounts that 1C does not have.
    async fn ensure_accounts(&self) -> Result<(), SyncError> {
        let accounts = self.plan.accounts();
        if accounts.is_empty() {
            return Ok(());
        }
        let refs: Vec<Uuid> = accounts.iter().map(|account| account.reference).collect();
        let codes: Vec<String> = accounts.iter().map(|account| account.code.clone()).collect();
        let names: Vec<String> = accounts.into_iter().map(|account| account.name).collect();
        let mut transaction = self.begin().await?;
        analytics_keys::ensure_accounts(&mut transaction, self.infobase(), &refs, &codes, &names).await?;
        transaction.commit().await.store("commit")?;
        Ok(())
    }

    async fn read_all(&self) -> Result<(), SyncError> {
        let plan = self.plan.clone();
        for catalog in plan.catalogs.iter().filter(|plan| self.covers(&plan.entity)) {
            catalogs::read(self, catalog).await?;
        }
        // Documents and entries at once, as far as the infobase takes two calls.
        let mut readings = JoinSet::new();
        let (documents, books) = (self.clone(), self.clone());
        readings.spawn(async move { documents.read_documents().await });
        readings.spawn(async move { books.read_books().await });
        while let Some(ended) = readings.join_next().await {
            match ended.map_err(JoinError::try_into_panic) {
                Ok(read) => read?,
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // Only who drops the set ends a reading.
                Err(Err(_)) => return Err(SyncError::Cancelled),
            }
        }
        Ok(())
    }

    async fn read_documents(&self) -> Result<(), SyncError> {
        for document in self
            .plan
            .documents
            .iter()
            .filter(|plan| self.covers(&plan.entity))
        {
            documents::read(self, document).await?;
        }
        Ok(())
    }

    async fn read_books(&self) -> Result<(), SyncError> {
        let mut books = Vec::from_iter(self.plan.books());
        books.retain(|book| self.covers(book.entity()));
        for (at, book) in (1..).zip(&books) {
            ledger::read(self, *book, None, at == books.len()).await?;
        }
        Ok(())
    }

    /// Compares versions: of documents dated so or later, or of all.
    async fn compare(&self, since: Option<NaiveDateTime>) -> Result<(), SyncError> {
        let plan = self.plan.clone();
        // Entries are read together with their documents.
        for book in plan.books().filter(|book| self.covers(book.entity())) {
            self.begin_entity(book.entity(), None).await?;
        }
        for catalog in plan.catalogs.iter().filter(|plan| self.covers(&plan.entity)) {
            catalogs::read_changed(self, catalog).await?;
        }
        for document in plan.documents.iter().filter(|plan| self.covers(&plan.entity)) {
            versions::documents(self, document, since).await?;
        }
        if !plan.books().any(|book| self.covers(book.entity())) {
            return Ok(());
        }
        let is_news = versions::unmirrored(self, since).await?;
        for book in plan.books().filter(|book| self.covers(book.entity())) {
            versions::entries(self, book, since, is_news).await?;
        }
        Ok(())
    }

    /// What the job is about.
    fn entities(&self) -> Vec<String> {
        self.plan
            .catalogs
            .iter()
            .map(|catalog| catalog.entity.as_str())
            .chain(
                self.plan
                    .documents
                    .iter()
                    .map(|document| document.entity.as_str()),
            )
            .chain(self.plan.books().map(Book::entity))
            .filter(|entity| self.covers(entity))
            .map(str::to_owned)
            .collect()
    }

    fn covers(&self, entity: &str) -> bool {
        self.job.scope.is_empty() || self.job.scope.iter().any(|name| name == entity)
    }

    /// Lists all before the first is read, so that progress shows what is to come.
    async fn list(&self, entities: &[String]) -> Result<(), SyncError> {
        let mut connection = self.acquire().await?;
        for (ordinal, name) in (0..).zip(entities) {
            progress::entity_open(&mut connection, self.job.id, name, ordinal).await?;
        }
        Ok(())
    }

    /// Asks how much there is of all, so that the end of the whole job can be foretold.
    async fn expect(&self, with_changes: bool) -> Result<(), SyncError> {
        let plan = &self.plan;
        let catalogs = plan
            .catalogs
            .iter()
            .map(|plan| (plan.entity.as_str(), plan.set.as_str()));
        let documents = plan
            .documents
            .iter()
            .map(|plan| (plan.entity.as_str(), plan.set.as_str()));
        let books = plan.books().map(|book| (book.entity(), book.set()));
        for (entity, set) in catalogs.chain(documents).chain(books) {
            if !self.covers(entity) {
                continue;
            }
            // What cannot be counted is told by its reading, which says it with its entity.
            if let Ok(total) = self.connection.client.count(&Query::set(set)).await {
                self.expect_entity(entity, total).await?;
            }
        }
        if with_changes {
            // How many changes there will be nobody knows; few beside the whole.
            self.expect_entity(exchange::ENTITY, 0).await?;
        }
        Ok(())
    }

    async fn expect_entity(&self, entity: &str, total: u64) -> Result<(), SyncError> {
        let mut connection = self.acquire().await?;
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        progress::entity_expect(&mut connection, self.job.id, entity, total).await?;
        Ok(())
    }

    /// The wall clock of the infobase.
    fn local_now(&self) -> NaiveDateTime {
        self.connection.zone.local(self.clock.now())
    }

    async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.store("acquire")
    }

    /// Begins a transaction that writes into the mirror. No other replica writes into the mirror of
    /// this infobase until it ends; [`Run::page`] or [`Run::fence`] must come before its end.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut transaction = self.pool.begin().await.store("begin")?;
        jobs::lock(&mut transaction, self.job.infobase_id).await?;
        Ok(transaction)
    }

    /// The same for what is written of one entity while another is.
    async fn begin_part(&self, entity: &str) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut transaction = self.pool.begin().await.store("begin")?;
        jobs::lock_part(&mut transaction, self.job.infobase_id, entity).await?;
        Ok(transaction)
    }

    fn infobase(&self) -> Uuid {
        self.job.infobase_id
    }

    /// Where the reading of an entity is; `None` when it is done.
    async fn open(&self, entity: &str) -> Result<Option<Option<Value>>, SyncError> {
        let mut connection = self.acquire().await?;
        let position = progress::entity_position(&mut connection, self.job.id, entity).await?;
        Ok((position.state != "done").then_some(position.position))
    }

    /// Begins an entity.
    async fn begin_entity(&self, entity: &str, total: Option<u64>) -> Result<(), SyncError> {
        let mut connection = self.acquire().await?;
        let total = total.and_then(|total| i64::try_from(total).ok());
        progress::entity_begin(&mut connection, self.job.id, entity, self.clock.now(), total).await?;
        Ok(())
    }

    /// Makes sure, within a transaction that writes, that the job is still ours.
    async fn fence(&self, transaction: &mut PgConnection, added: Added) -> Result<(), SyncError> {
        if jobs::extend(transaction, &self.job, added).await? {
            Ok(())
        } else {
            Err(SyncError::LeaseLost)
        }
    }

    /// Notes a page within the transaction that writes it.
    async fn page(
        &self,
        transaction: &mut PgConnection,
        entity: &str,
        mut added: Added,
        position: Option<&Value>,
        dead: &[DeadObject],
    ) -> Result<(), SyncError> {
        added.dead = progress::note_dead(transaction, self.job.id, dead).await?;
        self.fence(transaction, added).await?;
        progress::entity_move(transaction, self.job.id, entity, added, position).await?;
        metrics::counter!(SYNC_ROWS, "entity" => entity.to_owned())
            .increment(u64::try_from(added.rows).unwrap_or(0));
        metrics::counter!(SYNC_DEAD_OBJECTS).increment(u64::try_from(added.dead).unwrap_or(0));
        Ok(())
    }

    /// Notes objects that could not be read within a transaction that writes others.
    async fn note_dead(&self, transaction: &mut PgConnection, dead: &[DeadObject]) -> Result<(), SyncError> {
        let added = Added {
            dead: progress::note_dead(transaction, self.job.id, dead).await?,
            ..Added::default()
        };
        metrics::counter!(SYNC_DEAD_OBJECTS).increment(u64::try_from(added.dead).unwrap_or(0));
        self.fence(transaction, added).await
    }

    /// Shows how far a long transaction has come, outside of it.
    async fn note_done(&self, entity: &str, done: i64) -> Result<(), SyncError> {
        let mut connection = self.acquire().await?;
        let added = Added {
            done,
            ..Added::default()
        };
        self.fence(&mut connection, added).await?;
        progress::entity_move(&mut connection, self.job.id, entity, added, None).await?;
        Ok(())
    }

    /// Ends an entity.
    async fn end_entity(&self, entity: &str, written: i64) -> Result<(), SyncError> {
        let mut transaction = self.begin().await?;
        self.end_entity_in(&mut transaction, entity, written).await?;
        transaction.commit().await.store("commit")?;
        Ok(())
    }

    /// Ends an entity within the transaction that cleans up after it.
    async fn end_entity_in(
        &self,
        transaction: &mut PgConnection,
        entity: &str,
        written: i64,
    ) -> Result<(), SyncError> {
        let added = Added {
            rows: written,
            ..Added::default()
        };
        self.fence(transaction, added).await?;
        progress::entity_end(transaction, &self.job, entity).await?;
        Ok(())
    }
}
