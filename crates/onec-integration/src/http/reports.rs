//! `/reports`.

use axum::extract::State;
use common::auth::Identity;
use common::contract::onec::{DataSource, Report, ReportId, ReportInfo, ReportQuery};
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Query};
use serde::Serialize;

use super::{Caller, audit, locale};
use crate::error::Error;
use crate::infobase::InfobaseError;
use crate::jobs::probe;
use crate::live;
use crate::odata::OdataError;
use crate::reports::{Scope, compute, info, validate};
use crate::state::AppState;

/// `{items: […]}`.
#[derive(Debug, Serialize)]
pub(crate) struct Catalogue {
    items: Vec<ReportInfo>,
}

/// What reports there are.
pub(crate) async fn list(identity: Identity) -> Json<Catalogue> {
    tracing::trace!(user.id = %identity.user_id, "report catalogue");
    let locale = locale();
    let items = ReportId::ALL
        .into_iter()
        .map(|report| info(report, locale))
        .collect();
    Json(Catalogue { items })
}

/// Computes a report.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(name): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<Report>, Problem> {
    let report = ReportId::from_name(&name).ok_or(Error::ReportNotFound)?;
    validate(report, &query)?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let scope = Scope::resolve(&mut connection, &state, &identity, report, query).await?;
    let is_live = scope.query.source == Some(DataSource::Live);
    drop(connection);
    let live = if is_live {
        Some(fetch_live(&state, report, &scope).await?)
    } else {
        None
    };
    let mut transaction = state.pool.begin().await.store("begin")?;
    let computed = compute(&mut transaction, report, &scope, live.as_deref(), locale()).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    // Which report with which parameters; none of the figures.
    let details = serde_json::to_value(&computed.parameters).unwrap_or_default();
    audit(
        &mut transaction,
        &state,
        &caller,
        "reports.viewed",
        format!("report:{report}"),
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(computed))
}

async fn fetch_live(state: &AppState, report: ReportId, scope: &Scope) -> Result<String, Problem> {
    let connection = state.connections.of(&scope.infobase).await.map_err(Error::from)?;
    let fetched = live::fetch(&state.pool, &connection, report, scope).await;
    if let Err(Error::Infobase(InfobaseError::Odata(OdataError::NotPublished(_)))) = &fetched {
        // What is published has changed.
        connection.forget_plan().await;
    }
    // Others learn at once that 1C does not answer.
    match &fetched {
        Ok(_) => probe::note(state, scope.infobase.id, None).await?,
        Err(Error::Infobase(error @ InfobaseError::Odata(_))) => {
            probe::note(state, scope.infobase.id, Some(error)).await?;
        }
        Err(_) => {}
    }
    Ok(fetched?)
}
