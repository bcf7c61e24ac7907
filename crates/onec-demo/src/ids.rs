//! References: what kind of object, which one; and the guid each of them is known by outside.
//!
//! A guid is computed from seed, kind and number and can be turned back, so a million documents need no index.

use uuid::Uuid;

/// Everything a reference can point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The empty reference.
    Nothing,
    Organization,
    Counterparty,
    Contract,
    Item,
    Unit,
    Warehouse,
    User,
    BankAccount,
    CashDesk,
    Currency,
    Account,
    Analytics,
    Sale,
    Purchase,
    Invoice,
    BankIn,
    BankOut,
    CashIn,
    CashOut,
    Operation,
    /// A member of the enumeration of budget payment kinds: shown by name, it has no guid on the wire.
    TaxPayment,
    /// A node of the exchange plan.
    ExchangeNode,
    /// A counterparty as configurations of trade know it besides.
    Partner,
    /// A key of analytics of settlements: one for each contract.
    SettlementKey,
    /// A key of analytics of goods: one for each item in each warehouse.
    ItemKey,
}

/// Kinds that have an entity set of their own.
pub(crate) const OBJECTS: [Kind; 24] = [
    Kind::Organization,
    Kind::Counterparty,
    Kind::Contract,
    Kind::Item,
    Kind::Unit,
    Kind::Warehouse,
    Kind::User,
    Kind::BankAccount,
    Kind::CashDesk,
    Kind::Currency,
    Kind::Account,
    Kind::Analytics,
    Kind::Sale,
    Kind::Purchase,
    Kind::Invoice,
    Kind::BankIn,
    Kind::BankOut,
    Kind::CashIn,
    Kind::CashOut,
    Kind::Operation,
    Kind::ExchangeNode,
    Kind::Partner,
    Kind::SettlementKey,
    Kind::ItemKey,
];

impl Kind {
    /// Name of the entity set in «Бухгалтерия»; for the enumeration, its name. Of other configurations,
    /// [`Configuration::set_name`](crate::Configuration) knows.
    pub(crate) const fn set_name(self) -> &'static str {
        match self {
            Self::Nothing => "Undefined",
            Self::Organization => "Catalog_Организации",
            Self::Counterparty => "Catalog_Контрагенты",
            Self::Contract => "Catalog_ДоговорыКонтрагентов",
            Self::Item => "Catalog_Номенклатура",
            Self::Unit => "Catalog_КлассификаторЕдиницИзмерения",
            Self::Warehouse => "Catalog_Склады",
            Self::User => "Catalog_Пользователи",
            Self::BankAccount => "Catalog_БанковскиеСчета",
            Self::CashDesk => "Catalog_Кассы",
            Self::Currency => "Catalog_Валюты",
            Self::Account => "ChartOfAccounts_Хозрасчетный",
            Self::Analytics => "ChartOfCharacteristicTypes_ВидыСубконтоХозрасчетные",
            Self::Sale => "Document_РеализацияТоваровУслуг",
            Self::Purchase => "Document_ПоступлениеТоваровУслуг",
            Self::Invoice => "Document_СчетНаОплатуПокупателю",
            Self::BankIn => "Document_ПоступлениеНаРасчетныйСчет",
            Self::BankOut => "Document_СписаниеСРасчетногоСчета",
            Self::CashIn => "Document_ПриходныйКассовыйОрдер",
            Self::CashOut => "Document_РасходныйКассовыйОрдер",
            Self::Operation => "Document_ОперацияБух",
            Self::TaxPayment => "ВидыПлатежейВГосБюджет",
            Self::ExchangeNode => "ExchangePlan_ИИАссистент",
            Self::Partner => "Catalog_Партнеры",
            Self::SettlementKey => "Catalog_КлючиАналитикиУчетаПоПартнерам",
            Self::ItemKey => "Catalog_КлючиАналитикиУчетаНоменклатуры",
        }
    }

    /// What people call a document of this kind; empty for the rest.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Sale => "Реализация (акт, накладная)",
            Self::Purchase => "Поступление (акт, накладная)",
            Self::Invoice => "Счет покупателю",
            Self::BankIn => "Поступление на расчетный счет",
            Self::BankOut => "Списание с расчетного счета",
            Self::CashIn => "Поступление наличных",
            Self::CashOut => "Выдача наличных",
            Self::Operation => "Операция",
            _ => "",
        }
    }
}

/// A reference to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ref {
    /// What it points to.
    pub(crate) kind: Kind,
    /// Its position among its kind.
    pub(crate) index: u32,
}

impl Ref {
    /// The empty reference.
    pub(crate) const NONE: Self = Self {
        kind: Kind::Nothing,
        index: 0,
    };

    /// A reference to object `index` of `kind`.
    pub(crate) const fn new(kind: Kind, index: u32) -> Self {
        Self { kind, index }
    }

    /// Whether this is the empty reference.
    pub(crate) fn is_none(self) -> bool {
        self.kind == Kind::Nothing
    }

    /// Position, for indexing.
    pub(crate) fn at(self) -> usize {
        self.index as usize
    }
}

/// One round of mixing (the finaliser of SplitMix64).
const fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn round(half: u32, seed: u64, number: u64) -> u32 {
    let mixed = mix(seed ^ (number << 56) ^ u64::from(half)).to_le_bytes();
    u32::from_le_bytes([mixed[0], mixed[1], mixed[2], mixed[3]])
}

/// The guid of `reference` in the base grown from `seed`. A Feistel network, so it can be undone; version 4 in form.
pub(crate) fn guid(seed: u64, reference: Ref) -> Uuid {
    if reference.is_none() {
        return Uuid::nil();
    }
    let (mut left, mut right) = (reference.kind as u32, reference.index);
    for number in 1..=4 {
        (left, right) = (right, left ^ round(right, seed, number));
    }
    assemble(seed, left, right)
}

fn assemble(seed: u64, left: u32, right: u32) -> Uuid {
    let value = (u64::from(left) << 32) | u64::from(right);
    let v = value.to_be_bytes();
    let c = mix(value ^ seed.rotate_left(17)).to_be_bytes();
    let bytes = [
        v[0], v[1], v[2], v[3], v[4], v[5], c[0], c[1], c[2], c[3], v[6], v[7], c[4], c[5], c[6], c[7],
    ];
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// What `guid` stands for, if it is one this base can have made.
pub(crate) fn reference(seed: u64, guid: Uuid) -> Option<Ref> {
    let b = guid.as_bytes();
    let mut left = u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
    let mut right = u32::from_be_bytes([b[4], b[5], b[10], b[11]]);
    if assemble(seed, left, right) != guid {
        return None;
    }
    for number in (1..=4).rev() {
        (left, right) = (right ^ round(left, seed, number), left);
    }
    OBJECTS
        .into_iter()
        .find(|kind| *kind as u32 == left)
        .map(|kind| Ref::new(kind, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_can_be_turned_back() {
        for kind in OBJECTS {
            for index in [0, 1, 77, 1_000_003] {
                let made = Ref::new(kind, index);
                assert_eq!(reference(7, guid(7, made)), Some(made));
                assert_eq!(reference(8, guid(7, made)), None);
            }
        }
        assert!(guid(1, Ref::NONE).is_nil());
        assert_eq!(reference(1, Uuid::nil()), None);
    }
}
