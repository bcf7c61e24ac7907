//! Where money is.

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

pub(super) const HEADINGS: [Heading; 3] = [
    ("account", Text, "Счёт или касса", "Account or cash desk"),
    ("organization", Text, "Организация", "Company"),
    ("balance", Money, "Остаток", "Balance"),
];

/// The report. The ledger may not tell cash desks apart; then the company's only desk is meant.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"with sums as (
               select b.company, b.place, b.name, b.account, sum(b.amount) as balance,
                      exists (select 1 from onec.accounts_under($1, $6) desks where desks.ref = b.account) as is_desk
               from onec.balances($1, $2, $3, $4, $5) b
               group by b.company, b.place, b.name, b.account
           )
           select coalesce(place.name, desk.name, sums.name) as "account!", company.name as "organization?",
                  balance as "balance!", count(*) over () as row_count, sum(balance) over () as total
           from sums
           left join onec.money_places place on place.infobase_id = $1 and place.ref = sums.place
           left join onec.companies company on company.infobase_id = $1 and company.ref = sums.company
           left join lateral (
               select min(d.name) as name from onec.money_places d
               where d.infobase_id = $1 and d.kind = 'cash_desk' and d.owner = sums.company and not d.deleted
               having count(*) = 1
           ) desk on sums.place is null and sums.is_desk
           where balance <> 0 or place.ref is not null
           order by balance desc, 1, sums.company, sums.place, sums.account limit $7"#,
        scope.infobase.id,
        &scope.profile.chart.cash,
        scope.before(),
        scope.companies.as_deref(),
        live,
        &scope.profile.chart.cash_desks,
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_cash")?;
    let first = found.first();
    let total = first.and_then(|row| row.total).unwrap_or_default();
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([("balance", money(total))]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("account", found.account.into()),
                    ("organization", found.organization.unwrap_or_default().into()),
                    ("balance", money(found.balance)),
                ])
            })
            .collect(),
    })
}
