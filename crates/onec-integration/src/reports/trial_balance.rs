//! The trial balance (оборотно-сальдовая ведомость).

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

const HEADINGS: [Heading; 8] = [
    ("account", Text, "Счёт", "Account"),
    ("name", Text, "Наименование", "Name"),
    ("opening_debit", Money, "Сальдо на начало, дебет", "Opening debit"),
    (
        "opening_credit",
        Money,
        "Сальдо на начало, кредит",
        "Opening credit",
    ),
    ("turnover_debit", Money, "Обороты, дебет", "Turnover debit"),
    ("turnover_credit", Money, "Обороты, кредит", "Turnover credit"),
    ("closing_debit", Money, "Сальдо на конец, дебет", "Closing debit"),
    (
        "closing_credit",
        Money,
        "Сальдо на конец, кредит",
        "Closing credit",
    ),
];

/// The report. Each account is netted over its analytics.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let accounts = accounts(scope);
    let found = sqlx::query!(
        r#"with sums as (
               select code, name, debit, credit,
                      greatest(opening, 0) as opening_debit, greatest(-opening, 0) as opening_credit,
                      greatest(opening + debit - credit, 0) as closing_debit,
                      greatest(credit - debit - opening, 0) as closing_credit
               from onec.turnovers($1, coalesce($2, array(
                   select code from onec.accounts where infobase_id = $1 and parent is null)), $3, $4, $5, $6)
               where opening <> 0 or debit <> 0 or credit <> 0
           )
           select code as "code!", name as "name!", debit as "debit!", credit as "credit!",
                  opening_debit as "opening_debit!", opening_credit as "opening_credit!",
                  closing_debit as "closing_debit!", closing_credit as "closing_credit!",
                  count(*) over () as row_count,
                  sum(debit) over () as total_debit, sum(credit) over () as total_credit,
                  sum(opening_debit) over () as total_opening_debit,
                  sum(opening_credit) over () as total_opening_credit,
                  sum(closing_debit) over () as total_closing_debit,
                  sum(closing_credit) over () as total_closing_credit
           from sums
           order by code limit $7"#,
        scope.infobase.id,
        accounts.as_deref(),
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        live,
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_trial_balance")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| money(sum.flatten().unwrap_or_default());
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([
            ("opening_debit", total(first.map(|row| row.total_opening_debit))),
            ("opening_credit", total(first.map(|row| row.total_opening_credit))),
            ("turnover_debit", total(first.map(|row| row.total_debit))),
            ("turnover_credit", total(first.map(|row| row.total_credit))),
            ("closing_debit", total(first.map(|row| row.total_closing_debit))),
            ("closing_credit", total(first.map(|row| row.total_closing_credit))),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("account", found.code.into()),
                    ("name", found.name.into()),
                    ("opening_debit", money(found.opening_debit)),
                    ("opening_credit", money(found.opening_credit)),
                    ("turnover_debit", money(found.debit)),
                    ("turnover_credit", money(found.credit)),
                    ("closing_debit", money(found.closing_debit)),
                    ("closing_credit", money(found.closing_credit)),
                ])
            })
            .collect(),
    })
}

/// The account asked for; `None` for all.
pub(crate) fn accounts(scope: &Scope) -> Option<Vec<String>> {
    let code = scope.query.account.as_deref()?.trim().trim_end_matches('.');
    (!code.is_empty()).then(|| vec![code.to_owned()])
}
