//! Catalogs, the chart of accounts and the kinds of analytics.

use super::{Column, Edm, EntitySet, Getter, Part, Row, Shape, Value, columns, position, version};
use crate::base::Base;
use crate::chart::{ACCOUNTS, SUBCONTO};
use crate::company::catalogs::{CURRENCIES, FIRST_ITEM};
use crate::company::goods::UNITS;
use crate::company::names::MANAGERS;
use crate::configuration::Configuration;
use crate::ids::{Kind, Ref};
use crate::model::{Counterparty, Item, Role};

/// A set of objects of one kind.
pub(super) fn object(kind: Kind, columns: Vec<Column>, count: fn(&Base) -> usize) -> EntitySet {
    EntitySet {
        configuration: Configuration::default(),
        name: kind.set_name().to_owned(),
        shape: Shape::Object(kind),
        columns,
        parts: Vec::new(),
        key: &["Ref_Key"],
        count,
        order: None,
        recorder: None,
        register: None,
    }
}

/// The properties every catalog has, and its own between them.
macro_rules! catalog {
    ($kind:expr, $mark:expr, $code:expr, $name:expr, $own:expr) => {{
        let mut list = columns![
            "Ref_Key": Edm::Own => |_, row| Value::key($kind, row),
            "DataVersion": Edm::Text => |_, row| crate::schema::version($kind, row),
            "DeletionMark": Edm::Bool => $mark,
            "Code": Edm::Text => $code,
            "Description": Edm::Text => $name,
        ];
        list.extend($own);
        list.extend(columns![
            "Predefined": Edm::Bool => |_, _| Value::Bool(false),
            "PredefinedDataName": Edm::Text => |_, _| Value::str(""),
        ]);
        $crate::schema::catalogs::object($kind, list, |base| base.count($kind))
    }};
}
pub(super) use catalog;

pub(super) const UNMARKED: Getter = |_, _| Value::Bool(false);

/// Adds the sets.
pub(crate) fn add(sets: &mut Vec<EntitySet>) {
    sets.push(organizations());
    counterparties(sets);
    sets.push(contracts());
    sets.push(items());
    sets.push(units());
    sets.push(warehouses());
    sets.push(users());
    sets.push(bank_accounts());
    sets.push(cash_desks());
    sets.push(currencies());
    accounts(sets);
    sets.push(subconto_kinds());
    sets.push(nodes());
}

/// Nodes of the exchange plan: this base, then who is told of its changes.
pub(crate) const NODES: [(&str, &str); 2] = [("ЦБ", "Центральная база"), ("ИИ", "ИИ-ассистент")];

pub(super) fn nodes() -> EntitySet {
    let columns = columns![
        "Ref_Key": Edm::Own => |_, row| Value::key(Kind::ExchangeNode, row),
        "DataVersion": Edm::Text => |_, row| version(Kind::ExchangeNode, row),
        "DeletionMark": Edm::Bool => UNMARKED,
        "Code": Edm::Text => |_, row| Value::str(NODES[row as usize].0),
        "Description": Edm::Text => |_, row| Value::str(NODES[row as usize].1),
        "SentNo": Edm::Int64 => |_, _| Value::whole(0),
        "ReceivedNo": Edm::Int64 => |_, _| Value::whole(0),
        "ExchangeDate": Edm::Date => |_, _| Value::Date(
            chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN)
        ),
        "ThisNode": Edm::Bool => |_, row| Value::Bool(row == 0),
    ];
    object(Kind::ExchangeNode, columns, |_| NODES.len())
}

pub(super) fn organizations() -> EntitySet {
    catalog!(
        Kind::Organization,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::str(base.organizations[row as usize].name),
        columns![
            "НаименованиеПолное": Edm::Text => |base, row| Value::str(base.organizations[row as usize].full_name),
            "ИНН": Edm::Text => |base, row| Value::str(&base.organizations[row as usize].inn),
            "КПП": Edm::Text => |base, row| Value::str(&base.organizations[row as usize].kpp),
            "ОГРН": Edm::Text => |base, row| Value::str(&base.organizations[row as usize].ogrn),
            "Префикс": Edm::Text => |base, row| Value::str(base.organizations[row as usize].prefix),
            "ЮридическоеФизическоеЛицо": Edm::Text => |_, _| Value::str("ЮридическоеЛицо"),
        ]
    )
}

/// A property a folder does not have.
pub(super) fn unless_folder<'a>(one: &'a Counterparty, value: Value<'a>) -> Value<'a> {
    if one.role == Role::Folder {
        Value::Null
    } else {
        value
    }
}

fn main_contract(one: &Counterparty) -> Ref {
    one.contracts
        .first()
        .map_or(Ref::NONE, |id| Ref::new(Kind::Contract, *id))
}

/// Contacts of a counterparty that are filled in: kind and text.
pub(super) const CONTACTS: [&str; 3] = ["Адрес", "Телефон", "АдресЭлектроннойПочты"];

/// Contacts are three rows for each counterparty; those without contacts show none of them.
pub(super) fn contact(base: &Base, row: Row) -> &str {
    let one = &base.counterparties[(row / 3) as usize];
    [&one.address, &one.phone, &one.email][(row % 3) as usize]
}

pub(super) fn counterparties(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let mut set = catalog!(
        Kind::Counterparty,
        |base, row| Value::Bool(base.counterparties[row as usize].deleted),
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::str(&base.counterparties[row as usize].name),
        columns![
            "Parent_Key": Edm::Key(Kind::Counterparty) => |base, row| Value::Key(base.counterparties[row as usize].parent),
            "IsFolder": Edm::Bool => |base, row| Value::Bool(base.counterparties[row as usize].role == Role::Folder),
            "НаименованиеПолное": Edm::Text => |base, row| {
                let one = &base.counterparties[row as usize];
                unless_folder(one, Value::str(&one.full_name))
            },
            "ЮридическоеФизическоеЛицо": Edm::Text => |base, row| {
                let one = &base.counterparties[row as usize];
                unless_folder(one, Value::str(if one.legal { "ЮридическоеЛицо" } else { "ФизическоеЛицо" }))
            },
            "ИНН": Edm::Text => |base, row| {
                let one = &base.counterparties[row as usize];
                unless_folder(one, Value::str(&one.inn))
            },
            "КПП": Edm::Text => |base, row| {
                let one = &base.counterparties[row as usize];
                unless_folder(one, Value::str(&one.kpp))
            },
            "ОбособленноеПодразделение": Edm::Bool => |base, row| {
                unless_folder(&base.counterparties[row as usize], Value::Bool(false))
            },
            "ОсновнойДоговор_Key": Edm::Key(Kind::Contract) => |base, row| {
                Value::Key(main_contract(&base.counterparties[row as usize]))
            },
        ]
    );
    set.parts.push(Part {
        name: "КонтактнаяИнформация",
        set: owner + 1,
        range: |base, row| {
            let kept = !base.counterparties[row as usize].address.is_empty();
            row * 3..row * 3 + if kept { 3 } else { 0 }
        },
    });
    sets.push(set);
    sets.push(EntitySet {
        configuration: Configuration::default(),
        name: "Catalog_Контрагенты_КонтактнаяИнформация".to_owned(),
        shape: Shape::Rows(owner),
        columns: columns![
            "Ref_Key": Edm::Own => |_, row| Value::key(Kind::Counterparty, row / 3),
            "LineNumber": Edm::Int64 => |_, row| Value::whole(row % 3 + 1),
            "Тип": Edm::Text => |_, row| Value::str(CONTACTS[(row % 3) as usize]),
            "Представление": Edm::Text => |base, row| Value::str(contact(base, row)),
        ],
        parts: Vec::new(),
        key: &["Ref_Key", "LineNumber"],
        count: |base| base.counterparties.len() * 3,
        order: None,
        recorder: None,
        register: None,
    });
}

pub(super) fn contracts() -> EntitySet {
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
            "Номер": Edm::Text => |base, row| Value::str(&base.contracts[row as usize].number),
            "Дата": Edm::Date => |base, row| Value::date(base.contracts[row as usize].date),
            "ВидДоговора": Edm::Text => |base, row| {
                Value::str(if base.contracts[row as usize].with_customer { "СПокупателем" } else { "СПоставщиком" })
            },
            "УстановленСрокОплаты": Edm::Bool => |base, row| Value::Bool(base.contracts[row as usize].term > 0),
            "СрокОплаты": Edm::Int16 => |base, row| Value::whole(base.contracts[row as usize].term),
        ]
    )
}

/// A property a group of goods does not have.
pub(super) fn unless_group<'a>(row: Row, value: Value<'a>) -> Value<'a> {
    if row < FIRST_ITEM { Value::Null } else { value }
}

pub(super) fn items() -> EntitySet {
    fn item(base: &Base, row: Row) -> &Item {
        &base.items[row as usize]
    }
    catalog!(
        Kind::Item,
        UNMARKED,
        |_, row| Value::text(format!("00-{:08}", row + 1)),
        |base, row| Value::str(&base.items[row as usize].name),
        columns![
            "Parent_Key": Edm::Key(Kind::Item) => |base, row| Value::Key(item(base, row).parent),
            "IsFolder": Edm::Bool => |_, row| Value::Bool(row < FIRST_ITEM),
            "НаименованиеПолное": Edm::Text => |base, row| unless_group(row, Value::str(&item(base, row).name)),
            "Артикул": Edm::Text => |base, row| unless_group(row, Value::str(&item(base, row).article)),
            "ЕдиницаИзмерения_Key": Edm::Key(Kind::Unit) => |base, row| {
                if row < FIRST_ITEM { Value::Key(Ref::NONE) } else { Value::key(Kind::Unit, item(base, row).unit) }
            },
            "ВидСтавкиНДС": Edm::Text => |_, row| unless_group(row, Value::str("Общая")),
            "Услуга": Edm::Bool => |_, row| unless_group(row, Value::Bool(false)),
        ]
    )
}

pub(super) fn units() -> EntitySet {
    catalog!(
        Kind::Unit,
        UNMARKED,
        |_, row| Value::str(UNITS[row as usize].0),
        |_, row| Value::str(UNITS[row as usize].1),
        columns!["НаименованиеПолное": Edm::Text => |_, row| Value::str(UNITS[row as usize].2)]
    )
}

pub(super) fn warehouses() -> EntitySet {
    catalog!(
        Kind::Warehouse,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::str(base.warehouses[row as usize].name),
        columns![
            "Parent_Key": Edm::Key(Kind::Warehouse) => |_, _| Value::Key(Ref::NONE),
            "IsFolder": Edm::Bool => |_, _| Value::Bool(false),
            "ТипСклада": Edm::Text => |_, row| Value::str(if row == 3 { "РозничныйМагазин" } else { "ОптовыйСклад" }),
        ]
    )
}

pub(super) fn users() -> EntitySet {
    let mut set = catalog!(
        Kind::User,
        UNMARKED,
        |_, _| Value::str(""),
        |_, row| Value::str(MANAGERS[row as usize]),
        columns!["Недействителен": Edm::Bool => |_, _| Value::Bool(false)]
    );
    // Users have no code in this configuration.
    set.columns.retain(|column| column.name != "Code");
    set
}

pub(super) fn bank_accounts() -> EntitySet {
    catalog!(
        Kind::BankAccount,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.bank_accounts[row as usize].title()),
        columns![
            "Owner": Edm::Composite => |base, row| {
                Value::Composite(Ref::new(Kind::Organization, u32::from(base.bank_accounts[row as usize].organization)))
            },
            "НомерСчета": Edm::Text => |base, row| Value::str(&base.bank_accounts[row as usize].number),
            "ВалютаДенежныхСредств_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        ]
    )
}

pub(super) fn cash_desks() -> EntitySet {
    catalog!(
        Kind::CashDesk,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.presentation(Ref::new(Kind::CashDesk, row))),
        columns![
            "Owner_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.cash_desks[row as usize])
            },
        ]
    )
}

pub(super) fn currencies() -> EntitySet {
    catalog!(
        Kind::Currency,
        UNMARKED,
        |_, row| Value::str(CURRENCIES[row as usize].0),
        |_, row| Value::str(CURRENCIES[row as usize].1),
        columns!["НаименованиеПолное": Edm::Text => |_, row| Value::str(CURRENCIES[row as usize].2)]
    )
}

/// Rows of the tabular part of an account: five places for each account, the used ones first.
const PLACES: Row = 5;

fn accounts(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let mut set = catalog!(
        Kind::Account,
        UNMARKED,
        |_, row| Value::str(ACCOUNTS[row as usize].code),
        |_, row| Value::str(ACCOUNTS[row as usize].name),
        columns![
            "Parent_Key": Edm::Key(Kind::Account) => |_, row| {
                Value::Key(ACCOUNTS[row as usize].parent.map_or(Ref::NONE, |at| Ref::new(Kind::Account, u32::from(at))))
            },
            "Вид": Edm::Text => |_, row| Value::str(ACCOUNTS[row as usize].nature.name()),
            "Количественный": Edm::Bool => |_, row| Value::Bool(ACCOUNTS[row as usize].quantity),
            "OffBalance": Edm::Bool => |_, _| Value::Bool(false),
        ]
    );
    set.parts.push(Part {
        name: "ВидыСубконто",
        set: owner + 1,
        range: |_, row| {
            let count = position(ACCOUNTS[row as usize].subconto.len());
            row * PLACES..row * PLACES + count
        },
    });
    sets.push(set);
    sets.push(EntitySet {
        configuration: Configuration::default(),
        name: "ChartOfAccounts_Хозрасчетный_ВидыСубконто".to_owned(),
        shape: Shape::Rows(owner),
        columns: columns![
            "Ref_Key": Edm::Own => |_, row| Value::key(Kind::Account, row / PLACES),
            "LineNumber": Edm::Int64 => |_, row| Value::whole(row % PLACES + 1),
            "ВидСубконто_Key": Edm::Key(Kind::Analytics) => |_, row| {
                let kinds = ACCOUNTS[(row / PLACES) as usize].subconto;
                Value::Key(kinds.get((row % PLACES) as usize).map_or(Ref::NONE, |kind| Ref::new(Kind::Analytics, *kind as u32)))
            },
            "ТолькоОбороты": Edm::Bool => |_, _| Value::Bool(false),
            "Суммовой": Edm::Bool => |_, _| Value::Bool(true),
        ],
        parts: Vec::new(),
        key: &["Ref_Key", "LineNumber"],
        count: |_| ACCOUNTS.len() * PLACES as usize,
        order: None,
        recorder: None,
        register: None,
    });
}

fn subconto_kinds() -> EntitySet {
    let mut set = catalog!(
        Kind::Analytics,
        UNMARKED,
        |_, row| Value::text(format!("{:05}", row + 1)),
        |_, row| Value::str(SUBCONTO[row as usize].1),
        columns![]
    );
    for column in &mut set.columns {
        match column.name {
            "Predefined" => column.get = |_, _| Value::Bool(true),
            "PredefinedDataName" => column.get = |_, row| Value::str(SUBCONTO[row as usize].0),
            _ => {}
        }
    }
    set
}
