//! Ledger entries.

use bytes::Bytes;
use common::db::StoreResult;
use uuid::Uuid;

use super::dated::{Reading, Slice, Slices};
use super::{Run, SyncError};
use crate::odata::{Collection, DataError, Filter, Literal, Patience, Query, Row};
use crate::profile::{Analytics, LedgerPlan, Plan};
use crate::store::ledger::{self, EntryRow, Replaced};
use crate::store::totals;

/// Name of the ledger among the entities of a job.
pub(super) const ENTITY: &str = "ledger";
/// Entries in an answer: some 1.2 KB each.
const LIMIT: u32 = 3000;

/// Reads the ledger.
pub(super) async fn read(run: &Run, plan: &LedgerPlan) -> Result<(), SyncError> {
    let slices = Slices {
        entity: ENTITY,
        set: &plan.set,
        field: "Period",
        select: &plan.select,
        order: &["Period", "Recorder", "LineNumber"],
        limit: LIMIT,
    };
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    while let Some(slice) = reading.next().await? {
        write(run, plan, &slice).await?;
    }
    let (start, end) = reading.span();
    let mut transaction = run.begin().await?;
    let removed = ledger::remove_outside(&mut transaction, run.infobase(), start, end).await?;
    run.end_entity(&mut transaction, ENTITY, removed).await?;
    transaction.commit().await.store("commit")?;
    totals::refresh(&mut *run.acquire().await?, run.infobase()).await?;
    Ok(())
}

async fn write(run: &Run, plan: &LedgerPlan, slice: &Slice) -> Result<(), SyncError> {
    let rows = parse(&run.plan, plan, &slice.bodies)?;
    let mut recorders: Vec<Uuid> = rows.iter().map(|row| row.recorder).collect();
    recorders.sort_unstable();
    recorders.dedup();
    let mut transaction = run.begin().await?;
    let replaced = Replaced::Span(slice.from, slice.to);
    let written = ledger::replace(&mut transaction, run.infobase(), replaced, &rows).await?;
    let straddling =
        ledger::straddling(&mut transaction, run.infobase(), &recorders, slice.from, slice.to).await?;
    run.page(&mut transaction, ENTITY, rows.len(), written, &slice.position)
        .await?;
    transaction.commit().await.store("commit")?;
    // Entries of one recorder in several slices: either they are so in 1C, or the document was
    // moved and the mirror still has some at its old date.
    for recorder in straddling {
        reread(run, recorder.reference, &recorder.set).await?;
    }
    Ok(())
}

/// Replaces all entries of one recorder.
pub(super) async fn reread(run: &Run, recorder: Uuid, set: &str) -> Result<(), SyncError> {
    let Some(plan) = &run.plan.ledger else {
        return Ok(());
    };
    let query = Query::set(&plan.set)
        .select(plan.select.clone())
        .filter(Filter::eq("Recorder", &Literal::Cast(recorder, set)));
    let body = run.connection.client.rows(&query, Patience::Job).await?;
    let rows = parse(&run.plan, plan, &[body])?;
    let mut connection = run.acquire().await?;
    ledger::replace(
        &mut connection,
        run.infobase(),
        Replaced::Recorder(recorder),
        &rows,
    )
    .await?;
    Ok(())
}

fn parse(plan: &Plan, ledger: &LedgerPlan, bodies: &[Bytes]) -> Result<Vec<EntryRow>, DataError> {
    let mut entries = Vec::new();
    for body in bodies {
        for row in Collection::parse(body)?.value {
            // Entries of documents that are being changed are switched off.
            if row.boolean("Active")? != Some(false) {
                entries.push(parse_entry(plan, ledger, &row)?);
            }
        }
    }
    Ok(entries)
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
