//! `/templates`: those of the product, one's own and the shared ones.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::{Identity, Permission};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{IfMatch, Json, Page, Path, Problem, Query, Violations, etag};
use common::ids;
use http::StatusCode;
use http::header::LOCATION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;
use crate::generate::template::{self, Definition};
use crate::record;
use crate::state::AppState;
use crate::store::templates::{self as store, Row, Version};

/// Templates of one user.
const MAX_OWN: i64 = 100;
/// Templates that are listed.
const MAX_LISTED: i64 = 1000;

/// A template as it is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TemplateResponse {
    /// What `POST /generate` takes as `template`.
    id: String,
    built_in: bool,
    shared: bool,
    /// True when the caller made it.
    own: bool,
    /// 0 of those that come with the product.
    version: i32,
    updated_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    definition: Definition,
}

/// A template to be kept.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TemplateRequest {
    /// Everybody may use it; takes `users:admin`.
    #[serde(default)]
    shared: bool,
    #[serde(flatten)]
    definition: Definition,
}

/// Which version is meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionQuery {
    version: Option<i32>,
}

/// A template to make a document by.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) version: i32,
    pub(super) definition: Definition,
}

/// The template of that name or id.
///
/// # Errors
/// [`Error::TemplateNotFound`], also for those of other users.
pub(super) async fn chosen(
    state: &AppState,
    user: Uuid,
    name: &str,
    version: Option<i32>,
) -> Result<Chosen, Error> {
    if let Some(known) = template::built_in().iter().find(|known| known.name == name) {
        return match version {
            None | Some(0) => Ok(Chosen {
                name: name.to_owned(),
                version: 0,
                definition: known.definition.clone(),
            }),
            Some(_) => Err(Error::TemplateNotFound),
        };
    }
    let row = found(state, user, name, version).await?;
    Ok(Chosen {
        name: name.to_owned(),
        version: row.version,
        definition: definition(&row)?,
    })
}

async fn found(state: &AppState, user: Uuid, id: &str, version: Option<i32>) -> Result<Row, Error> {
    let id: Uuid = id.parse().map_err(|_| Error::TemplateNotFound)?;
    let mut db = state.db.acquire().await.store("acquire")?;
    store::get(&mut db, user, id, version)
        .await?
        .ok_or(Error::TemplateNotFound)
}

/// The definition of a row: it was checked before it was kept.
fn definition(row: &Row) -> Result<Definition, Error> {
    serde_json::from_value(row.definition.clone()).map_err(|error| Error::File(error.into()))
}

fn of_row(row: &Row, user: Uuid) -> Result<TemplateResponse, Error> {
    Ok(TemplateResponse {
        id: row.id.to_string(),
        built_in: false,
        shared: row.shared,
        own: row.owner_id == user,
        version: row.version,
        updated_at: Some(row.updated_at),
        definition: definition(row)?,
    })
}

/// Templates of texts, ready ones and own.
#[tracing::instrument(name = "http.templates.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Page<TemplateResponse>>, Problem> {
    let mut items: Vec<TemplateResponse> = template::built_in().iter().map(built_in).collect();
    let mut db = state.db.acquire().await.store("acquire")?;
    for row in store::list(&mut db, identity.user_id, MAX_LISTED).await? {
        items.push(of_row(&row, identity.user_id)?);
    }
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

fn built_in(known: &template::BuiltIn) -> TemplateResponse {
    TemplateResponse {
        id: known.name.to_owned(),
        built_in: true,
        shared: true,
        own: false,
        version: 0,
        updated_at: None,
        definition: known.definition.clone(),
    }
}

/// A template in its latest version.
#[tracing::instrument(name = "http.templates.get", skip_all)]
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
    Query(query): Query<VersionQuery>,
) -> Result<Response, Problem> {
    if let Some(known) = template::built_in().iter().find(|known| known.name == id) {
        return Ok(Json(built_in(known)).into_response());
    }
    let row = found(&state, identity.user_id, &id, query.version).await?;
    Ok((etag(row.latest.into()), Json(of_row(&row, identity.user_id)?)).into_response())
}

/// Versions of a template, the newest first.
#[tracing::instrument(name = "http.templates.versions", skip_all)]
pub(crate) async fn versions(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<Page<Version>>, Problem> {
    let row = found(&state, identity.user_id, &id, None).await?;
    let mut db = state.db.acquire().await.store("acquire")?;
    Ok(Json(Page {
        items: store::versions(&mut db, row.id).await?,
        next_cursor: None,
    }))
}

/// Adds a template.
#[tracing::instrument(name = "http.templates.create", skip_all)]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    Json(request): Json<TemplateRequest>,
) -> Result<Response, Problem> {
    may_share(&identity, request.shared)?;
    let mut violations = Violations::new();
    request.definition.check(&mut violations);
    let now = state.context.clock.now();
    let mut tx = state.db.begin().await.store("begin")?;
    violations.check(
        store::count(&mut tx, identity.user_id).await? < MAX_OWN,
        "",
        Text::new(
            format!("У вас уже {MAX_OWN} шаблонов: удалите ненужные."),
            format!("You have {MAX_OWN} templates already: delete some."),
        ),
    );
    violations.finish()?;
    let id = ids::new_id();
    let definition = serde_json::to_value(&request.definition).map_err(Problem::internal)?;
    store::create(&mut tx, id, identity.user_id, request.shared, &definition, now).await?;
    let details = json!({"version": 1, "shared": request.shared});
    audit(&mut tx, &state, &identity, "templates.created", id, details).await?;
    tx.commit().await.store("commit")?;
    let response = TemplateResponse {
        id: id.to_string(),
        built_in: false,
        shared: request.shared,
        own: true,
        version: 1,
        updated_at: Some(now),
        definition: request.definition,
    };
    let location = [(LOCATION, format!("/templates/{id}"))];
    Ok((StatusCode::CREATED, etag(1), location, Json(response)).into_response())
}

/// Makes a new version of a template.
#[tracing::instrument(name = "http.templates.change", skip_all)]
pub(crate) async fn change(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(request): Json<TemplateRequest>,
) -> Result<Response, Problem> {
    let row = changeable(&state, &identity, &id, &if_match).await?;
    may_share(&identity, request.shared)?;
    let mut violations = Violations::new();
    request.definition.check(&mut violations);
    violations.finish()?;
    let now = state.context.clock.now();
    let value = serde_json::to_value(&request.definition).map_err(Problem::internal)?;
    let mut tx = state.db.begin().await.store("begin")?;
    if !store::change(
        &mut tx,
        row.id,
        row.latest,
        identity.user_id,
        request.shared,
        &value,
        now,
    )
    .await?
    {
        return Err(Problem::version_mismatch());
    }
    let version = row.latest + 1;
    let details = json!({"version": version, "shared": request.shared});
    audit(&mut tx, &state, &identity, "templates.changed", row.id, details).await?;
    tx.commit().await.store("commit")?;
    let response = TemplateResponse {
        id,
        built_in: false,
        shared: request.shared,
        own: row.owner_id == identity.user_id,
        version,
        updated_at: Some(now),
        definition: request.definition,
    };
    Ok((etag(version.into()), Json(response)).into_response())
}

/// Deletes a template.
#[tracing::instrument(name = "http.templates.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let row = changeable(&state, &identity, &id, &if_match).await?;
    let mut tx = state.db.begin().await.store("begin")?;
    if !store::remove(&mut tx, row.id, row.latest, state.context.clock.now()).await? {
        return Err(Problem::version_mismatch());
    }
    let details = json!({"version": row.latest});
    audit(&mut tx, &state, &identity, "templates.deleted", row.id, details).await?;
    tx.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// A template that the caller may change: their own, or as an administrator a shared one.
async fn changeable(
    state: &AppState,
    identity: &Identity,
    id: &str,
    if_match: &IfMatch,
) -> Result<Row, Problem> {
    if template::built_in().iter().any(|known| known.name == id) {
        return Err(Error::TemplateBuiltIn.into());
    }
    let row = found(state, identity.user_id, id, None).await?;
    may_share(identity, row.shared)?;
    if_match.check(row.latest.into())?;
    Ok(row)
}

/// What all are given is for administrators to change.
fn may_share(identity: &Identity, shared: bool) -> Result<(), Problem> {
    if shared && !identity.may(Permission::UsersAdmin) {
        return Err(Problem::permission_denied(Permission::UsersAdmin.as_str()));
    }
    Ok(())
}

async fn audit(
    db: &mut sqlx::PgConnection,
    state: &AppState,
    identity: &Identity,
    action: &str,
    id: Uuid,
    details: serde_json::Value,
) -> Result<(), Problem> {
    let target = Some(format!("template:{id}"));
    record::audit(db, state, identity, action, Outcome::Success, target, details).await?;
    Ok(())
}
