//! A table ready to be written into a file, without its rows.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::{Citation, Column, ColumnKind, Report};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::captions;
use super::cell::total_label;

/// One row: a value per column key.
pub(crate) type Row = Map<String, Value>;

/// What a table is, all but its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) report: String,
    pub(crate) title: String,
    pub(crate) parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) currency: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) totals: Map<String, Value>,
    pub(crate) row_count: u64,
    pub(crate) as_of: DateTime<Utc>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) citations: Vec<Citation>,
}

impl Sheet {
    /// The columns that people see.
    pub(crate) fn shown_columns(&self) -> Vec<&Column> {
        self.columns
            .iter()
            .filter(|column| column.kind != ColumnKind::Id)
            .collect()
    }

    /// The columns that have a total.
    pub(crate) fn has_totals(&self) -> bool {
        let known = |column: &&Column| self.totals.get(&column.key).is_some_and(|total| !total.is_null());
        self.shown_columns().iter().any(known)
    }

    /// Where the line of totals is called so: the first column without one.
    pub(crate) fn total_label<'a>(&self, columns: &[&Column], locale: Locale) -> Option<(usize, &'a str)> {
        columns
            .iter()
            .position(|column| !self.totals.contains_key(&column.key))
            .map(|place| (place, total_label(locale)))
    }

    /// What stands above the table: the parameters, the source, the moment.
    pub(crate) fn captions(&self, locale: Locale, time_zone: Tz) -> Vec<(String, String)> {
        captions::of(self, locale, time_zone)
    }
}

impl From<Report> for Sheet {
    fn from(report: Report) -> Self {
        Self {
            report: report.report.as_str().to_owned(),
            title: report.title,
            parameters: serde_json::to_value(report.parameters).unwrap_or_default(),
            currency: Some(report.currency),
            columns: report.columns,
            totals: report.totals,
            row_count: report.row_count,
            as_of: report.as_of,
            citations: report.citations,
        }
    }
}
