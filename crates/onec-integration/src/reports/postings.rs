//! Ledger entries of the documents with a number.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Money, Quantity, Text};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;

use super::documents::presentation;
use super::scope::Scope;
use super::table::{Heading, Table, columns, count, day, money, quantity, row};

pub(super) const HEADINGS: [Heading; 8] = [
    ("date", Date, "Дата", "Date"),
    ("document", Text, "Документ", "Document"),
    ("debit_account", Text, "Дебет", "Debit"),
    ("credit_account", Text, "Кредит", "Credit"),
    ("debit_name", Text, "Счёт дебета", "Debit account"),
    ("credit_name", Text, "Счёт кредита", "Credit account"),
    ("amount", Money, "Сумма", "Amount"),
    ("quantity", Quantity, "Количество", "Quantity"),
];

/// The report. People leave out the prefix and the zeros of a number: it is looked for so when no
/// document has it as it was typed.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let number = scope.query.number.as_deref().unwrap_or_default().trim();
    let found = sqlx::query!(
        r#"with visible as materialized (
               select ref, entity, number, date from onec.documents
               where infobase_id = $1 and ($3::uuid[] is null or company = any($3))
                 and (lower(number) = lower($2)
                      or ltrim(regexp_replace(number, '^.*\D', ''), '0') = ltrim($2, '0'))
           ), wanted as (
               select * from visible
               where lower(number) = lower($2) or not exists (select 1 from visible where lower(number) = lower($2))
           )
           select w.entity, w.number, w.date, e.amount, debit.code as "debit_code?", credit.code as "credit_code?",
                  debit.name as "debit_name?", credit.name as "credit_name?",
                  coalesce(e.debit_quantity, e.credit_quantity) as quantity,
                  count(*) over () as row_count, sum(e.amount) over () as total
           from wanted w
           join onec.ledger_entries e on e.infobase_id = $1 and e.recorder = w.ref
           left join onec.accounts debit on debit.infobase_id = $1 and debit.ref = e.debit_account
           left join onec.accounts credit on credit.infobase_id = $1 and credit.ref = e.credit_account
           order by w.date, w.entity, w.number, e.line limit $4"#,
        scope.infobase.id,
        number,
        scope.companies.as_deref(),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_postings")?;
    let first = found.first();
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([(
            "amount",
            money(first.and_then(|row| row.total).unwrap_or_default()),
        )]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                let document = presentation(
                    scope.profile,
                    locale,
                    Some(&found.entity),
                    Some(&found.number),
                    found.date,
                );
                row([
                    ("date", day(Some(found.date.date()))),
                    ("document", document.into()),
                    ("debit_account", found.debit_code.unwrap_or_default().into()),
                    ("credit_account", found.credit_code.unwrap_or_default().into()),
                    ("debit_name", found.debit_name.unwrap_or_default().into()),
                    ("credit_name", found.credit_name.unwrap_or_default().into()),
                    ("amount", money(found.amount)),
                    ("quantity", found.quantity.map_or(Value::Null, quantity)),
                ])
            })
            .collect(),
    })
}
