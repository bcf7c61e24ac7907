//! Catalogs and the chart of accounts.

use common::ids;
use serde_json::json;
use uuid::Uuid;

use super::{Run, SyncError, search_name};
use crate::odata::{Collection, DataError, Filter, Literal, OdataError, Query, Row};
use crate::profile::CatalogPlan;
use crate::store::mirror::{self, CatalogRow, Contact, Table};
use common::db::StoreResult;

/// Objects in a page at first.
const PAGE: u32 = 1000;
/// The smallest page, before a failure counts.
const SMALLEST_PAGE: u32 = 20;
/// Versions in a page: they are short.
const VERSIONS_PAGE: u32 = 5000;
/// Objects asked for by their references at once: servers limit the length of an address.
pub(super) const PACK: usize = 15;

/// Reads a catalog.
pub(super) async fn read(run: &Run, plan: &CatalogPlan) -> Result<(), SyncError> {
    let Some(table) = Table::of_entity(&plan.entity) else {
        return Ok(());
    };
    let Some(position) = run.open(&plan.entity).await? else {
        return Ok(());
    };
    if run.job.full_read {
        let skip = position
            .and_then(|position| position["skip"].as_u64())
            .unwrap_or(0);
        read_all(run, plan, table, skip).await
    } else {
        read_changed(run, plan, table).await
    }
}

async fn read_all(run: &Run, plan: &CatalogPlan, table: Table, mut skip: u64) -> Result<(), SyncError> {
    let client = &run.connection.client;
    let total = client.count(&Query::set(&plan.set)).await?;
    run.begin_entity(&plan.entity, Some(total)).await?;
    let mut size = PAGE;
    loop {
        let query = Query::set(&plan.set)
            .select(plan.select.clone())
            .orderby(plan.orderby.clone())
            .top(size)
            .skip(skip);
        let body = match client.rows(&query).await {
            Err(OdataError::Failed(..) | OdataError::TooLarge | OdataError::TimedOut)
                if size > SMALLEST_PAGE =>
            {
                size = (size / 4).max(SMALLEST_PAGE);
                continue;
            }
            answer => answer?,
        };
        let rows = parse(plan, table, &body)?;
        let read = rows.len();
        skip += read as u64;
        let mut transaction = run.begin().await?;
        let written = mirror::upsert(&mut transaction, table, run.infobase(), run.job.id, &rows).await?;
        run.page(
            &mut transaction,
            &plan.entity,
            read,
            written,
            &json!({"skip": skip}),
        )
        .await?;
        transaction.commit().await.store("commit")?;
        if read < size as usize {
            break;
        }
    }
    // Objects that were added meanwhile can have shifted others past a page; only when all were
    // seen is it known that the rest is gone.
    let total = client.count(&Query::set(&plan.set)).await?;
    let mut transaction = run.begin().await?;
    let seen = mirror::seen(&mut transaction, table, run.infobase(), run.job.id).await?;
    let removed = if u64::try_from(seen).is_ok_and(|seen| seen >= total) {
        mirror::sweep(&mut transaction, table, run.infobase(), run.job.id).await?
    } else {
        tracing::warn!(
            "{}: {seen} of {total} objects were read; nothing is removed",
            plan.entity
        );
        0
    };
    run.end_entity(&mut transaction, &plan.entity, removed).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn read_changed(run: &Run, plan: &CatalogPlan, table: Table) -> Result<(), SyncError> {
    let client = &run.connection.client;
    run.begin_entity(&plan.entity, None).await?;
    let mut all: Vec<Uuid> = Vec::new();
    let mut skip = 0;
    let mut written = 0;
    loop {
        let query = Query::set(&plan.set)
            .select(["Ref_Key", "DataVersion"])
            .orderby(plan.orderby.clone())
            .top(VERSIONS_PAGE)
            .skip(skip);
        let body = client.rows(&query).await?;
        let mut refs = Vec::new();
        let mut versions = Vec::new();
        for row in Collection::parse(&body)?.value {
            refs.push(reference(&row)?);
            versions.push(row.text("DataVersion")?.unwrap_or_default());
        }
        let read = refs.len();
        skip += read as u64;
        let mut connection = run.acquire().await?;
        let changed = mirror::changed(&mut connection, table, run.infobase(), &refs, &versions).await?;
        drop(connection);
        all.append(&mut refs);
        for pack in changed.chunks(PACK) {
            written += read_pack(run, plan, table, pack).await?;
        }
        if read < VERSIONS_PAGE as usize {
            break;
        }
    }
    all.sort_unstable();
    all.dedup();
    let total = client.count(&Query::set(&plan.set)).await?;
    let mut transaction = run.begin().await?;
    if all.len() as u64 >= total {
        written += mirror::retain(&mut transaction, table, run.infobase(), &all).await?;
    }
    run.page(&mut transaction, &plan.entity, all.len(), written, &json!({}))
        .await?;
    run.end_entity(&mut transaction, &plan.entity, 0).await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

async fn read_pack(run: &Run, plan: &CatalogPlan, table: Table, pack: &[Uuid]) -> Result<i64, SyncError> {
    let Some(filter) = Filter::any_of("Ref_Key", pack.iter().copied().map(Literal::Guid)) else {
        return Ok(0);
    };
    let query = Query::set(&plan.set).select(plan.select.clone()).filter(filter);
    let body = run.connection.client.rows(&query).await?;
    let rows = parse(plan, table, &body)?;
    let mut connection = run.acquire().await?;
    Ok(mirror::upsert(&mut connection, table, run.infobase(), run.job.id, &rows).await?)
}

pub(super) fn reference(row: &Row<'_>) -> Result<Uuid, DataError> {
    row.guid("Ref_Key")
        .ok_or_else(|| DataError::Missing("Ref_Key".to_owned()))
}

fn parse(plan: &CatalogPlan, table: Table, body: &[u8]) -> Result<Vec<CatalogRow>, DataError> {
    Collection::parse(body)?
        .value
        .iter()
        .map(|row| parse_row(plan, table, row))
        .collect()
}

fn parse_row(plan: &CatalogPlan, table: Table, row: &Row<'_>) -> Result<CatalogRow, DataError> {
    let fields = &plan.fields;
    let name = fields.text(row, "name")?;
    // A contract without a flag for the term has it when the number of days is set.
    let term_days = fields.integer(row, "term_days")?.unwrap_or(0);
    let has_term = !fields.has("has_term") || fields.boolean(row, "has_term")?;
    let kind = match table {
        Table::BankAccounts => "bank_account".to_owned(),
        Table::CashDesks => "cash_desk".to_owned(),
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
