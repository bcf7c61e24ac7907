//! `analytics.report_schedules` and `analytics.report_runs`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A run whose holder has not been heard of for this long is taken up by another: longer than
/// reading a whole report takes.
const LEASE_SECONDS: f64 = 900.0;

/// A schedule.
#[derive(Debug, Clone)]
pub(crate) struct ScheduleRow {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) definition: Value,
    pub(crate) cron: String,
    pub(crate) time_zone: String,
    pub(crate) locale: String,
    pub(crate) catch_up: bool,
    pub(crate) delivery: Value,
    pub(crate) key_id: Uuid,
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) sealed_webhook_secret: Option<Vec<u8>>,
    pub(crate) enabled: bool,
    pub(crate) next_at: DateTime<Utc>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Makes a schedule, or puts it in the place of the one with its id.
pub(crate) async fn save(connection: &mut PgConnection, row: &ScheduleRow) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.report_schedules (id, owner, name, definition, cron, time_zone, locale, catch_up,
             delivery, key_id, sealed_key, sealed_webhook_secret, enabled, next_at, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict (id) do update set
             name = $3, definition = $4, cron = $5, time_zone = $6, locale = $7, catch_up = $8, delivery = $9,
             key_id = $10, sealed_key = $11, sealed_webhook_secret = $12, enabled = $13, next_at = $14,
             version = $15, updated_at = $17",
        row.id,
        row.owner,
        row.name,
        row.definition,
        row.cron,
        row.time_zone,
        row.locale,
        row.catch_up,
        row.delivery,
        row.key_id,
        row.sealed_key,
        row.sealed_webhook_secret,
        row.enabled,
        row.next_at,
        row.version,
        row.created_at,
        row.updated_at
    )
    .execute(connection)
    .await
    .store("schedule_save")?;
    Ok(())
}

/// How many schedules somebody has.
pub(crate) async fn count(connection: &mut PgConnection, owner: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from analytics.report_schedules where owner = $1"#,
        owner
    )
    .fetch_one(connection)
    .await
    .store("schedules_count")
}

/// Somebody's schedules, the latest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    owner: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ScheduleRow>, StoreError> {
    sqlx::query_as!(
        ScheduleRow,
        "select id, owner, name, definition, cron, time_zone, locale, catch_up, delivery, key_id, sealed_key,
                sealed_webhook_secret, enabled, next_at, version, created_at, updated_at
         from analytics.report_schedules
         where owner = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        owner,
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("schedules_list")
}

/// A schedule of somebody's.
pub(crate) async fn find(
    connection: &mut PgConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Option<ScheduleRow>, StoreError> {
    sqlx::query_as!(
        ScheduleRow,
        "select id, owner, name, definition, cron, time_zone, locale, catch_up, delivery, key_id, sealed_key,
                sealed_webhook_secret, enabled, next_at, version, created_at, updated_at
         from analytics.report_schedules where owner = $1 and id = $2",
        owner,
        id
    )
    .fetch_optional(connection)
    .await
    .store("schedule_find")
}

/// The schedule of a run.
pub(crate) async fn of_run(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ScheduleRow>, StoreError> {
    sqlx::query_as!(
        ScheduleRow,
        "select id, owner, name, definition, cron, time_zone, locale, catch_up, delivery, key_id, sealed_key,
                sealed_webhook_secret, enabled, next_at, version, created_at, updated_at
         from analytics.report_schedules where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("schedule_of_run")
}

/// Removes a schedule with its runs; false when it is not somebody's.
pub(crate) async fn delete(connection: &mut PgConnection, owner: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from analytics.report_schedules where owner = $1 and id = $2",
        owner,
        id
    )
    .execute(connection)
    .await
    .store("schedule_delete")?;
    Ok(deleted.rows_affected() == 1)
}

/// A schedule whose time has come, locked until the end of the transaction; others pass it by.
pub(crate) async fn due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<ScheduleRow>, StoreError> {
    sqlx::query_as!(
        ScheduleRow,
        "select id, owner, name, definition, cron, time_zone, locale, catch_up, delivery, key_id, sealed_key,
                sealed_webhook_secret, enabled, next_at, version, created_at, updated_at
         from analytics.report_schedules where enabled and next_at <= $1
         order by next_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(connection)
    .await
    .store("schedule_due")
}

/// Says when a schedule comes next; never, when there is no such time.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    id: Uuid,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update analytics.report_schedules set
             next_at = coalesce($2, next_at), enabled = $2::timestamptz is not null
         where id = $1",
        id,
        next_at
    )
    .execute(connection)
    .await
    .store("schedule_advance")?;
    Ok(())
}

/// Makes the run of a time; false when there is one.
pub(crate) async fn insert_run(
    connection: &mut PgConnection,
    id: Uuid,
    schedule: Uuid,
    due_at: DateTime<Utc>,
    skipped: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into analytics.report_runs (id, schedule_id, due_at, state, next_attempt, finished_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint report_runs_due do nothing",
        id,
        schedule,
        due_at,
        if skipped { "skipped" } else { "waiting" },
        now,
        skipped.then_some(now)
    )
    .execute(connection)
    .await
    .store("run_insert")?;
    Ok(inserted.rows_affected() == 1)
}

/// A run that has been taken up.
#[derive(Debug)]
pub(crate) struct TakenRun {
    pub(crate) id: Uuid,
    pub(crate) schedule_id: Uuid,
    pub(crate) state: String,
    pub(crate) job_id: Option<Uuid>,
    pub(crate) attempts: i32,
}

/// Takes up a run whose next step is due.
pub(crate) async fn take_run(
    connection: &mut PgConnection,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Option<TakenRun>, StoreError> {
    sqlx::query_as!(
        TakenRun,
        "update analytics.report_runs set
             lease_by = $1, lease_until = now() + make_interval(secs => $2)
         where id = (
             select id from analytics.report_runs
             where state in ('waiting', 'building') and next_attempt <= $3
               and (lease_until is null or lease_until < now())
             order by next_attempt limit 1 for update skip locked
         )
         returning id, schedule_id, state, job_id, attempts",
        holder,
        LEASE_SECONDS,
        now
    )
    .fetch_optional(connection)
    .await
    .store("run_take")
}

/// What a step of a run has come to.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) state: &'a str,
    pub(crate) job_id: Option<Uuid>,
    pub(crate) attempts: i32,
    pub(crate) next_attempt: DateTime<Utc>,
    pub(crate) error: Option<&'a str>,
    pub(crate) error_detail: Option<&'a str>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// Ends a step; false when another replica has the run.
pub(crate) async fn end_step(
    connection: &mut PgConnection,
    run: Uuid,
    holder: &str,
    step: &Step<'_>,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "update analytics.report_runs set
             state = $3, job_id = $4, attempts = $5, next_attempt = $6, error = $7, error_detail = $8,
             finished_at = $9, lease_by = null, lease_until = null
         where id = $1 and lease_by = $2",
        run,
        holder,
        step.state,
        step.job_id,
        step.attempts,
        step.next_attempt,
        step.error,
        step.error_detail,
        step.finished_at
    )
    .execute(connection)
    .await
    .store("run_end_step")?;
    Ok(ended.rows_affected() == 1)
}

/// A run as the owner of its schedule sees it.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) id: Uuid,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) state: String,
    pub(crate) job_id: Option<Uuid>,
    pub(crate) attempts: i32,
    pub(crate) error: Option<String>,
    pub(crate) error_detail: Option<String>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// The latest runs of a schedule.
pub(crate) async fn runs(
    connection: &mut PgConnection,
    schedule: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query_as!(
        RunRow,
        "select id, due_at, state, job_id, attempts, error, error_detail, finished_at
         from analytics.report_runs
         where schedule_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        schedule,
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("runs_list")
}
