//! Documents with their tabular parts.

use common::db::StoreResult;
use uuid::Uuid;

use super::catalogs::reference;
use super::dated::{Reading, Slice, Slices, new_year, the_end};
use super::objects::{self, PACK, Taken, Taker};
use super::{Run, SyncError, ledger};
use crate::odata::{DataError, Row};
use crate::profile::DocumentPlan;
use crate::store::documents::{self, AllocationRow, DocumentRow, Documents, LineRow};
use crate::store::jobs::Added;
use crate::store::ledger::Replaced;
use crate::store::objects::ObjectRow;
use crate::store::statistics;

/// Documents in the first answer.
const FIRST: u32 = 600;

/// Makes documents of the mirror.
#[derive(Debug)]
pub(super) struct DocumentTaker<'a>(pub(super) &'a DocumentPlan);

impl Taker for DocumentTaker<'_> {
    type Rows = Documents;

    fn entity(&self) -> &str {
        &self.0.entity
    }

    fn set(&self) -> &str {
        &self.0.set
    }

    fn take(&self, row: &Row<'_>, into: &mut Documents) -> Result<(), DataError> {
        let (lines, allocations) = (into.lines.len(), into.allocations.len());
        let taken = take(self.0, row, into);
        if taken.is_err() {
            into.lines.truncate(lines);
            into.allocations.truncate(allocations);
        }
        taken
    }
}

/// Reads all documents of a kind.
pub(super) async fn read(run: &Run, plan: &DocumentPlan) -> Result<(), SyncError> {
    let slices = Slices {
        entity: &plan.entity,
        taker: &DocumentTaker(plan),
        field: "Date",
        select: &[],
        order: &["Date", "Number"],
        first: FIRST,
        since: None,
        is_first: !documents::any(&mut *run.acquire().await?, run.infobase(), &plan.entity).await?,
    };
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    let is_first = reading.is_first();
    let mut slice = reading.next().await?;
    while let Some(read) = slice {
        // The next slice is read while this one is written.
        let (next, written) = tokio::join!(reading.next(), write(run, plan, read, is_first));
        written?;
        slice = next?;
    }
    if is_first {
        // Everything that the mirror has was read just now.
        return run.end_entity(&plan.entity, 0).await;
    }
    let (start, end) = reading.span();
    let mut removed = remove_missing(run, plan, (end, the_end()), &[]).await?;
    if let Some(start) = start {
        removed += remove_missing(run, plan, (new_year(1), start), &[]).await?;
    }
    run.end_entity(&plan.entity, removed).await
}

async fn write(
    run: &Run,
    plan: &DocumentPlan,
    slice: Slice<Documents>,
    is_first: bool,
) -> Result<(), SyncError> {
    let Taken {
        rows,
        dead,
        count,
        pages,
    } = slice.taken;
    let removed = if is_first {
        0
    } else {
        let mut present: Vec<Uuid> = rows.documents.iter().map(|row| row.reference).collect();
        present.extend(dead.iter().map(|dead| dead.reference));
        remove_missing(run, plan, (slice.from, slice.to), &present).await?
    };
    let mut transaction = run.begin_part(&plan.entity).await?;
    let names = (plan.entity.as_str(), plan.set.as_str());
    let written = if is_first {
        documents::add(&mut transaction, run.infobase(), names, &rows).await?
    } else {
        documents::write(&mut transaction, run.infobase(), names, &rows).await?
    };
    let added = Added {
        done: i64::try_from(count).unwrap_or(i64::MAX),
        rows: written + removed,
        pages: i64::try_from(pages).unwrap_or(i64::MAX),
        dead: 0,
    };
    run.page(
        &mut transaction,
        &plan.entity,
        added,
        Some(&slice.position),
        &dead,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    if is_first {
        statistics::refresh(&mut *run.acquire().await?).await?;
    }
    Ok(())
}

/// Deals with documents that the mirror has in a span but 1C does not: they were removed, or they
/// have another date now, which may lie outside of all that is read.
pub(super) async fn remove_missing(
    run: &Run,
    plan: &DocumentPlan,
    (from, to): (chrono::NaiveDateTime, chrono::NaiveDateTime),
    present: &[Uuid],
) -> Result<i64, SyncError> {
    let mut connection = run.acquire().await?;
    let missing =
        documents::missing(&mut connection, run.infobase(), &plan.entity, from, to, present).await?;
    drop(connection);
    reread(run, plan, &missing).await
}

/// Reads documents again, with their entries; those that 1C does not have are removed. Returns how
/// many rows were written.
pub(super) async fn reread(run: &Run, plan: &DocumentPlan, refs: &[Uuid]) -> Result<i64, SyncError> {
    let taker = DocumentTaker(plan);
    let mut written = 0;
    for pack in refs.chunks(PACK) {
        let keys: Vec<(Uuid, String)> = pack.iter().map(|id| (*id, plan.set.clone())).collect();
        let taken = objects::read(run, &taker, &[], &keys).await?;
        let is_known = |id: &Uuid| {
            taken.rows.documents.iter().any(|row| row.reference == *id)
                || taken.dead.iter().any(|dead| dead.reference == *id)
        };
        let gone: Vec<Uuid> = pack.iter().copied().filter(|id| !is_known(id)).collect();
        let mut entries = ledger::of_recorders(run, &keys).await?;
        let mut transaction = run.begin().await?;
        let names = (plan.entity.as_str(), plan.set.as_str());
        written += documents::write(&mut transaction, run.infobase(), names, &taken.rows).await?;
        written += documents::remove(&mut transaction, run.infobase(), &plan.set, &gone).await?;
        let mut dead = taken.dead;
        if let Some(entries) = &mut entries {
            let replaced = Replaced::Recorders(pack);
            written += ledger::replace(run, &mut transaction, entries, replaced).await?;
            dead.append(&mut entries.dead);
        }
        run.note_dead(&mut transaction, &dead).await?;
        transaction.commit().await.store("commit")?;
    }
    Ok(written)
}

fn take(plan: &DocumentPlan, row: &Row<'_>, into: &mut Documents) -> Result<(), DataError> {
    let fields = &plan.fields;
    let document = reference(row)?;
    // Without a date a document is nowhere in the books.
    let Some(date) = row.moment("Date")? else {
        return Ok(());
    };
    let header = DocumentRow {
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
    };
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
    into.objects.push(ObjectRow {
        reference: document,
        data_version: header.data_version.clone(),
        payload: row.json(),
    });
    into.documents.push(header);
    Ok(())
}
