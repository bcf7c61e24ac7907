//! Ledger entries.

use chrono::NaiveDateTime;
use common::db::StoreResult;
use sqlx::PgConnection;
use uuid::Uuid;

use super::dated::{Reading, Slice, Slices};
use super::objects::{self, Taken, Taker};
use super::{Run, SyncError};
use crate::odata::{DataError, Row};
use crate::profile::{Analytics, LedgerPlan, Plan};
use crate::store::jobs::Added;
use crate::store::ledger::{self, EntryRow, Replaced};

/// Name of the ledger among the entities of a job.
pub(super) const ENTITY: &str = crate::profile::LEDGER;
/// Entries in the first answer.
const FIRST: u32 = 3000;

/// Makes entries of the mirror.
#[derive(Debug)]
pub(super) struct EntryTaker<'a> {
    pub(super) plan: &'a Plan,
    pub(super) ledger: &'a LedgerPlan,
}

impl Taker for EntryTaker<'_> {
    type Rows = Vec<EntryRow>;

    fn entity(&self) -> &str {
        ENTITY
    }

    fn set(&self) -> &str {
        &self.ledger.set
    }

    fn key(&self) -> &'static str {
        "Recorder"
    }

    fn take(&self, row: &Row<'_>, into: &mut Vec<EntryRow>) -> Result<(), DataError> {
        // Entries of documents that are being changed are switched off.
        if row.boolean("Active")? != Some(false) {
            into.push(parse_entry(self.plan, self.ledger, row)?);
        }
        Ok(())
    }
}

/// Reads the ledger, or what of it is dated so or later.
pub(super) async fn read(
    run: &Run,
    plan: &LedgerPlan,
    entity: &str,
    since: Option<NaiveDateTime>,
) -> Result<(), SyncError> {
    let slices = Slices {
        entity,
        taker: &EntryTaker {
            plan: &run.plan,
            ledger: plan,
        },
        field: "Period",
        select: &plan.select,
        order: &["Period", "Recorder", "LineNumber"],
        first: FIRST,
        since,
    };
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    let mut slice = reading.next().await?;
    while let Some(read) = slice {
        // The next slice is read while this one is written.
        let (next, written) = tokio::join!(reading.next(), write(run, entity, read));
        written?;
        slice = next?;
    }
    let (start, end) = reading.span();
    let mut transaction = run.begin().await?;
    let removed = ledger::remove_outside(&mut transaction, run.infobase(), start, end).await?;
    run.end_entity_in(&mut transaction, entity, removed).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn write(run: &Run, entity: &str, slice: Slice<Vec<EntryRow>>) -> Result<(), SyncError> {
    let Taken {
        mut rows,
        dead,
        count,
        pages,
    } = slice.taken;
    let kept = kept(&mut rows, &dead);
    let mut recorders: Vec<Uuid> = rows.iter().map(|row| row.recorder).collect();
    recorders.sort_unstable();
    recorders.dedup();
    let mut transaction = run.begin().await?;
    let replaced = Replaced::Span(slice.from, slice.to);
    let written = ledger::replace(&mut transaction, run.infobase(), replaced, &rows, &kept).await?;
    let straddling =
        ledger::straddling(&mut transaction, run.infobase(), &recorders, slice.from, slice.to).await?;
    let added = Added {
        done: i64::try_from(count).unwrap_or(i64::MAX),
        rows: written,
        pages: i64::try_from(pages).unwrap_or(i64::MAX),
        dead: 0,
    };
    run.page(&mut transaction, entity, added, Some(&slice.position), &dead)
        .await?;
    transaction.commit().await.store("commit")?;
    // Entries of one recorder in several slices: either they are so in 1C, or the document was
    // moved and the mirror still has some at its old date.
    let straddling: Vec<(Uuid, String)> = straddling
        .into_iter()
        .map(|recorder| (recorder.reference, recorder.set))
        .collect();
    reread(run, &straddling).await?;
    Ok(())
}

/// Entries of recorders with a dead one among them are not replaced at all.
fn kept(rows: &mut Vec<EntryRow>, dead: &[crate::store::progress::DeadObject]) -> Vec<Uuid> {
    let kept: Vec<Uuid> = dead.iter().map(|dead| dead.reference).collect();
    if !kept.is_empty() {
        rows.retain(|row| !kept.contains(&row.recorder));
    }
    kept
}

/// The entries of recorders; `None` when there is no ledger.
pub(super) async fn of_recorders(
    run: &Run,
    recorders: &[(Uuid, String)],
) -> Result<Option<Taken<Vec<EntryRow>>>, SyncError> {
    let Some(ledger) = &run.plan.ledger else {
        return Ok(None);
    };
    let taker = EntryTaker {
        plan: &run.plan,
        ledger,
    };
    objects::read(run, &taker, &ledger.select, recorders)
        .await
        .map(Some)
}

/// Replaces all entries of recorders.
pub(super) async fn replace(
    run: &Run,
    transaction: &mut PgConnection,
    taken: &mut Taken<Vec<EntryRow>>,
    recorders: &[Uuid],
) -> Result<i64, SyncError> {
    let kept = kept(&mut taken.rows, &taken.dead);
    let replaced = Replaced::Recorders(recorders);
    Ok(ledger::replace(transaction, run.infobase(), replaced, &taken.rows, &kept).await?)
}

/// Reads all entries of recorders again.
pub(super) async fn reread(run: &Run, recorders: &[(Uuid, String)]) -> Result<i64, SyncError> {
    let mut written = 0;
    for pack in recorders.chunks(objects::PACK) {
        let Some(mut taken) = of_recorders(run, pack).await? else {
            break;
        };
        let refs: Vec<Uuid> = pack.iter().map(|(reference, _)| *reference).collect();
        let mut transaction = run.begin().await?;
        written += replace(run, &mut transaction, &mut taken, &refs).await?;
        run.note_dead(&mut transaction, &taken.dead).await?;
        transaction.commit().await.store("commit")?;
    }
    Ok(written)
}
fn parse_entry(plan: &Plan, ledger: &LedgerPlan, row: &Row<'_>) -> Result<EntryRow, DataError> {
    let missing = |field: &str| DataError::Missing(field.to_owned());
    let fields = &ledger.fields;
    let mut entry = EntryRow {
        recorder: row.guid("Recorder").ok_or_else(|| missing("Recorder"))?,
        line: row.integer("LineNumber")?.ok_or_else(|| missing("LineNumber"))?,
        recorder_type: row.target("Recorder").unwrap_or_default(),
        period: row.moment("Period")?.ok_or_else(|| missing("Period"))?,
        company: fields.guid(row, "company"),
        debit_account: row.guid("AccountDr_Key"),
        credit_account: row.guid("AccountCr_Key"),
        amount: fields.decimal(row, "amount")?.unwrap_or_default(),
        debit_quantity: fields.decimal(row, "debit_quantity")?,
        credit_quantity: fields.decimal(row, "credit_quantity")?,
        content: fields.text(row, "content")?,
        ..EntryRow::default()
    };
    for (place_dr, place_cr) in [
        ("ExtDimensionDr1", "ExtDimensionCr1"),
        ("ExtDimensionDr2", "ExtDimensionCr2"),
        ("ExtDimensionDr3", "ExtDimensionCr3"),
    ] {
        let meaning = |field: &str| plan.analytics(&row.target(field)?).zip(row.guid(field));
        match meaning(place_dr) {
            Some((Analytics::Counterparty, value)) => entry.debit_counterparty = Some(value),
            Some((Analytics::Contract, value)) => entry.debit_contract = Some(value),
            Some((Analytics::Document, value)) => entry.debit_document = Some(value),
            Some((Analytics::Item, value)) => entry.debit_item = Some(value),
            Some((Analytics::Warehouse, value)) => entry.debit_warehouse = Some(value),
            Some((Analytics::Place, value)) => entry.debit_place = Some(value),
            None => {}
        }
        match meaning(place_cr) {
            Some((Analytics::Counterparty, value)) => entry.credit_counterparty = Some(value),
            Some((Analytics::Contract, value)) => entry.credit_contract = Some(value),
            Some((Analytics::Document, value)) => entry.credit_document = Some(value),
            Some((Analytics::Item, value)) => entry.credit_item = Some(value),
            Some((Analytics::Warehouse, value)) => entry.credit_warehouse = Some(value),
            Some((Analytics::Place, value)) => entry.credit_place = Some(value),
            None => {}
        }
    }
    Ok(entry)
}
