//! Movements of registers of accumulation as one-sided entries.
//!
//! A configuration of trade keeps balances in registers instead of a ledger. A receipt (приход) is
//! an entry on the side of the account that the profile names, an expense (расход) one on the other.
//! A register of turnovers knows no expenses; it may stand for both sides of an entry, and then the goods are on the
//! credit side.

use sqlx::PgConnection;
use uuid::Uuid;

use super::SyncError;
use crate::odata::{DataError, Row};
use crate::profile::{Direction, Plan, RegisterPlan};
use crate::store::analytics_keys::{self, Meaning};
use crate::store::ledger::{self, EntryRow};

/// Makes an entry of a movement.
pub(super) fn parse(plan: &Plan, register: &RegisterPlan, row: &Row<'_>) -> Result<EntryRow, DataError> {
    let missing = |field: &str| DataError::Missing(field.to_owned());
    let fields = &register.fields;
    let line = row.integer("LineNumber")?.ok_or_else(|| missing("LineNumber"))?;
    let recorder = row.guid("Recorder").or_else(|| row.guid("Recorder_Key"));
    let mut amount = fields.decimal(row, "amount")?.unwrap_or_default();
    let less = fields.decimal(row, "less")?.unwrap_or_default();
    // A movement of nothing but what was paid ahead is on the other side, not a debt below zero.
    let is_advance = amount.is_zero() && !less.is_zero();
    amount = if is_advance { less } else { amount - less };
    let quantity = fields.decimal(row, "quantity")?;
    let mut entry = EntryRow {
        recorder: recorder.ok_or_else(|| missing("Recorder"))?,
        line: ledger::line(register.number, line),
        recorder_type: row.target("Recorder").unwrap_or_default(),
        period: row.moment("Period")?.ok_or_else(|| missing("Period"))?,
        company: fields.guid(row, "company"),
        amount,
        keys: ["settlement_key", "item_key"]
            .iter()
            .filter_map(|key| fields.guid(row, key))
            .collect(),
        ..EntryRow::default()
    };
    let is_expense = row.text("RecordType")?.as_deref() == Some("Expense");
    let is_debit = (register.receipt == Direction::Debit) != (is_expense != is_advance);
    let account = plan.account(&register.account);
    let other = register.other.as_deref().map(|code| plan.account(code));
    let (counterparty, contract, document, item, warehouse, place) = (
        fields.guid(row, "counterparty"),
        fields.guid(row, "contract"),
        fields.guid(row, "document"),
        fields.guid(row, "item"),
        fields.guid(row, "warehouse"),
        fields.guid(row, "place"),
    );
    (entry.debit_account, entry.credit_account) = if is_debit {
        (Some(account), other)
    } else {
        (other, Some(account))
    };
    if entry.credit_account.is_none() {
        entry.debit_counterparty = counterparty;
        entry.debit_contract = contract;
        entry.debit_document = document;
        entry.debit_item = item;
        entry.debit_warehouse = warehouse;
        entry.debit_place = place;
        entry.debit_quantity = quantity;
    } else {
        entry.credit_counterparty = counterparty;
        entry.credit_contract = contract;
        entry.credit_document = document;
        entry.credit_item = item;
        entry.credit_warehouse = warehouse;
        entry.credit_place = place;
        entry.credit_quantity = quantity;
    }
    Ok(entry)
}

/// Puts what keys of analytics stand for in the place of the keys. A key that the mirror does not
/// have leaves its movement without analytics.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    infobase: Uuid,
    rows: &mut [EntryRow],
) -> Result<(), SyncError> {
    let mut keys: Vec<Uuid> = rows.iter().flat_map(|row| row.keys.iter().copied()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    keys.dedup();
    let meanings = analytics_keys::meanings(connection, infobase, &keys).await?;
    for row in rows {
        for key in std::mem::take(&mut row.keys) {
            if let Some(meaning) = meanings.get(&key) {
                apply(row, meaning);
            }
        }
    }
    Ok(())
}

fn apply(row: &mut EntryRow, meaning: &Meaning) {
    row.company = row.company.or(meaning.company);
    let (counterparty, contract, item, warehouse) = if row.credit_account.is_none() {
        (
            &mut row.debit_counterparty,
            &mut row.debit_contract,
            &mut row.debit_item,
            &mut row.debit_warehouse,
        )
    } else {
        (
            &mut row.credit_counterparty,
            &mut row.credit_contract,
            &mut row.credit_item,
            &mut row.credit_warehouse,
        )
    };
    *counterparty = counterparty.or(meaning.counterparty);
    *contract = contract.or(meaning.contract);
    *item = item.or(meaning.item);
    *warehouse = warehouse.or(meaning.warehouse);
}
