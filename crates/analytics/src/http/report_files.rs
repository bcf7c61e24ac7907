//! `/reports/jobs` and `/reports/files`: what has become of a report.

use ::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Path};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::PUBLIC_PREFIX;
use crate::error::Error;
use crate::state::AppState;
use crate::store::reports::{self as store, JobRow};

/// The caller's own job.
pub(super) async fn load(state: &AppState, identity: &Identity, id: Uuid) -> Result<JobRow, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let job = store::job(&mut connection, identity.user_id, id).await?;
    job.ok_or(Error::NotFound)
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobResponse {
    job_id: Uuid,
    report: String,
    format: String,
    /// `queued`, `running`, `succeeded`, `failed`, or `expired` when the file is gone.
    state: String,
    rows: i64,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileResponse>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FileResponse {
    id: Uuid,
    url: String,
    name: Option<String>,
    size: Option<i64>,
    sha256: Option<String>,
    expires_at: Option<DateTime<Utc>>,
}

/// GET /reports/jobs/{id}
pub(crate) async fn job(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<JobResponse>, Error> {
    let job = load(&state, &identity, id).await?;
    let expired = job.file_expires_at.is_some_and(|at| at <= state.clock.now());
    let file = job.file_id.filter(|_| !expired).map(|id| FileResponse {
        id,
        url: format!("{PUBLIC_PREFIX}/reports/files/{id}"),
        name: job.file_name,
        size: job.file_size,
        sha256: job.file_sha256.map(hex::encode),
        expires_at: job.file_expires_at,
    });
    Ok(Json(JobResponse {
        job_id: job.id,
        report: job.report,
        format: job.format,
        state: if expired { "expired".to_owned() } else { job.state },
        rows: job.rows,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        error: job.error,
        file,
    }))
}

/// GET /reports/files/{id}
pub(crate) async fn file(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Response, Error> {
    serve(&state, &identity, id).await
}

/// The caller's own file.
pub(super) async fn serve(state: &AppState, identity: &Identity, id: Uuid) -> Result<Response, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let file = store::file(&mut connection, identity.user_id, id).await?;
    let file = file.ok_or(Error::NotFound)?;
    let content = match file.content {
        Some(content) if file.expires_at > state.clock.now() => content,
        _ => return Err(Error::FileExpired),
    };
    let headers = [
        (CONTENT_TYPE, file.content_type),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", file.name),
        ),
        (ETAG, format!("\"{}\"", hex::encode(file.sha256))),
        // A shared cache must not keep what one user may see.
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, content).into_response())
}
