//! Documents and their tabular parts.

use crate::base::Base;
use crate::ids::{Kind, Ref};
use crate::model::{PAYMENTS, PaymentLine, TRADES};
use crate::schema::documents::{
    add_payments, add_trades, contract_ref, head_columns, payment, purpose_text, trade,
};
use crate::schema::trade::opening;
use crate::schema::{Column, Edm, EntitySet, Row, Value, columns, payments};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    trades::<0>(sets);
    trades::<1>(sets);
    trades::<2>(sets);
    money::<0>(sets);
    money::<1>(sets);
    money::<2>(sets);
    money::<3>(sets);
    sets.push(opening());
}

fn trades<const B: usize>(sets: &mut Vec<EntitySet>) {
    let mut columns = head_columns!(TRADES[B], |base, row| trade::<B>(base, row).head);
    columns.extend(columns![
        "ВидОперации": Edm::Text => |_, _| {
            Value::str(["ПродажаПокупателю", "ПоступлениеОтПоставщика", "НаВсюСумму"][B])
        },
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, trade::<B>(base, row).counterparty)
        },
        "Договор_Key" as "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::key(Kind::Contract, trade::<B>(base, row).contract)
        },
        "СтруктурнаяЕдиница_Key" as "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| {
            Value::key(Kind::Warehouse, trade::<B>(base, row).warehouse)
        },
        "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "СуммаДокумента": Edm::Double => |base, row| Value::money(trade::<B>(base, row).sum),
        "СуммаВключаетНДС": Edm::Bool => |_, _| Value::Bool(true),
    ]);
    add_trades::<B>(sets, columns, "Запасы", lines::<B>());
}

fn lines<const B: usize>() -> Vec<Column> {
    columns![
        "Ref_Key": Edm::Own => |base, row| Value::key(TRADES[B], base.trades[B].lines[row as usize].document),
        "LineNumber": Edm::Int64 => |base, row| {
            let document = base.trades[B].lines[row as usize].document;
            Value::whole(row - trade::<B>(base, document).first_line + 1)
        },
        "Номенклатура_Key": Edm::Key(Kind::Item) => |base, row| {
            Value::key(Kind::Item, base.trades[B].lines[row as usize].item)
        },
        "Количество": Edm::Double => |base, row| Value::whole(base.trades[B].lines[row as usize].quantity),
        "Цена": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].price),
        "Сумма": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].sum),
        "СуммаНДС": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].vat),
        "Всего": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].sum),
    ]
}

fn money<const B: usize>(sets: &mut Vec<EntitySet>) {
    let mut columns = head_columns!(PAYMENTS[B], |base, row| payment::<B>(base, row).head);
    columns.extend(columns![
        "ВидОперации": Edm::Text => |base, row| {
            Value::str(payments::name(base.configuration, payment::<B>(base, row).purpose))
        },
        "Контрагент_Key" as "Контрагент": Edm::Key(Kind::Counterparty) => |base, row| {
            let payee = payment::<B>(base, row).payee;
            Value::Key(if payee.kind == Kind::Counterparty { payee } else { Ref::NONE })
        },
    ]);
    columns.extend(if B < 2 {
        columns![
            "БанковскийСчет_Key" as "СчетОрганизации_Key": Edm::Key(Kind::BankAccount) => |base, row| {
                Value::Key(payment::<B>(base, row).place)
            },
            "НазначениеПлатежа": Edm::Text => |base, row| Value::text(purpose_text(base, payment::<B>(base, row))),
        ]
    } else {
        columns![
            "Касса_Key": Edm::Key(Kind::CashDesk) => |base, row| Value::Key(payment::<B>(base, row).place),
            "Основание" as "НазначениеПлатежа": Edm::Text => |base, row| {
                Value::text(purpose_text(base, payment::<B>(base, row)))
            },
        ]
    });
    columns.extend(columns![
        "ВалютаДенежныхСредств_Key" as "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| {
            Value::key(Kind::Currency, 0_u32)
        },
        "СуммаДокумента": Edm::Double => |base, row| Value::money(payment::<B>(base, row).sum),
    ]);
    add_payments::<B>(sets, columns, parts::<B>());
}

fn parts<const B: usize>() -> Vec<Column> {
    fn line<const B: usize>(base: &Base, row: Row) -> &PaymentLine {
        &base.payments[B].lines[row as usize]
    }
    columns![
        "Ref_Key": Edm::Own => |base, row| Value::key(PAYMENTS[B], line::<B>(base, row).document),
        "LineNumber": Edm::Int64 => |base, row| {
            Value::whole(row - payment::<B>(base, line::<B>(base, row).document).first_line + 1)
        },
        "Договор_Key" as "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::Key(contract_ref(line::<B>(base, row).contract))
        },
        "ПризнакАванса": Edm::Bool => |base, row| Value::Bool(line::<B>(base, row).deal.is_none()),
        "Документ" as "Сделка": Edm::Composite => |base, row| Value::Composite(line::<B>(base, row).deal),
        "СуммаПлатежа": Edm::Double => |base, row| Value::money(line::<B>(base, row).sum),
        "СуммаРасчетов": Edm::Double => |base, row| Value::money(line::<B>(base, row).sum),
    ]
}
