//! Card of an account (карточка счёта): its entries in order, with a running balance.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::documents::presentation;
use super::scope::Scope;
use super::table::{Heading, Table, columns, count, day, money, row};

pub(super) const HEADINGS: [Heading; 8] = [
    ("date", Date, "Период", "Date"),
    ("document", Text, "Документ", "Document"),
    ("content", Text, "Операция", "Content"),
    ("debit_account", Text, "Счёт дебета", "Debit account"),
    ("credit_account", Text, "Счёт кредита", "Credit account"),
    ("debit", Money, "Дебет", "Debit"),
    ("credit", Money, "Кредит", "Credit"),
    ("balance", Money, "Текущее сальдо", "Balance"),
];

/// The report. An entry between sub-accounts of the account is one row with both figures.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let accounts = super::asked_accounts(scope).unwrap_or_default();
    let opening = sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "amount!" from onec.balances($1, $2, $3, $4, null)
           where ($5::uuid[] is null or counterparty = any($5)) and ($6::uuid[] is null or item = any($6))
             and ($7::uuid[] is null or warehouse = any($7))"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
    )
    .fetch_one(&mut *connection)
    .await
    .store("report_account_card_opening")?;
    let found = sqlx::query!(
        r#"with entries as (
               select s.period, s.recorder, s.line, sum(s.debit) as debit, sum(s.credit) as credit,
                      count(*) over () as row_count, sum(sum(s.debit)) over () as total_debit,
                      sum(sum(s.credit)) over () as total_credit
               from onec.ledger_sides s
               where s.infobase_id = $1 and s.period >= $3 and s.period < $4
                 and s.account = any (array(select ref from onec.accounts_under($1, $2)))
                 and ($5::uuid[] is null or s.company = any($5))
                 and ($6::uuid[] is null or s.counterparty = any($6))
                 and ($7::uuid[] is null or s.item = any($7))
                 and ($8::uuid[] is null or s.warehouse = any($8))
               group by s.period, s.recorder, s.line
               order by s.period, s.recorder, s.line limit $9
           )
           select n.period, n.debit as "debit!", n.credit as "credit!", n.row_count, n.total_debit, n.total_credit,
                  e.content, debit.code as "debit_code?", credit.code as "credit_code?",
                  d.entity as "entity?", d.number as "number?", d.date as "date?"
           from entries n
           join onec.ledger_entries e on e.infobase_id = $1 and e.recorder = n.recorder and e.line = n.line
           left join onec.accounts debit on debit.infobase_id = $1 and debit.ref = e.debit_account
           left join onec.accounts credit on credit.infobase_id = $1 and credit.ref = e.credit_account
           left join onec.documents d on d.infobase_id = $1 and d.ref = n.recorder
           order by n.period, n.recorder, n.line"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_account_card")?;
    let first = found.first();
    let debit: Decimal = first.and_then(|row| row.total_debit).unwrap_or_default();
    let credit: Decimal = first.and_then(|row| row.total_credit).unwrap_or_default();
    let row_count = count(first.and_then(|row| row.row_count));
    let mut balance = opening;
    let rows = found
        .into_iter()
        .map(|found| {
            balance += found.debit - found.credit;
            let period = found.period.unwrap_or_default();
            let document = presentation(
                scope.profile,
                locale,
                found.entity.as_deref(),
                found.number.as_deref(),
                found.date.unwrap_or(period),
            );
            row([
                ("date", day(Some(period.date()))),
                ("document", document.into()),
                ("content", found.content.into()),
                ("debit_account", found.debit_code.unwrap_or_default().into()),
                ("credit_account", found.credit_code.unwrap_or_default().into()),
                ("debit", money(found.debit)),
                ("credit", money(found.credit)),
                ("balance", money(balance)),
            ])
        })
        .collect();
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        rows,
        totals: row([
            ("opening", money(opening)),
            ("debit", money(debit)),
            ("credit", money(credit)),
            ("closing", money(opening + debit - credit)),
        ]),
        row_count,
    })
}
