//! `/reports`: what reports there are for the caller.

use std::time::Duration;

use axum::extract::State;
use common::auth::{Identity, Permission};
use common::contract::onec::{ParameterInfo, ParameterKind, ReportInfo};
use common::http::Json;
use common::telemetry::RequestContext;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::reports::own::Own;
use crate::reports::{Dialect, Format};
use crate::state::AppState;

/// How long the catalogue of 1C's reports may take: it is no figures.
const PATIENCE: Duration = Duration::from_secs(5);

/// A report that the caller may have as a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReportResponse {
    id: String,
    title: String,
    description: String,
    /// `onec` for figures of 1C, `system` for those of this system itself.
    source: &'static str,
    parameters: Vec<ParameterInfo>,
}

/// The catalogue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Catalogue {
    items: Vec<ReportResponse>,
    formats: Vec<&'static str>,
    csv_dialects: Vec<&'static str>,
    /// Rows that a file has at most.
    max_rows: u32,
    /// Why the reports on 1C are missing, when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    onec_problem: Option<Value>,
}

/// What reports the caller may have as files.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Catalogue>, Error> {
    let locale = RequestContext::current_locale();
    let (mut items, mut onec_problem) = (Vec::new(), None);
    if identity.may(Permission::OnecRead) {
        match state.onec.catalogue(&identity, PATIENCE).await {
            Ok(reports) => items.extend(reports.into_iter().map(of_onec)),
            Err(error) => onec_problem = Some(error.summary()),
        }
    }
    items.extend(
        Own::ALL
            .into_iter()
            .filter(|own| identity.may(own.permission()))
            .map(|own| of_own(own, locale)),
    );
    Ok(Json(Catalogue {
        items,
        formats: Format::ALL.map(Format::as_str).to_vec(),
        csv_dialects: vec![Dialect::RuExcel.as_str(), Dialect::Rfc4180.as_str()],
        max_rows: crate::orders::MAX_ROWS,
        onec_problem,
    }))
}

fn of_onec(report: ReportInfo) -> ReportResponse {
    // A file has all rows.
    let parameters = report
        .parameters
        .into_iter()
        .filter(|parameter| !matches!(parameter.name.as_str(), "limit" | "cursor"))
        .collect();
    ReportResponse {
        id: report.id.as_str().to_owned(),
        title: report.title,
        description: report.description,
        source: "onec",
        parameters,
    }
}

fn of_own(own: Own, locale: Locale) -> ReportResponse {
    let day = |name: &str, ru: &'static str, en: &'static str| ParameterInfo {
        name: name.to_owned(),
        title: Text::new(ru, en).get(locale).to_owned(),
        kind: ParameterKind::Date,
        required: false,
        values: Vec::new(),
        default: None,
    };
    ReportResponse {
        id: own.as_str().to_owned(),
        title: own.title().get(locale).to_owned(),
        description: own.description().get(locale).to_owned(),
        source: "system",
        parameters: vec![
            day("from", "Начало периода", "The first day"),
            day("to", "Конец периода", "The last day"),
        ],
    }
}
