//! Catalogs, with the keys of analytics.

use crate::base::Base;
use crate::ids::{Kind, Ref};
use crate::model::{Counterparty, Role};
use crate::schema::catalogs::{self, CONTACTS, UNMARKED, catalog, contact, object};
use crate::schema::{Edm, EntitySet, Part, Row, Shape, Value, columns, version};

/// Adds the sets.
pub(super) fn add(sets: &mut Vec<EntitySet>) {
    sets.push(catalogs::organizations());
    sets.push(partners());
    counterparties(sets);
    sets.push(contracts());
    let mut items = catalogs::items();
    items
        .columns
        .retain(|column| column.name != "ВидСтавкиНДС" && column.name != "Услуга");
    items.columns.extend(columns![
        "ТипНоменклатуры": Edm::Text => |_, row| catalogs::unless_group(row, Value::str("Товар")),
    ]);
    sets.push(items);
    sets.push(catalogs::units());
    sets.push(catalogs::warehouses());
    sets.push(catalogs::users());
    sets.push(bank_accounts());
    sets.push(cash_desks());
    sets.push(catalogs::currencies());
    sets.push(settlement_keys());
    sets.push(item_keys());
    sets.push(catalogs::nodes());
}

fn counterparty(base: &Base, row: Row) -> &Counterparty {
    &base.counterparties[row as usize]
}

/// The configuration has no groups of counterparties: those of the company are left over, marked for deletion.
fn is_marked(base: &Base, row: Row) -> bool {
    let one = counterparty(base, row);
    one.deleted || one.role == Role::Folder
}

fn partners() -> EntitySet {
    catalog!(
        Kind::Partner,
        |base, row| Value::Bool(is_marked(base, row)),
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::str(&counterparty(base, row).name),
        columns![
            "Parent_Key": Edm::Key(Kind::Partner) => |_, _| Value::Key(Ref::NONE),
            "НаименованиеПолное": Edm::Text => |base, row| Value::str(&counterparty(base, row).full_name),
            "ЮрФизЛицо": Edm::Text => |base, row| {
                Value::str(if counterparty(base, row).legal { "Компания" } else { "ЧастноеЛицо" })
            },
            "Клиент": Edm::Bool => |base, row| {
                Value::Bool(matches!(counterparty(base, row).role, Role::Customer | Role::Both))
            },
            "Поставщик": Edm::Bool => |base, row| {
                Value::Bool(matches!(counterparty(base, row).role, Role::Supplier | Role::Both))
            },
            "ОсновнойМенеджер_Key": Edm::Key(Kind::User) => |base, row| {
                Value::key(Kind::User, counterparty(base, row).manager)
            },
        ]
    )
}

/// Without code, group and parent, as the sample of a live base has it.
fn counterparties(sets: &mut Vec<EntitySet>) {
    let owner = sets.len();
    let columns = columns![
        "Ref_Key": Edm::Own => |_, row| Value::key(Kind::Counterparty, row),
        "Predefined": Edm::Bool => |_, _| Value::Bool(false),
        "PredefinedDataName": Edm::Text => |_, _| Value::str(""),
        "DataVersion": Edm::Text => |_, row| version(Kind::Counterparty, row),
        "Description": Edm::Text => |base, row| Value::str(&counterparty(base, row).name),
        "DeletionMark": Edm::Bool => |base, row| Value::Bool(is_marked(base, row)),
        "НаименованиеПолное": Edm::Text => |base, row| Value::str(&counterparty(base, row).full_name),
        "ОбособленноеПодразделение": Edm::Bool => |_, _| Value::Bool(false),
        "ЮридическоеФизическоеЛицо": Edm::Text => |base, row| {
            Value::str(if counterparty(base, row).legal { "ЮридическоеЛицо" } else { "ФизическоеЛицо" })
        },
        "ИНН": Edm::Text => |base, row| Value::str(&counterparty(base, row).inn),
        "КПП": Edm::Text => |base, row| Value::str(&counterparty(base, row).kpp),
        "ДополнительнаяИнформация": Edm::Text => |_, _| Value::str(""),
        "Партнер_Key": Edm::Key(Kind::Partner) => |_, row| Value::key(Kind::Partner, row),
        "ЮрФизЛицо": Edm::Text => |base, row| {
            Value::str(if counterparty(base, row).legal { "ЮрЛицо" } else { "ФизЛицо" })
        },
    ];
    let mut set = object(Kind::Counterparty, columns, |base| base.counterparties.len());
    set.parts.push(Part {
        name: "КонтактнаяИнформация",
        set: owner + 1,
        range: |base, row| {
            let kept = !counterparty(base, row).address.is_empty();
            row * 3..row * 3 + if kept { 3 } else { 0 }
        },
    });
    sets.push(set);
    sets.push(EntitySet {
        shape: Shape::Rows(owner),
        key: &["Ref_Key", "LineNumber"],
        name: "Catalog_Контрагенты_КонтактнаяИнформация".to_owned(),
        ..object(
            Kind::Counterparty,
            columns![
                "Ref_Key": Edm::Own => |_, row| Value::key(Kind::Counterparty, row / 3),
                "LineNumber": Edm::Int64 => |_, row| Value::whole(row % 3 + 1),
                "Тип": Edm::Text => |_, row| Value::str(CONTACTS[(row % 3) as usize]),
                "Представление": Edm::Text => |base, row| Value::str(contact(base, row)),
            ],
            |base| base.counterparties.len() * 3,
        )
    });
}

/// A contract belongs to nobody in the sense of the platform; how it is paid stands in each document.
fn contracts() -> EntitySet {
    catalog!(
        Kind::Contract,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.contracts[row as usize].title()),
        columns![
            "Партнер_Key": Edm::Key(Kind::Partner) => |base, row| {
                Value::key(Kind::Partner, base.contracts[row as usize].owner)
            },
            "Контрагент_Key" as "Owner_Key": Edm::Key(Kind::Counterparty) => |base, row| {
                Value::key(Kind::Counterparty, base.contracts[row as usize].owner)
            },
            "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.contracts[row as usize].organization)
            },
            "Номер": Edm::Text => |base, row| Value::str(&base.contracts[row as usize].number),
            "Дата": Edm::Date => |base, row| Value::date(base.contracts[row as usize].date),
            "ТипДоговора": Edm::Text => |base, row| {
                Value::str(if base.contracts[row as usize].with_customer { "СПокупателем" } else { "СПоставщиком" })
            },
            "Статус": Edm::Text => |_, _| Value::str("Действует"),
        ]
    )
}

fn bank_accounts() -> EntitySet {
    catalog!(
        Kind::BankAccount,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.bank_accounts[row as usize].title()),
        columns![
            "Owner_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.bank_accounts[row as usize].organization)
            },
            "НомерСчета": Edm::Text => |base, row| Value::str(&base.bank_accounts[row as usize].number),
            "ВалютаДенежныхСредств_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        ]
    )
}

fn cash_desks() -> EntitySet {
    catalog!(
        Kind::CashDesk,
        UNMARKED,
        |_, row| Value::text(format!("00-{:06}", row + 1)),
        |base, row| Value::text(base.presentation(Ref::new(Kind::CashDesk, row))),
        columns![
            "Владелец_Key" as "Owner_Key": Edm::Key(Kind::Organization) => |base, row| {
                Value::key(Kind::Organization, base.cash_desks[row as usize])
            },
            "ВалютаДенежныхСредств_Key": Edm::Key(Kind::Currency) => |_, _| Value::key(Kind::Currency, 0_u32),
        ]
    )
}

fn settlement_keys() -> EntitySet {
    let columns = columns![
        "Ref_Key": Edm::Own => |_, row| Value::key(Kind::SettlementKey, row),
        "DataVersion": Edm::Text => |_, row| version(Kind::SettlementKey, row),
        "DeletionMark": Edm::Bool => UNMARKED,
        "Description": Edm::Text => |base, row| Value::text(base.presentation(Ref::new(Kind::SettlementKey, row))),
        "Партнер_Key": Edm::Key(Kind::Partner) => |base, row| {
            Value::key(Kind::Partner, base.contracts[row as usize].owner)
        },
        "Организация_Key": Edm::Key(Kind::Organization) => |base, row| {
            Value::key(Kind::Organization, base.contracts[row as usize].organization)
        },
        "Контрагент": Edm::Composite => |base, row| {
            Value::Composite(Ref::new(Kind::Counterparty, base.contracts[row as usize].owner))
        },
        "Договор": Edm::Composite => |_, row| Value::Composite(Ref::new(Kind::Contract, row)),
    ];
    object(Kind::SettlementKey, columns, |base| {
        base.count(Kind::SettlementKey)
    })
}

fn item_keys() -> EntitySet {
    let columns = columns![
        "Ref_Key": Edm::Own => |_, row| Value::key(Kind::ItemKey, row),
        "DataVersion": Edm::Text => |_, row| version(Kind::ItemKey, row),
        "DeletionMark": Edm::Bool => UNMARKED,
        "Description": Edm::Text => |base, row| Value::text(base.presentation(Ref::new(Kind::ItemKey, row))),
        "Номенклатура_Key": Edm::Key(Kind::Item) => |_, row| Value::Key(Base::item_key(row).0),
        "МестоХранения": Edm::Composite => |_, row| Value::Composite(Base::item_key(row).1),
        "ТипМестаХранения": Edm::Text => |_, _| Value::str("Склад"),
    ];
    object(Kind::ItemKey, columns, |base| base.count(Kind::ItemKey))
}
