//! `POST /charts`: a chart of given values, or of a report of 1C.

use std::time::Duration;

use ::http::HeaderMap;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::onec::{Citation, ReportId, ReportQuery};
use common::http::{Json, Violations};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shape::{self, Form};
use crate::charts::{self, Chart, ChartKind, Style, Theme};
use crate::dashboards::{Fields, chart_of};
use crate::error::Error;
use crate::state::AppState;

/// Rows of a report unless asked otherwise; a chart shows no more.
const MOST_ROWS: u32 = 200;
/// How long onec-integration may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChartRequest {
    /// The chart with its values.
    chart: Option<Chart>,
    /// Or a report that has them.
    report: Option<ReportChart>,
    /// As Accept says, JSON when it says nothing.
    format: Option<Form>,
    #[serde(default)]
    theme: Theme,
    #[serde(default = "desk")]
    width: u32,
    height: Option<u32>,
    /// Of a PNG.
    #[serde(default = "twice")]
    scale: u8,
}

const fn desk() -> u32 {
    720
}

const fn twice() -> u8 {
    2
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportChart {
    id: ReportId,
    #[serde(default)]
    parameters: ReportQuery,
    kind: ChartKind,
    title: Option<String>,
    #[serde(default)]
    fields: Fields,
}

/// The picture with what it shows, and where the figures come from.
#[derive(Debug, Serialize, JsonSchema)]
struct ChartResponse {
    svg: String,
    chart: Chart,
    data: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Citation>,
}

impl ChartRequest {
    fn check(&self) -> Result<(), Error> {
        let mut violations = Violations::new();
        violations.check(
            self.chart.is_some() != self.report.is_some(),
            "/chart",
            Text::new(
                "Нужно либо chart, либо report.",
                "Either chart or report is needed.",
            ),
        );
        let range = |name: &str, low: u32, high: u32| {
            (
                format!("/{name}"),
                Text::new(format!("От {low} до {high}."), format!("{low} to {high}.")),
            )
        };
        let (pointer, detail) = range("width", *charts::WIDTHS.start(), *charts::WIDTHS.end());
        violations.check(charts::WIDTHS.contains(&self.width), &pointer, detail);
        let (pointer, detail) = range("height", *charts::HEIGHTS.start(), *charts::HEIGHTS.end());
        let fits = self.height.is_none_or(|height| charts::HEIGHTS.contains(&height));
        violations.check(fits, &pointer, detail);
        let (pointer, detail) = range("scale", 1, 3);
        violations.check((1..=3).contains(&self.scale), &pointer, detail);
        violations.check(
            self.format != Some(Form::Html),
            "/format",
            Text::new("json, svg или png.", "json, svg or png."),
        );
        if let Some(chart) = &self.chart {
            chart.validate("/chart", &mut violations);
        }
        Ok(violations.finish()?)
    }
}

/// Draws a chart of given values or of a 1C report.
pub(crate) async fn draw(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<ChartRequest>,
) -> Result<Response, Error> {
    request.check()?;
    let locale = RequestContext::current_locale();
    let (mut as_of, mut citations) = (None, Vec::new());
    let chart = match (request.chart, request.report) {
        (Some(chart), _) => chart,
        (None, Some(wanted)) => {
            let mut query = wanted.parameters;
            query.limit = query.limit.or(Some(MOST_ROWS));
            let report = state.onec.report(&identity, wanted.id, &query, PATIENCE).await?;
            as_of = Some(report.as_of);
            citations.clone_from(&report.citations);
            let chart = chart_of(
                report,
                wanted.kind,
                wanted.title,
                &wanted.fields,
                state.time_zone,
                locale,
            )?;
            let mut violations = Violations::new();
            chart.validate("/report", &mut violations);
            violations.finish()?;
            chart
        }
        // `check` has refused it.
        (None, None) => return Err(Error::NotFound),
    };
    let style = Style {
        theme: request.theme,
        locale,
        width: f64::from(request.width),
        height: request.height.map(f64::from),
    };
    let picture = charts::draw(&chart, style);
    let form = request.format.unwrap_or_else(|| Form::accepted(&headers));
    Ok(match form {
        Form::Svg => shape::svg(&picture),
        Form::Png => shape::png(picture, f32::from(request.scale)).await?,
        Form::Json | Form::Html => Json(ChartResponse {
            svg: picture.finish(),
            data: chart.table(),
            chart,
            as_of,
            citations,
        })
        .into_response(),
    })
}
