//! Money received and paid.

use common::Locale;
use common::contract::onec::ColumnKind::{Money, Text};
use common::contract::onec::{GroupBy, ReportQuery};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, money, row};

/// The columns: by counterparty, or by a span of time.
pub(super) fn headings(query: &ReportQuery) -> [Heading; 3] {
    [
        ("direction", Text, "Направление", "Direction"),
        match query.group_by {
            Some(GroupBy::Day) => ("day", Text, "День", "Day"),
            Some(GroupBy::Week) => ("week", Text, "Неделя", "Week"),
            Some(GroupBy::Month) => ("month", Text, "Месяц", "Month"),
            _ => ("counterparty", Text, "Контрагент", "Counterparty"),
        },
        ("amount", Money, "Сумма", "Amount"),
    ]
}

/// The report: posted bank and cash documents.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let headings = headings(&scope.query);
    let group = scope.query.group_by.unwrap_or(GroupBy::Counterparty).as_str();
    let found = sqlx::query!(
        r#"with sums as (
               select case when d.entity in ('bank_in', 'cash_in') then 'in' else 'out' end as direction,
                      case $7::text when 'day' then to_char(d.date, 'YYYY-MM-DD')
                                    when 'week' then to_char(date_trunc('week', d.date), 'YYYY-MM-DD')
                                    when 'month' then to_char(d.date, 'YYYY-MM') end as span,
                      case when $7 not in ('day', 'week', 'month') then d.counterparty end as counterparty,
                      sum(coalesce(d.amount, 0)) as amount
               from onec.documents d
               where d.infobase_id = $1 and d.entity in ('bank_in', 'bank_out', 'cash_in', 'cash_out')
                 and d.posted and not d.deleted and d.date >= $2 and d.date < $3
                 and ($4::uuid[] is null or d.company = any($4))
                 and ($5::uuid[] is null or d.counterparty = any($5))
               group by 1, 2, 3
           )
           select direction as "direction!", coalesce(span, p.name, m.name, '') as "key!", amount as "amount!",
                  count(*) over () as row_count,
                  coalesce(sum(amount) filter (where direction = 'in') over (), 0) as total_in,
                  coalesce(sum(amount) filter (where direction = 'out') over (), 0) as total_out
           from sums
           left join onec.counterparties p on p.infobase_id = $1 and p.ref = sums.counterparty
           left join onec.managers m on m.infobase_id = $1 and m.ref = sums.counterparty
           order by span, amount desc, 1, 2, sums.counterparty limit $6"#,
        scope.infobase.id,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.limit(),
        group,
    )
    .fetch_all(connection)
    .await
    .store("report_cash_flow")?;
    let first = found.first();
    let came = first.and_then(|row| row.total_in).unwrap_or_default();
    let went = first.and_then(|row| row.total_out).unwrap_or_default();
    Ok(Table {
        columns: columns(&headings, locale),
        totals: row([
            ("in", money(came)),
            ("out", money(went)),
            ("net", money(came - went)),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("direction", found.direction.into()),
                    (headings[1].0, found.key.into()),
                    ("amount", money(found.amount)),
                ])
            })
            .collect(),
    })
}
