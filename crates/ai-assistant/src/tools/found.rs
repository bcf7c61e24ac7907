//! What came of a call.

use common::contract::onec::{CompanyInfo, Match, Report};
use rust_decimal::Decimal;

use super::drafts::Drafted;
use super::entities::{Entity, Listed, Rows};
use super::report_files::ReportFile;
use crate::attachments::Sheet;

/// What came of a call.
#[derive(Debug)]
pub(super) enum Found {
    Report(Box<Report>),
    Matches(Vec<Match>),
    Companies(Vec<CompanyInfo>),
    Entities(Vec<Listed>),
    Entity(Box<Entity>),
    Rows(Box<Rows>),
    Draft(Box<Drafted>),
    File(Box<ReportFile>),
    /// The call cannot be made so; the text tells a model what to change.
    Refused(String),
}

/// What an answer refers to by a number, from 1 in the order of the calls.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    Report(&'a Report),
    Rows(&'a Rows),
}

/// Figures and names besides those of reports: rows that a model was shown, and totals that we computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The rows that were shown; `row_count` tells how many there are.
    pub(crate) sheet: Sheet,
    /// Totals of all rows, by column.
    pub(crate) totals: Vec<Option<Decimal>>,
}

impl Facts {
    /// Companies by name and tax number.
    pub(super) fn of_companies(companies: &[CompanyInfo]) -> Self {
        Self {
            sheet: Sheet {
                name: String::new(),
                columns: vec!["name".to_owned(), "inn".to_owned()],
                rows: companies
                    .iter()
                    .map(|company| vec![company.name.clone(), company.inn.clone()])
                    .collect(),
                row_count: companies.len() as u64,
            },
            totals: Vec::new(),
        }
    }
}
