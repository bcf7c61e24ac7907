//! The trial balance of one account by an analytics (ОСВ по счёту).

use common::Locale;
use common::contract::onec::Breakdown;
use common::contract::onec::ColumnKind::{Id, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::documents::presentation;
use super::scope::Scope;
use super::table::{Heading, Table, columns, count, id, money, row};
use super::trial_balance;

/// The columns.
const fn headings(breakdown: Breakdown) -> [Heading; 9] {
    let (ru, en) = match breakdown {
        Breakdown::Counterparty => ("Контрагент", "Counterparty"),
        Breakdown::Contract => ("Договор", "Contract"),
        Breakdown::Document => ("Документ расчётов", "Document"),
        Breakdown::Item => ("Номенклатура", "Item"),
        Breakdown::Warehouse => ("Склад", "Warehouse"),
        Breakdown::MoneyPlace => ("Банковский счёт или касса", "Bank account or cash desk"),
    };
    let [
        account,
        _,
        opening_debit,
        opening_credit,
        turnover_debit,
        turnover_credit,
        closing_debit,
        closing_credit,
    ] = trial_balance::HEADINGS;
    [
        account,
        ("key_id", Id, "id", "Id"),
        ("key", Text, ru, en),
        opening_debit,
        opening_credit,
        turnover_debit,
        turnover_credit,
        closing_debit,
        closing_credit,
    ]
}

const fn name(breakdown: Breakdown) -> &'static str {
    match breakdown {
        Breakdown::Counterparty => "counterparty",
        Breakdown::Contract => "contract",
        Breakdown::Document => "document",
        Breakdown::Item => "item",
        Breakdown::Warehouse => "warehouse",
        Breakdown::MoneyPlace => "money_place",
    }
}

/// The report: balances are netted within a sub-account and a value of the analytics, and so are
/// their totals on each side. Turnovers by document come from the entries themselves.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    breakdown: Breakdown,
    locale: Locale,
) -> Result<Table, StoreError> {
    let accounts = super::asked_accounts(scope).unwrap_or_default();
    let found = sqlx::query!(
        r#"with parts as (
               select account,
                      case $6::text when 'counterparty' then counterparty when 'contract' then contract
                                    when 'document' then document when 'item' then item
                                    when 'warehouse' then warehouse else place end as key,
                      amount as opening, 0::numeric as debit, 0::numeric as credit
               from onec.balances($1, $2, $3, $5, null)
               union all
               select account,
                      case $6 when 'counterparty' then counterparty when 'contract' then contract
                              when 'item' then item when 'warehouse' then warehouse else place end,
                      0, debit, credit
               from onec.movements($1, $2, $3, $4, $5) where $6 <> 'document'
               union all
               select s.account, s.document, 0, s.debit, s.credit
               from onec.ledger_sides s
               where $6 = 'document' and s.infobase_id = $1 and s.period >= $3 and s.period < $4
                 and s.account = any (array(select ref from onec.accounts_under($1, $2)))
                 and ($5 is null or s.company = any($5))
           ), sums as (
               select account, key, sum(opening) as opening, sum(debit) as debit, sum(credit) as credit
               from parts group by account, key
           )
           select a.code as "code!", n.id as "key_id?", n.name as "key?", d.entity as "entity?",
                  d.number as "number?", d.date as "date?",
                  opening as "opening!", debit as "debit!", credit as "credit!", count(*) over () as row_count,
                  sum(greatest(opening, 0)) over () as opening_debit,
                  sum(greatest(-opening, 0)) over () as opening_credit,
                  sum(debit) over () as total_debit, sum(credit) over () as total_credit,
                  sum(greatest(opening + debit - credit, 0)) over () as closing_debit,
                  sum(greatest(credit - debit - opening, 0)) over () as closing_credit
           from sums
           join onec.accounts a on a.infobase_id = $1 and a.ref = sums.account
           left join onec.dimensions n on n.infobase_id = $1 and n.kind = $6 and n.ref = sums.key
           left join onec.documents d on $6 = 'document' and d.infobase_id = $1 and d.ref = sums.key
           where opening <> 0 or debit <> 0 or credit <> 0
           order by a.code, n.name, d.date, d.number, sums.key limit $7"#,
        scope.infobase.id,
        &accounts,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        name(breakdown),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_breakdown")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| money(sum.flatten().unwrap_or_default());
    let side = |amount: Decimal| money(amount.max(Decimal::ZERO));
    Ok(Table {
        columns: columns(&headings(breakdown), locale),
        totals: row([
            ("opening_debit", total(first.map(|row| row.opening_debit))),
            ("opening_credit", total(first.map(|row| row.opening_credit))),
            ("turnover_debit", total(first.map(|row| row.total_debit))),
            ("turnover_credit", total(first.map(|row| row.total_credit))),
            ("closing_debit", total(first.map(|row| row.closing_debit))),
            ("closing_credit", total(first.map(|row| row.closing_credit))),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                let document = found.date.map(|date| {
                    presentation(
                        scope.profile,
                        locale,
                        found.entity.as_deref(),
                        found.number.as_deref(),
                        date,
                    )
                });
                let closing = found.opening + found.debit - found.credit;
                row([
                    ("account", found.code.into()),
                    ("key_id", id(found.key_id)),
                    ("key", document.or(found.key).unwrap_or_default().into()),
                    ("opening_debit", side(found.opening)),
                    ("opening_credit", side(-found.opening)),
                    ("turnover_debit", money(found.debit)),
                    ("turnover_credit", money(found.credit)),
                    ("closing_debit", side(closing)),
                    ("closing_credit", side(-closing)),
                ])
            })
            .collect(),
    })
}
