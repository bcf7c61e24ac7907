//! `/audit/log`: appending to the audit log and searching it.

use std::collections::HashMap;

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::telemetry::RequestContext;
use common::{idempotency, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit_query::SearchQuery;
use crate::DEFINITION;
use crate::audit::{Entry, INSTALLATION, MAX_DETAILS, NewEntry};
use crate::error::Error;
use crate::state::AppState;
use crate::store::audit as store;

/// Entries of one request.
const MAX_BATCH: usize = 500;

/// What a client tells of an entry. Who and when are not for it to say.
#[derive(Debug, Deserialize, JsonSchema)]
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
    fn check(&self, at: &str, violations: &mut Violations) {
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
            &format!("{at}/action"),
            Text::new(
                "Ожидается <область>.<действие> латиницей, не длиннее 100 символов, например reports.generated.",
                "Expected <area>.<verb> in at most 100 lower-case letters, such as reports.generated.",
            ),
        );
        violations.check(
            self.action.split('.').next() != Some("audit"),
            &format!("{at}/action"),
            Text::new(
                "Действия audit.* записывает только сам журнал.",
                "Actions audit.* are recorded by the log itself.",
            ),
        );
        let target = self.target.as_deref().unwrap_or("-");
        violations.check(
            !target.is_empty() && target.chars().count() <= 200 && !target.chars().any(char::is_control),
            &format!("{at}/target"),
            Text::new(
                "От 1 до 200 символов без управляющих.",
                "1 to 200 characters, no control characters.",
            ),
        );
        let details = self.details.as_ref();
        violations.check(
            details.is_none_or(|details| details.is_object() && details.to_string().len() <= MAX_DETAILS),
            &format!("{at}/details"),
            Text::new("Объект не больше 16 КиБ.", "An object of at most 16 KiB."),
        );
    }

    /// The entry; without an id of its own it gets `id`.
    fn into_entry(self, id: Uuid, caller: &Caller) -> NewEntry {
        NewEntry {
            id: self.id.unwrap_or(id),
            occurred_at: caller.now,
            source: "api".to_owned(),
            action: self.action,
            outcome: self.outcome,
            actor: Some(caller.actor.clone()),
            target: self.target,
            ip: Some(caller.ip.clone()),
            request_id: caller.request_id.clone(),
            details: self.details.unwrap_or_else(|| json!({})),
        }
    }
}

/// What is known of who appends.
struct Caller {
    actor: Actor,
    ip: String,
    request_id: Option<String>,
    now: DateTime<Utc>,
    /// The `Idempotency-Key`.
    key: Option<String>,
}

impl Caller {
    fn read(
        state: &AppState,
        identity: &Identity,
        ip: ClientIp,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        Ok(Self {
            actor: Actor::from(identity),
            ip: ip.0.to_string(),
            request_id: RequestContext::current().map(|context| context.request_id),
            now: state.clock.now(),
            key: idempotency::text(headers)?.map(str::to_owned),
        })
    }

    /// The id of the entry with that number in the request: of the key, so that a repetition finds it.
    fn id(&self, number: usize) -> Uuid {
        match &self.key {
            Some(key) => Uuid::new_v5(&self.actor.user_id, format!("audit {number} {key}").as_bytes()),
            None => ids::new_id(),
        }
    }
}

/// Where an entry is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AppendResponse {
    id: Uuid,
    sequence: i64,
    hash: String,
}

impl From<&Entry> for AppendResponse {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            sequence: entry.sequence,
            hash: hex::encode(&entry.hash),
        }
    }
}

/// Appends an entry to the audit log.
pub(crate) async fn append(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Json(request): Json<AppendRequest>,
) -> Result<(StatusCode, Json<AppendResponse>), Problem> {
    let mut violations = Violations::new();
    request.check("", &mut violations);
    violations.finish()?;
    let caller = Caller::read(&state, &identity, ip, &headers)?;
    let entry = request.into_entry(caller.id(0), &caller);
    let appended = state
        .audit
        .appender
        .append(&state.db, entry.clone(), caller.now)
        .await?;
    let id = entry.id;
    let recorded = appended.filter(|recorded| recorded.records(entry));
    let response = AppendResponse::from(&recorded.ok_or(Error::EntryConflict(id))?);
    Ok((StatusCode::CREATED, Json(response)))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRequest {
    entries: Vec<AppendRequest>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BatchResponse {
    /// In the order of the request.
    entries: Vec<AppendResponse>,
}

/// Appends entries: all of them, or none.
pub(crate) async fn append_batch(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Json(request): Json<BatchRequest>,
) -> Result<(StatusCode, Json<BatchResponse>), Problem> {
    let mut violations = Violations::new();
    violations.check(
        (1..=MAX_BATCH).contains(&request.entries.len()),
        "/entries",
        Text::new("От 1 до 500 записей.", "1 to 500 entries."),
    );
    for (number, entry) in request.entries.iter().enumerate().take(MAX_BATCH) {
        entry.check(&format!("/entries/{number}"), &mut violations);
    }
    violations.finish()?;
    let caller = Caller::read(&state, &identity, ip, &headers)?;
    let entries = request.entries.into_iter().enumerate();
    let entries = entries.map(|(number, entry)| entry.into_entry(caller.id(number), &caller));
    let entries = append_all(&state, entries.collect(), caller.now).await?;
    Ok((StatusCode::CREATED, Json(BatchResponse { entries })))
}

/// Appends the entries that are new, and finds those that are not.
async fn append_all(
    state: &AppState,
    entries: Vec<NewEntry>,
    now: DateTime<Utc>,
) -> Result<Vec<AppendResponse>, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let mut known: HashMap<Uuid, Entry> = store::append(&mut transaction, entries.clone(), now)
        .await?
        .into_iter()
        .map(|entry| (entry.id, entry))
        .collect();
    let repeated: Vec<Uuid> = entries
        .iter()
        .map(|entry| entry.id)
        .filter(|id| !known.contains_key(id))
        .collect();
    if !repeated.is_empty() {
        let found = store::by_ids(&mut transaction, &repeated).await?;
        known.extend(found.into_iter().map(|entry| (entry.id, entry)));
    }
    let mut responses = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.id;
        let recorded = known.get(&id).filter(|recorded| recorded.records(entry));
        responses.push(AppendResponse::from(recorded.ok_or(Error::EntryConflict(id))?));
    }
    transaction.commit().await.store("commit")?;
    Ok(responses)
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntryResponse {
    sequence: i64,
    id: Uuid,
    company_id: Option<Uuid>,
    company_sequence: i64,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    source: String,
    action: String,
    outcome: String,
    actor: Option<ActorResponse>,
    target: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    details: Option<Value>,
    /// What has been erased: `who`, `what`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    erased: Vec<&'static str>,
    prev_hash: String,
    hash: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ActorResponse {
    user_id: Uuid,
    role: Option<String>,
}

impl From<Entry> for EntryResponse {
    fn from(entry: Entry) -> Self {
        let role = entry.actor_role;
        let parts = [
            ("who", entry.who_salt.is_none()),
            ("what", entry.what_salt.is_none()),
        ];
        Self {
            sequence: entry.sequence,
            id: entry.id,
            company_id: (entry.company_id != INSTALLATION).then_some(entry.company_id),
            company_sequence: entry.company_sequence,
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
            source: entry.source,
            action: entry.action,
            outcome: entry.outcome,
            actor: entry.actor_id.map(|user_id| ActorResponse { user_id, role }),
            target: entry.target,
            ip: entry.ip,
            request_id: entry.request_id,
            details: entry
                .details
                .and_then(|details| serde_json::from_str(&details).ok()),
            erased: parts
                .into_iter()
                .filter_map(|(part, gone)| gone.then_some(part))
                .collect(),
            prev_hash: hex::encode(entry.prev_hash),
            hash: hex::encode(entry.hash),
        }
    }
}

/// Entries of the audit log, the newest first, by conditions.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<SearchQuery>,
) -> Result<Json<Page<EntryResponse>>, Problem> {
    let filter = query.filter(&identity)?;
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<i64>()?);
    let mut transaction = state.db.begin().await.store("begin")?;
    store::prepare_search(&mut transaction).await?;
    let rows = store::list(&mut transaction, &filter, before, limit + 1)
        .await
        .map_err(Error::of_search)?;
    transaction.rollback().await.store("rollback")?;
    let items: Vec<EntryResponse> = rows.into_iter().map(EntryResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |entry| entry.sequence)))
}

/// One entry.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<EntryResponse>, Problem> {
    Ok(Json(find(&state, &identity, id).await?.into()))
}

/// The entry, when the caller may see it.
pub(super) async fn find(state: &AppState, identity: &Identity, id: Uuid) -> Result<Entry, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let entry = store::by_ids(&mut connection, &[id]).await?.pop();
    let entry = entry.filter(|entry| identity.companies.contains(entry.company_id));
    entry.ok_or_else(Problem::not_found)
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
