//! The catalogs as they are on the first day.

use chrono::Days;

use super::goods::GROUPS;
use super::names;
use super::requisites;
use super::rng::Rng;
use crate::base::Base;
use crate::calendar;
use crate::ids::{Kind, Ref};
use crate::model::{BankAccount, Contract, Counterparty, Habit, Item, Organization, Role, Warehouse};

/// Currencies: numeric code, name, full name.
pub(crate) const CURRENCIES: [(&str, &str, &str); 4] = [
    ("643", "руб.", "Российский рубль"),
    ("840", "USD", "Доллар США"),
    ("978", "EUR", "Евро"),
    ("156", "CNY", "Китайский юань"),
];

/// The member of the enumeration that tax settlements are kept by.
pub(crate) const TAX_KIND: &str = "Налог";
/// How it is shown.
pub(crate) const TAX_KIND_TITLE: &str = "Налог (взносы): начислено / уплачено";

/// A place goods are sold from: organisation, warehouse.
pub(crate) const STORES: [(u8, u8); 4] = [(0, 0), (0, 1), (1, 2), (2, 3)];
/// The retail store.
pub(crate) const RETAIL: usize = 3;

/// Folders of counterparties, at the start of the list.
const FOLDERS: [&str; 3] = ["Покупатели", "Поставщики", "Прочие"];
/// The treasury, which takes the taxes.
pub(crate) const TREASURY: u32 = 3;
/// The bank that takes fees.
pub(crate) const BANK: u32 = 4;
/// The owner of the warehouses.
pub(crate) const LANDLORD: u32 = 5;
/// Who retail sales without a name go to.
pub(crate) const PASSER_BY: u32 = 6;

/// Position of the first item that is not a group.
pub(crate) const FIRST_ITEM: u32 = 12;

/// Fills the catalogs.
pub(crate) fn fill(base: &mut Base, rng: &mut Rng, scale: u32) {
    organizations(base, rng);
    items(base, rng);
    counterparties(base, rng, scale);
}

fn organizations(base: &mut Base, rng: &mut Rng) {
    let names = [
        (
            "Торговый дом «Северный ветер»",
            "Общество с ограниченной ответственностью «Торговый дом «Северный ветер»",
            "ТД",
            "77",
        ),
        (
            "Комплект-Сервис ООО",
            "Общество с ограниченной ответственностью «Комплект-Сервис»",
            "КС",
            "78",
        ),
        (
            "Розница Плюс ООО",
            "Общество с ограниченной ответственностью «Розница Плюс»",
            "РП",
            "50",
        ),
    ];
    for (name, full_name, prefix, region) in names {
        let inn = requisites::company_inn(rng, region);
        let kpp = requisites::kpp(&inn);
        let ogrn = requisites::ogrn(rng, region);
        base.organizations.push(Organization {
            name,
            full_name,
            prefix,
            inn,
            kpp,
            ogrn,
        });
    }
    for name in [
        "Центральный склад",
        "Северный склад",
        "Южный склад",
        "Розничный магазин",
    ] {
        base.warehouses.push(Warehouse { name });
    }
    for (organization, bank) in [(0, 0), (0, 1), (1, 2), (2, 0)] {
        let number = format!("407028105{:011}", rng.range(10_000_000_000, 99_999_999_999));
        base.bank_accounts.push(BankAccount {
            organization,
            number,
            bank: names::BANKS[bank],
        });
    }
    base.cash_desks = vec![0, 1, 2];
}

fn items(base: &mut Base, rng: &mut Rng) {
    for group in &GROUPS {
        let name = group.name.to_owned();
        base.items.push(Item {
            name,
            article: String::new(),
            parent: Ref::NONE,
            unit: 0,
            price: 0,
        });
    }
    for (number, group) in GROUPS.iter().enumerate() {
        let parent = Ref::new(Kind::Item, u32::try_from(number).unwrap_or(0));
        for (noun, price, unit) in group.nouns {
            for make in group.makes {
                let name = format!("{noun} {make}");
                let article = format!("{:02}-{:04}", number + 1, base.items.len());
                let price = price * rng.range(85, 125);
                base.items.push(Item {
                    name,
                    article,
                    parent,
                    unit,
                    price,
                });
            }
        }
    }
}

fn counterparties(base: &mut Base, rng: &mut Rng, scale: u32) {
    for name in FOLDERS {
        let mut folder = blank(name.to_owned(), Role::Folder, Ref::NONE);
        folder.legal = false;
        base.counterparties.push(folder);
    }
    let other = Ref::new(Kind::Counterparty, 2);
    let fixed = [
        ("Казначейство России (ФНС России)", "7727406020"),
        ("Первый Речной Банк АО", ""),
        ("Складской комплекс «Восток» ООО", ""),
        ("Розничный покупатель", "-"),
    ];
    for (name, inn) in fixed {
        let mut one = blank(name.to_owned(), Role::Other, other);
        one.inn = match inn {
            "" => requisites::company_inn(rng, "77"),
            "-" => String::new(),
            known => known.to_owned(),
        };
        one.kpp = if one.inn.is_empty() {
            String::new()
        } else {
            requisites::kpp(&one.inn)
        };
        if inn == "-" {
            (one.role, one.habit, one.legal) = (Role::Customer, Habit::Cash, false);
            one.parent = Ref::new(Kind::Counterparty, 0);
        }
        base.counterparties.push(one);
    }
    // The retail customer's contract with the retail company.
    contract(base, rng, PASSER_BY, 2, true, 0);
    contract(base, rng, LANDLORD, 0, false, 10);

    let factor = 10 + (scale.max(1) as usize - 1);
    let (suppliers, both, customers) = (4 * factor, factor, 24 * factor);
    for number in 0..suppliers + both + customers {
        let role = if number < suppliers {
            Role::Supplier
        } else if number < suppliers + both {
            Role::Both
        } else {
            Role::Customer
        };
        one_counterparty(base, rng, number, role);
    }
}

fn blank(name: String, role: Role, parent: Ref) -> Counterparty {
    Counterparty {
        full_name: name.clone(),
        name,
        role,
        habit: Habit::Punctual,
        legal: true,
        inn: String::new(),
        kpp: String::new(),
        parent,
        address: String::new(),
        phone: String::new(),
        email: String::new(),
        weight: 1,
        manager: 0,
        discount: 0,
        contracts: Vec::new(),
        deleted: false,
    }
}

fn one_counterparty(base: &mut Base, rng: &mut Rng, number: usize, role: Role) {
    let folder = u32::from(role == Role::Supplier);
    let (city, region, code) = *rng.pick(&names::CITIES);
    let shape = if role == Role::Customer { rng.below(100) } else { 0 };
    let (name, full_name) = match shape {
        88.. => (names::person(number), names::person(number)),
        72..88 => {
            let person = names::person(number);
            (
                format!("ИП {person}"),
                format!("Индивидуальный предприниматель {person}"),
            )
        }
        66..72 => {
            let firm = names::firm(number);
            (format!("{firm} АО"), format!("Акционерное общество «{firm}»"))
        }
        _ => {
            let firm = names::firm(number);
            (
                format!("{firm} ООО"),
                format!("Общество с ограниченной ответственностью «{firm}»"),
            )
        }
    };
    let mut one = blank(name, role, Ref::new(Kind::Counterparty, folder));
    one.full_name = full_name;
    one.legal = shape < 72;
    one.inn = if one.legal {
        requisites::company_inn(rng, region)
    } else {
        requisites::person_inn(rng, region)
    };
    one.kpp = if one.legal {
        requisites::kpp(&one.inn)
    } else {
        String::new()
    };
    one.address = names::address(rng, city);
    let last = rng.range(10, 99);
    one.phone = format!(
        "+7 ({code}) {}-{:02}-{last}",
        rng.range(200, 799),
        rng.range(10, 99)
    );
    one.email = format!("info{}@example.ru", number + 1);
    one.habit = match rng.below(100) {
        0..48 => Habit::Punctual,
        48..73 => Habit::Slow,
        73..85 => Habit::Late,
        85..88 => Habit::Bad,
        _ => Habit::Prepays,
    };
    one.weight = u32::try_from(rng.pick(&[1, 1, 1, 2, 2, 3, 4, 6, 9, 14]).to_owned()).unwrap_or(1);
    one.manager = u8::try_from(rng.below(names::MANAGERS.len())).unwrap_or(0);
    one.discount = u32::try_from(rng.range(0, 10) * 10).unwrap_or(0);
    one.deleted = false;
    let id = u32::try_from(base.counterparties.len()).unwrap_or(0);
    base.counterparties.push(one);

    if shape >= 88 {
        // A private person buys in the shop.
        base.counterparties[id as usize].habit = Habit::Cash;
        contract(base, rng, id, 2, true, 0);
        return;
    }
    if role != Role::Supplier {
        let first = if rng.chance(720) { 0 } else { 1 };
        let habit = base.counterparties[id as usize].habit;
        let term = if habit == Habit::Prepays {
            0
        } else {
            *rng.pick(&[5, 7, 10, 14, 14, 21, 30, 30, 45])
        };
        contract(base, rng, id, first, true, term);
        if rng.chance(250) {
            contract(base, rng, id, 1 - first, true, term);
        }
    }
    if role != Role::Customer {
        for organization in 0..3 {
            let term = *rng.pick(&[7, 14, 21, 30, 30, 45]);
            contract(base, rng, id, organization, false, term);
        }
    }
}

fn contract(base: &mut Base, rng: &mut Rng, owner: u32, organization: u8, with_customer: bool, term: u8) {
    let back = Days::new(u64::try_from(rng.range(10, 400)).unwrap_or(10));
    let date = calendar::stamp(
        calendar::first_day()
            .checked_sub_days(back)
            .unwrap_or_else(calendar::first_day),
    );
    let id = u32::try_from(base.contracts.len()).unwrap_or(0);
    let number = format!("{}-{}", id + 1, if with_customer { "П" } else { "З" });
    base.contracts.push(Contract {
        owner,
        organization,
        number,
        date,
        with_customer,
        term,
    });
    base.counterparties[owner as usize].contracts.push(id);
}

impl Base {
    /// The contract of `counterparty` with `organization` on the given side of the trade.
    pub(crate) fn contract_of(
        &self,
        counterparty: u32,
        organization: u8,
        with_customer: bool,
    ) -> Option<u32> {
        let list = self
            .counterparties
            .get(counterparty as usize)?
            .contracts
            .iter()
            .copied();
        list.into_iter().find(|id| {
            let contract = &self.contracts[*id as usize];
            contract.organization == organization && contract.with_customer == with_customer
        })
    }
}
