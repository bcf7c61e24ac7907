//! Who owes us.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Id, Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, day, id, money, row};

/// Which side of the trade: its accounts, and the sign that makes a debt positive.
pub(super) struct Side<'a> {
    pub(super) accounts: &'a [String],
    pub(super) sign: i32,
    pub(super) advance: (&'static str, &'static str),
}

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let side = Side {
        accounts: &scope.profile.chart.receivables,
        sign: 1,
        advance: ("Аванс полученный", "Advance received"),
    };
    settlements(connection, scope, live, locale, &side).await
}

/// Debts by counterparty. A debt is the balance of a settlement document that the other side has
/// to pay; a balance the other way is an advance. A debt is overdue when its document's date and
/// the days of the contract are over.
pub(super) async fn settlements(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
    side: &Side<'_>,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"with parts as (
               select b.counterparty, b.amount * $7 as amount,
                      case when b.amount * $7 > 0
                           then d.date::date + coalesce(c.term_days, 0) end as due
               from onec.balances($1, $2, $3, $4, $5) b
               left join onec.documents d on d.infobase_id = $1 and d.ref = b.document
               left join onec.contracts c on c.infobase_id = $1 and c.ref = coalesce(b.contract, d.contract)
               where b.amount <> 0 and ($6::uuid[] is null or b.counterparty = any($6))
           ), sums as (
               select counterparty,
                      sum(greatest(amount, 0)) as debt,
                      sum(case when due < $8 then greatest(amount, 0) else 0 end) as overdue,
                      sum(greatest(-amount, 0)) as advance,
                      min(due) as due_date
               from parts group by counterparty
           )
           select p.id as "id?", p.name as "name?", p.inn as "inn?", debt as "debt!", overdue as "overdue!",
                  advance as "advance!", due_date,
                  count(*) over () as row_count, sum(debt) over () as total_debt,
                  sum(overdue) over () as total_overdue, sum(advance) over () as total_advance
           from sums left join onec.counterparties p on p.infobase_id = $1 and p.ref = sums.counterparty
           where (debt <> 0 or advance <> 0) and (not $9 or overdue > 0)
           order by debt desc, advance desc, p.name limit $10"#,
        scope.infobase.id,
        side.accounts,
        scope.before(),
        scope.companies.as_deref(),
        live,
        scope.counterparties.as_deref(),
        Decimal::from(side.sign),
        scope.date(),
        scope.query.overdue.unwrap_or(false),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_settlements")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| money(sum.flatten().unwrap_or_default());
    let totals = row([
        ("debt", total(first.map(|row| row.total_debt))),
        ("overdue", total(first.map(|row| row.total_overdue))),
        ("advance", total(first.map(|row| row.total_advance))),
    ]);
    let row_count = count(first.and_then(|row| row.row_count));
    let rows: Vec<Map<String, Value>> = found
        .into_iter()
        .map(|found| {
            row([
                ("counterparty_id", id(found.id)),
                ("counterparty", found.name.unwrap_or_default().into()),
                ("inn", found.inn.unwrap_or_default().into()),
                ("debt", money(found.debt)),
                ("overdue", money(found.overdue)),
                ("advance", money(found.advance)),
                ("due_date", day(found.due_date)),
            ])
        })
        .collect();
    let headings: [Heading; 7] = [
        ("counterparty_id", Id, "Контрагент (id)", "Counterparty id"),
        ("counterparty", Text, "Контрагент", "Counterparty"),
        ("inn", Text, "ИНН", "INN"),
        ("debt", Money, "Долг", "Debt"),
        ("overdue", Money, "Просрочено", "Overdue"),
        ("advance", Money, side.advance.0, side.advance.1),
        ("due_date", Date, "Срок оплаты", "Due date"),
    ];
    Ok(Table {
        columns: columns(&headings, locale),
        rows,
        totals,
        row_count,
    })
}
