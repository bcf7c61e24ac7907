//! An answer in the making, the same for all engines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::{Citation, Column, Report};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::builtin::State;
use crate::builtin::format::{moment, say};
use crate::tools::{Drafted, ReportFile};

/// A source, with the number that the text refers to it by: `[1]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberedCitation {
    /// The number, from 1.
    pub id: u32,
    /// The source.
    #[serde(flatten)]
    pub citation: Citation,
}

/// A report as data, for programs and for tables in a user interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its title.
    pub title: String,
    /// Currency of its money columns (ISO 4217).
    pub currency: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// Totals of all rows, returned or not.
    pub totals: Map<String, Value>,
    /// How many rows there are.
    pub row_count: u64,
    /// True when not all of them are here.
    pub truncated: bool,
}

/// An answer in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) intent: Option<String>,
    /// How sure the built-in engine is of what it has understood.
    pub(crate) confidence: Option<&'static str>,
    /// How it has understood the question.
    pub(crate) understood: Option<String>,
    pub(crate) citations: Vec<NumberedCitation>,
    pub(crate) as_of: Option<DateTime<Utc>>,
    pub(crate) tables: Vec<Table>,
    pub(crate) suggestions: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) unverified_numbers: Vec<String>,
    /// Changes that wait for the user.
    pub(crate) drafts: Vec<Drafted>,
    /// Files that are being made.
    pub(crate) files: Vec<ReportFile>,
    /// What the built-in engine is to remember.
    pub(crate) state: State,
    /// It was given before.
    pub(crate) cached: bool,
}

impl Draft {
    /// An answer of words only.
    pub(crate) fn words(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// Proposes what to ask next.
    pub(crate) fn suggest(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }

    /// Adds the sources, tables and warnings of reports. Report number n is cited as `[n]`.
    pub(crate) fn add_reports(&mut self, reports: &[&Report], locale: Locale, zone: Tz) {
        for (number, report) in (1_u32..).zip(reports) {
            for citation in &report.citations {
                self.citations.push(NumberedCitation {
                    id: number,
                    citation: citation.clone(),
                });
            }
            self.tables.push(Table {
                title: report.title.clone(),
                currency: report.currency.clone(),
                columns: report.columns.clone(),
                rows: report.rows.clone(),
                totals: report.totals.clone(),
                row_count: report.row_count,
                truncated: report.truncated,
            });
        }
        self.as_of = reports.iter().map(|report| report.as_of).min();
        let Some(as_of) = self.as_of else {
            return;
        };
        if reports.iter().any(|report| !report.onec_reachable) {
            let at = moment(as_of, zone, locale);
            self.notices.push(say!(
                locale,
                "1С сейчас не отвечает. Показаны данные последней синхронизации — на {at}.",
                "1C is not answering now. The figures are from the last synchronisation, as of {at}."
            ));
        }
    }
}
