//! Documents with their tabular parts.

use bytes::Bytes;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use common::db::StoreResult;
use uuid::Uuid;

use super::catalogs::{PACK, reference};
use super::dated::{Reading, Slice, Slices};
use super::{Run, SyncError};
use crate::odata::{Collection, DataError, Filter, Literal, Patience, Query, Row};
use crate::profile::DocumentPlan;
use crate::store::documents::{self, AllocationRow, DocumentRow, Documents, LineRow};

/// The last year that 1C knows.
const LAST_YEAR: i32 = 3999;
/// Documents in an answer: with their rows some 5 KB each.
const LIMIT: u32 = 600;

/// Reads documents of a kind.
pub(super) async fn read(run: &Run, plan: &DocumentPlan) -> Result<(), SyncError> {
    let slices = Slices {
        entity: &plan.entity,
        set: &plan.set,
        field: "Date",
        select: &plan.select,
        order: &["Date", "Number"],
        limit: LIMIT,
    };
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    while let Some(slice) = reading.next().await? {
        write(run, plan, &slice).await?;
    }
    let (start, end) = reading.span();
    let mut removed = remove_missing(run, plan, end, new_year(LAST_YEAR), &[]).await?;
    if let Some(start) = start {
        removed += remove_missing(run, plan, new_year(1), start, &[]).await?;
    }
    let mut transaction = run.begin().await?;
    run.end_entity(&mut transaction, &plan.entity, removed).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

fn new_year(year: i32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, 1, 1)
        .unwrap_or_default()
        .and_time(NaiveTime::MIN)
}

async fn write(run: &Run, plan: &DocumentPlan, slice: &Slice) -> Result<(), SyncError> {
    let rows = parse(plan, &slice.bodies)?;
    let present: Vec<Uuid> = rows.documents.iter().map(|row| row.reference).collect();
    let removed = remove_missing(run, plan, slice.from, slice.to, &present).await?;
    let mut transaction = run.begin().await?;
    let written = documents::write(&mut transaction, run.infobase(), &plan.entity, &rows).await?;
    run.page(
        &mut transaction,
        &plan.entity,
        rows.documents.len(),
        written + removed,
        &slice.position,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

/// Deals with documents that the mirror has in a span but 1C does not: they were removed, or they
/// have another date now, which may lie outside of all that is read.
async fn remove_missing(
    run: &Run,
    plan: &DocumentPlan,
    from: NaiveDateTime,
    to: NaiveDateTime,
    present: &[Uuid],
) -> Result<i64, SyncError> {
    let mut connection = run.acquire().await?;
    let missing =
        documents::missing(&mut connection, run.infobase(), &plan.entity, from, to, present).await?;
    drop(connection);
    let mut removed = 0;
    for pack in missing.chunks(PACK) {
        let Some(filter) = Filter::any_of("Ref_Key", pack.iter().copied().map(Literal::Guid)) else {
            continue;
        };
        let query = Query::set(&plan.set).select(plan.select.clone()).filter(filter);
        let body = run.connection.client.rows(&query, Patience::Job).await?;
        let moved = parse(plan, &[body])?;
        let gone: Vec<Uuid> = pack
            .iter()
            .copied()
            .filter(|missing| moved.documents.iter().all(|row| row.reference != *missing))
            .collect();
        let mut transaction = run.begin().await?;
        removed += documents::write(&mut transaction, run.infobase(), &plan.entity, &moved).await?;
        removed += documents::remove(&mut transaction, run.infobase(), &gone).await?;
        transaction.commit().await.store("commit")?;
        // Their entries move with them.
        for row in &moved.documents {
            super::ledger::reread(run, row.reference, &plan.set).await?;
        }
    }
    Ok(removed)
}

fn parse(plan: &DocumentPlan, bodies: &[Bytes]) -> Result<Documents, DataError> {
    let mut rows = Documents::default();
    for body in bodies {
        for row in Collection::parse(body)?.value {
            parse_document(plan, &row, &mut rows)?;
        }
    }
    Ok(rows)
}

fn parse_document(plan: &DocumentPlan, row: &Row<'_>, into: &mut Documents) -> Result<(), DataError> {
    let fields = &plan.fields;
    let document = reference(row)?;
    // Without a date a document is nowhere in the books.
    let Some(date) = row.moment("Date")? else {
        return Ok(());
    };
    into.documents.push(DocumentRow {
        reference: document,
        data_version: row.text("DataVersion")?.unwrap_or_default(),
        deleted: row.boolean("DeletionMark")?.unwrap_or(false),
        posted: row.boolean("Posted")?.unwrap_or(false),
        number: row.text("Number")?.unwrap_or_default(),
        date,
        company: fields.guid(row, "company"),
        counterparty: fields.guid(row, "counterparty"),
        contract: fields.guid(row, "contract"),
        warehouse: fields.guid(row, "warehouse"),
        manager: fields.guid(row, "manager"),
        place: fields.guid(row, "place"),
        operation: fields.text(row, "operation")?,
        amount: fields.decimal(row, "amount")?,
        // Sums without VAT are the exception and say so.
        vat_included: !fields.has("vat_included") || fields.boolean(row, "vat_included")?,
        purpose: fields.text(row, "purpose")?,
        comment: fields.text(row, "comment")?,
    });
    for (part, plan) in (0_i16..).zip(&plan.rows) {
        let fields = &plan.fields;
        for (at, line) in (1..).zip(row.rows(&plan.name)?) {
            into.lines.push(LineRow {
                document,
                part,
                line: line.integer("LineNumber")?.unwrap_or(at),
                item: fields.guid(&line, "item"),
                quantity: fields.decimal(&line, "quantity")?,
                price: fields.decimal(&line, "price")?,
                amount: fields.decimal(&line, "amount")?,
                vat: fields.decimal(&line, "vat")?,
                cost: fields.decimal(&line, "cost")?,
            });
        }
    }
    if let Some(plan) = &plan.allocations {
        let fields = &plan.fields;
        for (at, line) in (1..).zip(row.rows(&plan.name)?) {
            into.allocations.push(AllocationRow {
                document,
                line: line.integer("LineNumber")?.unwrap_or(at),
                contract: fields.guid(&line, "contract"),
                settles: fields.guid(&line, "settles"),
                amount: fields.decimal(&line, "amount")?,
            });
        }
    }
    Ok(())
}
