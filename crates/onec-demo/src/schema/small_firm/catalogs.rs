//! Catalogs.

use crate::ids::{Kind, Ref};
use crate::schema::catalogs::{self, UNMARKED, catalog};
use crate::schema::{Edm, EntitySet, Value, columns};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    sets.push(catalogs::organizations());
    let first = sets.len();
    catalogs::counterparties(sets);
    for column in &mut sets[first].columns {
        if column.name == "ЮридическоеФизическоеЛицо" {
            column.name = "ВидКонтрагента";
        }
    }
    sets.push(contracts());
    let mut items = catalogs::items();
    items
        .columns
        .retain(|column| column.name != "ВидСтавкиНДС" && column.name != "Услуга");
    items.columns.extend(columns![
        "ТипНоменклатуры": Edm::Text => |_, row| catalogs::unless_group(row, Value::str("Запас")),
    ]);
    sets.push(items);
    sets.push(catalogs::units());
    sets.push(warehouses());
    sets.push(employees());
    sets.push(catalogs::bank_accounts());
    sets.push(cash_desks());
    sets.push(catalogs::currencies());
    sets.push(catalogs::nodes());
}

/// A contract has a term for either side; which one counts says its kind.
fn contracts() -> EntitySet {
    catalog!(
        Kind::Contract,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.contracts[row as usize].title()),
        columns![
            "Owner_Key": Edm::Key(Kind::Counterparty) => |base, row| {
                Value::key(Kind::Counterparty, base.contracts[row as usize].owner)
            },
            "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.contracts[row as usize].organization)
            },
            "НомерДоговора" as "Номер": Edm::Text => |base, row| Value::str(&base.contracts[row as usize].number),
            "ДатаДоговора" as "Дата": Edm::Date => |base, row| Value::date(base.contracts[row as usize].date),
            "ВидДоговора": Edm::Text => |base, row| {
                Value::str(if base.contracts[row as usize].with_customer { "СПокупателем" } else { "СПоставщиком" })
            },
            "СрокОплатыПокупателя": Edm::Int16 => |base, row| {
                let one = &base.contracts[row as usize];
                Value::whole(if one.with_customer { one.term } else { USUAL_TERM })
            },
            "СрокОплатыПоставщику": Edm::Int16 => |base, row| {
                let one = &base.contracts[row as usize];
                Value::whole(if one.with_customer { USUAL_TERM } else { one.term })
            },
        ]
    )
}

/// Days that the settings of the base put into every new contract.
const USUAL_TERM: u8 = 3;

/// Warehouses are structural units, as divisions are.
fn warehouses() -> EntitySet {
    catalog!(
        Kind::Warehouse,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::str(base.warehouses[row as usize].name),
        columns![
            "Parent_Key": Edm::Key(Kind::Warehouse) => |_, _| Value::Key(Ref::NONE),
            "ТипСтруктурнойЕдиницы": Edm::Text => |_, row| Value::str(if row == 3 { "Розница" } else { "Склад" }),
        ]
    )
}

/// Who is responsible for a document is an employee.
fn employees() -> EntitySet {
    catalog!(
        Kind::User,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.presentation(Ref::new(Kind::User, row))),
        columns!["Недействителен": Edm::Bool => |_, _| Value::Bool(false)]
    )
}

fn cash_desks() -> EntitySet {
    catalog!(
        Kind::CashDesk,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.presentation(Ref::new(Kind::CashDesk, row))),
        columns![
            "Организация_Key" as "Owner_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.cash_desks[row as usize])
            },
        ]
    )
}
