//! What has changed, by comparing versions: documents of late or of all time, and what writes into
//! the ledger without being mirrored itself.

use chrono::NaiveDateTime;
use common::db::StoreResult;
use uuid::Uuid;

use super::catalogs::reference;
use super::dated::{Reading, Slices, the_end};
use super::objects::Taker;
use super::{Run, SyncError, documents, ledger};
use crate::odata::{DataError, Filter, Literal, Query, Row};
use crate::profile::{Book, DocumentPlan};
use crate::store::documents::{self as store, Version, VersionColumns};
use crate::store::jobs::Added;
use crate::store::{ledger as entries, recorders};

/// Versions in the first answer.
const FIRST: u32 = 5000;
/// What is asked for of each document.
const SELECT: [&str; 5] = ["Ref_Key", "DataVersion", "Date", "Posted", "DeletionMark"];

#[derive(Debug)]
struct VersionTaker<'a> {
    entity: &'a str,
    set: &'a str,
}

impl Taker for VersionTaker<'_> {
    type Rows = VersionColumns;

    fn entity(&self) -> &str {
        self.entity
    }

    fn set(&self) -> &str {
        self.set
    }

    fn take(&self, row: &Row<'_>, into: &mut VersionColumns) -> Result<(), DataError> {
        let Some(date) = row.moment("Date")? else {
            return Ok(());
        };
        into.push(Version {
            reference: reference(row)?,
            data_version: row.text("DataVersion")?.unwrap_or_default(),
            date,
            posted: row.boolean("Posted")?.unwrap_or(false),
            deleted: row.boolean("DeletionMark")?.unwrap_or(false),
        });
        Ok(())
    }
}

/// Brings documents of a kind up to date: those dated so or later, or all.
pub(super) async fn documents(
    run: &Run,
    plan: &DocumentPlan,
    since: Option<NaiveDateTime>,
) -> Result<(), SyncError> {
    let select = SELECT.map(str::to_owned);
    let taker = VersionTaker {
        entity: &plan.entity,
        set: &plan.set,
    };
    let slices = slices(&taker, &select, since);
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    while let Some(slice) = reading.next().await? {
        let theirs = &slice.taken.rows;
        let mut connection = run.acquire().await?;
        let changed = store::changed(&mut connection, run.infobase(), theirs).await?;
        drop(connection);
        let mut rows = documents::reread(run, plan, &changed).await?;
        rows += documents::remove_missing(run, plan, (slice.from, slice.to), &theirs.refs).await?;
        let added = Added {
            done: i64::try_from(slice.taken.count).unwrap_or(i64::MAX),
            rows,
            pages: i64::try_from(slice.taken.pages).unwrap_or(i64::MAX),
            dead: 0,
        };
        let mut transaction = run.begin().await?;
        run.page(
            &mut transaction,
            &plan.entity,
            added,
            Some(&slice.position),
            &slice.taken.dead,
        )
        .await?;
        transaction.commit().await.store("commit")?;
    }
    let (start, end) = reading.span();
    let mut removed = documents::remove_missing(run, plan, (end, the_end()), &[]).await?;
    if let Some(start) = start {
        removed += documents::remove_missing(run, plan, (super::dated::new_year(1), start), &[]).await?;
    }
    run.end_entity(&plan.entity, removed).await
}

fn slices<'a>(
    taker: &'a VersionTaker<'a>,
    select: &'a [String],
    since: Option<NaiveDateTime>,
) -> Slices<'a, VersionTaker<'a>> {
    Slices {
        entity: taker.entity,
        taker,
        field: "Date",
        select,
        order: &["Date", "Number"],
        first: FIRST,
        since,
        is_first: false,
    }
}

/// Brings the entries of documents up to date that are not mirrored themselves. True when some of
/// them had not been looked at before, so that their entries may have changed unseen.
pub(super) async fn unmirrored(run: &Run, since: Option<NaiveDateTime>) -> Result<bool, SyncError> {
    let mut connection = run.acquire().await?;
    let types = entries::recorder_types(&mut connection, run.infobase()).await?;
    drop(connection);
    let mut is_news = false;
    let is_mirrored = |set: &String| run.plan.documents.iter().any(|plan| plan.set == *set);
    for set in types.iter().filter(|set| !is_mirrored(set)) {
        is_news |= of_set(run, set, since).await?;
    }
    Ok(is_news)
}

async fn of_set(run: &Run, set: &str, since: Option<NaiveDateTime>) -> Result<bool, SyncError> {
    let mut connection = run.acquire().await?;
    let is_known = recorders::is_known(&mut connection, run.infobase(), set).await?;
    crate::store::progress::entity_open(&mut connection, run.job.id, set, i32::MAX).await?;
    drop(connection);
    let select = SELECT.map(str::to_owned);
    let taker = VersionTaker { entity: set, set };
    let slices = slices(&taker, &select, since);
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(false);
    };
    let mut is_news = false;
    while let Some(slice) = reading.next().await? {
        let theirs = &slice.taken.rows;
        let mut connection = run.acquire().await?;
        let changed = recorders::changed(&mut connection, run.infobase(), set, theirs).await?;
        let span = (slice.from, slice.to);
        let missing = recorders::missing(&mut connection, run.infobase(), set, span, &theirs.refs).await?;
        drop(connection);
        let mut added = Added {
            done: i64::try_from(slice.taken.count).unwrap_or(i64::MAX),
            pages: i64::try_from(slice.taken.pages).unwrap_or(i64::MAX),
            ..Added::default()
        };
        // Of those that are met for the first time all entries are read again at once.
        let again: Vec<(Uuid, String)> = changed
            .iter()
            .filter(|_| is_known)
            .chain(&missing)
            .map(|id| (*id, set.to_owned()))
            .collect();
        is_news |= !is_known && !changed.is_empty();
        added.rows = ledger::reread(run, &again).await?;
        let mut transaction = run.begin().await?;
        recorders::write(&mut transaction, run.infobase(), set, theirs, &changed).await?;
        recorders::remove(&mut transaction, run.infobase(), set, &missing).await?;
        run.page(
            &mut transaction,
            set,
            added,
            Some(&slice.position),
            &slice.taken.dead,
        )
        .await?;
        transaction.commit().await.store("commit")?;
    }
    run.end_entity(set, 0).await?;
    Ok(is_news)
}

/// Compares how many entries there are, and reads those again whose number differs or that
/// `is_news` says may have changed.
pub(super) async fn entries(
    run: &Run,
    book: Book<'_>,
    since: Option<NaiveDateTime>,
    is_news: bool,
) -> Result<(), SyncError> {
    if run.open(book.entity()).await?.is_none() {
        return Ok(());
    }
    let is_active = Filter::eq("Active", &Literal::Bool(true));
    let mut differs = is_news && since.is_some();
    if !differs {
        let filter = match since {
            Some(since) => is_active.and(&Filter::ge("Period", &Literal::DateTime(since))),
            None => is_active,
        };
        let theirs = run
            .connection
            .client
            .count(&Query::set(book.set()).filter(filter))
            .await?;
        let mut connection = run.acquire().await?;
        let ours = entries::count(&mut connection, run.infobase(), book.number(), since, None).await?;
        differs = theirs != ours;
    }
    if differs {
        tracing::info!("{} differs from the mirror's: it is read again", book.register());
        return ledger::read(run, book, since, false).await;
    }
    run.end_entity(book.entity(), 0).await
}
