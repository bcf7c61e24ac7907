//! `/reports/jobs`, `/reports/files` and `/reports/links`: what has become of a report.

use ::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Query};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::PUBLIC_PREFIX;
use super::report_audit::record;
use crate::error::Error;
use crate::state::AppState;
use crate::store::reports::{self as store, FileRow, JobRow};

/// What stays as it is in a name within a header (RFC 8187, section 3.2.1).
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The caller's own job.
pub(super) async fn load(state: &AppState, identity: &Identity, id: Uuid) -> Result<JobRow, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let job = store::job(&mut connection, identity.user_id, id).await?;
    job.ok_or(Error::NotFound)
}

/// A job as its owner sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobResponse {
    pub(crate) job_id: Uuid,
    report: String,
    title: String,
    format: String,
    /// `queued`, `running`, `succeeded`, `failed`, `cancelled`, or `expired` when the file is gone.
    state: String,
    rows: i64,
    progress: ProgressResponse,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileResponse>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProgressResponse {
    rows_done: i64,
    rows_total: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FileResponse {
    id: Uuid,
    /// For its owner, with a token.
    url: String,
    /// For whoever has it, until the file is gone.
    link: Option<String>,
    name: Option<String>,
    size: Option<i64>,
    sha256: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    /// Rows and sums of columns, counted while the file was written.
    control: Option<Value>,
}

impl JobResponse {
    fn new(job: JobRow, state: &AppState) -> Self {
        let now = state.clock.now();
        let expired = job.file_expires_at.is_some_and(|at| at <= now);
        let link = |id| {
            let query = state.links.sign(id, job.file_expires_at?);
            Some(format!("{PUBLIC_PREFIX}/reports/links/{id}?{query}"))
        };
        let file = job.file_id.filter(|_| !expired).map(|id| FileResponse {
            id,
            url: format!("{PUBLIC_PREFIX}/reports/files/{id}"),
            link: link(id),
            name: job.file_name,
            size: job.file_size,
            sha256: job.file_sha256.map(hex::encode),
            expires_at: job.file_expires_at,
            control: job.file_control,
        });
        Self {
            job_id: job.id,
            report: job.report,
            title: job.title,
            format: job.format,
            state: if expired { "expired".to_owned() } else { job.state },
            rows: job.rows,
            progress: ProgressResponse {
                rows_done: job.rows_done,
                rows_total: job.rows,
            },
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            error: job.error,
            error_detail: job.error_detail,
            file,
        }
    }
}

/// One's own report jobs, the newest first.
pub(crate) async fn jobs(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<JobResponse>>, Error> {
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let jobs = store::jobs(&mut connection, identity.user_id, before, limit + 1).await?;
    let jobs = jobs
        .into_iter()
        .map(|job| JobResponse::new(job, &state))
        .collect();
    Ok(Json(Page::from_rows(jobs, limit, |job: &JobResponse| job.job_id)))
}

/// A report job: how far it is, and its file.
pub(crate) async fn job(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<JobResponse>, Error> {
    let job = load(&state, &identity, id).await?;
    Ok(Json(JobResponse::new(job, &state)))
}

/// Ends a job that has not ended. Cancelling twice is no mistake.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<JobResponse>, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let cancelled = store::cancel(&mut transaction, identity.user_id, id, state.clock.now()).await?;
    let job = store::job(&mut transaction, identity.user_id, id).await?;
    let job = job.ok_or(Error::NotFound)?;
    if cancelled {
        let (target, details) = (format!("report_job:{id}"), json!({ "report": job.report }));
        record(
            &mut transaction,
            &state,
            &identity,
            ip,
            "reports.cancelled",
            target,
            details,
        )
        .await?;
    } else if job.state != "cancelled" {
        return Err(Error::JobEnded);
    }
    transaction.commit().await.store("commit")?;
    Ok(Json(JobResponse::new(job, &state)))
}

/// The file of a job.
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
    answer(state, file.ok_or(Error::NotFound)?)
}

/// What makes a link.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct LinkQuery {
    /// Seconds since 1970.
    expires: i64,
    signature: String,
}

/// The file, for whoever has the link.
pub(crate) async fn link(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    Query(query): Query<LinkQuery>,
) -> Result<Response, Error> {
    state
        .links
        .check(id, query.expires, &query.signature, state.clock.now())?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let file = store::linked_file(&mut connection, id).await?;
    // A file that was forgotten has expired long before.
    answer(&state, file.ok_or(Error::FileExpired)?)
}

fn answer(state: &AppState, file: FileRow) -> Result<Response, Error> {
    let content = match file.content {
        Some(content) if file.expires_at > state.clock.now() => content,
        _ => return Err(Error::FileExpired),
    };
    let titled = utf8_percent_encode(&file.title, NAME);
    let headers = [
        (CONTENT_TYPE, file.content_type),
        (
            CONTENT_DISPOSITION,
            format!(
                "attachment; filename=\"{}\"; filename*=UTF-8''{titled}",
                file.name
            ),
        ),
        (ETAG, format!("\"{}\"", hex::encode(file.sha256))),
        // A shared cache must not keep what one user may see.
        (CACHE_CONTROL, "private, no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, content).into_response())
}
