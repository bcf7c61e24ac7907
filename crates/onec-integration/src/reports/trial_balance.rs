//! The trial balance (оборотно-сальдовая ведомость).

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

pub(super) const HEADINGS: [Heading; 8] = [
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

/// The report. Each account is netted over its analytics, and with `subaccounts=false` an account
/// of the first level, or the one asked for, over its sub-accounts.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let accounts = accounts(scope);
    if let Some(breakdown) = scope.query.breakdown {
        return super::breakdown::run(connection, scope, breakdown, locale).await;
    }
    let found = sqlx::query!(
        r#"with recursive tree as (
               select a.ref, a.code, a.name from onec.accounts a
               where a.infobase_id = $1 and $8 and (a.code = any($2) or ($2 is null and a.parent is null))
               union all
               select a.ref, tree.code, tree.name
               from tree join onec.accounts a on a.infobase_id = $1 and a.parent = tree.ref
           ), accounts as (
               select coalesce(tree.code, t.code) as code, coalesce(tree.name, t.name) as name,
                      sum(t.opening) as opening, sum(t.debit) as debit, sum(t.credit) as credit
               from onec.turnovers($1, coalesce($2, array(
                   select code from onec.accounts where infobase_id = $1 and parent is null)), $3, $4, $5, $6) t
               left join (select distinct on (ref) * from tree order by ref, code) tree on tree.ref = t.account
               group by 1, 2
           ), sums as (
               select code, name, debit, credit,
                      greatest(opening, 0) as opening_debit, greatest(-opening, 0) as opening_credit,
                      greatest(opening + debit - credit, 0) as closing_debit,
                      greatest(credit - debit - opening, 0) as closing_credit
               from accounts
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
        scope.query.subaccounts == Some(false),
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
