//! `/sync`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::ids;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Caller, audit};
use crate::error::Error;
use crate::infobase::InfobaseError;
use crate::profile::Profiles;
use crate::reports::choose_infobase;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::infobases::{Infobase, Kind};
use crate::store::jobs::{self, Job, Listed, Mode, NewJob};
use crate::store::progress::{self, DeadObject, EntityProgress};

/// What to synchronise.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSync {
    /// May be left out when there is one infobase.
    infobase_id: Option<Uuid>,
    /// The same as `"mode": "full"`.
    #[serde(default)]
    full: bool,
    /// `incremental` when it is left out.
    mode: Option<Mode>,
    /// Entities, or entity sets of 1C, to which it is limited; all when it is empty.
    #[serde(default)]
    scope: Vec<String>,
}

/// A job that was queued.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Started {
    job_id: Uuid,
    status_url: String,
    events_url: String,
}

/// Queues a synchronisation.
pub(crate) async fn start(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<StartSync>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let mut transaction = state.pool.begin().await.store("begin")?;
    let infobase = choose_infobase(&mut transaction, &identity, request.infobase_id, "/infobase_id").await?;
    if infobase.kind != Kind::Odata {
        return Err(Error::Infobase(InfobaseError::NotCalled).into());
    }
    let scope = check(state.profiles, &request, &infobase)?;
    let mode = match request.mode {
        // What was never read can only be read whole.
        _ if request.full || infobase.as_of.is_none() => Mode::Full,
        Some(mode) => mode,
        None => Mode::Incremental,
    };
    let new = NewJob {
        id: ids::new_id(),
        infobase: infobase.id,
        mode,
        scope: &scope,
        requested_by: Some(identity.user_id),
    };
    if !jobs::enqueue(&mut transaction, &new).await? {
        let running = jobs::active(&mut transaction, infobase.id).await?;
        return Err(Error::SyncRunning(running.unwrap_or(new.id)).into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"job_id": new.id, "full": mode == Mode::Full, "mode": mode, "scope": scope});
    let target = format!("infobase:{}", infobase.id);
    audit(&mut transaction, &state, &caller, "sync.started", target, details).await?;
    transaction.commit().await.store("commit")?;
    state.queued.notify_one();
    let started = Started {
        job_id: new.id,
        status_url: status_url(new.id),
        events_url: format!("{}/events", status_url(new.id)),
    };
    Ok((StatusCode::ACCEPTED, Json(started)))
}

/// The entities of a request's scope, by their own names.
fn check(profiles: Profiles, request: &StartSync, infobase: &Infobase) -> Result<Vec<String>, Problem> {
    let mut violations = Violations::new();
    violations.check(
        !request.full || matches!(request.mode, None | Some(Mode::Full)),
        "/mode",
        Text::new(
            "full=true и другой mode противоречат друг другу.",
            "full=true and another mode contradict each other.",
        ),
    );
    let mut scope = Vec::new();
    for (at, name) in request.scope.iter().enumerate() {
        match profiles.entity(infobase.profile.as_deref(), name) {
            Some(entity) if scope.contains(&entity) => {}
            Some(entity) => scope.push(entity),
            None => violations.add(
                &format!("/scope/{at}"),
                Text::new(
                    "Такого вида данных в копии нет.",
                    "The copy has no data of this kind.",
                ),
            ),
        }
    }
    violations.finish()?;
    Ok(scope)
}

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobView {
    id: Uuid,
    infobase_id: Uuid,
    full: bool,
    mode: Mode,
    scope: Vec<String>,
    state: String,
    /// Somebody has cancelled it; it stops within seconds.
    cancel_requested: bool,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// Rows written.
    rows: i64,
    /// Objects and rows that 1C gave.
    done: i64,
    /// Answers of 1C that they came in.
    pages: i64,
    /// What 1C gives in a second, over the whole job.
    rate: Option<f64>,
    /// Seconds until the end at this rate, while it runs and it is known how much there is.
    eta_seconds: Option<f64>,
    dead_objects: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<Vec<EntityView>>,
}

/// Progress of one entity.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntityView {
    name: String,
    state: String,
    /// Objects or rows read.
    done: i64,
    /// How many there are, once it is known.
    total: Option<i64>,
    pages: i64,
    /// Rows written.
    rows: i64,
    rate: Option<f64>,
    eta_seconds: Option<f64>,
}

impl JobView {
    /// A job as it is at a moment; with the progress of its entities, if that was asked for.
    pub(crate) fn new(job: Job, entities: Option<Vec<EntityProgress>>, now: DateTime<Utc>) -> Self {
        let until = job.finished_at.unwrap_or(now);
        let rate = job.started_at.and_then(|start| rate(job.done, start, until));
        let is_running = job.state == "running";
        let entities: Option<Vec<EntityView>> = entities.map(|entities| {
            entities
                .into_iter()
                .map(|entity| EntityView::new(entity, is_running, now))
                .collect()
        });
        // Known for a full load once all has been counted; comparisons do not count beforehand.
        let left = entities
            .iter()
            .flatten()
            .try_fold(0, |left, entity| match entity.state.as_str() {
                "done" => Some(left),
                _ => Some(left + (entity.total? - entity.done).max(0)),
            });
        let eta_seconds = match (is_running && entities.is_some(), left, rate) {
            (true, Some(left), Some(rate)) if rate > 0.0 => Some(seconds(left, rate)),
            _ => None,
        };
        Self {
            id: job.id,
            infobase_id: job.infobase_id,
            full: job.mode() == Mode::Full,
            mode: job.mode(),
            scope: job.scope,
            state: job.state,
            cancel_requested: job.cancel_requested,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            rows: job.rows,
            done: job.done,
            pages: job.pages,
            rate,
            eta_seconds,
            dead_objects: job.dead_objects,
            error: job.error_code,
            entities,
        }
    }
}

impl EntityView {
    fn new(entity: EntityProgress, is_running: bool, now: DateTime<Utc>) -> Self {
        let until = if entity.state == "running" && is_running {
            now
        } else {
            entity.moved_at.unwrap_or(now)
        };
        let rate = entity
            .started_at
            .and_then(|start| rate(entity.done, start, until));
        let eta_seconds = match (entity.state.as_str(), entity.total, rate) {
            ("running", Some(total), Some(rate)) if is_running && rate > 0.0 => {
                Some(seconds((total - entity.done).max(0), rate))
            }
            _ => None,
        };
        Self {
            name: entity.entity,
            state: entity.state,
            done: entity.done,
            total: entity.total,
            pages: entity.pages,
            rows: entity.rows,
            rate,
            eta_seconds,
        }
    }
}

/// To a tenth.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn rate(done: i64, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<f64> {
    let seconds = (to - from).as_seconds_f64();
    let done = i32::try_from(done).map_or(f64::MAX, f64::from);
    (seconds > 0.0).then(|| rounded(done / seconds))
}

fn seconds(left: i64, rate: f64) -> f64 {
    rounded(i32::try_from(left).map_or(f64::MAX, f64::from) / rate)
}

/// A job that the caller may see.
pub(super) async fn visible(
    connection: &mut PgConnection,
    identity: &Identity,
    id: Uuid,
) -> Result<Job, Problem> {
    let job = jobs::get(connection, id, &Sight::of(identity)).await?;
    Ok(job.ok_or(Error::JobNotFound)?)
}

/// One job with the progress of its entities.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<JobView>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let job = visible(&mut connection, &identity, id).await?;
    let entities = progress::progress(&mut connection, id).await?;
    Ok(Json(JobView::new(job, Some(entities), state.clock.now())))
}

/// Which jobs are listed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    infobase: Option<Uuid>,
    state: Option<JobState>,
}

/// States of jobs.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum JobState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Jobs, the latest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let listed = Listed {
        before: page.after()?,
        infobase: query.infobase,
        state: query.state.map(JobState::as_str),
        sight: Sight::of(&identity),
    };
    let limit = page.limit();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let rows = jobs::list(&mut connection, &listed, limit + 1).await?;
    let now = state.clock.now();
    let rows = rows.into_iter().map(|job| JobView::new(job, None, now)).collect();
    Ok(Json(Page::from_rows(rows, limit, |job: &JobView| job.id)))
}

/// Cancels a job. What was written stays: whole pages, each true of the moment when it was read.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let mut transaction = state.pool.begin().await.store("begin")?;
    let job = visible(&mut transaction, &identity, id).await?;
    if !jobs::cancel(&mut transaction, id).await? {
        return Err(Error::JobOver.into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let target = format!("infobase:{}", job.infobase_id);
    let details = json!({"job_id": id});
    audit(
        &mut transaction,
        &state,
        &caller,
        "sync.cancelled",
        target,
        details,
    )
    .await?;
    let job = visible(&mut transaction, &identity, id).await?;
    transaction.commit().await.store("commit")?;
    Ok((
        StatusCode::ACCEPTED,
        Json(JobView::new(job, None, state.clock.now())),
    ))
}

/// An object that a job could not read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeadObjectView {
    entity: String,
    /// The entity set of 1C and the reference in it.
    set: String,
    #[serde(rename = "ref")]
    reference: Uuid,
    code: String,
    /// The property that could not be understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl From<DeadObject> for DeadObjectView {
    fn from(object: DeadObject) -> Self {
        Self {
            entity: object.entity,
            set: object.object_set,
            reference: object.reference,
            code: object.code,
            field: object.field,
        }
    }
}

/// What a job could not read.
pub(crate) async fn dead_objects(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DeadObjectView>>, Problem> {
    let after: Option<(Uuid, String)> = page.after()?;
    let limit = page.limit();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    visible(&mut connection, &identity, id).await?;
    let rows = progress::dead_objects(&mut connection, id, after.as_ref(), limit + 1).await?;
    let rows = rows.into_iter().map(DeadObjectView::from).collect();
    let position = |object: &DeadObjectView| (object.reference, object.entity.clone());
    Ok(Json(Page::from_rows(rows, limit, position)))
}

/// Where a client of the gateway asks for the state of a job.
pub(crate) fn status_url(job: Uuid) -> String {
    format!("/api/1c/sync/jobs/{job}")
}
