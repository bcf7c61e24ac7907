//! Ledger entries of the mirror.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

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
}

/// Which entries of the mirror the new ones replace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Replaced {
    /// All of a span of time: from, and before.
    Span(NaiveDateTime, NaiveDateTime),
    /// All of one recorder.
    Recorder(Uuid),
}

/// Replaces entries. Those that are the same already are left alone. Returns how many were written.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    infobase: Uuid,
    replaced: Replaced,
    rows: &[EntryRow],
) -> Result<i64, StoreError> {
    let (from, to, recorder) = match replaced {
        Replaced::Span(from, to) => (Some(from), Some(to), None),
        Replaced::Recorder(recorder) => (None, None, Some(recorder)),
    };
    let json = serde_json::to_string(rows).unwrap_or_default();
    let written = sqlx::query!(
        "with theirs as materialized (
             select * from json_populate_recordset(null::onec.ledger_entries, $5::text::json)
         ), gone as (
             delete from onec.ledger_entries ours
             where ours.infobase_id = $1
               and ((ours.period >= $2 and ours.period < $3) or ours.recorder = $4)
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
        recorder,
        json,
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
    recorders: &[Uuid],
    from: NaiveDateTime,
    to: NaiveDateTime,
) -> Result<Vec<Recorder>, StoreError> {
    sqlx::query_as!(
        Recorder,
        r#"select distinct recorder as "reference!", recorder_type as "set!" from onec.ledger_entries
           where infobase_id = $1 and recorder = any($2) and (period < $3 or period >= $4)"#,
        infobase,
        recorders,
        from,
        to,
    )
    .fetch_all(connection)
    .await
    .store("ledger_straddling")
}

/// Removes entries outside of a span of time, where 1C has none.
pub(crate) async fn remove_outside(
    connection: &mut PgConnection,
    infobase: Uuid,
    before: Option<NaiveDateTime>,
    from: NaiveDateTime,
) -> Result<i64, StoreError> {
    let removed = sqlx::query!(
        "delete from onec.ledger_entries where infobase_id = $1 and (period < $2 or period >= $3)",
        infobase,
        before,
        from
    )
    .execute(connection)
    .await
    .store("ledger_remove_outside")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}
