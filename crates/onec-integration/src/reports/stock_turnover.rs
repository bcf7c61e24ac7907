//! Turnovers of goods (ведомость по товарам на складах).

use common::Locale;
use common::contract::onec::ColumnKind::{Id, Money, Quantity, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, id, money, quantity, row};

pub(super) const HEADINGS: [Heading; 12] = [
    ("warehouse", Text, "Склад", "Warehouse"),
    ("item_id", Id, "Номенклатура (id)", "Item id"),
    ("item", Text, "Номенклатура", "Item"),
    ("unit", Text, "Ед.", "Unit"),
    (
        "opening_quantity",
        Quantity,
        "Начальный остаток",
        "Opening quantity",
    ),
    ("opening_cost", Money, "Начальный остаток, сумма", "Opening cost"),
    ("received_quantity", Quantity, "Приход", "Received quantity"),
    ("received_cost", Money, "Приход, сумма", "Received cost"),
    ("issued_quantity", Quantity, "Расход", "Issued quantity"),
    ("issued_cost", Money, "Расход, сумма", "Issued cost"),
    (
        "closing_quantity",
        Quantity,
        "Конечный остаток",
        "Closing quantity",
    ),
    ("closing_cost", Money, "Конечный остаток, сумма", "Closing cost"),
];

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"with cells as (
               select warehouse, item, sum(opening_quantity) as opening_quantity, sum(opening) as opening,
                      sum(received_quantity) as received_quantity, sum(received) as received,
                      sum(issued_quantity) as issued_quantity, sum(issued) as issued
               from (
                   select warehouse, item, quantity as opening_quantity, amount as opening,
                          0::numeric as received_quantity, 0::numeric as received,
                          0::numeric as issued_quantity, 0::numeric as issued
                   from onec.balances($1, $2, $3, $5, null)
                   union all
                   select warehouse, item, 0, 0, debit_quantity, debit, credit_quantity, credit
                   from onec.movements($1, $2, $3, $4, $5)
               ) parts
               where ($6::uuid[] is null or item = any($6)) and ($7::uuid[] is null or warehouse = any($7))
               group by warehouse, item
           )
           select w.name as "warehouse?", i.id as "item_id?", i.name as "item?", u.name as "unit?",
                  opening_quantity as "opening_quantity!", opening as "opening!",
                  received_quantity as "received_quantity!", received as "received!",
                  issued_quantity as "issued_quantity!", issued as "issued!", count(*) over () as row_count,
                  sum(opening_quantity) over () as total_opening_quantity, sum(opening) over () as total_opening,
                  sum(received_quantity) over () as total_received_quantity, sum(received) over () as total_received,
                  sum(issued_quantity) over () as total_issued_quantity, sum(issued) over () as total_issued
           from cells
           left join onec.warehouses w on w.infobase_id = $1 and w.ref = cells.warehouse
           left join onec.items i on i.infobase_id = $1 and i.ref = cells.item
           left join onec.units u on u.infobase_id = $1 and u.ref = i.unit
           where opening_quantity <> 0 or opening <> 0 or received_quantity <> 0 or received <> 0
              or issued_quantity <> 0 or issued <> 0
           order by w.name, i.name, cells.warehouse, cells.item limit $8"#,
        scope.infobase.id,
        &scope.profile.chart.stock,
        scope.since(),
        scope.until(),
        scope.companies.as_deref(),
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_stock_turnover")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| sum.flatten().unwrap_or_default();
    let figures = |sums: [Decimal; 6]| {
        let [
            opening_quantity,
            opening,
            received_quantity,
            received,
            issued_quantity,
            issued,
        ] = sums;
        [
            ("opening_quantity", quantity(opening_quantity)),
            ("opening_cost", money(opening)),
            ("received_quantity", quantity(received_quantity)),
            ("received_cost", money(received)),
            ("issued_quantity", quantity(issued_quantity)),
            ("issued_cost", money(issued)),
            (
                "closing_quantity",
                quantity(opening_quantity + received_quantity - issued_quantity),
            ),
            ("closing_cost", money(opening + received - issued)),
        ]
    };
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row(figures([
            total(first.map(|row| row.total_opening_quantity)),
            total(first.map(|row| row.total_opening)),
            total(first.map(|row| row.total_received_quantity)),
            total(first.map(|row| row.total_received)),
            total(first.map(|row| row.total_issued_quantity)),
            total(first.map(|row| row.total_issued)),
        ])),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                let mut cells = row([
                    ("warehouse", found.warehouse.unwrap_or_default().into()),
                    ("item_id", id(found.item_id)),
                    ("item", found.item.unwrap_or_default().into()),
                    ("unit", found.unit.unwrap_or_default().into()),
                ]);
                cells.extend(row(figures([
                    found.opening_quantity,
                    found.opening,
                    found.received_quantity,
                    found.received,
                    found.issued_quantity,
                    found.issued,
                ])));
                cells
            })
            .collect(),
    })
}
