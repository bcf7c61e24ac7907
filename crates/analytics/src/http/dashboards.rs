//! `/dashboards`: ready ones and those of users, with their figures.

use std::collections::BTreeMap;

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::{Identity, Permission};
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::{StoreError, StoreResult};
use common::events::{Event, Stream, outbox};
use common::http::{ClientIp, IfMatch, Json, Path, Problem, Query, Violations, etag};
use common::idempotency::{self, Claim, Key};
use common::ids;
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::shape;
use crate::DEFINITION;
use crate::dashboards::{self, Definition, QueryInfo, Ready, ready};
use crate::error::Error;
use crate::state::AppState;
use crate::store::SCHEMA;
use crate::store::dashboards::{self as store, DashboardRow};

/// Dashboards of one user at most.
const MOST_OWN: i64 = 100;
/// Bytes of a definition at most.
const LONGEST: usize = 200_000;
/// Width of a picture of a dashboard unless asked otherwise, in pixels.
const WIDE: u32 = 1200;
/// Width of a picture of a panel.
const PANEL: u32 = 720;

/// A dashboard in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DashboardInfo {
    id: String,
    title: String,
    description: String,
    version: i32,
    /// One of ours, rather than a user's.
    ready: bool,
    /// The caller may change it.
    editable: bool,
    shared_with: Vec<String>,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DashboardList {
    items: Vec<DashboardInfo>,
}

/// A dashboard that the caller may look at.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) version: i32,
    pub(super) definition: Definition,
    shared_with: Vec<String>,
    editable: bool,
}

/// Finds a dashboard, ready or a user's.
///
/// # Errors
/// 404 when there is none that the caller may look at.
pub(super) async fn find(state: &AppState, caller: &Identity, id: &str) -> Result<Found, Error> {
    let locale = RequestContext::current_locale();
    if let Some(ready) = ready().iter().find(|ready| ready.id == id) {
        let definition = ready.definition(locale).ok_or(Error::NotFound)?;
        if let Some(permission) = lacks(caller, &definition) {
            return Err(Problem::permission_denied(permission.as_str()).into());
        }
        return Ok(Found {
            id: id.to_owned(),
            version: ready.version,
            definition,
            shared_with: Vec::new(),
            editable: false,
        });
    }
    let id: Uuid = id.parse().map_err(|_| Error::NotFound)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let row = store::one(&mut connection, id, caller.user_id, &caller.role).await?;
    let row = row.ok_or(Error::NotFound)?;
    Ok(Found {
        id: id.to_string(),
        version: row.version,
        definition: serde_json::from_value(row.definition)?,
        editable: row.owner == caller.user_id && caller.may(Permission::DashboardsEdit),
        shared_with: row.shared_with,
    })
}

/// The permission that a caller lacks who may see no panel at all.
fn lacks(caller: &Identity, definition: &Definition) -> Option<Permission> {
    let mut first = None;
    for panel in &definition.panels {
        match panel.query.id.lacks(caller) {
            None => return None,
            lacked => first = first.or(lacked),
        }
    }
    first
}

/// Dashboards that the caller may see: ready ones, own ones, shared ones.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<DashboardList>, Error> {
    let locale = RequestContext::current_locale();
    let shown = |ready: &Ready| {
        let definition = ready.definition(locale)?;
        lacks(&identity, &definition).is_none().then(|| DashboardInfo {
            id: ready.id.to_owned(),
            title: definition.title,
            description: definition.description,
            version: ready.version,
            ready: true,
            editable: false,
            shared_with: Vec::new(),
            updated_at: None,
        })
    };
    let mut items: Vec<DashboardInfo> = ready().iter().filter_map(shown).collect();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let own = store::visible(&mut connection, identity.user_id, &identity.role).await?;
    let text = |row: &DashboardRow, name: &str| row.definition[name].as_str().unwrap_or_default().to_owned();
    items.extend(own.into_iter().map(|row| DashboardInfo {
        id: row.id.to_string(),
        title: text(&row, "title"),
        description: text(&row, "description"),
        version: row.version,
        ready: false,
        editable: row.owner == identity.user_id && identity.may(Permission::DashboardsEdit),
        shared_with: row.shared_with,
        updated_at: Some(row.updated_at),
    }));
    Ok(Json(DashboardList { items }))
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Catalogue {
    items: Vec<QueryInfo>,
}

/// The queries that panels may have.
pub(crate) async fn queries(identity: Identity) -> Json<Catalogue> {
    Json(Catalogue {
        items: dashboards::catalogue(&identity, RequestContext::current_locale()),
    })
}

/// A dashboard with its figures, as JSON, a page or a picture.
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (request, shape) = shape::read(&query, &headers, WIDE)?;
    let found = find(&state, &identity, &id).await?;
    let locale = RequestContext::current_locale();
    let board = dashboards::build(
        &state,
        &identity,
        &found.id,
        found.version,
        &found.definition,
        &request,
        locale,
    )
    .await?;
    Ok(shape::respond(&board, shape, &headers).await?)
}

/// One panel with its figures, as JSON or a picture.
pub(crate) async fn panel(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, panel)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (request, shape) = shape::read(&query, &headers, PANEL)?;
    let found = find(&state, &identity, &id).await?;
    let locale = RequestContext::current_locale();
    let board = dashboards::build_panel(
        &state,
        &identity,
        (&found.id, found.version),
        &found.definition,
        &panel,
        &request,
        locale,
    )
    .await?;
    Ok(shape::respond_panel(&board, shape, &headers).await?)
}

/// What a user saves.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DashboardInput {
    definition: Definition,
    /// Roles whose users may look at it, each with rights of their own.
    #[serde(default)]
    shared_with: Vec<String>,
}

/// A saved dashboard, without figures.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DashboardOutput {
    id: String,
    version: i32,
    editable: bool,
    shared_with: Vec<String>,
    definition: Definition,
}

/// The definition of a dashboard, to be taken elsewhere.
pub(crate) async fn definition(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let found = find(&state, &identity, &id).await?;
    let tag = etag(i64::from(found.version));
    let body = Json(DashboardOutput {
        id: found.id,
        version: found.version,
        editable: found.editable,
        shared_with: found.shared_with,
        definition: found.definition,
    });
    Ok((tag, body).into_response())
}

impl DashboardInput {
    fn check(&self) -> Result<Value, Error> {
        self.definition.validate("/definition")?;
        let mut violations = Violations::new();
        let is_role = |role: &String| {
            (1..=60).contains(&role.len())
                && role
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
        };
        violations.check(
            self.shared_with.len() <= 20 && self.shared_with.iter().all(is_role),
            "/shared_with",
            Text::new("Не больше 20 названий ролей.", "Names of roles, 20 at most."),
        );
        let definition = serde_json::to_value(&self.definition)?;
        violations.check(
            definition.to_string().len() <= LONGEST,
            "/definition",
            Text::new("Слишком большое описание.", "The definition is too large."),
        );
        violations.finish()?;
        Ok(definition)
    }
}

fn output(row: &DashboardRow, definition: Definition) -> DashboardOutput {
    DashboardOutput {
        id: row.id.to_string(),
        version: row.version,
        editable: true,
        shared_with: row.shared_with.clone(),
        definition,
    }
}

/// Tells the audit log, within the transaction of the change.
pub(super) async fn audit(
    connection: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    ClientIp(ip): ClientIp,
    action: &str,
    id: &str,
    details: Value,
) -> Result<(), StoreError> {
    let audit = AuditEvent {
        action: action.to_owned(),
        outcome: Outcome::Success,
        target: Some(format!("dashboard:{id}")),
        ip: Some(ip.to_string()),
        details,
    };
    let event = Event::new(DEFINITION.name, AUDIT_RECORDED, &state.clock, &audit).actor(identity);
    outbox::append(connection, &SCHEMA, Stream::Audit, &event).await
}

/// Adds a dashboard.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Json(input): Json<DashboardInput>,
) -> Result<Response, Error> {
    let definition = input.check()?;
    let key = Key::read(
        &headers,
        identity.user_id,
        "POST /dashboards",
        &serde_json::to_vec(&input)?,
    )?;
    let mut transaction = state.db.begin().await.store("begin")?;
    if let Some(key) = &key {
        let claim = idempotency::claim(&mut transaction, &SCHEMA, key, state.clock.now()).await;
        if let Claim::Answered(answer) = claim.map_err(Problem::from)? {
            let answer: DashboardOutput = serde_json::from_value(answer)?;
            return Ok(created(&answer));
        }
    }
    if store::count(&mut transaction, identity.user_id).await? >= MOST_OWN {
        return Err(Error::TooManyDashboards { limit: MOST_OWN });
    }
    let now = state.clock.now();
    let row = DashboardRow {
        id: ids::new_id(),
        owner: identity.user_id,
        version: 1,
        definition,
        shared_with: input.shared_with.clone(),
        created_at: now,
        updated_at: now,
    };
    store::insert(&mut transaction, &row, &input.definition.title).await?;
    let id = row.id.to_string();
    let details = json!({"title": input.definition.title, "shared_with": row.shared_with});
    audit(
        &mut transaction,
        &state,
        &identity,
        ip,
        "dashboards.created",
        &id,
        details,
    )
    .await?;
    let answer = output(&row, input.definition);
    if let Some(key) = &key {
        idempotency::complete(&mut transaction, &SCHEMA, key, &serde_json::to_value(&answer)?).await?;
    }
    transaction.commit().await.store("commit")?;
    Ok(created(&answer))
}

fn created(answer: &DashboardOutput) -> Response {
    let location = format!("{}/dashboards/{}", super::PUBLIC_PREFIX, answer.id);
    let tag = etag(i64::from(answer.version));
    let headers = [(::http::header::LOCATION, location)];
    (StatusCode::CREATED, headers, tag, Json(answer)).into_response()
}

/// Changes a dashboard; the former version is kept.
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(input): Json<DashboardInput>,
) -> Result<Response, Error> {
    input.check()?;
    save(&state, &identity, ip, id, Some(&if_match), |_| Ok(input)).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    version: i32,
}

/// Makes an earlier version the next one.
pub(crate) async fn restore(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(request): Json<RestoreRequest>,
) -> Result<Response, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let versions = store::versions(&mut connection, id).await?;
    drop(connection);
    let earlier = versions.into_iter().find(|row| row.version == request.version);
    let input = move |row: &DashboardRow| {
        let earlier = earlier.ok_or_else(|| {
            Error::member(
                "/version",
                Text::new("Такой версии нет.", "There is no such version."),
            )
        })?;
        Ok(DashboardInput {
            definition: serde_json::from_value(earlier.definition)?,
            // Who may look is not turned back with what is shown.
            shared_with: row.shared_with.clone(),
        })
    };
    save(&state, &identity, ip, id, Some(&if_match), input).await
}

/// Makes the next version of one of the caller's own.
async fn save(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    id: Uuid,
    if_match: Option<&IfMatch>,
    input: impl FnOnce(&DashboardRow) -> Result<DashboardInput, Error> + Send,
) -> Result<Response, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let row = store::lock_own(&mut transaction, id, identity.user_id).await?;
    let row = row.ok_or(Error::NotFound)?;
    if let Some(if_match) = if_match {
        if_match.check(i64::from(row.version))?;
    }
    let input = input(&row)?;
    let row = DashboardRow {
        version: row.version + 1,
        definition: serde_json::to_value(&input.definition)?,
        shared_with: input.shared_with,
        updated_at: state.clock.now(),
        ..row
    };
    store::update(&mut transaction, &row, &input.definition.title).await?;
    let details =
        json!({"title": input.definition.title, "version": row.version, "shared_with": row.shared_with});
    let name = id.to_string();
    audit(
        &mut transaction,
        state,
        identity,
        ip,
        "dashboards.changed",
        &name,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let tag = etag(i64::from(row.version));
    Ok((tag, Json(output(&row, input.definition))).into_response())
}

/// Deletes a dashboard.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
) -> Result<StatusCode, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let row = store::lock_own(&mut transaction, id, identity.user_id).await?;
    let row = row.ok_or(Error::NotFound)?;
    if_match.check(i64::from(row.version))?;
    store::delete(&mut transaction, id).await?;
    let (name, details) = (id.to_string(), json!({"title": row.definition["title"]}));
    audit(
        &mut transaction,
        &state,
        &identity,
        ip,
        "dashboards.deleted",
        &name,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// A version that a dashboard had.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VersionInfo {
    version: i32,
    author: Uuid,
    created_at: DateTime<Utc>,
    shared_with: Vec<String>,
    definition: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VersionList {
    items: Vec<VersionInfo>,
}

/// Versions of a dashboard, the newest first.
pub(crate) async fn versions(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<VersionList>, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let own = store::one(&mut connection, id, identity.user_id, &identity.role).await?;
    if own.is_none() {
        return Err(Error::NotFound);
    }
    let items = store::versions(&mut connection, id)
        .await?
        .into_iter()
        .map(|row| VersionInfo {
            version: row.version,
            author: row.author,
            created_at: row.created_at,
            shared_with: row.shared_with,
            definition: row.definition,
        })
        .collect();
    Ok(Json(VersionList { items }))
}
