//! From a complete question to the parameters of a report.

use chrono::NaiveDate;
use common::contract::onec::{GroupBy, Report, ReportId, ReportQuery, SubjectKind};

use super::engine::Turn;
use super::filter;
use super::parse::Compare;
use super::period::Span;
use super::render;

/// Rows that are asked for and shown as data beside the text.
const ROWS: u32 = 50;

impl Turn<'_> {
    pub(super) fn query(&self, id: ReportId) -> ReportQuery {
        let frame = &self.frame;
        let id_of = |kind| self.found(kind).map(|found| found.id);
        let today = self.around.today;
        let mut query = ReportQuery {
            company: id_of(SubjectKind::Company),
            limit: Some(ROWS),
            ..ReportQuery::default()
        };
        if frame.intent.is_balance() {
            query.date = Some(frame.span.map_or(today, |span| span.to.min(today)));
        } else if let Some(span) = frame.span {
            query.from = Some(span.from);
            query.to = Some(span.to);
        }
        match id {
            ReportId::Receivables | ReportId::Payables => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.overdue = frame.overdue.then_some(true);
                // The nearest due date is looked for in all rows.
                query.limit = Some(1000);
            }
            ReportId::Stock => {
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
            }
            ReportId::Sales | ReportId::GrossProfit => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
                query.manager = id_of(SubjectKind::Manager);
                if frame.least || id == ReportId::GrossProfit {
                    // The smallest come last, and rows are in the order of revenue.
                    query.limit = Some(1000);
                }
                query.group_by = Some(frame.group_by.unwrap_or(render::default_group(&query)));
                query.then_by = frame.then_by;
            }
            ReportId::CashFlow => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.group_by = frame
                    .group_by
                    .filter(|group| matches!(group, GroupBy::Day | GroupBy::Week | GroupBy::Month));
                // The rows of one direction are picked out of all.
                query.limit = Some(1000);
            }
            ReportId::Statement => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                let year = today.format("%Y").to_string().parse().unwrap_or(2000);
                query.from = query.from.or_else(|| NaiveDate::from_ymd_opt(year, 1, 1));
                query.to = query.to.or(Some(today));
            }
            ReportId::CounterpartyCard => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.from = None;
                query.to = None;
                query.limit = None;
            }
            ReportId::Documents => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.manager = id_of(SubjectKind::Manager);
                query.unposted = frame.unposted.then_some(true);
                query.number.clone_from(&frame.number);
                query.limit = Some(frame.top.unwrap_or(if frame.unposted || query.from.is_some() {
                    ROWS
                } else {
                    10
                }));
            }
            ReportId::Postings => {
                query.number.clone_from(&frame.number);
                query.from = None;
                query.to = None;
            }
            ReportId::TrialBalance => {
                query.account.clone_from(&frame.account);
                query.breakdown = frame.breakdown.filter(|_| frame.account.is_some());
            }
            ReportId::AccountAnalysis => query.account.clone_from(&frame.account),
            ReportId::AccountCard => {
                query.account.clone_from(&frame.account);
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
            }
            ReportId::StockTurnover => {
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
            }
            ReportId::Taxes => query.limit = None,
            ReportId::Cash => {}
        }
        if filter::is_wanted(frame, id) {
            query.limit = Some(filter::ALL_ROWS);
        }
        query
    }

    pub(super) fn compared_with(&self, report: &Report) -> Option<Span> {
        let compare = self.frame.compare?;
        if !matches!(
            report.report,
            ReportId::Sales | ReportId::GrossProfit | ReportId::CashFlow | ReportId::Taxes
        ) {
            return None;
        }
        let shown = Span::of(report.parameters.from?, report.parameters.to?);
        // An unfinished period is compared with as many days of the one before.
        let main = self.frame.span.unwrap_or(shown).until(self.around.today);
        Some(match compare {
            Compare::Previous => main.previous(),
            Compare::YearBefore => main.year_before(),
            Compare::With(span) => span,
        })
    }
}
