//! Reports as files: analytics makes them with the caller's token, and the answer tells where they are.

use common::contract::onec::{ReportId, ReportQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// A file that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// Id of the job.
    pub job_id: Uuid,
    /// Where it is told how far the file is and where it can be had, at the gateway.
    pub status_url: String,
    /// The report.
    pub report: ReportId,
    /// `csv`.
    pub format: String,
}

/// What analytics answers.
#[derive(Debug, Deserialize)]
pub(super) struct Accepted {
    job_id: Uuid,
    status_url: String,
}

/// The only format of files that people open.
const FORMAT: &str = "csv";

/// The order for analytics. A file has all rows.
pub(super) fn order(report: ReportId, query: &ReportQuery) -> Value {
    let mut parameters = serde_json::to_value(query).unwrap_or_default();
    if let Some(parameters) = parameters.as_object_mut() {
        parameters.remove("limit");
    }
    json!({"report": report, "parameters": parameters, "format": FORMAT})
}

impl ReportFile {
    pub(super) fn new(report: ReportId, accepted: Accepted) -> Self {
        Self {
            job_id: accepted.job_id,
            status_url: accepted.status_url,
            report,
            format: FORMAT.to_owned(),
        }
    }

    /// What a model is told.
    pub(super) fn shown(&self) -> String {
        json!({
            "file": {"report": self.report, "format": self.format},
            "note": "Файл готовится, пользователь увидит его рядом с ответом. Адрес не пиши.",
        })
        .to_string()
    }
}
