//! What goods there are by the last stocks that a 1C base has pushed.

use common::Locale;
use common::contract::onec::ColumnKind::{Id, Quantity, Text};
use common::contract::onec::{DataSource, ReportId, ReportQuery};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, id, quantity, row};
use crate::commerceml;
use crate::error::Error;
use crate::infobase::Zone;
use crate::store::infobases::Infobase;

// Without cost: 1C does not push it.
const HEADINGS: [Heading; 5] = [
    ("warehouse", Text, "Склад", "Warehouse"),
    ("item_id", Id, "Номенклатура (id)", "Item id"),
    ("item", Text, "Номенклатура", "Item"),
    ("unit", Text, "Ед.", "Unit"),
    ("quantity", Quantity, "Количество", "Quantity"),
];

/// Whether an infobase pushes what it has.
pub(super) fn is_pushed(infobase: &Infobase) -> bool {
    infobase.profile.as_deref() == Some(commerceml::PROFILE)
}

/// Refuses what an infobase that pushes cannot tell: it has brought the stocks of one moment, and
/// nothing else that reports are made of.
pub(super) fn check(infobase: &Infobase, report: ReportId, query: &ReportQuery) -> Result<(), Error> {
    if !is_pushed(infobase) {
        return Ok(());
    }
    if report != ReportId::Stock {
        return Err(Error::ReportNotAvailable(report));
    }
    if query.source == Some(DataSource::Live) {
        return Err(Error::LiveNotSupported(report));
    }
    let of_day = infobase
        .as_of
        .zip(Zone::parse(&infobase.time_zone))
        .map(|(as_of, zone)| zone.today(as_of));
    match (query.date, of_day) {
        (Some(date), Some(of_day)) if date < of_day => Err(Error::ReportNotAvailable(report)),
        _ => Ok(()),
    }
}

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let found = sqlx::query!(
        r#"with cells as (
               select warehouse, item, sum(quantity) as quantity
               from onec.stock_snapshot
               where infobase_id = $1 and ($2::uuid[] is null or item = any($2))
                 and ($3::uuid[] is null or warehouse = any($3))
                 -- Without companies there is nothing to allow a part by.
                 and $4::uuid[] is null
               group by warehouse, item
           )
           select w.name as "warehouse?", i.id as "item_id!", i.name as "item!", u.name as "unit?",
                  quantity as "quantity!", count(*) over () as row_count,
                  sum(quantity) over () as total_quantity
           from cells
           join onec.items i on i.infobase_id = $1 and i.ref = cells.item and not i.deleted
           left join onec.warehouses w on w.infobase_id = $1 and w.ref = cells.warehouse
           left join onec.units u on u.infobase_id = $1 and u.ref = i.unit
           where quantity <> 0
           order by quantity desc, w.name, i.name limit $5"#,
        scope.infobase.id,
        scope.items.as_deref(),
        scope.warehouses.as_deref(),
        scope.companies.as_deref(),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_stock_snapshot")?;
    let first = found.first();
    let total = first.and_then(|row| row.total_quantity).unwrap_or_default();
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([("quantity", quantity(total))]),
        row_count: count(first.and_then(|row| row.row_count)),
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("warehouse", found.warehouse.unwrap_or_default().into()),
                    ("item_id", id(Some(found.item_id))),
                    ("item", found.item.into()),
                    ("unit", found.unit.unwrap_or_default().into()),
                    ("quantity", quantity(found.quantity)),
                ])
            })
            .collect(),
    })
}
