//! Documents of the mirror with their tabular parts.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::copy::CopyRows;
use super::objects::{self, ObjectRow};

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
    /// The same documents, whole.
    pub(crate) objects: Vec<ObjectRow>,
}

fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

/// Adds documents that are known not to be there yet. The documents themselves come last but for their
/// lines, since others wait for what is noted of them until the transaction ends.
async fn insert(
    connection: &mut PgConnection,
    infobase: Uuid,
    (entity, set): (&str, &str),
    rows: &Documents,
) -> Result<i64, StoreError> {
    objects::insert(connection, infobase, set, &rows.objects).await?;
    let mut copy = CopyRows::default();
    for row in &rows.allocations {
        copy.uuid(Some(infobase))
            .uuid(Some(row.document))
            .integer(row.line);
        copy.uuid(row.contract)
            .uuid(row.settles)
            .decimal(row.amount)
            .end_row();
    }
    let statement = "copy onec.payment_allocations
         (infobase_id, document, line, contract, settles, amount) from stdin with (format binary)";
    let mut written = copy.send(connection, statement).await?;
    let mut copy = CopyRows::default();
    for row in &rows.documents {
        copy.uuid(Some(infobase)).uuid(Some(row.reference)).text(entity);
        copy.text(&row.data_version)
            .boolean(row.deleted)
            .boolean(row.posted);
        copy.text(&row.number).moment(row.date);
        for reference in [
            row.company,
            row.counterparty,
            row.contract,
            row.warehouse,
            row.manager,
            row.place,
        ] {
            copy.uuid(reference);
        }
        copy.text(&row.operation)
            .decimal(row.amount)
            .boolean(row.vat_included);
        copy.text(&row.purpose).text(&row.comment).end_row();
    }
    let statement = "copy onec.documents
         (infobase_id, ref, entity, data_version, deleted, posted, number, date, company, counterparty,
          contract, warehouse, manager, place, operation, amount, vat_included, purpose, comment)
         from stdin with (format binary)";
    written += copy.send(connection, statement).await?;
    let mut copy = CopyRows::default();
    for row in &rows.lines {
        copy.uuid(Some(infobase)).uuid(Some(row.document)).small(row.part);
        copy.integer(row.line).uuid(row.item);
        for number in [row.quantity, row.price, row.amount, row.vat, row.cost] {
            copy.decimal(number);
        }
        copy.end_row();
    }
    let statement = "copy onec.document_rows
         (infobase_id, document, part, line, item, quantity, price, amount, vat, cost)
         from stdin with (format binary)";
    written += copy.send(connection, statement).await?;
    Ok(i64::try_from(written).unwrap_or(0))
}

/// True when the mirror has documents of the kind.
pub(crate) async fn any(
    connection: &mut PgConnection,
    infobase: Uuid,
    entity: &str,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.documents where infobase_id = $1 and entity = $2) as "any!""#,
        infobase,
        entity,
    )
    .fetch_one(connection)
    .await
    .store("documents_any")
}

/// Adds documents of which the mirror should have none yet. One that was moved in time while others
/// were read is there all the same: then they are written by [`write()`].
pub(crate) async fn add(
    connection: &mut PgConnection,
    infobase: Uuid,
    names: (&str, &str),
    rows: &Documents,
) -> Result<i64, StoreError> {
    let mut attempt = connection.begin().await.store("savepoint")?;
    match insert(&mut attempt, infobase, names, rows).await {
        Err(error) if error.breaks("documents_pkey") || error.breaks("objects_pkey") => {
            attempt.rollback().await.store("rollback_to_savepoint")?;
            write(connection, infobase, names, rows).await
        }
        added => {
            let added = added?;
            attempt.commit().await.store("release_savepoint")?;
            Ok(added)
        }
    }
}

/// Writes documents with their parts, which replace what the mirror has. Rows that are the same
/// already are left alone. Returns how many rows were written.
pub(crate) async fn write(
    connection: &mut PgConnection,
    infobase: Uuid,
    (entity, set): (&str, &str),
    rows: &Documents,
) -> Result<i64, StoreError> {
    if rows.documents.is_empty() {
        return Ok(0);
    }
    let refs: Vec<Uuid> = rows.documents.iter().map(|row| row.reference).collect();
    let is_known = sqlx::query_scalar!(
        r#"select exists (select 1 from onec.documents
                          where infobase_id = $1 and ref = any($2)) as "is_known!""#,
        infobase,
        &refs,
    )
    .fetch_one(&mut *connection)
    .await
    .store("documents_known")?;
    if !is_known {
        return insert(connection, infobase, (entity, set), rows).await;
    }
    objects::upsert(connection, infobase, set, &rows.objects).await?;
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
           and ref <> all($5)",
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

/// What versions tell of a document.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
pub(crate) struct Version {
    pub(crate) reference: Uuid,
    pub(crate) data_version: String,
    pub(crate) date: NaiveDateTime,
    pub(crate) posted: bool,
    pub(crate) deleted: bool,
}

/// Versions as columns.
#[derive(Debug, Default)]
pub(crate) struct VersionColumns {
    pub(crate) refs: Vec<Uuid>,
    pub(crate) versions: Vec<String>,
    pub(crate) dates: Vec<NaiveDateTime>,
    pub(crate) posted: Vec<bool>,
    pub(crate) deleted: Vec<bool>,
}

impl VersionColumns {
    pub(crate) fn push(&mut self, version: Version) {
        self.refs.push(version.reference);
        self.versions.push(version.data_version);
        self.dates.push(version.date);
        self.posted.push(version.posted);
        self.deleted.push(version.deleted);
    }
}

/// Which of the documents are new or differ from the mirror.
pub(crate) async fn changed(
    connection: &mut PgConnection,
    infobase: Uuid,
    theirs: &VersionColumns,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        r#"select theirs.ref as "ref!"
           from unnest($2::uuid[], $3::text[], $4::timestamp[], $5::bool[], $6::bool[])
                as theirs (ref, data_version, date, posted, deleted)
           left join onec.documents ours on ours.infobase_id = $1 and ours.ref = theirs.ref
           where (ours.data_version, ours.date, ours.posted, ours.deleted)
                 is distinct from (theirs.data_version, theirs.date, theirs.posted, theirs.deleted)"#,
        infobase,
        &theirs.refs,
        &theirs.versions,
        &theirs.dates,
        &theirs.posted,
        &theirs.deleted,
    )
    .fetch_all(connection)
    .await
    .store("documents_changed")
}

/// Removes documents with their parts and their entries.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    refs: &[Uuid],
) -> Result<i64, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.documents where infobase_id = $1 and ref = any($2)",
        infobase,
        refs
    )
    .execute(&mut *connection)
    .await
    .store("documents_remove")?;
    objects::remove(connection, infobase, set, refs).await?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}
