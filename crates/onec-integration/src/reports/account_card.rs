//! Card of an account (карточка счёта): its entries in order, with a running balance.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Money, Text};
use common::db::{StoreError, StoreResult};
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
    let sums = sqlx::query!(
        r#"select coalesce(sum(debit), 0) as "debit!", coalesce(sum(credit), 0) as "credit!"
           from onec.movements($1, $2, $3, $4, $5)
           where ($6::uuid[] is null or counterparty = any($6)) and ($7::uuid[] is null or item = any($7))
             and ($8::uuid[] is null or warehouse = any($8))"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
    )
    .fetch_one(&mut *connection)
    .await
    .store("report_account_card_sums")?;
    let found = sqlx::query!(
        r#"with found as (
               -- The first of each account on each side, by its index; the same entry may be of two.
               select s.* from onec.accounts_under($1, $2) a
               cross join lateral (
                   select e.* from onec.ledger_entries e
                   where e.infobase_id = $1 and e.debit_account = a.ref and e.period >= $3 and e.period < $4
                     and ($5::uuid[] is null or e.company = any($5))
                     and ($6::uuid[] is null or e.debit_counterparty = any($6))
                     and ($7::uuid[] is null or e.debit_item = any($7))
                     and ($8::uuid[] is null or e.debit_warehouse = any($8))
                   order by e.period, e.recorder, e.line limit $9
               ) s
               union
               select s.* from onec.accounts_under($1, $2) a
               cross join lateral (
                   select e.* from onec.ledger_entries e
                   where e.infobase_id = $1 and e.credit_account = a.ref and e.period >= $3 and e.period < $4
                     and ($5 is null or e.company = any($5))
                     and ($6 is null or e.credit_counterparty = any($6))
                     and ($7 is null or e.credit_item = any($7))
                     and ($8 is null or e.credit_warehouse = any($8))
                   order by e.period, e.recorder, e.line limit $9
               ) s
           ), first as (
               select f.*,
                      coalesce(f.debit_account = any(array(select ref from onec.accounts_under($1, $2))), false)
                          and ($6 is null or coalesce(f.debit_counterparty = any($6), false))
                          and ($7 is null or coalesce(f.debit_item = any($7), false))
                          and ($8 is null or coalesce(f.debit_warehouse = any($8), false)) as is_debit,
                      coalesce(f.credit_account = any(array(select ref from onec.accounts_under($1, $2))), false)
                          and ($6 is null or coalesce(f.credit_counterparty = any($6), false))
                          and ($7 is null or coalesce(f.credit_item = any($7), false))
                          and ($8 is null or coalesce(f.credit_warehouse = any($8), false)) as is_credit
               from found f order by period, recorder, line limit $9
           )
           select n.period as "period!", case when n.is_debit then n.amount else 0 end as "debit!",
                  case when n.is_credit then n.amount else 0 end as "credit!",
                  n.content as "content!", debit.code as "debit_code?", credit.code as "credit_code?",
                  d.entity as "entity?", d.number as "number?", d.date as "date?"
           from first n
           left join onec.accounts debit on debit.infobase_id = $1 and debit.ref = n.debit_account
           left join onec.accounts credit on credit.infobase_id = $1 and credit.ref = n.credit_account
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
    .fetch_all(&mut *connection)
    .await
    .store("report_account_card")?;
    let row_count = if i64::try_from(found.len()).is_ok_and(|len| len < scope.limit()) {
        found.len() as u64
    } else {
        entries(connection, scope, &accounts).await?
    };
    let (debit, credit) = (sums.debit, sums.credit);
    let mut balance = opening;
    let rows = found
        .into_iter()
        .map(|found| {
            balance += found.debit - found.credit;
            let period = found.period;
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

/// How many entries the card has: of accounts by totals, of analytics by looking at each.
async fn entries(
    connection: &mut PgConnection,
    scope: &Scope,
    accounts: &[String],
) -> Result<u64, StoreError> {
    let is_of_accounts =
        scope.counterparties.is_none() && scope.items.is_none() && scope.warehouses.is_none();
    let entries = if is_of_accounts {
        sqlx::query_scalar!(
            r#"select onec.entry_count($1, $2, $3, $4, $5) as "entries!""#,
            scope.infobase.id,
            accounts,
            scope.since(),
            scope.until(),
            scope.companies.as_deref(),
        )
        .fetch_one(connection)
        .await
    } else {
        sqlx::query_scalar!(
            r#"select count(*) as "entries!"
               from onec.ledger_entries e
               where e.infobase_id = $1 and e.period >= $3 and e.period < $4
                 and ($5::uuid[] is null or e.company = any($5))
                 and ((e.debit_account = any(array(select ref from onec.accounts_under($1, $2)))
                       and ($6::uuid[] is null or e.debit_counterparty = any($6))
                       and ($7::uuid[] is null or e.debit_item = any($7))
                       and ($8::uuid[] is null or e.debit_warehouse = any($8)))
                   or (e.credit_account = any(array(select ref from onec.accounts_under($1, $2)))
                       and ($6 is null or e.credit_counterparty = any($6))
                       and ($7 is null or e.credit_item = any($7))
                       and ($8 is null or e.credit_warehouse = any($8))))"#,
            scope.infobase.id,
            accounts,
            scope.since(),
            scope.until(),
            scope.companies.as_deref(),
            scope.counterparties.as_deref(),
            scope.items.as_deref(),
            scope.warehouses.as_deref(),
        )
        .fetch_one(connection)
        .await
    };
    Ok(count(Some(entries.store("report_account_card_count")?)))
}
