//! Entries: of the ledger, or of registers that stand in for it.

use chrono::NaiveDateTime;
use common::db::StoreResult;
use sqlx::PgConnection;
use uuid::Uuid;

use super::dated::{Reading, Slice, Slices};
use super::objects::{self, Taken, Taker};
use super::{Run, SyncError, movements};
use crate::odata::{DataError, Row};
use crate::profile::{Analytics, Book, LedgerPlan, Plan};
use crate::store::jobs::Added;
use crate::store::ledger::{self, EntryRow, Replaced};
use crate::store::{statistics, totals};

/// Entries in the first answer.
const FIRST: u32 = 3000;

/// Makes entries of the mirror.
#[derive(Debug)]
pub(super) struct EntryTaker<'a> {
    pub(super) plan: &'a Plan,
    pub(super) book: Book<'a>,
}

impl Taker for EntryTaker<'_> {
    type Rows = Vec<EntryRow>;

    fn entity(&self) -> &str {
        self.book.entity()
    }

    fn set(&self) -> &str {
        self.book.set()
    }

    fn key(&self) -> &'static str {
        self.book.recorder()
    }

    fn take(&self, row: &Row<'_>, into: &mut Vec<EntryRow>) -> Result<(), DataError> {
        // Entries of documents that are being changed are switched off.
        if row.boolean("Active")? != Some(false) {
            into.push(match self.book {
                Book::Ledger(ledger) => parse_entry(self.plan, ledger, row)?,
                Book::Register(register) => movements::parse(self.plan, register, row)?,
            });
        }
        Ok(())
    }
}

/// Reads a book, or what of it is dated so or later. After the last of several, totals of whole months
/// are right.
pub(super) async fn read(
    run: &Run,
    book: Book<'_>,
    since: Option<NaiveDateTime>,
    is_last: bool,
) -> Result<(), SyncError> {
    let slices = Slices {
        entity: book.entity(),
        taker: &EntryTaker {
            plan: &run.plan,
            book,
        },
        field: "Period",
        select: book.select(),
        order: match book.recorder() {
            "Recorder_Key" => &["Period", "Recorder_Key", "LineNumber"],
            _ => &["Period", "Recorder", "LineNumber"],
        },
        first: FIRST,
        since,
        is_first: !ledger::any(&mut *run.acquire().await?, run.infobase(), book.number()).await?,
    };
    let Some(mut reading) = Reading::open(run, &slices).await? else {
        return Ok(());
    };
    let is_first = reading.is_first();
    let mut slice = reading.next().await?;
    while let Some(read) = slice {
        // The next slice is read while this one is written.
        let to = read.to;
        let writing = async {
            write(run, book, read, is_first).await?;
            if is_first && is_last {
                totals::refresh_until(&mut *run.acquire().await?, run.infobase(), to).await?;
            }
            Ok::<_, SyncError>(())
        };
        let (next, written) = tokio::join!(reading.next(), writing);
        written?;
        slice = next?;
    }
    if is_first {
        // Everything that the mirror has was read just now.
        return run.end_entity(book.entity(), 0).await;
    }
    let (start, end) = reading.span();
    let mut transaction = run.begin().await?;
    let removed = ledger::remove_outside(&mut transaction, run.infobase(), book.number(), start, end).await?;
    run.end_entity_in(&mut transaction, book.entity(), removed)
        .await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn write(
    run: &Run,
    book: Book<'_>,
    slice: Slice<Vec<EntryRow>>,
    is_first: bool,
) -> Result<(), SyncError> {
    let Taken {
        mut rows,
        dead,
        count,
        pages,
    } = slice.taken;
    let kept = kept(&mut rows, &dead);
    let mut transaction = run.begin_part(book.entity()).await?;
    movements::resolve(&mut transaction, run.infobase(), &mut rows).await?;
    let added = if is_first {
        ledger::add(&mut transaction, run.infobase(), &rows).await?
    } else {
        None
    };
    let (written, straddling) = match added {
        Some(written) => (written, Vec::new()),
        None => replace_span(run, &mut transaction, book, (slice.from, slice.to), &rows, &kept).await?,
    };
    let added = Added {
        done: i64::try_from(count).unwrap_or(i64::MAX),
        rows: written,
        pages: i64::try_from(pages).unwrap_or(i64::MAX),
        dead: 0,
    };
    run.page(
        &mut transaction,
        book.entity(),
        added,
        Some(&slice.position),
        &dead,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    if is_first {
        statistics::refresh(&mut *run.acquire().await?).await?;
    }
    reread(run, &straddling).await?;
    Ok(())
}

/// Replaces the entries of a span. Returns how many were written, and the recorders that have
/// entries outside of it too: either they are so in 1C, or the document was moved and the mirror
/// still has some at its old date.
async fn replace_span(
    run: &Run,
    transaction: &mut PgConnection,
    book: Book<'_>,
    (from, to): (NaiveDateTime, NaiveDateTime),
    rows: &[EntryRow],
    kept: &[Uuid],
) -> Result<(i64, Vec<(Uuid, String)>), SyncError> {
    let register = book.number();
    let replaced = Replaced::Span { register, from, to };
    let written = ledger::replace(transaction, run.infobase(), replaced, rows, kept).await?;
    let mut recorders: Vec<Uuid> = rows.iter().map(|row| row.recorder).collect();
    recorders.sort_unstable();
    recorders.dedup();
    let straddling =
        ledger::straddling(transaction, run.infobase(), register, &recorders, (from, to)).await?;
    let straddling = straddling
        .into_iter()
        .map(|recorder| (recorder.reference, recorder.set))
        .collect();
    Ok((written, straddling))
}

/// Entries of recorders with a dead one among them are not replaced at all.
fn kept(rows: &mut Vec<EntryRow>, dead: &[crate::store::progress::DeadObject]) -> Vec<Uuid> {
    let kept: Vec<Uuid> = dead.iter().map(|dead| dead.reference).collect();
    if !kept.is_empty() {
        rows.retain(|row| !kept.contains(&row.recorder));
    }
    kept
}

/// The entries of recorders, in all books; `None` when there are no books.
pub(super) async fn of_recorders(
    run: &Run,
    recorders: &[(Uuid, String)],
) -> Result<Option<Taken<Vec<EntryRow>>>, SyncError> {
    let mut all: Option<Taken<Vec<EntryRow>>> = None;
    for book in run.plan.books() {
        let taker = EntryTaker {
            plan: &run.plan,
            book,
        };
        let mut taken = objects::read(run, &taker, book.select(), recorders).await?;
        let all = all.get_or_insert_default();
        all.rows.append(&mut taken.rows);
        all.dead.append(&mut taken.dead);
        all.count += taken.count;
        all.pages += taken.pages;
    }
    Ok(all)
}

/// Replaces all entries of recorders.
pub(super) async fn replace(
    run: &Run,
    transaction: &mut PgConnection,
    taken: &mut Taken<Vec<EntryRow>>,
    replaced: Replaced<'_>,
) -> Result<i64, SyncError> {
    let kept = kept(&mut taken.rows, &taken.dead);
    movements::resolve(transaction, run.infobase(), &mut taken.rows).await?;
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
        let replaced = Replaced::Recorders(&refs);
        written += replace(run, &mut transaction, &mut taken, replaced).await?;
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
