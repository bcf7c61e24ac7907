//! Catalogs and the chart of accounts.

use common::db::StoreResult;
use common::ids;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::objects::{self, Taken, Taker};
use super::page_size::PageSize;
use super::{Run, SyncError, search_name};
use crate::odata::{Collection, DataError, Patience, Query, Row};
use crate::profile::CatalogPlan;
use crate::store::jobs::Added;
use crate::store::mirror::{self, CatalogRow, Contact, Table};
use crate::store::objects::ObjectRow;

/// Objects in the first page.
const FIRST: u32 = 1000;
/// The smallest page, before its objects are read one by one.
const SMALLEST: u32 = 20;
const LARGEST: u32 = 20_000;
/// Versions in the first page, and at most: they are short.
const VERSIONS_PAGE: u32 = 5000;

/// Makes objects of the mirror.
#[derive(Debug)]
pub(super) struct CatalogTaker<'a> {
    pub(super) plan: &'a CatalogPlan,
    pub(super) table: Table,
}

impl<'a> CatalogTaker<'a> {
    /// For a catalog that the mirror has a table for.
    pub(super) fn new(plan: &'a CatalogPlan) -> Option<Self> {
        let table = Table::of_entity(&plan.entity)?;
        Some(Self { plan, table })
    }
}

/// Objects, and the same objects whole.
#[derive(Debug, Default)]
pub(super) struct CatalogRows {
    pub(super) rows: Vec<CatalogRow>,
    pub(super) objects: Vec<ObjectRow>,
}

impl Taker for CatalogTaker<'_> {
    type Rows = CatalogRows;

    fn entity(&self) -> &str {
        &self.plan.entity
    }

    fn set(&self) -> &str {
        &self.plan.set
    }

    fn take(&self, row: &Row<'_>, into: &mut CatalogRows) -> Result<(), DataError> {
        let object = parse_row(self.plan, self.table, row)?;
        into.objects.push(ObjectRow {
            reference: object.reference,
            data_version: object.data_version.clone(),
            payload: row.json(),
        });
        into.rows.push(object);
        Ok(())
    }
}

/// Writes objects of a catalog. Returns how many rows were written.
pub(super) async fn write(
    run: &Run,
    connection: &mut PgConnection,
    taker: &CatalogTaker<'_>,
    rows: &CatalogRows,
) -> Result<i64, SyncError> {
    if rows.rows.is_empty() {
        return Ok(0);
    }
    let (infobase, job) = (run.infobase(), run.job.id);
    let written = mirror::upsert(connection, taker.table, infobase, job, &rows.rows).await?;
    crate::store::objects::upsert(connection, infobase, &taker.plan.set, &rows.objects).await?;
    Ok(written)
}

/// A page of a full reading, and where the next one begins.
struct Page {
    taken: Taken<CatalogRows>,
    next: u64,
    is_last: bool,
}

/// Reads all of a catalog.
pub(super) async fn read(run: &Run, plan: &CatalogPlan) -> Result<(), SyncError> {
    let Some(taker) = CatalogTaker::new(plan) else {
        return Ok(());
    };
    let Some(position) = run.open(&plan.entity).await? else {
        return Ok(());
    };
    let skip = position
        .and_then(|position| position["skip"].as_u64())
        .unwrap_or(0);
    let total = run.connection.client.count(&Query::set(&plan.set)).await?;
    run.begin_entity(&plan.entity, Some(total)).await?;
    let mut size = PageSize::new(FIRST, SMALLEST, LARGEST);
    let mut unseen = 0;
    let mut page = Some(ask(run, &taker, &mut size, skip).await?);
    while let Some(Page { taken, next, is_last }) = page {
        // The next page is read while this one is written.
        let following = async {
            if is_last {
                return Ok(None);
            }
            ask(run, &taker, &mut size, next).await.map(Some)
        };
        let (following, written) = tokio::join!(following, write_page(run, &taker, taken, next));
        unseen += written?;
        page = following?;
    }
    // Objects that were added meanwhile can have shifted others past a page; only when all were
    // seen is it known that the rest is gone.
    let total = run.connection.client.count(&Query::set(&plan.set)).await?;
    let mut transaction = run.begin().await?;
    let seen = mirror::seen(&mut transaction, taker.table, run.infobase(), run.job.id).await? + unseen;
    let removed = if u64::try_from(seen).is_ok_and(|seen| seen >= total) {
        mirror::sweep(&mut transaction, taker.table, run.infobase(), run.job.id).await?
    } else {
        tracing::warn!(
            "{}: {seen} of {total} objects were read; nothing is removed",
            plan.entity
        );
        0
    };
    run.end_entity_in(&mut transaction, &plan.entity, removed).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn ask(run: &Run, taker: &CatalogTaker<'_>, size: &mut PageSize, skip: u64) -> Result<Page, SyncError> {
    loop {
        let top = size.get();
        let query = Query::set(&taker.plan.set)
            .orderby(taker.plan.orderby.clone())
            .top(top)
            .skip(skip);
        let page = |taken: Taken<CatalogRows>| Page {
            next: skip + taken.count as u64,
            is_last: taken.count < top as usize,
            taken,
        };
        let answer = run.connection.client.rows(&query, Patience::Job).await;
        let parsed = answer.and_then(|body| {
            let mut taken = Taken::default();
            let read = taken.add(taker, &body)?;
            size.answered(read, body.len());
            Ok(taken)
        });
        match parsed {
            Err(error) if objects::may_be_the_objects(&error) => {
                if !size.failed() {
                    return objects::read_singly(run, taker, &[], query).await.map(page);
                }
            }
            taken => return Ok(page(taken?)),
        }
    }
}

/// Writes a page; returns how many of its objects are dead and not in the mirror either.
async fn write_page(
    run: &Run,
    taker: &CatalogTaker<'_>,
    taken: Taken<CatalogRows>,
    next: u64,
) -> Result<i64, SyncError> {
    let mut transaction = run.begin().await?;
    let rows = write(run, &mut transaction, taker, &taken.rows).await?;
    let dead: Vec<Uuid> = taken.dead.iter().map(|dead| dead.reference).collect();
    let kept = if dead.is_empty() {
        0
    } else {
        mirror::keep(&mut transaction, taker.table, run.infobase(), run.job.id, &dead).await?
    };
    let added = Added {
        done: i64::try_from(taken.count).unwrap_or(i64::MAX),
        rows,
        pages: i64::try_from(taken.pages).unwrap_or(i64::MAX),
        dead: 0,
    };
    let position = json!({"skip": next});
    run.page(
        &mut transaction,
        &taker.plan.entity,
        added,
        Some(&position),
        &taken.dead,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(i64::try_from(dead.len()).unwrap_or(0) - kept)
}

/// Reads what has another version than the mirror.
pub(super) async fn read_changed(run: &Run, plan: &CatalogPlan) -> Result<(), SyncError> {
    let Some(taker) = CatalogTaker::new(plan) else {
        return Ok(());
    };
    if run.open(&plan.entity).await?.is_none() {
        return Ok(());
    }
    let client = &run.connection.client;
    run.begin_entity(&plan.entity, None).await?;
    let mut all: Vec<Uuid> = Vec::new();
    let mut skip = 0;
    let mut added = Added::default();
    let mut size = PageSize::new(VERSIONS_PAGE, SMALLEST, VERSIONS_PAGE);
    loop {
        let top = size.get();
        let query = Query::set(&plan.set)
            .select(["Ref_Key", "DataVersion"])
            .orderby(plan.orderby.clone())
            .top(top)
            .skip(skip);
        let body = match client.rows(&query, Patience::Job).await {
            Err(error) if objects::may_be_the_objects(&error) && size.failed() => continue,
            answer => answer?,
        };
        let mut refs = Vec::new();
        let mut versions = Vec::new();
        for row in Collection::parse(&body)?.value {
            refs.push(reference(&row)?);
            versions.push(row.text("DataVersion")?.unwrap_or_default());
        }
        let read = refs.len();
        size.answered(read, body.len());
        drop(body);
        skip += read as u64;
        added.pages += 1;
        let mut connection = run.acquire().await?;
        let changed = mirror::changed(&mut connection, taker.table, run.infobase(), &refs, &versions).await?;
        drop(connection);
        all.append(&mut refs);
        for pack in changed.chunks(objects::PACK) {
            added.rows += read_pack(run, &taker, pack).await?;
        }
        if read < top as usize {
            break;
        }
    }
    all.sort_unstable();
    all.dedup();
    added.done = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let total = client.count(&Query::set(&plan.set)).await?;
    let mut transaction = run.begin().await?;
    if all.len() as u64 >= total {
        added.rows += mirror::retain(&mut transaction, taker.table, run.infobase(), &all).await?;
    }
    run.page(&mut transaction, &plan.entity, added, None, &[]).await?;
    run.end_entity_in(&mut transaction, &plan.entity, 0).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn read_pack(run: &Run, taker: &CatalogTaker<'_>, pack: &[Uuid]) -> Result<i64, SyncError> {
    let keys: Vec<(Uuid, String)> = pack.iter().map(|id| (*id, taker.plan.set.clone())).collect();
    let taken = objects::read(run, taker, &[], &keys).await?;
    let mut transaction = run.begin().await?;
    let written = write(run, &mut transaction, taker, &taken.rows).await?;
    run.note_dead(&mut transaction, &taken.dead).await?;
    transaction.commit().await.store("commit")?;
    Ok(written)
}

pub(super) fn reference(row: &Row<'_>) -> Result<Uuid, DataError> {
    row.guid("Ref_Key")
        .ok_or_else(|| DataError::Missing("Ref_Key".to_owned()))
}

fn parse_row(plan: &CatalogPlan, table: Table, row: &Row<'_>) -> Result<CatalogRow, DataError> {
    let fields = &plan.fields;
    let name = fields.text(row, "name")?;
    // A contract may have a term for either side, and its kind says which of them counts.
    let is_supplier =
        fields.has("supplier_term_days") && plan.supplier_kinds.contains(&fields.text(row, "kind")?);
    let term = if is_supplier {
        "supplier_term_days"
    } else {
        "term_days"
    };
    // A contract without a flag for the term has it when the number of days is set.
    let term_days = fields.integer(row, term)?.unwrap_or(0);
    let has_term = !fields.has("has_term") || fields.boolean(row, "has_term")?;
    let kind = match table {
        Table::BankAccounts => "bank_account".to_owned(),
        Table::CashDesks => "cash_desk".to_owned(),
        Table::SettlementKeys => "settlement_key".to_owned(),
        Table::ItemKeys => "item_key".to_owned(),
        _ => fields.text(row, "kind")?,
    };
    let mut contacts = Vec::new();
    if let Some(part) = &plan.part {
        for line in row.rows(&part.name)? {
            let contact = Contact {
                kind: part.fields.text(&line, "kind")?,
                text: part.fields.text(&line, "text")?,
            };
            if !contact.text.is_empty() {
                contacts.push(contact);
            }
        }
    }
    Ok(CatalogRow {
        id: ids::new_id(),
        reference: reference(row)?,
        data_version: row.text("DataVersion")?.unwrap_or_default(),
        deleted: row.boolean("DeletionMark")?.unwrap_or(false),
        is_folder: fields.boolean(row, "is_folder")?,
        parent: fields.guid(row, "parent"),
        owner: fields.guid(row, "owner"),
        company: fields.guid(row, "company"),
        unit: fields.guid(row, "unit"),
        counterparty: fields.guid(row, "counterparty"),
        contract: fields.guid(row, "contract"),
        item: fields.guid(row, "item"),
        warehouse: fields.guid(row, "warehouse"),
        code: fields.text(row, "code")?,
        search_name: search_name(&name),
        name,
        full_name: fields.text(row, "full_name")?,
        inn: fields.text(row, "inn")?,
        kpp: fields.text(row, "kpp")?,
        ogrn: fields.text(row, "ogrn")?,
        legal_form: fields.text(row, "legal_form")?,
        article: fields.text(row, "article")?,
        number: fields.text(row, "number")?,
        kind,
        nature: fields.text(row, "nature")?,
        date: fields.moment(row, "date")?,
        term_days: if has_term { term_days.max(0) } else { 0 },
        contacts,
    })
}
