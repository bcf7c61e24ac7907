//! What a question is about.

mod classify;
mod debt;
mod signs;

use common::contract::onec::ReportId;
use serde::{Deserialize, Serialize};

pub(super) use classify::classify;
pub(super) use signs::Signs;

/// The kinds of questions that the engine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intent {
    Receivables,
    Payables,
    /// A debt, but not whose: «сколько должны Ромашке».
    DebtOfUnknownDirection,
    Stock,
    Sales,
    GrossProfit,
    Cash,
    CashFlow,
    Taxes,
    TrialBalance,
    AccountAnalysis,
    AccountCard,
    StockTurnover,
    Statement,
    CounterpartyCard,
    Documents,
    /// One document by its number.
    FindDocument,
    /// Whether an invoice has been paid.
    DocumentPayment,
    Postings,
    /// Something to be written into 1C.
    CreateDocument,
    /// Something that no report tells.
    NotCovered(Topic),
    /// Words that may mean two reports.
    Unclear(Doubt),
    Help,
}

/// What cannot be told from the words alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Doubt {
    /// «остатки»: of goods or of money.
    Balance,
    /// «приход», «движение»: of money or of goods.
    Movement,
    /// Only a name: «Ромашка».
    AboutWhom,
}

impl Doubt {
    /// What may be meant.
    pub(crate) const fn readings(self) -> &'static [Intent] {
        match self {
            Self::Balance => &[Intent::Stock, Intent::Cash],
            Self::Movement => &[Intent::CashFlow, Intent::StockTurnover],
            Self::AboutWhom => &[
                Intent::Receivables,
                Intent::Payables,
                Intent::Statement,
                Intent::Sales,
                Intent::CounterpartyCard,
                Intent::Stock,
            ],
        }
    }
}

/// What is asked for now and then but cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    Purchases,
    Salary,
    Forecast,
    /// How something is done in 1C, what a word means.
    HowTo,
    /// A text to be written.
    Letter,
    Prices,
    FixedAssets,
    Loans,
}

impl Intent {
    /// The name in answers, metrics and usage.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receivables => "receivables",
            Self::Payables => "payables",
            Self::DebtOfUnknownDirection => "debt",
            Self::Stock => "stock",
            Self::Sales => "sales",
            Self::GrossProfit => "gross_profit",
            Self::Cash => "cash",
            Self::CashFlow => "cash_flow",
            Self::Taxes => "taxes",
            Self::TrialBalance => "trial_balance",
            Self::AccountAnalysis => "account_analysis",
            Self::AccountCard => "account_card",
            Self::StockTurnover => "stock_turnover",
            Self::Statement => "statement",
            Self::CounterpartyCard => "counterparty_card",
            Self::Documents => "documents",
            Self::FindDocument => "find_document",
            Self::DocumentPayment => "document_payment",
            Self::Postings => "postings",
            Self::CreateDocument => "create_document",
            Self::NotCovered(_) => "not_covered",
            Self::Unclear(_) => "unclear",
            Self::Help => "help",
        }
    }

    /// The report that answers it.
    pub(crate) const fn report(self) -> Option<ReportId> {
        Some(match self {
            Self::Receivables => ReportId::Receivables,
            Self::Payables => ReportId::Payables,
            Self::Stock => ReportId::Stock,
            Self::Sales => ReportId::Sales,
            Self::GrossProfit => ReportId::GrossProfit,
            Self::Cash => ReportId::Cash,
            Self::CashFlow => ReportId::CashFlow,
            Self::Taxes => ReportId::Taxes,
            Self::TrialBalance => ReportId::TrialBalance,
            Self::AccountAnalysis => ReportId::AccountAnalysis,
            Self::AccountCard => ReportId::AccountCard,
            Self::StockTurnover => ReportId::StockTurnover,
            Self::Statement => ReportId::Statement,
            Self::CounterpartyCard => ReportId::CounterpartyCard,
            Self::Documents | Self::FindDocument | Self::DocumentPayment => ReportId::Documents,
            Self::Postings => ReportId::Postings,
            Self::DebtOfUnknownDirection
            | Self::CreateDocument
            | Self::NotCovered(_)
            | Self::Unclear(_)
            | Self::Help => return None,
        })
    }

    /// True when the report is at a date rather than for a period.
    pub(crate) const fn is_balance(self) -> bool {
        matches!(
            self,
            Self::Receivables | Self::Payables | Self::DebtOfUnknownDirection | Self::Stock | Self::Cash
        )
    }
}
