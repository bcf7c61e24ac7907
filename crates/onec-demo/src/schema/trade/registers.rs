//! Registers of accumulation.

use crate::base::Base;
use crate::calendar::{DAY, Stamp};
use crate::ids::{Kind, Ref};
use crate::model::{CashMove, SaleMove, Settlement, StockMove, trade_book};
use crate::schema::registers::{
    hidden, kopecks, mark_columns, pieces, prices, rates, record_type, settlement, settlement_rows,
    with_recorders,
};
use crate::schema::{Column, Edm, EntitySet, Flavour, Part, Register, Row, Shape, Value, columns};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    settlements::<0>(sets, "AccumulationRegister_РасчетыСКлиентамиПоСрокам");
    settlements::<1>(sets, "AccumulationRegister_РасчетыСПоставщикамиПоСрокам");
    stock(sets);
    owned(sets);
    cost(sets);
    money::<0>(sets, "AccumulationRegister_ДенежныеСредстваБезналичные");
    money::<1>(sets, "AccumulationRegister_ДенежныеСредстваНаличные");
    sales(sets);
    sets.push(prices(sets.len()));
    sets.push(rates(sets.len()));
    hidden(sets);
}

/// Money paid ahead is a resource of its own, and grows by receipts too.
fn is_advance(one: &Settlement) -> bool {
    trade_book(one.deal.kind).is_none()
}

fn debt<const C: usize>(base: &Base, row: Row) -> i64 {
    let one = settlement::<C>(base, row);
    if is_advance(one) { 0 } else { one.sum }
}

fn advance<const C: usize>(base: &Base, row: Row) -> i64 {
    let one = settlement::<C>(base, row);
    if is_advance(one) { one.sum } else { 0 }
}

fn is_receipt(one: &Settlement) -> bool {
    one.receipt != is_advance(one)
}

/// The day by which a debt is to be paid.
fn planned(one: &Settlement) -> Stamp {
    one.arisen / DAY * DAY + u32::from(one.term) * DAY
}

fn settlements<const C: usize>(sets: &mut Vec<EntitySet>, name: &str) {
    let mut columns = mark_columns!(|base, row| settlement::<C>(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(is_receipt(settlement::<C>(base, row))),
        "АналитикаУчетаПоПартнерам_Key": Edm::Key(Kind::SettlementKey) => |base, row| {
            Value::key(Kind::SettlementKey, settlement::<C>(base, row).contract)
        },
        "Валюта_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "РасчетныйДокумент": Edm::Composite => |base, row| Value::Composite(settlement::<C>(base, row).deal),
        "ДатаВозникновения": Edm::Date => |base, row| Value::date(settlement::<C>(base, row).arisen),
        "ДатаПлановогоПогашения": Edm::Date => |base, row| Value::date(planned(settlement::<C>(base, row))),
        "Долг": Edm::Double => |base, row| Value::money(debt::<C>(base, row)),
        "ДолгУпр": Edm::Double => |base, row| Value::money(debt::<C>(base, row)),
        "ДолгРегл": Edm::Double => |base, row| Value::money(debt::<C>(base, row)),
        "Предоплата": Edm::Double => |base, row| Value::money(advance::<C>(base, row)),
        "ПредоплатаУпр": Edm::Double => |base, row| Value::money(advance::<C>(base, row)),
        "ПредоплатаРегл": Edm::Double => |base, row| Value::money(advance::<C>(base, row)),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec![
            "АналитикаУчетаПоПартнерам_Key",
            "Валюта_Key",
            "РасчетныйДокумент",
            "ДатаВозникновения",
            "ДатаПлановогоПогашения",
        ],
        resources: vec![
            kopecks("Долг", debt::<C>),
            kopecks("ДолгУпр", debt::<C>),
            kopecks("ДолгРегл", debt::<C>),
            kopecks("Предоплата", advance::<C>),
            kopecks("ПредоплатаУпр", advance::<C>),
            kopecks("ПредоплатаРегл", advance::<C>),
        ],
        adds: |base, row| is_receipt(settlement::<C>(base, row)),
    };
    with_recorders!(sets, name, register, columns, |base| settlement_rows::<C>(base));
}

fn goods(base: &Base, row: Row) -> &StockMove {
    &base.stock.rows[row as usize]
}

fn count(base: &Base, row: Row) -> i64 {
    i64::from(goods(base, row).quantity)
}

/// Cost with the VAT of the purchase.
fn with_vat(cost: i64) -> i64 {
    cost * 6 / 5
}

fn item_key(base: &Base, row: Row) -> Ref {
    let one = goods(base, row);
    Base::key_of_item(one.item, one.warehouse)
}

/// What lies in warehouses, whoever it belongs to: without company.
fn stock(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| goods(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(goods(base, row).receipt),
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, goods(base, row).item),
        "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| Value::key(Kind::Warehouse, goods(base, row).warehouse),
        "ВНаличии": Edm::Double => |base, row| Value::whole(goods(base, row).quantity),
        "КОтгрузке": Edm::Double => |_, _| Value::whole(0),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Номенклатура_Key", "Склад_Key"],
        resources: vec![pieces("ВНаличии", count), pieces("КОтгрузке", |_, _| 0)],
        adds: |base, row| goods(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ТоварыНаСкладах",
        register,
        columns,
        |base| base.stock
    );
}

/// What belongs to which company.
fn owned(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| goods(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(goods(base, row).receipt),
        "АналитикаУчетаНоменклатуры_Key": Edm::Key(Kind::ItemKey) => |base, row| Value::Key(item_key(base, row)),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, goods(base, row).organization)
        },
        "Количество": Edm::Double => |base, row| Value::whole(goods(base, row).quantity),
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, goods(base, row).item),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["АналитикаУчетаНоменклатуры_Key", "Организация_Key"],
        resources: vec![pieces("Количество", count)],
        adds: |base, row| goods(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ТоварыОрганизаций",
        register,
        columns,
        |base| base.stock
    );
}

fn cost(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| goods(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(goods(base, row).receipt),
        "АналитикаУчетаНоменклатуры_Key": Edm::Key(Kind::ItemKey) => |base, row| Value::Key(item_key(base, row)),
        "РазделУчета": Edm::Text => |_, _| Value::str("СобственныеТоварыНаСкладах"),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, goods(base, row).organization)
        },
        "Количество": Edm::Double => |base, row| Value::whole(goods(base, row).quantity),
        "Стоимость": Edm::Double => |base, row| Value::money(with_vat(goods(base, row).cost)),
        "СтоимостьБезНДС": Edm::Double => |base, row| Value::money(goods(base, row).cost),
        "СтоимостьРегл": Edm::Double => |base, row| Value::money(goods(base, row).cost),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["АналитикаУчетаНоменклатуры_Key", "РазделУчета", "Организация_Key"],
        resources: vec![
            pieces("Количество", count),
            kopecks("Стоимость", |base, row| with_vat(goods(base, row).cost)),
            kopecks("СтоимостьБезНДС", |base, row| {
                goods(base, row).cost
            }),
            kopecks("СтоимостьРегл", |base, row| goods(base, row).cost),
        ],
        adds: |base, row| goods(base, row).receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_СебестоимостьТоваров",
        register,
        columns,
        |base| base.stock
    );
}

fn money<const P: usize>(sets: &mut Vec<EntitySet>, name: &str) {
    fn record<const P: usize>(base: &Base, row: Row) -> &CashMove {
        &base.money[P].rows[row as usize]
    }
    let mut columns = mark_columns!(|base, row| record::<P>(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(record::<P>(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, record::<P>(base, row).organization)
        },
    ]);
    columns.extend(if P == 0 {
        columns!["БанковскийСчет_Key": Edm::Key(Kind::BankAccount) => |base, row| Value::Key(record::<P>(base, row).place)]
    } else {
        columns!["Касса_Key": Edm::Key(Kind::CashDesk) => |base, row| Value::Key(record::<P>(base, row).place)]
    });
    columns.extend(columns![
        "Валюта_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "Сумма": Edm::Double => |base, row| Value::money(record::<P>(base, row).sum),
        "СуммаУпр": Edm::Double => |base, row| Value::money(record::<P>(base, row).sum),
        "СуммаРегл": Edm::Double => |base, row| Value::money(record::<P>(base, row).sum),
    ]);
    let place = if P == 0 {
        "БанковскийСчет_Key"
    } else {
        "Касса_Key"
    };
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Организация_Key", place, "Валюта_Key"],
        resources: vec![
            kopecks("Сумма", |base, row| record::<P>(base, row).sum),
            kopecks("СуммаУпр", |base, row| record::<P>(base, row).sum),
            kopecks("СуммаРегл", |base, row| record::<P>(base, row).sum),
        ],
        adds: |base, row| record::<P>(base, row).receipt,
    };
    with_recorders!(sets, name, register, columns, |base| base.money[P]);
}

fn sale(base: &Base, row: Row) -> &SaleMove {
    &base.sales.rows[row as usize]
}

/// A register of turnovers, without company: the key of analytics has it.
fn sales(sets: &mut Vec<EntitySet>) {
    let mut columns: Vec<Column> = mark_columns!(|base, row| sale(base, row));
    columns.extend(columns![
        "АналитикаУчетаНоменклатуры_Key": Edm::Key(Kind::ItemKey) => |base, row| {
            let one = sale(base, row);
            Value::Key(Base::key_of_item(one.item, one.warehouse))
        },
        "АналитикаУчетаПоПартнерам_Key": Edm::Key(Kind::SettlementKey) => |base, row| {
            Value::key(Kind::SettlementKey, sale(base, row).contract)
        },
        "Менеджер_Key": Edm::Key(Kind::User) => |base, row| Value::key(Kind::User, sale(base, row).manager),
        "Склад": Edm::Composite => |base, row| {
            Value::Composite(Ref::new(Kind::Warehouse, u32::from(sale(base, row).warehouse)))
        },
        "ХозяйственнаяОперация": Edm::Text => |_, _| Value::str("РеализацияКлиенту"),
        "Количество": Edm::Double => |base, row| Value::whole(sale(base, row).quantity),
        "СуммаВыручки": Edm::Double => |base, row| Value::money(sale(base, row).sum),
        "СуммаВыручкиБезНДС": Edm::Double => |base, row| Value::money(sale(base, row).sum - sale(base, row).vat),
        "Стоимость": Edm::Double => |base, row| Value::money(with_vat(sale(base, row).cost)),
        "СтоимостьБезНДС": Edm::Double => |base, row| Value::money(sale(base, row).cost),
        "СтоимостьРегл": Edm::Double => |base, row| Value::money(sale(base, row).cost),
    ]);
    let register = Register {
        flavour: Flavour::Turnover,
        records: sets.len() + 1,
        dimensions: vec![
            "АналитикаУчетаНоменклатуры_Key",
            "АналитикаУчетаПоПартнерам_Key",
            "Менеджер_Key",
            "Склад",
        ],
        resources: vec![
            pieces("Количество", |base, row| {
                i64::from(sale(base, row).quantity)
            }),
            kopecks("СуммаВыручки", |base, row| sale(base, row).sum),
            kopecks("СуммаВыручкиБезНДС", |base, row| {
                sale(base, row).sum - sale(base, row).vat
            }),
            kopecks("Стоимость", |base, row| with_vat(sale(base, row).cost)),
            kopecks("СтоимостьБезНДС", |base, row| sale(base, row).cost),
            kopecks("СтоимостьРегл", |base, row| sale(base, row).cost),
        ],
        adds: |_, _| true,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ВыручкаИСебестоимостьПродаж",
        register,
        columns,
        |base| base.sales
    );
}
