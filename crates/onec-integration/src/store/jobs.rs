//! The queue of synchronisations and their progress.
//!
//! A job is held under a lease. Every write of a job checks in its own transaction that the job is
//! still held under the same attempt, so that a replica that was silent too long cannot write over
//! the one that took its job.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use schemars::JsonSchema;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sight::Sight;

/// Seconds that a holder may be silent.
pub(crate) const LEASE_SECONDS: f64 = 12.0;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Reads everything.
    Full,
    /// Reads what has changed: what 1C has registered, or what versions of late tell.
    Incremental,
    /// Compares all versions, so that old changes and deletions are found too.
    Reconcile,
}

impl Mode {
    /// Its name, in the database and in requests.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Reconcile => "reconcile",
        }
    }

    /// Rows of versions before know full reading only.
    fn stored(mode: Option<&str>, full_read: bool) -> Self {
        match mode {
            Some("full") => Self::Full,
            Some("reconcile") => Self::Reconcile,
            Some(_) => Self::Incremental,
            None if full_read => Self::Full,
            None => Self::Incremental,
        }
    }
}

/// A job that this replica holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) mode: Mode,
    /// Entities to which it is limited; empty means all.
    pub(crate) scope: Vec<String>,
    pub(crate) attempt: i32,
}

/// A job, to be shown.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) full_read: bool,
    pub(crate) mode: Option<String>,
    pub(crate) scope: Vec<String>,
    pub(crate) state: String,
    pub(crate) cancel_requested: bool,
    /// Rows written.
    pub(crate) rows: i64,
    /// Objects and rows read, and the answers of 1C that they came in.
    pub(crate) done: i64,
    pub(crate) pages: i64,
    pub(crate) dead_objects: i32,
    pub(crate) error_code: Option<String>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

impl Job {
    /// What it does.
    pub(crate) fn mode(&self) -> Mode {
        Mode::stored(self.mode.as_deref(), self.full_read)
    }

    /// True when nothing of it changes any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "failed" | "cancelled")
    }
}

/// A job to be queued.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    pub(crate) id: Uuid,
    pub(crate) infobase: Uuid,
    pub(crate) mode: Mode,
    pub(crate) scope: &'a [String],
    pub(crate) requested_by: Option<Uuid>,
}

/// Queues a job unless one is active for the infobase.
pub(crate) async fn enqueue(connection: &mut PgConnection, new: &NewJob<'_>) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into onec.sync_jobs (id, infobase_id, full_read, mode, scope, state, requested_by)
         values ($1, $2, $3, $4, $5, 'queued', $6)
         on conflict (infobase_id) where state in ('queued', 'running') do nothing",
        new.id,
        new.infobase,
        new.mode == Mode::Full,
        new.mode.as_str(),
        new.scope,
        new.requested_by,
    )
    .execute(connection)
    .await
    .store("job_enqueue")?;
    Ok(inserted.rows_affected() == 1)
}

/// The job that is queued or runs for an infobase.
pub(crate) async fn active(
    connection: &mut PgConnection,
    infobase: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from onec.sync_jobs where infobase_id = $1 and state in ('queued', 'running')",
        infobase
    )
    .fetch_optional(connection)
    .await
    .store("job_active")
}

/// When jobs of an infobase are due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) infobase: Uuid,
    /// Seconds between incremental jobs.
    pub(crate) interval: f64,
    /// Everything has to be compared once since then.
    pub(crate) reconcile_since: DateTime<Utc>,
    /// The mirror was whole once.
    pub(crate) is_mirrored: bool,
}

/// Queues what is due: an infobase's first full job, a full job that failed again, so that it goes
/// on where it stopped (later each time), the nightly comparison, or an incremental one.
pub(crate) async fn enqueue_due(
    connection: &mut PgConnection,
    new_id: Uuid,
    due: &Due,
) -> Result<bool, StoreError> {
    let last = sqlx::query!(
        "select id, full_read, state, cardinality(scope) = 0 as \"is_whole!\",
                finished_at > now() - make_interval(secs => $2) as fresh,
                finished_at > now() - make_interval(secs => least(5 * attempt, 300)) as just_now,
                exists (select 1 from onec.sync_jobs compared
                        where compared.infobase_id = $1 and compared.created_at >= $3
                          and (compared.mode = 'reconcile' or compared.full_read)
                          and cardinality(compared.scope) = 0) as \"is_compared!\"
         from onec.sync_jobs where infobase_id = $1 order by id desc limit 1",
        due.infobase,
        due.interval,
        due.reconcile_since,
    )
    .fetch_optional(&mut *connection)
    .await
    .store("job_last")?;
    let (is_due, mode, again) = match last {
        None => (true, Mode::Full, None),
        Some(job) => {
            let is_first = job.full_read && job.is_whole && !due.is_mirrored;
            match job.state.as_str() {
                "queued" | "running" => (false, Mode::Full, None),
                "failed" if job.full_read && job.is_whole => {
                    (job.just_now == Some(false), Mode::Full, Some(job.id))
                }
                // It waits as long as any other job does, and goes on where it was cancelled.
                "cancelled" if is_first => (job.fresh != Some(true), Mode::Full, Some(job.id)),
                _ if !due.is_mirrored => (job.fresh != Some(true), Mode::Full, None),
                _ if !job.is_compared => (job.just_now != Some(true), Mode::Reconcile, None),
                _ => (job.fresh != Some(true), Mode::Incremental, None),
            }
        }
    };
    if !is_due {
        return Ok(false);
    }
    let Some(again) = again else {
        let new = NewJob {
            id: new_id,
            infobase: due.infobase,
            mode,
            scope: &[],
            requested_by: None,
        };
        return enqueue(connection, &new).await;
    };
    let requeued = sqlx::query!(
        "update onec.sync_jobs set state = 'queued', error_code = null, finished_at = null, owner = null,
                cancel_requested = false, version = version + 1
         where id = $1 and state in ('failed', 'cancelled')
           and not exists (select 1 from onec.sync_jobs other
                           where other.infobase_id = $2 and other.state in ('queued', 'running'))",
        again,
        due.infobase,
    )
    .execute(connection)
    .await
    .store("job_requeue")?;
    Ok(requeued.rows_affected() == 1)
}

/// Cancels a job: at once when it waits, else its worker is asked to stop. False when it is over.
pub(crate) async fn cancel(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let cancelled = sqlx::query!(
        "update onec.sync_jobs
         set cancel_requested = true, version = version + 1,
             state = case state when 'queued' then 'cancelled' else state end,
             finished_at = case state when 'queued' then now() end
         where id = $1 and state in ('queued', 'running')",
        id
    )
    .execute(connection)
    .await
    .store("job_cancel")?;
    Ok(cancelled.rows_affected() == 1)
}

/// Gives back jobs that an earlier process of this replica held.
pub(crate) async fn release_own(connection: &mut PgConnection, owner: &str) -> Result<u64, StoreError> {
    let released = sqlx::query!(
        "update onec.sync_jobs set state = 'queued', owner = null, lease_until = null
         where state = 'running' and owner = $1",
        owner
    )
    .execute(connection)
    .await
    .store("job_release_own")?;
    Ok(released.rows_affected())
}

/// Takes the oldest job that nobody holds.
pub(crate) async fn take(connection: &mut PgConnection, owner: &str) -> Result<Option<Held>, StoreError> {
    let taken = sqlx::query!(
        "update onec.sync_jobs
         set state = 'running', owner = $1, attempt = attempt + 1, version = version + 1,
             lease_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, now())
         where id = (select id from onec.sync_jobs
                     where state = 'queued' or (state = 'running' and lease_until < now())
                     order by created_at limit 1 for update skip locked)
         returning id, infobase_id, full_read, mode, scope, attempt",
        owner,
        LEASE_SECONDS,
    )
    .fetch_optional(connection)
    .await
    .store("job_take")?;
    Ok(taken.map(|job| Held {
        id: job.id,
        infobase_id: job.infobase_id,
        mode: Mode::stored(job.mode.as_deref(), job.full_read),
        scope: job.scope,
        attempt: job.attempt,
    }))
}

/// Keeps every other replica from writing into the mirror of an infobase until the transaction
/// ends. The fence of [`extend`] then decides whose transaction may commit.
pub(crate) async fn lock(connection: &mut PgConnection, infobase: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('onec.sync ' || $1::uuid::text, 0))",
        infobase
    )
    .execute(connection)
    .await
    .store("job_lock")?;
    Ok(())
}

/// The same for a part of the mirror of which no other part is written together with it: parts of one
/// job are written at once.
pub(crate) async fn lock_part(
    connection: &mut PgConnection,
    infobase: Uuid,
    part: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "select pg_advisory_xact_lock_shared(hashtextextended('onec.sync ' || $1::uuid::text, 0)),
                pg_advisory_xact_lock(hashtextextended('onec.sync ' || $1::uuid::text || $2, 0))",
        infobase,
        part,
    )
    .execute(connection)
    .await
    .store("job_lock_part")?;
    Ok(())
}

/// What a page of a job has added.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Added {
    /// Objects and rows that 1C gave.
    pub(crate) done: i64,
    /// Rows written.
    pub(crate) rows: i64,
    /// Answers of 1C.
    pub(crate) pages: i64,
    /// Objects that could not be read.
    pub(crate) dead: i32,
}

/// Extends the lease and counts; false when the job is held by somebody else now.
pub(crate) async fn extend(
    connection: &mut PgConnection,
    job: &Held,
    added: Added,
) -> Result<bool, StoreError> {
    let extended = sqlx::query!(
        "update onec.sync_jobs
         set lease_until = now() + make_interval(secs => $3), rows = rows + $4, done = done + $5,
             pages = pages + $6, dead_objects = dead_objects + $7, version = version + 1
         where id = $1 and attempt = $2 and state = 'running'",
        job.id,
        job.attempt,
        LEASE_SECONDS,
        added.rows,
        added.done,
        added.pages,
        added.dead,
    )
    .execute(connection)
    .await
    .store("job_extend")?;
    Ok(extended.rows_affected() == 1)
}

/// Extends the lease; tells whether the job is to be cancelled, or nothing when it is held by
/// somebody else now.
pub(crate) async fn beat(connection: &mut PgConnection, job: &Held) -> Result<Option<bool>, StoreError> {
    sqlx::query_scalar!(
        "update onec.sync_jobs set lease_until = now() + make_interval(secs => $3)
         where id = $1 and attempt = $2 and state = 'running'
         returning cancel_requested",
        job.id,
        job.attempt,
        LEASE_SECONDS,
    )
    .fetch_optional(connection)
    .await
    .store("job_beat")
}

/// Ends a job; nothing when it was held by somebody else.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    job: &Held,
    state: &str,
    error_code: Option<&str>,
) -> Result<Option<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "update onec.sync_jobs
         set state = $3, error_code = $4, finished_at = now(), lease_until = null, version = version + 1
         where id = $1 and attempt = $2 and state = 'running'
         returning id, infobase_id, full_read, mode, scope, state, cancel_requested, rows, done, pages,
                   dead_objects, error_code, version, created_at, started_at, finished_at",
        job.id,
        job.attempt,
        state,
        error_code,
    )
    .fetch_optional(connection)
    .await
    .store("job_finish")
}

/// One job, if it is of an infobase that the caller may see.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
    sight: &Sight,
) -> Result<Option<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "select id, infobase_id, full_read, mode, scope, state, cancel_requested, rows, done, pages,
                dead_objects, error_code, version, created_at, started_at, finished_at
         from onec.sync_jobs
         where id = $1
           and ($2::uuid[] is null
                or exists (select 1 from onec.companies
                           where companies.infobase_id = sync_jobs.infobase_id and companies.id = any($2)))
           and ($3::uuid[] is null or infobase_id = any($3))",
        id,
        sight.companies.as_deref(),
        sight.infobases.as_deref(),
    )
    .fetch_optional(connection)
    .await
    .store("job_get")
}

/// Which jobs are listed.
#[derive(Debug, Default)]
pub(crate) struct Listed<'a> {
    pub(crate) before: Option<Uuid>,
    pub(crate) infobase: Option<Uuid>,
    pub(crate) state: Option<&'a str>,
    pub(crate) sight: Sight,
}

/// Jobs, the latest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    listed: &Listed<'_>,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "select id, infobase_id, full_read, mode, scope, state, cancel_requested, rows, done, pages,
                dead_objects, error_code, version, created_at, started_at, finished_at
         from onec.sync_jobs
         where ($1::uuid is null or id < $1)
           and ($2::uuid is null or infobase_id = $2)
           and ($3::text is null or state = $3)
           and ($4::uuid[] is null
                or exists (select 1 from onec.companies
                           where companies.infobase_id = sync_jobs.infobase_id and companies.id = any($4)))
           and ($5::uuid[] is null or infobase_id = any($5))
         order by id desc limit $6",
        listed.before,
        listed.infobase,
        listed.state,
        listed.sight.companies.as_deref(),
        listed.sight.infobases.as_deref(),
        limit
    )
    .fetch_all(connection)
    .await
    .store("job_list")
}

/// Forgets old jobs; the latest hundred of an infobase stay.
pub(crate) async fn prune(connection: &mut PgConnection, infobase: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from onec.sync_jobs where infobase_id = $1 and state in ('succeeded', 'failed', 'cancelled')
         and id < (select id from onec.sync_jobs where infobase_id = $1 order by id desc offset 100 limit 1)",
        infobase
    )
    .execute(connection)
    .await
    .store("job_prune")?;
    Ok(())
}
