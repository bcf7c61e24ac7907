//! `/threats`: what the detectors found.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::alerts::EventResponse;
use super::responses::ResponseResponse;
use crate::error::Error;
use crate::state::AppState;
use crate::store::{alerts, responses, threats as store};
use crate::threats::{Severity, advice, title};

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
    kind: Option<String>,
    severity: Option<Severity>,
    status: Option<Status>,
    subject: Option<String>,
    ip: Option<String>,
    user: Option<Uuid>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    q: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ThreatResponse {
    id: Uuid,
    alert_id: Option<Uuid>,
    kind: String,
    severity: String,
    risk: u8,
    /// How surely it is an attack, 0 to 3.
    confidence: i16,
    /// Technique of MITRE ATT&CK or ATLAS.
    technique: Option<String>,
    title: String,
    advice: Option<String>,
    subject: String,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    count: i64,
    escalations: i32,
    evidence: Value,
    status: String,
    created_at: DateTime<Utc>,
}

impl ThreatResponse {
    fn new(state: &AppState, row: store::ThreatRow) -> Self {
        let (rules, locale) = (state.defence.rules(), RequestContext::current_locale());
        Self {
            title: title(rules, &row.kind, &row.subject, locale),
            advice: advice(rules, &row.kind, locale),
            risk: Severity::from_name(&row.severity).map_or(0, Severity::risk),
            id: row.id,
            alert_id: row.alert_id,
            kind: row.kind,
            severity: row.severity,
            confidence: row.confidence,
            technique: row.technique,
            subject: row.subject,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            count: row.count,
            escalations: row.escalations,
            evidence: row.evidence,
            status: row.status,
            created_at: row.created_at,
        }
    }
}

/// Threats, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ThreatResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let of_address = query.ip.map(|ip| format!("ip:{ip}"));
    let of_user = query.user.map(|user| format!("user:{user}"));
    let filter = store::Filter {
        kind: query.kind,
        severity: query.severity.map(|severity| severity.as_str().to_owned()),
        status: query.status.map(|status| match status {
            Status::Open => "open".to_owned(),
            Status::Closed => "closed".to_owned(),
        }),
        subject: query.subject.or(of_address).or(of_user),
        from: query.from,
        to: query.to,
        text: query.q.filter(|text| !text.is_empty()),
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, &filter, before, limit + 1).await?;
    let items: Vec<ThreatResponse> = rows
        .into_iter()
        .map(|row| ThreatResponse::new(&state, row))
        .collect();
    Ok(Json(Page::from_rows(items, limit, |threat| threat.id)))
}

/// A threat with what happened to its alert and what was done against it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeThreat {
    #[serde(flatten)]
    threat: ThreatResponse,
    timeline: Vec<EventResponse>,
    responses: Vec<ResponseResponse>,
}

/// One threat with its evidence, its timeline and what was done.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
) -> Result<Json<WholeThreat>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let row = store::by_id(&mut connection, id)
        .await?
        .ok_or(Error::ThreatNotFound)?;
    let timeline = match row.alert_id {
        Some(alert) => alerts::history(&mut connection, alert).await?,
        None => Vec::new(),
    };
    let filter = responses::Filter {
        threat: Some(id),
        ..responses::Filter::default()
    };
    let done = responses::list(&mut connection, &filter, None, 200, state.clock.now()).await?;
    Ok(Json(WholeThreat {
        threat: ThreatResponse::new(&state, row),
        timeline: timeline.into_iter().map(EventResponse::from).collect(),
        responses: done.into_iter().map(ResponseResponse::from).collect(),
    }))
}
