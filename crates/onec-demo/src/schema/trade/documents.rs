//! Documents and their tabular parts.

use crate::base::Base;
use crate::calendar::{DAY, Stamp};
use crate::ids::{Kind, Ref};
use crate::model::{OperationKind, PAYMENTS, PaymentLine, TRADES, Trade};
use crate::schema::documents::{
    add_payments, contract_ref, head_columns, payment, purpose_text, rows, set, trade,
};
use crate::schema::{Column, Edm, EntitySet, Part, Row, Value, columns, payments};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    trades::<0>(sets);
    trades::<1>(sets);
    invoices(sets);
    money::<0>(sets);
    money::<1>(sets);
    money::<2>(sets);
    money::<3>(sets);
    sets.push(opening());
}

/// The day by which a document is to be paid.
fn due(base: &Base, document: &Trade) -> Stamp {
    let term = base
        .contracts
        .get(document.contract as usize)
        .map_or(0, |contract| u32::from(contract.term));
    document.head.date / DAY * DAY + term * DAY
}

/// The manager stands where «Бухгалтерия» has the person responsible.
fn head(mut columns: Vec<Column>, responsible: &'static str) -> Vec<Column> {
    for column in &mut columns {
        if column.meaning == "Ответственный_Key" {
            column.name = responsible;
        }
    }
    columns
}

/// What trades have in common.
fn trade_columns<const B: usize>() -> Vec<Column> {
    let columns = head_columns!(TRADES[B], |base, row| trade::<B>(base, row).head);
    let mut columns = head(columns, "Менеджер_Key");
    columns.extend(columns![
        "Партнер_Key": Edm::Key(Kind::Partner) => |base, row| Value::key(Kind::Partner, trade::<B>(base, row).counterparty),
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, trade::<B>(base, row).counterparty)
        },
        "Договор_Key" as "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::key(Kind::Contract, trade::<B>(base, row).contract)
        },
        "Валюта_Key" as "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "СуммаДокумента": Edm::Double => |base, row| Value::money(trade::<B>(base, row).sum),
    ]);
    columns
}

/// One stage of payment for each document.
fn stages<const B: usize>(owner: usize) -> EntitySet {
    let columns = columns![
        "Ref_Key": Edm::Own => |_, row| Value::key(TRADES[B], row),
        "LineNumber": Edm::Int64 => |_, _| Value::whole(1),
        "ВариантОплаты": Edm::Text => |_, _| Value::str("КредитПослеОтгрузки"),
        "ДатаПлатежа": Edm::Date => |base, row| Value::date(due(base, trade::<B>(base, row))),
        "ПроцентПлатежа": Edm::Double => |_, _| Value::whole(100),
        "СуммаПлатежа": Edm::Double => |base, row| Value::money(trade::<B>(base, row).sum),
        "СуммаВзаиморасчетов": Edm::Double => |base, row| Value::money(trade::<B>(base, row).sum),
    ];
    rows(
        owner,
        TRADES[B],
        "ЭтапыГрафикаОплаты",
        columns,
        |base| base.trades[B].documents.len(),
    )
}

fn trades<const B: usize>(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let mut columns = trade_columns::<B>();
    columns.extend(columns![
        "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| Value::key(Kind::Warehouse, trade::<B>(base, row).warehouse),
        "ХозяйственнаяОперация": Edm::Text => |_, _| {
            Value::str(if B == 0 { "РеализацияКлиенту" } else { "ЗакупкаУПоставщика" })
        },
        "ЦенаВключаетНДС": Edm::Bool => |_, _| Value::Bool(true),
        "ПорядокРасчетов": Edm::Text => |_, _| Value::str("ПоНакладным"),
    ]);
    let count: fn(&Base) -> usize = |base| base.trades[B].documents.len();
    let mut documents = set(TRADES[B], columns, count, |base, row| {
        trade::<B>(base, row).head.date
    });
    documents.parts.push(Part {
        name: "Товары",
        set: owner + 1,
        range: |base, row| {
            let document = trade::<B>(base, row);
            document.first_line..document.first_line + document.lines
        },
    });
    documents.parts.push(Part {
        name: "ЭтапыГрафикаОплаты",
        set: owner + 2,
        range: |_, row| row..row + 1,
    });
    sets.push(documents);
    sets.push(rows(owner, TRADES[B], "Товары", lines::<B>(), |base| {
        base.trades[B].lines.len()
    }));
    sets.push(stages::<B>(owner));
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
        "КоличествоУпаковок": Edm::Double => |base, row| Value::whole(base.trades[B].lines[row as usize].quantity),
        "Количество": Edm::Double => |base, row| Value::whole(base.trades[B].lines[row as usize].quantity),
        "Цена": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].price),
        "Сумма": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].sum),
        "СуммаНДС": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].vat),
        "СуммаСНДС": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].sum),
        "АналитикаУчетаНоменклатуры_Key": Edm::Key(Kind::ItemKey) => |base, row| {
            let line = &base.trades[B].lines[row as usize];
            Value::Key(Base::key_of_item(line.item, trade::<B>(base, line.document).warehouse))
        },
    ]
}

/// An invoice is a request for money: it has stages of payment and no goods.
fn invoices(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let count: fn(&Base) -> usize = |base| base.trades[2].documents.len();
    let mut documents = set(TRADES[2], trade_columns::<2>(), count, |base, row| {
        trade::<2>(base, row).head.date
    });
    documents.parts.push(Part {
        name: "ЭтапыГрафикаОплаты",
        set: owner + 1,
        range: |_, row| row..row + 1,
    });
    sets.push(documents);
    sets.push(stages::<2>(owner));
}

fn money<const B: usize>(sets: &mut Vec<EntitySet>) {
    let columns = head_columns!(PAYMENTS[B], |base, row| payment::<B>(base, row).head);
    let mut columns = head(columns, "Автор_Key");
    columns.extend(columns![
        "ХозяйственнаяОперация" as "ВидОперации": Edm::Text => |base, row| {
            Value::str(payments::name(base.configuration, payment::<B>(base, row).purpose))
        },
        "Контрагент_Key" as "Контрагент": Edm::Key(Kind::Counterparty) => |base, row| {
            let payee = payment::<B>(base, row).payee;
            Value::Key(if payee.kind == Kind::Counterparty { payee } else { Ref::NONE })
        },
        "Договор_Key" as "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::Key(contract_ref(payment::<B>(base, row).contract))
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
        "Валюта_Key" as "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
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
        "ОснованиеПлатежа" as "Сделка": Edm::Composite => |base, row| Value::Composite(line::<B>(base, row).deal),
        "Сумма" as "СуммаПлатежа": Edm::Double => |base, row| Value::money(line::<B>(base, row).sum),
        "СуммаВзаиморасчетов": Edm::Double => |base, row| Value::money(line::<B>(base, row).sum),
    ]
}

/// The documents that brought in the opening balances come first; what «Бухгалтерия» records by hand besides has no
/// place where there is no ledger.
pub(crate) fn opening() -> EntitySet {
    let mut columns = head_columns!(Kind::Operation, |base, row| base.operations.documents
        [row as usize]
        .head);
    columns.extend(columns![
        "СуммаДокумента" as "СуммаОперации": Edm::Double => |base, row| {
            Value::money(base.operations.documents[row as usize].sum)
        },
    ]);
    let count: fn(&Base) -> usize = |base| {
        let is_opening = |first: u32| {
            base.operations
                .lines
                .get(first as usize)
                .is_some_and(|line| line.kind == OperationKind::Capital)
        };
        let documents = base.operations.documents.iter();
        documents.take_while(|one| is_opening(one.first_line)).count()
    };
    set(Kind::Operation, columns, count, |base, row| {
        base.operations.documents[row as usize].head.date
    })
}
