//! Analysis of an account (анализ счёта): turnovers with each other account.

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

pub(super) const HEADINGS: [Heading; 4] = [
    ("account", Text, "Кор. счёт", "Corresponding account"),
    ("name", Text, "Наименование", "Name"),
    ("debit", Money, "В дебет счёта", "To the debit"),
    ("credit", Money, "В кредит счёта", "To the credit"),
];

/// The report. Sub-accounts count as the account; entries between them are on both sides. An entry
/// with one account only, off balance, has no corresponding account.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let accounts = super::asked_accounts(scope).unwrap_or_default();
    let found = sqlx::query!(
        r#"with ours as materialized (
               select ref from onec.accounts_under($1, $2)
           ), pairs as (
               select debit_account, credit_account, amount
               from onec.correspondence($1, $3, $4, $5) where $6::text is null
               union all
               select l.debit_account, l.credit_account, l.amount
               from json_to_recordset(coalesce($6::json -> 'correspondence', '[]')) as l (
                   debit_account uuid, credit_account uuid, company uuid, amount numeric)
               where $5 is null or l.company = any($5)
           ), sums as (
               select other, sum(debit) as debit, sum(credit) as credit
               from (
                   select credit_account as other, amount as debit, 0 as credit
                   from pairs where debit_account in (select ref from ours)
                   union all
                   select debit_account, 0, amount from pairs where credit_account in (select ref from ours)
               ) sides
               group by other having sum(debit) <> 0 or sum(credit) <> 0
           ), opening as (
               select coalesce(sum(amount), 0) as amount
               from onec.balances($1, $2, $3, $5, $6::json ->> 'balances')
           )
           select coalesce(a.code, '') as "code!", coalesce(a.name, '') as "name!",
                  debit as "debit?", credit as "credit?", o.amount as "opening!",
                  count(sums.debit) over () as row_count,
                  sum(debit) over () as total_debit, sum(credit) over () as total_credit
           from opening o
           left join sums on true
           left join onec.accounts a on a.infobase_id = $1 and a.ref = sums.other
           order by a.code limit $7"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        live,
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_account_analysis")?;
    let first = found.first();
    let opening = first.map(|row| row.opening).unwrap_or_default();
    let debit = first.and_then(|row| row.total_debit).unwrap_or_default();
    let credit = first.and_then(|row| row.total_credit).unwrap_or_default();
    let closing = opening + debit - credit;
    let side = |amount: Decimal| money(amount.max(Decimal::ZERO));
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([
            ("opening_debit", side(opening)),
            ("opening_credit", side(-opening)),
            ("debit", money(debit)),
            ("credit", money(credit)),
            ("closing_debit", side(closing)),
            ("closing_credit", side(-closing)),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .filter_map(|found| {
                Some(row([
                    ("account", found.code.into()),
                    ("name", found.name.into()),
                    ("debit", money(found.debit?)),
                    ("credit", money(found.credit?)),
                ]))
            })
            .collect(),
    })
}
