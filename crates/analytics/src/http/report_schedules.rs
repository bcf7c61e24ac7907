//! `/reports/schedules`: reports that come by themselves.

use ::http::header::CACHE_CONTROL;
use ::http::{HeaderName, HeaderValue, StatusCode};
use axum::extract::State;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::auth::{Identity, Permission};
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{ClientIp, IfMatch, Json, Page, PageQuery, Path, Query, etag};
use common::telemetry::{Chain, RequestContext};
use common::{Text, ids};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::report_audit::record;
use super::report_variants::checked_name;
use crate::cron::Cron;
use crate::delivery::{Delivery, new_secret};
use crate::error::Error;
use crate::orders::Order;
use crate::schedules::{LEAST_GAP, is_spaced};
use crate::state::AppState;
use crate::store::schedules::{self as store, RunRow, ScheduleRow};

/// Schedules that one user may have.
const MOST: i64 = 50;
/// Letters of the name in the name of its key.
const KEY_NAME: usize = 60;

/// A schedule to be saved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRequest {
    name: String,
    order: Order,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    cron: String,
    /// What its clock shows; that of reports when absent.
    time_zone: Option<String>,
    /// Whether a report that was due while the system was down comes late.
    #[serde(default = "yes")]
    catch_up: bool,
    delivery: Delivery,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScheduleResponse {
    id: Uuid,
    name: String,
    order: Value,
    cron: String,
    time_zone: String,
    catch_up: bool,
    delivery: Value,
    enabled: bool,
    /// When it comes next; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<DateTime<Utc>>,
    /// The API key that it runs with, among the owner's.
    key_id: Uuid,
    /// What webhooks are signed with; shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl ScheduleResponse {
    fn new(row: ScheduleRow, secret: Option<&SecretString>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            order: row.definition,
            cron: row.cron,
            time_zone: row.time_zone,
            catch_up: row.catch_up,
            delivery: row.delivery,
            enabled: row.enabled,
            next_at: row.enabled.then_some(row.next_at),
            key_id: row.key_id,
            webhook_secret: secret.map(|secret| secret.expose_secret().to_owned()),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A schedule that has been checked.
struct Checked {
    name: String,
    zone: Tz,
    next_at: DateTime<Utc>,
    permission: Permission,
}

impl ScheduleRequest {
    fn checked(&self, state: &AppState, identity: &Identity) -> Result<Checked, Error> {
        let wanted = self
            .order
            .wanted(state.today())
            .map_err(|error| error.within("/order"))?;
        identity.require(wanted.permission())?;
        let name = checked_name(&self.name)?;
        let zone = match &self.time_zone {
            None => state.time_zone,
            Some(zone) => zone.parse().map_err(|_| {
                Error::member(
                    "/time_zone",
                    Text::new("Такого часового пояса нет.", "There is no such time zone."),
                )
            })?,
        };
        let cron = Cron::parse(&self.cron).map_err(|wrong| {
            Error::member(
                "/cron",
                match wrong.0 {
                    0 => Text::new(
                        "Нужно пять полей: минута, час, день месяца, месяц, день недели.",
                        "Five fields are needed: minute, hour, day of the month, month, day of the week.",
                    ),
                    field => Text::new(
                        format!("Ошибка в поле № {field}."),
                        format!("Field {field} is wrong."),
                    ),
                },
            )
        })?;
        let now = state.clock.now();
        let next_at = cron.next_after(now, zone).ok_or_else(|| {
            Error::member(
                "/cron",
                Text::new("Такое время не наступит.", "Such a time never comes."),
            )
        })?;
        if !is_spaced(&cron, now, zone) {
            let minutes = LEAST_GAP.num_minutes();
            return Err(Error::member(
                "/cron",
                Text::new(
                    format!("Не чаще одного раза в {minutes} минут."),
                    format!("Not oftener than every {minutes} minutes."),
                ),
            ));
        }
        state
            .ways
            .check(&self.delivery)
            .map_err(|(pointer, text)| Error::member(&format!("/delivery{pointer}"), text))?;
        Ok(Checked {
            name,
            zone,
            next_at,
            permission: wanted.permission(),
        })
    }
}

type Tagged = ([(HeaderName, HeaderValue); 1], Json<ScheduleResponse>);

fn tagged(row: ScheduleRow, secret: Option<&SecretString>) -> Tagged {
    (etag(row.version), Json(ScheduleResponse::new(row, secret)))
}

/// One's own schedules.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ScheduleResponse>>, Error> {
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, identity.user_id, before, limit + 1).await?;
    let items = rows.into_iter().map(|row| ScheduleResponse::new(row, None));
    Ok(Json(Page::from_rows(items.collect(), limit, |item| item.id)))
}

/// One schedule.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Tagged, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let row = store::find(&mut connection, identity.user_id, id).await?;
    Ok(tagged(row.ok_or(Error::NotFound)?, None))
}

/// Adds a schedule: what, when, and for whom.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<ScheduleRequest>,
) -> Result<impl Answer, Error> {
    let checked = request.checked(&state, &identity)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    if store::count(&mut connection, identity.user_id).await? >= MOST {
        return Err(Error::TooManySaved);
    }
    drop(connection);
    let (row, secret) = save(&state, &identity, ip, ids::new_id(), &request, &checked, None).await?;
    let no_store = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, tagged(row, secret.as_ref())))
}

/// Changes a schedule, and renews the key that it runs with.
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(request): Json<ScheduleRequest>,
) -> Result<impl Answer, Error> {
    let checked = request.checked(&state, &identity)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let former = store::find(&mut connection, identity.user_id, id).await?;
    let former = former.ok_or(Error::NotFound)?;
    if_match.check(former.version)?;
    drop(connection);
    let (row, secret) = save(&state, &identity, ip, id, &request, &checked, Some(former)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], tagged(row, secret.as_ref())))
}

/// Makes a key, then the schedule; a key that nothing was made for is ended again.
async fn save(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    id: Uuid,
    request: &ScheduleRequest,
    checked: &Checked,
    former: Option<ScheduleRow>,
) -> Result<(ScheduleRow, Option<SecretString>), Error> {
    let short: String = checked.name.chars().take(KEY_NAME).collect();
    let key_name = Text::new(
        format!("Отчёт по расписанию: {short}"),
        format!("Scheduled report: {short}"),
    );
    let locale = RequestContext::current_locale();
    let permissions = [Permission::Reports, checked.permission];
    let key = state
        .users
        .create_key(&identity.token, key_name.get(locale), &permissions)
        .await?;
    let saved = async {
        let now = state.clock.now();
        let (sealed_webhook_secret, secret) = match (&request.delivery, &former) {
            (Delivery::Email { .. }, _) => (None, None),
            // A receiver that knows the secret goes on knowing it.
            (Delivery::Webhook { .. }, Some(former)) if former.sealed_webhook_secret.is_some() => {
                (former.sealed_webhook_secret.clone(), None)
            }
            (Delivery::Webhook { .. }, _) => {
                let secret = new_secret()?;
                (Some(state.vault.seal(id, &secret)?), Some(secret))
            }
        };
        let row = ScheduleRow {
            id,
            owner: identity.user_id,
            name: checked.name.clone(),
            definition: serde_json::to_value(&request.order)?,
            cron: request.cron.clone(),
            time_zone: checked.zone.name().to_owned(),
            locale: locale.tag().to_owned(),
            catch_up: request.catch_up,
            delivery: serde_json::to_value(&request.delivery)?,
            key_id: key.id,
            sealed_key: state.vault.seal(id, &key.key)?,
            sealed_webhook_secret,
            enabled: request.enabled,
            next_at: checked.next_at,
            version: former.as_ref().map_or(1, |former| former.version + 1),
            created_at: former.as_ref().map_or(now, |former| former.created_at),
            updated_at: now,
        };
        let mut transaction = state.db.begin().await.store("begin")?;
        store::save(&mut transaction, &row).await?;
        // To whom is of interest to whoever looks for leaks.
        let details =
            json!({ "report": request.order.report, "cron": request.cron, "delivery": request.delivery });
        let target = format!("report_schedule:{id}");
        record(
            &mut transaction,
            state,
            identity,
            ip,
            "reports.schedule_saved",
            target,
            details,
        )
        .await?;
        transaction.commit().await.store("commit")?;
        Ok((row, secret))
    };
    let saved = saved.await;
    let ended = if saved.is_ok() {
        former.map(|former| former.key_id)
    } else {
        Some(key.id)
    };
    if let Some(ended) = ended {
        revoke(state, identity, ended).await;
    }
    saved
}

/// Ends a key that nothing uses any more. It ends by itself when that fails now.
async fn revoke(state: &AppState, identity: &Identity, key: Uuid) {
    if let Err(error) = state.users.revoke_key(&identity.token, key).await {
        tracing::warn!(error = %Chain(&error), "the key {key} of a former schedule could not be revoked");
    }
}

/// Deletes a schedule.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let row = store::find(&mut transaction, identity.user_id, id).await?;
    let row = row.ok_or(Error::NotFound)?;
    store::delete(&mut transaction, identity.user_id, id).await?;
    let target = format!("report_schedule:{id}");
    record(
        &mut transaction,
        &state,
        &identity,
        ip,
        "reports.schedule_deleted",
        target,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    revoke(&state, &identity, row.key_id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// One time of a schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunResponse {
    id: Uuid,
    due_at: DateTime<Utc>,
    /// `waiting`, `building`, `delivered`, `failed` or `skipped`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
    attempts: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

impl From<RunRow> for RunResponse {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id,
            due_at: row.due_at,
            state: row.state,
            job_id: row.job_id,
            attempts: row.attempts,
            error: row.error,
            error_detail: row.error_detail,
            finished_at: row.finished_at,
        }
    }
}

/// Runs of a schedule, the newest first.
pub(crate) async fn runs(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<RunResponse>>, Error> {
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let schedule = store::find(&mut connection, identity.user_id, id).await?;
    schedule.ok_or(Error::NotFound)?;
    let rows = store::runs(&mut connection, id, before, limit + 1).await?;
    let items = rows.into_iter().map(RunResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |item: &RunResponse| item.id)))
}

/// Runs a schedule one time more, now.
pub(crate) async fn run(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<impl Answer, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let schedule = store::find(&mut transaction, identity.user_id, id).await?;
    schedule.ok_or(Error::NotFound)?;
    let (run, now) = (ids::new_id(), state.clock.now());
    if !store::insert_run(&mut transaction, run, id, now, false, now).await? {
        return Err(Error::TooManyJobs);
    }
    let target = format!("report_schedule:{id}");
    record(
        &mut transaction,
        &state,
        &identity,
        ip,
        "reports.schedule_run",
        target,
        json!({ "run": run }),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "run_id": run }))))
}
