//! Documents and their tabular parts.

use super::{Column, Edm, EntitySet, Part, Row, Shape, Value, columns, payments, position};
use crate::base::Base;
use crate::configuration::Configuration;
use crate::ids::{Kind, Ref};
use crate::model::{NO_CONTRACT, OperationKind, PAYMENTS, Payment, PaymentLine, Purpose, TRADES, Trade};

/// The properties every document has; the expression finds the head.
macro_rules! head_columns {
    ($kind:expr, |$base:ident, $row:ident| $head:expr) => {
        columns![
            "Ref_Key": Edm::Own => |_, row| Value::key($kind, row),
            "DataVersion": Edm::Text => |_, row| crate::schema::version($kind, row),
            "DeletionMark": Edm::Bool => |$base, $row| Value::Bool($head.deleted),
            "Number": Edm::Text => |$base, $row| Value::text($base.number(&$head)),
            "Date": Edm::Date => |$base, $row| Value::date($head.date),
            "Posted": Edm::Bool => |$base, $row| Value::Bool($head.posted),
            "Организация_Key": Edm::Key(Kind::Organization) => |$base, $row| {
                Value::key(Kind::Organization, $head.organization)
            },
            "Ответственный_Key": Edm::Key(Kind::User) => |$base, $row| Value::key(Kind::User, $head.user),
            "Комментарий": Edm::Text => |$base, $row| Value::str($crate::schema::documents::comment(&$head)),
        ]
    };
}
pub(super) use head_columns;

/// Few documents carry a remark.
pub(super) fn comment(head: &crate::model::Head) -> &'static str {
    match (head.posted, head.number % 41) {
        (false, _) => "Черновик, уточнить",
        (true, 0) => "Доставка до 18:00",
        (true, 7) => "Документы переданы курьером",
        _ => "",
    }
}

pub(super) fn set(
    kind: Kind,
    columns: Vec<Column>,
    count: fn(&Base) -> usize,
    date: fn(&Base, Row) -> crate::calendar::Stamp,
) -> EntitySet {
    let order = columns
        .iter()
        .position(|column| column.name == "Date")
        .map(|at| (at, date));
    EntitySet {
        configuration: Configuration::default(),
        name: kind.set_name().to_owned(),
        shape: Shape::Object(kind),
        columns,
        parts: Vec::new(),
        key: &["Ref_Key"],
        count,
        order,
        recorder: None,
        register: None,
    }
}

pub(super) fn rows(
    owner: usize,
    kind: Kind,
    part: &str,
    columns: Vec<Column>,
    count: fn(&Base) -> usize,
) -> EntitySet {
    EntitySet {
        configuration: Configuration::default(),
        name: format!("{}_{part}", kind.set_name()),
        shape: Shape::Rows(owner),
        columns,
        parts: Vec::new(),
        key: &["Ref_Key", "LineNumber"],
        count,
        order: None,
        recorder: None,
        register: None,
    }
}

/// Adds the sets.
pub(crate) fn add(sets: &mut Vec<EntitySet>) {
    trades::<0>(sets);
    trades::<1>(sets);
    trades::<2>(sets);
    payments::<0>(sets);
    payments::<1>(sets);
    payments::<2>(sets);
    payments::<3>(sets);
    operations(sets);
}

pub(super) fn trade<const B: usize>(base: &Base, row: Row) -> &Trade {
    &base.trades[B].documents[row as usize]
}

fn trades<const B: usize>(sets: &mut Vec<EntitySet>) {
    let mut columns = head_columns!(TRADES[B], |base, row| trade::<B>(base, row).head);
    columns.extend(columns![
        "ВидОперации": Edm::Text => |_, _| Value::str("Товары"),
        "Контрагент_Key": Edm::Key(Kind::Counterparty) => |base, row| {
            Value::key(Kind::Counterparty, trade::<B>(base, row).counterparty)
        },
        "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::key(Kind::Contract, trade::<B>(base, row).contract)
        },
        "Склад_Key": Edm::Key(Kind::Warehouse) => |base, row| Value::key(Kind::Warehouse, trade::<B>(base, row).warehouse),
        "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "СуммаДокумента": Edm::Double => |base, row| Value::money(trade::<B>(base, row).sum),
        "СуммаВключаетНДС": Edm::Bool => |_, _| Value::Bool(true),
    ]);
    add_trades::<B>(sets, columns, "Товары", lines::<B>());
}

/// Adds documents of trade with a tabular part of their lines.
pub(super) fn add_trades<const B: usize>(
    sets: &mut Vec<EntitySet>,
    columns: Vec<Column>,
    part: &'static str,
    lines: Vec<Column>,
) {
    let owner = sets.len();
    let count: fn(&Base) -> usize = |base| base.trades[B].documents.len();
    let mut documents = set(TRADES[B], columns, count, |base, row| {
        trade::<B>(base, row).head.date
    });
    documents.parts.push(Part {
        name: part,
        set: owner + 1,
        range: |base, row| {
            let document = trade::<B>(base, row);
            document.first_line..document.first_line + document.lines
        },
    });
    sets.push(documents);
    sets.push(rows(owner, TRADES[B], part, lines, |base| {
        base.trades[B].lines.len()
    }));
}

pub(super) fn lines<const B: usize>() -> Vec<Column> {
    let mut list = columns![
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
        "СтавкаНДС": Edm::Text => |_, _| Value::str("НДС20"),
        "СуммаНДС": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].vat),
    ];
    if B == 0 {
        list.extend(columns![
            "Себестоимость": Edm::Double => |base, row| Value::money(base.trades[B].lines[row as usize].cost),
        ]);
    }
    list
}

pub(super) fn payment<const B: usize>(base: &Base, row: Row) -> &Payment {
    &base.payments[B].documents[row as usize]
}

/// What the payment order says.
pub(super) fn purpose_text(base: &Base, document: &Payment) -> String {
    let contract = base
        .contracts
        .get(document.contract as usize)
        .map_or("", |found| &found.number);
    match document.purpose {
        Purpose::Customer => format!("Оплата за товары по договору {contract}, в т.ч. НДС 20%"),
        Purpose::Supplier => format!("Оплата поставщику за товары по договору {contract}, в т.ч. НДС 20%"),
        Purpose::Tax(account) => {
            let name = crate::chart::ACCOUNTS
                .get(usize::from(account))
                .map_or("", |found| found.name);
            format!("Уплата: {name}")
        }
        Purpose::Salary => "Выплата заработной платы".to_owned(),
        Purpose::Rent => "Арендная плата за складские помещения".to_owned(),
        Purpose::Fee => "Комиссия банка за обслуживание".to_owned(),
    }
}

pub(super) fn contract_ref(contract: u32) -> Ref {
    if contract == NO_CONTRACT {
        Ref::NONE
    } else {
        Ref::new(Kind::Contract, contract)
    }
}

fn payments<const B: usize>(sets: &mut Vec<EntitySet>) {
    let mut columns = head_columns!(PAYMENTS[B], |base, row| payment::<B>(base, row).head);
    columns.extend(columns![
        "ВидОперации": Edm::Text => |base, row| Value::str(payments::name(base.configuration, payment::<B>(base, row).purpose)),
        "Контрагент": Edm::Composite => |base, row| Value::Composite(payment::<B>(base, row).payee),
        "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::Key(contract_ref(payment::<B>(base, row).contract))
        },
    ]);
    columns.extend(if B < 2 {
        columns!["СчетОрганизации_Key": Edm::Key(Kind::BankAccount) => |base, row| Value::Key(payment::<B>(base, row).place)]
    } else {
        columns!["Касса_Key": Edm::Key(Kind::CashDesk) => |base, row| Value::Key(payment::<B>(base, row).place)]
    });
    columns.extend(columns![
        "ВалютаДокумента_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        "СуммаДокумента": Edm::Double => |base, row| Value::money(payment::<B>(base, row).sum),
        "НазначениеПлатежа": Edm::Text => |base, row| Value::text(purpose_text(base, payment::<B>(base, row))),
        "СчетУчетаРасчетовСКонтрагентом_Key": Edm::Key(Kind::Account) => |base, row| {
            Value::Key(counter_account(payment::<B>(base, row)))
        },
    ]);
    add_payments::<B>(sets, columns, payment_lines::<B>());
}

/// Adds payments with a tabular part of what they settle.
pub(super) fn add_payments<const B: usize>(
    sets: &mut Vec<EntitySet>,
    columns: Vec<Column>,
    lines: Vec<Column>,
) {
    const PART: &str = "РасшифровкаПлатежа";
    let owner = sets.len();
    let count: fn(&Base) -> usize = |base| base.payments[B].documents.len();
    let mut documents = set(PAYMENTS[B], columns, count, |base, row| {
        payment::<B>(base, row).head.date
    });
    documents.parts.push(Part {
        name: PART,
        set: owner + 1,
        range: |base, row| {
            let document = payment::<B>(base, row);
            document.first_line..document.first_line + document.lines
        },
    });
    sets.push(documents);
    sets.push(rows(owner, PAYMENTS[B], PART, lines, |base| {
        base.payments[B].lines.len()
    }));
}

/// The account a payment is booked against.
pub(super) fn counter_account(document: &Payment) -> Ref {
    use crate::chart;
    let account = match document.purpose {
        Purpose::Customer => chart::CUSTOMERS,
        Purpose::Supplier => chart::SUPPLIERS,
        Purpose::Tax(account) => account,
        Purpose::Salary => chart::WAGES,
        Purpose::Rent => chart::TRADE,
        Purpose::Fee => chart::OTHER,
    };
    Ref::new(Kind::Account, u32::from(account))
}

fn payment_lines<const B: usize>() -> Vec<Column> {
    fn line<const B: usize>(base: &Base, row: Row) -> &PaymentLine {
        &base.payments[B].lines[row as usize]
    }
    columns![
        "Ref_Key": Edm::Own => |base, row| Value::key(PAYMENTS[B], line::<B>(base, row).document),
        "LineNumber": Edm::Int64 => |base, row| {
            Value::whole(row - payment::<B>(base, line::<B>(base, row).document).first_line + 1)
        },
        "ДоговорКонтрагента_Key": Edm::Key(Kind::Contract) => |base, row| {
            Value::Key(contract_ref(line::<B>(base, row).contract))
        },
        "Сделка": Edm::Composite => |base, row| Value::Composite(line::<B>(base, row).deal),
        "СуммаПлатежа": Edm::Double => |base, row| Value::money(line::<B>(base, row).sum),
    ]
}

/// What a line of a manual operation is called.
fn line_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Capital => "Взнос в уставный капитал",
        OperationKind::PayrollOffice => "Заработная плата администрации",
        OperationKind::PayrollTrade => "Заработная плата торгового персонала",
        OperationKind::IncomeTax => "Удержан НДФЛ",
        OperationKind::ContributionsSocial => "Взносы на социальное страхование",
        OperationKind::ContributionsPension => "Взносы на пенсионное страхование",
        OperationKind::ContributionsMedical => "Взносы на медицинское страхование",
        OperationKind::CloseTrade => "Закрытие счета 44",
        OperationKind::CloseOffice => "Закрытие счета 26",
        OperationKind::Profit => "Прибыль от продаж",
        OperationKind::Loss => "Убыток от продаж",
        OperationKind::OtherLoss => "Сальдо прочих расходов",
        OperationKind::ProfitTax => "Налог на прибыль",
    }
}

/// What a line of a manual operation with this name records.
pub(crate) fn line_kind(name: &str) -> Option<OperationKind> {
    OperationKind::ALL
        .into_iter()
        .find(|kind| line_name(*kind) == name)
}

fn operations(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let mut columns = head_columns!(Kind::Operation, |base, row| base.operations.documents
        [row as usize]
        .head);
    columns.extend(columns![
        "Содержание": Edm::Text => |base, row| Value::str(base.operations.documents[row as usize].title),
        "СуммаОперации": Edm::Double => |base, row| Value::money(base.operations.documents[row as usize].sum),
    ]);
    let count: fn(&Base) -> usize = |base| base.operations.documents.len();
    let mut documents = set(Kind::Operation, columns, count, |base, row| {
        base.operations.documents[row as usize].head.date
    });
    documents.parts.push(Part {
        name: "Строки",
        set: owner + 1,
        range: |base, row| {
            let document = &base.operations.documents[row as usize];
            document.first_line..document.first_line + document.lines
        },
    });
    sets.push(documents);
    // Lines keep no link up: few enough to look for their document by position.
    fn owner_of(base: &Base, row: Row) -> Row {
        position(
            base.operations
                .documents
                .partition_point(|document| document.first_line <= row),
        )
        .saturating_sub(1)
    }
    let columns = columns![
        "Ref_Key": Edm::Own => |base, row| Value::key(Kind::Operation, owner_of(base, row)),
        "LineNumber": Edm::Int64 => |base, row| {
            Value::whole(row - base.operations.documents[owner_of(base, row) as usize].first_line + 1)
        },
        "Содержание": Edm::Text => |base, row| Value::str(line_name(base.operations.lines[row as usize].kind)),
        "Сумма": Edm::Double => |base, row| Value::money(base.operations.lines[row as usize].sum),
    ];
    sets.push(rows(owner, Kind::Operation, "Строки", columns, |base| {
        base.operations.lines.len()
    }));
}
