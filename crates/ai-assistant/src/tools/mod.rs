//! What an engine may do: a fixed set of typed calls to onec-integration with the caller's own token,
//! as far as the caller's permissions open them. A language model and the built-in engine use the same
//! ones. None of them changes 1C: a draft waits for a person to confirm it.
//!
//! In reading order: `arguments` (what each takes), `schema` (what a model is told), `request` (a call
//! that was understood), `perform` and `onec` (carrying it out), `entities`, `drafts` and `report_files` (what goes
//! over the wire of generic access, of writing and of files), `found` (what came of it), `shown` (what a model sees of that),
//! `call_log` (what is kept of it), `limits` and
//! `toolbox` (what one answer may use).

mod arguments;
mod call_log;
mod drafts;
mod entities;
mod found;
mod limits;
mod onec;
mod perform;
mod report_files;
mod request;
mod schema;
mod shown;
mod toolbox;

use common::Locale;
use common::auth::{Permission, PermissionSet};
use common::contract::onec::ReportId;

pub(crate) use call_log::CallLog;
pub use drafts::{Confirm, Drafted};
pub(crate) use found::{Facts, Source};
pub(crate) use limits::{Limits, Scope, ToolCall, ToolResult};
pub(crate) use onec::{Onec, OnecError};
pub use report_files::ReportFile;
pub(crate) use schema::{ToolSpec, specs};
pub(crate) use toolbox::Toolbox;

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Names to ids.
    FindSubject,
    /// Our companies.
    Companies,
    /// A report.
    Report(ReportId),
    /// What an infobase publishes.
    Entities,
    /// What a set has.
    Entity,
    /// Rows of a set.
    Rows,
    /// A draft of a change, for a person to confirm.
    Draft,
    /// A report as a file.
    ReportFile,
}

impl Tool {
    /// The name that a model calls it by: `^[a-z_]+$`, since providers allow no Cyrillic.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FindSubject => "find_subject",
            Self::Companies => "list_companies",
            Self::Entities => "list_entities",
            Self::Entity => "describe_entity",
            Self::Rows => "get_rows",
            Self::Draft => "draft_document",
            Self::ReportFile => "make_report_file",
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
            Self::Companies => ("Организации", "Companies"),
            Self::Entities => ("Что есть в базе", "What the infobase has"),
            Self::Entity => ("Устройство объекта 1С", "Structure of a 1C object"),
            Self::Rows => ("Данные 1С", "1C data"),
            Self::Draft => ("Черновик", "Draft"),
            Self::ReportFile => ("Файл отчёта", "Report file"),
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
        tools.extend([
            Self::FindSubject,
            Self::Companies,
            Self::Entities,
            Self::Entity,
            Self::Rows,
            Self::Draft,
            Self::ReportFile,
        ]);
        tools.sort_by_key(|tool| tool.name());
        tools
    }

    /// The tool of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|tool| tool.name() == name)
    }

    /// What a caller needs for it, and onec-integration asks for again.
    pub(crate) const fn permission(self) -> Permission {
        match self {
            Self::Draft => Permission::OnecWrite,
            Self::ReportFile => Permission::Reports,
            Self::FindSubject
            | Self::Companies
            | Self::Report(_)
            | Self::Entities
            | Self::Entity
            | Self::Rows => Permission::OnecRead,
        }
    }

    /// True when a caller with these permissions may use it. Nobody drafts what they cannot read.
    pub(crate) const fn is_open_to(self, permissions: PermissionSet) -> bool {
        permissions.contains(Permission::OnecRead) && permissions.contains(self.permission())
    }

    /// True when it only reads: no draft and no file comes of it.
    pub(crate) const fn is_reading(self) -> bool {
        !matches!(self, Self::Draft | Self::ReportFile)
    }

    /// True when it reads the synchronised copy only, nothing in 1C itself.
    pub(crate) const fn is_of_copy(self) -> bool {
        matches!(self, Self::FindSubject | Self::Companies | Self::Report(_))
    }
}
