//! What was sold.

use common::Locale;
use common::contract::onec::ColumnKind::{Id, Integer, Money, Quantity, Text};
use common::contract::onec::GroupBy;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, id, money, money_or_null, quantity, row};

/// The report: rows of posted sales. Revenue is with VAT. Gross profit is unknown where a row has
/// no cost.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let group = scope.query.group_by.unwrap_or(GroupBy::Counterparty);
    let found = sqlx::query!(
        r#"with lines as (
               select case $4::text when 'counterparty' then d.counterparty when 'manager' then d.manager
                                    when 'item' then r.item when 'warehouse' then d.warehouse end as subject,
                      case $4 when 'day' then to_char(d.date, 'YYYY-MM-DD')
                              when 'month' then to_char(d.date, 'YYYY-MM') end as span,
                      d.ref as document, coalesce(r.quantity, 0) as quantity,
                      coalesce(r.amount, 0) + case when d.vat_included then 0 else coalesce(r.vat, 0) end as revenue,
                      coalesce(r.vat, 0) as vat, r.cost
               from onec.documents d
               join onec.document_rows r on r.infobase_id = d.infobase_id and r.document = d.ref
               where d.infobase_id = $1 and d.entity = 'sale' and d.posted and not d.deleted
                 and d.date >= $2 and d.date < $3
                 and ($5::uuid[] is null or d.company = any($5))
                 and ($6::uuid[] is null or d.counterparty = any($6))
                 and ($7::uuid[] is null or r.item = any($7))
                 and ($8::uuid[] is null or d.warehouse = any($8))
                 and ($9::uuid is null or d.manager = $9)
           ), sums as (
               select subject, span, sum(quantity) as quantity, sum(revenue) as revenue, sum(vat) as vat,
                      case when count(*) = count(cost) then sum(cost) end as cost,
                      count(distinct document) as documents
               from lines group by subject, span
           )
           select coalesce(span, p.name, m.name, i.name, w.name) as key,
                  coalesce(p.id, m.id, i.id, w.id) as key_id,
                  quantity as "quantity!", revenue as "revenue!", revenue - vat as "net!",
                  revenue - vat - cost as gross_profit, documents as "documents!",
                  count(*) over () as row_count, sum(quantity) over () as total_quantity,
                  sum(revenue) over () as total_revenue, sum(revenue - vat) over () as total_net,
                  case when count(*) over () = count(cost) over () then sum(revenue - vat - cost) over () end
                      as total_gross_profit,
                  (select count(distinct document) from lines) as total_documents
           from sums
           left join onec.counterparties p on $4 = 'counterparty' and p.infobase_id = $1 and p.ref = subject
           left join onec.managers m on $4 = 'manager' and m.infobase_id = $1 and m.ref = subject
           left join onec.items i on $4 = 'item' and i.infobase_id = $1 and i.ref = subject
           left join onec.warehouses w on $4 = 'warehouse' and w.infobase_id = $1 and w.ref = subject
           order by case when $4 in ('day', 'month') then span end, revenue desc, 1 limit $10"#,
        scope.infobase.id,
        scope.since(),
        scope.until(),
        name(group),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.manager,
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_sales")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| sum.flatten().unwrap_or_default();
    let totals = row([
        ("quantity", quantity(total(first.map(|row| row.total_quantity)))),
        ("revenue", money(total(first.map(|row| row.total_revenue)))),
        (
            "revenue_without_vat",
            money(total(first.map(|row| row.total_net))),
        ),
        (
            "gross_profit",
            first.map_or_else(
                || money(Decimal::ZERO),
                |row| money_or_null(row.total_gross_profit),
            ),
        ),
        (
            "documents",
            first.and_then(|row| row.total_documents).unwrap_or(0).into(),
        ),
    ]);
    let (ru, en) = heading(group);
    let headings: [Heading; 7] = [
        ("key_id", Id, "id", "Id"),
        ("key", Text, ru, en),
        ("quantity", Quantity, "Количество", "Quantity"),
        ("revenue", Money, "Выручка с НДС", "Revenue with VAT"),
        (
            "revenue_without_vat",
            Money,
            "Выручка без НДС",
            "Revenue without VAT",
        ),
        ("gross_profit", Money, "Валовая прибыль", "Gross profit"),
        ("documents", Integer, "Документов", "Documents"),
    ];
    Ok(Table {
        columns: columns(&headings, locale),
        totals,
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("key_id", id(found.key_id)),
                    ("key", found.key.unwrap_or_default().into()),
                    ("quantity", quantity(found.quantity)),
                    ("revenue", money(found.revenue)),
                    ("revenue_without_vat", money(found.net)),
                    ("gross_profit", money_or_null(found.gross_profit)),
                    ("documents", found.documents.into()),
                ])
            })
            .collect(),
    })
}

const fn name(group: GroupBy) -> &'static str {
    match group {
        GroupBy::Counterparty => "counterparty",
        GroupBy::Manager => "manager",
        GroupBy::Item => "item",
        GroupBy::Warehouse => "warehouse",
        GroupBy::Day => "day",
        GroupBy::Month => "month",
    }
}

const fn heading(group: GroupBy) -> (&'static str, &'static str) {
    match group {
        GroupBy::Counterparty => ("Покупатель", "Customer"),
        GroupBy::Manager => ("Менеджер", "Manager"),
        GroupBy::Item => ("Номенклатура", "Item"),
        GroupBy::Warehouse => ("Склад", "Warehouse"),
        GroupBy::Day => ("День", "Day"),
        GroupBy::Month => ("Месяц", "Month"),
    }
}
