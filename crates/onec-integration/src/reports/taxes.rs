//! Taxes and contributions.

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

const HEADINGS: [Heading; 5] = [
    ("account", Text, "Счёт", "Account"),
    ("name", Text, "Налог или взнос", "Tax"),
    ("accrued", Money, "Начислено", "Accrued"),
    ("paid", Money, "Уплачено и зачтено", "Paid or deducted"),
    ("balance", Money, "К уплате на конец", "Owed at the end"),
];

/// The report: credits of tax accounts are accruals, debits payments and deductions.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"select code as "code!", name as "name!", credit as "accrued!", debit as "paid!",
                  credit - debit - opening as "balance!", count(*) over () as row_count,
                  sum(credit) over () as total_accrued, sum(debit) over () as total_paid,
                  sum(credit - debit - opening) over () as total_balance
           from onec.turnovers($1, $2, $3, $4, $5, $6)
           where opening <> 0 or debit <> 0 or credit <> 0
           order by credit desc, code limit $7"#,
        scope.infobase.id,
        &scope.profile.chart.taxes,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        live,
        scope.limit(),
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
                    ("balance", money(found.balance)),
                ])
            })
            .collect(),
    })
}
