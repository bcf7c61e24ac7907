//! Registers: sets by recorder, flat records, and the sides of ledger entries virtual tables are summed from.

use super::{
    Column, Edm, EntitySet, Flavour, Getter, HIDDEN, Part, Register, Resource, Row, Shape, Value, columns,
};
use crate::base::Base;
use crate::calendar::Stamp;
use crate::chart::ACCOUNTS;
use crate::configuration::Configuration;
use crate::ids::{Kind, Ref};
use crate::model::{self, Entry, Settlement, Side};

/// Adds the sets.
pub(crate) fn add(sets: &mut Vec<EntitySet>) {
    settlements::<0>(sets, "AccumulationRegister_РасчетыСПокупателями");
    settlements::<1>(sets, "AccumulationRegister_РасчетыСПоставщиками");
    stock(sets, "AccumulationRegister_ТоварыНаСкладах");
    cash(sets);
    sales(sets);
    ledger(sets);
    sets.push(prices(sets.len()));
    sets.push(rates(sets.len()));
}

/// Adds the registers that posting looks into, out of clients' sight.
pub(super) fn hidden(sets: &mut Vec<EntitySet>) {
    settlements::<0>(
        sets,
        &format!("AccumulationRegister_РасчетыСПокупателями{HIDDEN}"),
    );
    settlements::<1>(
        sets,
        &format!("AccumulationRegister_РасчетыСПоставщиками{HIDDEN}"),
    );
    stock(sets, &format!("AccumulationRegister_ТоварыНаСкладах{HIDDEN}"));
}

/// Recorder, period, line and activity; the expression finds the mark.
macro_rules! mark_columns {
    (|$base:ident, $row:ident| $record:expr) => {
        columns![
            "Recorder": Edm::Composite => |$base, $row| Value::Composite($record.mark.recorder),
            "Period": Edm::Date => |$base, $row| Value::date($record.mark.period),
            "LineNumber": Edm::Int64 => |$base, $row| Value::whole($record.mark.line),
            "Active": Edm::Bool => |_, _| Value::Bool(true),
        ]
    };
}

/// Adds the two public sets of a register with recorders, the main one first.
macro_rules! with_recorders {
    ($sets:expr, $name:expr, $register:expr, $columns:expr, |$base:ident| $rows:expr) => {{
        let main = $sets.len();
        let name: &str = $name;
        let columns: Vec<Column> = $columns;
        let order = columns.iter().position(|column| column.name == "Period");
        let period: fn(&Base, Row) -> $crate::calendar::Stamp = |$base, row| $crate::model::Movement::mark(&$rows.rows[row as usize]).period;
        $sets.push(EntitySet {
        configuration: $crate::configuration::Configuration::default(),
            name: name.to_owned(),
            shape: Shape::RecordSets,
            columns: columns!["Recorder": Edm::Composite => |$base, row| Value::Composite($rows.sets[row as usize].0)],
            parts: vec![Part {
                name: "RecordSet",
                set: main + 1,
                range: |$base, row| $rows.range(row as usize),
            }],
            key: &["Recorder", "Recorder_Type"],
            count: |$base| $rows.sets.len(),
            order: None,
            recorder: Some(|$base, recorder| {
                let found = $rows.find(recorder, $base.date_of(recorder));
                found.map_or(0..0, |at| crate::schema::position(at)..crate::schema::position(at + 1))
            }),
            register: Some($register),
        });
        $sets.push(EntitySet {
        configuration: $crate::configuration::Configuration::default(),
            name: format!("{name}_RecordType"),
            shape: Shape::Records,
            columns,
            parts: Vec::new(),
            key: &["Recorder", "LineNumber", "Recorder_Type"],
            count: |$base| $rows.rows.len(),
            order: order.map(|at| (at, period)),
            recorder: Some(|$base, recorder| $rows.find(recorder, $base.date_of(recorder)).map_or(0..0, |at| $rows.range(at))),
            register: None,
        });
    }};
}

pub(super) use {mark_columns, with_recorders};

pub(super) fn settlement_rows<const C: usize>(base: &Base) -> &model::Register<Settlement> {
    if C == 0 { &base.customers } else { &base.suppliers }
}

/// A resource in kopecks.
pub(super) fn kopecks(name: &'static str, get: fn(&Base, Row) -> i64) -> Resource {
    Resource {
        name,
        decimals: 2,
        get,
    }
}

/// A resource in pieces.
pub(super) fn pieces(name: &'static str, get: fn(&Base, Row) -> i64) -> Resource {
    Resource {
        name,
        decimals: 0,
        get,
    }
}

pub(super) fn settlement<const C: usize>(base: &Base, row: Row) -> &Settlement {
    &settlement_rows::<C>(base).rows[row as usize]
}

pub(super) fn record_type(receipt: bool) -> Value<'static> {
    Value::str(if receipt { "Receipt" } else { "Expense" })
}

pub(super) fn settlements<const C: usize>(sets: &mut Vec<EntitySet>, name: &str) {
    let mut columns = mark_columns!(|base, row| settlement::<C>(base, row));
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(settlement::<C>(base, row).receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, settlement::<C>(base, row).organization)
        },
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, settlement::<C>(base, row).counterparty)
        },
        "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::key(Kind::Contract, settlement::<C>(base, row).contract)
        },
        "ДокументРасчетов": Edm::Composite => |base, row| Value::Composite(settlement::<C>(base, row).deal),
        "Сумма": Edm::Double => |base, row| Value::money(settlement::<C>(base, row).sum),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec![
            "Организация_Key",
            "Контрагент_Key",
            "ДоговорКонтрагента_Key",
            "ДокументРасчетов",
        ],
        resources: vec![kopecks("Сумма", |base, row| settlement::<C>(base, row).sum)],
        adds: |base, row| settlement::<C>(base, row).receipt,
    };
    with_recorders!(sets, name, register, columns, |base| settlement_rows::<C>(base));
}

pub(super) fn stock(sets: &mut Vec<EntitySet>, name: &str) {
    let mut columns = mark_columns!(|base, row| base.stock.rows[row as usize]);
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(base.stock.rows[row as usize].receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, base.stock.rows[row as usize].organization)
        },
        "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| Value::key(Kind::Warehouse, base.stock.rows[row as usize].warehouse),
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, base.stock.rows[row as usize].item),
        "Количество": Edm::Double => |base, row| Value::whole(base.stock.rows[row as usize].quantity),
        "Стоимость": Edm::Double => |base, row| Value::money(base.stock.rows[row as usize].cost),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Организация_Key", "Склад_Key", "Номенклатура_Key"],
        resources: vec![
            pieces("Количество", |base, row| {
                i64::from(base.stock.rows[row as usize].quantity)
            }),
            kopecks("Стоимость", |base, row| {
                base.stock.rows[row as usize].cost
            }),
        ],
        adds: |base, row| base.stock.rows[row as usize].receipt,
    };
    with_recorders!(sets, name, register, columns, |base| base.stock);
}

fn cash(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| base.cash.rows[row as usize]);
    columns.extend(columns![
        "RecordType": Edm::Text => |base, row| record_type(base.cash.rows[row as usize].receipt),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, base.cash.rows[row as usize].organization)
        },
        "БанковскийСчетКасса": Edm::Composite => |base, row| Value::Composite(base.cash.rows[row as usize].place),
        "Сумма": Edm::Double => |base, row| Value::money(base.cash.rows[row as usize].sum),
    ]);
    let register = Register {
        flavour: Flavour::Balance,
        records: sets.len() + 1,
        dimensions: vec!["Организация_Key", "БанковскийСчетКасса"],
        resources: vec![kopecks("Сумма", |base, row| {
            base.cash.rows[row as usize].sum
        })],
        adds: |base, row| base.cash.rows[row as usize].receipt,
    };
    with_recorders!(
        sets,
        "AccumulationRegister_ДенежныеСредства",
        register,
        columns,
        |base| base.cash
    );
}

fn sales(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| base.sales.rows[row as usize]);
    columns.extend(columns![
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, base.sales.rows[row as usize].organization)
        },
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, base.sales.rows[row as usize].counterparty)
        },
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, base.sales.rows[row as usize].item),
        "Менеджер_Key": Edm::Key(Kind::User) => |base, row| Value::key(Kind::User, base.sales.rows[row as usize].manager),
        "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| Value::key(Kind::Warehouse, base.sales.rows[row as usize].warehouse),
        "Количество": Edm::Double => |base, row| Value::whole(base.sales.rows[row as usize].quantity),
        "Сумма": Edm::Double => |base, row| Value::money(base.sales.rows[row as usize].sum),
        "НДС": Edm::Double => |base, row| Value::money(base.sales.rows[row as usize].vat),
        "Себестоимость": Edm::Double => |base, row| Value::money(base.sales.rows[row as usize].cost),
    ]);
    let register = Register {
        flavour: Flavour::Turnover,
        records: sets.len() + 1,
        dimensions: vec![
            "Организация_Key",
            "Контрагент_Key",
            "Номенклатура_Key",
            "Менеджер_Key",
            "Склад_Key",
        ],
        resources: vec![
            pieces("Количество", |base, row| {
                i64::from(base.sales.rows[row as usize].quantity)
            }),
            kopecks("Сумма", |base, row| base.sales.rows[row as usize].sum),
            kopecks("НДС", |base, row| base.sales.rows[row as usize].vat),
            kopecks("Себестоимость", |base, row| {
                base.sales.rows[row as usize].cost
            }),
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

fn entry(base: &Base, row: Row) -> &Entry {
    &base.ledger.rows[row as usize]
}

/// The kind of analytics at a place of an account.
fn analytics_kind(account: u8, place: usize) -> Value<'static> {
    let kind = ACCOUNTS
        .get(usize::from(account))
        .and_then(|found| found.subconto.get(place));
    Value::Key(kind.map_or(Ref::NONE, |kind| Ref::new(Kind::Analytics, *kind as u32)))
}

fn quantity(side: &Side) -> Value<'static> {
    let counted = ACCOUNTS
        .get(usize::from(side.account))
        .is_some_and(|account| account.quantity);
    if counted {
        Value::whole(side.quantity)
    } else {
        Value::Null
    }
}

/// The name of the ledger.
pub(crate) const LEDGER: &str = "AccountingRegister_Хозрасчетный";
/// The hidden set of sides: row is twice the entry's, plus one for the credit.
const HALVES: &str = "AccountingRegister_Хозрасчетный#halves";

fn ledger(sets: &mut Vec<EntitySet>) {
    let mut columns = mark_columns!(|base, row| base.ledger.rows[row as usize]);
    columns.extend(columns![
        "AccountDr_Key": Edm::Key(Kind::Account) => |base, row| Value::key(Kind::Account, entry(base, row).debit.account),
        "AccountCr_Key": Edm::Key(Kind::Account) => |base, row| Value::key(Kind::Account, entry(base, row).credit.account),
        "ExtDimensionDr1": Edm::Composite => |base, row| Value::Composite(entry(base, row).debit.analytics[0]),
        "ExtDimensionTypeDr1_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).debit.account, 0),
        "ExtDimensionDr2": Edm::Composite => |base, row| Value::Composite(entry(base, row).debit.analytics[1]),
        "ExtDimensionTypeDr2_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).debit.account, 1),
        "ExtDimensionDr3": Edm::Composite => |base, row| Value::Composite(entry(base, row).debit.analytics[2]),
        "ExtDimensionTypeDr3_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).debit.account, 2),
        "ExtDimensionCr1": Edm::Composite => |base, row| Value::Composite(entry(base, row).credit.analytics[0]),
        "ExtDimensionTypeCr1_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).credit.account, 0),
        "ExtDimensionCr2": Edm::Composite => |base, row| Value::Composite(entry(base, row).credit.analytics[1]),
        "ExtDimensionTypeCr2_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).credit.account, 1),
        "ExtDimensionCr3": Edm::Composite => |base, row| Value::Composite(entry(base, row).credit.analytics[2]),
        "ExtDimensionTypeCr3_Key": Edm::Key(Kind::Analytics) => |base, row| analytics_kind(entry(base, row).credit.account, 2),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, entry(base, row).organization)
        },
        "Сумма": Edm::Double => |base, row| Value::money(entry(base, row).sum),
        "КоличествоDr": Edm::Double => |base, row| quantity(&entry(base, row).debit),
        "КоличествоCr": Edm::Double => |base, row| quantity(&entry(base, row).credit),
        "Содержание": Edm::Text => |base, row| Value::str(entry(base, row).text),
    ]);
    let register = Register {
        flavour: Flavour::Accounting,
        records: sets.len() + 2,
        dimensions: vec![
            "Account_Key",
            "ExtDimension1",
            "ExtDimension2",
            "ExtDimension3",
            "Организация_Key",
        ],
        resources: vec![
            kopecks("Сумма", |base, row| entry(base, row / 2).sum),
            pieces("Количество", |base, row| {
                i64::from(half(base, row).quantity)
            }),
        ],
        adds: |_, row| row.is_multiple_of(2),
    };
    with_recorders!(sets, LEDGER, register, columns, |base| base.ledger);
    sets.push(halves());
}

/// The side a row of the hidden set stands for.
fn half(base: &Base, row: Row) -> &Side {
    let entry = entry(base, row / 2);
    if row.is_multiple_of(2) {
        &entry.debit
    } else {
        &entry.credit
    }
}

/// The other side of the same entry.
fn other(base: &Base, row: Row) -> &Side {
    half(base, row ^ 1)
}

fn halves() -> EntitySet {
    let own: Vec<Column> = columns![
        "Period": Edm::Date => |base, row| Value::date(entry(base, row / 2).mark.period),
        "Recorder": Edm::Composite => |base, row| Value::Composite(entry(base, row / 2).mark.recorder),
        "LineNumber": Edm::Int64 => |base, row| Value::whole(entry(base, row / 2).mark.line),
        "Account_Key": Edm::Key(Kind::Account) => |base, row| Value::key(Kind::Account, half(base, row).account),
        "ExtDimension1": Edm::Composite => |base, row| Value::Composite(half(base, row).analytics[0]),
        "ExtDimension2": Edm::Composite => |base, row| Value::Composite(half(base, row).analytics[1]),
        "ExtDimension3": Edm::Composite => |base, row| Value::Composite(half(base, row).analytics[2]),
        "BalancedAccount_Key": Edm::Key(Kind::Account) => |base, row| Value::key(Kind::Account, other(base, row).account),
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, entry(base, row / 2).organization)
        },
    ];
    EntitySet {
        configuration: Configuration::default(),
        name: HALVES.to_owned(),
        shape: Shape::Halves,
        columns: own,
        parts: Vec::new(),
        key: &[],
        count: |base| base.ledger.rows.len() * 2,
        order: None,
        recorder: None,
        register: None,
    }
}

/// An independent information register kept in order of period.
pub(super) fn information(
    name: &str,
    columns: Vec<Column>,
    key: &'static [&'static str],
    count: fn(&Base) -> usize,
    period: fn(&Base, Row) -> Stamp,
    register: Register,
) -> EntitySet {
    EntitySet {
        configuration: Configuration::default(),
        name: name.to_owned(),
        shape: Shape::Records,
        columns,
        parts: Vec::new(),
        key,
        count,
        order: Some((0, period)),
        recorder: None,
        register: Some(register),
    }
}

pub(super) fn prices(own: usize) -> EntitySet {
    let period: fn(&Base, Row) -> Stamp = |base, row| base.prices[row as usize].period;
    let columns = columns![
        "Period": Edm::Date => |base, row| Value::date(base.prices[row as usize].period),
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| Value::key(Kind::Item, base.prices[row as usize].item),
        "Цена": Edm::Double => |base, row| Value::money(base.prices[row as usize].price),
    ];
    let register = slices(own, "Номенклатура_Key");
    let key = &["Period", "Номенклатура_Key"];
    information(
        "InformationRegister_ЦеныНоменклатуры",
        columns,
        key,
        |base| base.prices.len(),
        period,
        register,
    )
}

pub(super) fn rates(own: usize) -> EntitySet {
    let period: fn(&Base, Row) -> Stamp = |base, row| base.rates[row as usize].period;
    let rate: Getter =
        |base, row| Value::Number(rust_decimal::Decimal::new(base.rates[row as usize].rate, 4));
    let columns = columns![
        "Period": Edm::Date => |base, row| Value::date(base.rates[row as usize].period),
        "Валюта_Key": Edm::Key(Kind::Currency) => |base, row| Value::key(Kind::Currency, base.rates[row as usize].currency),
        "Курс": Edm::Double => rate,
        "Кратность": Edm::Int64 => |_, _| Value::whole(1),
    ];
    let register = slices(own, "Валюта_Key");
    let key = &["Period", "Валюта_Key"];
    information(
        "InformationRegister_КурсыВалют",
        columns,
        key,
        |base| base.rates.len(),
        period,
        register,
    )
}

pub(super) fn slices(own: usize, dimension: &'static str) -> Register {
    let adds: fn(&Base, Row) -> bool = |_, _| true;
    Register {
        flavour: Flavour::Slices,
        records: own,
        dimensions: vec![dimension],
        resources: Vec::new(),
        adds,
    }
}
