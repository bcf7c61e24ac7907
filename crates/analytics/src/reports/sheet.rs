//! A table ready to be written into a file.

use chrono::{DateTime, Utc};
use common::contract::onec::{Citation, Column, Report};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A table with all of its rows. Also the JSON form of a report file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) report: String,
    pub(crate) title: String,
    pub(crate) parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) currency: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Map<String, Value>>,
    pub(crate) totals: Map<String, Value>,
    pub(crate) row_count: u64,
    pub(crate) as_of: DateTime<Utc>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) citations: Vec<Citation>,
}

impl From<Report> for Sheet {
    fn from(report: Report) -> Self {
        Self {
            report: report.report.as_str().to_owned(),
            title: report.title,
            parameters: serde_json::to_value(report.parameters).unwrap_or_default(),
            currency: Some(report.currency),
            columns: report.columns,
            rows: report.rows,
            totals: report.totals,
            row_count: report.row_count,
            as_of: report.as_of,
            citations: report.citations,
        }
    }
}
