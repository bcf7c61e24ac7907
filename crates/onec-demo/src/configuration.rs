//! Configurations of 1C that the same company can be published as.
//!
//! The company, its documents and the right answers are the same. What differs is what clients see: the names of
//! catalogs, documents and registers, their properties, and that only «Бухгалтерия» keeps a double-entry ledger.

use crate::ids::{Kind, OBJECTS};

/// A configuration of 1C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Configuration {
    /// «Бухгалтерия предприятия 3.0»: chart of accounts and ledger.
    #[default]
    Accounting,
    /// «Управление торговлей 11.5»: registers of accumulation with keys of analytics.
    Trade,
    /// «Управление нашей фирмой 3.0»: registers of accumulation.
    SmallFirm,
    /// A configuration somebody wrote for themselves: no profile fits it.
    Own,
}

impl Configuration {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Accounting, Self::Trade, Self::SmallFirm, Self::Own];

    /// Name of the entity set of a kind of objects; for an enumeration, its name.
    pub(crate) const fn set_name(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Trade, Kind::Unit) => "Catalog_УпаковкиЕдиницыИзмерения",
            (Self::Trade, Kind::BankAccount) => "Catalog_БанковскиеСчетаОрганизаций",
            (Self::Trade, Kind::Purchase) => "Document_ПриобретениеТоваровУслуг",
            (Self::Trade, Kind::Invoice) => "Document_СчетНаОплатуКлиенту",
            (Self::Trade, Kind::BankIn) => "Document_ПоступлениеБезналичныхДенежныхСредств",
            (Self::Trade, Kind::BankOut) => "Document_СписаниеБезналичныхДенежныхСредств",
            (Self::Trade, Kind::Operation) => "Document_ВводОстатков",
            (Self::SmallFirm, Kind::Warehouse) => "Catalog_СтруктурныеЕдиницы",
            (Self::SmallFirm, Kind::User) => "Catalog_Сотрудники",
            (Self::SmallFirm, Kind::Sale) => "Document_РасходнаяНакладная",
            (Self::SmallFirm, Kind::Purchase) => "Document_ПриходнаяНакладная",
            (Self::SmallFirm, Kind::Invoice) => "Document_СчетНаОплату",
            (Self::SmallFirm, Kind::BankIn) => "Document_ПоступлениеНаСчет",
            (Self::SmallFirm, Kind::BankOut) => "Document_РасходСоСчета",
            (Self::SmallFirm, Kind::CashIn) => "Document_ПоступлениеВКассу",
            (Self::SmallFirm, Kind::CashOut) => "Document_РасходИзКассы",
            (Self::SmallFirm, Kind::Operation) => "Document_ВводНачальныхОстатков",
            (Self::Own, Kind::Organization) => "Catalog_НашиФирмы",
            (Self::Own, Kind::Counterparty) => "Catalog_Партнеры",
            (Self::Own, Kind::Item) => "Catalog_Товары",
            (Self::Own, Kind::User) => "Catalog_Менеджеры",
            (Self::Own, Kind::Warehouse) => "Catalog_МестаХранения",
            (Self::Own, Kind::Sale) => "Document_Отгрузка",
            _ => kind.set_name(),
        }
    }

    /// The kind behind an entity set's name, with or without `StandardODATA.` before it.
    pub(crate) fn kind_named(self, name: &str) -> Option<Kind> {
        let name = name.strip_prefix("StandardODATA.").unwrap_or(name);
        OBJECTS.into_iter().find(|kind| self.set_name(*kind) == name)
    }
}
