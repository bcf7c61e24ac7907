//! The dashboard `overview`: the system for everybody who may see dashboards, the business for
//! those of them who may read 1C.

mod business;
mod system;

use chrono::{DateTime, Duration, Utc};
use common::auth::{Identity, Permission};
use common::db::StoreError;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::period::Span;
use crate::state::AppState;

/// Id of the dashboard.
pub(crate) const ID: &str = "overview";
/// Changes when panels are added, removed or get another shape.
pub(crate) const VERSION: u32 = 1;

/// How far back the series go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum OverviewRange {
    #[serde(rename = "24h")]
    Day,
    #[default]
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
}

impl OverviewRange {
    fn span(self, now: DateTime<Utc>) -> Span {
        let length = match self {
            Self::Day => Duration::hours(24),
            Self::Week => Duration::days(7),
            Self::Month => Duration::days(30),
        };
        Span {
            from: now - length,
            to: now,
        }
    }

    const fn step(self) -> &'static str {
        match self {
            Self::Day => "hour",
            Self::Week | Self::Month => "day",
        }
    }
}

/// A dashboard with its data.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Dashboard {
    id: &'static str,
    title: String,
    version: u32,
    range: OverviewRange,
    time: Span,
    time_zone: &'static str,
    generated_at: DateTime<Utc>,
    panels: Vec<Panel>,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PanelKind {
    /// Some figures.
    Stat,
    /// Figures over time.
    Timeseries,
    /// Bars by day.
    Bars,
    /// Rows.
    Table,
}

/// One panel. `data` is null and `error` says why when its source does not answer: the other
/// panels are there all the same.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Panel {
    id: &'static str,
    kind: PanelKind,
    title: String,
    unit: &'static str,
    as_of: Option<DateTime<Utc>>,
    data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

/// The title of the dashboard.
pub(crate) fn title() -> Text {
    Text::new("Обзор", "Overview")
}

/// Builds the dashboard for a caller.
pub(crate) async fn build(
    state: &AppState,
    caller: &Identity,
    range: OverviewRange,
    locale: Locale,
) -> Result<Dashboard, StoreError> {
    let now = state.clock.now();
    let span = range.span(now);
    let business = async {
        if caller.may(Permission::OnecRead) {
            business::panels(state, caller, now, locale).await
        } else {
            Vec::new()
        }
    };
    let (business, system) = futures_util::join!(
        business,
        system::panels(state, caller, span, range.step(), now, locale)
    );
    let mut panels = business;
    panels.extend(system?);
    Ok(Dashboard {
        id: ID,
        title: title().get(locale).to_owned(),
        version: VERSION,
        range,
        time: span,
        time_zone: state.time_zone.name(),
        generated_at: now,
        panels,
    })
}
