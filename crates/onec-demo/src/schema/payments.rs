//! Why money moves, in the words of each configuration.

use crate::chart;
use crate::configuration::Configuration;
use crate::model::Purpose;

/// What a bank or cash document says its operation is.
pub(crate) const fn name(configuration: Configuration, purpose: Purpose) -> &'static str {
    match (configuration, purpose) {
        (Configuration::Trade, Purpose::Customer) => "ПоступлениеОплатыОтКлиента",
        (Configuration::Trade, Purpose::Tax(_)) => "ПеречислениеВБюджет",
        (Configuration::Trade, Purpose::Salary) => "ВыплатаЗарплаты",
        (Configuration::Trade, Purpose::Rent | Purpose::Fee) => "ПрочаяВыдачаДенежныхСредств",
        (Configuration::SmallFirm, Purpose::Customer) => "ОтПокупателя",
        (Configuration::SmallFirm, Purpose::Supplier) => "Поставщику",
        (Configuration::SmallFirm, Purpose::Tax(_)) => "Налоги",
        (Configuration::SmallFirm, Purpose::Salary) => "Зарплата",
        (Configuration::SmallFirm, Purpose::Rent | Purpose::Fee) => "НаРасходы",
        (_, Purpose::Customer) => "ОплатаПокупателя",
        (_, Purpose::Supplier) => "ОплатаПоставщику",
        (_, Purpose::Tax(_)) => "ПеречислениеНалога",
        (_, Purpose::Salary | Purpose::Rent | Purpose::Fee) => "ПрочееСписание",
    }
}

/// Why the money of a document moves, by its operation and the account it is booked against.
pub(crate) fn purpose(configuration: Configuration, operation: &str, account: u8) -> Option<Purpose> {
    let named = [
        Purpose::Customer,
        Purpose::Supplier,
        Purpose::Tax(account),
        Purpose::Salary,
    ];
    let found = named
        .into_iter()
        .find(|purpose| name(configuration, *purpose) == operation);
    match (configuration, found, account) {
        // One name stands for several purposes where accounts tell them apart.
        (Configuration::Accounting, None | Some(Purpose::Salary), chart::WAGES) => Some(Purpose::Salary),
        (Configuration::Accounting, None | Some(Purpose::Salary), chart::TRADE) => Some(Purpose::Rent),
        (Configuration::Accounting, None | Some(Purpose::Salary), chart::OTHER) => Some(Purpose::Fee),
        (Configuration::Accounting, None | Some(Purpose::Salary), _) => None,
        (_, None, _) => Some(Purpose::Fee),
        (_, found, _) => found,
    }
}
