//! The reconciliation statement (акт сверки) with one counterparty.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::documents::presentation;
use super::scope::Scope;
use super::table::{Heading, Table, columns, day, money, row};

pub(super) const HEADINGS: [Heading; 5] = [
    ("date", Date, "Дата", "Date"),
    ("document", Text, "Документ", "Document"),
    ("debit", Money, "Дебет", "Debit"),
    ("credit", Money, "Кредит", "Credit"),
    ("balance", Money, "Сальдо", "Balance"),
];

/// The report: turnovers of the settlement accounts of both sides of the trade by document, in
/// order of date. Offsets of advances move nothing between us and the counterparty: in the ledger
/// both sides of an entry are settlements; in registers, what a document writes to the one side it
/// writes to the other as well.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let chart = &scope.profile.chart;
    let accounts = [chart.receivables.as_slice(), chart.payables.as_slice()].concat();
    let counterparties = scope.counterparties.as_deref().unwrap_or_default();
    let opening = sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "amount!" from onec.balances($1, $2, $3, $4, null)
           where counterparty = any($5)"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.companies.as_deref(),
        counterparties,
    )
    .fetch_one(&mut *connection)
    .await
    .store("report_statement_opening")?;
    let found = sqlx::query!(
        r#"with settlement as materialized (
               select array(select ref from onec.accounts_under($1, $2)) as refs
           ), entries as (
               select e.recorder, e.period, e.amount as debit, 0::numeric as credit
               from onec.ledger_entries e, settlement s
               where e.infobase_id = $1 and e.period >= $3 and e.period < $4 and e.debit_counterparty = any($5)
                 and e.debit_account = any(s.refs) and ($6::uuid[] is null or e.company = any($6))
                 and not (coalesce(e.credit_account = any(s.refs), false)
                          and e.debit_counterparty is not distinct from e.credit_counterparty)
               union all
               select e.recorder, e.period, 0, e.amount
               from onec.ledger_entries e, settlement s
               where e.infobase_id = $1 and e.period >= $3 and e.period < $4 and e.credit_counterparty = any($5)
                 and e.credit_account = any(s.refs) and ($6::uuid[] is null or e.company = any($6))
                 and not (coalesce(e.debit_account = any(s.refs), false)
                          and e.debit_counterparty is not distinct from e.credit_counterparty)
           )
           select recorder as "recorder!", min(period) as "period!",
                  case when $7 then sum(debit) else greatest(sum(debit) - sum(credit), 0) end as "debit!",
                  case when $7 then sum(credit) else greatest(sum(credit) - sum(debit), 0) end as "credit!", d.entity as "entity?", d.number as "number?", d.date as "date?"
           from entries
           left join onec.documents d on d.infobase_id = $1 and d.ref = entries.recorder
           group by recorder, d.entity, d.number, d.date
           order by min(period), d.entity, d.number, recorder"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.until(),
        counterparties,
        scope.companies.as_deref(),
        scope.profile.has_ledger(),
    )
    .fetch_all(connection)
    .await
    .store("report_statement")?;
    let mut balance = opening;
    let mut rows = Vec::new();
    let (mut debit, mut credit) = (Decimal::ZERO, Decimal::ZERO);
    let limit = usize::try_from(scope.limit()).unwrap_or(usize::MAX);
    let mut row_count = 0_u64;
    for entry in found {
        balance += entry.debit - entry.credit;
        debit += entry.debit;
        credit += entry.credit;
        row_count += 1;
        if rows.len() < limit {
            let shown = presentation(
                scope.profile,
                locale,
                entry.entity.as_deref(),
                entry.number.as_deref(),
                entry.date.unwrap_or(entry.period),
            );
            rows.push(row([
                ("date", day(Some(entry.period.date()))),
                ("document", shown.into()),
                ("debit", money(entry.debit)),
                ("credit", money(entry.credit)),
                ("balance", money(balance)),
            ]));
        }
    }
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        rows,
        totals: row([
            ("opening", money(opening)),
            ("debit", money(debit)),
            ("credit", money(credit)),
            ("closing", money(balance)),
        ]),
        row_count,
    })
}
