//! Taxes and contributions.

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

pub(super) const HEADINGS: [Heading; 6] = [
    ("account", Text, "Счёт", "Account"),
    ("name", Text, "Налог или взнос", "Tax"),
    ("accrued", Money, "Начислено", "Accrued"),
    ("paid", Money, "Уплачено деньгами", "Paid"),
    ("offset", Money, "Зачтено", "Offset"),
    ("balance", Money, "К уплате на конец", "Owed at the end"),
];

/// The report: credits of tax accounts are accruals; debits with accounts of money payments, and
/// all others offsets, such as VAT to be deducted.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"with taxes as materialized (
               select ref, code, name from onec.accounts_under($1, $2)
           ), pairs as (
               select debit_account, credit_account, amount
               from onec.correspondence($1, $3, $4, $5) where $6::text is null
               union all
               select l.debit_account, l.credit_account, l.amount
               from json_to_recordset(coalesce($6::json -> 'correspondence', '[]')) as l (
                   debit_account uuid, credit_account uuid, company uuid, amount numeric)
               where $5 is null or l.company = any($5)
           ), parts as (
               select account, amount as opening, 0::numeric as accrued, 0::numeric as paid, 0::numeric as settled
               from onec.balances($1, $2, $3, $5, $6::json ->> 'balances')
               union all
               select credit_account, 0, amount, 0, 0 from pairs
               union all
               select debit_account, 0, 0, case when is_money then amount else 0 end,
                      case when is_money then 0 else amount end
               from (
                   select debit_account, amount,
                          coalesce(credit_account in (select ref from onec.accounts_under($1, $8)), false) as is_money
                   from pairs
               ) debits
           ), sums as (
               select t.code, t.name, sum(p.opening) as opening, sum(p.accrued) as accrued, sum(p.paid) as paid,
                      sum(p.settled) as settled
               from taxes t join parts p on p.account = t.ref
               group by t.ref, t.code, t.name
               having bool_or(p.opening <> 0 or p.accrued <> 0 or p.paid <> 0 or p.settled <> 0)
           )
           select code as "code!", name as "name!", accrued as "accrued!", paid as "paid!", settled as "offset!",
                  accrued - paid - settled - opening as "balance!", count(*) over () as row_count,
                  sum(accrued) over () as total_accrued, sum(paid) over () as total_paid,
                  sum(settled) over () as total_offset,
                  sum(accrued - paid - settled - opening) over () as total_balance
           from sums
           order by accrued desc, code limit $7"#,
        scope.infobase.id,
        &scope.profile.chart.taxes,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        live,
        scope.limit(),
        &scope.profile.chart.cash,
    )
    .fetch_all(connection)
    .await
    .store("report_taxes")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| money(sum.flatten().unwrap_or_default());
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([
            ("accrued", total(first.map(|row| row.total_accrued))),
            ("paid", total(first.map(|row| row.total_paid))),
            ("offset", total(first.map(|row| row.total_offset))),
            ("balance", total(first.map(|row| row.total_balance))),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("account", found.code.into()),
                    ("name", found.name.into()),
                    ("accrued", money(found.accrued)),
                    ("paid", money(found.paid)),
                    ("offset", money(found.offset)),
                    ("balance", money(found.balance)),
                ])
            })
            .collect(),
    })
}
