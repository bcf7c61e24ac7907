//! A configuration that somebody wrote for themselves: the same goods, customers and sales under names of their own, no
//! registers.

use super::{Edm, EntitySet, Part, Value, catalogs, columns, documents, registers};
use crate::base::Base;
use crate::ids::Kind;
use crate::model::TRADES;

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    sets.push(catalogs::organizations());
    let customers = sets.len();
    catalogs::counterparties(sets);
    // There are no contracts.
    sets[customers]
        .columns
        .retain(|column| column.edm != Edm::Key(Kind::Contract));
    sets.push(catalogs::items());
    sets.push(catalogs::units());
    sets.push(catalogs::warehouses());
    sets.push(catalogs::users());
    sales(sets);
    registers::hidden(sets);
}

fn sales(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let mut columns = documents::head_columns!(TRADES[0], |base, row| documents::trade::<0>(base, row).head);
    columns.extend(columns![
        "Покупатель_Key" as "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, documents::trade::<0>(base, row).counterparty)
        },
        "МестоХранения_Key" as "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| {
            Value::key(Kind::Warehouse, documents::trade::<0>(base, row).warehouse)
        },
        "Итого" as "СуммаДокумента": Edm::Double => |base, row| Value::money(documents::trade::<0>(base, row).sum),
    ]);
    let count: fn(&Base) -> usize = |base| base.trades[0].documents.len();
    let mut set = documents::set(TRADES[0], columns, count, |base, row| {
        documents::trade::<0>(base, row).head.date
    });
    set.parts.push(Part {
        name: "Товары",
        set: owner + 1,
        range: |base, row| {
            let document = documents::trade::<0>(base, row);
            document.first_line..document.first_line + document.lines
        },
    });
    sets.push(set);
    let columns = documents::lines::<0>();
    sets.push(documents::rows(
        owner,
        TRADES[0],
        "Товары",
        columns,
        |base| base.trades[0].lines.len(),
    ));
}
