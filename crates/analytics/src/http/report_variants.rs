//! `/reports/variants`: reports with their parameters, saved under a name.

use ::http::{HeaderName, HeaderValue, StatusCode};
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{ClientIp, IfMatch, Json, Page, PageQuery, Path, Query, Violations, etag};
use common::{Text, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::report_audit::record;
use crate::error::Error;
use crate::orders::Order;
use crate::state::AppState;
use crate::store::variants::{self as store, VariantRow, VariantValues};

/// Variants that one user may have.
const MOST: i64 = 200;
/// Characters of a name.
const LONGEST_NAME: usize = 100;

/// A variant to be saved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantRequest {
    name: String,
    #[serde(default)]
    shared: bool,
    order: Order,
}

/// A variant.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VariantResponse {
    id: Uuid,
    name: String,
    shared: bool,
    /// Whether the caller may change it.
    own: bool,
    order: Value,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl VariantResponse {
    fn new(row: VariantRow, caller: Uuid) -> Self {
        Self {
            id: row.id,
            name: row.name,
            shared: row.shared,
            own: row.owner == caller,
            order: row.definition,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A name that people can read.
pub(super) fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    let mut violations = Violations::new();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    violations.check(
        fits,
        "/name",
        Text::new(
            format!("От 1 до {LONGEST_NAME} печатных знаков."),
            format!("1 to {LONGEST_NAME} printable characters."),
        ),
    );
    violations.finish()?;
    Ok(name.to_owned())
}

impl VariantRequest {
    /// The name and the order, both as they will be stored.
    fn checked(&self, state: &AppState) -> Result<(String, Value), Error> {
        self.order
            .wanted(state.today())
            .map_err(|error| error.within("/order"))?;
        Ok((checked_name(&self.name)?, serde_json::to_value(&self.order)?))
    }
}

type Tagged = ([(HeaderName, HeaderValue); 1], Json<VariantResponse>);

fn tagged(row: VariantRow, caller: Uuid) -> Tagged {
    (etag(row.version), Json(VariantResponse::new(row, caller)))
}

/// Saved reports: own ones and shared ones.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<VariantResponse>>, Error> {
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, identity.user_id, before, limit + 1).await?;
    let items = rows
        .into_iter()
        .map(|row| VariantResponse::new(row, identity.user_id));
    Ok(Json(Page::from_rows(items.collect(), limit, |item| item.id)))
}

/// One saved report.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Tagged, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let row = store::find(&mut connection, identity.user_id, id).await?;
    Ok(tagged(row.ok_or(Error::NotFound)?, identity.user_id))
}

/// Saves a report with its parameters under a name.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<VariantRequest>,
) -> Result<impl Answer, Error> {
    let (name, definition) = request.checked(&state)?;
    let values = VariantValues {
        name: &name,
        shared: request.shared,
        definition: &definition,
    };
    let id = ids::new_id();
    let mut transaction = state.db.begin().await.store("begin")?;
    if store::count(&mut transaction, identity.user_id).await? >= MOST {
        return Err(Error::TooManySaved);
    }
    if !store::insert(&mut transaction, id, identity.user_id, &values, state.clock.now()).await? {
        return Err(Error::NameTaken);
    }
    let row = store::find(&mut transaction, identity.user_id, id).await?;
    let row = row.ok_or(Error::NotFound)?;
    let target = format!("report_variant:{id}");
    let details = json!({ "report": request.order.report, "shared": request.shared });
    record(
        &mut transaction,
        &state,
        &identity,
        ip,
        "reports.variant_saved",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, tagged(row, identity.user_id)))
}

/// Changes a saved report.
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(request): Json<VariantRequest>,
) -> Result<Tagged, Error> {
    let (name, definition) = request.checked(&state)?;
    let mut transaction = state.db.begin().await.store("begin")?;
    let former = store::find_own_locked(&mut transaction, identity.user_id, id).await?;
    if_match.check(former.ok_or(Error::NotFound)?.version)?;
    let values = VariantValues {
        name: &name,
        shared: request.shared,
        definition: &definition,
    };
    let row = store::update(&mut transaction, id, &values, state.clock.now()).await?;
    let row = row.ok_or(Error::NameTaken)?;
    let target = format!("report_variant:{id}");
    let details = json!({ "report": request.order.report, "shared": request.shared });
    record(
        &mut transaction,
        &state,
        &identity,
        ip,
        "reports.variant_saved",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(tagged(row, identity.user_id))
}

/// Deletes a saved report.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::delete(&mut transaction, identity.user_id, id).await? {
        return Err(Error::NotFound);
    }
    let target = format!("report_variant:{id}");
    record(
        &mut transaction,
        &state,
        &identity,
        ip,
        "reports.variant_deleted",
        target,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
