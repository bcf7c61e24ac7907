//! Documents of the mirror with their tabular parts.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// A document.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentRow {
    #[serde(rename = "ref")]
    pub(crate) reference: Uuid,
    pub(crate) data_version: String,
    pub(crate) deleted: bool,
    pub(crate) posted: bool,
    pub(crate) number: String,
    pub(crate) date: NaiveDateTime,
    pub(crate) company: Option<Uuid>,
    pub(crate) counterparty: Option<Uuid>,
    pub(crate) contract: Option<Uuid>,
    pub(crate) warehouse: Option<Uuid>,
    pub(crate) manager: Option<Uuid>,
    pub(crate) place: Option<Uuid>,
    pub(crate) operation: String,
    pub(crate) amount: Option<Decimal>,
    pub(crate) vat_included: bool,
    pub(crate) purpose: String,
    pub(crate) comment: String,
}

/// A line of goods or services.
#[derive(Debug, Serialize)]
pub(crate) struct LineRow {
    pub(crate) document: Uuid,
    pub(crate) part: i16,
    pub(crate) line: i32,
    pub(crate) item: Option<Uuid>,
    pub(crate) quantity: Option<Decimal>,
    pub(crate) price: Option<Decimal>,
    pub(crate) amount: Option<Decimal>,
    pub(crate) vat: Option<Decimal>,
    pub(crate) cost: Option<Decimal>,
}

/// What a part of a payment settles.
#[derive(Debug, Serialize)]
pub(crate) struct AllocationRow {
    pub(crate) document: Uuid,
    pub(crate) line: i32,
    pub(crate) contract: Option<Uuid>,
    pub(crate) settles: Option<Uuid>,
    pub(crate) amount: Option<Decimal>,
}

/// Documents with their parts.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) documents: Vec<DocumentRow>,
    pub(crate) lines: Vec<LineRow>,
    pub(crate) allocations: Vec<AllocationRow>,
}

fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

/// Writes documents with their parts, which replace what the mirror has. Rows that are the same
/// already are left alone. Returns how many rows were written.
pub(crate) async fn write(
    connection: &mut PgConnection,
    infobase: Uuid,
    entity: &str,
    rows: &Documents,
) -> Result<i64, StoreError> {
    if rows.documents.is_empty() {
        return Ok(0);
    }
    let refs: Vec<Uuid> = rows.documents.iter().map(|row| row.reference).collect();
    let mut written = sqlx::query!(
        "insert into onec.documents as ours
             (infobase_id, entity, ref, data_version, deleted, posted, number, date, company, counterparty,
              contract, warehouse, manager, place, operation, amount, vat_included, purpose, comment)
         select $1, $2, ref, data_version, deleted, posted, number, date, company, counterparty,
                contract, warehouse, manager, place, operation, amount, vat_included, purpose, comment
         from json_populate_recordset(null::onec.documents, $3::text::json)
         on conflict (infobase_id, ref) do update set
             entity = excluded.entity, data_version = excluded.data_version, deleted = excluded.deleted,
             posted = excluded.posted, number = excluded.number, date = excluded.date,
             company = excluded.company, counterparty = excluded.counterparty, contract = excluded.contract,
             warehouse = excluded.warehouse, manager = excluded.manager, place = excluded.place,
             operation = excluded.operation, amount = excluded.amount, vat_included = excluded.vat_included,
             purpose = excluded.purpose, comment = excluded.comment
         where ours is distinct from excluded",
        infobase,
        entity,
        json(&rows.documents),
    )
    .execute(&mut *connection)
    .await
    .store("documents_write")?
    .rows_affected();
    written += sqlx::query!(
        "with theirs as materialized (
             select * from json_populate_recordset(null::onec.document_rows, $3::text::json)
         ), gone as (
             delete from onec.document_rows ours
             where ours.infobase_id = $1 and ours.document = any($2)
               and not exists (select 1 from theirs where theirs.document = ours.document
                               and theirs.part = ours.part and theirs.line = ours.line)
         )
         insert into onec.document_rows as ours
             (infobase_id, document, part, line, item, quantity, price, amount, vat, cost)
         select $1, document, part, line, item, quantity, price, amount, vat, cost from theirs
         on conflict (infobase_id, document, part, line) do update set
             item = excluded.item, quantity = excluded.quantity, price = excluded.price,
             amount = excluded.amount, vat = excluded.vat, cost = excluded.cost
         where ours is distinct from excluded",
        infobase,
        &refs,
        json(&rows.lines),
    )
    .execute(&mut *connection)
    .await
    .store("document_rows_write")?
    .rows_affected();
    written += sqlx::query!(
        "with theirs as materialized (
             select * from json_populate_recordset(null::onec.payment_allocations, $3::text::json)
         ), gone as (
             delete from onec.payment_allocations ours
             where ours.infobase_id = $1 and ours.document = any($2)
               and not exists (select 1 from theirs where theirs.document = ours.document
                               and theirs.line = ours.line)
         )
         insert into onec.payment_allocations as ours (infobase_id, document, line, contract, settles, amount)
         select $1, document, line, contract, settles, amount from theirs
         on conflict (infobase_id, document, line) do update set
             contract = excluded.contract, settles = excluded.settles, amount = excluded.amount
         where ours is distinct from excluded",
        infobase,
        &refs,
        json(&rows.allocations),
    )
    .execute(connection)
    .await
    .store("payment_allocations_write")?
    .rows_affected();
    Ok(i64::try_from(written).unwrap_or(0))
}

/// Documents of a kind that the mirror has in a span of time, but that are not among `present`.
pub(crate) async fn missing(
    connection: &mut PgConnection,
    infobase: Uuid,
    entity: &str,
    from: NaiveDateTime,
    to: NaiveDateTime,
    present: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select ref from onec.documents ours
         where infobase_id = $1 and entity = $2 and date >= $3 and date < $4
           and not exists (select 1 from unnest($5::uuid[]) as theirs (ref) where theirs.ref = ours.ref)",
        infobase,
        entity,
        from,
        to,
        present,
    )
    .fetch_all(connection)
    .await
    .store("documents_missing")
}

/// Removes documents with their parts.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    infobase: Uuid,
    refs: &[Uuid],
) -> Result<i64, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.documents where infobase_id = $1 and ref = any($2)",
        infobase,
        refs
    )
    .execute(connection)
    .await
    .store("documents_remove")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}
