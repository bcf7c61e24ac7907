//! `/alerts`: what people have to look at, and that they did.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::audit::own_entry;
use crate::alerts::{State as AlertState, Transition};
use crate::error::Error;
use crate::state::AppState;
use crate::store;
use crate::store::alerts::AlertRow;
use crate::threats::{Severity, title};

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    severity: Option<Severity>,
    state: Option<AlertState>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertResponse {
    id: Uuid,
    threat_id: Uuid,
    kind: String,
    severity: String,
    title: String,
    state: String,
    created_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: Option<Uuid>,
    resolved_at: Option<DateTime<Utc>>,
    resolved_by: Option<Uuid>,
}

impl From<AlertRow> for AlertResponse {
    fn from(row: AlertRow) -> Self {
        Self {
            title: title(&row.kind, &row.subject, RequestContext::current_locale()),
            id: row.id,
            threat_id: row.threat_id,
            kind: row.kind,
            severity: row.severity,
            state: row.state,
            created_at: row.created_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by,
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by,
        }
    }
}

/// GET /alerts
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AlertResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::alerts::list(
        &mut connection,
        query.severity.map(Severity::as_str),
        query.state.map(AlertState::as_str),
        before,
        limit + 1,
    )
    .await?;
    let items: Vec<AlertResponse> = rows.into_iter().map(AlertResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |alert| alert.id)))
}

/// POST /alerts/{id}/acknowledge
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<AlertResponse>, Problem> {
    Ok(change(&state, &identity, ip, id, AlertState::Acknowledged).await?)
}

/// POST /alerts/{id}/resolve
pub(crate) async fn resolve(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<AlertResponse>, Problem> {
    Ok(change(&state, &identity, ip, id, AlertState::Resolved).await?)
}

async fn change(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    id: Uuid,
    to: AlertState,
) -> Result<Json<AlertResponse>, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::threats::lock_of_alert(&mut transaction, id).await? {
        return Err(Error::AlertNotFound);
    }
    let alert = load(&mut transaction, id).await?.ok_or(Error::AlertNotFound)?;
    let from = AlertState::from_name(&alert.state).ok_or(Error::AlertNotFound)?;
    match from.transition(to) {
        Transition::Keep => return Ok(Json(alert.into())),
        Transition::Refuse => return Err(Error::WrongTransition { from, to }),
        Transition::Change => {}
    }
    let now = state.clock.now();
    store::alerts::set_state(&mut transaction, id, to, identity.user_id, now).await?;
    if to == AlertState::Resolved {
        store::threats::close(&mut transaction, alert.threat_id).await?;
    }
    let action = format!("alerts.{to}");
    let details = json!({ "from": from.as_str(), "severity": alert.severity, "kind": alert.kind });
    let entry = own_entry(state, identity, ip, &action, format!("alert:{id}"), details);
    store::audit::append(&mut transaction, vec![entry], now).await?;
    let alert = load(&mut transaction, id).await?.ok_or(Error::AlertNotFound)?;
    transaction.commit().await.store("commit")?;
    Ok(Json(alert.into()))
}

async fn load(connection: &mut sqlx::PgConnection, id: Uuid) -> Result<Option<AlertRow>, StoreError> {
    store::alerts::by_id(connection, id).await
}
