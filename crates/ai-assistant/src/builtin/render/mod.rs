//! Reports in words: the direct answer first, then the table it rests on.

mod accounts;
mod balances;
mod ledger;
mod profit;
mod turnovers;

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::{GroupBy, Match, Report, ReportId, ReportQuery, SubjectKind};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::format::{self, count, date, during, escaped, figure, money, say};
use super::frame::Frame;
use super::period::Span;

/// Rows of a table in the text, unless the question says «топ-20».
const TEXT_ROWS: usize = 10;

type Row = Map<String, Value>;

/// What is to be put in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) frame: &'a Frame,
    pub(super) report: &'a Report,
    pub(super) compared: Option<(Span, &'a Report)>,
    pub(super) locale: Locale,
    pub(super) today: NaiveDate,
}

/// What sales are grouped by when the question does not say.
pub(super) fn default_group(query: &ReportQuery) -> GroupBy {
    if query.counterparty.is_some() {
        GroupBy::Item
    } else {
        GroupBy::Counterparty
    }
}

/// The answer.
pub(super) fn text(view: &View<'_>) -> String {
    let mut text = match view.report.report {
        ReportId::Receivables => view.debts(true),
        ReportId::Payables => view.debts(false),
        ReportId::Stock => view.stock(),
        ReportId::Sales => view.sales(),
        ReportId::Cash => view.cash(),
        ReportId::CashFlow => view.cash_flow(),
        ReportId::Taxes => view.taxes(),
        ReportId::TrialBalance => view.trial_balance(),
        ReportId::GrossProfit => view.gross_profit(),
        ReportId::AccountAnalysis => view.account_analysis(),
        ReportId::AccountCard => view.account_card(),
        ReportId::StockTurnover => view.stock_turnover(),
        ReportId::Statement => view.statement(),
        ReportId::CounterpartyCard => view.card(),
        ReportId::Documents => view.documents(),
        ReportId::Postings => view.postings(),
    };
    // An answer that nothing was found rests on the report as well.
    if !text.contains("[1]") {
        text.push_str(" [1]");
    }
    text
}

impl View<'_> {
    fn money(&self, value: Decimal) -> String {
        money(value, &self.report.currency, self.locale)
    }

    fn total(&self, key: &str) -> Decimal {
        figure(&self.report.totals, key)
    }

    /// The day that a balance is of.
    fn at(&self) -> String {
        date(self.report.parameters.date.unwrap_or(self.today), self.locale)
    }

    /// The period that turnovers are of.
    fn during(&self) -> String {
        match (self.report.parameters.from, self.report.parameters.to) {
            (Some(from), Some(to)) => during(Span::of(from, to), self.locale),
            _ => String::new(),
        }
    }

    fn found(&self, kind: SubjectKind) -> Option<&Match> {
        self.frame
            .names
            .iter()
            .filter_map(|name| name.found.as_ref())
            .find(|found| found.kind == kind)
    }

    fn name(&self, kind: SubjectKind) -> Option<String> {
        self.found(kind).map(|found| escaped(&found.name))
    }

    fn limit(&self) -> usize {
        self.frame
            .top
            .and_then(|top| usize::try_from(top).ok())
            .unwrap_or(match self.report.report {
                ReportId::CounterpartyCard | ReportId::Taxes | ReportId::TrialBalance => 50,
                ReportId::Statement
                | ReportId::Postings
                | ReportId::AccountCard
                | ReportId::AccountAnalysis => 30,
                ReportId::Sales | ReportId::GrossProfit | ReportId::CashFlow
                    if matches!(
                        self.report.parameters.group_by,
                        Some(GroupBy::Day | GroupBy::Week | GroupBy::Month)
                    ) =>
                {
                    31
                }
                _ => TEXT_ROWS,
            })
    }

    fn table(&self, rows: &[&Row], with_totals: bool) -> String {
        let limit = self.limit();
        let mut result = format::table(self.report, rows, limit, with_totals, self.locale);
        let total = if rows.len() == self.report.rows.len() {
            usize::try_from(self.report.row_count).unwrap_or(rows.len())
        } else {
            rows.len()
        };
        let shown = rows.len().min(limit);
        if shown < total {
            let (shown, total) = (count(shown as u64, self.locale), count(total as u64, self.locale));
            result += &say!(
                self.locale,
                "\nПоказано {shown} из {total}.\n",
                "\nShown {shown} of {total}.\n"
            );
        }
        result
    }

    fn all_rows(&self) -> Vec<&Row> {
        self.report.rows.iter().collect()
    }

    fn with_table(&self, lead: String, rows: &[&Row], with_totals: bool) -> String {
        let table = self.table(rows, with_totals);
        if table.is_empty() {
            lead
        } else {
            format!("{lead} [1]\n\n{table}")
        }
    }
}
