//! What goods there are.

use common::Locale;
use common::contract::onec::ColumnKind::{Id, Money, Quantity, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::scope::Scope;
use super::stock_snapshot;
use super::table::{Heading, Table, columns, count, id, money, quantity, row};

pub(super) const HEADINGS: [Heading; 6] = [
    ("warehouse", Text, "Склад", "Warehouse"),
    ("item_id", Id, "Номенклатура (id)", "Item id"),
    ("item", Text, "Номенклатура", "Item"),
    ("unit", Text, "Ед.", "Unit"),
    ("quantity", Quantity, "Количество", "Quantity"),
    ("cost", Money, "Стоимость", "Cost"),
];

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    if stock_snapshot::is_pushed(&scope.infobase) {
        return stock_snapshot::run(connection, scope, locale).await;
    }
    let found = sqlx::query!(
        r#"with cells as (
               select warehouse, item, sum(quantity) as quantity, sum(amount) as cost
               from onec.balances($1, $2, $3, $4, $5)
               where ($6::uuid[] is null or item = any($6)) and ($7::uuid[] is null or warehouse = any($7))
               group by warehouse, item
           )
           select w.name as "warehouse?", i.id as "item_id?", i.name as "item?", u.name as "unit?",
                  quantity as "quantity!", cost as "cost!", count(*) over () as row_count,
                  sum(quantity) over () as total_quantity, sum(cost) over () as total_cost
           from cells
           left join onec.warehouses w on w.infobase_id = $1 and w.ref = cells.warehouse
           left join onec.items i on i.infobase_id = $1 and i.ref = cells.item
           left join onec.units u on u.infobase_id = $1 and u.ref = i.unit
           where quantity <> 0 or cost <> 0
           order by cost desc, w.name, i.name, cells.warehouse, cells.item limit $8"#,
        scope.infobase.id,
        &scope.profile.chart.stock,
        scope.before(),
        scope.companies.as_deref(),
        live,
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_stock")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| sum.flatten().unwrap_or_default();
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([
            ("quantity", quantity(total(first.map(|row| row.total_quantity)))),
            ("cost", money(total(first.map(|row| row.total_cost)))),
        ]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("warehouse", found.warehouse.unwrap_or_default().into()),
                    ("item_id", id(found.item_id)),
                    ("item", found.item.unwrap_or_default().into()),
                    ("unit", found.unit.unwrap_or_default().into()),
                    ("quantity", quantity(found.quantity)),
                    ("cost", money(found.cost)),
                ])
            })
            .collect(),
    })
}
