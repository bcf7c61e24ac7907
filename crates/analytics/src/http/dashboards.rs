//! `/dashboards`: definitions with their data.

use axum::extract::State;
use common::auth::Identity;
use common::http::{Json, Path, Query};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::overview::{self, Dashboard, OverviewRange};
use crate::state::AppState;

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DashboardInfo {
    id: &'static str,
    title: String,
    version: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DashboardList {
    items: Vec<DashboardInfo>,
}

/// GET /dashboards
pub(crate) async fn list() -> Json<DashboardList> {
    let locale = RequestContext::current_locale();
    Json(DashboardList {
        items: vec![DashboardInfo {
            id: overview::ID,
            title: overview::title().get(locale).to_owned(),
            version: overview::VERSION,
        }],
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DashboardQuery {
    #[serde(default)]
    range: OverviewRange,
}

/// GET /dashboards/{id}
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
    Query(query): Query<DashboardQuery>,
) -> Result<Json<Dashboard>, Error> {
    if id != overview::ID {
        return Err(Error::NotFound);
    }
    let locale = RequestContext::current_locale();
    Ok(Json(
        overview::build(&state, &identity, query.range, locale).await?,
    ))
}
