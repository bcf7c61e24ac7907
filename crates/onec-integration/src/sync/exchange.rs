//! What 1C has registered as changed: taken over in one transaction, and acknowledged after it.
//!
//! Until the acknowledgement 1C hands the same changes out again, so that a job that was killed
//! anywhere loses nothing; taking them over twice changes nothing. What is registered while a
//! message is taken over belongs to the next one.

use std::collections::HashMap;
use std::time::Duration;

use common::db::StoreResult;
use sqlx::PgConnection;
use uuid::Uuid;

use super::catalogs::{self, CatalogRows, CatalogTaker};
use super::documents::DocumentTaker;
use super::ledger::{self, EntryTaker};
use super::objects::{Taken, Taker};
use super::{Run, SyncError};
use crate::infobase::InfobaseError;
use crate::odata::{Change, DataError, NoNode, Node, OdataError, Point, Properties, Row};
use crate::store::documents as store;
use crate::store::jobs::Added;
use crate::store::ledger::{EntryRow, Replaced};
use crate::store::progress::DeadObject;
use crate::store::{change_points, mirror, progress};

/// Name of the reading of changes among the entities of a job.
pub(super) const ENTITY: &str = "changes";
/// Changes that are in memory at once.
const BATCH: usize = 500;
/// Bytes of changes that are in memory at once.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How often 1C is asked for a message before the job fails.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// The node at which 1C registers changes for this mirror; `None` when the infobase has no plan.
pub(super) async fn find(run: &Run) -> Result<Option<Point>, SyncError> {
    let Some(plan) = &run.exchange.plan else {
        return Ok(None);
    };
    let nodes = run
        .connection
        .client
        .nodes(plan)
        .await
        .map_err(|error| match error {
            OdataError::NotPublished(_) => InfobaseError::NoExchangePlan,
            error => error.into(),
        })?;
    match Node::ours(nodes, run.exchange.node.as_deref()) {
        Ok(node) => Ok(Some(Point {
            plan: plan.clone(),
            node,
        })),
        Err(NoNode::Missing) => Err(InfobaseError::NoExchangeNode.into()),
        Err(NoNode::Several(_)) => Err(InfobaseError::SeveralExchangeNodes.into()),
    }
}

/// True when everything that the mirror lacks is registered at the node.
pub(super) async fn is_set(run: &Run, point: &Point) -> Result<bool, SyncError> {
    let mut connection = run.acquire().await?;
    Ok(change_points::is_set(&mut connection, run.infobase(), &point.plan, point.node.reference).await?)
}

/// Notes that everything that the mirror lacks is registered at the node.
pub(super) async fn set(run: &Run, point: &Point) -> Result<(), SyncError> {
    let mut transaction = run.begin().await?;
    change_points::set(
        &mut transaction,
        run.infobase(),
        &point.plan,
        point.node.reference,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

/// Takes the registered changes over. `entities` are those whose part of the mirror is true of
/// the moment of asking afterwards.
pub(super) async fn apply(run: &Run, point: &Point, entities: &[String]) -> Result<(), SyncError> {
    if run.open(ENTITY).await?.is_none() {
        return Ok(());
    }
    run.begin_entity(ENTITY, None).await?;
    let asked_at = run.clock.now();
    let mut attempt = 1;
    let mut feed = loop {
        match run.connection.client.select_changes(point).await {
            Err(error) if goes_on(&error, attempt).await => attempt += 1,
            answer => break answer?,
        }
    };
    let mut transaction = run.begin().await?;
    let mut batch = Batch::new(run);
    let mut total = Added {
        pages: 1,
        ..Added::default()
    };
    let mut noted = 0;
    while let Some(change) = feed.next().await.map_err(OdataError::from)? {
        total.done += 1;
        batch.add(change);
        if batch.changes >= BATCH || batch.bytes >= BATCH_BYTES {
            total.rows += batch.write(&mut transaction).await?;
            // Seen by others before the transaction ends.
            run.note_done(ENTITY, total.done - noted).await?;
            noted = total.done;
        }
    }
    total.rows += batch.write(&mut transaction).await?;
    if batch.ignored > 0 {
        tracing::debug!("{} changes are of objects that are not mirrored", batch.ignored);
        metrics::counter!(crate::metrics::SYNC_CHANGES_IGNORED).increment(batch.ignored);
    }
    let dead = std::mem::take(&mut batch.dead);
    let added = Added {
        done: total.done - noted,
        ..total
    };
    run.page(&mut transaction, ENTITY, added, None, &dead).await?;
    progress::note_fresh(&mut transaction, run.infobase(), entities, asked_at).await?;
    transaction.commit().await.store("commit")?;
    // Only now may 1C forget them.
    notify(run, point).await?;
    run.end_entity(ENTITY, 0).await
}

/// True when a call that failed should be made once more, after a pause.
async fn goes_on(error: &OdataError, attempt: u32) -> bool {
    let is_passing = matches!(
        error,
        OdataError::Failed(..) | OdataError::NoLicence | OdataError::Unreachable(_)
    );
    if is_passing && attempt < ATTEMPTS {
        tokio::time::sleep(PAUSE * attempt).await;
    }
    is_passing && attempt < ATTEMPTS
}

async fn notify(run: &Run, point: &Point) -> Result<(), OdataError> {
    let mut attempt = 1;
    loop {
        match run.connection.client.notify_changes_received(point).await {
            Err(error) if goes_on(&error, attempt).await => attempt += 1,
            answer => return answer,
        }
    }
}

/// Changes that are written together; the latest of an object counts.
struct Batch<'a> {
    run: &'a Run,
    catalogs: HashMap<String, (CatalogTaker<'a>, HashMap<Uuid, Properties>)>,
    documents: HashMap<String, (DocumentTaker<'a>, HashMap<Uuid, Properties>)>,
    /// Entries by book and recorder.
    entries: HashMap<i16, HashMap<Uuid, Vec<EntryRow>>>,
    deleted: HashMap<String, Vec<Uuid>>,
    dead: Vec<DeadObject>,
    changes: usize,
    bytes: usize,
    ignored: u64,
}

impl<'a> Batch<'a> {
    fn new(run: &'a Run) -> Self {
        let catalogs = run.plan.catalogs.iter().filter_map(|plan| {
            let taker = CatalogTaker::new(plan)?;
            Some((plan.set.clone(), (taker, HashMap::new())))
        });
        let documents = run.plan.documents.iter().map(|plan| {
            let taker = DocumentTaker(plan);
            (plan.set.clone(), (taker, HashMap::new()))
        });
        Self {
            run,
            catalogs: catalogs.collect(),
            documents: documents.collect(),
            entries: HashMap::new(),
            deleted: HashMap::new(),
            dead: Vec::new(),
            changes: 0,
            bytes: 0,
            ignored: 0,
        }
    }

    fn add(&mut self, change: Change) {
        self.changes += 1;
        match change {
            Change::Object { set, properties } => {
                let known = if let Some((_, bodies)) = self.catalogs.get_mut(&set) {
                    Some(bodies)
                } else {
                    self.documents.get_mut(&set).map(|(_, bodies)| bodies)
                };
                let Some(bodies) = known else {
                    self.ignored += 1;
                    return;
                };
                // A changed object is kept as an object of a page is.
                let properties = self.run.plan.forms.typed(&set, properties);
                self.bytes += properties.as_json().len();
                let reference = properties.row().ok().and_then(|row| row.guid("Ref_Key"));
                match reference {
                    Some(reference) => {
                        bodies.insert(reference, properties);
                    }
                    None => self.bury(&set, &set.clone(), Uuid::nil(), Some("Ref_Key".to_owned())),
                }
            }
            Change::Records { set, properties } => self.add_records(&set, &properties),
            Change::Deleted { set, reference } => {
                let is_known = self.catalogs.contains_key(&set) || set.starts_with("Document_");
                if is_known {
                    self.deleted.entry(set).or_default().push(reference);
                } else {
                    self.ignored += 1;
                }
            }
            Change::Unknown => self.ignored += 1,
        }
    }

    fn bury(&mut self, entity: &str, set: &str, reference: Uuid, field: Option<String>) {
        self.dead.push(DeadObject {
            entity: entity.to_owned(),
            object_set: set.to_owned(),
            reference,
            code: OdataError::from(DataError::Missing(String::new()))
                .code()
                .to_owned(),
            field,
        });
    }

    fn add_records(&mut self, set: &str, properties: &Properties) {
        let Some(book) = self.run.plan.books().find(|book| book.register() == set) else {
            self.ignored += 1;
            return;
        };
        self.bytes += properties.as_json().len();
        let Ok(row) = properties.row() else {
            self.ignored += 1;
            return;
        };
        let key = if row.guid("Recorder").is_some() {
            "Recorder"
        } else {
            "Recorder_Key"
        };
        let recorder = row.guid(key);
        let recorder_type = row.target("Recorder").unwrap_or_default();
        let Some(recorder) = recorder else {
            self.bury(book.entity(), set, Uuid::nil(), Some("Recorder".to_owned()));
            return;
        };
        let taker = EntryTaker {
            plan: &self.run.plan,
            book,
        };
        let mut taken = Taken::<Vec<EntryRow>>::default();
        match row.rows("RecordSet") {
            Ok(rows) => {
                let rows: Vec<Row<'_>> = rows
                    .into_iter()
                    .map(|line| line.with_missing(&row, &["Recorder", "Recorder_Type", "Recorder_Key"]))
                    .collect();
                taken.add_rows(&taker, &rows);
            }
            Err(_) => {
                self.bury(
                    book.entity(),
                    &recorder_type,
                    recorder,
                    Some("RecordSet".to_owned()),
                );
                return;
            }
        }
        if taken.dead.is_empty() {
            let of_book = self.entries.entry(book.number()).or_default();
            of_book.insert(recorder, taken.rows);
        } else {
            // All or nothing of a recorder.
            self.dead.extend(taken.dead.into_iter().take(1));
        }
    }

    /// Writes what was gathered. Returns how many rows were written.
    async fn write(&mut self, transaction: &mut PgConnection) -> Result<i64, SyncError> {
        let run = self.run;
        let mut written = 0;
        for (taker, bodies) in self.catalogs.values_mut() {
            let mut taken = Taken::<CatalogRows>::default();
            for body in std::mem::take(bodies).into_values() {
                add(taker, &body, &mut taken);
            }
            written += catalogs::write(run, transaction, taker, &taken.rows).await?;
            self.dead.append(&mut taken.dead);
        }
        for (taker, bodies) in self.documents.values_mut() {
            let mut taken = Taken::<store::Documents>::default();
            for body in std::mem::take(bodies).into_values() {
                add(taker, &body, &mut taken);
            }
            let names = (taker.entity(), taker.set());
            written += store::write(transaction, run.infobase(), names, &taken.rows).await?;
            self.dead.append(&mut taken.dead);
        }
        for (register, taken) in std::mem::take(&mut self.entries) {
            let recorders: Vec<Uuid> = taken.keys().copied().collect();
            let mut taken = Taken {
                rows: taken.into_values().flatten().collect(),
                ..Taken::default()
            };
            let replaced = Replaced::Sets {
                register,
                recorders: &recorders,
            };
            written += ledger::replace(run, transaction, &mut taken, replaced).await?;
        }
        for (set, refs) in std::mem::take(&mut self.deleted) {
            if let Some((taker, _)) = self.catalogs.get(&set) {
                written += mirror::remove(transaction, taker.table, run.infobase(), &refs).await?;
                crate::store::objects::remove(transaction, run.infobase(), &set, &refs).await?;
            } else {
                written += store::remove(transaction, run.infobase(), &set, &refs).await?;
                written += crate::store::ledger::remove(transaction, run.infobase(), &refs).await?;
            }
        }
        self.changes = 0;
        self.bytes = 0;
        Ok(written)
    }
}

fn add<K: Taker>(taker: &K, properties: &Properties, into: &mut Taken<K::Rows>) {
    if let Ok(row) = properties.row() {
        into.add_rows(taker, std::slice::from_ref(&row));
    }
}
