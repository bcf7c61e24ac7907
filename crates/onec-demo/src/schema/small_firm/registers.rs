//! Registers of accumulation.

use crate::base::Base;
use crate::ids::{Kind, Ref};
use crate::model::{CashMove, SaleMove, StockMove, trade_book};
use crate::schema::registers::{
    hidden, kopecks, mark_columns, pieces, prices, rates, record_type, settlement, settlement_rows,
    with_recorders,
};
use crate::schema::{Column, Edm, EntitySet, Flavour, Part, Register, Row, Shape, Value, columns};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    settlements::<0>(sets, "AccumulationRegister_РасчетыСПокупателями");
    settlements::<1>(sets, "AccumulationRegister_РасчетыСПоставщиками");
    stock(sets);
    cost(sets);
    cash(sets);
    sales(sets);
    sets.push(prices(sets.len()));
    sets.push(rates(sets.len()));
    hidden(sets);
}

/// What was paid ahead is a negative balance of its own type of settlements.
fn settlements<const C: usize>(sets: &mut Vec<EntitySet>, name: &str) {
    let mut columns = mark_columns!(|base, row| settlement::<C>(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(settlement::<C>(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, settlement::<C>(base, row).organization)
        },
        "ТипРасчетов": Edm::Text => |base, row| {
            let goods = trade_book(settlement::<C>(base, row).deal.kind).is_some();
            Value::str(if goods { "Долг" } else { "Аванс" })
        },
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, settlement::<C>(base, row).counterparty)
        },
        "Договор_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::key(Kind::Contract, settlement::<C>(base, row).contract)
        },
        "Документ": Edm::Composite => |base, row| Value::Composite(settlement::<C>(base, row).deal),
        "Сумма": Edm::Double => |base, row| Value::money(settlement::<C>(base, row).sum),
        "СуммаВал": Edm::Double => |base, row| Value::money(settlement::<C>(base, row).sum),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec![
            "Организация_Key",
            "ТипРасчетов",
            "Контрагент_Key",
            "Договор_Key",
            "Документ",
        ],
        resources: vec![
            kopecks("Сумма", |base, row| settlement::<C>(base, row).sum),
            kopecks("СуммаВал", |base, row| settlement::<C>(base, row).sum),
        ],
        adds: |base, row| settlement::<C>(base, row).receipt,
    };
    with_recorders!(sets, name, register, columns, |base| settlement_rows::<C>(base));
}

fn goods(base: &Base, row: Row) -> &StockMove {
    &base.stock.rows[row as usize]
}

fn stock(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| goods(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(goods(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, goods(base, row).organization)
        },
        "СтруктурнаяЕдиница_Key": Edm::Key(Kind::Warehouse) => |base, row| {
            Value::key(Kind::Warehouse, goods(base, row).warehouse)
        },
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, goods(base, row).item),
        "Количество": Edm::Double => |base, row| Value::whole(goods(base, row).quantity),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Организация_Key", "СтруктурнаяЕдиница_Key", "Номенклатура_Key"],
        resources: vec![pieces("Количество", |base, row| {
            i64::from(goods(base, row).quantity)
        })],
        adds: |base, row| goods(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ЗапасыНаСкладах",
        register,
        columns,
        |base| base.stock
    );
}

/// What goods cost, wherever they are: the place may be of several types.
fn cost(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| goods(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(goods(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, goods(base, row).organization)
        },
        "СтруктурнаяЕдиница": Edm::Composite => |base, row| {
            Value::Composite(Ref::new(Kind::Warehouse, u32::from(goods(base, row).warehouse)))
        },
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, goods(base, row).item),
        "Количество": Edm::Double => |base, row| Value::whole(goods(base, row).quantity),
        "Сумма": Edm::Double => |base, row| Value::money(goods(base, row).cost),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Организация_Key", "СтруктурнаяЕдиница", "Номенклатура_Key"],
        resources: vec![
            pieces("Количество", |base, row| {
                i64::from(goods(base, row).quantity)
            }),
            kopecks("Сумма", |base, row| goods(base, row).cost),
        ],
        adds: |base, row| goods(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_Запасы",
        register,
        columns,
        |base| base.stock
    );
}

fn cash(sets: &mut Vec<EntitySet>) {
    fn record(base: &Base, row: Row) -> &CashMove {
        &base.cash.rows[row as usize]
    }
    let mut columns = mark_columns!(|base, row| record(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(record(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, record(base, row).organization)
        },
        "ТипДенежныхСредств": Edm::Text => |base, row| {
            Value::str(if record(base, row).place.kind == Kind::CashDesk { "Наличные" } else { "Безналичные" })
        },
        "БанковскийСчетКасса": Edm::Composite => |base, row| Value::Composite(record(base, row).place),
        "Валюта_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "Сумма": Edm::Double => |base, row| Value::money(record(base, row).sum),
        "СуммаВал": Edm::Double => |base, row| Value::money(record(base, row).sum),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec![
            "Организация_Key",
            "ТипДенежныхСредств",
            "БанковскийСчетКасса",
            "Валюта_Key",
        ],
        resources: vec![
            kopecks("Сумма", |base, row| record(base, row).sum),
            kopecks("СуммаВал", |base, row| record(base, row).sum),
        ],
        adds: |base, row| record(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ДенежныеСредства",
        register,
        columns,
        |base| base.cash
    );
}

fn sale(base: &Base, row: Row) -> &SaleMove {
    &base.sales.rows[row as usize]
}

/// A register of turnovers.
fn sales(sets: &mut Vec<EntitySet>) {
    let mut columns: Vec<Column> = mark_columns!(|base, row| sale(base, row));
    columns.extend(columns![
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, sale(base, row).organization)
        },
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, sale(base, row).item),
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, sale(base, row).counterparty)
        },
        "Ответственный_Key": Edm::Key(Kind::User) => |base, row| Value::key(Kind::User, sale(base, row).manager),
        "Документ": Edm::Composite => |base, row| Value::Composite(sale(base, row).mark.recorder),
        "Количество": Edm::Double => |base, row| Value::whole(sale(base, row).quantity),
        "Сумма": Edm::Double => |base, row| Value::money(sale(base, row).sum),
        "СуммаНДС": Edm::Double => |base, row| Value::money(sale(base, row).vat),
        "Себестоимость": Edm::Double => |base, row| Value::money(sale(base, row).cost),
    ]);
    let register = Register {
        flavour: Flavour::Turnover,
        records: sets.len() + 1,
        dimensions: vec![
            "Организация_Key",
            "Номенклатура_Key",
            "Контрагент_Key",
            "Ответственный_Key",
            "Документ",
        ],
        resources: vec![
            pieces("Количество", |base, row| {
                i64::from(sale(base, row).quantity)
            }),
            kopecks("Сумма", |base, row| sale(base, row).sum),
            kopecks("СуммаНДС", |base, row| sale(base, row).vat),
            kopecks("Себестоимость", |base, row| sale(base, row).cost),
        ],
        adds: |_, _| true,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_Продажи",
        register,
        columns,
        |base| base.sales
    );
}
