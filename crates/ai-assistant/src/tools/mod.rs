//! What an engine may do: a fixed set of typed, read-only calls to onec-integration with the
//! caller's own token. A language model and the built-in engine use the same ones.

mod onec;
mod schema;
mod toolbox;

use common::Locale;
use common::contract::onec::ReportId;

pub(crate) use onec::{Onec, OnecError};
pub(crate) use schema::{ToolSpec, specs};
pub(crate) use toolbox::{Limits, Scope, ToolCall, ToolResult, Toolbox};

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Names to ids.
    FindSubject,
    /// A report.
    Report(ReportId),
}

impl Tool {
    /// The name that a model calls it by: `^[a-z_]+$`, since providers allow no Cyrillic.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FindSubject => "find_subject",
            Self::Report(report) => match report {
                ReportId::Receivables => "get_receivables",
                ReportId::Payables => "get_payables",
                ReportId::Stock => "get_stock",
                ReportId::Sales => "get_sales",
                ReportId::Cash => "get_cash",
                ReportId::CashFlow => "get_cash_flow",
                ReportId::Taxes => "get_taxes",
                ReportId::TrialBalance => "get_trial_balance",
                ReportId::AccountAnalysis => "get_account_analysis",
                ReportId::AccountCard => "get_account_card",
                ReportId::StockTurnover => "get_stock_turnover",
                ReportId::GrossProfit => "get_gross_profit",
                ReportId::Statement => "get_statement",
                ReportId::CounterpartyCard => "get_counterparty_card",
                ReportId::Documents => "get_documents",
                ReportId::Postings => "get_postings",
            },
        }
    }

    /// What it does, for people who watch.
    pub(crate) const fn title(self, locale: Locale) -> &'static str {
        let (ru, en) = match self {
            Self::FindSubject => ("Поиск по названию", "Search by name"),
            Self::Report(report) => match report {
                ReportId::Receivables => ("Дебиторская задолженность", "Receivables"),
                ReportId::Payables => ("Кредиторская задолженность", "Payables"),
                ReportId::Stock => ("Остатки товаров", "Stock"),
                ReportId::Sales => ("Продажи", "Sales"),
                ReportId::Cash => ("Остатки денег", "Cash"),
                ReportId::CashFlow => ("Движение денег", "Cash flow"),
                ReportId::Taxes => ("Налоги и взносы", "Taxes"),
                ReportId::TrialBalance => ("Оборотно-сальдовая ведомость", "Trial balance"),
                ReportId::AccountAnalysis => ("Анализ счёта", "Account analysis"),
                ReportId::AccountCard => ("Карточка счёта", "Account card"),
                ReportId::StockTurnover => ("Обороты товаров", "Turnover of goods"),
                ReportId::GrossProfit => ("Валовая прибыль", "Gross profit"),
                ReportId::Statement => ("Акт сверки", "Reconciliation statement"),
                ReportId::CounterpartyCard => ("Реквизиты контрагента", "Counterparty card"),
                ReportId::Documents => ("Документы", "Documents"),
                ReportId::Postings => ("Проводки", "Ledger entries"),
            },
        };
        match locale {
            Locale::Ru => ru,
            Locale::En => en,
        }
    }

    /// All tools, sorted by name: a stable order lets providers cache the list.
    pub(crate) fn all() -> Vec<Self> {
        let mut tools: Vec<Self> = ReportId::ALL.into_iter().map(Self::Report).collect();
        tools.push(Self::FindSubject);
        tools.sort_by_key(|tool| tool.name());
        tools
    }

    /// The tool of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|tool| tool.name() == name)
    }
}
