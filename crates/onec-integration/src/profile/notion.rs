//! What a business speaks of, and whether an infobase has it.

use common::Text;

use super::Plan;

/// A notion of the business that reports are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notion {
    Companies,
    Counterparties,
    Items,
    Warehouses,
    Sales,
    Purchases,
    Receivables,
    Payables,
    Stock,
    Cash,
    Taxes,
    Ledger,
}

impl Notion {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Companies,
        Self::Counterparties,
        Self::Items,
        Self::Warehouses,
        Self::Sales,
        Self::Purchases,
        Self::Receivables,
        Self::Payables,
        Self::Stock,
        Self::Cash,
        Self::Taxes,
        Self::Ledger,
    ];

    /// What people call it.
    pub(crate) fn title(self) -> Text {
        match self {
            Self::Companies => Text::new("организации", "companies"),
            Self::Counterparties => Text::new("контрагенты", "counterparties"),
            Self::Items => Text::new("номенклатура", "items"),
            Self::Warehouses => Text::new("склады", "warehouses"),
            Self::Sales => Text::new("продажи", "sales"),
            Self::Purchases => Text::new("закупки", "purchases"),
            Self::Receivables => Text::new("расчёты с покупателями", "receivables"),
            Self::Payables => Text::new("расчёты с поставщиками", "payables"),
            Self::Stock => Text::new("остатки товаров", "stock"),
            Self::Cash => Text::new("денежные средства", "cash"),
            Self::Taxes => Text::new("налоги и взносы", "taxes"),
            Self::Ledger => Text::new("бухгалтерский учёт", "the ledger"),
        }
    }

    /// Whether an infobase publishes what the notion needs.
    pub(crate) fn is_in(self, plan: &Plan) -> bool {
        let catalog = |entity: &str| plan.catalogs.iter().any(|catalog| catalog.entity == entity);
        let document = |entity: &str| plan.documents.iter().any(|document| document.entity == entity);
        let chart = plan.chart();
        match self {
            Self::Companies => catalog("companies"),
            Self::Counterparties => catalog("counterparties"),
            Self::Items => catalog("items"),
            Self::Warehouses => catalog("warehouses"),
            Self::Sales => document("sale"),
            Self::Purchases => document("purchase"),
            Self::Receivables => plan.keeps(&chart.receivables),
            Self::Payables => plan.keeps(&chart.payables),
            Self::Stock => plan.keeps(&chart.stock),
            Self::Cash => plan.keeps(&chart.cash),
            Self::Taxes => plan.keeps(&chart.taxes),
            Self::Ledger => plan.ledger.is_some(),
        }
    }
}
