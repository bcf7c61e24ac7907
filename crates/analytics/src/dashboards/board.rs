//! A dashboard with its figures, for one viewer.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::auth::Identity;
use common::http::{FieldError, Problem};
use common::{Locale, Text};
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::definition::{Definition, Grid, PanelDefinition, PanelKind, Variable};
use super::frame::{Fields, Frame};
use super::panel;
use super::run::Look;
use super::time::{Range, TimeError};
use crate::charts::{Chart, Figure};
use crate::state::AppState;

/// Panels that are asked for at once: one dashboard must not take all connections.
const AT_ONCE: usize = 6;

/// What a viewer asks of a dashboard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The range instead of that of the dashboard.
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// The time zone instead of that of the service.
    pub(crate) zone: Option<Tz>,
    pub(crate) company: Option<Uuid>,
    pub(crate) infobase: Option<Uuid>,
    /// Values of the variables of the dashboard.
    pub(crate) variables: BTreeMap<String, String>,
    /// Figures are asked for anew.
    pub(crate) refresh: bool,
}

/// A dashboard with its figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Board {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) version: i32,
    pub(crate) time: BoardTime,
    pub(crate) time_zone: Tz,
    pub(crate) refresh_seconds: u32,
    pub(crate) variables: Vec<BoardVariable>,
    /// When the newest of its figures were asked for.
    pub(crate) generated_at: DateTime<Utc>,
    /// All of its figures were asked for by earlier requests.
    pub(crate) cached: bool,
    /// Some are older than they should be, because their source failed.
    pub(crate) stale: bool,
    pub(crate) panels: Vec<BoardPanel>,
}

/// The range of a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BoardTime {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// As it was asked for.
    pub(crate) asked_from: String,
    pub(crate) asked_to: String,
    pub(crate) step: String,
}

/// A variable with its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BoardVariable {
    #[serde(flatten)]
    pub(crate) variable: Variable,
    pub(crate) value: Option<String>,
}

/// A panel. `data` is null and `error` says why when its source does not answer: the other panels
/// are there all the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BoardPanel {
    pub(crate) id: String,
    pub(crate) kind: PanelKind,
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) unit: String,
    pub(crate) query: String,
    pub(crate) grid: Grid,
    pub(crate) generated_at: DateTime<Utc>,
    /// The moment that the figures are of.
    pub(crate) as_of: Option<DateTime<Utc>>,
    pub(crate) cached: bool,
    pub(crate) stale: bool,
    pub(crate) data: Option<PanelData>,
    /// Where the figures can be looked at in full, and where a row leads.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) drill_down: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
}

/// What a panel shows, and the numbers behind it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PanelData {
    #[serde(flatten)]
    pub(crate) frame: Frame,
    /// Of figures in large letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) figures: Option<Vec<Figure>>,
    /// Of charts, ready to be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chart: Option<Chart>,
    /// Which fields it shows.
    #[serde(default)]
    pub(crate) shown: Fields,
}

impl Board {
    /// Changes when what is shown does, not when it is asked for.
    pub(crate) fn tag(&self) -> String {
        let shown = (
            &self.id,
            self.version,
            &self.time.asked_from,
            &self.time.asked_to,
            &self.time_zone,
            &self.title,
            &self.panels,
        );
        let digest = Sha256::digest(serde_json::to_vec(&shown).unwrap_or_default());
        hex::encode(&digest[..16])
    }
}

/// The forms that ranges have, for those who used another.
pub(super) fn range_forms() -> Text {
    Text::new(
        "Например: now-7d/d, now/M, now, 2026-11-01 или момент RFC 3339.",
        "For example: now-7d/d, now/M, now, 2026-11-01 or a moment of RFC 3339.",
    )
}

fn time_problem(error: TimeError) -> Problem {
    let detail = match error {
        TimeError::Syntax => range_forms(),
        TimeError::Reversed => Text::new(
            "Период кончается раньше, чем начинается.",
            "The range ends before it begins.",
        ),
        TimeError::TooLong => Text::new("Не больше трёх лет.", "Three years at most."),
    };
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.invalid_query",
        Text::new("Неверные параметры запроса", "Invalid query parameters"),
    )
    .errors(vec![FieldError {
        pointer: "?from".to_owned(),
        detail,
    }])
}

/// Reads a range.
///
/// # Errors
/// 400 when it cannot be used.
pub(crate) fn range(from: &str, to: &str, now: DateTime<Utc>, zone: Tz) -> Result<Range, Problem> {
    Range::parse(from, to, now, zone).map_err(time_problem)
}

/// Builds a dashboard for a viewer, with the viewer's rights.
///
/// # Errors
/// When the range or a variable is wrong.
pub(crate) async fn build(
    state: &AppState,
    caller: &Identity,
    id: &str,
    version: i32,
    definition: &Definition,
    request: &Request,
    locale: Locale,
) -> Result<Board, Problem> {
    let now = state.clock.now();
    let zone = request.zone.unwrap_or(state.time_zone);
    let from = request.from.as_deref().unwrap_or(&definition.time.from);
    let to = request.to.as_deref().unwrap_or(&definition.time.to);
    let range = range(from, to, now, zone)?;
    let chosen = definition.chosen(&request.variables)?;
    let mut variables = chosen.clone();
    for (name, value) in [("company", request.company), ("infobase", request.infobase)] {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value.to_string());
        }
    }
    let look = Look {
        state,
        caller,
        range,
        from,
        to,
        variables: &variables,
        now,
        locale,
        refresh: request.refresh,
    };
    let shown: Vec<_> = definition.panels.iter().map(|panel| show(&look, panel)).collect();
    let panels: Vec<BoardPanel> = stream::iter(shown).buffered(AT_ONCE).collect().await;
    Ok(Board {
        id: id.to_owned(),
        title: definition.title.clone(),
        description: definition.description.clone(),
        version,
        time: BoardTime {
            from: range.span.from,
            to: range.span.to,
            asked_from: from.to_owned(),
            asked_to: to.to_owned(),
            step: range.step().as_str().to_owned(),
        },
        time_zone: zone,
        refresh_seconds: definition.refresh_seconds,
        variables: definition
            .variables
            .iter()
            .map(|variable| BoardVariable {
                value: chosen.get(&variable.name).cloned(),
                variable: variable.clone(),
            })
            .collect(),
        generated_at: panels.iter().map(|panel| panel.generated_at).max().unwrap_or(now),
        cached: panels.iter().all(|panel| panel.cached),
        stale: panels.iter().any(|panel| panel.stale),
        panels,
    })
}

/// One panel of a dashboard alone.
///
/// # Errors
/// As [`build`]; 404 when there is no such panel.
pub(crate) async fn build_panel(
    state: &AppState,
    caller: &Identity,
    (id, version): (&str, i32),
    definition: &Definition,
    panel: &str,
    request: &Request,
    locale: Locale,
) -> Result<Board, Problem> {
    let mut only = definition.clone();
    only.panels.retain(|known| known.id == panel);
    if only.panels.is_empty() {
        return Err(Problem::not_found());
    }
    build(state, caller, id, version, &only, request, locale).await
}

async fn show(look: &Look<'_>, definition: &PanelDefinition) -> BoardPanel {
    let ran = look.run(&definition.query, definition.compare).await;
    let answer = ran.answer;
    let data = answer.frame.as_deref().map(|frame| {
        let chart = definition.kind.chart().and_then(|kind| {
            let local = panel::moments(frame, look.range.zone, ran.step, look.locale);
            panel::chart(
                &local,
                kind,
                definition.title.clone(),
                &definition.fields,
                definition.gauge.as_ref(),
                ran.names.as_deref(),
                look.locale,
            )
        });
        PanelData {
            figures: (definition.kind == PanelKind::Stat).then(|| panel::figures(frame, &definition.fields)),
            chart,
            shown: definition.fields.clone(),
            frame: frame.clone(),
        }
    });
    let unit = data
        .as_ref()
        .map_or_else(String::new, |data| match (&data.chart, &data.figures) {
            (Some(chart), _) => chart.unit.0.clone(),
            (None, Some(figures)) => figures
                .first()
                .map_or_else(String::new, |figure| figure.unit.0.clone()),
            (None, None) => data.frame.currency.clone(),
        });
    BoardPanel {
        id: definition.id.clone(),
        kind: definition.kind,
        title: definition.title.clone(),
        description: definition.description.clone(),
        unit,
        query: definition.query.id.to_string(),
        grid: definition.grid,
        generated_at: answer.generated_at,
        as_of: answer.frame.as_ref().map(|frame| frame.as_of),
        cached: answer.cached,
        stale: answer.stale,
        data,
        drill_down: ran.drill_down,
        error: answer.error,
    }
}
