//! The chart of accounts and the kinds of analytics: the part every base of this configuration has.

/// Which side an account's balance lives on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Active,
    Passive,
    Both,
}

impl Nature {
    /// Member name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "Активный",
            Self::Passive => "Пассивный",
            Self::Both => "АктивноПассивный",
        }
    }
}

/// A kind of analytics.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Subconto {
    Counterparties,
    Contracts,
    Deals,
    Items,
    Warehouses,
    BankAccounts,
    TaxKinds,
}

/// Names of the kinds of analytics, in order of [`Subconto`].
pub(crate) const SUBCONTO: [(&str, &str); 7] = [
    ("Контрагенты", "Контрагенты"),
    ("Договоры", "Договоры"),
    (
        "ДокументыРасчетовСКонтрагентами",
        "Документы расчетов с контрагентами",
    ),
    ("Номенклатура", "Номенклатура"),
    ("Склады", "Склады"),
    ("БанковскиеСчета", "Банковские счета"),
    ("ВидыПлатежейВБюджет", "Виды платежей в бюджет (фонды)"),
];

/// An account of the chart.
pub(crate) struct Account {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// Position of the parent.
    pub(crate) parent: Option<u8>,
    pub(crate) nature: Nature,
    pub(crate) quantity: bool,
    pub(crate) subconto: &'static [Subconto],
}

const fn account(
    code: &'static str,
    name: &'static str,
    parent: Option<u8>,
    nature: Nature,
    subconto: &'static [Subconto],
) -> Account {
    Account {
        code,
        name,
        parent,
        nature,
        quantity: false,
        subconto,
    }
}

use Nature::{Active, Both, Passive};
use Subconto::{BankAccounts, Contracts, Counterparties, Deals, Items, TaxKinds, Warehouses};

const SETTLEMENT: &[Subconto] = &[Counterparties, Contracts, Deals];
const TAX: &[Subconto] = &[TaxKinds];

/// VAT on goods bought.
pub(crate) const VAT_BOUGHT: u8 = 1;
/// Administrative expenses.
pub(crate) const OFFICE: u8 = 2;
/// Goods in warehouses.
pub(crate) const GOODS: u8 = 4;
/// Selling expenses.
pub(crate) const TRADE: u8 = 6;
/// Cash.
pub(crate) const CASH: u8 = 8;
/// Bank.
pub(crate) const BANK: u8 = 9;
/// What we owe suppliers.
pub(crate) const SUPPLIERS: u8 = 11;
/// Advances to suppliers.
pub(crate) const SUPPLIER_ADVANCES: u8 = 12;
/// What customers owe us.
pub(crate) const CUSTOMERS: u8 = 14;
/// Advances from customers.
pub(crate) const CUSTOMER_ADVANCES: u8 = 15;
/// Personal income tax withheld.
pub(crate) const INCOME_TAX: u8 = 17;
/// VAT.
pub(crate) const VAT: u8 = 18;
/// Profit tax.
pub(crate) const PROFIT_TAX: u8 = 20;
/// Social insurance.
pub(crate) const SOCIAL: u8 = 22;
/// Pension insurance.
pub(crate) const PENSION: u8 = 24;
/// Medical insurance.
pub(crate) const MEDICAL: u8 = 26;
/// Wages.
pub(crate) const WAGES: u8 = 27;
/// Charter capital.
pub(crate) const CAPITAL: u8 = 28;
/// Revenue.
pub(crate) const REVENUE: u8 = 31;
/// Cost of sales.
pub(crate) const COST: u8 = 33;
/// VAT in sales.
pub(crate) const SALES_VAT: u8 = 34;
/// Selling expenses of the period.
pub(crate) const PERIOD_TRADE: u8 = 36;
/// Administrative expenses of the period.
pub(crate) const PERIOD_OFFICE: u8 = 38;
/// Result of sales.
pub(crate) const SALES_RESULT: u8 = 39;
/// Other income and expenses.
pub(crate) const OTHER: u8 = 40;
/// Profit and loss.
pub(crate) const PROFIT: u8 = 41;

/// The chart. Positions are the constants above.
pub(crate) const ACCOUNTS: [Account; 42] = [
    account("19", "НДС по приобретенным ценностям", None, Active, &[]),
    account(
        "19.03",
        "НДС по приобретенным материально-производственным запасам",
        Some(0),
        Active,
        &[Counterparties],
    ),
    account("26", "Общехозяйственные расходы", None, Active, &[]),
    account("41", "Товары", None, Active, &[]),
    Account {
        code: "41.01",
        name: "Товары на складах",
        parent: Some(3),
        nature: Active,
        quantity: true,
        subconto: &[Items, Warehouses],
    },
    account("44", "Расходы на продажу", None, Active, &[]),
    account(
        "44.01",
        "Издержки обращения в организациях, осуществляющих торговую деятельность",
        Some(5),
        Active,
        &[],
    ),
    account("50", "Касса", None, Active, &[]),
    account("50.01", "Касса организации", Some(7), Active, &[]),
    account("51", "Расчетные счета", None, Active, &[BankAccounts]),
    account("60", "Расчеты с поставщиками и подрядчиками", None, Both, &[]),
    account(
        "60.01",
        "Расчеты с поставщиками и подрядчиками",
        Some(10),
        Passive,
        SETTLEMENT,
    ),
    account(
        "60.02",
        "Расчеты по авансам выданным",
        Some(10),
        Active,
        SETTLEMENT,
    ),
    account("62", "Расчеты с покупателями и заказчиками", None, Both, &[]),
    account(
        "62.01",
        "Расчеты с покупателями и заказчиками",
        Some(13),
        Active,
        SETTLEMENT,
    ),
    account(
        "62.02",
        "Расчеты по авансам полученным",
        Some(13),
        Passive,
        SETTLEMENT,
    ),
    account("68", "Расчеты по налогам и сборам", None, Both, &[]),
    account("68.01", "Налог на доходы физических лиц", Some(16), Both, TAX),
    account("68.02", "Налог на добавленную стоимость", Some(16), Both, TAX),
    account("68.04", "Налог на прибыль", Some(16), Both, &[]),
    account("68.04.1", "Расчеты с бюджетом", Some(19), Both, TAX),
    account(
        "69",
        "Расчеты по социальному страхованию и обеспечению",
        None,
        Both,
        &[],
    ),
    account("69.01", "Расчеты по социальному страхованию", Some(21), Both, TAX),
    account("69.02", "Расчеты по пенсионному обеспечению", Some(21), Both, &[]),
    account(
        "69.02.7",
        "Обязательное пенсионное страхование",
        Some(23),
        Both,
        TAX,
    ),
    account(
        "69.03",
        "Расчеты по обязательному медицинскому страхованию",
        Some(21),
        Both,
        &[],
    ),
    account("69.03.1", "Федеральный фонд ОМС", Some(25), Both, TAX),
    account("70", "Расчеты с персоналом по оплате труда", None, Passive, &[]),
    account("80", "Уставный капитал", None, Passive, &[]),
    account("90", "Продажи", None, Both, &[]),
    account("90.01", "Выручка", Some(29), Passive, &[]),
    account(
        "90.01.1",
        "Выручка по деятельности с основной системой налогообложения",
        Some(30),
        Passive,
        &[Counterparties],
    ),
    account("90.02", "Себестоимость продаж", Some(29), Active, &[]),
    account(
        "90.02.1",
        "Себестоимость продаж по деятельности с основной системой налогообложения",
        Some(32),
        Active,
        &[],
    ),
    account("90.03", "Налог на добавленную стоимость", Some(29), Active, &[]),
    account("90.07", "Расходы на продажу", Some(29), Active, &[]),
    account(
        "90.07.1",
        "Расходы на продажу по деятельности с основной системой налогообложения",
        Some(35),
        Active,
        &[],
    ),
    account("90.08", "Управленческие расходы", Some(29), Active, &[]),
    account(
        "90.08.1",
        "Управленческие расходы по деятельности с основной системой налогообложения",
        Some(37),
        Active,
        &[],
    ),
    account("90.09", "Прибыль / убыток от продаж", Some(29), Both, &[]),
    account("91", "Прочие доходы и расходы", None, Both, &[]),
    account("99", "Прибыли и убытки", None, Both, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_match_codes() {
        for (position, code) in [
            (VAT_BOUGHT, "19.03"),
            (OFFICE, "26"),
            (GOODS, "41.01"),
            (TRADE, "44.01"),
            (CASH, "50.01"),
            (BANK, "51"),
            (SUPPLIERS, "60.01"),
            (SUPPLIER_ADVANCES, "60.02"),
            (CUSTOMERS, "62.01"),
            (CUSTOMER_ADVANCES, "62.02"),
            (INCOME_TAX, "68.01"),
            (VAT, "68.02"),
            (PROFIT_TAX, "68.04.1"),
            (SOCIAL, "69.01"),
            (PENSION, "69.02.7"),
            (MEDICAL, "69.03.1"),
            (WAGES, "70"),
            (CAPITAL, "80"),
            (REVENUE, "90.01.1"),
            (COST, "90.02.1"),
            (SALES_VAT, "90.03"),
            (PERIOD_TRADE, "90.07.1"),
            (PERIOD_OFFICE, "90.08.1"),
            (SALES_RESULT, "90.09"),
            (OTHER, "91"),
            (PROFIT, "99"),
        ] {
            assert_eq!(ACCOUNTS[position as usize].code, code);
        }
        for account in &ACCOUNTS {
            if let Some(parent) = account.parent {
                assert!(account.code.starts_with(ACCOUNTS[parent as usize].code));
            }
        }
    }
}
