//! The queue of synchronisations and their progress.
//!
//! A job is held under a lease. Every write of a job checks in its own transaction that the job is
//! still held under the same attempt, so that a replica that was silent too long cannot write over
//! the one that took its job.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Seconds that a holder may be silent.
pub(crate) const LEASE_SECONDS: f64 = 12.0;

/// A job that this replica holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) full_read: bool,
    pub(crate) attempt: i32,
}

/// A job, to be shown.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) full_read: bool,
    pub(crate) state: String,
    pub(crate) rows: i64,
    pub(crate) error_code: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// Progress of one entity, to be shown.
#[derive(Debug)]
pub(crate) struct EntityProgress {
    pub(crate) entity: String,
    pub(crate) state: String,
    pub(crate) done: i64,
    pub(crate) total: Option<i64>,
}

/// Queues a job unless one is active for the infobase.
pub(crate) async fn enqueue(
    connection: &mut PgConnection,
    id: Uuid,
    infobase: Uuid,
    full_read: bool,
    requested_by: Option<Uuid>,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into onec.sync_jobs (id, infobase_id, full_read, state, requested_by)
         values ($1, $2, $3, 'queued', $4)
         on conflict (infobase_id) where state in ('queued', 'running') do nothing",
        id,
        infobase,
        full_read,
        requested_by,
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

/// Queues what is due: an infobase's first full job, its failed full job again, so that it goes on
/// where it stopped (later each time), or an incremental one. Infobases that do not answer wait.
pub(crate) async fn enqueue_due(
    connection: &mut PgConnection,
    new_id: Uuid,
    infobase: Uuid,
    interval_seconds: f64,
) -> Result<bool, StoreError> {
    let last = sqlx::query!(
        "select id, full_read, state, finished_at > now() - make_interval(secs => $2) as fresh,
                finished_at > now() - make_interval(secs => least(5 * attempt, 300)) as just_now
         from onec.sync_jobs where infobase_id = $1 order by id desc limit 1",
        infobase,
        interval_seconds,
    )
    .fetch_optional(&mut *connection)
    .await
    .store("job_last")?;
    let (due, full, again) = match last {
        None => (true, true, None),
        Some(job) => match job.state.as_str() {
            "queued" | "running" => (false, false, None),
            "failed" if job.full_read => (job.just_now == Some(false), true, Some(job.id)),
            _ => (job.fresh != Some(true), false, None),
        },
    };
    if !due {
        return Ok(false);
    }
    let Some(again) = again else {
        return enqueue(connection, new_id, infobase, full, None).await;
    };
    let requeued = sqlx::query!(
        "update onec.sync_jobs set state = 'queued', error_code = null, finished_at = null, owner = null
         where id = $1 and state = 'failed'
           and not exists (select 1 from onec.sync_jobs other
                           where other.infobase_id = $2 and other.state in ('queued', 'running'))",
        again,
        infobase,
    )
    .execute(connection)
    .await
    .store("job_requeue")?;
    Ok(requeued.rows_affected() == 1)
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
    sqlx::query_as!(
        Held,
        "update onec.sync_jobs
         set state = 'running', owner = $1, attempt = attempt + 1,
             lease_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, now())
         where id = (select id from onec.sync_jobs
                     where state = 'queued' or (state = 'running' and lease_until < now())
                     order by created_at limit 1 for update skip locked)
         returning id, infobase_id, full_read, attempt",
        owner,
        LEASE_SECONDS,
    )
    .fetch_optional(connection)
    .await
    .store("job_take")
}

/// Extends the lease and counts rows; false when the job is held by somebody else now.
pub(crate) async fn extend(connection: &mut PgConnection, job: &Held, rows: i64) -> Result<bool, StoreError> {
    let extended = sqlx::query!(
        "update onec.sync_jobs set lease_until = now() + make_interval(secs => $3), rows = rows + $4
         where id = $1 and attempt = $2 and state = 'running'",
        job.id,
        job.attempt,
        LEASE_SECONDS,
        rows,
    )
    .execute(connection)
    .await
    .store("job_extend")?;
    Ok(extended.rows_affected() == 1)
}

/// Ends a job; false when it was held by somebody else.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    job: &Held,
    error_code: Option<&str>,
) -> Result<Option<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "update onec.sync_jobs
         set state = case when $3::text is null then 'succeeded' else 'failed' end,
             error_code = $3, finished_at = now(), lease_until = null
         where id = $1 and attempt = $2 and state = 'running'
         returning id, infobase_id, full_read, state, rows, error_code, created_at, started_at, finished_at",
        job.id,
        job.attempt,
        error_code,
    )
    .fetch_optional(connection)
    .await
    .store("job_finish")
}

/// One job.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "select id, infobase_id, full_read, state, rows, error_code, created_at, started_at, finished_at
         from onec.sync_jobs where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("job_get")
}

/// Jobs, the latest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    sqlx::query_as!(
        Job,
        "select id, infobase_id, full_read, state, rows, error_code, created_at, started_at, finished_at
         from onec.sync_jobs where $1::uuid is null or id < $1 order by id desc limit $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("job_list")
}

/// Progress of a job, in the order of its entities.
pub(crate) async fn progress(
    connection: &mut PgConnection,
    job: Uuid,
) -> Result<Vec<EntityProgress>, StoreError> {
    sqlx::query_as!(
        EntityProgress,
        "select entity, state, done, total from onec.sync_progress where job_id = $1 order by ordinal",
        job
    )
    .fetch_all(connection)
    .await
    .store("job_progress")
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

/// Lists an entity among those of a job.
pub(crate) async fn entity_open(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    ordinal: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.sync_progress (job_id, entity, ordinal, state) values ($1, $2, $3, 'waiting')
         on conflict (job_id, entity) do update set ordinal = excluded.ordinal",
        job,
        entity,
        ordinal,
    )
    .execute(connection)
    .await
    .store("entity_open")?;
    Ok(())
}

/// Where the reading of an entity is.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) state: String,
    pub(crate) position: Option<serde_json::Value>,
}

/// Says where the reading of an entity is.
pub(crate) async fn entity_position(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
) -> Result<Position, StoreError> {
    sqlx::query_as!(
        Position,
        "select state, position from onec.sync_progress where job_id = $1 and entity = $2",
        job,
        entity
    )
    .fetch_one(connection)
    .await
    .store("entity_position")
}

/// Begins the reading of an entity; what 1C has from now on may be missing in it.
pub(crate) async fn entity_begin(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    at: DateTime<Utc>,
    total: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.sync_progress
         set state = 'running', started_at = coalesce(started_at, $3), total = coalesce($4, total)
         where job_id = $1 and entity = $2",
        job,
        entity,
        at,
        total,
    )
    .execute(connection)
    .await
    .store("entity_begin")?;
    Ok(())
}

/// Moves an entity forward.
pub(crate) async fn entity_move(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    read: i64,
    position: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.sync_progress set done = done + $3, position = $4 where job_id = $1 and entity = $2",
        job,
        entity,
        read,
        position,
    )
    .execute(connection)
    .await
    .store("entity_move")?;
    Ok(())
}

/// Ends an entity: its part of the mirror is true of the moment when its reading began.
pub(crate) async fn entity_end(
    connection: &mut PgConnection,
    job: &Held,
    entity: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with ended as (
             update onec.sync_progress set state = 'done', total = done where job_id = $1 and entity = $3
             returning started_at
         )
         insert into onec.freshness (infobase_id, entity, as_of)
         select $2, $3, started_at from ended where started_at is not null
         on conflict (infobase_id, entity) do update set as_of = excluded.as_of",
        job.id,
        job.infobase_id,
        entity,
    )
    .execute(connection)
    .await
    .store("entity_end")?;
    Ok(())
}
