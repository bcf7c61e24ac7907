//! `/sync`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query};
use common::ids;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Caller, audit};
use crate::error::Error;
use crate::reports::choose_infobase;
use crate::state::AppState;
use crate::store::jobs;

/// What to synchronise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSync {
    /// May be left out when there is one infobase.
    infobase_id: Option<Uuid>,
    /// Everything, rather than what may have changed.
    #[serde(default)]
    full: bool,
}

/// A job that was queued.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    job_id: Uuid,
    status_url: String,
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
    // What was never read can only be read whole.
    let full = request.full || infobase.as_of.is_none();
    let job = ids::new_id();
    if !jobs::enqueue(&mut transaction, job, infobase.id, full, Some(identity.user_id)).await? {
        let running = jobs::active(&mut transaction, infobase.id).await?;
        return Err(Error::SyncRunning(running.unwrap_or(job)).into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"job_id": job, "full": full});
    let target = format!("infobase:{}", infobase.id);
    audit(&mut transaction, &state, &caller, "sync.started", target, details).await?;
    transaction.commit().await.store("commit")?;
    state.queued.notify_one();
    let started = Started {
        job_id: job,
        status_url: status_url(job),
    };
    Ok((StatusCode::ACCEPTED, Json(started)))
}

/// A job.
#[derive(Debug, Serialize)]
pub(crate) struct JobView {
    id: Uuid,
    infobase_id: Uuid,
    full: bool,
    state: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// Rows written.
    rows: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<Vec<EntityView>>,
}

/// Progress of one entity.
#[derive(Debug, Serialize)]
pub(crate) struct EntityView {
    name: String,
    state: String,
    /// Objects or rows read.
    done: i64,
    /// How many there are, once it is known.
    total: Option<i64>,
}

impl From<jobs::Job> for JobView {
    fn from(job: jobs::Job) -> Self {
        Self {
            id: job.id,
            infobase_id: job.infobase_id,
            full: job.full_read,
            state: job.state,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            rows: job.rows,
            error: job.error_code,
            entities: None,
        }
    }
}

/// One job with the progress of its entities.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
) -> Result<Json<JobView>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let job = jobs::get(&mut connection, id).await?.ok_or(Error::JobNotFound)?;
    let entities = jobs::progress(&mut connection, id).await?;
    let mut view = JobView::from(job);
    view.entities = Some(
        entities
            .into_iter()
            .map(|entity| EntityView {
                name: entity.entity,
                state: entity.state,
                done: entity.done,
                total: entity.total,
            })
            .collect(),
    );
    Ok(Json(view))
}

/// Jobs, the latest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let before: Option<Uuid> = page.after()?;
    let limit = page.limit();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let rows = jobs::list(&mut connection, before, limit + 1).await?;
    let rows = rows.into_iter().map(JobView::from).collect();
    Ok(Json(Page::from_rows(rows, limit, |job: &JobView| job.id)))
}

/// Where a client of the gateway asks for the state of a job.
pub(crate) fn status_url(job: Uuid) -> String {
    format!("/api/1c/sync/jobs/{job}")
}
