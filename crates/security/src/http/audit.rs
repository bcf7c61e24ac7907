//! `/audit/*`: the audit log.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use common::http::{ClientIp, Json, Page, PageQuery, Problem, Query, Violations};
use common::ids;
use common::telemetry::RequestContext;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::DEFINITION;
use crate::audit::{Entry, MAX_DETAILS, NewEntry};
use crate::chain::FirstBroken;
use crate::error::Error;
use crate::jobs;
use crate::state::AppState;
use crate::store::audit as store;

/// What a client tells of an entry. Who and when are not for it to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppendRequest {
    /// Makes the request repeatable: the same id is recorded once.
    id: Option<Uuid>,
    action: String,
    outcome: Outcome,
    target: Option<String>,
    #[serde(default)]
    details: Option<Value>,
}

impl AppendRequest {
    fn validate(&self) -> Result<(), Problem> {
        let mut violations = Violations::new();
        let parts: Vec<&str> = self.action.split('.').collect();
        let is_name = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let named = parts.len() >= 2 && parts.iter().all(|part| is_name(part));
        violations.check(
            named && self.action.len() <= 100,
            "/action",
            Text::new(
                "Ожидается <область>.<действие> латиницей, не длиннее 100 символов, например reports.generated.",
                "Expected <area>.<verb> in at most 100 lower-case letters, such as reports.generated.",
            ),
        );
        let target = self.target.as_deref().unwrap_or("-");
        violations.check(
            !target.is_empty() && target.chars().count() <= 200 && !target.chars().any(char::is_control),
            "/target",
            Text::new(
                "От 1 до 200 символов без управляющих.",
                "1 to 200 characters, no control characters.",
            ),
        );
        let details = self.details.as_ref();
        violations.check(
            details.is_none_or(|details| details.is_object() && details.to_string().len() <= MAX_DETAILS),
            "/details",
            Text::new("Объект не больше 16 КиБ.", "An object of at most 16 KiB."),
        );
        violations.finish()
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct AppendResponse {
    id: Uuid,
    sequence: i64,
    hash: String,
}

/// POST /audit/log
pub(crate) async fn append(
    State(state): State<AppState>,
    identity: Identity,
    ClientIp(ip): ClientIp,
    Json(request): Json<AppendRequest>,
) -> Result<(StatusCode, Json<AppendResponse>), Problem> {
    request.validate()?;
    let now = state.clock.now();
    let new = NewEntry {
        id: request.id.unwrap_or_else(ids::new_id),
        occurred_at: now,
        source: "api".to_owned(),
        action: request.action,
        outcome: request.outcome,
        actor: Some(Actor::from(&identity)),
        target: request.target,
        ip: Some(ip.to_string()),
        request_id: RequestContext::current().map(|context| context.request_id),
        details: request.details.unwrap_or_else(|| json!({})),
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    let appended = store::append(&mut transaction, vec![new.clone()], now).await?;
    let entry = match appended.into_iter().next() {
        Some(entry) => entry,
        None => store::by_id(&mut transaction, new.id)
            .await?
            .filter(|entry| entry.records(new.clone()))
            .ok_or(Error::EntryConflict(new.id))?,
    };
    transaction.commit().await.store("commit")?;
    let response = AppendResponse {
        id: entry.id,
        sequence: entry.sequence,
        hash: hex::encode(&entry.hash),
    };
    Ok((StatusCode::CREATED, Json(response)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    action: Option<String>,
    actor: Option<Uuid>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EntryResponse {
    sequence: i64,
    id: Uuid,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    source: String,
    action: String,
    outcome: String,
    actor: Option<ActorResponse>,
    target: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    details: Value,
    prev_hash: String,
    hash: String,
}

#[derive(Debug, Serialize)]
struct ActorResponse {
    user_id: Uuid,
    role: Option<String>,
}

impl From<Entry> for EntryResponse {
    fn from(entry: Entry) -> Self {
        let role = entry.actor_role;
        Self {
            sequence: entry.sequence,
            id: entry.id,
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
            source: entry.source,
            action: entry.action,
            outcome: entry.outcome,
            actor: entry.actor_id.map(|user_id| ActorResponse { user_id, role }),
            target: entry.target,
            ip: entry.ip,
            request_id: entry.request_id,
            details: serde_json::from_str(&entry.details).unwrap_or_default(),
            prev_hash: hex::encode(entry.prev_hash),
            hash: hex::encode(entry.hash),
        }
    }
}

/// GET /audit/log
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<EntryResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<i64>()?);
    let filter = store::Filter {
        action: query.action,
        actor: query.actor,
        from: query.from,
        to: query.to,
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, &filter, before, limit + 1).await?;
    let items: Vec<EntryResponse> = rows.into_iter().map(EntryResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |entry| entry.sequence)))
}

#[derive(Debug, Serialize)]
pub(crate) struct VerifyResponse {
    valid: bool,
    /// Entries that were found in order.
    entries: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_broken: Option<FirstBroken>,
    verified_at: DateTime<Utc>,
}

/// GET /audit/verify
pub(crate) async fn verify(State(state): State<AppState>) -> Result<Json<VerifyResponse>, Problem> {
    let (entries, outcome) = jobs::verify::verify(&state).await?;
    Ok(Json(VerifyResponse {
        valid: outcome.is_ok(),
        entries,
        first_broken: outcome.err(),
        verified_at: state.clock.now(),
    }))
}

/// The service's own entry about what a user did here.
pub(crate) fn own_entry(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    action: &str,
    target: String,
    details: Value,
) -> NewEntry {
    NewEntry {
        id: ids::new_id(),
        occurred_at: state.clock.now(),
        source: DEFINITION.name.to_owned(),
        action: action.to_owned(),
        outcome: Outcome::Success,
        actor: Some(Actor::from(identity)),
        target: Some(target),
        ip: Some(ip.0.to_string()),
        request_id: RequestContext::current().map(|context| context.request_id),
        details,
    }
}
