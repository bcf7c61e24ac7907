//! What was sold, and what was earned by it.

use common::Locale;
use common::contract::onec::ColumnKind::{Id, Integer, Money, Quantity, Text};
use common::contract::onec::{GroupBy, ReportId, ReportQuery};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, id, money, money_or_null, quantity, ratio};

/// A cell of the report: up to two dimensions and their figures.
#[derive(Debug, Default)]
struct Cell {
    key_id: Option<Uuid>,
    key: String,
    then_id: Option<Uuid>,
    then: String,
    figures: Figures,
}

#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    quantity: Decimal,
    revenue: Decimal,
    net: Decimal,
    /// `None` where the chart has no cost of sales.
    cost: Option<Decimal>,
    documents: i64,
    revenue_before: Decimal,
    profit_before: Option<Decimal>,
}

impl Figures {
    fn profit(&self) -> Option<Decimal> {
        self.cost.map(|cost| self.net - cost)
    }
}

/// The report: rows of posted sales, revenue with VAT; the cost is what the ledger has written off
/// to the cost of sales, by document and item. Corrections that no sale has made have an item but
/// no customer.
pub(super) async fn run(
    connection: &mut PgConnection,
    report: ReportId,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let query = &scope.query;
    let group = query.group_by.unwrap_or(GroupBy::Counterparty);
    let other = scope.compared();
    let by_item = scope.items.is_some()
        || [Some(group), query.then_by]
            .iter()
            .any(|group| matches!(group, Some(GroupBy::Item | GroupBy::ItemGroup)));
    let found = sqlx::query!(
        r#"with lines as (
               select true as now, s.* from onec.sales($1, $2, $3, $14, $15, $17) s
               union all
               select false, s.* from onec.sales($1, $12::timestamp, $13::timestamp, $14, $15, $17) s
               where $12 is not null
           ), marked as not materialized (
               select l.now, l.document,
                      case $4::text when 'counterparty' then l.counterparty when 'manager' then l.manager
                                    when 'item' then l.item when 'item_group' then i.parent
                                    when 'warehouse' then l.warehouse when 'company' then l.company end as key,
                      case $4 when 'day' then date_trunc('day', l.date)
                              when 'week' then date_trunc('week', l.date)
                              when 'month' then date_trunc('month', l.date) end as span,
                      case $5::text when 'counterparty' then l.counterparty when 'manager' then l.manager
                                    when 'item' then l.item when 'item_group' then i.parent
                                    when 'warehouse' then l.warehouse when 'company' then l.company end as then_key,
                      case $5 when 'day' then date_trunc('day', l.date)
                              when 'week' then date_trunc('week', l.date)
                              when 'month' then date_trunc('month', l.date) end as then_span,
                      l.quantity, l.revenue, l.vat, l.cost
               from lines l
               left join onec.items i on i.infobase_id = $1 and i.ref = l.item
                                      and ($4 = 'item_group' or $5 = 'item_group')
               where ($6::uuid[] is null or l.company = any($6))
                 and ($7::uuid[] is null or l.counterparty = any($7))
                 and ($8::uuid[] is null or l.item = any($8))
                 and ($9::uuid[] is null or l.warehouse = any($9))
                 and ($10::uuid is null or l.manager = $10)
           ), keyed as (
               -- By document first: to count them then needs no sorting. By item each row is of another
               -- document already, as it is without items.
               select now, document, key, span, then_key, then_span, sum(quantity) as quantity,
                      sum(revenue) as revenue, sum(vat) as vat, sum(cost) as cost
               from marked where $17 and $4 <> 'item' and $5 is distinct from 'item' group by 1, 2, 3, 4, 5, 6
               union all
               select now, document, key, span, then_key, then_span, quantity, revenue, vat, cost
               from marked where not $17 or $4 = 'item' or $5 is not distinct from 'item'
           ), sums as (
               select key, span as at, then_key, then_span as then_at,
                      case when $4 = 'month' then to_char(span, 'YYYY-MM') else to_char(span, 'YYYY-MM-DD') end as span,
                      case when $5 = 'month' then to_char(then_span, 'YYYY-MM')
                           else to_char(then_span, 'YYYY-MM-DD') end as then_span,
                      coalesce(sum(quantity) filter (where now), 0) as quantity,
                      coalesce(sum(revenue) filter (where now), 0) as revenue,
                      coalesce(sum(revenue - vat) filter (where now), 0) as net,
                      coalesce(sum(cost) filter (where now), 0) as cost,
                      count(document) filter (where now) as documents,
                      coalesce(sum(revenue) filter (where not now), 0) as revenue_before,
                      coalesce(sum(revenue - vat - cost) filter (where not now), 0) as profit_before
               from keyed group by 1, 2, 3, 4
           )
           select coalesce(span, k.name, '') as "key!", k.id as "key_id?",
                  coalesce(then_span, t.name, '') as "then!", t.id as "then_id?",
                  quantity as "quantity!", revenue as "revenue!", net as "net!", cost as "cost!",
                  documents as "documents!", revenue_before as "revenue_before!", profit_before as "profit_before!",
                  exists (select 1 from onec.accounts_under($1, $14)) as "has_cost!",
                  count(*) over () as row_count, sum(quantity) over () as total_quantity,
                  sum(revenue) over () as total_revenue, sum(net) over () as total_net,
                  sum(cost) over () as total_cost, sum(revenue_before) over () as total_revenue_before,
                  sum(profit_before) over () as total_profit_before,
                  case when $17 then (select count(document) from (select distinct document from keyed where now) d)
                       else (select count(document) from keyed where now) end as total_documents
           from sums
           left join onec.dimensions k on k.infobase_id = $1 and k.kind = $4 and k.ref = sums.key
           left join onec.dimensions t on t.infobase_id = $1 and t.kind = $5 and t.ref = sums.then_key
           order by span, case when $16 then net - cost else revenue end desc, 1, then_span, 3, k.id, t.id
           limit $11"#,
        scope.infobase.id,
        scope.since(),
        scope.until(),
        group.as_str(),
        query.then_by.map(GroupBy::as_str),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.manager,
        scope.limit(),
        other.map(|(since, _)| since),
        other.map(|(_, until)| until),
        &scope.profile.chart.cost_of_sales,
        &scope.profile.chart.sold,
        report == ReportId::GrossProfit,
        by_item,
    )
    .fetch_all(connection)
    .await
    .store("report_sales")?;
    let first = found.first();
    let zero = |sum: Option<Decimal>| sum.unwrap_or_default();
    let all = first.map_or_else(
        || Figures {
            cost: Some(Decimal::ZERO),
            profit_before: Some(Decimal::ZERO),
            ..Figures::default()
        },
        |row| Figures {
            quantity: zero(row.total_quantity),
            revenue: zero(row.total_revenue),
            net: zero(row.total_net),
            cost: row.has_cost.then(|| zero(row.total_cost)),
            documents: row.total_documents.unwrap_or(0),
            revenue_before: zero(row.total_revenue_before),
            profit_before: row.has_cost.then(|| zero(row.total_profit_before)),
        },
    );
    let row_count = count(first.and_then(|row| row.row_count));
    let cells = found.into_iter().map(|row| Cell {
        key_id: row.key_id,
        key: row.key,
        then_id: row.then_id,
        then: row.then,
        figures: Figures {
            quantity: row.quantity,
            revenue: row.revenue,
            net: row.net,
            cost: row.has_cost.then_some(row.cost),
            documents: row.documents,
            revenue_before: row.revenue_before,
            profit_before: row.has_cost.then_some(row.profit_before),
        },
    });
    let headings = headings(report, query);
    let shown = |cell: &Cell| -> Map<String, Value> {
        headings
            .iter()
            .map(|heading| (heading.0.to_owned(), value(heading.0, cell, &all)))
            .collect()
    };
    let mut totals = shown(&Cell {
        figures: all,
        ..Cell::default()
    });
    totals.retain(|key, _| !matches!(key.as_str(), "key" | "key_id" | "then" | "then_id"));
    Ok(Table {
        columns: columns(&headings, locale),
        rows: cells.map(|cell| shown(&cell)).collect(),
        totals,
        row_count,
    })
}

fn value(column: &str, cell: &Cell, all: &Figures) -> Value {
    let figures = &cell.figures;
    let share = |of: Option<Decimal>, all: Option<Decimal>| ratio(of.zip(all));
    let growth = |now: Option<Decimal>, before: Option<Decimal>| {
        ratio(now.zip(before).map(|(now, before)| (now - before, before)))
    };
    match column {
        "key_id" => id(cell.key_id),
        "key" => cell.key.as_str().into(),
        "then_id" => id(cell.then_id),
        "then" => cell.then.as_str().into(),
        "quantity" => quantity(figures.quantity),
        "revenue" => money(figures.revenue),
        "revenue_without_vat" => money(figures.net),
        "cost" => money_or_null(figures.cost),
        "gross_profit" => money_or_null(figures.profit()),
        "documents" => figures.documents.into(),
        "margin" => share(figures.profit(), Some(figures.net)),
        "revenue_share" => share(Some(figures.revenue), Some(all.revenue)),
        "profit_share" => share(figures.profit(), all.profit()),
        "revenue_before" => money(figures.revenue_before),
        "revenue_growth" => growth(Some(figures.revenue), Some(figures.revenue_before)),
        "profit_before" => money_or_null(figures.profit_before),
        "profit_growth" => growth(figures.profit(), figures.profit_before),
        _ => Value::Null,
    }
}

/// The columns, which depend on the dimensions and on whether there is a comparison.
pub(super) fn headings(report: ReportId, query: &ReportQuery) -> Vec<Heading> {
    let (ru, en) = heading(query.group_by.unwrap_or(GroupBy::Counterparty));
    let mut headings: Vec<Heading> = vec![("key_id", Id, "id", "Id"), ("key", Text, ru, en)];
    if let Some(then) = query.then_by {
        let (ru, en) = heading(then);
        headings.extend([("then_id", Id, "id", "Id"), ("then", Text, ru, en)]);
    }
    let compared = query.compare.is_some() || query.compare_from.is_some();
    headings.push(("quantity", Quantity, "Количество", "Quantity"));
    let net: Heading = (
        "revenue_without_vat",
        Money,
        "Выручка без НДС",
        "Revenue without VAT",
    );
    let profit: Heading = ("gross_profit", Money, "Валовая прибыль", "Gross profit");
    if report == ReportId::GrossProfit {
        headings.extend([
            net,
            ("cost", Money, "Себестоимость", "Cost of sales"),
            profit,
            ("margin", Quantity, "Рентабельность, %", "Margin, %"),
            ("profit_share", Quantity, "Доля, %", "Share, %"),
        ]);
        if compared {
            headings.extend([
                (
                    "profit_before",
                    Money,
                    "Валовая прибыль прошлого периода",
                    "Gross profit before",
                ),
                ("profit_growth", Quantity, "Рост, %", "Growth, %"),
            ] as [Heading; 2]);
        }
        return headings;
    }
    headings.extend([
        ("revenue", Money, "Выручка с НДС", "Revenue with VAT"),
        net,
        profit,
        ("documents", Integer, "Документов", "Documents"),
        ("revenue_share", Quantity, "Доля, %", "Share, %"),
    ]);
    if compared {
        headings.extend([
            (
                "revenue_before",
                Money,
                "Выручка прошлого периода",
                "Revenue before",
            ),
            ("revenue_growth", Quantity, "Рост, %", "Growth, %"),
        ] as [Heading; 2]);
    }
    headings
}

const fn heading(group: GroupBy) -> (&'static str, &'static str) {
    match group {
        GroupBy::Counterparty => ("Покупатель", "Customer"),
        GroupBy::Manager => ("Менеджер", "Manager"),
        GroupBy::Item => ("Номенклатура", "Item"),
        GroupBy::ItemGroup => ("Группа номенклатуры", "Item group"),
        GroupBy::Warehouse => ("Склад", "Warehouse"),
        GroupBy::Company => ("Организация", "Company"),
        GroupBy::Day => ("День", "Day"),
        GroupBy::Week => ("Неделя", "Week"),
        GroupBy::Month => ("Месяц", "Month"),
    }
}
