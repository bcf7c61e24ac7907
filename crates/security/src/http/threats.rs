//! `/threats`: what the detectors found.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Problem, Query};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::state::AppState;
use crate::store::threats as store;
use crate::threats::{Kind, Severity, title};

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Closed,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    kind: Option<Kind>,
    severity: Option<Severity>,
    status: Option<Status>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThreatResponse {
    id: Uuid,
    kind: String,
    severity: String,
    title: String,
    subject: String,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    count: i64,
    evidence: Value,
    status: String,
}

/// GET /threats
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ThreatResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let filter = store::Filter {
        kind: query.kind.map(|kind| kind.as_str().to_owned()),
        severity: query.severity.map(|severity| severity.as_str().to_owned()),
        status: query.status.map(|status| match status {
            Status::Open => "open".to_owned(),
            Status::Closed => "closed".to_owned(),
        }),
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, &filter, before, limit + 1).await?;
    let locale = RequestContext::current_locale();
    let items: Vec<ThreatResponse> = rows
        .into_iter()
        .map(|row| ThreatResponse {
            title: title(&row.kind, &row.subject, locale),
            id: row.id,
            kind: row.kind,
            severity: row.severity,
            subject: row.subject,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            count: row.count,
            evidence: row.evidence,
            status: row.status,
        })
        .collect();
    Ok(Json(Page::from_rows(items, limit, |threat| threat.id)))
}
