//! `analytics.report_jobs` and `analytics.report_files`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A job whose holder has not been heard of for this long is taken up by another.
pub(crate) const LEASE_SECONDS: f64 = 30.0;
/// A job that has brought down this many holders fails.
pub(crate) const MAX_ATTEMPTS: i32 = 3;

/// A job to be made.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) request_hash: &'a [u8],
    pub(crate) report: &'a str,
    pub(crate) format: &'a str,
    pub(crate) dialect: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) title: &'a str,
    pub(crate) payload: Value,
    pub(crate) rows: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A job with its file, as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: Uuid,
    pub(crate) request_hash: Vec<u8>,
    pub(crate) report: String,
    pub(crate) title: String,
    pub(crate) format: String,
    pub(crate) state: String,
    pub(crate) rows: i64,
    pub(crate) rows_done: i64,
    pub(crate) error: Option<String>,
    pub(crate) error_detail: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) file_id: Option<Uuid>,
    pub(crate) file_name: Option<String>,
    pub(crate) file_size: Option<i64>,
    pub(crate) file_sha256: Option<Vec<u8>>,
    pub(crate) file_expires_at: Option<DateTime<Utc>>,
    pub(crate) file_control: Option<Value>,
}

/// A job that has been taken up.
#[derive(Debug)]
pub(crate) struct TakenJob {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) format: String,
    pub(crate) dialect: String,
    pub(crate) locale: String,
    pub(crate) payload: Value,
    pub(crate) attempts: i32,
}

/// A file.
#[derive(Debug)]
pub(crate) struct FileRow {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) content_type: String,
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) sha256: Vec<u8>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A file to be stored.
#[derive(Debug)]
pub(crate) struct NewFile<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) title: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) content: &'a [u8],
    pub(crate) sha256: &'a [u8],
    pub(crate) rows: i64,
    pub(crate) control: Value,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Why a job ends without a file.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The stable code.
    pub(crate) code: &'static str,
    /// What to do about it, in the language of the request.
    pub(crate) detail: Option<String>,
}

/// Makes a job; false when the owner has one with this idempotency key.
pub(crate) async fn insert(connection: &mut PgConnection, job: &NewJob<'_>) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into analytics.report_jobs (id, owner, idempotency_key, request_hash, report, format, dialect,
             locale, payload, rows, created_at, title)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict on constraint report_jobs_idempotency do nothing",
        job.id,
        job.owner,
        job.idempotency_key,
        job.request_hash,
        job.report,
        job.format,
        job.dialect,
        job.locale,
        job.payload,
        job.rows,
        job.created_at,
        job.title
    )
    .execute(connection)
    .await
    .store("report_job_insert")?;
    Ok(inserted.rows_affected() == 1)
}

/// The owner's job with this id.
pub(crate) async fn job(
    connection: &mut PgConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Option<JobRow>, StoreError> {
    sqlx::query_as!(
        JobRow,
        r#"select job.id, request_hash, report, job.title, format, state, job.rows, rows_done, error, error_detail,
                  job.created_at, started_at, finished_at, file.id as "file_id?", file.name as "file_name?",
                  file.size as "file_size?", file.sha256 as "file_sha256?", file.expires_at as "file_expires_at?",
                  file.control as file_control
           from analytics.report_jobs job left join analytics.report_files file on file.job_id = job.id
           where job.owner = $1 and job.id = $2"#,
        owner,
        id
    )
    .fetch_optional(connection)
    .await
    .store("report_job")
}

/// The owner's jobs before `before`, the latest first.
pub(crate) async fn jobs(
    connection: &mut PgConnection,
    owner: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<JobRow>, StoreError> {
    sqlx::query_as!(
        JobRow,
        r#"select job.id, request_hash, report, job.title, format, state, job.rows, rows_done, error, error_detail,
                  job.created_at, started_at, finished_at, file.id as "file_id?", file.name as "file_name?",
                  file.size as "file_size?", file.sha256 as "file_sha256?", file.expires_at as "file_expires_at?",
                  file.control as file_control
           from analytics.report_jobs job left join analytics.report_files file on file.job_id = job.id
           where job.owner = $1 and ($2::uuid is null or job.id < $2)
           order by job.id desc limit $3"#,
        owner,
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("report_jobs")
}

/// How many of the owner's jobs have not ended.
pub(crate) async fn count_unfinished(connection: &mut PgConnection, owner: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from analytics.report_jobs
           where owner = $1 and state in ('queued', 'running')"#,
        owner
    )
    .fetch_one(connection)
    .await
    .store("report_jobs_unfinished")
}

/// Stores rows of a job, as a JSON list.
pub(crate) async fn insert_piece(
    connection: &mut PgConnection,
    job: Uuid,
    piece: i32,
    rows: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.report_rows (job_id, piece, rows) values ($1, $2, $3)",
        job,
        piece,
        rows
    )
    .execute(connection)
    .await
    .store("report_piece_insert")?;
    Ok(())
}

/// Rows of a job by the number of their piece.
pub(crate) async fn piece(
    connection: &mut PgConnection,
    job: Uuid,
    piece: i32,
) -> Result<Option<Vec<u8>>, StoreError> {
    sqlx::query_scalar!(
        "select rows from analytics.report_rows where job_id = $1 and piece = $2",
        job,
        piece
    )
    .fetch_optional(connection)
    .await
    .store("report_piece")
}

/// Ends a job that nobody wants any more; false when it has ended already.
pub(crate) async fn cancel(
    connection: &mut PgConnection,
    owner: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "update analytics.report_jobs set
             state = 'cancelled', finished_at = $3, payload = null, lease_by = null, lease_until = null
         where owner = $1 and id = $2 and state in ('queued', 'running')",
        owner,
        id,
        now
    )
    .execute(&mut *connection)
    .await
    .store("report_job_cancel")?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    delete_pieces(connection, id).await?;
    Ok(true)
}

/// Gives a job back that was not ended, as at the end of the process.
pub(crate) async fn release(connection: &mut PgConnection, id: Uuid, holder: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update analytics.report_jobs set
             state = 'queued', attempts = attempts - 1, lease_by = null, lease_until = null, rows_done = 0
         where id = $1 and lease_by = $2 and state = 'running'",
        id,
        holder
    )
    .execute(connection)
    .await
    .store("report_job_release")?;
    Ok(())
}

async fn delete_pieces(connection: &mut PgConnection, job: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from analytics.report_rows where job_id = $1", job)
        .execute(connection)
        .await
        .store("report_pieces_delete")?;
    Ok(())
}

/// The owner's job with this idempotency key, unless it came to nothing or its file is gone: then
/// the key is free again.
pub(crate) async fn job_by_key(
    connection: &mut PgConnection,
    owner: Uuid,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<JobRow>, StoreError> {
    sqlx::query!(
        "update analytics.report_jobs job set idempotency_key = null
         where owner = $1 and idempotency_key = $2 and (state in ('failed', 'cancelled') or exists (
             select from analytics.report_files file where file.job_id = job.id and file.expires_at <= $3))",
        owner,
        key,
        now
    )
    .execute(&mut *connection)
    .await
    .store("report_job_free_key")?;
    let id = sqlx::query_scalar!(
        "select id from analytics.report_jobs where owner = $1 and idempotency_key = $2",
        owner,
        key
    )
    .fetch_optional(&mut *connection)
    .await
    .store("report_job_by_key")?;
    match id {
        Some(id) => job(connection, owner, id).await,
        None => Ok(None),
    }
}

/// Takes up the oldest job that waits or whose holder has died.
pub(crate) async fn take(
    connection: &mut PgConnection,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Option<TakenJob>, StoreError> {
    sqlx::query_as!(
        TakenJob,
        r#"update analytics.report_jobs set
               state = 'running', attempts = attempts + 1, lease_by = $1,
               lease_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, $3)
           where id = (
               select id from analytics.report_jobs
               where state = 'queued' or (state = 'running' and lease_until < now())
               order by id limit 1 for update skip locked
           )
           returning id, owner, format, dialect, locale, payload as "payload!", attempts"#,
        holder,
        LEASE_SECONDS,
        now
    )
    .fetch_optional(connection)
    .await
    .store("report_job_take")
}

/// Says that the holder still works on the job and how far it is; false when another has taken it up
/// or it was cancelled.
pub(crate) async fn renew(
    connection: &mut PgConnection,
    id: Uuid,
    holder: &str,
    rows_done: i64,
) -> Result<bool, StoreError> {
    let renewed = sqlx::query!(
        "update analytics.report_jobs set lease_until = now() + make_interval(secs => $3), rows_done = $4
         where id = $1 and lease_by = $2 and state = 'running'",
        id,
        holder,
        LEASE_SECONDS,
        rows_done
    )
    .execute(connection)
    .await
    .store("report_job_renew")?;
    Ok(renewed.rows_affected() == 1)
}

/// Ends a job with its file, or with an error; false when another holder has taken it up.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    job: &TakenJob,
    holder: &str,
    outcome: Result<&NewFile<'_>, &Failure>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "update analytics.report_jobs set
             state = $3, error = $4, error_detail = $5, finished_at = $6, rows_done = coalesce($7, rows_done),
             payload = null, lease_by = null, lease_until = null
         where id = $1 and lease_by = $2 and state = 'running'",
        job.id,
        holder,
        if outcome.is_ok() { "succeeded" } else { "failed" },
        outcome.err().map(|failure| failure.code),
        outcome.err().and_then(|failure| failure.detail.as_deref()),
        now,
        outcome.ok().map(|file| file.rows)
    )
    .execute(&mut *connection)
    .await
    .store("report_job_finish")?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    delete_pieces(connection, job.id).await?;
    if let Ok(file) = outcome {
        sqlx::query!(
            "insert into analytics.report_files
                 (id, job_id, owner, name, content_type, content, size, sha256, rows, created_at, expires_at,
                  title, control)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            file.id,
            job.id,
            job.owner,
            file.name,
            file.content_type,
            file.content,
            i64::try_from(file.content.len()).unwrap_or(i64::MAX),
            file.sha256,
            file.rows,
            file.created_at,
            file.expires_at,
            file.title,
            file.control
        )
        .execute(connection)
        .await
        .store("report_file_insert")?;
    }
    Ok(true)
}

/// The owner's file with this id.
pub(crate) async fn file(
    connection: &mut PgConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Option<FileRow>, StoreError> {
    sqlx::query_as!(
        FileRow,
        "select name, title, content_type, content, sha256, expires_at
         from analytics.report_files where owner = $1 and id = $2",
        owner,
        id
    )
    .fetch_optional(connection)
    .await
    .store("report_file")
}

/// The file with this id, for somebody who has a link to it.
pub(crate) async fn linked_file(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<FileRow>, StoreError> {
    sqlx::query_as!(
        FileRow,
        "select name, title, content_type, content, sha256, expires_at
         from analytics.report_files where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("report_linked_file")
}

/// Removes the content of expired files, and jobs and runs of schedules that ended before `forget`.
pub(crate) async fn delete_expired(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    forget: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update analytics.report_files set content = null where content is not null and expires_at <= $1",
        now
    )
    .execute(&mut *connection)
    .await
    .store("report_files_expire")?;
    sqlx::query!("delete from analytics.report_runs where finished_at < $1", forget)
        .execute(&mut *connection)
        .await
        .store("report_runs_delete")?;
    sqlx::query!("delete from analytics.report_jobs where finished_at < $1", forget)
        .execute(connection)
        .await
        .store("report_jobs_delete")?;
    Ok(())
}

/// Jobs by state.
pub(crate) async fn count_by_state(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, StoreError> {
    let rows =
        sqlx::query!(r#"select state, count(*) as "count!" from analytics.report_jobs group by state"#)
            .fetch_all(connection)
            .await
            .store("report_jobs_count")?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}
