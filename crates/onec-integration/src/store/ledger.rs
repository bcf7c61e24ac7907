//! Ledger entries of the mirror.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::copy::CopyRows;

/// An entry.
#[derive(Debug, Default, Serialize)]
pub(crate) struct EntryRow {
    pub(crate) recorder: Uuid,
    pub(crate) line: i32,
    pub(crate) recorder_type: String,
    pub(crate) period: NaiveDateTime,
    pub(crate) company: Option<Uuid>,
    pub(crate) debit_account: Option<Uuid>,
    pub(crate) credit_account: Option<Uuid>,
    pub(crate) debit_counterparty: Option<Uuid>,
    pub(crate) debit_contract: Option<Uuid>,
    pub(crate) debit_document: Option<Uuid>,
    pub(crate) debit_item: Option<Uuid>,
    pub(crate) debit_warehouse: Option<Uuid>,
    pub(crate) debit_place: Option<Uuid>,
    pub(crate) credit_counterparty: Option<Uuid>,
    pub(crate) credit_contract: Option<Uuid>,
    pub(crate) credit_document: Option<Uuid>,
    pub(crate) credit_item: Option<Uuid>,
    pub(crate) credit_warehouse: Option<Uuid>,
    pub(crate) credit_place: Option<Uuid>,
    pub(crate) amount: Decimal,
    pub(crate) debit_quantity: Option<Decimal>,
    pub(crate) credit_quantity: Option<Decimal>,
    pub(crate) content: String,
    /// Keys of analytics that have not been resolved yet.
    #[serde(skip)]
    pub(crate) keys: Vec<Uuid>,
}

/// Which entries of the mirror the new ones replace. `register` is the number of the book.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Replaced<'a> {
    /// All of a span of time in one book: from, and before.
    Span {
        register: i16,
        from: NaiveDateTime,
        to: NaiveDateTime,
    },
    /// All of some recorders in one book.
    Sets { register: i16, recorders: &'a [Uuid] },
    /// All of some recorders.
    Recorders(&'a [Uuid]),
}

/// Lines of a book are counted from so many times its number.
const LINES: i32 = 10_000_000;

/// The line of an entry of the mirror.
pub(crate) fn line(register: i16, line: i32) -> i32 {
    i32::from(register) * LINES + line
}

/// True when the mirror has nothing that the entries would replace.
async fn is_new(
    connection: &mut PgConnection,
    infobase: Uuid,
    register: i16,
    (from, to): (NaiveDateTime, NaiveDateTime),
    recorders: &[Uuid],
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select not exists (select 1 from onec.ledger_entries
                              where infobase_id = $1 and register = $5 and period >= $2 and period < $3)
              and not exists (select 1 from onec.ledger_entries
                              where infobase_id = $1 and register = $5 and recorder = any($4)) as "is_new!""#,
        infobase,
        from,
        to,
        recorders,
        register,
    )
    .fetch_one(connection)
    .await
    .store("ledger_is_new")
}

async fn insert(connection: &mut PgConnection, infobase: Uuid, rows: &[EntryRow]) -> Result<i64, StoreError> {
    let mut copy = CopyRows::default();
    for row in rows {
        copy.uuid(Some(infobase))
            .uuid(Some(row.recorder))
            .integer(row.line);
        copy.text(&row.recorder_type).moment(row.period);
        for reference in [
            row.company,
            row.debit_account,
            row.credit_account,
            row.debit_counterparty,
            row.debit_contract,
            row.debit_document,
            row.debit_item,
            row.debit_warehouse,
            row.debit_place,
            row.credit_counterparty,
            row.credit_contract,
            row.credit_document,
            row.credit_item,
            row.credit_warehouse,
            row.credit_place,
        ] {
            copy.uuid(reference);
        }
        copy.decimal(Some(row.amount));
        copy.decimal(row.debit_quantity).decimal(row.credit_quantity);
        copy.text(&row.content).end_row();
    }
    let statement = "copy onec.ledger_entries
         (infobase_id, recorder, line, recorder_type, period, company, debit_account, credit_account,
          debit_counterparty, debit_contract, debit_document, debit_item, debit_warehouse, debit_place,
          credit_counterparty, credit_contract, credit_document, credit_item, credit_warehouse,
          credit_place, amount, debit_quantity, credit_quantity, content)
         from stdin with (format binary)";
    let written = copy.send(connection, statement).await?;
    Ok(i64::try_from(written).unwrap_or(0))
}

/// True when the mirror has entries of the book.
pub(crate) async fn any(
    connection: &mut PgConnection,
    infobase: Uuid,
    register: i16,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.ledger_entries
                          where infobase_id = $1 and register = $2) as "any!""#,
        infobase,
        register,
    )
    .fetch_one(connection)
    .await
    .store("ledger_any")
}

/// Adds entries of which the mirror should have none yet; `None` when it has one all the same,
/// since its document was moved in time while others were read.
pub(crate) async fn add(
    connection: &mut PgConnection,
    infobase: Uuid,
    rows: &[EntryRow],
) -> Result<Option<i64>, StoreError> {
    let mut attempt = connection.begin().await.store("savepoint")?;
    match insert(&mut attempt, infobase, rows).await {
        Err(error) if error.breaks("ledger_entries_pkey") => {
            attempt.rollback().await.store("rollback_to_savepoint")?;
            Ok(None)
        }
        added => {
            let added = added?;
            attempt.commit().await.store("release_savepoint")?;
            Ok(Some(added))
        }
    }
}

/// Replaces entries. Those that are the same already are left alone, and so are those of `kept`
/// recorders. Returns how many were written.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    infobase: Uuid,
    replaced: Replaced<'_>,
    rows: &[EntryRow],
    kept: &[Uuid],
) -> Result<i64, StoreError> {
    let mut ours: Vec<Uuid> = rows.iter().map(|row| row.recorder).collect();
    ours.sort_unstable();
    ours.dedup();
    let (register, span, recorders) = match replaced {
        Replaced::Span { register, from, to }
            if is_new(connection, infobase, register, (from, to), &ours).await? =>
        {
            return insert(connection, infobase, rows).await;
        }
        Replaced::Span { register, from, to } => (Some(register), Some((from, to)), None),
        Replaced::Sets { register, recorders } => (Some(register), None, Some(recorders)),
        Replaced::Recorders(recorders) => (None, None, Some(recorders)),
    };
    let (from, to) = span.unzip();
    let json = serde_json::to_string(rows).unwrap_or_default();
    let written = sqlx::query!(
        "with theirs as materialized (
             select * from json_populate_recordset(null::onec.ledger_entries, $5::text::json)
         ), gone as (
             delete from onec.ledger_entries ours
             where ours.infobase_id = $1
               and ((ours.period >= $2 and ours.period < $3) or ours.recorder = any($4))
               and ours.recorder <> all($6) and ($7::smallint is null or ours.register = $7)
               and not exists (select 1 from theirs where theirs.recorder = ours.recorder
                               and theirs.line = ours.line)
         )
         insert into onec.ledger_entries as ours
             (infobase_id, recorder, line, recorder_type, period, company, debit_account, credit_account,
              debit_counterparty, debit_contract, debit_document, debit_item, debit_warehouse, debit_place,
              credit_counterparty, credit_contract, credit_document, credit_item, credit_warehouse,
              credit_place, amount, debit_quantity, credit_quantity, content)
         select $1, recorder, line, recorder_type, period, company, debit_account, credit_account,
                debit_counterparty, debit_contract, debit_document, debit_item, debit_warehouse, debit_place,
                credit_counterparty, credit_contract, credit_document, credit_item, credit_warehouse,
                credit_place, amount, debit_quantity, credit_quantity, content
         from theirs
         on conflict (infobase_id, recorder, line) do update set
             recorder_type = excluded.recorder_type, period = excluded.period, company = excluded.company,
             debit_account = excluded.debit_account, credit_account = excluded.credit_account,
             debit_counterparty = excluded.debit_counterparty, debit_contract = excluded.debit_contract,
             debit_document = excluded.debit_document, debit_item = excluded.debit_item,
             debit_warehouse = excluded.debit_warehouse, debit_place = excluded.debit_place,
             credit_counterparty = excluded.credit_counterparty, credit_contract = excluded.credit_contract,
             credit_document = excluded.credit_document, credit_item = excluded.credit_item,
             credit_warehouse = excluded.credit_warehouse, credit_place = excluded.credit_place,
             amount = excluded.amount, debit_quantity = excluded.debit_quantity,
             credit_quantity = excluded.credit_quantity, content = excluded.content
         where ours is distinct from excluded",
        infobase,
        from,
        to,
        recorders,
        json,
        kept,
        register,
    )
    .execute(connection)
    .await
    .store("ledger_replace")?;
    Ok(i64::try_from(written.rows_affected()).unwrap_or(0))
}

/// A document that writes entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorder {
    pub(crate) reference: Uuid,
    pub(crate) set: String,
}

/// Which of the recorders have entries outside of the span too.
pub(crate) async fn straddling(
    connection: &mut PgConnection,
    infobase: Uuid,
    register: i16,
    recorders: &[Uuid],
    (from, to): (NaiveDateTime, NaiveDateTime),
) -> Result<Vec<Recorder>, StoreError> {
    sqlx::query_as!(
        Recorder,
        r#"select distinct recorder as "reference!", recorder_type as "set!" from onec.ledger_entries
           where infobase_id = $1 and register = $5 and recorder = any($2) and (period < $3 or period >= $4)"#,
        infobase,
        recorders,
        from,
        to,
        register,
    )
    .fetch_all(connection)
    .await
    .store("ledger_straddling")
}

/// Removes entries outside of a span of time, where 1C has none.
pub(crate) async fn remove_outside(
    connection: &mut PgConnection,
    infobase: Uuid,
    register: i16,
    before: Option<NaiveDateTime>,
    from: NaiveDateTime,
) -> Result<i64, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.ledger_entries
         where infobase_id = $1 and register = $4 and (period < $2 or period >= $3)",
        infobase,
        before,
        from,
        register,
    )
    .execute(connection)
    .await
    .store("ledger_remove_outside")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}

/// Removes all entries of recorders.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    infobase: Uuid,
    recorders: &[Uuid],
) -> Result<i64, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.ledger_entries where infobase_id = $1 and recorder = any($2)",
        infobase,
        recorders,
    )
    .execute(connection)
    .await
    .store("ledger_remove")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}

/// How many entries of a book the mirror has in a span of time.
pub(crate) async fn count(
    connection: &mut PgConnection,
    infobase: Uuid,
    register: i16,
    from: Option<NaiveDateTime>,
    to: Option<NaiveDateTime>,
) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from onec.ledger_entries
           where infobase_id = $1 and register = $4 and ($2::timestamp is null or period >= $2)
             and ($3::timestamp is null or period < $3)"#,
        infobase,
        from,
        to,
        register,
    )
    .fetch_one(connection)
    .await
    .store("ledger_count")?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Sets of the documents that have entries.
pub(crate) async fn recorder_types(
    connection: &mut PgConnection,
    infobase: Uuid,
) -> Result<Vec<String>, StoreError> {
    // One step through the index for each type, rather than all entries.
    sqlx::query_scalar!(
        r#"with recursive types as (
               (select min(recorder_type) as name from onec.ledger_entries where infobase_id = $1)
               union all
               select (select min(recorder_type) from onec.ledger_entries
                       where infobase_id = $1 and recorder_type > types.name)
               from types where types.name is not null
           )
           select name as "name!" from types where name is not null and name <> ''"#,
        infobase,
    )
    .fetch_all(connection)
    .await
    .store("ledger_recorder_types")
}
